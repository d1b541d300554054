#!/usr/bin/env bash
# A stream of OpenAI's client that the program stops reading is UNSET, OK or ERROR, depending on the instrumentor, and ends when memory is freed.
#
# Packages: openai 3.57.0, openinference-instrumentation-openai 0.1.66, opentelemetry-instrumentation-openai 0.62.4 (Traceloop),
#   opentelemetry-instrumentation-genai-openai 1.3b0, opentelemetry-sdk 1.45.2.
# Behaviour: `for chunk in stream: break`, as programs do that have seen enough. None of the three spans has ended then. They end when the
#   stream object is collected: OpenInference leaves the status UNSET, Traceloop sets OK, OpenTelemetry's own ERROR with
#   error.type `_OTHER`. A stream that is never read is the same. With `with stream:` around it the span ends at once,
#   and OpenTelemetry's is UNSET. No usage on any of them, as it comes with the last chunk.
# Expected: one rule, and an end when the program lets go. OpenTelemetry's description of spans for models does not say.
# Matters: the span's length is the life of a variable and not that of the call: an agent that keeps the stream object in its state has a
#   model call that lasts for hours, or none at all if the process ends. The error rate of one program depends on the instrumentor
#   that was chosen. OK without usage, and ERROR `_OTHER` without usage, can both be "the reader left", and were billed.
# Output seen (instrumentor, way: ended while the stream object is held; status and error.type at the end; has usage):
#> openinference read: ended, OK, none; usage
#> openinference break: open, UNSET, none; no usage
#> openinference unread: open, UNSET, none; no usage
#> openinference with: ended, UNSET, none; no usage
#> traceloop read: ended, OK, none; usage
#> traceloop break: open, OK, none; no usage
#> traceloop unread: open, OK, none; no usage
#> traceloop with: ended, OK, none; no usage
#> opentelemetry read: ended, UNSET, none; usage
#> opentelemetry break: open, ERROR, _OTHER; no usage
#> opentelemetry unread: open, ERROR, _OTHER; no usage
#> opentelemetry with: ended, UNSET, none; no usage
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!OPENAI_@}" "${!OPENINFERENCE_@}" "${!TRACELOOP_@}"
export NO_PROXY=127.0.0.1
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check openai==3.57.0 openinference-instrumentation-openai==0.1.66 \
  opentelemetry-instrumentation-openai==0.62.4 opentelemetry-instrumentation-genai-openai==1.3b0 opentelemetry-sdk==1.45.2

cat > "$dir/run.py" <<'PY'
import gc, importlib, json, logging, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
import openai

logging.disable()

class Provider(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        chunk = lambda **more: {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-5-mini", "choices": [], **more}
        choice = lambda delta, end=None: chunk(choices=[{"index": 0, "delta": delta, "finish_reason": end}])
        events = [choice({"role": "assistant", "content": "Hello"}), choice({"content": " there"}), choice({}, "stop"),
                  chunk(usage={"prompt_tokens": 1000, "completion_tokens": 50, "total_tokens": 1050})]
        body = "".join(f"data: {json.dumps(e)}\n\n" for e in events) + "data: [DONE]\n\n"
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())
    def log_message(self, *_): pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
memory = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(memory))
name, module = sys.argv[1:]
importlib.import_module(module).OpenAIInstrumentor().instrument(tracer_provider=provider)
client = openai.OpenAI(api_key="none", base_url=f"http://127.0.0.1:{server.server_port}/v1", max_retries=0)

def read(stream): list(stream)
def stop(stream):
    for _ in stream: break
def leave(stream): pass
def close(stream):
    with stream: stop(stream)

for way, use in (("read", read), ("break", stop), ("unread", leave), ("with", close)):
    memory.clear()
    held = client.chat.completions.create(model="gpt-5-mini", stream=True, stream_options={"include_usage": True},
                                          messages=[{"role": "user", "content": "Hi"}])
    use(held)
    ended = "ended" if memory.get_finished_spans() else "open"
    held = None
    gc.collect()
    (span,) = memory.get_finished_spans()
    usage = any("token" in key for key in span.attributes)
    print(f"{name} {way}: {ended}, {span.status.status_code.name}, {span.attributes.get('error.type', 'none')}; {'usage' if usage else 'no usage'}")
PY

{ "$dir/venv/bin/python" "$dir/run.py" openinference openinference.instrumentation.openai
  "$dir/venv/bin/python" "$dir/run.py" traceloop opentelemetry.instrumentation.openai
  "$dir/venv/bin/python" "$dir/run.py" opentelemetry opentelemetry.instrumentation.genai.openai; } > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
