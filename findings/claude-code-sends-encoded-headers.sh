#!/usr/bin/env bash
# Claude Code sends the values of OTEL_EXPORTER_OTLP_HEADERS as they stand in the variable: %20 stays %20. OpenTelemetry's Python exporter decodes them.
#
# Packages: @anthropic-ai/claude-code 2.1.332, opentelemetry-exporter-otlp-proto-http 1.45.2.
# Behaviour: the variable is `Authorization=Bearer%20abc,x-team=a%2Cb`. With each of the three signals Claude Code sends `Bearer%20abc` and `a%2Cb`;
#   the exporter of Python, with the same variable, sends `Bearer abc` and `a,b`.
# Expected: decoded values. The variable has the form of W3C baggage, in which a value is percent-encoded.
# Matters: the space after `Bearer` has to be encoded in this variable. A receiver that checks the token refuses this agent alone, unless it accepts
#   both forms.
# Output seen (who, signal, authorization, x-team):
#> claude logs Bearer%20abc a%2Cb
#> claude metrics Bearer%20abc a%2Cb
#> claude traces Bearer%20abc a%2Cb
#> python traces Bearer abc a,b
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
npm install --silent --no-audit --no-fund --prefix "$dir" @anthropic-ai/claude-code@2.1.332 >&2
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check opentelemetry-exporter-otlp-proto-http==1.45.2 opentelemetry-sdk==1.45.2 >&2

cat > "$dir/send.py" <<'PY'
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter()))
provider.get_tracer("t").start_span("s").end()
PY

cat > "$dir/run.py" <<'PY'
import json, os, subprocess, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

seen, who, top = set(), None, sys.argv[1]

def events():  # the model's answer, streamed
    usage = {"input_tokens": 10, "output_tokens": 1}
    yield {"type": "message_start", "message": {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5",
                                                "content": [], "stop_reason": None, "usage": usage}}
    yield {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    yield {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello"}}
    yield {"type": "content_block_stop", "index": 0}
    yield {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage}
    yield {"type": "message_stop"}

class Both(BaseHTTPRequestHandler):  # the model and the OTLP receiver
    protocol_version = "HTTP/1.1"
    def do_HEAD(self): self.answer("application/json", "")
    def do_GET(self): self.answer("application/json", "{}")
    def do_POST(self):
        if "content-length" in self.headers: self.rfile.read(int(self.headers["content-length"]))
        else:
            while size := int(self.rfile.readline(), 16): self.rfile.read(size + 2)
            self.rfile.readline()
        signal = self.path.rpartition("/v1/")[2]
        if signal in ("traces", "logs", "metrics"):
            seen.add(f"{who} {signal} {self.headers['authorization']} {self.headers['x-team']}")
        elif "messages" in self.path and "count" not in self.path:
            return self.answer("text/event-stream", "".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in events()))
        self.answer("application/json", "{}")
    def answer(self, kind, text):
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())
    def log_message(self, *_): pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Both)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}"
os.makedirs(f"{top}/home"), os.makedirs(f"{top}/work")
environment = {
    "PATH": os.environ["PATH"], "HOME": f"{top}/home", "NO_PROXY": "127.0.0.1", "ANTHROPIC_API_KEY": "none", "ANTHROPIC_BASE_URL": url,
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "CLAUDE_CODE_ENABLE_TELEMETRY": "1", "CLAUDE_CODE_ENHANCED_TELEMETRY_BETA": "1",
    "OTEL_TRACES_EXPORTER": "otlp", "OTEL_LOGS_EXPORTER": "otlp", "OTEL_METRICS_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json",
    "OTEL_EXPORTER_OTLP_ENDPOINT": url, "OTEL_EXPORTER_OTLP_HEADERS": "Authorization=Bearer%20abc,x-team=a%2Cb"}
for who, command in [("claude", [f"{top}/node_modules/.bin/claude", "-p", "Say hello"]), ("python", [f"{top}/venv/bin/python", f"{top}/send.py"])]:
    subprocess.run(command, cwd=f"{top}/work", check=True, timeout=120, env=environment, stdin=subprocess.DEVNULL,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print("\n".join(sorted(seen)))
PY

python3 "$dir/run.py" "$dir" > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
