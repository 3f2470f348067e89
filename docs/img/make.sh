#!/usr/bin/env bash
# Makes the pictures of the README: a terminal in mid-run, its end, and the report. Needs tmux, aha and chromium (Debian packages of these names) and a built console.
# Usage: docs/img/make.sh [STEPS]
set -euo pipefail
cd "$(dirname "$0")/../.."
steps=${1:-60}
axpo=$PWD/src/Client/bin/Release/net10.0/axpo
work=$(mktemp -d)
session=axpo-picture-$$
trap 'tmux kill-session -t "$session" 2>/dev/null || true; rm -rf "$work"' EXIT

picture() { # NAME WIDTH HEIGHT URL
  chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync \
    --hide-scrollbars --user-data-dir="$work/chromium" --window-size="$2,$3" --screenshot="$PWD/docs/img/$1.png" "$4" >/dev/null 2>&1
}

terminal() { # NAME: what the terminal shows now
  tmux capture-pane -e -p -t "$session" | sed -e :a -e '/^\n*$/{$d;N;ba' -e '}' >"$work/screen"
  {
    echo '<!doctype html><meta charset="utf-8"><style>body{margin:0;background:#15181e}pre{margin:0;padding:20px 24px;font:15px/18px "DejaVu Sans Mono",monospace;color:#d7dae0}</style><pre>'
    aha --no-header --black <"$work/screen"
    echo '</pre>'
  } >"$work/screen.html"
  picture "$1" 1180 $((40 + 18 * $(wc -l <"$work/screen"))) "file://$work/screen.html"
}

tmux -f /dev/null new-session -d -s "$session" -x 124 -y 40 "cd '$work'; export TERM=xterm-256color COLORTERM=truecolor; clear; printf '$ axpo train\n'; '$axpo' train --name quickstart --steps $steps; echo ended >'$work/ended'; sleep 600"

# In mid-run: when so many rows are written.
until [ -f "$work/runs/quickstart/metrics.jsonl" ] && [ "$(wc -l <"$work/runs/quickstart/metrics.jsonl")" -gt $((steps / 2)) ]; do sleep 1; done
until tmux capture-pane -p -t "$session" | grep -q "rollouts .* [1-9][0-9]*/128"; do sleep 0.2; done
terminal train
until [ -f "$work/ended" ]; do sleep 1; done
sleep 1
terminal train-end
"$axpo" report quickstart --runs "$work/runs" --out "$work/report.html" >/dev/null
picture report 1280 2400 "file://$work/report.html"
echo "docs/img/train.png, train-end.png, report.png"
