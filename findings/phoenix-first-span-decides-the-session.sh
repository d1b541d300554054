#!/usr/bin/env bash
# Phoenix puts a trace into the project and the session of the span that arrives first; what the root says of both is dropped when it comes last.
#
# Packages: arize-phoenix 20.26.1, arize-phoenix-otel 0.17.2, opentelemetry-sdk 1.45.2.
# Behaviour: an agent's service calls a second service that asks the model, one trace. Each names its own project and session. Spans are sent when they end,
#   so the model call comes first: the trace, with the root, is in the second service's project and session, and the first
#   service's project does not exist, nor does its session. Sent in the other order, both are the root's. An inner span that alone has a session
#   makes it the session of the trace as well.
# Expected: the root's project and session, in whichever order the spans come, or each span in the project that it names.
# Matters: a trace's place depends on who flushes first, so one service's traces are spread over projects, and a session that an inner library made up
#   for itself takes the place of the user's. Keep both for each span; let the root's win for the trace, once it is there.
# Output seen (which comes first: projects with their spans, sessions):
#> model call first: tools-1 [agent, model call], sessions ['inner-1']
#> agent first: front-2 [agent, model call], sessions ['user-2']
#> only the model call has a session: front-3 [agent, model call], sessions ['inner-3']
set -euo pipefail
dir=$(mktemp -d)
server=
trap '[ -z "$server" ] || { kill "$server"; wait "$server" || true; } 2>/dev/null; rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!PHOENIX_@}"
export NO_PROXY=127.0.0.1
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check arize-phoenix==20.26.1 arize-phoenix-otel==0.17.2 opentelemetry-sdk==1.45.2 opentelemetry-api==1.45.2
port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
export PHOENIX_WORKING_DIR=$dir PHOENIX_HOST=127.0.0.1 PHOENIX_PORT=$(port) PHOENIX_GRPC_PORT=$(port) PHOENIX_TELEMETRY_ENABLED=false
"$dir/venv/bin/phoenix" serve > "$dir/log" 2>&1 & server=$!

cat > "$dir/run.py" <<'PY'
import os, time
import httpx
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

url = f"http://127.0.0.1:{os.environ['PHOENIX_PORT']}"
for _ in range(600):
    try:
        if httpx.get(url + "/healthz").status_code == 200: break
    except httpx.HTTPError: pass
    time.sleep(0.2)

def service(project):
    memory = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource({"openinference.project.name": project}))
    provider.add_span_processor(SimpleSpanProcessor(memory))
    return provider.get_tracer("t"), memory

def stored():
    query = """{projects(first: 50) {edges {node {name
        spans(first: 50) {edges {node {name}}} sessions(first: 50) {edges {node {sessionId}}}}}}}"""
    nodes = lambda of: [e["node"] for e in of["edges"]]
    projects = nodes(httpx.post(url + "/graphql", json={"query": query}).json()["data"]["projects"])
    return {p["name"]: (sorted(s["name"] for s in nodes(p["spans"])), sorted(s["sessionId"] for s in nodes(p["sessions"]))) for p in projects}

def case(number, title, agent_first=False, agent_session=True, two_projects=True):
    before = stored()
    front, front_spans = service(f"front-{number}")
    tools, tools_spans = service(f"tools-{number}") if two_projects else (front, None)
    session = {"session.id": f"user-{number}"} if agent_session else {}
    with front.start_as_current_span("agent", attributes={"openinference.span.kind": "AGENT", **session}):
        with tools.start_as_current_span("model call", attributes={"openinference.span.kind": "LLM", "session.id": f"inner-{number}"}): pass
    spans = [*(tools_spans.get_finished_spans() if tools_spans else ()), *front_spans.get_finished_spans()]
    for sent, span in enumerate(reversed(spans) if agent_first else spans, 1):
        OTLPSpanExporter(url + "/v1/traces").export([span])
        for _ in range(300):
            if sum(len(names) for name, (names, _) in stored().items() if name not in before) == sent: break
            time.sleep(0.2)
    for name, (spans, sessions) in stored().items():
        if name not in before: print(f"{title}: {name} [{', '.join(spans)}], sessions {sessions}")

case(1, "model call first")
case(2, "agent first", agent_first=True)
case(3, "only the model call has a session", agent_session=False, two_projects=False)
PY

"$dir/venv/bin/python" "$dir/run.py" > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
