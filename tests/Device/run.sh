#!/usr/bin/env bash
# Runs every check on a machine that has a python3 with torch, and no .NET, from the repository's root: run.sh OUT [DEVICE [--small]]. Made for one call of at most ten minutes; a part that fails or hangs costs its own rows only.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
carried=$here
[ -d "$here/bin/carry" ] && carried=$here/bin/carry
out=$1; device=${2:-cuda}; small=${3:-}
mkdir -p "$out"
exec > >(tee "$out/log.txt") 2>&1
began=$SECONDS
say() { printf '\n== %s (%d s)\n' "$*" $((SECONDS - began)); }

work=$(mktemp -d)
mkdir "$work/rows"
tar -C "$work" -xJf "$carried/axpo-device.tar.xz" || python3 -c "import sys, tarfile; tarfile.open(sys.argv[1]).extractall(sys.argv[2])" "$carried/axpo-device.tar.xz" "$work"
chmod +x "$work/axpo-device"
torch=${AXPO_LIBTORCH:-$(python3 -c 'import importlib.util as u, os; print(os.path.join(os.path.dirname(u.find_spec("torch").origin), "lib"))')}
export AXPO_LIBTORCH=$torch
for lib in "$torch"/../../nvidia/*/lib; do [ -d "$lib" ] && LD_LIBRARY_PATH=${LD_LIBRARY_PATH:-}:$(realpath "$lib"); done
export LD_LIBRARY_PATH=${LD_LIBRARY_PATH:-}:$torch

say "machine"
command -v nvidia-smi >/dev/null && nvidia-smi --query-gpu=name,memory.total,driver_version,clocks.sm,temperature.gpu --format=csv,noheader
ldd --version | head -n 1; nproc; ls "$torch" | grep -E '\.so' | tr '\n' ' '

say "symbols"
timeout 120 python3 "$here/symbols.py" "$torch" "$carried/needed.txt" "$carried/at-load.txt" "$work/shim.c"
preload=
if [ -f "$work/shim.c" ]; then
  cc -shared -fPIC -o "$work/shim.so" "$work/shim.c" && preload=$work/shim.so && echo "what is missing at load is stood in for"
fi

part() {
  local limit=$1 name=$2 status=0
  shift 2
  say "$name"
  env ${preload:+LD_PRELOAD=$preload} timeout "$limit" "$work/axpo-device" "$name" --device "$device" --out "$work/rows" --fixtures tests/fixtures $small "$@" || status=$?
  [ "$status" -lt 100 ] || printf '| %s | ended with status %d | | **missed** |\n' "$name" "$status" | tee -a "$work/rows/$name.md"
  return "$status"
}

part 90 smoke
smoke=$?
if [ "$smoke" -ge 100 ] || ! grep -q 'matrix product' "$work/rows/smoke.md"; then
  say "what the loader and the dynamic linker say"
  env ${preload:+LD_PRELOAD=$preload} LD_DEBUG=libs timeout 60 "$work/axpo-device" smoke --device "$device" --out "$work" 2>&1 | grep -E 'error|cannot|fatal|undefined|calling init.*(torch|c10|LibTorchSharp)' | tail -n 40
else
  part 60 parity
  part 60 update
  part 60 varlen
  part 60 gemm
  part 110 learner
  part 120 engine
  part 120 decode
fi
say "peer"
timeout 80 python3 "$here/peer.py" "${device%-tensor}" "$work/rows/peer.md" $small

{
  echo "| what | measured | bound | |"
  echo "|---|---|---|---|"
  for name in smoke parity update varlen gemm learner engine decode peer; do [ -f "$work/rows/$name.md" ] && cat "$work/rows/$name.md"; done
} > "$out/table.md"
say "table"
cat "$out/table.md"
rm -rf "$work"
