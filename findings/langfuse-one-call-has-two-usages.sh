#!/usr/bin/env bash
# Langfuse tells one LangChain call of OpenAI twice, with 200 tokens in and 20 out on the outer span and 1000 and 50 on the inner, under one attribute.
#
# Packages: langfuse 5.0.4, openai 3.57.0, langchain 1.5.2, langchain-openai 1.7.4, opentelemetry-sdk 1.45.2.
# Behaviour: 1000 tokens in, 800 of them cached, 50 out, 30 of them reasoning. Importing langfuse.openai anywhere in the process patches OpenAI's client for all,
#   so LangChain's call has a generation from the handler and one from the client. Both have `langfuse.observation.usage_details`, JSON text:
#   in the handler's, "input" and "output" are what is left when cached and reasoning are taken away; the client's has the provider's names, one
#   set for chat completions and one for responses, and the cached within the input. An embedding has "input" alone, which is all of it.
#   A call that failed and has no usage states a cost of 0, and so does a LangChain stream that the reader left.
# Expected: one generation for a call, one vocabulary for one product's attribute, no cost where none is known.
# Matters: "input" is the whole in one span and a fifth of it in the next, and the sum of both counts the call twice. prompt_tokens and
#   input_tokens contain the cached; "input" does not when input_cache_read stands beside it. `total` is the same in all. Of a generation
#   directly below a generation count one. An all-zero cost without usage is no price.
# Output seen (call; its spans: usage; cost):
#> chat completions:
#>   OpenAI-generation below none: {"completion_tokens": 50, "prompt_tokens": 1000, "total_tokens": 1050, "completion_tokens_details": {"reasoning_tokens": 30}, "prompt_tokens_details": {"cached_tokens": 800}}; none
#> responses:
#>   OpenAI-generation below none: {"input_tokens": 1000, "input_tokens_details": {"cached_tokens": 800}, "output_tokens": 50, "output_tokens_details": {"reasoning_tokens": 30}, "total_tokens": 1050}; none
#> embedding:
#>   OpenAI-embedding below none: {"input": 1000}; none
#> LangChain:
#>   ChatOpenAI below none: {"input": 200, "output": 20, "total": 1050, "input_cache_read": 800, "output_reasoning": 30}; none
#>   OpenAI-generation below ChatOpenAI: {"completion_tokens": 50, "prompt_tokens": 1000, "total_tokens": 1050, "completion_tokens_details": {"reasoning_tokens": 30}, "prompt_tokens_details": {"cached_tokens": 800}}; none
#> refused:
#>   OpenAI-generation below none: none; {"input": 0, "output": 0, "total": 0}
#> LangChain, refused:
#>   ChatOpenAI below none: none; {"total": 0}
#>   OpenAI-generation below ChatOpenAI: none; {"input": 0, "output": 0, "total": 0}
#> LangChain, stream left:
#>   ChatOpenAI below none: none; {"total": 0}
#>   OpenAI-generation below ChatOpenAI: none; none
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!OPENAI_@}" "${!LANGFUSE_@}" "${!LANGCHAIN_@}" "${!LANGSMITH_@}"
export NO_PROXY=127.0.0.1
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check langfuse==5.0.4 openai==3.57.0 langchain==1.5.2 langchain-openai==1.7.4 \
  opentelemetry-sdk==1.45.2 opentelemetry-api==1.45.2

cat > "$dir/run.py" <<'PY'
import json, logging, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

logging.disable()

class Provider(BaseHTTPRequestHandler):
    def do_POST(self):
        ask = json.loads(self.rfile.read(int(self.headers["content-length"])))
        status, kind = 200, "application/json"
        usage = {"prompt_tokens": 1000, "completion_tokens": 50, "total_tokens": 1050,
                 "prompt_tokens_details": {"cached_tokens": 800}, "completion_tokens_details": {"reasoning_tokens": 30}}
        base = {"id": "c1", "created": 1, "model": "gpt-5-mini"}
        if "Refuse" in json.dumps(ask):
            status, answer = 400, {"error": {"message": "refused", "type": "invalid_request_error"}}
        elif self.path.endswith("/embeddings"):
            answer = {"object": "list", "model": "text-embedding-3-small", "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}],
                      "usage": {"prompt_tokens": 1000, "total_tokens": 1000}}
        elif self.path.endswith("/responses"):
            answer = {"id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": "gpt-5-mini", "output": [],
                      "usage": {"input_tokens": 1000, "input_tokens_details": {"cached_tokens": 800}, "output_tokens": 50,
                                "output_tokens_details": {"reasoning_tokens": 30}, "total_tokens": 1050},
                      "parallel_tool_calls": True, "tool_choice": "auto", "tools": []}
        elif ask.get("stream"):
            kind = "text/event-stream"
            choices = [[{"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": None}] for text in ("Good ", "morning")]
            chunks = [{**base, "object": "chat.completion.chunk", "choices": c} for c in choices]
            answer = "".join(f"data: {json.dumps(c)}\n\n" for c in chunks) + "data: [DONE]\n\n"
        else:
            answer = {**base, "object": "chat.completion", "usage": usage,
                      "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hello"}}]}
        body = (answer if isinstance(answer, str) else json.dumps(answer)).encode()
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
at = {"api_key": "none", "base_url": f"http://127.0.0.1:{server.server_port}/v1", "max_retries": 0}

from langfuse import Langfuse
from langfuse.langchain import CallbackHandler
from langfuse.openai import OpenAI
from langchain_openai import ChatOpenAI

memory = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(memory))
# Langfuse's own exporter gets a port where nobody listens.
Langfuse(public_key="none", secret_key="none", base_url="http://127.0.0.1:9", tracer_provider=provider)
client, model = OpenAI(**at), ChatOpenAI(model="gpt-5-mini", **at)
with_handler = {"callbacks": [CallbackHandler()]}
ask = lambda text: [{"role": "user", "content": text}]

def left():
    stream = model.stream("Hi", config=with_handler)
    next(stream)
    stream.close()

cases = {
    "chat completions": lambda: client.chat.completions.create(model="gpt-5-mini", messages=ask("Hi")),
    "responses": lambda: client.responses.create(model="gpt-5-mini", input="Hi"),
    "embedding": lambda: client.embeddings.create(model="text-embedding-3-small", input="Hi"),
    "LangChain": lambda: model.invoke("Hi", config=with_handler),
    "refused": lambda: client.chat.completions.create(model="gpt-5-mini", messages=ask("Refuse")),
    "LangChain, refused": lambda: model.invoke("Refuse", config=with_handler),
    "LangChain, stream left": left,
}
for name, call in cases.items():
    memory.clear()
    try: call()
    except Exception as error: assert "refused" in str(error), error
    spans = {s.context.span_id: s for s in memory.get_finished_spans()}
    print(f"{name}:")
    for span in sorted(spans.values(), key=lambda s: s.start_time):
        told = lambda key: span.attributes.get(f"langfuse.observation.{key}", "none")
        above = spans[span.parent.span_id].name if span.parent else "none"
        print(f"  {span.name} below {above}: {told('usage_details')}; {told('cost_details')}")

PY

timeout 300 "$dir/venv/bin/python" "$dir/run.py" > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
