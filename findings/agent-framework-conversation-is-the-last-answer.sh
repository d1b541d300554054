#!/usr/bin/env bash
# On spans of Microsoft's Agent Framework `gen_ai.conversation.id` is the id of the answer before, so each call has another conversation, and the first none.
#
# Packages: agent-framework-core 1.23.0, agent-framework-openai 1.17.0, openai 3.57.0, opentelemetry-sdk 1.45.2.
# Behaviour: one session, two runs, each of a model call, a tool and a second call, with the Responses API. A second `chat` has the response id
#   of the first as its conversation; the first `chat` of each run has none, also in the second run. The agent's span has none in
#   the first run, and in the second the id of the last answer of the first. With chat completions no span has any. The session's
#   own id, the same in both runs, is on no span.
# Expected: one value on all the spans of a session, as the convention says of this attribute (it names the session or thread).
# Matters: grouped by it, one session of n runs is about 2n sessions, most with a single call, and the rest of the calls belong to none.
#   A value that begins with "resp_", or equals another span's gen_ai.response.id, names an answer; follow it as a link
#   to the span before, or leave it out.
# Output seen (span: conversation id <- its response id; then the ids that the session itself has):
#> Responses, run 1
#> chat: none <- resp_1
#> chat: resp_1 <- resp_2
#> invoke_agent: none
#> Responses, run 2
#> chat: none <- resp_3
#> chat: resp_3 <- resp_4
#> invoke_agent: resp_2
#> session: same id in both runs True, on a span False, of the service resp_4
#> Chat completions, run 1
#> chat: none <- chat_5
#> chat: none <- chat_6
#> invoke_agent: none
#> Chat completions, run 2
#> chat: none <- chat_7
#> invoke_agent: none
#> session: same id in both runs True, on a span False, of the service None
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!OPENAI_@}"
export NO_PROXY=127.0.0.1
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check agent-framework-core==1.23.0 agent-framework-openai==1.17.0 openai==3.57.0 \
  opentelemetry-sdk==1.45.2 opentelemetry-api==1.45.2

cat > "$dir/run.py" <<'PY'
import asyncio, itertools, json, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

memory = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(memory))
trace.set_tracer_provider(provider)

from agent_framework import Agent
from agent_framework.observability import enable_instrumentation
from agent_framework_openai import OpenAIChatClient, OpenAIChatCompletionClient

number = itertools.count(1)

class Provider(BaseHTTPRequestHandler):
    def do_POST(self):
        ask = json.loads(self.rfile.read(int(self.headers["content-length"])))
        n = next(number)
        call = '"role": "tool"' not in (text := json.dumps(ask)) and "function_call_output" not in text
        if self.path.endswith("/responses"):
            item = ({"type": "function_call", "id": f"fc_{n}", "call_id": f"call_{n}", "name": "weather", "arguments": '{"city": "Oslo"}', "status": "completed"}
                    if call else {"type": "message", "id": f"m_{n}", "role": "assistant", "status": "completed",
                                  "content": [{"type": "output_text", "text": "Sunny", "annotations": []}]})
            answer = {"id": f"resp_{n}", "object": "response", "created_at": 1, "status": "completed", "model": "gpt-5-mini", "output": [item],
                      "usage": {"input_tokens": 1000, "output_tokens": 50, "total_tokens": 1050, "input_tokens_details": {"cached_tokens": 0},
                                "output_tokens_details": {"reasoning_tokens": 0}},
                      "parallel_tool_calls": True, "tool_choice": "auto", "tools": []}
        else:
            message = ({"role": "assistant", "content": None, "tool_calls": [{"id": f"call_{n}", "type": "function",
                        "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}]} if call else {"role": "assistant", "content": "Sunny"})
            answer = {"id": f"chat_{n}", "object": "chat.completion", "created": 1, "model": "gpt-5-mini",
                      "choices": [{"index": 0, "finish_reason": "tool_calls" if call else "stop", "message": message}],
                      "usage": {"prompt_tokens": 1000, "completion_tokens": 50, "total_tokens": 1050}}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
enable_instrumentation()

def weather(city: str) -> str:
    """Weather in a city"""
    return "sunny"

async def main():
    for name, Client in (("Responses", OpenAIChatClient), ("Chat completions", OpenAIChatCompletionClient)):
        client = Client(model="gpt-5-mini", api_key="none", base_url=f"http://127.0.0.1:{server.server_port}/v1")
        agent = Agent(client=client, name="Helper", instructions="Help", tools=[weather])
        session = agent.create_session()
        before, values = session.session_id, set()
        for run in (1, 2):
            memory.clear()
            await agent.run("Weather in Oslo?", session=session)
            print(f"{name}, run {run}")
            for s in memory.get_finished_spans():
                values |= {str(v) for v in s.attributes.values()}
                operation = s.attributes["gen_ai.operation.name"]
                if operation == "execute_tool": continue
                answer = s.attributes.get("gen_ai.response.id")
                print(f"{operation}: {s.attributes.get('gen_ai.conversation.id', 'none')}" + (f" <- {answer}" if answer else ""))
        print(f"session: same id in both runs {session.session_id == before}, on a span {before in values}, of the service {session.service_session_id}")

asyncio.run(main())
PY

"$dir/venv/bin/python" "$dir/run.py" 2> "$dir/errors" > "$dir/seen" || { cat "$dir/errors" >&2; exit 1; }
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
