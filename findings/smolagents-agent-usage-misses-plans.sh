#!/usr/bin/env bash
# The tokens on a smolagents agent's span leave out its planning calls, and with reset=False include those of earlier runs.
#
# Packages: smolagents 1.26.0, openinference-instrumentation-smolagents 0.1.43, openai 3.57.0, opentelemetry-sdk 1.45.2.
# Behaviour: OpenInference copies the agent's monitor to the run's span. smolagents feeds it with action steps only, so an agent that plans
#   before each step states half of what it used; and it is not emptied by run(reset=False), the way to go on with a conversation, so
#   the third turn states three turns. RunResult.token_usage of the same run knows the plans, and runs on as well.
# Expected: the sum of the run's own model calls, as in the plain case.
# Matters: one instrumentor's root can be below and above the truth, so neither "the larger one" nor "the parent is an aggregate, show that"
#   is right. Sum the model spans. A parent that states less than its children does not prove a double count.
# Output seen (case, run; then tokens in: each model span, the agent's span, RunResult):
#> plain 1: 1000, agent 1000, result 1000
#> planning 1: 1000 1000 1000 1000, agent 2000, result 4000
#> reset=False 1: 1000, agent 1000, result 1000
#> reset=False 2: 1000, agent 2000, result 2000
#> reset=False 3: 1000, agent 3000, result 3000
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!OPENAI_@}"
export NO_PROXY=127.0.0.1
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check smolagents==1.26.0 openinference-instrumentation-smolagents==0.1.43 \
  openai==3.57.0 opentelemetry-sdk==1.45.2 opentelemetry-api==1.45.2

cat > "$dir/run.py" <<'PY'
import json, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from openinference.instrumentation.smolagents import SmolagentsInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from smolagents import OpenAIModel, ToolCallingAgent, tool

class Provider(BaseHTTPRequestHandler):
    actions = 0
    def do_POST(self):
        ask = json.loads(self.rfile.read(int(self.headers["content-length"])))
        message = {"role": "assistant", "content": "First I look, then I answer."}
        if ask.get("tools"):
            Provider.actions += 1
            name, arguments = ("weather", {"city": "Oslo"}) if Provider.actions == 1 else ("final_answer", {"answer": "Sunny"})
            message = {"role": "assistant", "content": None, "tool_calls": [
                {"id": f"t{Provider.actions}", "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}]}
        body = json.dumps({"id": "c1", "object": "chat.completion", "created": 1, "model": "m", "choices": [
            {"index": 0, "finish_reason": "stop", "message": message}],
            "usage": {"prompt_tokens": 1000, "completion_tokens": 50, "total_tokens": 1050}}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass

@tool
def weather(city: str) -> str:
    """Tells the weather.

    Args:
        city: The city.
    """
    return "sunny"

server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
memory = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(memory))
SmolagentsInstrumentor().instrument(tracer_provider=provider)
model = OpenAIModel(model_id="m", api_base=f"http://127.0.0.1:{server.server_port}/v1", api_key="none")
for case, runs, options in (("plain", 1, {}), ("planning", 1, {"planning_interval": 1}), ("reset=False", 3, {})):
    agent = ToolCallingAgent(tools=[weather], model=model, verbosity_level=-1, return_full_result=True, **options)
    for run in range(1, runs + 1):
        memory.clear()
        Provider.actions = 0 if case == "planning" else 1
        result = agent.run("Weather in Oslo?", reset=case != "reset=False")
        assert result.output == "Sunny"
        spans = memory.get_finished_spans()
        tokens = lambda kind: [str(s.attributes["llm.token_count.prompt"]) for s in spans if s.attributes["openinference.span.kind"] == kind]
        print(f"{case} {run}:", *tokens("LLM"), end="")
        print(f", agent {tokens('AGENT')[0]}, result {result.token_usage.input_tokens}")
PY

timeout 120 "$dir/venv/bin/python" "$dir/run.py" > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
