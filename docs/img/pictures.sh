#!/usr/bin/env bash
# Makes docs/img/pictures.png, questions of the picture suites with what is where on them, and, of the report of a run on find-digit, docs/img/zoom.png, its first trajectory.
# Needs chromium, python3 and a built console.
# Usage: docs/img/pictures.sh [REPORT.html]
set -euo pipefail
report=${1:+$(realpath "$1")}
cd "$(dirname "$0")/../.."
axpo=$PWD/src/Client/bin/Release/net10.0/axpo
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

picture() { # NAME WIDTH HEIGHT PAGE
  chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync \
    --hide-scrollbars --user-data-dir="$work/chromium" --window-size="$2,$3" --screenshot="$PWD/docs/img/$1.png" "file://$4" >/dev/null 2>&1
  echo "docs/img/$1.png"
}

for sample in find-digit:1 find-digit:2 compare-digits:3 sum-digits:4 picture-fact:3; do
  "$axpo" questions sample "${sample%:*}" --horizon "${sample#*:}" --count 1 --split test --out "$work/${sample/:/-}" >/dev/null
done

python3 - "$work" >"$work/sheet.html" <<'PY'
import html, json, pathlib, sys
work = pathlib.Path(sys.argv[1])
print('<!doctype html><meta charset="utf-8"><style>body{margin:0;padding:20px;background:#fff;font:15px/20px "DejaVu Sans",sans-serif;color:#1d2129;display:grid;grid-template-columns:repeat(3,380px);gap:20px}'
      'figure{margin:0}img{width:380px;height:380px;object-fit:contain;background:#eee}b{font-weight:600}</style>')
for folder in sorted(work.glob('*-?')):
    question = json.loads((folder / 'questions.jsonl').read_text().splitlines()[0])
    size = question['metadata']['width'], question['metadata']['height']
    print(f'<figure><img src="{folder}/boxes/0001.png"><figcaption><b>{html.escape(question["suite"])}</b>, {size[0]} x {size[1]} px<br>{html.escape(question["question"])}<br>Answer: {html.escape(question["answer"])}</figcaption></figure>')
PY
picture pictures 1220 960 "$work/sheet.html"

if [ -n "$report" ]; then
  # The section of trajectories alone, cut behind its first one.
  python3 - "$report" >"$work/zoom.html" <<'PY'
import sys
page = open(sys.argv[1], encoding='utf-8').read()
start = page.index('<section id="trajectories">')
end = page.index('</article>', start) + len('</article>')
print(page[:page.index('<main>')] + '<main>' + page[start:end] + '</section></main></body></html>')
PY
  picture zoom 1280 1560 "$work/zoom.html"
fi
