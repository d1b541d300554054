#!/usr/bin/env bash
# openai 3 sends through httpx2, so the usual httpx instrumentation makes no span and sends no traceparent, without a word.
#
# Packages: openai 3.57.0, httpx 0.28.1, opentelemetry-instrumentation-httpx 0.66b2, opentelemetry-sdk 1.45.2.
# Behaviour: HTTPXClientInstrumentor().instrument() succeeds (httpx is installed as well), yet a call of the OpenAI client has neither a
#   client span nor a `traceparent` header. HTTPX2ClientInstrumentor, a second class in the same package, gives both.
# Expected: that the instrumentation for httpx covers the client that openai has always been built on, or a warning.
# Matters: an agent and the gateway behind it (LiteLLM, a proxy of one's own) fall apart into two traces after an update of openai
#   alone; both tell of the same call with the same usage. A viewer that joins calls by trace id then counts them twice.
# Output seen (instrumentor, client spans, traceparent sent):
#> none 0 False
#> HTTPXClientInstrumentor 0 False
#> HTTPX2ClientInstrumentor 1 True
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!OPENAI_@}"
export NO_PROXY=127.0.0.1
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check openai==3.57.0 httpx==0.28.1 opentelemetry-instrumentation-httpx==0.66b2 \
  opentelemetry-sdk==1.45.2

cat > "$dir/run.py" <<'PY'
import json, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import openai
from opentelemetry.instrumentation.httpx import HTTPX2ClientInstrumentor, HTTPXClientInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

sent = []

class Provider(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        sent.append("traceparent" in self.headers)
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
for kind in (None, HTTPXClientInstrumentor, HTTPX2ClientInstrumentor):
    memory = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(memory))
    if kind: kind().instrument(tracer_provider=provider)
    client = openai.OpenAI(api_key="none", base_url=f"http://127.0.0.1:{server.server_port}/v1")
    client.chat.completions.create(model="m", messages=[{"role": "user", "content": "Hi"}])
    print(kind.__name__ if kind else "none", len(memory.get_finished_spans()), sent[-1])
    if kind: kind().uninstrument()
PY

"$dir/venv/bin/python" "$dir/run.py" > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
