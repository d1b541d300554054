#!/usr/bin/env bash
# The OpenAI Agents SDK tells cached and reasoning tokens on a span only with the Responses API; with chat completions they are dropped.
#
# Packages: openai-agents 0.24.0, openai 3.57.0, openinference-instrumentation-openai-agents 2.6.0, opentelemetry-sdk 1.45.2.
# Behaviour: the provider reports the same usage by both interfaces: 1000 in, 800 of them cached, 50 out, 30 of them reasoning. The span of
#   the Responses call (`response`) has all four. That of the chat call (`generation`) has prompt and completion alone, though the SDK
#   itself has read the rest (result.context_wrapper.usage). Streamed or not is the same.
# Expected: the same counts for the same usage.
# Matters: chat completions is what every other provider behind this SDK speaks. Their cost comes out up to ten times too high for cached
#   prompts, and a switch of interface looks like a change of price. No cache key on a span does not mean "nothing cached".
# Output seen (interface, span, prompt, cached, completion, reasoning; then what the SDK counted as cached and reasoning):
#> responses: response, 1000, 800, 50, 30; SDK 800, 30
#> chat_completions: generation, 1000, None, 50, None; SDK 800, 30
#> chat_completions streamed: generation, 1000, None, 50, None; SDK 800, 30
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!OPENAI_@}"
export NO_PROXY=127.0.0.1
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check openai-agents==0.24.0 openai==3.57.0 openinference-instrumentation-openai-agents==2.6.0 \
  opentelemetry-sdk==1.45.2 opentelemetry-api==1.45.2

cat > "$dir/run.py" <<'PY'
import asyncio, json, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from agents import Agent, Runner, set_default_openai_api, set_default_openai_client
from openai import AsyncOpenAI
from openinference.instrumentation.openai_agents import OpenAIAgentsInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

CHAT = {"prompt_tokens": 1000, "completion_tokens": 50, "total_tokens": 1050, "prompt_tokens_details": {"cached_tokens": 800},
        "completion_tokens_details": {"reasoning_tokens": 30}}
RESPONSE = {"id": "r1", "object": "response", "created_at": 1, "model": "m", "status": "completed", "tools": [], "tool_choice": "auto",
    "parallel_tool_calls": True, "output": [{"id": "m1", "type": "message", "role": "assistant", "status": "completed", "content": [
        {"type": "output_text", "text": "Hello", "annotations": []}]}],
    "usage": {"input_tokens": 1000, "output_tokens": 50, "total_tokens": 1050, "input_tokens_details": {"cached_tokens": 800},
              "output_tokens_details": {"reasoning_tokens": 30}}}

class Provider(BaseHTTPRequestHandler):
    def do_POST(self):
        streamed = json.loads(self.rfile.read(int(self.headers["content-length"]))).get("stream")
        base = {"id": "c1", "created": 1, "model": "m"}
        chunk = lambda **more: {**base, "object": "chat.completion.chunk", "choices": [], **more}
        choice = lambda delta, end=None: chunk(choices=[{"index": 0, "delta": delta, "finish_reason": end}])
        if "responses" in self.path: text = json.dumps(RESPONSE)
        elif streamed:
            events = [choice({"role": "assistant", "content": "Hello"}), choice({}, "stop"), chunk(usage=CHAT)]
            text = "".join(f"data: {json.dumps(e)}\n\n" for e in events) + "data: [DONE]\n\n"
        else: text = json.dumps({**base, "object": "chat.completion", "usage": CHAT, "choices": [
            {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hello"}}]})
        self.send_response(200)
        self.send_header("content-type", "text/event-stream" if streamed else "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())
    def log_message(self, *_): pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
memory = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(memory))
OpenAIAgentsInstrumentor().instrument(tracer_provider=provider)

async def main():
    set_default_openai_client(AsyncOpenAI(api_key="none", base_url=f"http://127.0.0.1:{server.server_port}/v1"), use_for_tracing=False)
    for how in ("responses", "chat_completions", "chat_completions streamed"):
        memory.clear()
        set_default_openai_api(how.split()[0])
        if "streamed" in how:
            result = Runner.run_streamed(Agent(name="Main", model="m"), "Hi")
            async for _ in result.stream_events(): pass
        else: result = await Runner.run(Agent(name="Main", model="m"), "Hi")
        [span] = [s for s in memory.get_finished_spans() if s.attributes["openinference.span.kind"] == "LLM"]
        counts = [span.attributes.get("llm.token_count." + k) for k in (
            "prompt", "prompt_details.cache_read", "completion", "completion_details.reasoning")]
        usage = result.context_wrapper.usage
        print(f"{how}: {span.name}, {', '.join(map(str, counts))}; SDK {usage.input_tokens_details.cached_tokens}, "
              f"{usage.output_tokens_details.reasoning_tokens}")

asyncio.run(main())
PY

timeout 120 "$dir/venv/bin/python" "$dir/run.py" > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
