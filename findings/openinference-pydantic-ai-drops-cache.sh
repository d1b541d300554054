#!/usr/bin/env bash
# OpenInference's processor for Pydantic AI leaves cached and reasoning tokens behind, and rewrites the span for every exporter that batches.
#
# Packages: pydantic-ai-slim[openai] 2.68.0, openinference-instrumentation-pydantic-ai 0.1.30, openai 3.57.0, opentelemetry-sdk 1.45.2.
# Behaviour: Pydantic AI's span of a model call has 1000 tokens in, 800 of them from the cache, 50 out, 30 of them reasoning, and the cost with the
#   cache in mind. The processor copies in, out and total to OpenInference's keys and no more, though OpenInference has keys for the others and its
#   instrumentor for OpenAI writes them. It adds to the span in place, at its end: a batching exporter that was added to the
#   provider before it, for another service, sends the changed span too; one that sends each span at once does not.
# Expected: the same counts in both conventions. A processor changes what comes after it.
# Matters: a service that reads OpenInference's keys prices all input as new: $0.00035 for a call that cost $0.00017. A service that never asked for
#   OpenInference gets two conventions on one span, which give two costs, from production, where one batches, and not in a test, where one doesn't.
# Output seen (exporter: cached tokens and reasoning tokens by gen_ai.*; by llm.*; tokens in by llm.*; operation.cost):
#> before, at once: 800 30; - -; -; 0.00017
#> before, batch: 800 30; - -; 1000; 0.00017
#> after, at once: 800 30; - -; 1000; 0.00017
#> OpenInference for OpenAI: - -; 800 30; 1000; -
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!OPENAI_@}" "${!OPENINFERENCE_@}" "${!LOGFIRE_@}"
export NO_PROXY=127.0.0.1
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check 'pydantic-ai-slim[openai]==2.68.0' openai==3.57.0 \
  openinference-instrumentation-{pydantic-ai==0.1.30,openai==0.1.66} opentelemetry-sdk==1.45.2

cat > "$dir/run.py" <<'PY'
import json, logging, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExporter, SpanExportResult
from openinference.instrumentation.openai import OpenAIInstrumentor
from openinference.instrumentation.pydantic_ai import OpenInferenceSpanProcessor
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

logging.disable()

class Provider(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        usage = {"prompt_tokens": 1000, "completion_tokens": 50, "total_tokens": 1050, "prompt_tokens_details": {"cached_tokens": 800},
                 "completion_tokens_details": {"reasoning_tokens": 30}}
        body = json.dumps({"id": "c1", "object": "chat.completion", "created": 1, "model": "gpt-5-mini", "usage": usage, "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}]}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass

class Copies(SpanExporter):
    """Keeps what is sent, as it is when it is sent."""
    def __init__(self): self.sent = []
    def export(self, spans):
        self.sent += [dict(span.attributes) for span in spans]
        return SpanExportResult.SUCCESS

server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
exporters = {name: Copies() for name in ("before, at once", "before, batch", "after, at once", "OpenInference for OpenAI")}
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporters["before, at once"]))
provider.add_span_processor(BatchSpanProcessor(exporters["before, batch"]))
provider.add_span_processor(OpenInferenceSpanProcessor())
provider.add_span_processor(SimpleSpanProcessor(exporters["after, at once"]))
trace.set_tracer_provider(provider)
Agent.instrument_all()
source = OpenAIProvider(base_url=f"http://127.0.0.1:{server.server_port}/v1", api_key="none")
Agent(OpenAIChatModel("gpt-5-mini", provider=source), name="speaker").run_sync("Hi")
provider.force_flush()

other = TracerProvider()
other.add_span_processor(SimpleSpanProcessor(exporters["OpenInference for OpenAI"]))
OpenAIInstrumentor().instrument(tracer_provider=other)
import openai
openai.OpenAI(base_url=f"http://127.0.0.1:{server.server_port}/v1", api_key="none").chat.completions.create(
    model="gpt-5-mini", messages=[{"role": "user", "content": "Hi"}])

def find(span, start, *words):
    found = [str(value) for key, value in span.items() if key.startswith(start) and all(word in key for word in words)]
    return found[0] if found else "-"

for name, exporter in exporters.items():
    (span,) = [span for span in exporter.sent if span.get("gen_ai.operation.name") == "chat" or "llm.invocation_parameters" in span]
    print(f"{name}: {find(span, 'gen_ai.usage', 'cache_read')} {find(span, 'gen_ai.usage', 'reasoning')}; {find(span, 'llm.token', 'cache_read')} "
          f"{find(span, 'llm.token', 'reasoning')}; {span.get('llm.token_count.prompt', '-')}; {span.get('operation.cost', '-')}")
PY
"$dir/venv/bin/python" "$dir/run.py" 2> "$dir/log" > "$dir/seen" || tail -n 5 "$dir/log"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
