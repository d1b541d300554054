#!/usr/bin/env bash
# Traceloop's OpenAI instrumentor loses the reasoning tokens of streamed calls, and all tokens of those taken as a raw response.
#
# Packages: openai 3.57.0, opentelemetry-instrumentation-openai 0.62.4 (Traceloop), opentelemetry-sdk 1.45.2.
# Behaviour: one call, 1000 tokens in, 800 of them cached, 50 out, 30 of them reasoning, taken from the client in four ways. Not streamed
#   all four counts are on the span. Streamed, reasoning is missing. Streamed through `with_raw_response`, the span ends before
#   the first chunk is read, without any count, as UNSET and not OK.
# Expected: the same counts for the same usage; OpenInference's and OpenTelemetry's own instrumentors state them in all of these ways.
# Matters: a program's cost drops to nothing when it begins to stream, while the spans look complete. A span of this scope without usage and
#   with `gen_ai.is_streaming` is a call of unknown cost, and its length is the time to the headers, not to the end.
# Output seen (way: input, cached, output, reasoning tokens; status; whether the span ended before the answer was read):
#> plain: 1000 800 50 30; UNSET; not streamed
#> raw: 1000 800 50 30; UNSET; not streamed
#> streamed: 1000 800 50 -; OK; ended with the answer
#> raw streamed: - - - -; UNSET; ended before
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!OPENAI_@}" "${!TRACELOOP_@}"
export NO_PROXY=127.0.0.1
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check openai==3.57.0 opentelemetry-instrumentation-openai==0.62.4 opentelemetry-sdk==1.45.2

cat > "$dir/run.py" <<'PY'
import json, logging, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from opentelemetry.instrumentation.openai import OpenAIInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
import openai

logging.disable()
USAGE = {"prompt_tokens": 1000, "completion_tokens": 50, "total_tokens": 1050,
         "prompt_tokens_details": {"cached_tokens": 800}, "completion_tokens_details": {"reasoning_tokens": 30}}

class Provider(BaseHTTPRequestHandler):
    def do_POST(self):
        ask = json.loads(self.rfile.read(int(self.headers["content-length"])))
        base = {"id": "c1", "created": 1, "model": "gpt-5-mini"}
        chunk = lambda **more: {**base, "object": "chat.completion.chunk", "choices": [], **more}
        choice = lambda delta, end=None: chunk(choices=[{"index": 0, "delta": delta, "finish_reason": end}])
        if ask.get("stream"):
            events = [choice({"role": "assistant", "content": "Hello"}), choice({}, "stop"), chunk(usage=USAGE)]
            body = "".join(f"data: {json.dumps(e)}\n\n" for e in events) + "data: [DONE]\n\n"
        else:
            body = json.dumps({**base, "object": "chat.completion", "usage": USAGE, "choices": [
                {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hello"}}]})
        self.send_response(200)
        self.send_header("content-type", "text/event-stream" if ask.get("stream") else "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())
    def log_message(self, *_): pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
memory = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(memory))
OpenAIInstrumentor().instrument(tracer_provider=provider)
chat = openai.OpenAI(api_key="none", base_url=f"http://127.0.0.1:{server.server_port}/v1", max_retries=0).chat.completions
ask = {"messages": [{"role": "user", "content": "Hi"}]}
stream = {**ask, "stream": True, "stream_options": {"include_usage": True}}
ways = {
    "plain": lambda: chat.create(model="gpt-5-mini", **ask),
    "raw": lambda: chat.with_raw_response.create(model="gpt-5-mini", **ask).parse(),
    "streamed": lambda: chat.create(model="gpt-5-mini", **stream),
    "raw streamed": lambda: chat.with_raw_response.create(model="gpt-5-mini", **stream).parse(),
}
for way, call in ways.items():
    memory.clear()
    answer = call()
    before = bool(memory.get_finished_spans())
    if "streamed" in way: list(answer)
    (span,) = memory.get_finished_spans()
    counts = [span.attributes.get("gen_ai.usage." + key, "-")
              for key in ("input_tokens", "cache_read.input_tokens", "output_tokens", "reasoning_tokens")]
    end = "not streamed" if "streamed" not in way else "ended before" if before else "ended with the answer"
    print(f"{way}: {' '.join(map(str, counts))}; {span.status.status_code.name}; {end}")
PY

"$dir/venv/bin/python" "$dir/run.py" > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
