#!/usr/bin/env bash
# Python's Zipkin exporter turns a list of messages into "[]", which reads as "no messages", and puts the process's session over the span's.
#
# Packages: opentelemetry-exporter-zipkin-json 1.45.1, opentelemetry-sdk 1.45.2.
# Behaviour: attributes with structure, as the conventions for GenAI ask for them (`gen_ai.input.messages` is a list of maps), are legal in
#   the SDK. From a list the exporter leaves out the elements that are maps or lists, so nothing but the brackets remains, without a
#   log line. A map (`gen_ai.tool.call.arguments`) is left out with a warning. The same two on an event come through whole.
#   Further, tags of the resource are written over those of the span: a span's own session.id is lost, and its text in `error`
#   gives way to the status's description, even if that is empty.
# Expected: JSON text for structure, as for other lists and on events; the span's own value first.
# Matters: "[]" is valid and means an empty conversation, so a reader does not look for the text elsewhere. From Zipkin data of
#   Python, an empty list says nothing, session.id may be that of a process with many sessions, and a list that has texts may
#   be short of elements. `error` has to be tested for presence.
# Output seen (tag: what the span had, what came; then what the event kept, and the warnings logged):
#> gen_ai.input.messages: [{'role': 'user', 'parts': [{'type': 'text', 'content': 'Hi'}]}] -> []
#> gen_ai.tool.call.arguments: {'city': 'Oslo'} -> nothing
#> stops: ['END', {'after': 3}, 7] -> ["END","7"]
#> session.id: 'of the run' -> of the process
#> error: 'timeout' -> (empty)
#> event: {"gen_ai.input.messages": [{"parts": [{"content": "Hi", "type": "text"}], "role": "user"}], "gen_ai.tool.call.arguments": {"city": "Oslo"}}
#> log: Could not serialize tag gen_ai.tool.call.arguments
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}"
export NO_PROXY=127.0.0.1
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check opentelemetry-exporter-zipkin-json==1.45.1 opentelemetry-sdk==1.45.2

cat > "$dir/run.py" <<'PY'
import json, logging, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from opentelemetry.exporter.zipkin.json import ZipkinExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import Status, StatusCode

logged, received = [], []

class Log(logging.Handler):
    def emit(self, record): logged.append(record.getMessage())

class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        received.extend(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(202)
        self.send_header("content-length", "0")
        self.end_headers()
    def log_message(self, *_): pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
threading.Thread(target=server.serve_forever, daemon=True).start()
logging.getLogger("opentelemetry").addHandler(Log())
provider = TracerProvider(resource=Resource({"service.name": "helper", "session.id": "of the process"}))
provider.add_span_processor(SimpleSpanProcessor(ZipkinExporter(endpoint=f"http://127.0.0.1:{server.server_port}/api/v2/spans")))
genai = {"gen_ai.input.messages": [{"role": "user", "parts": [{"type": "text", "content": "Hi"}]}],
         "gen_ai.tool.call.arguments": {"city": "Oslo"}}
values = {**genai, "stops": ["END", {"after": 3}, 7], "session.id": "of the run", "error": "timeout"}
span = provider.get_tracer("t").start_span("chat", attributes=values)
span.add_event("details", genai)
span.set_status(Status(StatusCode.ERROR))
span.end()
(seen,) = received
for key, value in values.items(): print(f"{key}: {value!r} ->", seen["tags"].get(key, "nothing") or "(empty)")
for note in seen["annotations"]: print("event:", json.dumps(json.loads(note["value"])["details"]))
for line in logged: print("log:", line)
PY

"$dir/venv/bin/python" "$dir/run.py" > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
