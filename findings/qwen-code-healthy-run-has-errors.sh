#!/usr/bin/env bash
# A healthy run of Qwen Code, with no hook configured, has two ERROR spans for each tool call, and they look more like the tool than it does.
#
# Packages: @qwen-code/qwen-code 0.24.4.
# Behaviour: one prompt, one shell command that succeeds. Before and after it stands a `qwen-code.hook` span with status ERROR, "hook runner
#   returned no output without error detail", error.type hook_error, though the settings name no hook. These bear `tool.name`; the
#   tool's own span has `tool_name` and `gen_ai.tool.name` but not that key, and is UNSET.
# Expected: no span for hooks that are not there, or OK.
# Matters: "any ERROR below" makes every run of this agent a failed one, and a reader who takes `tool.name` for the mark of a tool call counts
#   two failed calls of some milliseconds for one good call. A tool's status is that of the span that executes it.
# Output seen (span, parent, status code, the keys that name the tool):
#> qwen-code.interaction | None | 0 | []
#> qwen-code.llm_request | qwen-code.interaction | 0 | []
#> qwen-code.tool | qwen-code.interaction | 0 | ['gen_ai.tool.name', 'tool_name']
#> qwen-code.hook | qwen-code.tool | 2 | ['tool.name']
#> qwen-code.tool.execution | qwen-code.tool | 0 | ['gen_ai.tool.name']
#> qwen-code.hook | qwen-code.tool | 2 | ['tool.name']
#> qwen-code.llm_request | qwen-code.interaction | 0 | []
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
npm install --silent --no-audit --no-fund --prefix "$dir" @qwen-code/qwen-code@0.24.4 >&2

cat > "$dir/run.py" <<'PY'
import gzip, json, os, subprocess, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

spans, top = [], sys.argv[1]

def answer(ask):  # one shell call, then a text
    after = any(m["role"] == "tool" for m in ask["messages"])
    call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "run_shell_command", "arguments": json.dumps(
        {"command": "echo hello", "description": "say it", "is_background": False})}}
    delta = {"role": "assistant", "content": "Done"} if after else {"role": "assistant", "content": None, "tool_calls": [call]}
    base = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": []}
    events = [{**base, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]},
              {**base, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop" if after else "tool_calls"}]},
              {**base, "usage": {"prompt_tokens": 1000, "completion_tokens": 50, "total_tokens": 1050}}]
    return "".join(f"data: {json.dumps(e)}\n\n" for e in events) + "data: [DONE]\n\n"

class Both(BaseHTTPRequestHandler):  # the model and the OTLP receiver
    protocol_version = "HTTP/1.1"
    def read(self):
        if "content-length" in self.headers: body = self.rfile.read(int(self.headers["content-length"]))
        else:
            body = b""
            while size := int(self.rfile.readline(), 16): body += self.rfile.read(size + 2)[:-2]
            self.rfile.readline()
        return gzip.decompress(body) if self.headers.get("content-encoding") == "gzip" else body
    def do_POST(self):
        body, kind, text = self.read(), "application/json", "{}"
        if self.path.endswith("/traces"):
            spans.extend(s for r in json.loads(body)["resourceSpans"] for q in r["scopeSpans"] for s in q["spans"])
        if "chat" in self.path: kind, text = "text/event-stream", answer(json.loads(body))
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())
    def log_message(self, *_): pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Both)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}"
os.makedirs(f"{top}/home/.qwen"), os.makedirs(f"{top}/work")
with open(f"{top}/home/.qwen/settings.json", "w") as f:
    json.dump({"security": {"auth": {"selectedType": "openai"}}, "telemetry": {
        "enabled": True, "target": "local", "otlpEndpoint": url, "otlpProtocol": "http"}}, f)
subprocess.run([f"{top}/node_modules/.bin/qwen", "-y", "-p", "Say hello"], cwd=f"{top}/work", check=True, timeout=120, env={
    "PATH": os.environ["PATH"], "HOME": f"{top}/home", "NO_PROXY": "127.0.0.1", "OPENAI_API_KEY": "none", "OPENAI_BASE_URL": f"{url}/v1",
    "OPENAI_MODEL": "m"}, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
names = {s["spanId"]: s["name"] for s in spans}
for s in sorted(spans, key=lambda s: int(s["startTimeUnixNano"])):
    keys = sorted({a["key"] for a in s["attributes"]} & {"tool.name", "tool_name", "gen_ai.tool.name"})
    print(s["name"], "|", names.get(s.get("parentSpanId")), "|", s["status"]["code"], "|", keys)
PY

python3 "$dir/run.py" "$dir" > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
