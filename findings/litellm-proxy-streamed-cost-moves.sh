#!/usr/bin/env bash
# LiteLLM's proxy tells the cost of a plain answer in its headers and that of a streamed one in its body, while the headers then say 0.0.
#
# Packages: litellm[proxy] 1.108.7.
# Behaviour: the same call, 1000 tokens in and 50 out, is $0.00035. Not streamed, x-litellm-response-cost and its parts have it, and
#   `usage` in the body has no cost. Streamed, the sum's header is missing but those of its parts (-original, -input, -output) are
#   there with 0.0, as they leave before the answer exists; the last chunk's `usage` has gained a field `cost` that OpenAI's
#   format does not know and the provider did not send. If the caller did not ask for usage, the cost is nowhere.
# Expected: the cost in one place for both ways, and no header at all for what is not known yet.
# Matters: SDKs keep unknown fields, so instrumentors that look for `usage.cost` (OpenRouter's field) put a stated cost on streamed calls
#   only, computed by the gateway's price list and not by the provider; a sum over an agent's calls mixes both kinds. Who reads
#   the headers counts streamed calls as free. A cost of 0.0 beside tokens of a priced model is better taken as "not stated".
# Output seen (way: headers of the cost, of the input's and the output's part; then `usage.cost` in the body):
#> plain: 0.00035, 0.00025, 0.00010; none
#> streamed with usage: none, 0.00000, 0.00000; 0.00035
#> streamed: none, 0.00000, 0.00000; none
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!OPENAI_@}" "${!LITELLM_@}"
export NO_PROXY=127.0.0.1 LITELLM_LOCAL_MODEL_COST_MAP=True
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check 'litellm[proxy]==1.108.7'

cat > "$dir/run.py" <<'PY'
import json, os, secrets, socket, subprocess, sys, threading, time, urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

USAGE = {"prompt_tokens": 1000, "completion_tokens": 50, "total_tokens": 1050}

class Provider(BaseHTTPRequestHandler):
    def do_POST(self):
        ask = json.loads(self.rfile.read(int(self.headers["content-length"])))
        base = {"id": "c1", "created": 1, "model": "gpt-5-mini"}
        chunk = lambda **more: {**base, "object": "chat.completion.chunk", "choices": [], **more}
        choice = lambda delta, end=None: chunk(choices=[{"index": 0, "delta": delta, "finish_reason": end}])
        if ask.get("stream"):
            events = [choice({"role": "assistant", "content": "Hello"}), choice({}, "stop")]
            if (ask.get("stream_options") or {}).get("include_usage"): events.append(chunk(usage=USAGE))
            body = "".join(f"data: {json.dumps(e)}\n\n" for e in events) + "data: [DONE]\n\n"
        else:
            body = json.dumps({**base, "object": "chat.completion", "usage": USAGE, "choices": [
                {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hello"}}]})
        self.send_response(200)
        self.send_header("content-type", "text/event-stream" if ask.get("stream") else "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())
    def log_message(self, *_): pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
folder = os.path.dirname(__file__)
with open(f"{folder}/config.yaml", "w") as f:
    json.dump({"model_list": [{"model_name": "gpt-5-mini", "litellm_params": {
        "model": "openai/gpt-5-mini", "api_key": "none", "api_base": f"http://127.0.0.1:{server.server_port}/v1"}}]}, f)
with socket.socket() as s:
    s.bind(("127.0.0.1", 0))
    port = s.getsockname()[1]
key = "sk-" + secrets.token_hex(24)
log = open(f"{folder}/log", "w")
proxy = subprocess.Popen([f"{folder}/venv/bin/litellm", "--config", f"{folder}/config.yaml", "--host", "127.0.0.1", "--port", str(port)],
                         stdout=log, stderr=log, env={**os.environ, "LITELLM_MASTER_KEY": key})
try:
    deadline = time.monotonic() + 180
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health/liveliness", timeout=5).read()
            break
        except OSError:
            if time.monotonic() > deadline or proxy.poll() is not None: sys.exit(open(f"{folder}/log").read()[-2000:])
            time.sleep(0.5)
    def money(value): return "none" if value is None else f"{float(value):.5f}"
    for way, more in (("plain", {}), ("streamed with usage", {"stream": True, "stream_options": {"include_usage": True}}),
                      ("streamed", {"stream": True})):
        ask = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": "Hi"}], **more}
        request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/chat/completions", json.dumps(ask).encode(),
                                         {"content-type": "application/json", "authorization": f"Bearer {key}"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            text, headers = answer.read().decode(), answer.headers
        parts = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")] if more else [json.loads(text)]
        costs = [p["usage"].get("cost") for p in parts if p.get("usage")]
        print(way + ":", ", ".join(money(headers.get("x-litellm-response-cost" + part)) for part in ("", "-input", "-output")) + ";",
              money(costs[-1] if costs else None))
finally:
    proxy.terminate()
    proxy.wait()
PY

"$dir/venv/bin/python" "$dir/run.py" > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
