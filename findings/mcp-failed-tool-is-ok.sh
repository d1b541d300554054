#!/usr/bin/env bash
# A tool that fails is an ERROR span in three agent frameworks; moved to an MCP server it is OK in two of them, and MCP's own SDK says UNSET.
#
# Packages: mcp 2.3.0, fastmcp 4.1.6, agno 3.1.10 with openinference-instrumentation-agno 1.0.15, openai-agents 0.24.0 with
#   openinference-instrumentation-openai-agents 2.6.0, pydantic-ai-slim 2.68.0, openai 3.57.0, opentelemetry-sdk 1.45.2.
# Behaviour: the same function, which raises, as the agent's own tool and as the tool of an MCP server. The server answers `isError: true`,
#   and the model is told of the failure. Agno and the OpenAI Agents SDK end the tool's span OK; Agno's own record too says
#   `tool_call_error` False. The span that the MCP SDK makes for the request is UNSET without error.type; only FastMCP's client
#   (below Agno and Pydantic AI) has an ERROR. With the OpenAI Agents SDK no span of the trace has one.
# Expected: the same status wherever the tool lives. OpenTelemetry's conventions for MCP ask for error.type `tool_error` when isError is set.
# Matters: moving tools to MCP makes an agent look healthier. Of three nested spans of one tool call the outer is a success: an
#   error below a tool span has to count as the tool's.
# Output seen (framework, where the tool lives: spans of the tool call, from the outside in, with status):
#> agno own: add ERROR
#> agno mcp: add OK, tools/call add ERROR, MCP send tools/call add UNSET
#> openai-agents own: add ERROR
#> openai-agents mcp: add OK, MCP send tools/call add UNSET
#> pydantic-ai own: execute_tool add ERROR
#> pydantic-ai mcp: execute_tool add ERROR, tools/call add ERROR, MCP send tools/call add UNSET
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!OPENAI_@}" "${!OPENINFERENCE_@}" "${!FASTMCP_@}"
export NO_PROXY=127.0.0.1 FASTMCP_CHECK_FOR_UPDATES=off
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check mcp==2.3.0 fastmcp==4.1.6 agno==3.1.10 openai-agents==0.24.0 \
  'pydantic-ai-slim[openai,mcp]==2.68.0' openinference-instrumentation-{agno==1.0.15,openai-agents==2.6.0} openai==3.57.0 \
  opentelemetry-sdk==1.45.2 opentelemetry-api==1.45.2

cat > "$dir/server.py" <<'PY'
from fastmcp import FastMCP
server = FastMCP("numbers")
@server.tool
def add(a: int, b: int) -> int:
    """Adds two numbers."""
    raise ValueError("no numbers today")
if __name__ == "__main__": server.run(show_banner=False)
PY
cat > "$dir/run.py" <<'PY'
import asyncio, json, logging, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

logging.disable()
framework, place, path = sys.argv[1:]

class Provider(BaseHTTPRequestHandler):
    last = None
    def do_POST(self):
        ask = json.loads(self.rfile.read(int(self.headers["content-length"])))
        Provider.last = ask["messages"][-1]
        call = {"id": "t1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1, "b": 2}'}}
        done = Provider.last["role"] == "tool"
        message = {"role": "assistant", "content": "Sorry"} if done else {"role": "assistant", "content": None, "tool_calls": [call]}
        body = json.dumps({"id": "c1", "object": "chat.completion", "created": 1, "model": "gpt-5-mini",
            "choices": [{"index": 0, "finish_reason": "stop" if done else "tool_calls", "message": message}],
            "usage": {"prompt_tokens": 1000, "completion_tokens": 50, "total_tokens": 1050}}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass

http = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=http.serve_forever, daemon=True).start()
base_url = f"http://127.0.0.1:{http.server_port}/v1"
memory = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(memory))
trace.set_tracer_provider(provider)

def add(a: int, b: int) -> int:
    """Adds two numbers."""
    raise ValueError("no numbers today")

async def agno():
    from agno.agent import Agent
    from agno.models.openai import OpenAIChat
    from agno.tools.mcp import MCPTools
    from openinference.instrumentation.agno import AgnoInstrumentor
    AgnoInstrumentor().instrument(tracer_provider=provider)
    model = OpenAIChat(id="gpt-5-mini", api_key="none", base_url=base_url)
    if place == "own": return await Agent(model=model, tools=[add], telemetry=False).arun("Add")
    async with MCPTools(command=f"{sys.executable} {path}") as tools:
        run = await Agent(model=model, tools=[tools], telemetry=False).arun("Add")
        assert run.tools[0].tool_call_error is False

async def openai_agents():
    import agents, openai
    from agents.mcp import MCPServerStdio
    from openinference.instrumentation.openai_agents import OpenAIAgentsInstrumentor
    OpenAIAgentsInstrumentor().instrument(tracer_provider=provider)
    model = agents.OpenAIChatCompletionsModel("gpt-5-mini", openai.AsyncOpenAI(api_key="none", base_url=base_url))
    if place == "own": return await agents.Runner.run(agents.Agent(name="Adder", model=model, tools=[agents.function_tool(add)]), "Add")
    async with MCPServerStdio(params={"command": sys.executable, "args": [path]}) as server:
        await agents.Runner.run(agents.Agent(name="Adder", model=model, mcp_servers=[server]), "Add")

async def pydantic_ai():
    from pydantic_ai import Agent
    from pydantic_ai.mcp import MCPToolset
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider
    Agent.instrument_all()
    model = OpenAIChatModel("gpt-5-mini", provider=OpenAIProvider(api_key="none", base_url=base_url))
    if place == "own":
        try: await Agent(model, tools=[add]).run("Add")
        except ValueError: pass
        return
    async with Agent(model, toolsets=[MCPToolset(path)]) as agent: await agent.run("Add")

asyncio.run({"agno": agno, "openai-agents": openai_agents, "pydantic-ai": pydantic_ai}[framework]())
if place == "mcp": assert "no numbers today" in json.dumps(Provider.last)
spans = sorted((s for s in memory.get_finished_spans() if s.name.split()[-1] == "add"), key=lambda s: s.start_time)
print(f"{framework} {place}:", ", ".join(f"{s.name} {s.status.status_code.name}" for s in spans))
PY

for framework in agno openai-agents pydantic-ai; do
  for place in own mcp; do timeout 120 "$dir/venv/bin/python" "$dir/run.py" $framework $place "$dir/server.py" 2>> "$dir/err"; done
done > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
