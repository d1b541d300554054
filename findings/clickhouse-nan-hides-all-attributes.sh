#!/usr/bin/env bash
# One NaN in a span's attributes, as Python's json.dumps writes it, makes ClickHouse read every key of that span as 0 or ''.
#
# Packages: chdb 4.4.0 (ClickHouse 26.9.2.1 in process), Python's json.
# Behaviour: Agno and others keep attributes as JSON text in a String column. json.dumps writes NaN and Infinity bare, and half a character as
#   "\ud83d". JSONExtractInt, JSONExtractString and JSONHas over such a text give 0, '' and 0 for *all* keys, without an error: the token
#   counts beside the NaN are gone, sums are too low, filters skip the row. isValidJSON alone tells. Python's
#   own reader takes both.
# Expected: an error, or the other keys.
# Matters: a score of NaN is common in evaluations. A viewer that computes in SQL under-counts without a sign; fetch the text whole and
#   parse it with a reader that knows NaN and lone surrogates.
# Output seen (attributes, input tokens by JSONExtractInt, JSONHas, isValidJSON; the same by Python's json.loads):
#> {"input_tokens": 1000, "score": 0.5} | 1000 1 1 | 1000
#> {"input_tokens": 1000, "score": NaN} | 0 0 0 | 1000
#> {"input_tokens": 1000, "text": "half \ud83d"} | 0 0 0 | 1000
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check chdb==4.4.0

cat > "$dir/run.py" <<'PY'
import json, sys
from chdb.session import Session

clickhouse = Session(sys.argv[1])
for attributes in ({"input_tokens": 1000, "score": 0.5}, {"input_tokens": 1000, "score": float("nan")},
                   {"input_tokens": 1000, "text": json.loads('"half \\ud83d"')}):
    text = json.dumps(attributes)
    quoted = text.replace("\\", "\\\\")
    seen = clickhouse.query(f"""WITH '{quoted}' AS a SELECT JSONExtractInt(a, 'input_tokens'), JSONHas(a, 'input_tokens'),
        isValidJSON(a)""", "TSV")
    print(text, "|", *str(seen).split(), "|", json.loads(text)["input_tokens"])
PY

timeout 120 "$dir/venv/bin/python" "$dir/run.py" "$dir/db" > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
