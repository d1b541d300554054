#!/usr/bin/env bash
# OpenInference on Agno: a call that read nothing from the cache says nothing about the cache, as if the provider had not told.
#
# Packages: agno 3.1.10, openinference-instrumentation-agno 1.0.15, openai 3.54.0, opentelemetry-sdk 1.45.2.
# Behaviour: three calls of one agent; the provider reports 0, 1024 and 0 cached tokens. The attribute
#   `llm.token_count.prompt_details.cache_read` is on the second span only: the instrumentation leaves out what is falsy.
# Expected: 0 where the provider says 0.
# Matters: "nothing was cached" and "nobody knows" look the same, so a run whose every call misses the cache, the one worth
#   finding, cannot be told from one of a provider without a cache. A viewer may take a missing count for 0 only if other calls to
#   the same model state one.
# Output seen (cached tokens: the provider's, the span's):
#> 0 None
#> 1024 1024
#> 0 None
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!OPENAI_@}" "${!AGNO_@}"
export NO_PROXY=127.0.0.1 AGNO_TELEMETRY=false
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check agno==3.1.10 openai==3.54.0 openinference-instrumentation-agno==1.0.15 \
  opentelemetry-sdk==1.45.2

cat > "$dir/run.py" <<'PY'
import json, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

CACHED = [0, 1024, 0]
answers = iter(CACHED)

class OpenAI(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        usage = {"prompt_tokens": 2000, "completion_tokens": 1, "total_tokens": 2001, "prompt_tokens_details": {"cached_tokens": next(answers)}}
        body = json.dumps({"id": "c1", "object": "chat.completion", "created": 1, "model": "gpt-x", "usage": usage, "choices": [
            {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hi"}}]}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass

server = ThreadingHTTPServer(("127.0.0.1", 0), OpenAI)
threading.Thread(target=server.serve_forever, daemon=True).start()
spans = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(spans))
trace.set_tracer_provider(provider)

from agno.agent import Agent
from agno.models.openai import OpenAIChat
from openinference.instrumentation.agno import AgnoInstrumentor

AgnoInstrumentor().instrument(tracer_provider=provider)
agent = Agent(name="a", model=OpenAIChat(id="gpt-x", api_key="none", base_url=f"http://127.0.0.1:{server.server_port}/v1"))
for _ in CACHED:
    agent.run("Hello")
calls = [span for span in spans.get_finished_spans() if span.attributes.get("openinference.span.kind") == "LLM"]
stated = [span.attributes.get("llm.token_count.prompt_details.cache_read") for span in calls]
for cached, count in zip(CACHED, stated, strict=True):
    print(cached, count)
PY
timeout 120 "$dir/venv/bin/python" "$dir/run.py" > "$dir/seen" 2>"$dir/errors" || { cat "$dir/errors"; exit 1; }
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
