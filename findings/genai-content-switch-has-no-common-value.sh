#!/usr/bin/env bash
# No value of OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT records messages in Python and in JavaScript, and `true` takes them off LiteLLM's spans.
#
# Packages: opentelemetry-instrumentation-genai-openai 1.3b0, opentelemetry-instrumentation-google-genai 1.3b0 and litellm 1.110.2 with
#   openai 3.57.0, google-genai 2.34.0, opentelemetry-sdk 1.45.2 (Python); @opentelemetry/instrumentation-openai 0.21.0 with openai 6.49.0,
#   sdk-trace-node 2.12.1, sdk-logs 0.223.0 (JavaScript).
# Behaviour: the variable asks for prompts and answers. OpenTelemetry's Python packages take SPAN_ONLY, EVENT_ONLY and SPAN_AND_EVENT; for
#   `true` they log a warning and leave everything out. Its JavaScript package takes only `true`, leaves everything out for the others, and
#   has messages on log events alone. LiteLLM's callback takes all four, has messages on its spans when the variable is unset, and reads
#   `true` as EVENT_ONLY: the spans lose them, and it sends events only if a variable of its own says so.
# Expected: one meaning for one variable, which is made to be set once for all processes of a system, and more content for `true`, not less.
# Matters: in a trace across both languages some model calls have no texts whatever is set, and "this sender does not record content" is the
#   wrong conclusion. Who sets `true` to see messages loses those that LiteLLM has shown before. A reader of spans alone shows none of
#   JavaScript's in any case: it has to join log events to spans.
# Output seen (sender, value: where the answer's text is):
#> openai unset: nowhere
#> openai true: nowhere
#> openai SPAN_ONLY: span
#> openai EVENT_ONLY: event
#> openai SPAN_AND_EVENT: span and event
#> google-genai unset: nowhere
#> google-genai true: nowhere
#> google-genai SPAN_ONLY: span
#> google-genai EVENT_ONLY: event
#> google-genai SPAN_AND_EVENT: span and event
#> litellm unset: span
#> litellm true: nowhere
#> litellm SPAN_ONLY: span
#> litellm EVENT_ONLY: nowhere
#> litellm SPAN_AND_EVENT: span
#> openai in JavaScript unset: nowhere
#> openai in JavaScript true: event
#> openai in JavaScript SPAN_ONLY: nowhere
#> openai in JavaScript EVENT_ONLY: nowhere
#> openai in JavaScript SPAN_AND_EVENT: nowhere
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!OPENAI_@}" "${!LITELLM_@}" "${!GEMINI_@}" "${!GOOGLE_@}"
export NO_PROXY=127.0.0.1 LITELLM_LOCAL_MODEL_COST_MAP=True LITELLM_LOG=CRITICAL
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check opentelemetry-instrumentation-genai-openai==1.3b0 \
  opentelemetry-instrumentation-google-genai==1.3b0 litellm==1.110.2 openai==3.57.0 google-genai==2.34.0 opentelemetry-sdk==1.45.2
npm install --silent --no-audit --no-fund --prefix "$dir" openai@6.49.0 @opentelemetry/instrumentation-openai@0.21.0 \
  @opentelemetry/instrumentation@0.223.0 @opentelemetry/sdk-trace-node@2.12.1 @opentelemetry/sdk-logs@0.223.0 @opentelemetry/api-logs@0.223.0 >&2

cat > "$dir/provider.py" <<'PY'
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
CHAT = {"id": "c1", "object": "chat.completion", "created": 1, "model": "gpt-5-mini",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "the answer"}}],
        "usage": {"prompt_tokens": 1000, "completion_tokens": 50, "total_tokens": 1050}}
GEMINI = {"candidates": [{"index": 0, "finishReason": "STOP", "content": {"role": "model", "parts": [{"text": "the answer"}]}}],
          "usageMetadata": {"promptTokenCount": 1000, "candidatesTokenCount": 50, "totalTokenCount": 1050}, "modelVersion": "gemini-3-flash"}
