#!/usr/bin/env bash
# When Agno writes memories in run(), each model and tool call of that is a trace of its own, without agent, session or user; in arun() none is.
#
# Packages: agno 3.1.10, openinference-instrumentation-agno 1.0.15, openai 3.57.0, opentelemetry-sdk 1.45.2.
# Behaviour: update_memory_on_run asks the model what to remember, beside the answer: in run() in a thread that has no trace context, in
#   arun() in a task that has it. One question with one answer and one memory is four traces in run(), three of them a single
#   span, and one trace of five spans in arun().
# Expected: the same tree both ways.
# Matters: here two thirds of the tokens of a run are outside its trace, and no filter by agent, session or user finds them. The list of traces is
#   mostly single model calls; "runs" counts four. A root of kind LLM or TOOL is no run. Time is the only tie: it begins within the run.
# Output seen (way: traces; then trace, root, its spans, tokens in, session and user):
#> run: 4
#>   Helper.run: 2 spans, 1000, s u
#>   OpenAIChat.invoke: 1 spans, 2000, None None
#>   add_memory: 1 spans, 0, None None
#>   OpenAIChat.invoke: 1 spans, 2000, None None
#> arun: 1
#>   Helper.arun: 5 spans, 5000, s u
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!OPENAI_@}" "${!AGNO_@}"
export NO_PROXY=127.0.0.1 AGNO_TELEMETRY=false
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check agno==3.1.10 openinference-instrumentation-agno==1.0.15 \
  openai==3.57.0 opentelemetry-sdk==1.45.2 opentelemetry-api==1.45.2

cat > "$dir/run.py" <<'PY'
import asyncio, json, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from agno.agent import Agent
from agno.db.in_memory import InMemoryDb
from agno.models.openai import OpenAIChat
from openinference.instrumentation.agno import AgnoInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

class Provider(BaseHTTPRequestHandler):
    def do_POST(self):
        ask = json.loads(self.rfile.read(int(self.headers["content-length"])))
        message = {"role": "assistant", "content": "Noted"}
        if ask.get("tools") and ask["messages"][-1]["role"] != "tool":
            call = {"name": "add_memory", "arguments": '{"memory": "Likes tea", "topics": ["tea"]}'}
            message = {"role": "assistant", "content": None, "tool_calls": [{"id": "t1", "type": "function", "function": call}]}
        tokens = 2000 if ask.get("tools") else 1000
        body = json.dumps({"id": "c1", "object": "chat.completion", "created": 1, "model": "m", "choices": [
            {"index": 0, "finish_reason": "stop", "message": message}],
            "usage": {"prompt_tokens": tokens, "completion_tokens": 50, "total_tokens": tokens + 50}}).encode()
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
for way in ("run", "arun"):
    memory.clear()
    model = OpenAIChat(id="m", api_key="none", base_url=f"http://127.0.0.1:{server.server_port}/v1")
    agent = Agent(name="Helper", model=model, db=InMemoryDb(), update_memory_on_run=True, telemetry=False)
    ask = {"input": "I like tea", "session_id": "s", "user_id": "u"}
    asyncio.run(agent.arun(**ask)) if way == "arun" else agent.run(**ask)
    traces = {}
    for span in sorted(memory.get_finished_spans(), key=lambda s: s.start_time): traces.setdefault(span.context.trace_id, []).append(span)
    print(f"{way}: {len(traces)}")
    for spans in sorted(traces.values(), key=lambda t: t[0].start_time if len(t) == 1 else 0):
        [root] = [s for s in spans if not s.parent]
        tokens = sum(s.attributes.get("llm.token_count.prompt", 0) for s in spans)
        print(f"  {root.name}: {len(spans)} spans, {tokens},", *(root.attributes.get(k) for k in ("session.id", "user.id")))
PY

timeout 120 "$dir/venv/bin/python" "$dir/run.py" > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
