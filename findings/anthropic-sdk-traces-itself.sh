#!/usr/bin/env bash
# The Anthropic SDK makes spans of its own; beside an instrumentor each call is told twice, and a streamed one in two traces.
#
# Packages: anthropic 2.14.0, openinference-instrumentation-anthropic 3.1.0, opentelemetry-sdk 1.45.2.
# Behaviour: with an OpenTelemetry provider in place, the SDK (scope com.anthropic.sdk.python) writes `anthropic.messages.create` with
#   gen_ai.usage.*, without any instrumentor and without content. Below OpenInference's span, with llm.token_count.*, it is a
#   child. But for `messages.stream()` OpenInference's span is not the current one when the request goes out: the SDK's
#   span starts a trace of its own, with the same usage. Nothing but the counts and the time ties the two.
# Expected: that a client library sends no spans until told to, or at least one trace for one call.
# Matters: a sum over spans, or over traces, doubles the bill. De-duplication inside a trace does not help for streams. The two also
#   differ in their words: `gen_ai.response.id` is on the SDK's span only.
# Output seen (call, then trace number, scope, name, tokens in and out):
#> create 1 openinference.instrumentation.anthropic messages.create 1000 50
#> create 1 com.anthropic.sdk.python anthropic.messages.create 1000 50
#> stream 2 openinference.instrumentation.anthropic messages.stream 1000 50
#> stream 3 com.anthropic.sdk.python anthropic.messages.create 1000 50
#> ids ['com.anthropic.sdk.python', 'com.anthropic.sdk.python']
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!ANTHROPIC_@}"
export NO_PROXY=127.0.0.1
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check anthropic==2.14.0 openinference-instrumentation-anthropic==3.1.0 \
  opentelemetry-sdk==1.45.2 opentelemetry-api==1.45.2

cat > "$dir/run.py" <<'PY'
import json, threading, warnings
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import anthropic
from openinference.instrumentation.anthropic import AnthropicInstrumentor
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

warnings.simplefilter("ignore")
MESSAGE = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x", "stop_reason": "end_turn", "stop_sequence": None,
           "content": [{"type": "text", "text": "Hello"}], "usage": {"input_tokens": 1000, "output_tokens": 50}}
EVENTS = [{"type": "message_start", "message": {**MESSAGE, "content": [], "stop_reason": None}},
          {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
          {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello"}},
          {"type": "content_block_stop", "index": 0},
          {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": {"output_tokens": 50}},
          {"type": "message_stop"}]

class Claude(BaseHTTPRequestHandler):
    def do_POST(self):
        streamed = json.loads(self.rfile.read(int(self.headers["content-length"]))).get("stream")
        body = "".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in EVENTS) if streamed else json.dumps(MESSAGE)
        self.send_response(200)
        self.send_header("content-type", "text/event-stream" if streamed else "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())
    def log_message(self, *_): pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Claude)
threading.Thread(target=server.serve_forever, daemon=True).start()
memory = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(memory))
trace.set_tracer_provider(provider)
AnthropicInstrumentor().instrument()
client = anthropic.Anthropic(api_key="none", base_url=f"http://127.0.0.1:{server.server_port}")
ask = dict(model="claude-x", max_tokens=100, messages=[{"role": "user", "content": "Hi"}])
traces, ids = [], []
for call in ("create", "stream"):
    if call == "create": client.messages.create(**ask)
    else:
        with client.messages.stream(**ask) as stream: list(stream.text_stream)
    for span in sorted(memory.get_finished_spans(), key=lambda s: s.start_time):
        a, scope = span.attributes, span.instrumentation_scope.name
        if span.context.trace_id not in traces: traces.append(span.context.trace_id)
        if "gen_ai.response.id" in a: ids.append(scope)
        print(call, traces.index(span.context.trace_id) + 1, scope, span.name, a.get("llm.token_count.prompt", a.get("gen_ai.usage.input_tokens")),
              a.get("llm.token_count.completion", a.get("gen_ai.usage.output_tokens")))
    memory.clear()
print("ids", ids)
PY

"$dir/venv/bin/python" "$dir/run.py" > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
