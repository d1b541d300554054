#!/usr/bin/env bash
# The usage on a Strands agent's span is that of all its runs so far, though each run is a trace of its own.
#
# Packages: strands-agents[openai,otel] 1.62.0, openai 2.54.0, opentelemetry-sdk 1.45.1.
# Behaviour: one Agent object is called three times, one model call each (1000 tokens in, 50 out). The `chat` spans say 1000 and 50 each
#   time; the `invoke_agent` roots say 1000, 2000, 3000. Further, `gen_ai.system` is "strands-agents", whoever the provider is.
# Expected: 1000 on each root, the usage of the run that the span is about.
# Matters: a sum over agents' spans grows with the square of the number of turns (10 turns: 55 times one turn instead of 10), and an alert
#   on tokens per run goes off in any long conversation. Sum the model calls below; take the parent's excess for
#   "missing children" only if earlier runs of the same agent and session do not explain it. Prices need another way to the provider.
# Output seen (run, span, input tokens, output tokens, gen_ai.system):
#> 1 chat 1000 50 strands-agents
#> 1 invoke_agent 1000 50 strands-agents
#> 2 chat 1000 50 strands-agents
#> 2 invoke_agent 2000 100 strands-agents
#> 3 chat 1000 50 strands-agents
#> 3 invoke_agent 3000 150 strands-agents
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!OPENAI_@}"
export NO_PROXY=127.0.0.1
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check 'strands-agents[openai,otel]==1.62.0' opentelemetry-sdk==1.45.1 openai==2.54.0

cat > "$dir/run.py" <<'PY'
import json, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from strands import Agent
from strands.models.openai import OpenAIModel

class Provider(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        chunk = lambda **more: {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-5-mini", "choices": [], **more}
        choice = lambda delta, end=None: chunk(choices=[{"index": 0, "delta": delta, "finish_reason": end}])
        events = [choice({"role": "assistant", "content": "Hello"}), choice({}, "stop"),
                  chunk(usage={"prompt_tokens": 1000, "completion_tokens": 50, "total_tokens": 1050})]
        body = "".join(f"data: {json.dumps(e)}\n\n" for e in events) + "data: [DONE]\n\n"
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())
    def log_message(self, *_): pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
memory = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(memory))
trace.set_tracer_provider(provider)
model = OpenAIModel(client_args={"api_key": "none", "base_url": f"http://127.0.0.1:{server.server_port}/v1"}, model_id="gpt-5-mini")
agent = Agent(model=model, callback_handler=None)
for run in (1, 2, 3):
    memory.clear()
    agent("Hi")
    spans = memory.get_finished_spans()
    assert len({s.context.trace_id for s in spans}) == 1
    for s in spans:
        a = s.attributes
        if "gen_ai.usage.input_tokens" in a:
            print(run, a["gen_ai.operation.name"], a["gen_ai.usage.input_tokens"], a["gen_ai.usage.output_tokens"], a["gen_ai.system"])
PY

"$dir/venv/bin/python" "$dir/run.py" > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
