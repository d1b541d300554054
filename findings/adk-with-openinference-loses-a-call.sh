#!/usr/bin/env bash
# OpenInference on today's Google ADK: two model calls become one, written onto the agent's span, and half of the tokens are gone.
#
# Packages: google-adk 2.13.0, openinference-instrumentation-google-adk 1.0.5, google-genai 2.34.0, opentelemetry-sdk 1.44.0.
# Behaviour: an agent asks the model, calls a tool, asks again; 700 tokens in and 65 out each time. ADK's own spans tell both calls
#   (`generate_content`). With OpenInference's instrumentor, which accepts this ADK (it asks for 2.10.0 or later), those two are not
#   made, and its attributes land on the span that is current: ADK's `invoke_agent` becomes kind LLM with gen_ai.operation.name
#   "generate_content", and the second call overwrites the first. The tool hangs under that "model call".
# Expected: two LLM spans with 700 and 65 each below the agent.
# Matters: adding an instrumentor halves the cost shown (an agent of ten steps shows a tenth), with nothing wrong on the surface. A
#   span named `invoke_agent …` that says it is a model call, with a tool below it, is an agent with the usage of its last step.
# Output seen (instrumentor, requests at the provider; then span, operation, OpenInference kind, tokens in and out):
#> without, 2 requests
#>   invoke_workflow helper | invoke_workflow | None | None None
#>   invoke_agent helper | invoke_agent | None | None None
#>   generate_content gemini-x | generate_content | None | 700 65
#>   execute_tool get_weather | execute_tool | None | None None
#>   generate_content gemini-x | generate_content | None | 700 65
#> with, 2 requests
#>   invocation [app] | None | CHAIN | None None
#>   invoke_workflow helper | invoke_workflow | CHAIN | None None
#>   agent_run [helper] | None | AGENT | None None
#>   invoke_agent helper | generate_content | LLM | 700 65
#>   execute_tool get_weather | execute_tool | TOOL | None None
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!GOOGLE_@}" "${!GEMINI_@}" "${!ADK_@}"
export NO_PROXY=127.0.0.1 GOOGLE_API_KEY=none
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check google-adk==2.13.0 google-genai==2.34.0 opentelemetry-sdk==1.44.0 \
  openinference-instrumentation-google-adk==1.0.5

cat > "$dir/run.py" <<'PY'
import asyncio, json, os, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

requests = []

class Gemini(BaseHTTPRequestHandler):
    def do_POST(self):
        requests.append(self.rfile.read(int(self.headers["content-length"])))
        part = {"text": "Sunny"} if b"functionResponse" in requests[-1] else {"functionCall": {"name": "get_weather", "args": {}}}
        body = json.dumps({"modelVersion": "gemini-x", "responseId": "r1", "candidates": [{"index": 0, "finishReason": "STOP", "content": {
            "role": "model", "parts": [part]}}], "usageMetadata": {"promptTokenCount": 700, "candidatesTokenCount": 40,
            "thoughtsTokenCount": 25, "totalTokenCount": 765}}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Gemini)
threading.Thread(target=server.serve_forever, daemon=True).start()
os.environ["GOOGLE_GEMINI_BASE_URL"] = f"http://127.0.0.1:{server.server_port}"
memory = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(memory))
trace.set_tracer_provider(provider)
if sys.argv[1] == "with":
    from openinference.instrumentation.google_adk import GoogleADKInstrumentor
    GoogleADKInstrumentor().instrument(tracer_provider=provider)
from google.adk.agents import Agent
from google.adk.runners import InMemoryRunner
from google.genai.types import Content, Part

def get_weather() -> dict:
    """Tells the weather."""
    return {"weather": "sunny"}

async def main():
    runner = InMemoryRunner(agent=Agent(name="helper", model="gemini-x", tools=[get_weather]), app_name="app")
    session = await runner.session_service.create_session(app_name="app", user_id="u")
    message = Content(role="user", parts=[Part(text="Hi")])
    async for _ in runner.run_async(user_id="u", session_id=session.id, new_message=message): pass

asyncio.run(main())
print(f"{sys.argv[1]}, {len(requests)} requests")
for s in sorted(memory.get_finished_spans(), key=lambda s: s.start_time):
    a, usage = s.attributes, "gen_ai.usage."
    print(f"  {s.name} | {a.get('gen_ai.operation.name')} | {a.get('openinference.span.kind')} |", a.get(usage + "input_tokens"), a.get(usage + "output_tokens"))
PY

for mode in without with; do timeout 120 "$dir/venv/bin/python" "$dir/run.py" $mode >> "$dir/seen" 2> "$dir/err" || { cat "$dir/err"; exit 1; }; done
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
