#!/usr/bin/env bash
# In a workflow of Agno that streams its events, an agent's model and tool spans are beside the agent's span, not below it.
#
# Packages: agno 3.1.10, openinference-instrumentation-agno 1.0.15, openai 3.57.0, fastapi 0.165.0, opentelemetry-sdk 1.45.2.
# Behaviour: run(), and run(stream=True), give step > agent > model and tool. With stream_events=True, as a user interface that shows progress
#   (and AgentOS) asks for, agent, model and tool are all children of the step. Names, counts and texts are the same.
# Expected: the same tree for the same work.
# Matters: tokens, cost and errors "by agent" are all 0 for such runs, the agent's own time is its whole time, and a step's bar holds two layers
#   side by side. A model span that lies within the time of the only agent beside it belongs to that agent; with several agents in
#   parallel nothing tells. Totals by trace stay right.
# Output seen (way: the agent's spans, each with its parent and tokens in):
#> run: OpenAIChat Helper 1000, weather Helper -, OpenAIChat Helper 1000, Helper step -
#> stream: OpenAIChat Helper 1000, weather Helper -, OpenAIChat Helper 1000, Helper step -
#> stream_events: OpenAIChat step 1000, weather step -, OpenAIChat step 1000, Helper step -
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!OPENAI_@}" "${!AGNO_@}"
export NO_PROXY=127.0.0.1 AGNO_TELEMETRY=false
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check agno==3.1.10 openinference-instrumentation-agno==1.0.15 \
  openai==3.57.0 fastapi==0.165.0 opentelemetry-sdk==1.45.2 opentelemetry-api==1.45.2

cat > "$dir/run.py" <<'PY'
import json, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from agno.agent import Agent
from agno.models.openai import OpenAIChat
from agno.workflow import Step, Workflow
from openinference.instrumentation.agno import AgnoInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

class Provider(BaseHTTPRequestHandler):
    def do_POST(self):
        ask = json.loads(self.rfile.read(int(self.headers["content-length"])))
        answer = {"id": "c1", "created": 1, "model": "m"}
        usage = {"prompt_tokens": 1000, "completion_tokens": 50, "total_tokens": 1050}
        call = {"index": 0, "id": "t1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}
        asked = ask["messages"][-1]["role"] == "tool"
        message = {"role": "assistant", "content": "Sunny"} if asked else {"role": "assistant", "content": None, "tool_calls": [call]}
        end = "stop" if asked else "tool_calls"
        if ask.get("stream"):
            chunk = lambda choices, **more: {**answer, "object": "chat.completion.chunk", "choices": choices, **more}
            events = [chunk([{"index": 0, "delta": message, "finish_reason": None}]), chunk([{"index": 0, "delta": {}, "finish_reason": end}]), chunk([], usage=usage)]
            body = "".join(f"data: {json.dumps(e)}\n\n" for e in events) + "data: [DONE]\n\n"
        else:
            body = json.dumps({**answer, "object": "chat.completion", "usage": usage, "choices": [{"index": 0, "finish_reason": end, "message": message}]})
        self.send_response(200)
        self.send_header("content-type", "text/event-stream" if ask.get("stream") else "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())
    def log_message(self, *_): pass

def weather(city: str) -> str:
    """Tells the weather."""
    return "sunny"

server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
memory = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(memory))
AgnoInstrumentor().instrument(tracer_provider=provider)
ways = {"run": lambda flow: flow.run("Weather?"), "stream": lambda flow: list(flow.run("Weather?", stream=True)),
        "stream_events": lambda flow: list(flow.run("Weather?", stream=True, stream_events=True))}
for way, run in ways.items():
    memory.clear()
    model = OpenAIChat(id="m", api_key="none", base_url=f"http://127.0.0.1:{server.server_port}/v1")
    agent = Agent(name="Helper", model=model, tools=[weather], telemetry=False)
    run(Workflow(name="Flow", steps=[Step(name="step", agent=agent)]))
    spans = memory.get_finished_spans()
    names = {s.context.span_id: s.name.split(".")[0] for s in spans}
    rows = [(names[s.context.span_id], names[s.parent.span_id] if s.parent else "-", s.attributes.get("llm.token_count.prompt", "-")) for s in spans]
    print(f"{way}:", ", ".join(" ".join(map(str, row)) for row in rows if row[0] not in ("Flow", "step")))
PY

timeout 120 "$dir/venv/bin/python" "$dir/run.py" > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
