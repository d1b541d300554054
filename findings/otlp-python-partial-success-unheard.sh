#!/usr/bin/env bash
# The Python OTLP exporters do not read the receiver's "partial success": rejected spans count as delivered, without a log line.
#
# Packages: opentelemetry-sdk, opentelemetry-exporter-otlp-proto-http and -proto-grpc 1.45.2.
# Behaviour: the receiver answers 200 / OK with partial_success {rejected_spans: 2, error_message: "too many spans"}, OTLP's own
#   form for "I took only some of them". Both exporters return SUCCESS and log nothing at any level.
# Expected: a warning that quotes error_message. OTLP has that field for people to read.
# Matters: a viewer or collector that turns spans away (size, quota, bad ids) cannot tell a Python sender this way: the text is
#   thrown away. What was refused has to be counted and shown on the receiver's side.
# Output seen (transport, result, spans sent, lines logged at any level):
#> http SUCCESS 2 []
#> grpc SUCCESS 2 []
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}"
export NO_PROXY=127.0.0.1
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check opentelemetry-sdk==1.45.2 \
  opentelemetry-exporter-otlp-proto-http==1.45.2 opentelemetry-exporter-otlp-proto-grpc==1.45.2

cat > "$dir/run.py" <<'PY'
import logging, threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import grpc
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as Grpc
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as Http
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer, add_TraceServiceServicer_to_server)
from opentelemetry.sdk.trace import TracerProvider

ANSWER = ExportTraceServiceResponse()
ANSWER.partial_success.rejected_spans = 2
ANSWER.partial_success.error_message = "too many spans"

class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        body = ANSWER.SerializeToString()
        self.send_response(200)
        self.send_header("content-type", "application/x-protobuf")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass

class Service(TraceServiceServicer):
    def Export(self, request, context): return ANSWER

lines = []
class Lines(logging.Handler):
    def emit(self, record): lines.append(record.getMessage())

logging.getLogger("opentelemetry").addHandler(Lines())
logging.getLogger("opentelemetry").setLevel(logging.DEBUG)
web = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
threading.Thread(target=web.serve_forever, daemon=True).start()
rpc = grpc.server(ThreadPoolExecutor(1))
add_TraceServiceServicer_to_server(Service(), rpc)
port = rpc.add_insecure_port("127.0.0.1:0")
rpc.start()
tracer = TracerProvider().get_tracer("t")
spans = [tracer.start_span("a"), tracer.start_span("b")]
for span in spans: span.end()
for name, exporter in (("http", Http(endpoint=f"http://127.0.0.1:{web.server_port}/v1/traces")),
                       ("grpc", Grpc(endpoint=f"http://127.0.0.1:{port}", insecure=True))):
    lines.clear()
    print(name, exporter.export(spans).name, len(spans), lines)
rpc.stop(0)
PY

"$dir/venv/bin/python" "$dir/run.py" > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
