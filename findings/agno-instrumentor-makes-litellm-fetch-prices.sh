#!/usr/bin/env bash
# Tracing an Agno program that uses no LiteLLM imports LiteLLM if it is installed, and LiteLLM then asks GitHub for a price list.
#
# Packages: openinference-instrumentation-agno 1.0.15, agno 3.1.10, litellm 1.110.2.
# Behaviour: AgnoInstrumentor().instrument() imports every module of agno.models, to find the classes to wrap. agno.models.litellm imports
#   litellm, whose import looks up raw.githubusercontent.com. Nothing of it is imported before that call.
# Expected: only what the program imported is wrapped, or wrapped once it is imported.
# Matters: agno's setup_tracing calls it, too. Each start of a traced program pays for the import, talks to a host that the program has nothing to
#   do with, and prints warnings where that host can't be reached: seen beside agno-top, they look like its doing.
# Output seen (when, whether litellm is imported, hosts looked up):
#> before instrument() False []
#> after instrument() True ['raw.githubusercontent.com']
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check agno==3.1.10 litellm==1.110.2 openinference-instrumentation-agno==1.0.15 \
    opentelemetry-sdk==1.45.2 >&2

cat > "$dir/run.py" <<'PY'
import socket, sys

looked_up = set()

def unknown(host, *_, **__):  # no request leaves the machine
    looked_up.add(host)
    raise socket.gaierror(socket.EAI_NONAME, "not looked up")

socket.getaddrinfo = unknown
import agno.agent
from openinference.instrumentation.agno import AgnoInstrumentor

print("before instrument()", "litellm" in sys.modules, sorted(looked_up))
AgnoInstrumentor().instrument()
print("after instrument()", "litellm" in sys.modules, sorted(looked_up), flush=True)
PY

env -i PATH="$PATH" HOME="$dir" "$dir/venv/bin/python" "$dir/run.py" > "$dir/seen" 2> "$dir/warnings"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
grep -q "model cost map" "$dir/warnings"
echo "still so: $(basename "$0")"
