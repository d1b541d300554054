#!/usr/bin/env bash
# OpenLIT guesses the tokens of a streamed call by the rule "two characters are one", writes them as if counted, and leaves out tools and images.
#
# Packages: openlit 1.45.0, openai 2.54.0, opentelemetry-sdk 1.45.1.
# Behaviour: OpenAI's interface tells the usage of a stream only if asked (`stream_options.include_usage`). Unasked, OpenLIT's span has
#   gen_ai.usage.input_tokens and .output_tokens all the same, from the length of the text divided by 2: 1000 short English words, which are
#   1001 tokens, are 2503. Tool definitions, images and the arguments of the tool calls in the answer count 0. The cost is made
#   from these. No attribute tells such a span from one with real counts. When the reader leaves the stream early, no span is made
#   at all, and the span of the HTTP request, which names it as parent, is an orphan.
# Expected: no count where none was told, or a real tokenizer, and in both cases a mark. An English token has about four characters.
# Matters: chat programs stream, so these are most of the calls. Text is charged twice, while an agent's calls, most of which are tool schemas
#   and tool calls, are charged next to nothing: 4 in and 0 out below, where the provider bills some 600 and 1000. Errors in both
#   directions hide each other in a sum. One program that sets include_usage and one that does not can't be compared.
# Output seen (what is sent; asked for usage?: gen_ai.usage input, output, cost; the provider always bills 2000 and 100, $0.0007):
#> two words, asked: 2000 100 0.0007
#> two words, not asked: 7 3 7.75e-06
#> 1000 words, not asked: 2503 3 0.00063175
#> an image of 300 kB, not asked: 12 3 9e-06
#> a tool with 3000 characters of description, not asked: 4 3 7e-06
#> answered by a tool call with 5000 characters of arguments, not asked: 4 0 1e-06
#> left early, not asked: no chat span; POST has a parent that was not exported
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!OPENAI_@}" "${!OPENLIT_@}"
export NO_PROXY=127.0.0.1
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check openlit==1.45.0 openai==2.54.0 opentelemetry-sdk==1.45.1

cat > "$dir/run.py" <<'PY'
import base64, gc, json, logging, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
import openai, openlit

logging.disable()
text = {"content": "Hello"}
call = {"tool_calls": [{"index": 0, "id": "call_1", "type": "function",
                        "function": {"name": "write", "arguments": json.dumps({"text": "word " * 1000})}}]}
delta = text

class Provider(BaseHTTPRequestHandler):
    def do_POST(self):
        ask = json.loads(self.rfile.read(int(self.headers["content-length"])))
        chunk = lambda **more: {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-5-mini", "choices": [], **more}
        events = [chunk(choices=[{"index": 0, "delta": {"role": "assistant", **delta}, "finish_reason": None}]),
                  chunk(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}])]
        if ask.get("stream_options"): events.append(chunk(usage={"prompt_tokens": 2000, "completion_tokens": 100, "total_tokens": 2100}))
        body = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())
    def log_message(self, *_): pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
memory, provider = InMemorySpanExporter(), TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(memory))
trace.set_tracer_provider(provider)
openlit.init(pricing_json=sys.argv[1], disable_metrics=True)
client = openai.OpenAI(api_key="none", base_url=f"http://127.0.0.1:{server.server_port}/v1")

def ask(name, content, asked=False, early=False, **more):
    memory.clear()
    if asked: more["stream_options"] = {"include_usage": True}
    stream = client.chat.completions.create(model="gpt-5-mini", messages=[{"role": "user", "content": content}], stream=True, **more)
    for _ in stream:
        if early: break
    del stream
    gc.collect()
    spans = {span.name: span for span in memory.get_finished_spans()}
    name = f"{name}, {'asked' if asked else 'not asked'}:"
    if chat := spans.get("chat gpt-5-mini"):
        print(name, *(chat.attributes[f"gen_ai.usage.{key}"] for key in ("input_tokens", "output_tokens", "cost")))
    else:
        print(name, "no chat span; POST has a parent that was not exported" if spans["POST"].parent else "no chat span")

picture = base64.b64encode(bytes(300000)).decode()
ask("two words", "Hi there", asked=True)
ask("two words", "Hi there")
ask("1000 words", "word " * 1000)
ask("an image of 300 kB", [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{picture}"}}])
ask("a tool with 3000 characters of description", "Hi", tools=[{"type": "function", "function": {
    "name": "write", "description": "Tell " * 600, "parameters": {"type": "object", "properties": {}}}}])
delta = call
ask("answered by a tool call with 5000 characters of arguments", "Hi")
delta = text
ask("left early", "Hi", early=True)
PY
echo '{"chat": {"gpt-5-mini": {"promptPrice": 0.00025, "completionPrice": 0.002}}}' > "$dir/prices.json"
"$dir/venv/bin/python" "$dir/run.py" "$dir/prices.json" 2> "$dir/log" | grep ':.*asked\|asked:' > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
