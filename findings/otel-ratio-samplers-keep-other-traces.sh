#!/usr/bin/env bash
# At one and the same ratio Python's and JavaScript's SDKs keep different traces: at a quarter each, one in sixteen has both halves.
#
# Packages: opentelemetry-sdk 1.45.2 (Python); @opentelemetry/sdk-trace-base 2.12.1 and its successor @opentelemetry/sdk-trace 3.1.1.
# Behaviour: OTEL_TRACES_SAMPLER=traceidratio decides by the trace id alone, so that each service can decide for itself. Python compares the lower
#   64 bits of the id, as they are, with the ratio; JavaScript compares the four 32-bit words of it, joined by exclusive or. For random ids the two
#   have nothing to do with each other. Of 10000 traces that a Python agent starts and a JavaScript tool server goes on with, at 0.25, about
#   2500 are kept by each and 625 by both. Python among itself keeps the same ones at each hop, and so does JavaScript.
# Expected: the same ratio and the same trace id give the same answer, which is what the sampler is for. OpenTelemetry's specification
#   leaves the algorithm open; neither SDK's documentation says so. `parentbased_traceidratio` follows the caller and tears nothing.
# Matters: three out of four traces of such a system are torn: agents whose tools left no span, and tool calls whose parent is
#   missing, which is what a lost exporter looks like. Rates still fit: each service reports a quarter, so nobody suspects the sampler.
#   A ratio of 0.01 leaves one whole trace in ten thousand.
# Output seen (ratio: traces of 10000 kept by Python; JavaScript 2; JavaScript 3; by Python and JavaScript; by both JavaScripts):
#> 0.5: 5027 5001 5001; 2510; 5001
#> 0.25: 2499 2482 2482; 605; 2482
#> 0.01: 101 91 91; 1; 91
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check opentelemetry-sdk==1.45.2
npm install --silent --no-audit --no-fund --prefix "$dir/two" @opentelemetry/sdk-trace-base@2.12.1 @opentelemetry/api@1.9.1 >&2
npm install --silent --no-audit --no-fund --prefix "$dir/three" @opentelemetry/sdk-trace@3.1.1 @opentelemetry/api@1.10.0 >&2

cat > "$dir/run.py" <<'PY'
import hashlib
from opentelemetry.sdk.trace import IdGenerator, TracerProvider

class Numbered(IdGenerator):
    """The ids of an ordinary random generator, but the same ones in each run."""
    number = 0
    def generate_span_id(self): return 1
    def generate_trace_id(self):
        self.number += 1
        return int(hashlib.sha256(str(self.number).encode()).hexdigest()[:32], 16)

tracer = TracerProvider(id_generator=Numbered()).get_tracer("agent")
for _ in range(10000):
    span = tracer.start_span("invoke_agent")
    print(format(span.get_span_context().trace_id, "032x"), int(span.is_recording()))
PY
cat > "$dir/run.mjs" <<'JS'
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
const [folder, ratio] = process.argv.slice(2);
const require = createRequire(`${folder}/two/`), next = createRequire(`${folder}/three/`);
const { BasicTracerProvider } = require('@opentelemetry/sdk-trace-base');
const { TracerProvider, TraceIdRatioBasedSampler } = next('@opentelemetry/sdk-trace');
const providers = [[require('@opentelemetry/api'), new BasicTracerProvider()],
                   [next('@opentelemetry/api'), new TracerProvider({ sampler: new TraceIdRatioBasedSampler(Number(ratio)) })]];
const kept = readFileSync(0, 'utf8').trim().split('\n').map(line => {
  const [traceId, python] = line.split(' ');
  return [python === '1', ...providers.map(([api, provider]) => {
    const caller = { traceId, spanId: '00f067aa0ba902b7', traceFlags: Number(python), isRemote: true };
    return provider.getTracer('tool').startSpan('execute_tool', {}, api.trace.setSpanContext(api.ROOT_CONTEXT, caller)).isRecording();
  })];
});
const count = (...which) => kept.filter(row => which.every(column => row[column])).length;
console.log(`${ratio}: ${count(0)} ${count(1)} ${count(2)}; ${count(0, 1)}; ${count(1, 2)}`);
JS
export OTEL_TRACES_SAMPLER=traceidratio
for ratio in 0.5 0.25 0.01; do
  export OTEL_TRACES_SAMPLER_ARG=$ratio
  "$dir/venv/bin/python" "$dir/run.py" | node "$dir/run.mjs" "$dir" "$ratio"
done > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
