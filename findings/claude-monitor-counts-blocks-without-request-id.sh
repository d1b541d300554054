#!/usr/bin/env bash
# claude-monitor counts a message of Claude Code once for each block of its answer, if the provider sends no `request-id` header, as gateways often don't.
#
# Packages: @anthropic-ai/claude-code 2.1.332, claude-monitor 4.0.0.
# Behaviour: Claude Code writes a line for each block of an answer (text, tool call, …) to its transcript, each with the whole usage of the message and the
#   message's id. The field `requestId` is there only if the answer had a `request-id` header. claude-monitor leaves out lines it has seen by
#   message id and request id together; without a request id, it takes every line for a call. One prompt with two requests, which
#   answer with two blocks each, is 2 calls with the header and 4 without.
# Expected: the message's id, which the provider makes and which is always there, identifies a message.
# Matters: users whose ANTHROPIC_BASE_URL is a gateway of their own firm see twice the tokens and costs, or more, as answers with thinking and several
#   tool calls have more blocks; the factor differs from answer to answer. The limit that the monitor warns of seems to be reached early.
# Output seen (header: requests made; lines with usage in the transcript; calls, tokens in, cached and out that claude-monitor counts):
#> with request-id: 2 requests; 4 lines; 2 calls, 400 1600 100
#> without request-id: 2 requests; 4 lines; 4 calls, 800 3200 200
set -euo pipefail
dir=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null; rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!ANTHROPIC_@}" "${!CLAUDE_@}"
export NO_PROXY=127.0.0.1 ANTHROPIC_API_KEY=none CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1
npm install --silent --no-audit --no-fund --prefix "$dir" @anthropic-ai/claude-code@2.1.332 >&2
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check claude-monitor==4.0.0

cat > "$dir/provider.py" <<'PY'
import json, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Provider(BaseHTTPRequestHandler):
    requests = 0
    def send(self, status, kind, body):
        self.send_response(status)
        self.send_header("content-type", kind)
        if sys.argv[1] == "with": self.send_header("request-id", f"req_{Provider.requests}")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())
    def do_GET(self): self.send(404, "application/json", "{}")
    do_HEAD = do_GET
    def do_POST(self):
        ask = json.loads(self.rfile.read(int(self.headers["content-length"])))
        Provider.requests += 1
        usage = {"input_tokens": 200, "cache_read_input_tokens": 800, "cache_creation_input_tokens": 0, "output_tokens": 1}
        events = [{"type": "message_start", "message": {"id": f"msg_{Provider.requests}", "type": "message", "role": "assistant",
                   "model": ask["model"], "content": [], "stop_reason": None, "stop_sequence": None, "usage": usage}}]
        def block(index, start, delta):
            events.extend([{"type": "content_block_start", "index": index, "content_block": start},
                           {"type": "content_block_delta", "index": index, "delta": delta}, {"type": "content_block_stop", "index": index}])
        text = lambda index, words: block(index, {"type": "text", "text": ""}, {"type": "text_delta", "text": words})
        answered = '"tool_result"' in json.dumps(ask["messages"])
        text(0, "That is it." if answered else "I look.")
        if answered: text(1, "Done.")
        else: block(1, {"type": "tool_use", "id": f"tool_{Provider.requests}", "name": "Bash", "input": {}},
                    {"type": "input_json_delta", "partial_json": json.dumps({"command": "echo hello", "description": "Says hello"})})
        events += [{"type": "message_delta", "delta": {"stop_reason": "end_turn" if answered else "tool_use", "stop_sequence": None},
                    "usage": {**usage, "output_tokens": 50}}, {"type": "message_stop"}]
        self.send(200, "text/event-stream", "".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in events))
    def log_message(self, *_): pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
print(server.server_port, flush=True)
server.serve_forever()
PY
cat > "$dir/count.py" <<'PY'
import json, logging, pathlib, sys
from claude_monitor.data.reader import load_usage_entries

logging.disable()
folder = pathlib.Path(sys.argv[2])
lines = [json.loads(line) for path in folder.rglob("*.jsonl") for line in path.read_text().splitlines()]
messages = [line["message"] for line in lines if line["type"] == "assistant" and "usage" in line["message"]]
entries, _ = load_usage_entries(data_path=str(folder))
total = lambda key: sum(getattr(entry, key) for entry in entries)
print(f"{sys.argv[1]} request-id: {len({message['id'] for message in messages})} requests; {len(messages)} lines; {len(entries)} calls,",
      total("input_tokens"), total("cache_read_tokens"), total("output_tokens"))
PY

for header in with without; do
  export HOME="$dir/$header"
  mkdir -p "$HOME" "$dir/work"
  python3 "$dir/provider.py" $header > "$dir/port" &
  server=$!
  for _ in $(seq 100); do [ -s "$dir/port" ] && break; sleep 0.1; done
  (cd "$dir/work"
   ANTHROPIC_BASE_URL="http://127.0.0.1:$(cat "$dir/port")" timeout 120 "$dir/node_modules/.bin/claude" -p --max-turns 4 \
     --model claude-sonnet-4-5 --output-format json --allowedTools Bash -- "Go on" < /dev/null >> "$dir/log" 2>&1)
  kill "$server"; server=; : > "$dir/port"
  "$dir/venv/bin/python" "$dir/count.py" $header "$HOME/.claude/projects" >> "$dir/seen"
done
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
