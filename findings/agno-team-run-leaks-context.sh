#!/usr/bin/env bash
# After Team.run or Team.arun, every later run of the thread or task is stored as a child of the team's ended root.
#
# Packages: agno 3.1.10, openinference-instrumentation-agno 1.0.15, openai 3.57.0, opentelemetry-sdk 1.45.2.
# Behaviour: Team.run leaves its span as the current one. An unrelated Agent.run in the same thread then gets the team's trace id and
#   the team's root as parent, though that has ended and has been exported. Spans made by hand do, too. `await team.arun()` does
#   the same to what the same task awaits next. Agents one after the other are right.
# Expected: a trace of its own for each run, as before the team ran.
# Matters: one team run at the start of a service puts the rest of the day into one trace: children that begin after their parent's
#   end, a trace as long as the process, tokens of all later agents summed into the team. A viewer has to treat a child
#   that begins after its parent ended as a run of its own.
# Output seen (run: is it a root, number of its trace, does it begin after its parent's end):
#> before, agent: root, trace 1
#> team: root, trace 2
#> after, agent: child of Crew.run, trace 2, begins after its end
#> by hand: child of Crew.run, trace 2, begins after its end
#> in another thread: root, trace 3
#> Async team.arun: root, trace 4
#> after arun, agent.arun: child of Async team.arun, trace 4, begins after its end
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
from agno.team import Team
from openinference.instrumentation.agno import AgnoInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

class Provider(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        body = json.dumps({"id": "c1", "object": "chat.completion", "created": 1, "model": "m", "choices": [
            {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hello"}}],
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
AgnoInstrumentor().instrument(tracer_provider=provider)
model = lambda: OpenAIChat(id="m", api_key="none", base_url=f"http://127.0.0.1:{server.server_port}/v1")
agent = lambda name: Agent(name=name, model=model(), telemetry=False)

agent("before, agent").run("Hi")
Team(name="Crew", members=[agent("Member")], model=model(), telemetry=False).run("Hi")
agent("after, agent").run("Hi")
provider.get_tracer("app").start_span("by hand").end()

async def both():
    await Team(name="Async team", members=[agent("Member")], model=model(), telemetry=False).arun("Hi")
    await agent("after arun, agent").arun("Hi")

for work in (lambda: agent("in another thread").run("Hi"), lambda: asyncio.run(both())):
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

spans = sorted(memory.get_finished_spans(), key=lambda s: s.start_time)
by_id, traces = {s.context.span_id: s for s in spans}, []
for s in spans:
    if s.context.trace_id not in traces: traces.append(s.context.trace_id)
    name = s.name.removesuffix(".run").replace("Crew", "team").replace("_", " ")
    if s.name.endswith("invoke"): continue
    parent = by_id[s.parent.span_id] if s.parent else None
    late = ", begins after its end" if parent and s.start_time > parent.end_time else ""
    print(f"{name}: {'child of ' + parent.name.replace('_', ' ') if parent else 'root'}, trace {traces.index(s.context.trace_id) + 1}{late}")
PY

"$dir/venv/bin/python" "$dir/run.py" > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
