#!/usr/bin/env bash
# A stream that tells the usage so far in each chunk multiplies the tokens in LangChain, Pydantic AI, smolagents and Agno; Agno's spans have them right.
#
# Packages: openai 3.57.0, langchain-openai 1.7.4, pydantic-ai-slim 2.68.0, smolagents 1.26.0, agno 3.1.10, openai-agents 0.24.0,
#   openinference-instrumentation-openai 0.1.66, -langchain 0.1.80, -agno 1.0.15, opentelemetry-sdk 1.45.2.
# Behaviour: a provider that speaks OpenAI's protocol sends five chunks; each has the usage up to then, so 1000 in and at the end 3 out.
#   vLLM does so on demand (`continuous_usage_stats`), Perplexity always. Four frameworks add the chunks: 5000 in. OpenInference
#   copies LangChain's sum onto the span and Pydantic AI computes a cost from it. In Agno, the run's own metrics (which it stores) are
#   the sum, while the span of the same call takes the last chunk. Pydantic AI is right with a setting that also changes the request.
# Expected: the last chunk counts, as for OpenAI's own stream, where all chunks but the last have none.
# Matters: the factor is the number of chunks: an answer of 500 chunks costs 500 times too much on paper. Nothing on the span shows it. Two sources
#   of one call that differ by a whole factor in the input, and not in the output, are this; the smaller is right.
# Output seen (who: tokens in, out, as the run's result and, where there is one, as its model span):
#> OpenAI client: 1000 3, span 1000 3
#> LangChain: 5000 12, span 5000 12
#> Pydantic AI: 5000 12, span 5000 12
#> Pydantic AI, openai_continuous_usage_stats: 1000 3, span 1000 3
#> smolagents: 5000 12
#> Agno: 5000 12, span 1000 3
#> OpenAI Agents SDK: 1000 3
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!OPENAI_@}" "${!LANGCHAIN_@}" "${!LANGSMITH_@}" "${!OPENINFERENCE_@}"
export NO_PROXY=127.0.0.1
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check openai==3.57.0 langchain-openai==1.7.4 'pydantic-ai-slim[openai]==2.68.0' \
  smolagents==1.26.0 agno==3.1.10 openai-agents==0.24.0 openinference-instrumentation-{openai==0.1.66,langchain==0.1.80,agno==1.0.15} \
  opentelemetry-sdk==1.45.2 opentelemetry-api==1.45.2

cat > "$dir/run.py" <<'PY'
import asyncio, json, logging, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import agents, openai
from agno.agent import Agent as AgnoAgent
from agno.models.openai import OpenAIChat
from langchain_openai import ChatOpenAI
from openinference.instrumentation.agno import AgnoInstrumentor
from openinference.instrumentation.langchain import LangChainInstrumentor
from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic_ai import Agent as PydanticAgent, InstrumentationSettings
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider
from smolagents import OpenAIModel
from smolagents.models import ChatMessage, agglomerate_stream_deltas

logging.disable()

class Provider(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        def chunk(out, choices):
            return {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-5-mini", "choices": choices,
                    "usage": {"prompt_tokens": 1000, "completion_tokens": out, "total_tokens": 1000 + out}}
        choice = lambda delta, end=None: [{"index": 0, "delta": delta, "finish_reason": end}]
        chunks = [chunk(1, choice({"role": "assistant", "content": "One "})), chunk(2, choice({"content": "two "})),
                  chunk(3, choice({"content": "three"})), chunk(3, choice({}, "stop")), chunk(3, [])]
        body = "".join(f"data: {json.dumps(c)}\n\n" for c in chunks) + "data: [DONE]\n\n"
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())
    def log_message(self, *_): pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
base_url = f"http://127.0.0.1:{server.server_port}/v1"
at = {"api_key": "none", "base_url": base_url}
memory = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(memory))

def openai_client():
    stream = openai.OpenAI(**at).chat.completions.create(model="gpt-5-mini", stream=True, messages=[{"role": "user", "content": "Count"}])
    usage = [chunk.usage for chunk in stream][-1]
    return usage.prompt_tokens, usage.completion_tokens

def langchain():
    whole = None
    for chunk in ChatOpenAI(model="gpt-5-mini", stream_usage=True, **at).stream("Count"):
        whole = chunk if whole is None else whole + chunk
    return whole.usage_metadata["input_tokens"], whole.usage_metadata["output_tokens"]

def pydantic_ai(**settings):
    PydanticAgent.instrument_all(InstrumentationSettings(tracer_provider=provider))
    agent = PydanticAgent(OpenAIChatModel("gpt-5-mini", provider=OpenAIProvider(**at)))
    async def run():
        async with agent.run_stream("Count", model_settings=settings) as result:
            await result.get_output()
            return result.usage.input_tokens, result.usage.output_tokens
    return asyncio.run(run())

def smolagents():
    model = OpenAIModel(model_id="gpt-5-mini", api_base=base_url, api_key="none")
    ask = ChatMessage(role="user", content=[{"type": "text", "text": "Count"}])
    usage = agglomerate_stream_deltas(list(model.generate_stream([ask]))).token_usage
    return usage.input_tokens, usage.output_tokens

def agno():
    agent = AgnoAgent(model=OpenAIChat(id="gpt-5-mini", **at), telemetry=False)
    *_, run = agent.run("Count", stream=True, yield_run_output=True)
    return run.metrics.input_tokens, run.metrics.output_tokens

def openai_agents():
    agents.set_tracing_disabled(True)
    model = agents.OpenAIChatCompletionsModel("gpt-5-mini", openai.AsyncOpenAI(**at))
    async def run():
        result = agents.Runner.run_streamed(agents.Agent(name="Counter", model=model), "Count")
        async for _ in result.stream_events(): pass
        return result.context_wrapper.usage
    usage = asyncio.run(run())
    return usage.input_tokens, usage.output_tokens

def case(name, call, instrumentor=None, **options):
    memory.clear()
    if instrumentor: instrumentor().instrument(tracer_provider=provider)
    told = call(**options)
    if instrumentor: instrumentor().uninstrument()
    keys = [("llm.token_count.prompt", "llm.token_count.completion"), ("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens")]
    seen = [(s.attributes[i], s.attributes[o]) for s in memory.get_finished_spans() for i, o in keys if i in s.attributes]
    print(f"{name}:", *told, end="")
    print(", span" if seen else "", *seen[0] if seen else "")

case("OpenAI client", openai_client, OpenAIInstrumentor)
case("LangChain", langchain, LangChainInstrumentor)
case("Pydantic AI", pydantic_ai)
case("Pydantic AI, openai_continuous_usage_stats", pydantic_ai, openai_continuous_usage_stats=True)
case("smolagents", smolagents)
case("Agno", agno, AgnoInstrumentor)
case("OpenAI Agents SDK", openai_agents)
PY

timeout 300 "$dir/venv/bin/python" "$dir/run.py" | sed 's/ *$//' > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