class Provider(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        data = json.dumps(GEMINI if "generateContent" in self.path else CHAT).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
    def log_message(self, *_): pass
server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
print(server.server_port, flush=True)
server.serve_forever()
PY
cat > "$dir/run.py" <<'PY'
import logging, os, sys, time
from opentelemetry import _logs, trace
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

logging.disable()
sender, base = sys.argv[1], f"http://127.0.0.1:{sys.argv[2]}"
spans, events = InMemorySpanExporter(), InMemoryLogRecordExporter()
tracers, loggers = TracerProvider(), LoggerProvider()
tracers.add_span_processor(SimpleSpanProcessor(spans))
loggers.add_log_record_processor(SimpleLogRecordProcessor(events))
trace.set_tracer_provider(tracers)
_logs.set_logger_provider(loggers)
ask = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": "Hi"}]}
if sender == "openai":
    import openai
    from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor
    OpenAIInstrumentor().instrument()
    openai.OpenAI(api_key="none", base_url=f"{base}/v1").chat.completions.create(**ask)
elif sender == "google-genai":
    from google import genai
    from opentelemetry.instrumentation.google_genai import GoogleGenAiSdkInstrumentor
    GoogleGenAiSdkInstrumentor().instrument()
    client = genai.Client(api_key="none", http_options={"base_url": base})
    client.models.generate_content(model="gemini-3-flash", contents="Hi")
else:
    import litellm
    litellm.callbacks = ["otel"]
    litellm.completion(**{**ask, "model": "openai/gpt-5-mini"}, api_key="none", api_base=f"{base}/v1")
    for _ in range(100):
        if spans.get_finished_spans(): break
        time.sleep(0.1)
    time.sleep(1)
places = [name for name, items in (("span", [dict(s.attributes) for s in spans.get_finished_spans()]),
                                   ("event", [(e.log_record.body, dict(e.log_record.attributes or {})) for e in events.get_finished_logs()]))
          if "the answer" in str(items)]
assert spans.get_finished_spans()
print(f"{sender} {os.environ.get('OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT', 'unset')}: {' and '.join(places) or 'nowhere'}")
PY
cat > "$dir/run.cjs" <<'JS'
const { NodeTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } = require('@opentelemetry/sdk-trace-node');
const { LoggerProvider, InMemoryLogRecordExporter, SimpleLogRecordProcessor } = require('@opentelemetry/sdk-logs');
const { logs } = require('@opentelemetry/api-logs');
const { registerInstrumentations } = require('@opentelemetry/instrumentation');
const { OpenAIInstrumentation } = require('@opentelemetry/instrumentation-openai');
const spans = new InMemorySpanExporter(), events = new InMemoryLogRecordExporter();
new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] }).register();
logs.setGlobalLoggerProvider(new LoggerProvider({ processors: [new SimpleLogRecordProcessor({ exporter: events })] }));
registerInstrumentations({ instrumentations: [new OpenAIInstrumentation()] });
const { OpenAI } = require('openai');
(async () => {
  const client = new OpenAI({ apiKey: 'none', baseURL: `http://127.0.0.1:${process.argv[2]}/v1` });
  await client.chat.completions.create({ model: 'gpt-5-mini', messages: [{ role: 'user', content: 'Hi' }] });
  await new Promise(done => setTimeout(done, 300));
  if (!spans.getFinishedSpans().length || !events.getFinishedLogRecords().length) throw new Error('not traced');
  const holds = items => JSON.stringify(items).includes('the answer');
  const places = [holds(spans.getFinishedSpans().map(s => s.attributes)) && 'span', holds(events.getFinishedLogRecords().map(e => [e.body, e.attributes])) && 'event'];
  console.log(`openai in JavaScript ${process.env.OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT ?? 'unset'}: ${places.filter(Boolean).join(' and ') || 'nowhere'}`);
})();
JS

coproc PROVIDER { exec python3 "$dir/provider.py"; }
trap 'kill "$PROVIDER_PID"; rm -rf "$dir"' EXIT
read -r port <&"${PROVIDER[0]}"
for sender in openai google-genai litellm; do
  "$dir/venv/bin/python" "$dir/run.py" "$sender" "$port"
  for value in true SPAN_ONLY EVENT_ONLY SPAN_AND_EVENT; do
    OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=$value "$dir/venv/bin/python" "$dir/run.py" "$sender" "$port"
  done
done > "$dir/seen" 2> "$dir/log"
{ node "$dir/run.cjs" "$port"
  for value in true SPAN_ONLY EVENT_ONLY SPAN_AND_EVENT; do OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=$value node "$dir/run.cjs" "$port"; done
} >> "$dir/seen" 2>> "$dir/log"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
