#!/usr/bin/env bash
# What MLflow sends over OTLP is JSON text in every attribute: the model's name comes in quotes, counts and flags are strings.
#
# Packages: mlflow-skinny 3.17.2, opentelemetry-sdk and opentelemetry-exporter-otlp-proto-http 1.45.2.
# Behaviour: with OTEL_EXPORTER_OTLP_TRACES_ENDPOINT set, MLflow's spans go there with each value run through json.dumps, also those that
#   the program sets under OTel's names. `gen_ai.request.model` is the 12 characters "gpt-5-mini" with its quotes, an int is the
#   string 1000, true is the string true, and a value that was JSON text already is quoted and escaped once more. The usage that MLflow
#   collects is one JSON object in `mlflow.chat.tokenUsage`; no gen_ai.usage.* is written for it. Every span is INTERNAL.
# Expected: OTLP's own types: string gpt-5-mini, int 1000, bool true.
# Matters: a viewer finds no price for a model called "gpt-5-mini" in quotes, groups it apart from gpt-5-mini, sees no tokens, and has to
#   decode JSON text twice for messages. Values of spans with `mlflow.spanType` need one JSON parse before anything else.
# Output seen (key, OTLP type, value):
#> mlflow.spanType string_value "CHAT_MODEL"
#> gen_ai.request.model string_value "gpt-5-mini"
#> gen_ai.usage.input_tokens string_value 1000
#> stream string_value true
#> gen_ai.input.messages string_value "[{\"role\": \"user\"}]"
#> mlflow.chat.tokenUsage string_value {"input_tokens": 1000, "output_tokens": 50}
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!MLFLOW_@}"
export NO_PROXY=127.0.0.1 MLFLOW_DISABLE_TELEMETRY=true
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check mlflow-skinny==3.17.2 opentelemetry-sdk==1.45.2 opentelemetry-proto==1.45.2 \
  opentelemetry-exporter-otlp-proto-http==1.45.2

cat > "$dir/send.py" <<'PY'
import mlflow
with mlflow.start_span("llm", span_type="CHAT_MODEL") as span:
    span.set_attribute("gen_ai.request.model", "gpt-5-mini")
    span.set_attribute("gen_ai.usage.input_tokens", 1000)
    span.set_attribute("stream", True)
    span.set_attribute("gen_ai.input.messages", '[{"role": "user"}]')
    span.set_attribute("mlflow.chat.tokenUsage", {"input_tokens": 1000, "output_tokens": 50})
PY
cat > "$dir/run.py" <<'PY'
import gzip, os, subprocess, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip": body = gzip.decompress(body)
        for a in ExportTraceServiceRequest.FromString(body).resource_spans[0].scope_spans[0].spans[0].attributes:
            if a.key not in ("mlflow.traceRequestId", "mlflow.spanLogLevel"):
                kind = a.value.WhichOneof("value")
                print(a.key, kind, getattr(a.value, kind))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()
    def log_message(self, *_): pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/v1/traces"
subprocess.run([sys.executable, sys.argv[1]], check=True, cwd=os.path.dirname(sys.argv[1]), env={
    **os.environ, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": url, "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf"})
PY

"$dir/venv/bin/python" "$dir/run.py" "$dir/send.py" > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
