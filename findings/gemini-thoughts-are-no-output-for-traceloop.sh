#!/usr/bin/env bash
# One answer of a thinking Gemini model has 350 or 50 output tokens under the same key, and 1000 or 1070 input tokens, by the instrumentor.
#
# Packages: google-genai 2.34.0, openinference-instrumentation-google-genai 1.4.14, opentelemetry-instrumentation-google-genai 1.3b0,
#   opentelemetry-instrumentation-google-generativeai 0.62.4 (Traceloop), opentelemetry-sdk 1.45.2.
# Behaviour: Gemini counts the answer (candidatesTokenCount 50), the thoughts (300) and the results of its own tools (70) apart; all are billed,
#   and the total of 1420 has them. Traceloop copies 50 to gen_ai.usage.output_tokens and has no key for thoughts; OpenTelemetry's own
#   instrumentor states 350 there. Only OpenInference counts the 70 as input. A streamed call that the provider refuses has no span at all
#   from Traceloop, while the plain one has an ERROR.
# Expected: the same number under the same key; output with the thoughts, as the convention says.
# Matters: thoughts are most of what a thinking model bills. A cost from input and output is a third of the real one here, without a
#   sign in these two. Where a total is stated and input + output fall short of it, the rest is thoughts and tools, not an error.
# Output seen (instrumentor: input, output, reasoning, stated total; then status of a refused call, plain and streamed):
#> openinference: 1070 350 300 1420; ERROR ERROR
#> opentelemetry: 1000 350 300 None; ERROR ERROR
#> traceloop: 1000 50 None 1420; ERROR no span
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!GOOGLE_@}" "${!GEMINI_@}" "${!TRACELOOP_@}"
export NO_PROXY=127.0.0.1
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check google-genai==2.34.0 openinference-instrumentation-google-genai==1.4.14 \
  opentelemetry-instrumentation-google-genai==1.3b0 opentelemetry-instrumentation-google-generativeai==0.62.4 \
  opentelemetry-sdk==1.45.2 opentelemetry-api==1.45.2

cat > "$dir/run.py" <<'PY'
import json, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from google import genai
from google.genai import errors, types
from openinference.instrumentation.google_genai import GoogleGenAIInstrumentor
from opentelemetry.instrumentation.google_genai import GoogleGenAiSdkInstrumentor
from opentelemetry.instrumentation.google_generativeai import GoogleGenerativeAiInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

class Provider(BaseHTTPRequestHandler):
    def do_POST(self):
        refused = b"refused" in self.rfile.read(int(self.headers["content-length"]))
        body = json.dumps({"error": {"code": 400, "message": "no", "status": "INVALID_ARGUMENT"}} if refused else {
            "candidates": [{"index": 0, "finishReason": "STOP", "content": {"role": "model", "parts": [{"text": "Sunny"}]}}],
            "modelVersion": "gemini-2.5-pro", "usageMetadata": {"promptTokenCount": 1000, "toolUsePromptTokenCount": 70,
            "candidatesTokenCount": 50, "thoughtsTokenCount": 300, "totalTokenCount": 1420}}).encode()
        self.send_response(400 if refused else 200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
client = genai.Client(api_key="none", http_options=types.HttpOptions(base_url=f"http://127.0.0.1:{server.server_port}"))
models = client.models
gen_ai = [f"gen_ai.usage.{k}" for k in ("input_tokens", "output_tokens", "reasoning.output_tokens", "total_tokens")]
keys = [f"llm.token_count.{k}" for k in ("prompt", "completion", "completion_details.reasoning", "total")]
for name, kind, keys in (("openinference", GoogleGenAIInstrumentor, keys), ("opentelemetry", GoogleGenAiSdkInstrumentor, gen_ai),
                         ("traceloop", GoogleGenerativeAiInstrumentor, gen_ai)):
    memory = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(memory))
    kind().instrument(tracer_provider=provider)
    models.generate_content(model="gemini-2.5-pro", contents="hi")
    [span] = memory.get_finished_spans()
    refusals = []
    for way in (models.generate_content, lambda **ask: list(models.generate_content_stream(**ask))):
        memory.clear()
        try: way(model="gemini-2.5-pro", contents="refused")
        except errors.ClientError: refusals.append(" ".join(s.status.status_code.name for s in memory.get_finished_spans()) or "no span")
    print(f"{name}:", *(span.attributes.get(k) for k in keys), end=f"; {' '.join(refusals)}\n")
    kind().uninstrument()
PY

timeout 120 "$dir/venv/bin/python" "$dir/run.py" > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
