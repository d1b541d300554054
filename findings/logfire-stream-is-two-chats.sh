#!/usr/bin/env bash
# Logfire tells a streamed call twice: a `chat` span of a few ms without tokens, and a `chat` span with tokens and cost of length 0.
#
# Packages: logfire 5.4.0 with genai-prices 0.2.3, openai 3.57.0, opentelemetry-sdk 1.45.2.
# Behaviour: with logfire.instrument_openai(), a call that streams for two seconds has a CLIENT span that ends when the stream object is
#   handed out, and beside it, made at the end, a span that starts and ends at once, kind INTERNAL. Both say gen_ai.operation.name
#   `chat`, provider, model and the input messages; usage, answer, `operation.cost` and response id are on the second alone, and how
#   long it took is in its attribute `duration` and in its name. A stream that is left early has the second too, without usage. With no
#   span around the call, the two are two traces.
# Expected: one span of the call's length with all of it, as for a call that is not streamed.
# Matters: model calls are counted twice, half of them without tokens, and the latency of a model is a mix of milliseconds and zeros. A
#   `chat` with usage, no length, `logfire.span_type` "log" and a `duration` is the end of the `chat` before it: one call, from that one's
#   start to this one's time.
# Output seen (way: each chat span with kind, length against the call's, tokens in and out, whether it has a cost, its `duration`; then traces in all):
#> whole: CLIENT full 1000 50 cost
#> streamed: CLIENT shorter - - no cost; INTERNAL none 1000 50 cost, duration full
#> left: CLIENT shorter - - no cost; INTERNAL none - - no cost
#> traces: 5
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!OPENAI_@}" "${!LOGFIRE_@}"
export NO_PROXY=127.0.0.1
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check logfire==5.4.0 genai-prices==0.2.3 openai==3.57.0 opentelemetry-sdk==1.45.2 opentelemetry-api==1.45.2

cat > "$dir/run.py" <<'PY'
import gc, json, logging, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import logfire, openai
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

logging.disable()
USAGE = {"prompt_tokens": 1000, "completion_tokens": 50, "total_tokens": 1050}

class Provider(BaseHTTPRequestHandler):
    def do_POST(self):
        ask = json.loads(self.rfile.read(int(self.headers["content-length"])))
        base = {"id": "c1", "created": 1, "model": "gpt-5-mini"}
        self.send_response(200)
        if not ask.get("stream"):
            time.sleep(2)
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
        try:
            for one in (choice({"role": "assistant", "content": "Hello"}), choice({"content": " there"}, "stop"), chunk(usage=USAGE)):
                if one["choices"]: time.sleep(1)
                self.wfile.write(f"data: {json.dumps(one)}\n\n".encode())
                self.wfile.flush()
            self.wfile.write(b"data: [DONE]\n\n")
        except ConnectionError: pass
    def log_message(self, *_): pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
memory = InMemorySpanExporter()
logfire.configure(send_to_logfire=False, console=False, additional_span_processors=[SimpleSpanProcessor(memory)])
logfire.instrument_openai()
client = openai.OpenAI(api_key="none", base_url=f"http://127.0.0.1:{server.server_port}/v1", max_retries=0)

def ask(**more): return client.chat.completions.create(model="gpt-5-mini", messages=[{"role": "user", "content": "Hi"}], **more)
def whole(): ask()
def streamed():
    for _ in ask(stream=True, stream_options={"include_usage": True}): pass
def left():
    stream = ask(stream=True, stream_options={"include_usage": True})
    for _ in stream: break
    stream.close()
    del stream
    gc.collect()

def length(seconds): return "none" if seconds == 0 else "shorter" if seconds < 1 else "full" if seconds > 1.9 else seconds
traces = set()
for way in (whole, streamed, left):
    memory.clear()
    way()
    shown = []
    for span in memory.get_finished_spans():
        a = span.attributes
        if a.get("gen_ai.operation.name") != "chat": continue
        traces.add(span.context.trace_id)
        text = [span.kind.name, length((span.end_time - span.start_time) / 1e9), a.get("gen_ai.usage.input_tokens", "-"),
                a.get("gen_ai.usage.output_tokens", "-"), "cost" if "operation.cost" in a else "no cost"]
        shown.append(" ".join(map(str, text)) + (f", duration {length(a['duration'])}" if "duration" in a and way is streamed else ""))
    print(f"{way.__name__}:", "; ".join(shown))
print("traces:", len(traces))
PY

timeout 120 "$dir/venv/bin/python" "$dir/run.py" > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
