#!/usr/bin/env bash
# Phoenix shows no tokens and no cost for embeddings and for agents that alone have the usage, and replaces a cost that the span states by its own or by none.
#
# Packages: arize-phoenix 20.26.1, opentelemetry-sdk 1.45.2.
# Behaviour: spans of one attribute set (1000 tokens in, 50 out, llm.cost.total 0.5), of kinds that OpenInference defines. Only kind LLM is counted: an
#   AGENT (a framework that reports its run's usage and has no spans for the calls below it), an EMBEDDING or a span without a kind has 0 tokens and no
#   cost. A stated cost is stored and not used: a known model gets 0.00035 by Phoenix's own list, an unknown one has none on
#   the span and 0 in the project's total. A span with llm.token_count.total alone has 0 tokens, and the cost of a prompt of 1050.
# Expected: the counts of embeddings, which are billed, at least; the stated cost where it cannot compute one; "unknown", not 0, in the total.
# Matters: two viewers of one trace differ by whole models, and the total of a house model with a price of its own (a gateway's, stated on
#   each span) is 0.00 USD and looks free. When figures are compared with Phoenix's, compare model spans only.
# Output seen (span: tokens; cost of the span, and of the project):
#> LLM, gpt-5-mini: 1050; 0.00035, 0.00035
#> LLM, house model: 1050; None, 0.0
#> LLM, total alone: 0; 0.0002625, 0.0002625
#> EMBEDDING, gpt-5-mini: 0; None, None
#> AGENT, gpt-5-mini: 0; None, None
#> no kind, gpt-5-mini: 0; None, None
set -euo pipefail
dir=$(mktemp -d)
server=
trap '[ -z "$server" ] || { kill "$server"; wait "$server" || true; } 2>/dev/null; rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!PHOENIX_@}"
export NO_PROXY=127.0.0.1
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check arize-phoenix==20.26.1 opentelemetry-sdk==1.45.2 opentelemetry-api==1.45.2
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

url = f"http://127.0.0.1:{os.environ['PHOENIX_PORT']}"
for _ in range(600):
    try:
        if httpx.get(url + "/healthz").status_code == 200: break
    except httpx.HTTPError: pass
    time.sleep(0.2)

known = {"llm.model_name": "gpt-5-mini", "llm.provider": "openai", "llm.token_count.prompt": 1000, "llm.token_count.completion": 50,
         "llm.cost.total": 0.5, "llm.cost.prompt": 0.4, "llm.cost.completion": 0.1}
kind = lambda name: {"openinference.span.kind": name}
total_alone = {"llm.model_name": "gpt-5-mini", "llm.provider": "openai", "llm.token_count.total": 1050}
cases = {
    "LLM, gpt-5-mini": {**kind("LLM"), **known},
    "LLM, house model": {**kind("LLM"), **known, "llm.model_name": "house-model", "llm.provider": "house"},
    "LLM, total alone": {**kind("LLM"), **total_alone},
    "EMBEDDING, gpt-5-mini": {**kind("EMBEDDING"), **known},
    "AGENT, gpt-5-mini": {**kind("AGENT"), **known},
    "no kind, gpt-5-mini": known,
}
for name, attributes in cases.items():
    provider = TracerProvider(resource=Resource({"openinference.project.name": name}))
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(url + "/v1/traces")))
    provider.get_tracer("t").start_span("span", attributes=attributes).end()

query = """{projects(first: 50) {edges {node {name costSummary {total {cost}}
    spans(first: 1) {edges {node {tokenCountTotal costSummary {total {cost}}}}}}}}}"""
def stored():
    return {e["node"]["name"]: e["node"] for e in httpx.post(url + "/graphql", json={"query": query}).json()["data"]["projects"]["edges"]}
# Costs are computed a moment after a span is stored.
costs = lambda of: sum((p["costSummary"]["total"]["cost"] is not None) for p in of.values())
for _ in range(300):
    seen = stored()
    if all(name in seen and seen[name]["spans"]["edges"] for name in cases) and costs(seen) == 3: break
    time.sleep(0.2)
time.sleep(5)
for name in cases:
    project = stored()[name]
    span = project["spans"]["edges"][0]["node"]
    cost = (span["costSummary"] or {"total": {"cost": None}})["total"]["cost"]
    in_all = project["costSummary"]["total"]["cost"]
    print(f"{name}: {span['tokenCountTotal']}; {cost and round(cost, 8)}, {in_all and round(in_all, 8)}")
PY

"$dir/venv/bin/python" "$dir/run.py" > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
