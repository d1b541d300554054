#!/usr/bin/env bash
# Since its new log format, `llm` writes nothing into the tables `responses` and `conversations`, which stay, full, where they were at the upgrade.
#
# Packages: llm 0.27.1 (with openai 1.109.1) and 0.36 (with openai 3.57.0).
# Behaviour: two prompts of one conversation under 0.27.1, two under 0.36, in one logs.db. Until the upgrade `responses` has a row for each answer;
#   afterwards new answers go to `turns` alone, conversations to `threads`, texts to `messages` and `parts`. Old rows are
#   neither moved nor copied, nor is there a view. `llm logs` shows all four. A message is stored once for each history that leads to
#   it: the same question in a second conversation adds a turn and a thread, but no message.
# Expected: the documented tables go on, as a view at least, or are gone, so that an old query fails.
# Matters: dashboards and scripts that sum tokens in `responses` show the figures of the day of the upgrade and no error; those that read
#   `turns` miss all before it. Tokens are the sum over both tables. Counting `messages` counts distinct texts, not what was sent.
# Output seen (rows and tokens in after each step; "-" is no such table):
#> 0.27.1, two prompts: responses 2 of 2000, conversations 1, turns -, threads -, messages -
#> 0.36, two prompts: responses 2 of 2000, conversations 1, turns 2 of 2000, threads 1, messages 4
#> 0.36, the first once more, anew: responses 2 of 2000, conversations 1, turns 3 of 3000, threads 2, messages 4
#> llm logs: 5 of 5000, 3 conversations
set -euo pipefail
dir=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null; rm -rf "$dir"' EXIT
unset "${!OPENAI_@}" "${!LLM_@}"
export NO_PROXY=127.0.0.1 LLM_USER_PATH=$dir/home
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check llm==0.27.1 openai==1.109.1

cat > "$dir/provider.py" <<'PY'
import json, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Provider(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        body = json.dumps({"id": "c1", "object": "chat.completion", "created": 1, "model": "gpt-5-mini",
                           "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hello"}}],
                           "usage": {"prompt_tokens": 1000, "completion_tokens": 50, "total_tokens": 1050}}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
print(server.server_port, flush=True)
server.serve_forever()
PY
python3 "$dir/provider.py" > "$dir/port" & server=$!
until [ -s "$dir/port" ]; do sleep 0.1; done
mkdir "$dir/home"
cat > "$dir/home/extra-openai-models.yaml" <<YAML
- model_id: house
  model_name: gpt-5-mini
  api_base: http://127.0.0.1:$(cat "$dir/port")/v1
YAML

cat > "$dir/count.py" <<'PY'
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
tables = {name for name, in db.execute("select name from sqlite_master where type in ('table', 'view')")}
def count(table):
    if table not in tables: return "-"
    rows = db.execute(f"select count(*) from {table}").fetchone()[0]
    return f"{rows} of {db.execute(f'select sum(input_tokens) from {table}').fetchone()[0]}" if table in ("responses", "turns") else rows
print(f"{sys.argv[2]}:", ", ".join(f"{t} {count(t)}" for t in ("responses", "conversations", "turns", "threads", "messages")))
PY
llm() { "$dir/venv/bin/llm" "$@"; }
ask() { llm -m house --key none --no-stream "$@" > "$dir/answer"; [ "$(cat "$dir/answer")" = Hello ]; }
count() { python3 "$dir/count.py" "$dir/home/logs.db" "$1" >> "$dir/seen"; }
ask 'Good morning'; ask -c 'And now?'; count '0.27.1, two prompts'
"$dir/venv/bin/pip" install -q --disable-pip-version-check llm==0.36 openai==3.57.0
ask 'Good morning'; ask -c 'And now?'; count '0.36, two prompts'
ask 'Good morning'; count '0.36, the first once more, anew'
llm logs -n 0 --json | python3 -c 'import json, sys
logs = json.load(sys.stdin)
conversations = len({l["conversation_id"] for l in logs})
print("llm logs:", len(logs), "of", sum(l["input_tokens"] for l in logs), end=f", {conversations} conversations\n")' >> "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
