#!/usr/bin/env bash
# Phoenix and Langfuse in one process: Phoenix gets no span in either order, since the next span processor takes the place of Phoenix's own.
#
# Packages: arize-phoenix-otel 0.17.2, langfuse 5.0.4, opentelemetry-sdk and opentelemetry-exporter-otlp-proto-http 1.45.2.
# Behaviour: phoenix.otel.register() makes the global provider, with its exporter on a "default" processor. add_span_processor() of that
#   provider removes the default one first, unless it is called with replace_default_processor=False, which only Phoenix's class knows.
#   Langfuse() adds its processor to the provider that it finds, as OpenTelemetry means it: from then on, spans go to Langfuse alone. In
#   the other order Phoenix's provider can't become the global one. So it is with one's own OTLP exporter as the second. register()
#   prints that a processor "will overwrite this default", before anything of the kind is done and not with verbose=False.
# Expected: both get each span. "Add" adds, in every other provider of OpenTelemetry.
# Matters: who adds a second viewer of any kind ends the first, silently and from that line on, so the
#   traces there look as if the agent were idle. Give register() no default and add all processors, or pass the option.
# Output seen (set up in this order: requests with spans that arrived):
#> Phoenix: phoenix 1
#> Phoenix, Langfuse: langfuse 1
#> Langfuse, Phoenix: langfuse 1
#> Phoenix, OTLP exporter: other 1
#> Phoenix, OTLP exporter with replace_default_processor=False: other 1, phoenix 1
#> OpenTelemetry's own provider, two OTLP exporters: other 1, phoenix 1
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!PHOENIX_@}" "${!LANGFUSE_@}"
export NO_PROXY=127.0.0.1
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check arize-phoenix-otel==0.17.2 langfuse==5.0.4 \
  opentelemetry-sdk==1.45.2 opentelemetry-api==1.45.2 opentelemetry-exporter-otlp-proto-http==1.45.2

cat > "$dir/run.py" <<'PY'
import logging, sys, threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from langfuse import Langfuse
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from phoenix.otel import register

logging.disable()
arrived = Counter()

class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        if self.path.endswith("/v1/traces"): arrived[self.path.split("/")[1]] += 1
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()
    def log_message(self, *_): pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
threading.Thread(target=server.serve_forever, daemon=True).start()
base = f"http://127.0.0.1:{server.server_port}"

def phoenix(): register(endpoint=f"{base}/phoenix/v1/traces", protocol="http/protobuf", verbose=False)
def langfuse(): Langfuse(public_key="none", secret_key="none", base_url=f"{base}/langfuse")
def otlp(name="other", **options):
    exporter = OTLPSpanExporter(f"{base}/{name}/v1/traces")
    trace.get_tracer_provider().add_span_processor(SimpleSpanProcessor(exporter), **options)
def plain():
    trace.set_tracer_provider(TracerProvider())
    otlp("phoenix")

orders = {
    "Phoenix": (phoenix,),
    "Phoenix, Langfuse": (phoenix, langfuse),
    "Langfuse, Phoenix": (langfuse, phoenix),
    "Phoenix, OTLP exporter": (phoenix, otlp),
    "Phoenix, OTLP exporter with replace_default_processor=False": (phoenix, lambda: otlp(replace_default_processor=False)),
    "OpenTelemetry's own provider, two OTLP exporters": (plain, otlp),
}
name = list(orders)[int(sys.argv[1])]
for step in orders[name]: step()
with trace.get_tracer("openinference.instrumentation.openai").start_as_current_span("ChatCompletion", attributes={"gen_ai.request.model": "m"}): pass
trace.get_tracer_provider().force_flush()
print(f"{name}:", ", ".join(f"{who} {count}" for who, count in sorted(arrived.items())))
PY

for order in 0 1 2 3 4 5; do timeout 60 "$dir/venv/bin/python" "$dir/run.py" $order; done > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
