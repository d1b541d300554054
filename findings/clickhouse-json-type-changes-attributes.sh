#!/usr/bin/env bash
# ClickHouse's JSON type gives attributes back changed: one key twice in an object, times moved, numbers as text, nulls gone.
#
# Packages: chdb 4.4.0 (ClickHouse 26.9.2.1 in process).
# Behaviour: of attributes kept in a JSON column (as the OpenTelemetry collector's ClickHouse exporter can do), read by FORMAT JSONEachRow:
#   `error` beside `error.type` comes as the key "error" twice in one object, so any JSON reader loses one of them. Texts that look like
#   times are parsed: the offset is applied and dropped. 1.0 is 1, 2^64 is a string, null and {} are gone. A span that has both
#   `a.b` and `a: {b}` cannot be inserted.
# Expected: what was put in, as from a String column.
# Matters: dotted keys are the rule in OpenTelemetry, and `error` beside `error.type`, `llm.cost` beside `llm.cost.total` happen. A viewer that
#   reads such a table has to flatten while parsing, without a map in between, and must not trust the text of times.
# Output seen (stored, read):
#> {"error": "boom", "error.type": "ValueError"} -> {"error":"boom","error":{"type":"ValueError"}}
#> {"due": "2026-01-01T10:00:00.5+02:00"} -> {"due":"2026-01-01 08:00:00.500000000"}
#> {"score": 1.0, "id": 18446744073709551616} -> {"id":"18446744073709551616","score":1}
#> {"reason": null, "tools": {}, "n": 1} -> {"n":1}
#> {"a.b": 1, "a": {"b": 2}} -> Code: 117
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check chdb==4.4.0

cat > "$dir/run.py" <<'PY'
import json, sys
from chdb.session import Session

db = Session(sys.argv[1])
db.query("CREATE DATABASE d")
db.query("CREATE TABLE d.spans (id UInt8, attributes JSON) ENGINE = Memory")
for n, attributes in enumerate((
        {"error": "boom", "error.type": "ValueError"}, {"due": "2026-01-01T10:00:00.5+02:00"},
        {"score": 1.0, "id": 2**64}, {"reason": None, "tools": {}, "n": 1}, {"a.b": 1, "a": {"b": 2}})):
    text = json.dumps(attributes)
    try:
        db.query(f"INSERT INTO d.spans VALUES ({n}, '{text}')")
        read = str(db.query(f"SELECT attributes FROM d.spans WHERE id = {n}", "JSONEachRow")).strip().removeprefix('{"attributes":')[:-1]
    except RuntimeError as e:
        read = str(e)[:str(e).index(".")]
    print(text, "->", read)
PY

timeout 120 "$dir/venv/bin/python" "$dir/run.py" "$dir/db" > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
