#!/usr/bin/env bash
# AgentScope ends a tool that raised with OK and finish reason "stop" everywhere, and a run whose reader has seen enough with ERROR, model call and agent.
#
# Packages: agentscope 2.0.11, openai 3.57.0, opentelemetry-sdk 1.45.2.
# Behaviour: an exception in a tool becomes a result for the model before the tracing sees it; the span of the tool has status OK and no error.type,
#   and the only trace of the failure is a "state" inside the result's text. `async for event in agent.reply_stream(…): break` is an
#   exception (GeneratorExit) in the generators: the agent and, if it was at work, the model call end with ERROR, the model call without tokens.
#   gen_ai.response.finish_reasons is the text ["stop"], also of an answer that calls a tool or that was cut off by the limit of tokens.
# Expected: ERROR for what failed, and no ERROR for a consumer that stops reading, as a client does that closes its page.
# Matters: error rates are those of impatient readers, and healthy while every tool is down. A search for answers that were cut off ("length")
#   finds none.
# Output seen (case: each span with status, tokens in or "-", finish reasons of model calls):
#> tool works: invoke_agent OK; chat OK 1000 ["stop"]; execute_tool OK; chat OK 1000 ["stop"]
#> tool raises: invoke_agent OK; chat OK 1000 ["stop"]; execute_tool OK; chat OK 1000 ["stop"]
#> answer cut off: invoke_agent OK; chat OK 1000 ["stop"]
#> reader leaves in the answer: invoke_agent ERROR; chat ERROR -
#> reader leaves before the model call: invoke_agent ERROR
#> the model saw of the tool that raised: an error
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!OPENAI_@}" "${!AGENTSCOPE_@}"
export NO_PROXY=127.0.0.1 HOME="$dir"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check agentscope==2.0.11 openai==3.57.0 opentelemetry-sdk==1.45.2

cat > "$dir/run.py" <<'PY'
import asyncio, gc, json, logging, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from agentscope.agent import Agent
from agentscope.credential import OpenAICredential
from agentscope.message import TextBlock, UserMsg
from agentscope.middleware import TracingMiddleware
from agentscope.model import OpenAIChatModel
from agentscope.tool import FunctionTool, ToolChunk, Toolkit

logging.disable()
reason, told = "stop", ""

class Provider(BaseHTTPRequestHandler):
    def do_POST(self):
        global told
        ask = json.loads(self.rfile.read(int(self.headers["content-length"])))
        last = ask["messages"][-1]
        if last["role"] == "tool": told = str(last["content"])
        names = [tool["function"]["name"] for tool in ask.get("tools", []) if tool["function"]["name"] in ("fine", "broken")]
        call = names and last["role"] == "user"
        delta = {"tool_calls": [{"index": 0, "id": "call_1", "type": "function",
                                 "function": {"name": names[0], "arguments": '{"city": "Rome"}'}}]} if call else {"content": "Hello"}
        chunk = lambda **more: {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-5-mini", "choices": [], **more}
        events = [chunk(choices=[{"index": 0, "delta": {"role": "assistant", **delta}, "finish_reason": None}]),
                  chunk(choices=[{"index": 0, "delta": {}, "finish_reason": "tool_calls" if call else reason}]),
                  chunk(usage={"prompt_tokens": 1000, "completion_tokens": 50, "total_tokens": 1050})]
        body = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
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

async def fine(city: str) -> ToolChunk:
    """Tells the weather."""
    return ToolChunk(content=[TextBlock(text="sunny")])

async def broken(city: str) -> ToolChunk:
    """Tells the weather."""
    raise ValueError("no weather today")

async def read(tool, until):
    model = OpenAIChatModel(OpenAICredential(api_key="none", base_url=f"http://127.0.0.1:{server.server_port}/v1"), "gpt-5-mini")
    agent = Agent("speaker", "You speak.", model, Toolkit(tools=[FunctionTool(tool, is_read_only=True)] if tool else []), [TracingMiddleware()])
    async for event in agent.reply_stream(UserMsg(name="user", content="Hi")):
        if type(event).__name__ == until: break

async def run(name, tool=None, until=None):
    memory.clear()
    await read(tool, until)
    for _ in range(5):    # The generators that were left end when Python frees them.
        gc.collect()
        await asyncio.sleep(.3)
    parts = []
    for span in sorted(memory.get_finished_spans(), key=lambda span: span.start_time):
        part = [span.name.split()[0], span.status.status_code.name]
        if part[0] == "chat":
            part += [str(span.attributes.get("gen_ai.usage.input_tokens", "-")), span.attributes.get("gen_ai.response.finish_reasons", "")]
        parts.append(" ".join(part).strip())
    print(f"{name}:", "; ".join(parts))

async def main():
    global reason
    await run("tool works", fine)
    await run("tool raises", broken)
    failed = "an error" if "no weather today" in told else told
    reason = "length"
    await run("answer cut off")
    reason = "stop"
    await run("reader leaves in the answer", until="TextBlockDeltaEvent")
    await run("reader leaves before the model call", until="ReplyStartEvent")
    print("the model saw of the tool that raised:", failed)

asyncio.run(main())
PY
"$dir/venv/bin/python" "$dir/run.py" 2> "$dir/log" > "$dir/seen" || tail -n 5 "$dir/log"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
