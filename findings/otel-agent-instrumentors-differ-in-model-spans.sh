#!/usr/bin/env bash
# Of OpenTelemetry's own instrumentors for agent frameworks one has the model calls with tokens, two have none, and the one for smolagents no tools either.
#
# Packages: langchain 1.5.2 with langchain-openai 1.7.4, openai-agents 0.24.0, smolagents 1.26.0, openai 3.57.0, opentelemetry-instrumentation-genai-langchain 1.3b0,
#   -genai-openai-agents 1.3b0, -genai-smolagents 1.2b0, -genai-openai 1.3b0, opentelemetry-sdk 1.45.2.
# Behaviour: an agent asks the model, calls a tool that raises, and asks again. LangChain's instrumentor has a `chat` span with tokens for both requests.
#   Those for the OpenAI Agents SDK and smolagents have the agent and no model call, hence no tokens anywhere. For smolagents the tool, and
#   so its failure, is in no span. With -genai-openai beside it each has two model calls: LangChain's are not doubled, since that one
#   stands back below it.
# Expected: the same spans for the same run from one project's instrumentors, in one convention.
# Matters: a program that moves from one framework to another, and changes the instrumentor with it, loses tokens and costs. No cost in a trace of these
#   scopes says nothing about the calls. Install the client's instrumentor too, in every case.
# Output seen (framework, instrumentors: agent spans; tool spans with status; model spans; sum of tokens in):
#> langchain, alone: 1 agent; ERROR tool; 2 model, 2000 tokens
#> langchain, with genai-openai: 1 agent; ERROR tool; 2 model, 2000 tokens
#> openai-agents, alone: 1 agent; ERROR tool; 0 model, 0 tokens
#> openai-agents, with genai-openai: 1 agent; ERROR tool; 2 model, 2000 tokens
#> smolagents, alone: 1 agent; no tool; 0 model, 0 tokens
#> smolagents, with genai-openai: 1 agent; no tool; 2 model, 2000 tokens
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!OPENAI_@}" "${!LANGSMITH_@}" "${!LANGCHAIN_@}"
export NO_PROXY=127.0.0.1
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check langchain==1.5.2 langchain-openai==1.7.4 openai-agents==0.24.0 smolagents==1.26.0 openai==3.57.0 \
  opentelemetry-instrumentation-genai-{langchain==1.3b0,openai-agents==1.3b0,smolagents==1.2b0,openai==1.3b0} opentelemetry-sdk==1.45.2

cat > "$dir/run.py" <<'PY'
import asyncio, json, logging, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

logging.disable()
framework, client_too = sys.argv[1], len(sys.argv) > 2

class Provider(BaseHTTPRequestHandler):
    requests = 0
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        Provider.requests += 1
        done = Provider.requests > 1
        call = lambda name, arguments: [{"id": f"t{Provider.requests}", "type": "function", "function": {"name": name, "arguments": arguments}}]
        message = {"role": "assistant", "content": None, "tool_calls": call("weather", '{"city": "Oslo"}')}
        if done: message = {"role": "assistant", "content": "Sorry"}
        if done and framework == "smolagents": message = {"role": "assistant", "content": None, "tool_calls": call("final_answer", '{"answer": "Sorry"}')}
        body = json.dumps({"id": "c1", "object": "chat.completion", "created": 1, "model": "gpt-5-mini",
            "choices": [{"index": 0, "finish_reason": "tool_calls" if "tool_calls" in message else "stop", "message": message}],
            "usage": {"prompt_tokens": 1000, "completion_tokens": 50, "total_tokens": 1050}}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/v1"
memory, provider = InMemorySpanExporter(), TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(memory))
trace.set_tracer_provider(provider)
if client_too:
    from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor
    OpenAIInstrumentor().instrument()

def weather(city: str) -> str:
    """Tells the weather.

    Args:
        city: The city.
    """
    raise ValueError("no such city")

def langchain():
    from opentelemetry.instrumentation.genai.langchain import LangChainInstrumentor
    LangChainInstrumentor().instrument()
    from langchain.agents import create_agent
    from langchain_core.tools import StructuredTool
    from langchain_openai import ChatOpenAI
    tool = StructuredTool.from_function(weather)
    agent = create_agent(ChatOpenAI(model="gpt-5-mini", api_key="none", base_url=url), [tool], name="helper", middleware=[forgive()])
    agent.invoke({"messages": [("user", "Weather?")]})

def forgive():
    from langchain.agents.middleware import wrap_tool_call
    from langchain_core.messages import ToolMessage
    @wrap_tool_call
    def answer(request, handler):
        try: return handler(request)
        except ValueError as error: return ToolMessage(str(error), tool_call_id=request.tool_call["id"])
    return answer

def openai_agents():
    from opentelemetry.instrumentation.genai.openai_agents import OpenAIAgentsInstrumentor
    OpenAIAgentsInstrumentor().instrument()
    import agents, openai
    model = agents.OpenAIChatCompletionsModel("gpt-5-mini", openai.AsyncOpenAI(api_key="none", base_url=url))
    asyncio.run(agents.Runner.run(agents.Agent(name="helper", model=model, tools=[agents.function_tool(weather)]), "Weather?"))

def smolagents():
    from opentelemetry.instrumentation.genai.smolagents import SmolagentsInstrumentor
    SmolagentsInstrumentor().instrument()
    from smolagents import OpenAIModel, ToolCallingAgent, tool
    model = OpenAIModel("gpt-5-mini", api_base=url, api_key="none")
    ToolCallingAgent(tools=[tool(weather)], model=model, name="helper", verbosity_level=0).run("Weather?")

{"langchain": langchain, "openai-agents": openai_agents, "smolagents": smolagents}[framework]()
assert Provider.requests == 2
spans = memory.get_finished_spans()
of = lambda name: [span for span in spans if span.attributes.get("gen_ai.operation.name") == name]
tools = [span.status.status_code.name for span in of("execute_tool")]
print(f"{framework}, {'with genai-openai' if client_too else 'alone'}: {len(of('invoke_agent'))} agent; {', '.join(tools) or 'no'} tool;",
      f"{len(of('chat'))} model, {sum(span.attributes.get('gen_ai.usage.input_tokens', 0) for span in spans)} tokens")
PY

for framework in langchain openai-agents smolagents; do
  for more in "" client; do timeout 60 "$dir/venv/bin/python" "$dir/run.py" $framework $more 2>> "$dir/err" | tail -1; done
done > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
