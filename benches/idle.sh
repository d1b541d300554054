#!/usr/bin/env bash
# Measures the processor time of an idle 200×60 screen over a minute, with the given database or the one of 300,000 spans that
# `cargo bench --bench index` creates. Needs tmux and Linux's /proc.
set -euo pipefail
cd "$(dirname "$0")/.."
database=${1:-target/tmp/grown-300000.sqlite}
cargo build --release --quiet
session=agno-top-idle-$$
trap 'tmux kill-session -t "$session" 2> /dev/null || true' EXIT
tmux new-session -d -x 200 -y 60 -s "$session" "exec target/release/agno-top '$database'"
sleep 20
pid=$(tmux list-panes -t "$session" -F '#{pane_pid}')
ticks() { awk '{ print $14 + $15 }' "/proc/$pid/stat"; }
before=$(ticks)
sleep 60
used=$(($(ticks) - before))
tmux capture-pane -p -t "$session" | head -n 1
echo "$used ticks in 60 s: $(awk -v used="$used" -v hertz="$(getconf CLK_TCK)" 'BEGIN { printf "%.2f", used / hertz / 60 * 100 }') % of a core"
