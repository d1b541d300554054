#!/usr/bin/env bash
# A run of Agno that is cut off (timeout, client gone) ends UNSET, its open tool is never exported, and what ran in the tool is orphaned.
#
# Packages: agno 3.1.10, openinference-instrumentation-agno 1.0.15, openai 3.57.0, opentelemetry-sdk 1.45.2.
# Behaviour: asyncio.wait_for cuts an agent while its tool is at work; the tool had called a second agent, which was done. The AGENT span ends
#   with status UNSET, no exception event and no output. The TOOL span is never ended, so no exporter gets it. The inner agent is
#   OK, below a parent id that never comes. (Runs that finish or fail have OK or ERROR here, never UNSET.)
# Expected: ERROR with CancelledError on both open spans.
# Matters: "no ERROR in the trace" counts a run that was killed as a success. And a missing parent is no proof of a running span: here the
#   root has ended. On AGENT and LLM spans of this instrumentor UNSET means "cut"; an orphan below an ended root belongs to a lost tool.
# Output seen (span, kind, status, events, place in the tree):
#> Cut.arun AGENT UNSET 0 root
#> OpenAIChat.ainvoke LLM OK 0 below Cut.arun
#> Inner.arun AGENT OK 0 parent never exported
#> OpenAIChat.ainvoke LLM OK 0 below Inner.arun
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!OPENAI_@}"
export NO_PROXY=127.0.0.1 AGNO_TELEMETRY=false
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check agno==3.1.10 openinference-instrumentation-agno==1.0.15 openai==3.57.0 \
  opentelemetry-sdk==1.45.2 opentelemetry-api==1.45.2

cat > "$dir/run.py" <<'PY'
import asyncio, json, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from agno.agent import Agent
from agno.models.openai import OpenAIChat
from openinference.instrumentation.agno import AgnoInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

class Provider(BaseHTTPRequestHandler):
    def do_POST(self):
        ask = json.loads(self.rfile.read(int(self.headers["content-length"])))
        call = {"id": "call_1", "type": "function", "function": {"name": "search", "arguments": "{}"}}
        message = {"role": "assistant", "content": "Done"}
        if ask.get("tools"): message = {"role": "assistant", "content": None, "tool_calls": [call]}
        body = json.dumps({"id": "c1", "object": "chat.completion", "created": 1, "model": "m", "choices": [
            {"index": 0, "finish_reason": "stop", "message": message}]}).encode()
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
AgnoInstrumentor().instrument(tracer_provider=provider)
model = lambda: OpenAIChat(id="m", api_key="none", base_url=f"http://127.0.0.1:{server.server_port}/v1")
inner_is_done = asyncio.Event()

async def search() -> str:
    """Search for it."""
    await Agent(name="Inner", model=model(), telemetry=False).arun("Look")
    inner_is_done.set()
    await asyncio.sleep(60)

async def main():
    run = asyncio.ensure_future(Agent(name="Cut", model=model(), tools=[search], telemetry=False).arun("Go"))
    await inner_is_done.wait()
    try: await asyncio.wait_for(run, 0.2)
    except TimeoutError: pass

asyncio.run(main())
spans = sorted(memory.get_finished_spans(), key=lambda s: s.start_time)
names = {s.context.span_id: s.name for s in spans}
for s in spans:
    place = "root" if not s.parent else "below " + names[s.parent.span_id] if s.parent.span_id in names else "parent never exported"
    print(s.name, s.attributes["openinference.span.kind"], s.status.status_code.name, len(s.events), place)
PY

timeout 120 "$dir/venv/bin/python" "$dir/run.py" > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
