#!/usr/bin/env bash
# Gemini CLI's setting `telemetry.traces` does not switch traces: it decides whether the spans have token counts.
#
# Packages: @google/gemini-cli 0.61.0.
# Behaviour: telemetry on, traces off (the default): spans are sent all the same, but an `llm_call` has no gen_ai.usage.*. With traces on it
#   has counts, and prompt and answer in full with them (`logPrompts: false` takes away the texts and leaves the counts). The output is short
#   of the 25 thinking tokens, which are billed as output and stated on no span. gen_ai.operation.name is "llm_call", a word of its own.
# Expected: no spans while traces are off; usage on spans whatever is decided about texts; output 65.
# Matters: in the default set-up a viewer shows model calls of unknown cost (not of none), and in the other one a cost that is too low,
#   here by 38 % of the output. The whole counts are in the log events (`gemini_cli.api_response`) only.
# Output seen (telemetry.traces; then span, operation, tokens in and out, has texts; the model said 700 in, 40 out, 25 thoughts):
#> false: llm_call, llm_call, None, None, False
#> true: llm_call, llm_call, 700, 40, True
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
npm install --silent --no-audit --no-fund --prefix "$dir" @google/gemini-cli@0.61.0 >&2

cat > "$dir/run.py" <<'PY'
import gzip, json, os, subprocess, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ANSWER = {"modelVersion": "gemini-2.5-flash", "responseId": "r1", "candidates": [{"index": 0, "finishReason": "STOP", "content": {
    "role": "model", "parts": [{"text": "Hello"}]}}], "usageMetadata": {
    "promptTokenCount": 700, "candidatesTokenCount": 40, "thoughtsTokenCount": 25, "totalTokenCount": 765}}
spans, top = [], sys.argv[1]

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
        body, kind, answer = self.read(), "application/json", json.dumps(ANSWER)
        if self.path.endswith("/traces"):
            spans.extend(s for r in json.loads(body)["resourceSpans"] for q in r["scopeSpans"] for s in q["spans"])
        if self.path.startswith("/v1/"): answer = "{}"
        elif "stream" in self.path: kind, answer = "text/event-stream", f"data: {answer}\r\n\r\n"
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer.encode())
    def log_message(self, *_): pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Both)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}"
for traces in (False, True):
    spans.clear()
    home = f"{top}/home-{traces}"
    os.makedirs(f"{home}/.gemini"), os.makedirs(f"{home}/work")
    with open(f"{home}/.gemini/settings.json", "w") as f:
        json.dump({"security": {"auth": {"selectedType": "gemini-api-key"}}, "telemetry": {
            "enabled": True, "target": "local", "otlpEndpoint": url, "otlpProtocol": "http", "traces": traces}}, f)
    subprocess.run([f"{top}/node_modules/.bin/gemini", "-m", "gemini-2.5-flash", "-p", "Say hello", "--skip-trust"], cwd=f"{home}/work",
        check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=120, env={
        "PATH": os.environ["PATH"], "HOME": home, "GEMINI_API_KEY": "none", "GOOGLE_GEMINI_BASE_URL": url, "NO_PROXY": "127.0.0.1"})
    for s in spans:
        a = {x["key"]: next(iter(x["value"].values())) for x in s["attributes"]}
        print(f"{str(traces).lower()}: {s['name']}, {a.get('gen_ai.operation.name')}, {a.get('gen_ai.usage.input_tokens')}, "
              f"{a.get('gen_ai.usage.output_tokens')}, {'gen_ai.input.messages' in a}")
PY

python3 "$dir/run.py" "$dir" > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
