#!/usr/bin/env bash
# LlamaIndex agents stream inside even if nobody asked: their model spans end before the first token has come, and have no token counts.
#
# Packages: llama-index-core 0.14.25, llama-index-llms-openai 0.8.3, openinference-instrumentation-llama-index 4.6.1, openai 2.54.0,
#   opentelemetry-sdk 1.45.2.
# Behaviour: `await FunctionAgent(...).run("...")` returns a whole answer, but asks the model for a stream. The LLM span ends when the stream
#   object is handed out; the event "First Token Stream Event" on that same span is half a second later than its end, and the last
#   token a second. As `stream_options` is not sent, OpenAI's protocol gives no usage. Sending it, the counts arrive on the span
#   after its end; they are exported, because OpenInference holds the span back. With streaming=False all is right.
# Expected: a span as long as the call, and the same usage as without streaming, since the caller did not stream.
# Matters: the model looks instant, and its time seems to be the framework's own work; latency by model is meaningless, and "cost: none"
#   is the default. An event later than its span's end is the mark: the span lasted at least that long.
# Output seen (how; did the span last as long as the model took, 1.5 s; its first token against its end; tokens in and out):
#> agent: shorter, first token after the end, no tokens
#> agent with include_usage: shorter, first token after the end, 1000 50
#> agent with streaming=False: whole, no first token, 1000 50
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!OPENAI_@}" "${!OPENINFERENCE_@}"
export NO_PROXY=127.0.0.1
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check llama-index-core==0.14.25 llama-index-llms-openai==0.8.3 \
  openinference-instrumentation-llama-index==4.6.1 openai==2.54.0 opentelemetry-sdk==1.45.2 opentelemetry-api==1.45.2

cat > "$dir/run.py" <<'PY'
import asyncio, json, logging, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.llms.openai import OpenAI
from openinference.instrumentation.llama_index import LlamaIndexInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

logging.disable()
USAGE = {"prompt_tokens": 1000, "completion_tokens": 50, "total_tokens": 1050}

class Provider(BaseHTTPRequestHandler):
    def do_POST(self):
        ask = json.loads(self.rfile.read(int(self.headers["content-length"])))
        base = {"id": "c1", "created": 1, "model": "gpt-4.1-mini"}
        self.send_response(200)
        if not ask.get("stream"):
            time.sleep(1.5)
            body = json.dumps({**base, "object": "chat.completion", "usage": USAGE, "choices": [
                {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hello there"}}]}).encode()
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            return
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        chunk = lambda **more: {**base, "object": "chat.completion.chunk", "choices": [], **more}
        choice = lambda delta, end=None: chunk(choices=[{"index": 0, "delta": delta, "finish_reason": end}])
        chunks = [choice({"role": "assistant", "content": "Hello"}), choice({"content": " there"}), choice({}, "stop")]
        if (ask.get("stream_options") or {}).get("include_usage"): chunks.append(chunk(usage=USAGE))
        for number, one in enumerate(chunks):
            if number < 3: time.sleep(0.5)
            self.wfile.write(f"data: {json.dumps(one)}\n\n".encode())
            self.wfile.flush()
        self.wfile.write(b"data: [DONE]\n\n")
    def log_message(self, *_): pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
memory = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(memory))
LlamaIndexInstrumentor().instrument(tracer_provider=provider)

async def case(name, model=None, **options):
    llm = OpenAI(model="gpt-4.1-mini", api_key="none", api_base=f"http://127.0.0.1:{server.server_port}/v1", **model or {})
    memory.clear()
    assert str(await FunctionAgent(llm=llm, **options).run("Hi")) == "Hello there"
    [span] = [s for s in memory.get_finished_spans() if s.name in ("OpenAI.achat", "OpenAI.astream_chat")]
    first = [e.timestamp > span.end_time for e in span.events if e.name == "First Token Stream Event"]
    tokens = [str(span.attributes[k]) for k in ("llm.token_count.prompt", "llm.token_count.completion") if k in span.attributes]
    print(f"{name}: {'whole' if span.end_time - span.start_time > 1.4e9 else 'shorter'},",
          f"first token {'after' if first[0] else 'before'} the end," if first else "no first token,", " ".join(tokens) or "no tokens")

async def main():
    await case("agent")
    await case("agent with include_usage", {"additional_kwargs": {"stream_options": {"include_usage": True}}})
    await case("agent with streaming=False", streaming=False)

asyncio.run(main())
PY

timeout 120 "$dir/venv/bin/python" "$dir/run.py" > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
