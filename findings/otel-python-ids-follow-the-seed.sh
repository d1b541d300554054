#!/usr/bin/env bash
# OpenTelemetry for Python takes trace ids from random.seed(): two runs of a seeded program are one trace, and so are all examples of a test.
#
# Packages: opentelemetry-sdk 1.45.2, openinference-instrumentation 0.1.72, logfire 5.4.0, hypothesis 6.170.17, pytest 9.2.0,
#   pytest-randomly 5.1.0.
# Behaviour: the SDK's ids are random.getrandbits() of Python's shared generator, which programs seed so that an evaluation can be repeated.
#   Each run then has the trace and span ids of the run before. Hypothesis seeds it with 0 before each example, so 5 examples are
#   one trace with 5 spans of one id, and the next process repeats it; a test run of pytest-randomly that is repeated with its seed repeats
#   its ids. OpenInference's tracers and Logfire's provider have generators of their own; what uses the SDK's tracer has the SDK's ids.
# Expected: ids that do not depend on what a program does with its random numbers.
# Matters: a store that takes (trace id, span id) for a key overwrites yesterday's run with today's, or drops today's as a repetition; one that
#   does not shows one run of two days with twice the tokens. "The same ids were sent twice" looks like a retry of the exporter.
# Output seen (provider, way: ids of what should be different traces):
#> sdk, seeded, run twice: 1 id
#> openinference, seeded, run twice: 2 ids
#> logfire, seeded, run twice: 2 ids
#> sdk, hypothesis, 5 examples in each of 2 runs: 1 id
#> openinference, hypothesis, 5 examples in each of 2 runs: 10 ids
#> logfire, hypothesis, 5 examples in each of 2 runs: 10 ids
#> sdk, pytest-randomly, 3 tests in each of 2 runs: 3 ids
#> openinference, pytest-randomly, 3 tests in each of 2 runs: 6 ids
#> logfire, pytest-randomly, 3 tests in each of 2 runs: 6 ids
set -euo pipefail
script=$(realpath "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!OPENINFERENCE_@}" "${!LOGFIRE_@}" "${!PYTEST_@}" "${!HYPOTHESIS_@}"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check opentelemetry-sdk==1.45.2 openinference-instrumentation==0.1.72 logfire==5.4.0 \
  hypothesis==6.170.17 pytest==9.2.0 pytest-randomly==5.1.0

cat > "$dir/tracers.py" <<'PY'
import os
def tracer():
    if os.environ["PROVIDER"] == "logfire":
        import logfire
        logfire.configure(send_to_logfire=False, console=False, inspect_arguments=False)
        from opentelemetry import trace
        return trace.get_tracer("test")
    if os.environ["PROVIDER"] == "openinference":
        from openinference.instrumentation import TracerProvider
    else:
        from opentelemetry.sdk.trace import TracerProvider
    return TracerProvider().get_tracer("test")
tracer = tracer()

def agent():
    with tracer.start_as_current_span("agent") as span: pass
    with open(os.environ["SEEN"], "a") as file: print(format(span.get_span_context().trace_id, "032x"), file=file)
PY
cat > "$dir/seeded.py" <<'PY'
import random
from tracers import agent
random.seed(42)
agent()
PY
cat > "$dir/property.py" <<'PY'
from hypothesis import given, settings, strategies
from tracers import agent
@settings(max_examples=5, database=None)
@given(strategies.text())
def test(question): agent()
test()
PY
cat > "$dir/test_agents.py" <<'PY'
import pytest
from tracers import agent
@pytest.mark.parametrize("question", ["one", "two", "three"])
def test(question): agent()
PY

cd "$dir"
twice() {
  for PROVIDER in sdk openinference logfire; do
    export PROVIDER SEEN="$dir/ids"
    rm -f "$SEEN"
    "${@:2}" > "$dir/log"
    "${@:2}" > "$dir/log"
    count=$(sort -u "$SEEN" | wc -l)
    echo "$PROVIDER, $1: $count id$( ((count == 1)) || echo s)"
  done
}
{ twice "seeded, run twice" venv/bin/python seeded.py
  twice "hypothesis, 5 examples in each of 2 runs" venv/bin/python property.py
  twice "pytest-randomly, 3 tests in each of 2 runs" venv/bin/python -m pytest -q -p no:cacheprovider -p randomly --randomly-seed=7 test_agents.py; } > seen
diff <(sed -n 's/^#> //p' "$script") seen
echo "still so: $(basename "$0")"
