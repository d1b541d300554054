#!/usr/bin/env bash
# The result of one `claude -p` has the turn's tokens and the session's cost side by side; --continue in a new process states the old cost again.
#
# Packages: @anthropic-ai/claude-code 2.1.332.
# Behaviour: two prompts, the second with --continue; each is two requests to the model (a shell call, then the answer) of 200 + 800 cached tokens
#   in and 50 out. In the second `result`, `usage` and `duration_ms` are those of the second prompt; `total_cost_usd`, `modelUsage` and
#   `duration_api_ms` include the first. Of the stream's `assistant` messages there is one for each content block, four for
#   two requests, each with its request's whole input, and an output of 1, which is what the API says at a message's start.
# Expected: one scope for all numbers of a result, or names that tell; the usage once a request, with the output it had.
# Matters: the costs of a session's results add up to 1.5 times the truth here, the tokens do not, so a cost per token is wrong by a factor that
#   grows with the session. Summing the messages gives twice the input and a few percent of the output. Right: `usage` of each result
#   for tokens, the difference of `total_cost_usd` for money.
# Output seen (prompt: usage in, cached, out; modelUsage in, cached, out; cost in USD; sum of the assistant messages in, cached, out):
#> first: 400 1600 100; 400 1600 100; 0.00318; 800 3200 4
#> second: 400 1600 100; 800 3200 200; 0.00636; 800 3200 4
set -euo pipefail
dir=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null; rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!ANTHROPIC_@}" "${!CLAUDE_@}"
export NO_PROXY=127.0.0.1 HOME="$dir/home" ANTHROPIC_API_KEY=none CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1
mkdir -p "$HOME" "$dir/work"
npm install --silent --no-audit --no-fund --prefix "$dir" @anthropic-ai/claude-code@2.1.332 >&2

cat > "$dir/provider.py" <<'PY'
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Provider(BaseHTTPRequestHandler):
    requests = 0
    def send(self, status, kind, body):
        self.send_response(status)
        self.send_header("content-type", kind)
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
        answered = '"tool_result"' in json.dumps(ask["messages"][-1])
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
cat > "$dir/show.py" <<'PY'
import json, sys
name = sys.argv[1]
lines = [json.loads(line) for line in sys.stdin]
[result] = [line for line in lines if line["type"] == "result"]
messages = [line["message"]["usage"] for line in lines if line["type"] == "assistant"]
[model] = result["modelUsage"].values()
keys = "input_tokens", "cache_read_input_tokens", "output_tokens"
print(f"{name}:", *(result["usage"][k] for k in keys), end="; ")
print(*(model[k] for k in ("inputTokens", "cacheReadInputTokens", "outputTokens")), end="; ")
print(f"{result['total_cost_usd']:.5f};", *(sum(m[k] for m in messages) for k in keys))
PY

python3 "$dir/provider.py" > "$dir/port" &
server=$!
for _ in $(seq 100); do [ -s "$dir/port" ] && break; sleep 0.1; done
export ANTHROPIC_BASE_URL="http://127.0.0.1:$(cat "$dir/port")"
cd "$dir/work"
for name in first second; do
  [ $name = first ] && more=() || more=(--continue)
  timeout 120 "$dir/node_modules/.bin/claude" -p "${more[@]}" --model claude-sonnet-4-5 --output-format stream-json --verbose \
    --allowedTools Bash -- "Go on" < /dev/null 2>> "$dir/err" | python3 "$dir/show.py" $name >> "$dir/seen"
done
cd - > /dev/null
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
