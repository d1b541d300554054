#!/usr/bin/env bash
# In OpenTelemetry's JavaScript SDK a span's start is rounded to a millisecond and its length is not: children begin after their parent's end.
#
# Packages: @opentelemetry/sdk-trace-base 2.12.1 and its successor @opentelemetry/sdk-trace 3.1.1, @opentelemetry/api 1.9.1 and 1.10.0;
#   opentelemetry-sdk 1.45.2 (Python).
# Behaviour: a span starts at Date.now(), cut to the millisecond, and ends at that start plus its exact length. Each span is cut by another
#   amount, so both ends move by up to 1 ms against other spans. Of 1000 agents that call two tools of 0.3 ms one after the other, most
#   have a second tool that starts before the first has ended, many one that starts with it, ends after the agent, or begins after its end.
# Expected: within one process and one thread, what encloses something encloses it in the export too, as in Python, where all are well.
# Matters: reading a cache, a local tool or a guard often takes less than a millisecond. By start time, the order of such siblings is chance:
#   the same start for many of them. "Overlap means parallel" and "a child outside its parent is asynchronous" are wrong for JavaScript
#   unless 1 ms is allowed; a parent's own time (its length less its children) can be below 0.
# Output seen:
#> sdk-trace-base 2: second tool starts before the first ended: many of 1000
#> sdk-trace-base 2: both tools start in the same instant: many of 1000
#> sdk-trace-base 2: a tool ends after its agent: many of 1000
#> sdk-trace-base 2: a tool starts after its agent ended: many of 1000
#> sdk-trace 3: second tool starts before the first ended: many of 1000
#> sdk-trace 3: both tools start in the same instant: many of 1000
#> sdk-trace 3: a tool ends after its agent: many of 1000
#> sdk-trace 3: a tool starts after its agent ended: many of 1000
#> Python: second tool starts before the first ended: none of 1000
#> Python: both tools start in the same instant: none of 1000
#> Python: a tool ends after its agent: none of 1000
#> Python: a tool starts after its agent ended: none of 1000
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}"
mkdir "$dir/two" "$dir/three"
npm install --silent --no-audit --no-fund --prefix "$dir/two" @opentelemetry/sdk-trace-base@2.12.1 @opentelemetry/api@1.9.1 >&2
npm install --silent --no-audit --no-fund --prefix "$dir/three" @opentelemetry/sdk-trace@3.1.1 @opentelemetry/api@1.10.0 >&2
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check opentelemetry-sdk==1.45.2

tee "$dir/two/run.mjs" > "$dir/three/run.mjs" <<'JS'
import { trace, ROOT_CONTEXT } from '@opentelemetry/api';

const sdk = await import(process.argv[2]);
const Provider = sdk.BasicTracerProvider ?? sdk.TracerProvider;
const ended = [];
const spanProcessors = [{ onStart() {}, onEnd(span) { ended.push(span); }, forceFlush: async () => {}, shutdown: async () => {} }];
const tracer = new Provider({ spanProcessors }).getTracer('test');
const time = ([seconds, nanoseconds]) => BigInt(seconds) * 1000000000n + BigInt(nanoseconds);
const work = () => { const end = performance.now() + 0.3; while (performance.now() < end); };
for (let i = 0; i < 1000; i++) {
  ended.length = 0;
  const agent = tracer.startSpan('agent', {}, ROOT_CONTEXT);
  work();
  for (const name of ['first', 'second']) {
    const tool = tracer.startSpan(name, {}, trace.setSpan(ROOT_CONTEXT, agent));
    work();
    tool.end();
  }
  agent.end();
  console.log(...ended.flatMap(s => [time(s.startTime), time(s.endTime)]).map(String));
}
JS
cat > "$dir/run.py" <<'PY'
import time
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

tracer = TracerProvider().get_tracer("test")
def work():
    end = time.perf_counter() + 0.0003
    while time.perf_counter() < end: pass

for _ in range(1000):
    agent = tracer.start_span("agent")
    work()
    spans = []
    for name in ("first", "second"):
        tool = tracer.start_span(name, trace.set_span_in_context(agent))
        work()
        tool.end()
        spans.append(tool)
    agent.end()
    print(*(t for s in [*spans, agent] for t in (s.start_time, s.end_time)))
PY
cat > "$dir/count.py" <<'PY'
import sys
# first's start and end, second's start and end, agent's start and end
rows = [[int(n) for n in line.split()] for line in sys.stdin]
def say(what, holds):
    count = sum(holds(*row) for row in rows)
    print(f"{sys.argv[1]}: {what}: {'none' if count == 0 else 'many' if count >= len(rows) / 50 else count} of {len(rows)}")
say("second tool starts before the first ended", lambda f, fe, s, se, a, ae: s < fe)
say("both tools start in the same instant", lambda f, fe, s, se, a, ae: s == f)
say("a tool ends after its agent", lambda f, fe, s, se, a, ae: max(fe, se) > ae)
say("a tool starts after its agent ended", lambda f, fe, s, se, a, ae: max(f, s) > ae)
PY
{ node "$dir/two/run.mjs" @opentelemetry/sdk-trace-base | python3 "$dir/count.py" "sdk-trace-base 2"
  node "$dir/three/run.mjs" @opentelemetry/sdk-trace | python3 "$dir/count.py" "sdk-trace 3"
  "$dir/venv/bin/python" "$dir/run.py" | python3 "$dir/count.py" Python; } > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
