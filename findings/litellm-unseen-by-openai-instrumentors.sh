#!/usr/bin/env bash
# LiteLLM's calls of OpenAI go through the OpenAI client, yet two of the three OpenAI instrumentors do not see them; those of Azure they do.
#
# Packages: litellm 1.110.2, openai 3.57.0, openinference-instrumentation-openai 0.1.66, opentelemetry-instrumentation-openai 0.62.4
#   (Traceloop), opentelemetry-instrumentation-genai-openai 1.3b0, opentelemetry-sdk 1.45.2.
# Behaviour: for "openai/…" LiteLLM uses the client's lower method post() and not chat.completions.create(). Traceloop and OpenTelemetry
#   wrap create(): no span, no warning. OpenInference wraps request() below both and has a span. For "azure/…" LiteLLM calls
#   create(), and all three have one.
# Expected: that an instrumentor of the client sees what the client sends.
# Matters: programs on LiteLLM (ADK's LiteLlm, smolagents' LiteLLMModel) with one of these instrumentors show agents and tools without
#   any model call: no tokens, no cost, and no error, and a change from Azure to OpenAI looks like the end of all model calls.
#   A trace of agents without models is incomplete rather than free, and a viewer should say so.
# Output seen (instrumentor: spans for the client, LiteLLM with OpenAI, LiteLLM with Azure):
#> openinference: 1 1 1
#> traceloop: 1 0 1
#> opentelemetry: 1 0 1
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!OPENAI_@}" "${!AZURE_@}" "${!LITELLM_@}" "${!OPENINFERENCE_@}" "${!TRACELOOP_@}"
export NO_PROXY=127.0.0.1 LITELLM_LOCAL_MODEL_COST_MAP=True
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check litellm==1.110.2 openai==3.57.0 openinference-instrumentation-openai==0.1.66 \
  opentelemetry-instrumentation-openai==0.62.4 opentelemetry-instrumentation-genai-openai==1.3b0 opentelemetry-sdk==1.45.2

cat > "$dir/run.py" <<'PY'
import importlib, json, logging, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
import litellm, openai

logging.disable()

class Provider(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        body = json.dumps({"id": "c1", "object": "chat.completion", "created": 1, "model": "gpt-5-mini",
                           "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hello"}}],
                           "usage": {"prompt_tokens": 1000, "completion_tokens": 50, "total_tokens": 1050}})
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())
    def log_message(self, *_): pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
memory = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(memory))
name, module = sys.argv[1:]
importlib.import_module(module).OpenAIInstrumentor().instrument(tracer_provider=provider)
url = f"http://127.0.0.1:{server.server_port}"
ask = {"messages": [{"role": "user", "content": "Hi"}]}
calls = (lambda: openai.OpenAI(api_key="none", base_url=url + "/v1").chat.completions.create(model="gpt-5-mini", **ask),
         lambda: litellm.completion("openai/gpt-5-mini", api_key="none", api_base=url + "/v1", **ask),
         lambda: litellm.completion("azure/gpt-5-mini", api_key="none", api_base=url, api_version="2025-01-01-preview", **ask))
counts = []
for call in calls:
    memory.clear()
    assert call().choices[0].message.content == "Hello"
    counts.append(len(memory.get_finished_spans()))
print(name + ":", *counts)
PY

{ "$dir/venv/bin/python" "$dir/run.py" openinference openinference.instrumentation.openai
  "$dir/venv/bin/python" "$dir/run.py" traceloop opentelemetry.instrumentation.openai
  "$dir/venv/bin/python" "$dir/run.py" opentelemetry opentelemetry.instrumentation.genai.openai; } > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
