#!/usr/bin/env bash
# A Strands stream whose reader leaves: the model call that was being read is never exported, and every later run of the task is put into its trace.
#
# Packages: strands-agents[openai,otel] 1.62.0, openai 2.54.0, opentelemetry-sdk 1.45.1.
# Behaviour: `async for event in agent.stream_async(…): break` in the middle of the second answer. Strands ends the agent's span, UNSET with
#   strands.cancellation.type, but neither the `chat` of the second answer nor the cycle around it, then or later. That cycle stays the current
#   span of the task: the next run, of another agent too, is below it, in the trace of the run that was left. With contextlib.aclosing()
#   the next run is free of it, and the two spans are lost all the same.
# Expected: all six spans end, and the next run has a trace of its own, as after a run that is read to its end.
# Matters: a chat in a terminal or a worker's loop, whose user stops one answer, is one trace from then on, with roots whose parent never comes: it looks
#   as if a run were still going on. The call that was stopped, and paid, is missing from all counts.
# Output seen (how the first run was read; requests; its spans with status and tokens in; then the next run's root):
#> to the end: 2 requests; invoke_agent First OK 2000, execute_event_loop_cycle OK -, chat OK 1000, execute_tool weather OK -, execute_event_loop_cycle OK -, chat OK 1000
#> next: a trace of its own, without a parent
#> break: 2 requests; invoke_agent First UNSET -, execute_event_loop_cycle OK -, chat OK 1000, execute_tool weather OK -
#> next: in the trace of the first, below a span that never ended
#> aclosing: 2 requests; invoke_agent First UNSET -, execute_event_loop_cycle OK -, chat OK 1000, execute_tool weather OK -
#> next: a trace of its own, without a parent
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!OPENAI_@}" "${!STRANDS_@}"
export NO_PROXY=127.0.0.1
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check 'strands-agents[openai,otel]==1.62.0' openai==2.54.0 opentelemetry-sdk==1.45.1 opentelemetry-api==1.45.1

cat > "$dir/run.py" <<'PY'
import asyncio, contextlib, gc, json, logging, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from strands import Agent, tool
from strands.models.openai import OpenAIModel

logging.disable()

class Provider(BaseHTTPRequestHandler):
    requests = 0
    def do_POST(self):
        ask = json.loads(self.rfile.read(int(self.headers["content-length"])))
        Provider.requests += 1
        done = ask["messages"][-1]["role"] == "tool"
        call = {"index": 0, "id": "t1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}
        deltas = [{"role": "assistant", "content": ""}] + ([{"content": "It is "}, {"content": "sunny"}] if done else [{"tool_calls": [call]}])
        chunk = lambda choices, usage=None: "data: " + json.dumps({"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-5-mini",
            "choices": choices, "usage": usage}) + "\n\n"
        body = "".join(chunk([{"index": 0, "delta": delta, "finish_reason": None}]) for delta in deltas)
        body += chunk([{"index": 0, "delta": {}, "finish_reason": "stop" if done else "tool_calls"}])
        body += chunk([], {"prompt_tokens": 1000, "completion_tokens": 50, "total_tokens": 1050}) + "data: [DONE]\n\n"
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())
    def log_message(self, *_): pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
memory, provider = InMemorySpanExporter(), TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(memory))
trace.set_tracer_provider(provider)

@tool
def weather(city: str) -> str:
    """Tells the weather."""
    return "sunny"

def agent(name):
    client = {"api_key": "none", "base_url": f"http://127.0.0.1:{server.server_port}/v1"}
    return Agent(model=OpenAIModel(client_args=client, model_id="gpt-5-mini"), tools=[weather], callback_handler=None, name=name)

async def main(way):
    stream = agent("First").stream_async("Weather?")
    async with contextlib.aclosing(stream) if way == "aclosing" else contextlib.nullcontext():
        async for event in stream:
            if way != "to the end" and "data" in event: break
    del stream
    for _ in range(5):
        gc.collect()
        await asyncio.sleep(.1)
    first = sorted(memory.get_finished_spans(), key=lambda span: span.start_time)
    shown = [f"{span.name} {span.status.status_code.name} {span.attributes.get('gen_ai.usage.input_tokens', '-')}" for span in first]
    print(f"{way}: {Provider.requests} requests; {', '.join(shown)}")
    await agent("Next").invoke_async("Weather?")
    spans = memory.get_finished_spans()
    [root] = [span for span in spans if span.name == "invoke_agent Next"]
    ended = {span.context.span_id for span in spans}
    print("next: " + ("a trace of its own" if root.context.trace_id not in {span.context.trace_id for span in first} else "in the trace of the first"),
          "without a parent" if not root.parent else "below a span that ended" if root.parent.span_id in ended else "below a span that never ended", sep=", ")

asyncio.run(main(sys.argv[1]))
PY

for way in "to the end" break aclosing; do timeout 60 "$dir/venv/bin/python" "$dir/run.py" "$way" 2>> "$dir/err"; done > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
