#!/usr/bin/env bash
# Agno's JSON store loses spans, without an error, when two threads or two processes write at once.
#
# Packages: agno 3.1.10, openinference-instrumentation-agno 1.0.15, opentelemetry-sdk 1.45.2.
# Behaviour: JsonDb.create_spans() reads the whole file, appends its spans and writes the whole file, without a lock. What another writer stored
#   between the two is gone; create_spans() returns as after a success, and nothing is logged.
# Expected: every span whose create_spans() returned without an error is in the file, at least where one process shares one JsonDb.
# Matters: agents that run in a thread pool lose a part of their spans, parents among them, so that runs look as if they never ended. What is not
#   in the file no viewer can show. One writer at a time loses nothing.
# Output seen (writers: are all 400 spans in the file, and the lines logged):
#> one thread: all True, logged 0
#> two threads: all False, logged 0
#> two processes: all False, logged 0
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!AGNO_@}"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check agno==3.1.10 openinference-instrumentation-agno==1.0.15 \
  opentelemetry-sdk==1.45.2 opentelemetry-api==1.45.2

cat > "$dir/write.py" <<'PY'
import sys, threading
from datetime import datetime, timezone
from agno.db.json import JsonDb
from agno.tracing.schemas import Span
folder, threads, first, count = sys.argv[1], *map(int, sys.argv[2:])
db = JsonDb(db_path=folder)
def write(thread):
    for number in range(first + thread, first + count, threads):
        now = datetime.now(timezone.utc)
        db.create_spans([Span(span_id=f"{number:016x}", trace_id=f"{number:032x}", parent_span_id=None, name="x", span_kind="INTERNAL",
            status_code="OK", status_message=None, start_time=now, end_time=now, duration_ms=0, attributes={}, created_at=now)])
writers = [threading.Thread(target=write, args=[thread]) for thread in range(threads)]
[writer.start() for writer in writers]
[writer.join() for writer in writers]
PY

run() { timeout 120 "$dir/venv/bin/python" "$dir/write.py" "$@" > "$dir/log.$3" 2>&1; }
tell() {
  local all
  all=$("$dir/venv/bin/python" -c 'import json, sys; print(len(json.load(open(sys.argv[1]))) == 400)' "$dir/$2/agno_spans.json")
  echo "$1: all $all, logged $(cat "$dir"/log.* | wc -l)" >> "$dir/seen"
  rm "$dir"/log.*
}
run "$dir/one" 1 1 400
tell "one thread" one
run "$dir/threads" 2 1 400
tell "two threads" threads
# Both begin with a file that is there.
run "$dir/processes" 1 9000 1
rm "$dir"/log.*
run "$dir/processes" 1 1 200 & run "$dir/processes" 1 1000 199
wait
tell "two processes" processes
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
