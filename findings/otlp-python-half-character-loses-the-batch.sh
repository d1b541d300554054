#!/usr/bin/env bash
# Half a character in one error message costs the whole batch in OTLP protobuf, and makes the whole body invalid in OTLP JSON.
#
# Packages: opentelemetry-sdk and opentelemetry-exporter-otlp-proto-http 1.45.2, opentelemetry-exporter-otlp-json-common 0.66b1.
# Behaviour: a lone surrogate ("\ud83d", what is left of an emoji when JSON text is cut between its two \u escapes, and what
#   json.loads returns for it without complaint). In an attribute only that attribute is lost, with an error in the log.
#   In a status message, an event's name or a span's name the protobuf encoder fails for the batch: none of up to 512 spans, those of
#   other runs too, is sent, and the log names no span. The JSON encoder lets it through as "\ud83d", which strict readers refuse
#   for the whole request (here protobuf's own JSON reader).
# Expected: one rule for all texts: replace the half character, or lose the one field.
# Matters: the SDK copies an exception's text into the status message, and such texts quote what a model sent. A viewer then shows
#   gaps in unrelated traces. A reader of OTLP JSON has to mend lone surrogates before it parses, or it drops what the protobuf form kept.
# Output seen (place of the half character, spans of three that arrive by protobuf, and by JSON):
#> nowhere 3 3
#> attribute 3 0
#> status message 0 0
#> event name 0 0
#> span name 0 0
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check opentelemetry-sdk==1.45.2 opentelemetry-exporter-otlp-proto-common==1.45.2 \
  opentelemetry-exporter-otlp-json-common==0.66b1

cat > "$dir/run.py" <<'PY'
import json, logging
from google.protobuf.json_format import Parse, ParseError
from opentelemetry.exporter.otlp.json.common.trace_encoder import encode_spans as to_json
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans as to_protobuf
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Status, StatusCode

logging.disable()
HALF = json.loads('"rate limit \\ud83d"')

def spans(place):
    tracer = TracerProvider().get_tracer("t")
    made = [tracer.start_span(n) for n in ("other run", HALF if place == "span name" else "this run", "third run")]
    if place == "attribute": made[1].set_attribute("output.value", HALF)
    if place == "status message": made[1].set_status(Status(StatusCode.ERROR, HALF))
    if place == "event name": made[1].add_event(HALF)
    for span in made: span.end()
    return made

def count(request): return len(request.resource_spans[0].scope_spans[0].spans)

for place in ("nowhere", "attribute", "status message", "event name", "span name"):
    try: protobuf = count(ExportTraceServiceRequest.FromString(to_protobuf(spans(place)).SerializeToString()))
    except UnicodeEncodeError: protobuf = 0
    text = json.dumps(to_json(spans(place)).to_dict())
    assert (r"\ud83d" in text) == (place != "nowhere")
    try: count(Parse(text, ExportTraceServiceRequest())); as_json = 3
    except (ParseError, UnicodeEncodeError): as_json = 0
    print(place, protobuf, as_json)
PY

"$dir/venv/bin/python" "$dir/run.py" > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
