#!/usr/bin/env bash
# Today's FastAPI makes OpenTelemetry spans with no instrumentation installed, and obeys the caller's "not sampled": agents' roots vanish.
#
# Packages: fastapi 0.116.1 and 0.165.0, each with starlette as required, httpx 0.28.1, opentelemetry-sdk 1.45.2.
# Behaviour: an app sets a tracer provider for its agents and serves them. Under 0.116.1 each run is a root. Under 0.165.0, the same code,
#   it lies under `GET /run` > `fastapi.endpoint` (scope `fastapi`), with siblings `fastapi.dependencies` and `.serialization`;
#   health checks are traces; and a caller's header `traceparent: …-00` keeps everything below from being recorded.
# Expected: that spans come from an instrumentor that one installs and switches on.
# Matters: what a viewer lists by its root is a route, not an agent; polling fills the store with traces that hold no model call; a gateway
#   or browser that samples makes runs disappear at random, and that looks like lost data. Agno's AgentOS is a FastAPI
#   app: it is all of this once FastAPI is updated. Name a trace by its first agent, and fold traces of scope `fastapi` alone.
# Output seen (version, request, scope and name of each span in the order of their start):
#> 0.116.1 run: my.agents agent
#> 0.116.1 health:
#> 0.116.1 run, caller does not sample: my.agents agent
#> 0.165.0 run: fastapi GET /run, fastapi fastapi.dependencies, fastapi fastapi.endpoint, my.agents agent, fastapi fastapi.serialization
#> 0.165.0 health: fastapi GET /health, fastapi fastapi.dependencies, fastapi fastapi.endpoint, fastapi fastapi.serialization
#> 0.165.0 run, caller does not sample:
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!FASTAPI_@}"

cat > "$dir/run.py" <<'PY'
import fastapi
from fastapi.testclient import TestClient
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

memory = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(memory))
trace.set_tracer_provider(provider)
app = fastapi.FastAPI()

@app.get("/run")
def run():
    with trace.get_tracer("my.agents").start_as_current_span("agent"): return "done"

@app.get("/health")
def health(): return "ok"

client = TestClient(app)
unsampled = {"traceparent": f"00-{'1' * 32}-{'2' * 16}-00"}
for name, path, headers in (("run", "/run", {}), ("health", "/health", {}), ("run, caller does not sample", "/run", unsampled)):
    memory.clear()
    client.get(path, headers=headers)
    spans = sorted(memory.get_finished_spans(), key=lambda s: s.start_time)
    print(f"{fastapi.__version__} {name}: {', '.join(f'{s.instrumentation_scope.name} {s.name}' for s in spans)}".rstrip())
PY

for version in 0.116.1 0.165.0; do
  python3 -m venv "$dir/$version"
  "$dir/$version/bin/pip" install -q --disable-pip-version-check fastapi==$version httpx==0.28.1 opentelemetry-sdk==1.45.2 opentelemetry-api==1.45.2
  "$dir/$version/bin/python" -W ignore "$dir/run.py" >> "$dir/seen"
done
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
