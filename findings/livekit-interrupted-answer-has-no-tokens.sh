#!/usr/bin/env bash
# LiveKit's span of an answer that the user interrupts states 0 tokens in and out and the finish reason "error", with status UNSET.
#
# Packages: livekit-agents 1.8.9, livekit-plugins-openai 1.8.9, openai 3.57.0, opentelemetry-sdk 1.45.2.
# Behaviour: a session without audio asks a model that streams. If the usage, which comes last in the stream, is not there, the `llm_request` span has
#   gen_ai.usage.input_tokens 0 and output_tokens 0: when the user interrupts the answer, and when the provider tells no usage in streams.
#   The interrupted one has gen_ai.response.finish_reasons ["error"]. One that the provider refused has neither counts nor a
#   finish reason, but status ERROR and an error.type.
# Expected: no counts where none are known, and no "error" for what a user does in each conversation.
# Matters: users of voice agents interrupt all the time. Those calls are billed, at least for the whole prompt, and are told as free; an average of
#   tokens a call is too low. The finish reason "error" finds the interrupted answers and misses the failed ones. From this scope take input 0 for
#   unknown, and failures from the status.
# Output seen (case: status of llm_request, tokens in, out, finish reasons, error.type; status of the attempt below; interrupted, as agent_turn says):
#> answered: UNSET 1000 50 ['stop'] -; UNSET; False
#> no usage: UNSET 0 0 ['stop'] -; UNSET; False
#> interrupted: UNSET 0 0 ['error'] -; UNSET; True
#> refused: ERROR - - [] 400; ERROR; False
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!OPENAI_@}" "${!LIVEKIT_@}"
export NO_PROXY=127.0.0.1
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check livekit-agents==1.8.9 livekit-plugins-openai==1.8.9 openai==3.57.0 opentelemetry-sdk==1.45.2 \
  opentelemetry-api==1.45.2

cat > "$dir/run.py" <<'PY'
import asyncio, json, logging, os, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from livekit.agents import Agent, AgentSession
from livekit.agents.telemetry import set_tracer_provider
from livekit.agents.types import APIConnectOptions
from livekit.agents.voice.agent_session import SessionConnectOptions
from livekit.plugins import openai
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

logging.disable()

class Provider(BaseHTTPRequestHandler):
    case, half, go_on = "", threading.Event(), threading.Event()
    def do_POST(self):
        ask = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if Provider.case == "refused":
            body = b'{"error": {"message": "No", "type": "invalid_request_error"}}'
            self.send_response(400)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            return self.wfile.write(body)
        def send(choices, usage=None):
            self.wfile.write(("data: " + json.dumps({"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": ask["model"],
                              "choices": choices, "usage": usage}) + "\n\n").encode())
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        try:
            send([{"index": 0, "delta": {"role": "assistant", "content": "It is sunny. "}, "finish_reason": None}])
            if Provider.case == "interrupted":
                Provider.half.set()
                Provider.go_on.wait(30)
            send([{"index": 0, "delta": {"content": "Go out."}, "finish_reason": None}])
            send([{"index": 0, "delta": {}, "finish_reason": "stop"}])
            if Provider.case != "no usage": send([], {"prompt_tokens": 1000, "completion_tokens": 50, "total_tokens": 1050})
            self.wfile.write(b"data: [DONE]\n\n")
        except OSError: pass
    def log_message(self, *_): pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
memory, provider = InMemorySpanExporter(), TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(memory))
set_tracer_provider(provider)

async def main():
    for Provider.case in "answered", "no usage", "interrupted", "refused":
        model = openai.LLM(model="gpt-5-mini", api_key="none", base_url=f"http://127.0.0.1:{server.server_port}/v1")
        async with AgentSession(llm=model, conn_options=SessionConnectOptions(llm_conn_options=APIConnectOptions(max_retry=0))) as session:
            await session.start(Agent(instructions="Be kind."))
            run = session.run(user_input="Weather?")
            if Provider.case == "interrupted":
                await asyncio.to_thread(Provider.half.wait, 30)
                await asyncio.sleep(.5)
                await session.interrupt()
                Provider.go_on.set()
            try: await asyncio.wait_for(run, 20)
            except Exception: assert Provider.case == "refused"
        spans = memory.get_finished_spans()
        memory.clear()
        [request], [attempt], [turn] = ([s for s in spans if s.name == name] for name in ("llm_request", "llm_request_run", "agent_turn"))
        of = request.attributes
        print(f"{Provider.case}: {request.status.status_code.name}", of.get("gen_ai.usage.input_tokens", "-"), of.get("gen_ai.usage.output_tokens", "-"),
              list(of.get("gen_ai.response.finish_reasons", [])), of.get("error.type", "-"), end="; ")
        print(attempt.status.status_code.name, turn.attributes.get("lk.interrupted", "-"), sep="; ")

asyncio.run(main())
PY

timeout 100 "$dir/venv/bin/python" "$dir/run.py" > "$dir/seen" 2> "$dir/err"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
