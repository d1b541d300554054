#!/usr/bin/env bash
# Pydantic AI states the cost 0.0 for a stream whose reader leaves, on a span that has no tokens; where a provider tells no usage it states no cost.
#
# Packages: pydantic-ai-slim[openai] 2.68.0, openai 3.57.0, opentelemetry-sdk 1.45.2.
# Behaviour: a reader leaves run_stream() after the first piece of the answer; the usage would have come with the last. The `chat` span has no
#   gen_ai.usage.*, and operation.cost 0.0. A call whose provider tells no usage, streamed or not, and one of a model that no price list knows
#   have no operation.cost. The status is UNSET in each case, as after a good call.
# Expected: no cost where the tokens are not known, as in the other cases.
# Matters: 0.0 is a number that adds up, and wins over the reader's own estimate or its mark for "unknown": an app whose users stop long answers costs
#   little on paper, though the prompt was billed. Take a cost of this scope only if gen_ai.usage.* stands beside it.
# Output seen (case: tokens in and out, operation.cost, status):
#> whole: 1000 50 0.00035 UNSET
#> whole, no usage told: - - - UNSET
#> streamed: 1000 50 0.00035 UNSET
#> streamed, no usage told: - - - UNSET
#> streamed, left: - - 0.0 UNSET
#> whole, unknown model: 1000 50 - UNSET
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!OPENAI_@}"
export NO_PROXY=127.0.0.1
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check 'pydantic-ai-slim[openai]==2.68.0' openai==3.57.0 opentelemetry-sdk==1.45.2 opentelemetry-api==1.45.2

cat > "$dir/run.py" <<'PY'
import asyncio, json, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

class Provider(BaseHTTPRequestHandler):
    usage, left = None, threading.Event()
    def do_POST(self):
        ask = json.loads(self.rfile.read(int(self.headers["content-length"])))
        base = {"id": "c1", "created": 1, "model": ask["model"]}
        if not ask.get("stream"):
            message = {"role": "assistant", "content": "Sunny"}
            body = json.dumps({**base, "object": "chat.completion", "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
                               **({"usage": self.usage} if self.usage else {})}).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            return self.wfile.write(body)
        def send(choices, **more):
            self.wfile.write(("data: " + json.dumps({**base, "object": "chat.completion.chunk", "choices": choices, **more}) + "\n\n").encode())
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        try:
            send([{"index": 0, "delta": {"role": "assistant", "content": "Sunny"}, "finish_reason": None}])
            Provider.left.wait(5)
            send([{"index": 0, "delta": {"content": " and warm"}, "finish_reason": None}])
            send([{"index": 0, "delta": {}, "finish_reason": "stop"}])
            if self.usage: send([], usage=self.usage)
            self.wfile.write(b"data: [DONE]\n\n")
        except OSError: pass
    def log_message(self, *_): pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
memory, provider = InMemorySpanExporter(), TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(memory))
trace.set_tracer_provider(provider)
Agent.instrument_all()

async def stream(agent, leave):
    async with agent.run_stream("Weather?") as result:
        async for text in result.stream_text(delta=True, debounce_by=None):
            if leave: break
            Provider.left.set()
    Provider.left.set()

async def main():
    told = {"prompt_tokens": 1000, "completion_tokens": 50, "total_tokens": 1050}
    for name, model, usage, streamed, leave in (("whole", "gpt-5-mini", told, False, False), ("whole, no usage told", "gpt-5-mini", None, False, False),
            ("streamed", "gpt-5-mini", told, True, False), ("streamed, no usage told", "gpt-5-mini", None, True, False),
            ("streamed, left", "gpt-5-mini", told, True, True), ("whole, unknown model", "our-own", told, False, False)):
        Provider.usage = usage
        Provider.left.clear()
        agent = Agent(OpenAIChatModel(model, provider=OpenAIProvider(api_key="none", base_url=f"http://127.0.0.1:{server.server_port}/v1")))
        await (stream(agent, leave) if streamed else agent.run("Weather?"))
        await asyncio.sleep(.3)
        [span] = [s for s in memory.get_finished_spans() if s.attributes.get("gen_ai.operation.name") == "chat"]
        memory.clear()
        print(f"{name}:", *(span.attributes.get("gen_ai.usage." + key, "-") for key in ("input_tokens", "output_tokens")),
              span.attributes.get("operation.cost", "-"), span.status.status_code.name)

asyncio.run(main())
PY

timeout 60 "$dir/venv/bin/python" "$dir/run.py" > "$dir/seen" 2> "$dir/err"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
