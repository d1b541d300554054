#!/usr/bin/env bash
# With Gemini's automatic function calling, several billed requests are one span that states the tokens of the last request.
#
# Packages: google-genai 2.34.0, openinference-instrumentation-google-genai 1.4.14, opentelemetry-instrumentation-google-genai 1.3b0,
#   opentelemetry-instrumentation-google-generativeai 0.62.4 (Traceloop), opentelemetry-sdk 1.45.2.
# Behaviour: generate_content is given a Python function as a tool. The SDK itself calls it and asks again, here twice: requests of 1000, 2000
#   and 4000 tokens. All three instrumentors wrap the outer method, so there is one model span, with 4000, streamed or not. Through
#   a chat of the same SDK it is three spans. Only OpenTelemetry's shows the function, as a tool *below* the model call,
#   and not in a chat.
# Expected: a span for each request both ways, or the sum of 7000 on the one there is.
# Matters: 3000 of 7000 tokens paid for are in no span, and the functions' time is the model's: its tokens per second are wrong as well. A
#   model span with a tool below it stands for more requests than it states: show its usage as "at least".
# Output seen (instrumentor, way: requests, functions run; spans with their parent and tokens in):
#> openinference content: 3, 2; GenerateContent - 4000
#> openinference stream: 3, 2; GenerateContentStream - 4000
#> openinference chat: 3, 2; GenerateContent - 1000, GenerateContent - 2000, GenerateContent - 4000
#> opentelemetry content: 3, 2; execute_tool generate_content -, execute_tool generate_content -, generate_content - 4000
#> opentelemetry stream: 3, 2; execute_tool generate_content -, execute_tool generate_content -, generate_content - 4000
#> opentelemetry chat: 3, 2; generate_content - 1000, generate_content - 2000, generate_content - 4000
#> traceloop content: 3, 2; generate_content - 4000
#> traceloop stream: 3, 2; generate_content - 4000
#> traceloop chat: 3, 2; generate_content - 1000, generate_content - 2000, generate_content - 4000
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
from google.genai import types
from openinference.instrumentation.google_genai import GoogleGenAIInstrumentor
from opentelemetry.instrumentation.google_genai import GoogleGenAiSdkInstrumentor
from opentelemetry.instrumentation.google_generativeai import GoogleGenerativeAiInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

class Provider(BaseHTTPRequestHandler):
    requests = 0
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        Provider.requests += 1
        call = {"functionCall": {"name": "weather", "args": {"city": f"City {Provider.requests}"}}}
        tokens = 1000 * 2 ** (Provider.requests - 1)
        body = json.dumps({"candidates": [{"index": 0, "finishReason": "STOP", "content": {"role": "model", "parts": [
            call if Provider.requests < 3 else {"text": "Sunny"}]}}], "modelVersion": "gemini-2.5-pro", "usageMetadata": {
            "promptTokenCount": tokens, "candidatesTokenCount": 50, "totalTokenCount": tokens + 50}})
        streamed = "stream" in self.path
        body = (f"data: {body}\n\n" if streamed else body).encode()
        self.send_response(200)
        self.send_header("content-type", "text/event-stream" if streamed else "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass

cities = []
def weather(city: str) -> str:
    """Tells the weather."""
    cities.append(city)
    return "sunny"

server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
client = genai.Client(api_key="none", http_options=types.HttpOptions(base_url=f"http://127.0.0.1:{server.server_port}"))
for name, kind in {"openinference": GoogleGenAIInstrumentor, "opentelemetry": GoogleGenAiSdkInstrumentor, "traceloop": GoogleGenerativeAiInstrumentor}.items():
    memory = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(memory))
    kind().instrument(tracer_provider=provider)
    ways = {"content": lambda **ask: client.models.generate_content(contents="Weather?", **ask),
            "stream": lambda **ask: list(client.models.generate_content_stream(contents="Weather?", **ask))[-1],
            "chat": lambda **ask: client.chats.create(**ask).send_message("Weather?")}
    for way, run in ways.items():
        memory.clear(); cities.clear()
        Provider.requests = 0
        answer = run(model="gemini-2.5-pro", config=types.GenerateContentConfig(tools=[weather]))
        assert answer.text == "Sunny"
        spans = memory.get_finished_spans()
        names = {s.context.span_id: s.name.split()[0] for s in spans}
        keys = ("llm.token_count.prompt", "gen_ai.usage.input_tokens")
        seen = [f"{s.name.split()[0]} {names[s.parent.span_id] if s.parent else '-'} {next((s.attributes[k] for k in keys if k in s.attributes), '-')}" for s in spans]
        print(f"{name} {way}: {Provider.requests}, {len(cities)}; {', '.join(seen)}")
    kind().uninstrument()
PY

timeout 120 "$dir/venv/bin/python" "$dir/run.py" > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
