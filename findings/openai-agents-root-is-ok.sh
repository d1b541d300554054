#!/usr/bin/env bash
# A run of the OpenAI Agents SDK that failed has an OK root; one that was cancelled is OK in every span, the unanswered model call too.
#
# Packages: openai-agents 0.24.0, openai 3.57.0, openinference-instrumentation-openai-agents 2.6.0, opentelemetry-sdk 1.45.2.
# Behaviour: the provider answers 400: Runner.run raises, the model's and the agent's spans are ERROR, the two spans above them and the
#   `turn` OK. The caller's task is cancelled while the model is at work: five spans, all OK, one of them an LLM span with neither
#   answer nor token count.
# Expected: ERROR up to the root for an exception that leaves Runner.run, and anything but OK for what was cancelled.
# Matters: OK is set on purpose here (not UNSET), so a viewer that trusts an explicit OK, or the root's status, counts failed runs as
#   good ones. Take the worst status of the agents' and models' spans below; treat an OK model call without any answer as cut off.
# Output seen (case, exception, then name, kind and status of each span, outermost first, and whether the LLM span has an output):
#> answered: none; Agent workflow AGENT OK, Agent workflow CHAIN OK, Main AGENT OK, turn CHAIN OK, generation LLM OK; True
#> refused: BadRequestError; Agent workflow AGENT OK, Agent workflow CHAIN OK, Main AGENT ERROR, turn CHAIN OK, generation LLM ERROR; False
#> cancelled: CancelledError; Agent workflow AGENT OK, Agent workflow CHAIN OK, Main AGENT OK, turn CHAIN OK, generation LLM OK; False
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!OPENAI_@}"
export NO_PROXY=127.0.0.1
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check openai-agents==0.24.0 openai==3.57.0 openinference-instrumentation-openai-agents==2.6.0 \
  opentelemetry-sdk==1.45.2 opentelemetry-api==1.45.2

cat > "$dir/run.py" <<'PY'
import asyncio, json, logging, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from agents import Agent, Runner, set_default_openai_api, set_default_openai_client
from openai import AsyncOpenAI
from openinference.instrumentation.openai_agents import OpenAIAgentsInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

logging.disable()
asked, release = threading.Event(), threading.Event()

class Provider(BaseHTTPRequestHandler):
    def do_POST(self):
        prompt = json.loads(self.rfile.read(int(self.headers["content-length"])))["messages"][-1]["content"]
        answer = {"id": "c1", "object": "chat.completion", "created": 1, "model": "m", "choices": [
            {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hello"}}]}
        if prompt == "cancelled": asked.set(), release.wait(30)
        body = json.dumps({"error": {"message": "no"}} if prompt == "refused" else answer).encode()
        self.send_response(400 if prompt == "refused" else 200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if prompt != "cancelled": self.wfile.write(body)
    def log_message(self, *_): pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
memory = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(memory))
OpenAIAgentsInstrumentor().instrument(tracer_provider=provider)

async def main():
    set_default_openai_client(AsyncOpenAI(api_key="none", base_url=f"http://127.0.0.1:{server.server_port}/v1"), use_for_tracing=False)
    set_default_openai_api("chat_completions")
    for case in ("answered", "refused", "cancelled"):
        memory.clear()
        run = asyncio.ensure_future(Runner.run(Agent(name="Main", model="m"), case))
        if case == "cancelled":
            await asyncio.to_thread(asked.wait, 30)
            run.cancel()
        try: await run; error = "none"
        except (asyncio.CancelledError, Exception) as e: error = type(e).__name__
        release.set() if case == "cancelled" else None
        spans = sorted(memory.get_finished_spans(), key=lambda s: s.start_time)
        kind = "openinference.span.kind"
        answered = any("output" in k for s in spans if s.attributes[kind] == "LLM" for k in s.attributes)
        print(f"{case}: {error};", ", ".join(f"{s.name} {s.attributes[kind]} {s.status.status_code.name}" for s in spans) + f"; {answered}")

asyncio.run(main())
PY

timeout 120 "$dir/venv/bin/python" "$dir/run.py" > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
