#!/usr/bin/env bash
# In a process that configures Logfire, OpenInference's `session.id` becomes "[Scrubbed due to 'session']" for every exporter.
#
# Packages: logfire 5.4.0, openinference-instrumentation 0.1.72, opentelemetry-sdk 1.45.2.
# Behaviour: logfire.configure() takes over the global provider and scrubs before any added processor sees the span, with nothing sent to
#   Logfire at all. A word in a key or value ("session", "password", "secret", "auth…", "credit card") replaces the whole value.
#   So all sessions get one id, a question about cookies is gone, a tool called `authenticate` and an agent called
#   "Secretary" lose their names. OTel's own gen_ai.* keys, gen_ai.conversation.id too, are left alone.
# Expected: that identifiers which a convention defines are kept, and that a text is scrubbed in part.
# Matters: a viewer groups unrelated users into one session of that name, and into one tool. The text stands for "unknown", not for an
#   id; what was found is listed in `logfire.scrubbed` (JSON), which tells a scrubbed value from a real one.
# Output seen:
#> session.id [Scrubbed due to 'session']
#> agent.name [Scrubbed due to 'Secret']
#> tool.name [Scrubbed due to 'auth']
#> input.value [Scrubbed due to 'cookie']
#> gen_ai.conversation.id session-7
#> gen_ai.input.messages Where is my cookie?
#> logfire.scrubbed 4
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!LOGFIRE_@}"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check logfire==5.4.0 openinference-instrumentation==0.1.72 opentelemetry-sdk==1.45.2

cat > "$dir/run.py" <<'PY'
import json
import logfire
from openinference.instrumentation import OITracer, TraceConfig, using_session
from opentelemetry import trace
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

memory = InMemorySpanExporter()
logfire.configure(send_to_logfire=False, console=False, additional_span_processors=[SimpleSpanProcessor(memory)])
tracer = OITracer(trace.get_tracer("openinference.instrumentation.demo"), TraceConfig())
with using_session("conversation-7"), tracer.start_as_current_span("run", openinference_span_kind="tool") as span:
    span.set_attribute("agent.name", "Secretary")
    span.set_attribute("tool.name", "authenticate")
    span.set_attribute("input.value", "Where is my cookie?")
    span.set_attribute("gen_ai.conversation.id", "session-7")
    span.set_attribute("gen_ai.input.messages", "Where is my cookie?")
[span] = [s for s in memory.get_finished_spans() if s.attributes["logfire.span_type"] == "span"]
for key in ("session.id", "agent.name", "tool.name", "input.value", "gen_ai.conversation.id", "gen_ai.input.messages"):
    print(key, span.attributes[key])
print("logfire.scrubbed", len(json.loads(span.attributes["logfire.scrubbed"])))
PY


"$dir/venv/bin/python" "$dir/run.py" > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
