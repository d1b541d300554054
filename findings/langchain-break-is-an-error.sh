#!/usr/bin/env bash
# Leaving a stream early is an ERROR with a stack trace in LangChain's spans, and UNSET in those of the OpenAI client below it.
#
# Packages: langchain-openai 1.7.4, langchain-core 1.8.3, openai 3.57.0, openinference-instrumentation-langchain 0.1.80,
#   openinference-instrumentation-openai 0.1.66, opentelemetry-sdk 1.45.2.
# Behaviour: `for part in model.stream(…): break` reads one part of a healthy answer. LangChain's span says ERROR with an exception event
#   "GeneratorExit" (Python's own way to close a generator) and a stack trace in the status message. The OpenAI client's
#   span of the same call is UNSET without any event. Read to the end both are OK.
# Expected: no error; a reader who has seen enough is as normal as a client that goes away, and not a failed model.
# Matters: error rates go up with every answer that a user stops, and two levels of one call disagree. GeneratorExit (like
#   CancelledError) means "cut", not "failed". Neither span has usage then, though the provider bills what it wrote.
# Output seen (reading, span, status, first line of its message, exception events, has usage):
#> whole: ChatOpenAI, OK, -, [], True
#> whole: ChatCompletion, OK, -, [], True
#> break: ChatOpenAI, ERROR, GeneratorExit(), ['GeneratorExit'], False
#> break: ChatCompletion, UNSET, -, [], False
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!OPENAI_@}" "${!LANGSMITH_@}" "${!LANGCHAIN_@}"
export NO_PROXY=127.0.0.1
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check langchain-openai==1.7.4 langchain-core==1.8.3 openai==3.57.0 \
  openinference-instrumentation-langchain==0.1.80 openinference-instrumentation-openai==0.1.66 opentelemetry-sdk==1.45.2 opentelemetry-api==1.45.2

cat > "$dir/run.py" <<'PY'
import gc, json, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from langchain_openai import ChatOpenAI
from openinference.instrumentation.langchain import LangChainInstrumentor
from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

class Provider(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        chunk = lambda **more: {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [], **more}
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
LangChainInstrumentor().instrument(tracer_provider=provider)
OpenAIInstrumentor().instrument(tracer_provider=provider)
model = ChatOpenAI(model="m", api_key="none", base_url=f"http://127.0.0.1:{server.server_port}/v1", stream_usage=True)
for reading in ("whole", "break"):
    memory.clear()
    for part in model.stream("Hi"):
        if reading == "break": break
    gc.collect()
    for s in sorted(memory.get_finished_spans(), key=lambda s: s.start_time):
        message = (s.status.description or "-").split("Traceback")[0].strip()
        events = [e.attributes["exception.type"] for e in s.events if e.name == "exception"]
        print(f"{reading}: {s.name}, {s.status.status_code.name}, {message}, {events}, {'llm.token_count.prompt' in s.attributes}")
PY

timeout 120 "$dir/venv/bin/python" "$dir/run.py" > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
