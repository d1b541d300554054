#!/usr/bin/env bash
# In LangSmith's OpenTelemetry mode a failed run has status OK, in Python and in JavaScript, because OK was set before the run had ended.
#
# Packages: langsmith 0.15.1 with opentelemetry-sdk and -exporter-otlp-proto-http 1.45.2 (Python); langsmith 0.12.0 (npm) with
#   @opentelemetry/sdk-trace-node 2.12.1, context-async-hooks 2.12.1, exporter-trace-otlp-proto 0.223.1, api 1.9.1.
# Behaviour: LangSmith's client writes a run twice: when it starts and when it ends. It sets OK on the span in the first step, as there is no
#   error yet, and ERROR in the second. In OpenTelemetry OK is final: both SDKs pass over what is set later. The span keeps its
#   `exception` event, and the text of the error. Only if both writes fall into one batch (a run that fails within some
#   milliseconds, Python only) it is ERROR, so the same fault has two statuses.
# Expected: UNSET until the end, then ERROR, as the SDK's own spans have it.
# Matters: OK means "the author says that it went well" and is trusted by filters, error rates and tail samplers, which throw these traces
#   away. For the scope `langsmith` a viewer has to take an `exception` event for the failure, whatever the status says.
# Output seen (language, span, status, its exception events; "plain" is a span of the SDK alone):
#> python agent OK 1
#> python plain ERROR 1
#> python tool OK 1
#> js agent OK 1
#> js plain ERROR 1
#> js tool OK 1
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!LANGSMITH_@}" "${!LANGCHAIN_@}"
export NO_PROXY=127.0.0.1 LANGSMITH_TRACING=true LANGSMITH_OTEL_ENABLED=true LANGSMITH_OTEL_ONLY=true LANGSMITH_API_KEY=none
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check langsmith==0.15.1 opentelemetry-sdk==1.45.2 \
  opentelemetry-exporter-otlp-proto-http==1.45.2
npm install --silent --no-audit --no-fund --prefix "$dir" langsmith@0.12.0 @opentelemetry/api@1.9.1 @opentelemetry/sdk-trace-node@2.12.1 \
  @opentelemetry/sdk-trace-base@2.12.1 @opentelemetry/context-async-hooks@2.12.1 @opentelemetry/exporter-trace-otlp-proto@0.223.1 >&2

cat > "$dir/run.py" <<'PY'
import time
from langsmith import traceable
from langsmith.run_trees import get_cached_client
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

memory = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(memory))
trace.set_tracer_provider(provider)

@traceable(name="tool", run_type="tool")
def tool():
    time.sleep(2)
    raise OSError("disk full")

@traceable(name="agent")
def agent(): tool()

try:
    with provider.get_tracer("plain").start_as_current_span("plain"): raise OSError("disk full")
except OSError: pass
try: agent()
except OSError: pass
deadline = time.monotonic() + 30
while len(memory.get_finished_spans()) < 3 and time.monotonic() < deadline:
    get_cached_client().flush()
    time.sleep(0.1)
for s in sorted(memory.get_finished_spans(), key=lambda s: s.name):
    print("python", s.name, s.status.status_code.name, sum(e.name == "exception" for e in s.events))
PY
cat > "$dir/run.mjs" <<'JS'
import http from 'node:http';
const pause = ms => new Promise(done => setTimeout(done, ms));
const server = http.createServer((ask, answer) => {
  ask.resume();
  answer.setHeader('content-type', 'application/json');
  answer.end('{}');
});
await new Promise(done => server.listen(0, '127.0.0.1', done));
process.env.LANGSMITH_ENDPOINT = `http://127.0.0.1:${server.address().port}`;
const { initializeOTEL } = await import('langsmith/experimental/otel/setup');
const { traceable } = await import('langsmith/traceable');
const { NodeTracerProvider } = await import('@opentelemetry/sdk-trace-node');
const { InMemorySpanExporter, SimpleSpanProcessor } = await import('@opentelemetry/sdk-trace-base');

const memory = new InMemorySpanExporter();
const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(memory)] });
provider.register();
initializeOTEL({ globalTracerProvider: provider });
const tool = traceable(async () => { await pause(2000); throw new Error('disk full'); }, { name: 'tool', run_type: 'tool' });
const agent = traceable(async () => { await tool(); }, { name: 'agent' });
const plain = provider.getTracer('plain').startSpan('plain');
plain.recordException(new Error('disk full'));
plain.setStatus({ code: 2 });
plain.end();
await agent().catch(() => {});
for (let i = 0; i < 300 && memory.getFinishedSpans().length < 3; i++) await pause(100);
for (const s of memory.getFinishedSpans().sort((a, b) => a.name < b.name ? -1 : 1))
  console.log('js', s.name, ['UNSET', 'OK', 'ERROR'][s.status.code], s.events.filter(e => e.name === 'exception').length);
process.exit();
JS
{ LANGSMITH_ENDPOINT=http://127.0.0.1:9 "$dir/venv/bin/python" "$dir/run.py"; node "$dir/run.mjs"; } > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
