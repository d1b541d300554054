#!/usr/bin/env bash
# When DBOS resumes an agent of Pydantic AI, model calls that had been answered before get a second span, with tokens and cost, though nothing is asked.
#
# Packages: pydantic-ai-slim[openai,dbos] 2.68.0, dbos 3.4.0, openai 3.57.0, opentelemetry-sdk 1.45.2.
# Behaviour: an agent in a durable workflow asks the model, and the process dies in the tool. The next process resumes the workflow: the first
#   answer comes out of DBOS's database, without a request. Its `chat` span is written all the same, with the gen_ai.usage.*, operation.cost
#   and response id that the first process had sent already, in another trace. Nothing on it tells that it is a replay.
# Expected: no span for a step that is replayed, or one that says so and has no usage.
# Matters: spans tell 3000 tokens, the provider was asked for 2000. A deployment that restarts its workers counts each open run's past again, and an
#   agent of many steps that is resumed near its end is told twice. The same gen_ai.response.id on two `chat` spans is one answer.
# Output seen (process; then requests that came; spans: tokens in, cost, response id, below):
#> first: 1 requests
#> chat gpt-5-mini: 1000 0.00035 answer1 below a span that never ended
#> second: 1 requests
#> invoke_agent helper: - - - below nothing
#> chat gpt-5-mini: 1000 0.00035 answer1 below invoke_agent helper
#> execute_tool weather: - - - below invoke_agent helper
#> chat gpt-5-mini: 1000 0.00035 answer2 below invoke_agent helper
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!OPENAI_@}" "${!DBOS_@}"
export NO_PROXY=127.0.0.1
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check 'pydantic-ai-slim[openai,dbos]==2.68.0' dbos==3.4.0 openai==3.57.0 opentelemetry-sdk==1.45.2 \
  opentelemetry-api==1.45.2

cat > "$dir/run.py" <<'PY'
import asyncio, json, logging, os, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from dbos import DBOS, SetWorkflowID
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic_ai import Agent
from pydantic_ai.durable_exec.dbos import DBOSDurability
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

logging.disable()
process, database = sys.argv[1:]

class Provider(BaseHTTPRequestHandler):
    requests = 0
    def do_POST(self):
        ask = json.loads(self.rfile.read(int(self.headers["content-length"])))
        Provider.requests += 1
        done = ask["messages"][-1]["role"] == "tool"
        call = {"id": "t1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}
        message = {"role": "assistant", "content": "Sunny"} if done else {"role": "assistant", "content": None, "tool_calls": [call]}
        body = json.dumps({"id": "answer2" if done else "answer1", "object": "chat.completion", "created": 1, "model": "gpt-5-mini",
            "choices": [{"index": 0, "finish_reason": "stop" if done else "tool_calls", "message": message}],
            "usage": {"prompt_tokens": 1000, "completion_tokens": 50, "total_tokens": 1050}}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
memory, provider = InMemorySpanExporter(), TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(memory))
trace.set_tracer_provider(provider)

def show():
    spans = memory.get_finished_spans()
    print(f"{process}: {Provider.requests} requests")
    for span in sorted((s for s in spans if s.instrumentation_scope.name == "pydantic-ai"), key=lambda s: s.start_time):
        above = next((s.name for s in spans if span.parent and s.context.span_id == span.parent.span_id), "nothing" if not span.parent else "a span that never ended")
        print(f"{span.name}:", *(span.attributes.get(k, "-") for k in ("gen_ai.usage.input_tokens", "operation.cost", "gen_ai.response.id")), "below", above, flush=True)

DBOS(config={"name": "helper", "system_database_url": f"sqlite:///{database}", "application_version": "1", "run_admin_server": False})
Agent.instrument_all()
model = OpenAIChatModel("gpt-5-mini", provider=OpenAIProvider(api_key="none", base_url=f"http://127.0.0.1:{server.server_port}/v1"))
agent = Agent(model, name="helper", capabilities=[DBOSDurability()])

@agent.tool_plain
async def weather(city: str) -> str:
    """Tells the weather."""
    if process == "first":
        show()
        os._exit(0)
    return "sunny"

@DBOS.workflow()
async def answer(question: str) -> str:
    return (await agent.run(question)).output

async def main():
    DBOS.launch()
    if process == "first":
        with SetWorkflowID("w1"): await answer("Weather?")
    handle = await DBOS.retrieve_workflow_async("w1")
    assert await handle.get_result() == "Sunny"
    show()
    os._exit(0)

asyncio.run(main())
PY

for process in first second; do timeout 60 "$dir/venv/bin/python" "$dir/run.py" $process "$dir/store.db" 2>> "$dir/err"; done > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
