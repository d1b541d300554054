#!/usr/bin/env bash
# With OTEL_CONFIG_FILE, OpenTelemetry's variables are said to be ignored; Python and JavaScript obey some of them, and not the same ones.
#
# Packages: opentelemetry-sdk and opentelemetry-exporter-otlp-proto-http 1.45.2, opentelemetry-configuration 0.66b2 (Python);
#   @opentelemetry/sdk-node and @opentelemetry/configuration 0.223.0 (JavaScript).
# Behaviour: the file names an OTLP/HTTP exporter with its address and nothing else. A second one leaves the address out. For a variable that
#   is set beside it, the table says what happens. The exporters look at the environment for what the file leaves open. Python goes on
#   to obey OTEL_SDK_DISABLED and the compression, JavaScript does not. Names, attributes, samplers and limits count for neither.
# Expected: "the file is the sole source" (Python's description of OTEL_CONFIG_FILE); what the file leaves out has the schema's default value.
# Matters: a deployment that moves to a file and keeps its variables loses the service names, so all agents become one "unknown_service", and the
#   sampler, so everything is sent. The token for the old receiver, in OTEL_EXPORTER_OTLP_HEADERS, goes to the new one that the
#   file names. A switch to turn tracing off works in some containers of one system only.
# Output seen (file, variable: Python, JavaScript):
#> with address, OTEL_SDK_DISABLED=true: obeyed, ignored
#> with address, OTEL_SERVICE_NAME=agent: ignored, ignored
#> with address, OTEL_RESOURCE_ATTRIBUTES=service.name=agent: ignored, ignored
#> with address, OTEL_TRACES_SAMPLER=always_off: ignored, ignored
#> with address, OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT=1: ignored, ignored
#> with address, OTEL_EXPORTER_OTLP_HEADERS=x-token=secret: obeyed, obeyed
#> with address, OTEL_EXPORTER_OTLP_COMPRESSION=gzip: obeyed, ignored
#> without address, OTEL_EXPORTER_OTLP_ENDPOINT: obeyed, obeyed
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}"
export NO_PROXY=127.0.0.1
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check opentelemetry-sdk==1.45.2 opentelemetry-exporter-otlp-proto-http==1.45.2 \
  opentelemetry-configuration==0.66b2
npm install --silent --no-audit --no-fund --prefix "$dir" @opentelemetry/sdk-node@0.223.0 @opentelemetry/configuration@0.223.0 \
  @opentelemetry/api@1.9.1 >&2

cat > "$dir/receiver.mjs" <<'JS'
import http from 'node:http';
import { writeFileSync } from 'node:fs';
const server = http.createServer((ask, answer) => ask.resume().on('end', () => {
  writeFileSync(`${process.argv[2]}/got`, JSON.stringify(ask.headers));
  answer.end();
}));
server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}`));
JS
cat > "$dir/run.py" <<'PY'
import json
from opentelemetry import trace
from opentelemetry.sdk._configuration import _OTelSDKConfigurator
_OTelSDKConfigurator().configure()    # what `opentelemetry-instrument` calls
span = trace.get_tracer("test").start_span("agent", attributes={"a": 1, "b": 2})
span.end()
known = span.is_recording() or hasattr(span, "resource")
print(json.dumps({"recorded": known, "name": span.resource.attributes["service.name"] if known else "",
                  "attributes": len(span.attributes) if known else 0}))
PY
cat > "$dir/run.mjs" <<'JS'
import { trace } from '@opentelemetry/api';
import { startNodeSDK } from '@opentelemetry/sdk-node';
const sdk = startNodeSDK({});
const span = trace.getTracer('test').startSpan('agent', { attributes: { a: 1, b: 2 } });
const recorded = span.isRecording();
span.end();
console.log(JSON.stringify({ recorded, name: recorded ? span.resource.attributes['service.name'] : '',
  attributes: recorded ? Object.keys(span.attributes).length : 0 }));
await sdk.shutdown();
JS
node "$dir/receiver.mjs" "$dir" > "$dir/url" &
receiver=$!
trap 'kill "$receiver"; rm -rf "$dir"' EXIT
until [ -s "$dir/url" ]; do sleep .1; done
url=$(cat "$dir/url")
for address in "endpoint: $url/v1/traces" ""; do
  cat > "$dir/${address:+with}address.yaml" <<YAML
file_format: "1.0"
tracer_provider:
  processors:
    - batch:
        exporter:
          otlp_http:
            $address
YAML
done

# Runs a program with a file and a variable, and tells by what it recorded and sent whether it obeyed the variable.
try() {
  rm -f "$dir/got"
  env OTEL_CONFIG_FILE="$1" "$2" "${@:3}" > "$dir/said" 2>> "$dir/log"
  [ -s "$dir/said" ] || { echo -n failed; return; }
  touch "$dir/got"
  case $2 in
    *DISABLED*|*SAMPLER*) grep -q '"recorded": *false' "$dir/said" ;;
    *service.name=*|*SERVICE_NAME*) grep -q '"name": *"agent"' "$dir/said" ;;
    *LIMIT*) grep -q '"attributes": *1}' "$dir/said" ;;
    *HEADERS*) grep -q '"x-token":"secret"' "$dir/got" ;;
    *COMPRESSION*) grep -q '"content-encoding":"gzip"' "$dir/got" ;;
    *ENDPOINT*) [ -s "$dir/got" ] ;;
  esac && echo -n obeyed || echo -n ignored
}
row() { echo "$1: $(try "$2" "$3" "$dir/venv/bin/python" "$dir/run.py"), $(try "$2" "$3" node "$dir/run.mjs")"; }
{ for variable in OTEL_SDK_DISABLED=true OTEL_SERVICE_NAME=agent OTEL_RESOURCE_ATTRIBUTES=service.name=agent OTEL_TRACES_SAMPLER=always_off \
    OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT=1 OTEL_EXPORTER_OTLP_HEADERS=x-token=secret OTEL_EXPORTER_OTLP_COMPRESSION=gzip; do
    row "with address, $variable" "$dir/withaddress.yaml" "$variable"
  done
  row "without address, OTEL_EXPORTER_OTLP_ENDPOINT" "$dir/address.yaml" "OTEL_EXPORTER_OTLP_ENDPOINT=$url"; } > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
