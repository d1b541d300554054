#!/usr/bin/env bash
# The same Haystack agent has no spans, a span without tokens, or model spans, depending on what the process imported and ran before.
#
# Packages: haystack-ai 3.4.1, openinference-instrumentation-haystack 0.1.46, openai 3.57.0, opentelemetry-sdk 1.45.2.
# Behaviour: OpenInference wraps a component's class if it was imported before instrument(), or else when a Pipeline first runs it as a step.
#   Instrumented first, an Agent that is run by itself leaves nothing; as a step of a pipeline it has a span, yet the generator within it has
#   none, until some pipeline runs that class of generator as a step of its own. From then on all is seen. Tools have no span at all.
# Expected: instrument() first, then everything of that kind is seen; or nothing is.
# Matters: tokens and cost of one and the same agent go from nothing to true at some moment of a worker's life, which looks like a rise in
#   use; after each restart they vanish again. An agent's span without a model call below is "unknown tokens", not 0. To see all, import
#   the components before instrument().
# Output seen (imported when; run: spans with their kind and tokens in):
#> after, agent alone: -
#> after, agent in a pipeline: Agent.run CHAIN None, Pipeline.run CHAIN None
#> after, generator in a pipeline: OpenAIChatGenerator.run LLM 1000, Pipeline.run CHAIN None
#> after, the same agent in a pipeline: OpenAIChatGenerator.run LLM 1000, OpenAIChatGenerator.run LLM 1000, Agent.run CHAIN None, Pipeline.run CHAIN None
#> before, agent alone: OpenAIChatGenerator.run LLM 1000, OpenAIChatGenerator.run LLM 1000, Agent.run CHAIN None
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!OPENAI_@}"
export NO_PROXY=127.0.0.1 HAYSTACK_TELEMETRY_ENABLED=False
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check haystack-ai==3.4.1 openinference-instrumentation-haystack==0.1.46 \
  openai==3.57.0 opentelemetry-sdk==1.45.2 opentelemetry-api==1.45.2

cat > "$dir/run.py" <<'PY'
import json, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from openinference.instrumentation.haystack import HaystackInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

class Provider(BaseHTTPRequestHandler):
    def do_POST(self):
        ask = json.loads(self.rfile.read(int(self.headers["content-length"])))
        message = {"role": "assistant", "content": "Sunny"}
        if ask.get("tools") and ask["messages"][-1]["role"] == "user":
            call = {"id": "t1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}
            message = {"role": "assistant", "content": None, "tool_calls": [call]}
        body = json.dumps({"id": "c1", "object": "chat.completion", "created": 1, "model": "m", "choices": [
            {"index": 0, "finish_reason": "stop", "message": message}],
            "usage": {"prompt_tokens": 1000, "completion_tokens": 50, "total_tokens": 1050}}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
memory = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(memory))
when = sys.argv[1]
instrument = lambda: HaystackInstrumentor().instrument(tracer_provider=provider)
if when == "after": instrument()
from haystack import Pipeline
from haystack.components.agents import Agent
from haystack.components.generators.chat.openai import OpenAIChatGenerator
from haystack.dataclasses import ChatMessage
from haystack.tools import tool
from haystack.utils import Secret
if when == "before": instrument()

@tool
def weather(city: str) -> str:
    """Tells the weather."""
    return "sunny"

generator = lambda: OpenAIChatGenerator(Secret.from_token("none"), model="m", api_base_url=f"http://127.0.0.1:{server.server_port}/v1")
agent = lambda: Agent(chat_generator=generator(), tools=[weather])
question = {"messages": [ChatMessage.from_user("Weather in Oslo?")]}

def alone(step): return step.run(**question)
def piped(step):
    pipeline = Pipeline()
    pipeline.add_component("step", step)
    return pipeline.run({"step": question})["step"]

runs = {"agent alone": lambda: alone(agent()), "agent in a pipeline": lambda: piped(agent()),
        "generator in a pipeline": lambda: piped(generator()), "the same agent in a pipeline": lambda: piped(agent())}
for name, run in list(runs.items())[:1 if when == "before" else None]:
    memory.clear()
    answer = run()
    assert (answer.get("last_message") or answer["replies"][0]).text == "Sunny"
    spans = [f"{s.name} {s.attributes['openinference.span.kind']} {s.attributes.get('llm.token_count.prompt')}" for s in memory.get_finished_spans()]
    print(f"{when}, {name}:", ", ".join(spans) or "-")
PY

for when in after before; do timeout 120 "$dir/venv/bin/python" "$dir/run.py" $when; done > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
