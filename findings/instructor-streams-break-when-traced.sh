#!/usr/bin/env bash
# Tracing OpenAI's client with OpenInference makes Instructor's streamed answers raise a TypeError, and the spans do not call it a failure.
#
# Packages: instructor 1.17.0, openai 2.54.0, openinference-instrumentation-openai 0.1.66, -instructor 0.1.29, opentelemetry-sdk 1.45.2.
# Behaviour: the traced stream is an object that can be iterated both ways, with `for` and `async for`. Instructor asks "is it asynchronous?" and
#   gives a synchronous program an async generator: create_partial and create_iterable raise, in any mode. Untraced they work. The
#   model span is UNSET without tokens, as the stream was never read; Instructor's own span above it is OK.
# Expected: tracing changes no answer; else an ERROR.
# Matters: the answer was asked for and billed, the program fails at each call since "we only switched on tracing", and a viewer shows OK over
#   UNSET, error count 0. An UNSET model span of OpenInference is a stream that was not read to its end: a failure or not, its
#   usage is unknown.
# Output seen (instrumentors, mode, call: outcome; spans with status and tokens in):
#> none, tools, create_partial: Oslo; -
#> none, json, create_iterable: Oslo; -
#> openai, tools, create_partial: TypeError; ChatCompletion UNSET None
#> openai, json, create_iterable: TypeError; ChatCompletion UNSET None
#> openai + instructor, tools, create_partial: TypeError; ChatCompletion UNSET None, instructor.create OK None
#> openai + instructor, json, create_iterable: TypeError; ChatCompletion UNSET None, instructor.create OK None
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!OPENAI_@}"
export NO_PROXY=127.0.0.1
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check instructor==1.17.0 openai==2.54.0 opentelemetry-sdk==1.45.2 \
  opentelemetry-api==1.45.2 openinference-instrumentation-{openai==0.1.66,instructor==0.1.29}

cat > "$dir/run.py" <<'PY'
import gc, json, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import instructor, openai
from openinference.instrumentation.instructor import InstructorInstrumentor
from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic import BaseModel

class City(BaseModel):
    name: str

class Provider(BaseHTTPRequestHandler):
    def do_POST(self):
        ask = json.loads(self.rfile.read(int(self.headers["content-length"])))
        text = '{"name": "Oslo"}'
        many = json.dumps({"tasks": [{"name": "Oslo"}]})
        call = {"index": 0, "id": "t1", "type": "function", "function": {"name": "City", "arguments": text}}
        delta = {"role": "assistant", **({"tool_calls": [call]} if ask.get("tools") else {"content": many})}
        chunk = lambda choices, **more: {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": choices, **more}
        events = [chunk([{"index": 0, "delta": delta, "finish_reason": None}]), chunk([{"index": 0, "delta": {}, "finish_reason": "stop"}]),
                  chunk([], usage={"prompt_tokens": 1000, "completion_tokens": 50, "total_tokens": 1050})]
        body = ("".join(f"data: {json.dumps(e)}\n\n" for e in events) + "data: [DONE]\n\n").encode()
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
memory = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(memory))
for name, instrumentor in (("none", None), ("openai", OpenAIInstrumentor), ("openai + instructor", InstructorInstrumentor)):
    if instrumentor: instrumentor().instrument(tracer_provider=provider)
    for mode, call in ((instructor.Mode.TOOLS, "create_partial"), (instructor.Mode.JSON, "create_iterable")):
        memory.clear()
        openai_client = openai.OpenAI(api_key="none", base_url=f"http://127.0.0.1:{server.server_port}/v1")
        client = instructor.from_openai(openai_client, mode=mode)
        ask = {"model": "m", "messages": [{"role": "user", "content": "Which city?"}], "response_model": City}
        try: outcome = list(getattr(client.chat.completions, call)(**ask))[-1].name
        except TypeError as e: outcome = type(e).__name__
        gc.collect()
        mode = "tools" if mode is instructor.Mode.TOOLS else "json"
        spans = [f"{s.name} {s.status.status_code.name} {s.attributes.get('llm.token_count.prompt')}" for s in memory.get_finished_spans()]
        print(f"{name}, {mode}, {call}: {outcome};", ", ".join(sorted(spans)) or "-")
PY

timeout 120 "$dir/venv/bin/python" "$dir/run.py" 2> "$dir/warnings" > "$dir/seen" || { cat "$dir/warnings"; exit 1; }
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
