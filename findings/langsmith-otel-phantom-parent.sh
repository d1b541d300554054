#!/usr/bin/env bash
# In LangSmith's OpenTelemetry mode, spans of other libraries inside a @traceable go to a trace that has no root.
#
# Packages: langsmith 0.14.17, opentelemetry-sdk and opentelemetry-exporter-otlp-proto-http 1.45.2.
# Behaviour: while a @traceable runs, the current OpenTelemetry context holds a made-up span: trace id = the run's UUID, span id = that
#   UUID's first eight bytes. The span exported afterwards for the same run has other, random ids. So what a database driver,
#   HTTP client or other instrumentor writes inside the function is in another trace than the function, below a parent
#   that never comes. A @traceable within such a span passes over it. Only a span outside and above all is joined rightly.
# Expected: one trace, "query" below "agent", as LangSmith's OTel mode is for mixing both.
# Matters: a viewer shows the inner spans as a run that is still going (its parent is missing), for ever. As the UUIDs are of version 7,
#   the phantom's span id is a time stamp in milliseconds with 12 more bits, and "trace id begins with parent id" gives it away.
# Output seen (span: trace, parent):
#> server: trace A, no parent
#> agent: trace A, parent server
#> alone: trace B, no parent
#> query: trace C, parent not exported; the trace id begins with it
#> step in query: trace B, parent alone
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!LANGSMITH_@}" "${!LANGCHAIN_@}"
export LANGSMITH_TRACING=true LANGSMITH_OTEL_ENABLED=true LANGSMITH_OTEL_ONLY=true LANGSMITH_API_KEY=none LANGSMITH_ENDPOINT=http://127.0.0.1:9
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check langsmith==0.14.17 opentelemetry-sdk==1.45.2 \
  opentelemetry-exporter-otlp-proto-http==1.45.2

cat > "$dir/run.py" <<'PY'
import time
from langsmith import traceable
from langsmith.run_trees import get_cached_client
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

memory = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(memory))
trace.set_tracer_provider(provider)
tracer = provider.get_tracer("another library")

@traceable(name="agent")
def agent(): return "done"

@traceable(name="step in query")
def step(): return "done"

@traceable(name="alone")
def alone():
    with tracer.start_as_current_span("query"): step()
    return "done"

with tracer.start_as_current_span("server"): agent()
alone()
deadline = time.monotonic() + 30
while len(memory.get_finished_spans()) < 5 and time.monotonic() < deadline:
    get_cached_client().flush()
    time.sleep(0.1)
spans = sorted(memory.get_finished_spans(), key=lambda s: s.start_time)
names, traces = {s.context.span_id: s.name for s in spans}, []
for s in spans:
    if s.context.trace_id not in traces: traces.append(s.context.trace_id)
    parent = "no parent" if not s.parent else "parent " + names.get(s.parent.span_id, "not exported")
    if s.parent and s.parent.span_id == s.context.trace_id >> 64: parent += "; the trace id begins with it"
    print(f"{s.name}: trace {'ABC'[traces.index(s.context.trace_id)]}, {parent}")
PY

"$dir/venv/bin/python" "$dir/run.py" > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
