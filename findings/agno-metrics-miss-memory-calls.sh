#!/usr/bin/env bash
# The metrics of an Agno run count one request of the memory model, however many it made; the spans of the run have them all.
#
# Packages: agno 3.1.10, openinference-instrumentation-agno 1.0.15, openai 3.57.0, sqlalchemy 2.1.9, opentelemetry-sdk 1.45.2.
# Behaviour: with update_memory_on_run the memory model asks for a tool (add_memory), and is asked again with its result, until it asks for none. Of
#   1000 tokens in for each request RunOutput.metrics has 1000 under "memory_model" after two requests
#   and after three. The agent's own requests around a tool are all counted, under "model".
# Expected: each request, as for the agent's own model.
# Matters: the metrics of a run and the sum of its model spans differ by a part of what memory cost, and the spans are right. The more is remembered in
#   a turn, the larger the difference. One cannot be checked by the other.
# Output seen (way, memories made: requests of agent and memory model; tokens in of "model", "memory_model", of the run; of the LLM spans):
#> run, 1: 2 and 2; 2000, 1000, 3000; 4000
#> run, 2: 2 and 3; 2000, 1000, 3000; 5000
#> arun, 1: 2 and 2; 2000, 1000, 3000; 4000
#> arun, 2: 2 and 3; 2000, 1000, 3000; 5000
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!OPENAI_@}" "${!AGNO_@}"
export NO_PROXY=127.0.0.1
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check agno==3.1.10 openinference-instrumentation-agno==1.0.15 openai==3.57.0 \
  'sqlalchemy[asyncio]==2.1.9' opentelemetry-sdk==1.45.2 opentelemetry-api==1.45.2

cat > "$dir/run.py" <<'PY'
import asyncio, json, logging, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from agno.agent import Agent
from agno.db.sqlite import SqliteDb
from agno.models.openai import OpenAIChat
from openinference.instrumentation.agno import AgnoInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

logging.disable()

class Provider(BaseHTTPRequestHandler):
    rounds, asked = 1, []
    def do_POST(self):
        ask = json.loads(self.rfile.read(int(self.headers["content-length"])))
        names = [tool["function"]["name"] for tool in ask.get("tools", [])]
        who = "memory" if "add_memory" in names else "agent"
        tool, arguments = ("add_memory", '{"memory": "Likes tea", "topics": ["tea"]}') if who == "memory" else ("weather", '{"city": "Oslo"}')
        done = sum(message["role"] == "tool" for message in ask["messages"]) >= (Provider.rounds if who == "memory" else 1)
        Provider.asked.append(who)
        call = {"id": f"t{len(Provider.asked)}", "type": "function", "function": {"name": tool, "arguments": arguments}}
        message = {"role": "assistant", "content": "Noted"} if done else {"role": "assistant", "content": None, "tool_calls": [call]}
        body = json.dumps({"id": "c1", "object": "chat.completion", "created": 1, "model": "gpt-5-mini",
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
AgnoInstrumentor().instrument(tracer_provider=provider)

def weather(city: str) -> str:
    """Tells the weather."""
    return "sunny"

for way, Provider.rounds in ("run", 1), ("run", 2), ("arun", 1), ("arun", 2):
    Provider.asked.clear()
    memory.clear()
    model = OpenAIChat(id="gpt-5-mini", api_key="none", base_url=f"http://127.0.0.1:{server.server_port}/v1")
    agent = Agent(model=model, tools=[weather], db=SqliteDb(db_file=f"{sys.argv[1]}/{way}{Provider.rounds}.db"), update_memory_on_run=True, telemetry=False)
    run = agent.run("I like tea", user_id="user") if way == "run" else asyncio.run(agent.arun("I like tea", user_id="user"))
    of = {name: sum(entry.input_tokens for entry in entries) for name, entries in run.metrics.details.items()}
    spans = sum(s.attributes.get("llm.token_count.prompt", 0) for s in memory.get_finished_spans() if s.attributes["openinference.span.kind"] == "LLM")
    print(f"{way}, {Provider.rounds}: {Provider.asked.count('agent')} and {Provider.asked.count('memory')};",
          f"{of.get('model')}, {of.get('memory_model')}, {run.metrics.input_tokens}; {spans}")
PY

timeout 60 "$dir/venv/bin/python" "$dir/run.py" "$dir" > "$dir/seen" 2> "$dir/err"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
