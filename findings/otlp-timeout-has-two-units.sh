#!/usr/bin/env bash
# OTEL_EXPORTER_OTLP_TIMEOUT is in seconds for Python and in milliseconds for JavaScript: 10 loses every span of one, 10000 waits hours in the other.
#
# Packages: opentelemetry-exporter-otlp-proto-http and -grpc 1.45.2 (Python); @opentelemetry/exporter-trace-otlp-http and -proto 0.223.1 with
#   sdk-trace-base 2.12.1.
# Behaviour: the variable bounds the time for one batch, and OpenTelemetry's specification has it in milliseconds, like
#   OTEL_BSP_SCHEDULE_DELAY, which Python does read as milliseconds. Python's exporters read seconds. With a receiver that answers after 1 s,
#   JavaScript fails with 10 and delivers with 10000. Python delivers with 10, and with 0.5 stops waiting after half a second; 10000 there
#   lets a receiver that never answers hold the exporter for 2.8 hours.
# Expected: one unit, as for all other variables of OpenTelemetry that hold a time.
# Matters: the variable is set once for all containers of a system. With Python's 10, a JavaScript service delivers only to a receiver
#   that answers within 10 ms: spans come from one host and not from another, or only now and then. With JavaScript's 10000,
#   one connection that hangs stops a Python process's spans; when its queue of 2048 is full, they are dropped.
# Output seen (exporter, value: outcome with an answer after 1 s):
#> Python HTTP 0.5: not delivered
#> Python HTTP 10: delivered
#> Python HTTP 10000: delivered
#> Python gRPC 0.5: not delivered
#> Python gRPC 10: delivered
#> Python gRPC 10000: delivered
#> JavaScript HTTP 0.5: not delivered
#> JavaScript HTTP 10: not delivered
#> JavaScript HTTP 10000: delivered
#> JavaScript protobuf 0.5: not delivered
#> JavaScript protobuf 10: not delivered
#> JavaScript protobuf 10000: delivered
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}"
export NO_PROXY=127.0.0.1
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check opentelemetry-exporter-otlp-proto-http==1.45.2 \
  opentelemetry-exporter-otlp-proto-grpc==1.45.2 opentelemetry-sdk==1.45.2
npm install --silent --no-audit --no-fund --prefix "$dir" @opentelemetry/exporter-trace-otlp-http@0.223.1 \
  @opentelemetry/exporter-trace-otlp-proto@0.223.1 @opentelemetry/sdk-trace-base@2.12.1 @opentelemetry/api@1.9.1 >&2

cat > "$dir/run.py" <<'PY'
import logging, os, threading, time
from concurrent import futures
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import grpc
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as Grpc
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as Http
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.sdk.trace import TracerProvider

logging.disable()

class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        time.sleep(1)
        try:
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()
        except OSError: pass
    def log_message(self, *_): pass

class Service(trace_service_pb2_grpc.TraceServiceServicer):
    def Export(self, request, context):
        time.sleep(1)
        return trace_service_pb2.ExportTraceServiceResponse()

server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
threading.Thread(target=server.serve_forever, daemon=True).start()
rpc = grpc.server(futures.ThreadPoolExecutor(4))
trace_service_pb2_grpc.add_TraceServiceServicer_to_server(Service(), rpc)
port = rpc.add_insecure_port("127.0.0.1:0")
rpc.start()
span = TracerProvider().get_tracer("test").start_span("agent")
span.end()
for name, make in (("HTTP", lambda: Http(endpoint=f"http://127.0.0.1:{server.server_port}/v1/traces")),
                   ("gRPC", lambda: Grpc(endpoint=f"http://127.0.0.1:{port}", insecure=True))):
    for value in ("0.5", "10", "10000"):
        os.environ["OTEL_EXPORTER_OTLP_TIMEOUT"] = value
        result = make().export([span])
        print(f"Python {name} {value}: {'delivered' if result.name == 'SUCCESS' else 'not delivered'}", flush=True)
rpc.stop(None)
PY
cat > "$dir/run.mjs" <<'JS'
import http from 'node:http';
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base';
import { OTLPTraceExporter as Http } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as Protobuf } from '@opentelemetry/exporter-trace-otlp-proto';
const server = http.createServer((ask, answer) => ask.resume().on('end', () => setTimeout(() => answer.end(), 1000)));
await new Promise(done => server.listen(0, '127.0.0.1', done));
const span = new BasicTracerProvider().getTracer('test').startSpan('agent');
span.end();
for (const [name, Exporter] of [['HTTP', Http], ['protobuf', Protobuf]])
  for (const value of ['0.5', '10', '10000']) {
    process.env.OTEL_EXPORTER_OTLP_TIMEOUT = value;
    const exporter = new Exporter({ url: `http://127.0.0.1:${server.address().port}/v1/traces` });
    const { code } = await new Promise(done => exporter.export([span], done));
    console.log(`JavaScript ${name} ${value}: ${code === 0 ? 'delivered' : 'not delivered'}`);
  }
process.exit();
JS
{ "$dir/venv/bin/python" "$dir/run.py"
  node "$dir/run.mjs" 2> "$dir/log"; } > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
