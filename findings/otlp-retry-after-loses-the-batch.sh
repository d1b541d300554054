#!/usr/bin/env bash
# A receiver that asks for patience loses the spans: with Retry-After above 10 s the OTLP/HTTP exporters drop the batch at once,
# and with "Retry-After: 0" they use up all their tries within a blink.
#
# Packages: opentelemetry-exporter-otlp-proto-http 1.45.2 (Python); @opentelemetry/exporter-trace-otlp-http 0.223.1 with
#   @opentelemetry/sdk-trace-base 2.12.1.
# Behaviour: the receiver answers 503 once, then 200. Without Retry-After the second try, after about 1 s, delivers. With
#   "Retry-After: 30" there is one request only: as 30 s is more than what is left of the exporter's 10 s, it gives up without
#   waiting at all, in both languages. A receiver that says 503 with "0" gets six requests at once, then both give up, long before 10 s.
# Expected: that Retry-After is a floor for the next try, or that the exporter at least tries again when its own time is up;
#   and that "0" means the normal backoff.
# Matters: a receiver that is too busy should answer 429 or 503 *without* Retry-After, or with a second or two. The header that is
#   meant to save the data is what loses it.
# Output seen (language, Retry-After, result, requests, gave up within 5 s):
#> python None SUCCESS 2 False
#> python 30 FAILURE 1 True
#> python 0 FAILURE 6 True
#> js None SUCCESS 2 False
#> js 30 FAILURE 1 True
#> js 0 FAILURE 6 True
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}"
export NO_PROXY=127.0.0.1
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check opentelemetry-sdk==1.45.2 opentelemetry-exporter-otlp-proto-http==1.45.2
npm install --silent --no-audit --no-fund --prefix "$dir" @opentelemetry/sdk-trace-base@2.12.1 @opentelemetry/exporter-trace-otlp-http@0.223.1 >&2

cat > "$dir/send.mjs" <<'JS'
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
const span = new BasicTracerProvider().getTracer('t').startSpan('model call');
span.end();
new OTLPTraceExporter({ url: process.argv[2] }).export([span], r => console.log(r.code === 0 ? 'SUCCESS' : 'FAILURE'));
JS
cat > "$dir/run.py" <<'PY'
import logging, subprocess, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider

times, retry_after = [], None

class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        length = self.headers["content-length"]
        if length: self.rfile.read(int(length))
        else:  # chunked, as JavaScript sends
            while size := int(self.rfile.readline(), 16): self.rfile.read(size + 2)
            self.rfile.readline()
        times.append(time.monotonic())
        self.send_response(503 if len(times) == 1 or retry_after == "0" else 200)
        if retry_after: self.send_header("retry-after", retry_after)
        self.send_header("content-length", "0")
        self.end_headers()
    def log_message(self, *_): pass

logging.disable()
server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/v1/traces"
span = TracerProvider().get_tracer("t").start_span("model call")
span.end()
python = lambda: OTLPSpanExporter(endpoint=url).export([span]).name
js = lambda: subprocess.run(["node", sys.argv[1], url], check=True, capture_output=True, text=True).stdout.strip()
for name, send in (("python", python), ("js", js)):
    for retry_after in (None, "30", "0"):
        times.clear()
        result = send()
        print(name, retry_after, result, len(times), result == "FAILURE" and times[-1] - times[0] < 5)
PY

"$dir/venv/bin/python" "$dir/run.py" "$dir/send.mjs" > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
