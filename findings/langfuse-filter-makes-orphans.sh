#!/usr/bin/env bash
# Langfuse's exporter leaves out the spans that it does not take for model work, and keeps their children with the old parent ids.
#
# Packages: langfuse 5.0.4, opentelemetry-sdk 1.45.2.
# Behaviour: Langfuse's span processor sends spans of its own scope, of a list of known scopes, or with gen_ai.* keys. Everything else is
#   dropped one by one, without joining what is below to what is above. A generation inside a function traced by the app goes out
#   with a parent that never will. A span that says `openinference.span.kind` = LLM is dropped if its scope is not on the list.
# Expected: dropped spans are passed over (children get the nearest exported parent), or a whole trace is kept.
# Matters: to a viewer a parent that is named but missing means "still running", or lost on the way. Data that came by Langfuse has such
#   holes in every trace; "running" needs more proof than a missing parent. The switch is `should_export_span`.
# Output seen (span, exported by Langfuse, its parent, whether that was exported):
#> request False None -
#> agent True request False
#> retrieve False agent True
#> answer True retrieve False
#> local model False retrieve False
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!LANGFUSE_@}"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check langfuse==5.0.4 opentelemetry-sdk==1.45.2 opentelemetry-api==1.45.2

cat > "$dir/run.py" <<'PY'
from langfuse import Langfuse, observe
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

everything, sent = InMemorySpanExporter(), InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(everything))
trace.set_tracer_provider(provider)
langfuse = Langfuse(public_key="none", secret_key="none", base_url="http://127.0.0.1:9", span_exporter=sent)
tracer = trace.get_tracer("my.app")

@observe(name="answer", as_type="generation")
def answer(): return "done"

@observe(name="agent", as_type="agent")
def agent():
    with tracer.start_as_current_span("retrieve"):
        answer()
        with tracer.start_as_current_span("local model") as span: span.set_attribute("openinference.span.kind", "LLM")
    return "done"

with tracer.start_as_current_span("request"): agent()
langfuse.flush()
exported = {s.context.span_id for s in sent.get_finished_spans()}
spans = sorted(everything.get_finished_spans(), key=lambda s: s.start_time)
names = {s.context.span_id: s.name for s in spans}
for s in spans:
    parent = s.parent and s.parent.span_id
    print(s.name, s.context.span_id in exported, names.get(parent), parent in exported if parent else "-")
PY

"$dir/venv/bin/python" "$dir/run.py" > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
