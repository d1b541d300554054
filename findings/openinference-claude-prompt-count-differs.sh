#!/usr/bin/env bash
# Two OpenInference instrumentors give one call of Claude 5 and 130213 prompt tokens, under the same key.
#
# Packages: agno 3.1.10, openinference-instrumentation-agno 1.0.15, openinference-instrumentation-anthropic 3.1.0, anthropic 2.14.0,
#   opentelemetry-sdk 1.45.2.
# Behaviour: the provider reports 5 fresh, 128955 cached and 1253 newly cached input tokens. On the span of Agno's instrumentor
#   `llm.token_count.prompt` is 5 (the cache is left out), on the span of Anthropic's instrumentor, its child, it is 130213 (the
#   cache is in). Both state the same cache_read and cache_write, under the same convention. Agno's span has no total.
# Expected: OpenInference defines `llm.token_count.prompt` once, with `prompt_details.*` as parts of it, so 130213 in both.
# Matters: "input = prompt" is wrong by a factor of 26000 for the one, "input = prompt + cache" doubles the other. The key alone does
#   not tell which: a viewer has to go by the instrumentor (scope), or by prompt < cache_read + cache_write, which proves
#   the first but whose opposite proves nothing.
# Output seen (scope, prompt, cache_read, cache_write, total):
#> openinference.instrumentation.agno 5 128955 1253 None
#> openinference.instrumentation.anthropic 130213 128955 1253 130233
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!ANTHROPIC_@}"
export NO_PROXY=127.0.0.1 AGNO_TELEMETRY=false
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check agno==3.1.10 openinference-instrumentation-agno==1.0.15 anthropic==2.14.0 \
  openinference-instrumentation-anthropic==3.1.0 opentelemetry-sdk==1.45.2 opentelemetry-api==1.45.2

cat > "$dir/run.py" <<'PY'
import json, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import anthropic
from agno.agent import Agent
from agno.models.anthropic import Claude
from openinference.instrumentation.agno import AgnoInstrumentor
from openinference.instrumentation.anthropic import AnthropicInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

USAGE = {"input_tokens": 5, "cache_read_input_tokens": 128955, "cache_creation_input_tokens": 1253, "output_tokens": 20}

class Provider(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        body = json.dumps({"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x", "stop_reason": "end_turn",
                           "stop_sequence": None, "content": [{"type": "text", "text": "Hello"}], "usage": USAGE}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
memory = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(memory))
AgnoInstrumentor().instrument(tracer_provider=provider)
AnthropicInstrumentor().instrument(tracer_provider=provider)
client = anthropic.Anthropic(api_key="none", base_url=f"http://127.0.0.1:{server.server_port}")
Agent(model=Claude(id="claude-x", client=client), telemetry=False).run("Hi")
count = "llm.token_count."
for span in sorted(memory.get_finished_spans(), key=lambda s: s.start_time):
    if count + "prompt" in span.attributes:
        print(span.instrumentation_scope.name, *(span.attributes.get(count + k) for k in (
            "prompt", "prompt_details.cache_read", "prompt_details.cache_write", "total")))
PY

"$dir/venv/bin/python" "$dir/run.py" > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
