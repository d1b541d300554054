#!/usr/bin/env bash
# AG2's spans state each model call's tokens twice under OpenTelemetry's names, and those of a sub-agent three times: "usage" has spans of its own.
#
# Packages: ag2[openai,tracing] 1.2.1, openai 3.57.0, opentelemetry-sdk 1.45.2.
# Behaviour: beside each `chat` span with gen_ai.usage.* stands a `record_usage model_call` span, of length 0 and with the same counts
#   under the same keys; a sub-agent's run adds a `record_usage subtask` span with its sum, below the agent that called it. They have no
#   gen_ai.operation.name; `ag2.span.type` is "usage". Both agents are called "unknown" (`invoke_agent unknown`), as TelemetryMiddleware
#   does not know whom it watches unless it is given agent_name.
# Expected: tokens on the model calls, and at most a sum on the agents.
# Matters: adding up gen_ai.usage.* over a trace, or over its leaves (the rule against parents that repeat), gives twice the tokens and the
#   cost, and 2.5 times with a sub-agent. "Same count, side by side" is also what two instrumentors give, but here both are of one scope.
# Output seen (span below span: tokens in; then their sums):
#> one agent
#> invoke_agent unknown below nothing: none
#> chat gpt-5-mini below invoke_agent unknown: 1000
#> record_usage model_call below invoke_agent unknown: 1000
#> execute_tool weather below invoke_agent unknown: none
#> chat gpt-5-mini below invoke_agent unknown: 1000
#> record_usage model_call below invoke_agent unknown: 1000
#> 4000 on all spans, 2000 from the provider
#> with a sub-agent
#> invoke_agent unknown below nothing: none
#> chat gpt-5-mini below invoke_agent unknown: 1000
#> record_usage model_call below invoke_agent unknown: 1000
#> execute_tool ask_inner below invoke_agent unknown: none
#> invoke_agent unknown below execute_tool ask_inner: none
#> chat gpt-5-mini below invoke_agent unknown: 1000
#> record_usage model_call below invoke_agent unknown: 1000
#> execute_tool weather below invoke_agent unknown: none
#> chat gpt-5-mini below invoke_agent unknown: 1000
#> record_usage model_call below invoke_agent unknown: 1000
#> record_usage subtask below invoke_agent unknown: 2000
#> chat gpt-5-mini below invoke_agent unknown: 1000
#> record_usage model_call below invoke_agent unknown: 1000
#> 10000 on all spans, 4000 from the provider
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!OPENAI_@}" "${!AG2_@}"
export NO_PROXY=127.0.0.1
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check "ag2[openai,tracing]==1.2.1" openai==3.57.0 opentelemetry-sdk==1.45.2

cat > "$dir/run.py" <<'PY'
import asyncio, json, logging, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from ag2 import Agent
from ag2.config import OpenAIConfig
from ag2.middleware.builtin.telemetry import TelemetryMiddleware

logging.disable()

class Provider(BaseHTTPRequestHandler):
    def do_POST(self):
        ask = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if ask["messages"][-1]["role"] == "tool":
            message, end = {"role": "assistant", "content": "Sunny"}, "stop"
        else:
            tool = ask["tools"][0]["function"]
            arguments = json.dumps({name: "Oslo" for name in tool["parameters"]["required"]})
            call = {"id": "t1", "type": "function", "function": {"name": tool["name"], "arguments": arguments}}
            message, end = {"role": "assistant", "content": None, "tool_calls": [call]}, "tool_calls"
        data = json.dumps({"id": "c1", "object": "chat.completion", "created": 1, "model": "gpt-5-mini",
                           "choices": [{"index": 0, "finish_reason": end, "message": message}],
                           "usage": {"prompt_tokens": 1000, "completion_tokens": 50, "total_tokens": 1050}}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
    def log_message(self, *_): pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
memory = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(memory))

def weather(city: str) -> str:
    """The weather"""
    return "sunny"

def agent(name, tools):
    config = OpenAIConfig(model="gpt-5-mini", api_key="none", base_url=f"http://127.0.0.1:{server.server_port}/v1")
    return Agent(name, "Help", config=config, tools=tools, middleware=[TelemetryMiddleware(tracer_provider=provider)])

def show(what, calls):
    spans = sorted(memory.get_finished_spans(), key=lambda s: s.start_time)
    names = {s.context.span_id: s.name for s in spans}
    tokens = lambda s: s.attributes.get("gen_ai.usage.input_tokens", 0)
    print(what)
    for s in spans: print(f"{s.name} below {names[s.parent.span_id] if s.parent else 'nothing'}: {tokens(s) or 'none'}")
    print(f"{sum(map(tokens, spans))} on all spans, {calls * 1000} from the provider")
    memory.clear()

async def main():
    await agent("helper", [weather]).ask("Weather in Oslo?")
    show("one agent", 2)
    inner = agent("inner", [weather]).as_tool(name="ask_inner", description="Knows the weather")
    await agent("outer", [inner]).ask("Weather in Oslo?")
    show("with a sub-agent", 4)
asyncio.run(main())
PY
"$dir/venv/bin/python" "$dir/run.py" > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
