#!/usr/bin/env bash
# The Python OTLP/HTTP exporter takes a redirect for a success. The spans are gone and nothing says so.
#
# Packages: opentelemetry-sdk and opentelemetry-exporter-otlp-proto-http 1.45.2.
# Behaviour: an answer of 301, 302, 307 or 308 is not followed, the exporter returns SUCCESS, and no line is logged.
#   Every status from 200 to 399 counts as delivered.
# Expected: that the redirect is followed (307 and 308 keep method and body), or FAILURE with a logged error. An answer of 400 gives that.
# Matters: a reverse proxy that moves http to https, or that adds a slash to the path, swallows every trace. The sender's log is
#   clean, so the empty viewer gets the blame. A viewer should never answer OTLP with a redirect.
# Output seen (kind of answer, result, requests that arrived, lines logged):
#> 301 SUCCESS ['POST /v1/traces'] 0
#> 302 SUCCESS ['POST /v1/traces'] 0
#> 307 SUCCESS ['POST /v1/traces'] 0
#> 308 SUCCESS ['POST /v1/traces'] 0
#> 400 FAILURE ['POST /v1/traces'] 1
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}"
export NO_PROXY=127.0.0.1
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check opentelemetry-sdk==1.45.2 opentelemetry-exporter-otlp-proto-http==1.45.2

cat > "$dir/run.py" <<'PY'
import logging, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider

requests, lines, answer = [], [], 0

class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        requests.append(f"POST {self.path}")
        self.send_response(answer)
        if answer < 400:
            self.send_header("location", f"http://127.0.0.1:{self.server.server_port}/moved/v1/traces")
        self.send_header("content-length", "0")
        self.end_headers()
    def do_GET(self):
        requests.append(f"GET {self.path}")
        self.send_error(405)
    def log_message(self, *_): pass

class Lines(logging.Handler):
    def emit(self, record): lines.append(record.getMessage())

logging.getLogger("opentelemetry").addHandler(Lines(logging.INFO))
server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
threading.Thread(target=server.serve_forever, daemon=True).start()
exporter = OTLPSpanExporter(endpoint=f"http://127.0.0.1:{server.server_port}/v1/traces")
span = TracerProvider().get_tracer("t").start_span("model call")
span.end()
for answer in (301, 302, 307, 308, 400):
    requests.clear(), lines.clear()
    print(answer, exporter.export([span]).name, requests, len(lines))
PY

"$dir/venv/bin/python" "$dir/run.py" > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
