#!/usr/bin/env bash
# A structured answer that fails validation was paid for, but both OpenAI instrumentors write a span without any usage for it.
#
# Packages: openai 3.57.0, openinference-instrumentation-openai 0.1.66, opentelemetry-instrumentation-genai-openai 1.3b0,
#   opentelemetry-sdk 1.45.2.
# Behaviour: client.chat.completions.parse(response_format=Model) gets a whole answer, with 1000 tokens in and 50 out, whose JSON does not
#   fit the model. The client raises pydantic's ValidationError from inside the traced call, so the instrumentors see an
#   exception and no answer: status ERROR, no tokens. An answer that fits has them.
# Expected: ERROR with the usage, as the answer has arrived; the error is the reader's.
# Matters: agents ask again until the answer fits. Of four attempts a viewer shows three failed calls of no cost and one that was paid: a
#   quarter of the bill. A failed call without usage has an unknown cost, not none; a ValidationError says that it was billed.
# Output seen (instrumentor, answer, status, error, tokens in and out):
#> openinference fits: OK, -, 1000, 50
#> openinference does not: ERROR, ValidationError, None, None
#> genai fits: UNSET, -, 1000, 50
#> genai does not: ERROR, ValidationError, None, None
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!OPENAI_@}"
export NO_PROXY=127.0.0.1
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check openai==3.57.0 openinference-instrumentation-openai==0.1.66 \
  opentelemetry-instrumentation-genai-openai==1.3b0 opentelemetry-sdk==1.45.2 opentelemetry-api==1.45.2

cat > "$dir/run.py" <<'PY'
import json, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import openai
from openinference.instrumentation.openai import OpenAIInstrumentor as OpenInference
from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor as GenAI
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic import BaseModel, ValidationError

class City(BaseModel):
    name: str

class Provider(BaseHTTPRequestHandler):
    def do_POST(self):
        fits = b"does not" not in self.rfile.read(int(self.headers["content-length"]))
        content = '{"name": "Lisbon"}' if fits else '{"town": "Lisbon"}'
        body = json.dumps({"id": "c1", "object": "chat.completion", "created": 1, "model": "m", "choices": [
            {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": content}}],
            "usage": {"prompt_tokens": 1000, "completion_tokens": 50, "total_tokens": 1050}}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
for name, kind, keys in (("openinference", OpenInference, ("llm.token_count.prompt", "llm.token_count.completion")),
                         ("genai", GenAI, ("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"))):
    memory = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(memory))
    kind().instrument(tracer_provider=provider)
    client = openai.OpenAI(api_key="none", base_url=f"http://127.0.0.1:{server.server_port}/v1")
    for case in ("fits", "does not"):
        memory.clear()
        error = "-"
        try: client.chat.completions.parse(model="m", messages=[{"role": "user", "content": case}], response_format=City)
        except ValidationError as e: error = type(e).__name__
        [span] = memory.get_finished_spans()
        print(f"{name} {case}: {span.status.status_code.name}, {error}, {', '.join(str(span.attributes.get(k)) for k in keys)}")
    kind().uninstrument()
PY

timeout 120 "$dir/venv/bin/python" "$dir/run.py" > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
