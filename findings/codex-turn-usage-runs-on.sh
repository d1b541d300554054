#!/usr/bin/env bash
# `codex exec --json` calls it turn.completed, but its usage is that of the whole thread: resumed twice, three equal turns state 1000, 2000, 3000.
#
# Packages: @openai/codex 0.171.0.
# Behaviour: a prompt, then twice `codex exec resume --last`; each turn is one request of 1000 tokens in (800 cached) and 50 out (30 of them
#   reasoning). Each process answers with one `turn.completed`, whose counts begin at the thread's first turn. Codex's own file of the
#   session has both, `total_token_usage` and `last_token_usage`; the output has the first under the turn's name.
# Expected: the usage of the turn that was completed, as with `result.usage` of Claude Code.
# Matters: the sum over turns grows with the square of their number: 6000 instead of 3000 here, and after 100 such turns fifty times too
#   much. Users who run Codex in steps (CI, a bot that resumes) must take the difference to the turn before.
# Output seen (turn: tokens in, cached, out, reasoning by turn.completed; in the session's file: total in, last in):
#> 1: 1000 800 50 30; total 1000, last 1000
#> 2: 2000 1600 100 60; total 2000, last 1000
#> 3: 3000 2400 150 90; total 3000, last 1000
set -euo pipefail
dir=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null; rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!OPENAI_@}" "${!CODEX_@}"
export NO_PROXY=127.0.0.1 HOME="$dir/home" CODEX_HOME="$dir/home/codex" OPENAI_API_KEY=none
mkdir -p "$CODEX_HOME" "$dir/work"
npm install --silent --no-audit --no-fund --prefix "$dir" @openai/codex@0.171.0 >&2

cat > "$dir/provider.py" <<'PY'
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Provider(BaseHTTPRequestHandler):
    def send(self, kind, body):
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())
    def do_GET(self): self.send("application/json", '{"object": "list", "data": [], "models": []}')
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        item = {"type": "message", "id": "m1", "role": "assistant", "status": "completed",
                "content": [{"type": "output_text", "text": "Done", "annotations": []}]}
        whole = {"id": "r1", "object": "response", "created_at": 1, "status": "completed", "model": "gpt-5-mini", "output": [item], "usage": {
            "input_tokens": 1000, "input_tokens_details": {"cached_tokens": 800}, "output_tokens": 50,
            "output_tokens_details": {"reasoning_tokens": 30}, "total_tokens": 1050}}
        events = [{"type": "response.created", "response": {**whole, "status": "in_progress", "output": [], "usage": None}},
                  {"type": "response.output_item.done", "output_index": 0, "item": item}, {"type": "response.completed", "response": whole}]
        self.send("text/event-stream", "".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in events))
    def log_message(self, *_): pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
print(server.server_port, flush=True)
server.serve_forever()
PY
cat > "$dir/show.py" <<'PY'
import json, pathlib, sys
number, output, home = sys.argv[1:]
lines = lambda path: map(json.loads, pathlib.Path(path).read_text().splitlines())
[usage] = [line["usage"] for line in lines(output) if line["type"] == "turn.completed"]
[session] = pathlib.Path(home).glob("sessions/**/*.jsonl")
info = [line["payload"]["info"] for line in lines(session) if line["payload"].get("type") == "token_count" and line["payload"]["info"]][-1]
print(f"{number}:", *(usage[k] for k in ("input_tokens", "cached_input_tokens", "output_tokens", "reasoning_output_tokens")), end="")
print(f"; total {info['total_token_usage']['input_tokens']}, last {info['last_token_usage']['input_tokens']}")
PY

python3 "$dir/provider.py" > "$dir/port" &
server=$!
for _ in $(seq 100); do [ -s "$dir/port" ] && break; sleep 0.1; done
cat > "$CODEX_HOME/config.toml" <<TOML
model = "gpt-5-mini"
model_provider = "local"
check_for_update_on_startup = false
[analytics]
enabled = false
[model_providers.local]
name = "local"
base_url = "http://127.0.0.1:$(cat "$dir/port")/v1"
wire_api = "responses"
env_key = "OPENAI_API_KEY"
TOML
cd "$dir/work"
for turn in 1 2 3; do
  [ $turn = 1 ] && resume=() || resume=(resume --last)
  timeout 120 "$dir/node_modules/.bin/codex" exec "${resume[@]}" --json --skip-git-repo-check "Go on" < /dev/null > "$dir/out" 2>> "$dir/err"
  python3 "$dir/show.py" $turn "$dir/out" "$CODEX_HOME" >> "$dir/seen"
done
cd - > /dev/null
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
