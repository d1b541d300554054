#!/usr/bin/env bash
# Compares agno-top with other programs that receive OTLP, which it installs in target/peers-venv: peers.sh AGNO_TOP [--spans 100000]
# Needs python3 and an idle machine. peers.py says what is measured.
set -euo pipefail
venv=$(dirname "$0")/../target/peers-venv
requirements=$(dirname "$0")/peers.txt
if ! cmp -s "$requirements" "$venv/requirements.txt"; then
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$requirements"
    cp "$requirements" "$venv/requirements.txt"
fi
exec python3 "$(dirname "$0")/peers.py" "$@" --with "trace-view=$venv/bin/tv" "phoenix=$venv/bin/phoenix"
