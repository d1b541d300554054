#!/usr/bin/env bash
# OpenInference's span of a streamed Groq or Portkey call has ended with OK before the first chunk is read: no tokens, no answer, no failure.
#
# Packages: groq 1.7.0, portkey-ai 2.3.4, together 3.1.1, openinference-instrumentation-groq 0.1.33, -portkey 0.1.22, -together 0.1.13,
#   opentelemetry-instrumentation-groq 0.62.4 (Traceloop), opentelemetry-sdk 1.45.2.
# Behaviour: the span stands for the call that opens the stream. Its output is the text of the object, "<groq.Stream object at 0x…>" in
#   Groq's case, its status OK, also when the stream breaks with an error later. Together's instrumentor and Traceloop's for Groq wait for the
#   last chunk, with the tokens that all three providers send there unasked.
# Expected: one family, one way: the span lasts until the stream is read, fails with it and has its usage.
# Matters: the bar of such a call is the time to the first byte, its tokens and cost are unknown, not 0, and its OK is worth nothing. An
#   output like "<… object at 0x…>" tells it. An agent's time outside its model calls looks large.
# Output seen (instrumentor, stream; ended before reading; after it: status, tokens in, output):
#> groq whole: True; OK None <groq.Stream object
#> groq breaks: True; OK None <groq.Stream object
#> portkey whole: True; OK None <openai.Stream object
#> portkey breaks: True; OK None <openai.Stream object
#> together whole: False; OK 1000 answer
#> together breaks: False; ERROR None answer
#> traceloop-groq whole: False; OK 1000 answer
#> traceloop-groq breaks: False; ERROR None -
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!TRACELOOP_@}" "${!GROQ_@}" "${!PORTKEY_@}" "${!TOGETHER_@}"
export NO_PROXY=127.0.0.1 TRACELOOP_TELEMETRY=false
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check groq==1.7.0 portkey-ai==2.3.4 together==3.1.1 \
  openinference-instrumentation-{groq==0.1.33,portkey==0.1.22,together==0.1.13} opentelemetry-instrumentation-groq==0.62.4 \
  opentelemetry-sdk==1.45.2 opentelemetry-api==1.45.2

cat > "$dir/run.py" <<'PY'
import importlib, json, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

class Provider(BaseHTTPRequestHandler):
    def do_POST(self):
        breaks = b"breaks" in self.rfile.read(int(self.headers["content-length"]))
        usage = {"prompt_tokens": 1000, "completion_tokens": 50, "total_tokens": 1050}
        chunk = lambda delta, end, **more: {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m",
            "choices": [{"index": 0, "delta": delta, "finish_reason": end}], **more}
        last = {"error": {"message": "overloaded", "type": "server_error"}} if breaks else chunk({}, "stop", usage=usage, x_groq={"id": "r1", "usage": usage})
        events = [json.dumps(chunk({"role": "assistant", "content": "Hello"}, None)), json.dumps(last), "[DONE]"]
        body = "".join(f"data: {e}\n\n" for e in events).encode()
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}"
memory = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(memory))
name = sys.argv[1]
library = name.removeprefix("traceloop-")
module = importlib.import_module(f"{'opentelemetry' if library != name else 'openinference'}.instrumentation.{library}")
getattr(module, f"{library.title()}Instrumentor")().instrument(tracer_provider=provider)
if library == "groq":
    from groq import Groq
    client = Groq(api_key="none", base_url=url)
elif library == "portkey":
    from portkey_ai import Portkey
    client = Portkey(api_key="none", base_url=f"{url}/v1", provider="openai")
else:
    from together import Together
    client = Together(api_key="none", base_url=f"{url}/v1")
for case in ("whole", "breaks"):
    memory.clear()
    stream = client.chat.completions.create(model="m", messages=[{"role": "user", "content": case}], stream=True)
    early = len(memory.get_finished_spans()) == 1
    try: failed = not list(stream)
    except Exception: failed = True
    assert failed == (case == "breaks")
    [span] = memory.get_finished_spans()
    a = span.attributes
    tokens = a.get("llm.token_count.prompt", a.get("gen_ai.usage.input_tokens"))
    output = a.get("output.value") or a.get("gen_ai.output.messages") or "-"
    output = "answer" if "Hello" in output else output.split(" at 0x")[0]
    print(f"{name} {case}: {early}; {span.status.status_code.name} {tokens} {output}")
PY

for name in groq portkey together traceloop-groq; do timeout 120 "$dir/venv/bin/python" "$dir/run.py" $name; done > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
