#!/usr/bin/env bash
# JavaScript's OTLP JSON states whole numbers beyond 64 bits as integers; one such attribute makes the whole request invalid.
#
# Packages: @opentelemetry/sdk-trace-base 2.12.1, @opentelemetry/otlp-transformer 0.223.1 (what exporter-trace-otlp-http and -proto
#   0.223.1 send); the reader is protobuf 7.34.0 with opentelemetry-proto 1.45.2 in Python.
# Behaviour: a number without a fraction becomes `intValue`, whatever its size: 1e21 is `{"intValue":1e+21}`, Number.MAX_VALUE
#   `{"intValue":1.7976931348623157e+308}`. OTLP's intValue is an int64, so protobuf's JSON reader refuses the request and
#   with it all other spans. The protobuf encoder of the same package sends the same span with doubles.
# Expected: `doubleValue` in both, from 2^63 on at least.
# Matters: "no limit" is often written as Number.MAX_VALUE or 1e21 (budgets, deadlines, max tokens). A reader that parses intValue
#   strictly loses the body; it has to take such numbers as doubles. Infinity comes as `{"doubleValue":null}`, a third form.
# Output seen (attribute, JSON form, protobuf form; then whether protobuf's JSON reader takes a body with that attribute):
#> steps.max {"intValue":100} int_value accepted
#> budget.usd {"intValue":1e+21} double_value refused
#> tokens.max {"intValue":1.7976931348623157e+308} double_value refused
#> id {"intValue":9223372036854776000} double_value refused
#> deadline {"doubleValue":null} double_value accepted
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check opentelemetry-proto==1.45.2 protobuf==7.34.0
npm install --silent --no-audit --no-fund --prefix "$dir" @opentelemetry/sdk-trace-base@2.12.1 @opentelemetry/otlp-transformer@0.223.1 >&2

cat > "$dir/make.mjs" <<'JS'
import { writeFileSync } from 'node:fs';
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base';
import { JsonTraceSerializer, ProtobufTraceSerializer } from '@opentelemetry/otlp-transformer';
const values = { 'steps.max': 100, 'budget.usd': 1e21, 'tokens.max': Number.MAX_VALUE, id: 2 ** 63, deadline: Infinity };
const tracer = new BasicTracerProvider().getTracer('t');
const bodies = Object.entries(values).map(([key, value]) => {
  const span = tracer.startSpan('run');
  span.setAttribute(key, value).end();
  const bytes = s => Buffer.from(s.serializeRequest([span]));
  return { key, json: bytes(JsonTraceSerializer).toString(), protobuf: bytes(ProtobufTraceSerializer).toString('hex') };
});
writeFileSync(process.argv[2], JSON.stringify(bodies));
JS
cat > "$dir/read.py" <<'PY'
import json, re, sys
from google.protobuf.json_format import Parse, ParseError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest as Request

for body in json.load(open(sys.argv[1])):
    form = re.search(r'"%s","value":({.*?})' % re.escape(body["key"]), body["json"])[1]
    request = Request.FromString(bytes.fromhex(body["protobuf"]))
    kind = request.resource_spans[0].scope_spans[0].spans[0].attributes[0].value.WhichOneof("value")
    try: Parse(body["json"], Request()); verdict = "accepted"
    except ParseError: verdict = "refused"
    print(body["key"], form, kind, verdict)
PY

node "$dir/make.mjs" "$dir/bodies.json"
"$dir/venv/bin/python" "$dir/read.py" "$dir/bodies.json" > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
