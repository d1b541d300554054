#!/usr/bin/env bash
# Agno's setup_tracing(db=…) stores nothing and says nothing when the process has a tracer provider already.
#
# Packages: agno 3.1.10, openinference-instrumentation-agno 1.0.15, openai 3.57.0, sqlalchemy 2.1.9, opentelemetry-sdk 1.45.2.
# Behaviour: something else set a global SDK provider first (an APM agent, Langfuse, one's own OTLP exporter). setup_tracing() returns as if
#   all was well: no processor is added, no table is made, Agno is not instrumented. No warning; only the INFO line "successfully set up"
#   is missing. Alone, the same call makes the tables and stores the run's spans.
# Expected: that it adds its processor to the provider that is there, or an error in the log.
# Matters: two traced systems in one program are common ("Agno to the database, the rest to OTLP"), and the one that comes second is
#   silently off. A viewer that waits for `agno_traces` waits for ever; it can only suggest the cause. The order of the two calls decides.
# Output seen (provider set before, result of setup_tracing, warnings and errors logged, tables, spans stored):
#> False None 0 ['agno_spans', 'agno_traces'] 2
#> True None 0 [] 0
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!OPENAI_@}"
export NO_PROXY=127.0.0.1 AGNO_TELEMETRY=false
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check agno==3.1.10 openinference-instrumentation-agno==1.0.15 openai==3.57.0 \
  'sqlalchemy[asyncio]==2.1.9' opentelemetry-sdk==1.45.2 opentelemetry-api==1.45.2

cat > "$dir/run.py" <<'PY'
import json, logging, os, sqlite3, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from agno.agent import Agent
from agno.db.sqlite import SqliteDb
from agno.models.openai import OpenAIChat
from agno.tracing import setup_tracing
from agno.utils.log import logger
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

before, path, logged = sys.argv[1] == "True", sys.argv[2], []

class Lines(logging.Handler):
    def emit(self, record): logged.append(record.getMessage())

for log in (logger, logging.getLogger()): log.addHandler(Lines(logging.WARNING))

class Provider(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        body = json.dumps({"id": "c1", "object": "chat.completion", "created": 1, "model": "m", "choices": [
            {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hello"}}]}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
if before: trace.set_tracer_provider(TracerProvider())
returned = setup_tracing(db=SqliteDb(db_file=path))
model = OpenAIChat(id="m", api_key="none", base_url=f"http://127.0.0.1:{server.server_port}/v1")
Agent(name="Solo", model=model, telemetry=False).run("Hi")
trace.get_tracer_provider().force_flush()
db = sqlite3.connect(path)
tables = [r[0] for r in db.execute("SELECT name FROM sqlite_master WHERE name IN ('agno_traces', 'agno_spans') AND type = 'table' ORDER BY 1")]
print(before, returned, len(logged), tables, db.execute("SELECT count(*) FROM agno_spans").fetchone()[0] if tables else 0)
PY

for before in False True; do timeout 120 "$dir/venv/bin/python" "$dir/run.py" $before "$dir/$before.db" >> "$dir/out" 2> "$dir/err" || { cat "$dir/err"; exit 1; }; done
grep -v "^INFO" "$dir/out" > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
