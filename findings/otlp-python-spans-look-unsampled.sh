#!/usr/bin/env bash
# Python's OTLP exporters send recorded, sampled spans and links with the sampled bit of `flags` at 0; JavaScript's exporter has it at 1.
#
# Packages: opentelemetry-sdk, opentelemetry-exporter-otlp-proto-http, opentelemetry-proto 1.45.2 (Python); @opentelemetry/sdk-trace-base 2.12.1,
#   @opentelemetry/otlp-transformer 0.223.1.
# Behaviour: OTLP's span.flags carries W3C trace flags in its low eight bits and "is the parent remote?" above. Python fills in the upper bits
#   only: 0x100, and 0x300 below a remote parent, though its context says sampled (1) and "random trace id" (2). JavaScript sends
#   0x101 and 0x301.
# Expected: 0x103 and 0x301 from Python, 0x101 for its links, as the protocol's comments say.
# Matters: the low bits cannot tell "recorded, not sampled" from "sampled". A receiver that keeps only the sampled spans, or that passes the
#   flags on in a traceparent, loses all of Python, which is most agents. The bits above are reliable in both.
# Output seen (language, span, flags in its context, flags sent; the same of its link):
#> python root 3 0x100, link 0x100
#> python below-remote 1 0x300, link 0x100
#> javascript root 1 0x101, link 0x101
#> javascript below-remote 1 0x301, link 0x101
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}"
export NO_PROXY=127.0.0.1
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check opentelemetry-sdk==1.45.2 opentelemetry-api==1.45.2 \
  opentelemetry-exporter-otlp-proto-http==1.45.2 opentelemetry-proto==1.45.2
npm install --silent --no-audit --no-fund --prefix "$dir" @opentelemetry/sdk-trace-base@2.12.1 @opentelemetry/otlp-transformer@0.223.1 >&2

cat > "$dir/run.py" <<'PY'
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

sent = []
class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        request = ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["content-length"])))
        sent.append(request.resource_spans[0].scope_spans[0].spans[0])
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()
    def log_message(self, *_): pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
threading.Thread(target=server.serve_forever, daemon=True).start()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(f"http://127.0.0.1:{server.server_port}/v1/traces")))
other = trace.SpanContext(2, 2, is_remote=False, trace_flags=trace.TraceFlags(1))
remote = trace.set_span_in_context(trace.NonRecordingSpan(trace.SpanContext(1, 1, is_remote=True, trace_flags=trace.TraceFlags(1))))
for name, context in (("root", None), ("below-remote", remote)):
    span = provider.get_tracer("t").start_span(name, context=context, links=[trace.Link(other)])
    span.end()
    print("python", name, int(span.context.trace_flags), hex(sent[-1].flags) + ", link", hex(sent[-1].links[0].flags))
PY
cat > "$dir/run.mjs" <<'JS'
import { ROOT_CONTEXT, trace } from '@opentelemetry/api';
import { JsonTraceSerializer } from '@opentelemetry/otlp-transformer';
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base';
const tracer = new BasicTracerProvider().getTracer('t');
const context = n => ({ traceId: n.repeat(32), spanId: n.repeat(16), traceFlags: 1 });
const remote = trace.setSpanContext(ROOT_CONTEXT, { ...context('1'), isRemote: true });
for (const [name, parent] of [['root', ROOT_CONTEXT], ['below-remote', remote]]) {
  const span = tracer.startSpan(name, { links: [{ context: context('2') }] }, parent);
  span.end();
  const sent = JSON.parse(new TextDecoder().decode(JsonTraceSerializer.serializeRequest([span]))).resourceSpans[0].scopeSpans[0].spans[0];
  console.log('javascript', name, span.spanContext().traceFlags, `0x${sent.flags.toString(16)}, link 0x${sent.links[0].flags.toString(16)}`);
}
JS
(timeout 120 "$dir/venv/bin/python" "$dir/run.py"; timeout 120 node "$dir/run.mjs") > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
