#!/usr/bin/env bash
# Leaving a streamed run of the OpenAI Agents SDK does not stop it: the tools that the model asked for still run, and the model is asked again and billed.
#
# Packages: openai-agents 0.24.0, openai 3.57.0, openinference-instrumentation-openai-agents 2.6.0, opentelemetry-sdk 1.45.2.
# Behaviour: the reader leaves `async for event in result.stream_events()` at the first event, before a tool has been called. After `break` the run goes
#   on in a task of its own to its end. contextlib.aclosing(), which closes the generator, waits until the run is over. Only
#   result.cancel() stops it. The trace of the run that was left is that of a run which was read: the same spans, all OK; it is as long as the
#   run, not as the reading. Of the run that was cancelled, the trace has OK everywhere too.
# Expected: a generator that is closed ends its work, as the streams of OpenAI's own client do, and runs of Google ADK and Strands.
# Matters: a server whose client went away, or a script that has seen enough, still sends the mail and pays for the answer that nobody reads. Who
#   looks at such traces must not take "nobody read it" for "it did not happen"; a cut run cannot be told by an ERROR or by a missing end.
# Output seen (way to leave: requests and tool calls when left, and when all is quiet; the spans of the trace):
#> read to the end: 2 and 1, 2 and 1; 8 spans, OK
#> break: 1 and 0, 2 and 1; 8 spans, OK
#> aclosing: 1 and 0, 2 and 1; 8 spans, OK
#> cancel: 1 and 0, 1 and 0; 5 spans, OK
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!OPENAI_@}" "${!OPENINFERENCE_@}"
export NO_PROXY=127.0.0.1
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check openai-agents==0.24.0 openai==3.57.0 openinference-instrumentation-openai-agents==2.6.0 \
  opentelemetry-sdk==1.45.2 opentelemetry-api==1.45.2

cat > "$dir/run.py" <<'PY'
import asyncio, contextlib, json, logging, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import agents, openai
from openinference.instrumentation.openai_agents import OpenAIAgentsInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

logging.disable()

class Provider(BaseHTTPRequestHandler):
    requests, left = 0, threading.Event()
    def do_POST(self):
        ask = json.loads(self.rfile.read(int(self.headers["content-length"])))
        Provider.requests += 1
        done = ask["messages"][-1]["role"] == "tool"
        call = {"index": 0, "id": "t1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}
        deltas = [{"role": "assistant", "content": ""}, {"content": "Sunny"} if done else {"tool_calls": [call]}, {}]
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        try:
            for number, delta in enumerate(deltas):
                reason = None if delta else "stop" if done else "tool_calls"
                if number == 2: Provider.left.wait(5)
                self.wfile.write(("data: " + json.dumps({"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": ask["model"],
                    "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}) + "\n\n").encode())
            self.wfile.write(b"data: [DONE]\n\n")
        except OSError: pass
    def log_message(self, *_): pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
memory, provider = InMemorySpanExporter(), TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(memory))
OpenAIAgentsInstrumentor().instrument(tracer_provider=provider)
tools = 0

@agents.function_tool
def weather(city: str) -> str:
    """Tells the weather."""
    global tools
    tools += 1
    return "sunny"

model = agents.OpenAIChatCompletionsModel("gpt-5-mini", openai.AsyncOpenAI(api_key="none", base_url=f"http://127.0.0.1:{server.server_port}/v1"))
helper = agents.Agent(name="Helper", model=model, tools=[weather])

async def read(way, result):
    events = result.stream_events()
    async with contextlib.aclosing(events) if way == "aclosing" else contextlib.nullcontext():
        async for event in events:
            if event.type == "raw_response_event" and way != "read to the end":
                at_leaving = Provider.requests, tools
                if way == "cancel": result.cancel()
                Provider.left.set()
                return at_leaving
            if event.type == "raw_response_event": Provider.left.set()
    return Provider.requests, tools

async def main():
    global tools
    for way in "read to the end", "break", "aclosing", "cancel":
        Provider.requests = tools = 0
        Provider.left.clear()
        at_leaving = await read(way, agents.Runner.run_streamed(helper, "Weather?"))
        before = None
        while before != (before := (Provider.requests, tools, len(memory.get_finished_spans()))): await asyncio.sleep(2)
        spans = sorted(memory.get_finished_spans(), key=lambda span: span.start_time)
        memory.clear()
        statuses = sorted({span.status.status_code.name for span in spans})
        print(f"{way}: {at_leaving[0]} and {at_leaving[1]}, {Provider.requests} and {tools}; {len(spans)} spans, {', '.join(statuses)}")

asyncio.run(main())
PY

timeout 60 "$dir/venv/bin/python" "$dir/run.py" > "$dir/seen" 2> "$dir/err"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
