#!/usr/bin/env bash
# A run of smolagents whose model call fails has a root that never ends, and every later run of the thread is put into its trace.
#
# Packages: smolagents 1.26.0, openinference-instrumentation-smolagents 0.1.43, openai 3.57.0, opentelemetry-sdk 1.45.2.
# Behaviour: agent.run() raises AgentGenerationError (here: the provider says 401). The model and the step are exported with ERROR; the root
#   span is not, then or later. It stays the current span, so the next runs are its children, though both succeed. When the failing run
#   is streamed, the root ends: with status OK and the token counts 0 and 0.
# Expected: a root with ERROR and no counts, both ways; the next run in a trace of its own.
# Matters: one hiccup of a provider, and a worker's whole day is one trace without a root: it looks like a run that has not finished, its
#   duration and cost are those of all runs after it, "runs" and "failed runs" both count it as none. Read a root from what it does
#   (kind AGENT, its parent never seen), and an ERROR child as more than its OK parent.
# Output seen (run, outcome; then span, status, trace, parent ended?, tokens in and out):
#> 1 streamed AgentGenerationError
#>   OpenAIModel.generate ERROR, trace 1, parent True, None None
#>   Step 1 ERROR, trace 1, parent True, None None
#>   ToolCallingAgent.run OK, trace 1, parent -, 0 0
#> 2 plain AgentGenerationError
#>   OpenAIModel.generate ERROR, trace 2, parent True, None None
#>   Step 1 ERROR, trace 2, parent False, None None
#> 3 plain Sunny
#>   OpenAIModel.generate OK, trace 2, parent True, 1000 50
#>   FinalAnswerTool OK, trace 2, parent True, None None
#>   Step 1 OK, trace 2, parent True, None None
#>   ToolCallingAgent.run OK, trace 2, parent False, 1000 50
#> 4 plain Sunny
#>   OpenAIModel.generate OK, trace 2, parent True, 1000 50
#>   FinalAnswerTool OK, trace 2, parent True, None None
#>   Step 1 OK, trace 2, parent True, None None
#>   ToolCallingAgent.run OK, trace 2, parent False, 1000 50
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!OPENAI_@}"
export NO_PROXY=127.0.0.1
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check smolagents==1.26.0 openinference-instrumentation-smolagents==0.1.43 \
  openai==3.57.0 opentelemetry-sdk==1.45.2 opentelemetry-api==1.45.2

cat > "$dir/run.py" <<'PY'
import json, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from openinference.instrumentation.smolagents import SmolagentsInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from smolagents import OpenAIModel, ToolCallingAgent
from smolagents.utils import AgentGenerationError

class Provider(BaseHTTPRequestHandler):
    healthy = False
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        call = {"id": "t1", "type": "function", "function": {"name": "final_answer", "arguments": '{"answer": "Sunny"}'}}
        answer = {"id": "c1", "object": "chat.completion", "created": 1, "model": "m", "choices": [
            {"index": 0, "finish_reason": "tool_calls", "message": {"role": "assistant", "content": None, "tool_calls": [call]}}],
            "usage": {"prompt_tokens": 1000, "completion_tokens": 50, "total_tokens": 1050}}
        body = json.dumps(answer if Provider.healthy else {"error": {"message": "bad key"}}).encode()
        self.send_response(200 if Provider.healthy else 401)
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
SmolagentsInstrumentor().instrument(tracer_provider=provider)
model = OpenAIModel(model_id="m", api_base=f"http://127.0.0.1:{server.server_port}/v1", api_key="none", client_kwargs={"max_retries": 0})
seen, lines = 0, []
for run, way in enumerate(("streamed", "plain", "plain", "plain"), 1):
    Provider.healthy = run > 2
    agent = ToolCallingAgent(tools=[], model=model, verbosity_level=-1)
    try: outcome = list(agent.run("Hi", stream=True))[-1] if way == "streamed" else agent.run("Hi")
    except AgentGenerationError as e: outcome = type(e).__name__
    lines.append((f"{run} {way} {outcome}", memory.get_finished_spans()[seen:]))
    seen = len(memory.get_finished_spans())
ended = {s.context.span_id for s in memory.get_finished_spans()}
traces = list(dict.fromkeys(s.context.trace_id for s in memory.get_finished_spans()))
for title, spans in lines:
    print(title)
    for s in spans:
        counts = [str(s.attributes.get(f"llm.token_count.{k}")) for k in ("prompt", "completion")]
        parent = s.parent.span_id in ended if s.parent else "-"
        print(f"  {s.name} {s.status.status_code.name}, trace {traces.index(s.context.trace_id) + 1}, parent {parent},", *counts)
PY

timeout 120 "$dir/venv/bin/python" "$dir/run.py" > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
