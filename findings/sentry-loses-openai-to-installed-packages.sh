#!/usr/bin/env bash
# Sentry's spans for OpenAI's and Anthropic's clients vanish when LangChain's text splitter, or Pydantic AI, is installed. Nobody need import it.
#
# Packages: sentry-sdk 2.75.0, openai 3.57.0, anthropic 2.14.0, langchain-text-splitters 1.1.3 (with langchain-core 1.8.3), pydantic-ai-slim 2.68.0.
# Behaviour: sentry_sdk.init() looks for packages that it can instrument. If langchain-core can be imported, it switches the integrations for
#   openai, anthropic and google-genai off, so that no call is told twice; for pydantic-ai the first two. Whether the program uses
#   LangChain is not asked. A line at level DEBUG says so, no other. The HTTP spans stay. An integration that is named in `integrations`
#   is not switched off, so what is automatic has to be asked for.
# Expected: what is instrumented depends on what the program does, or at least imports. One more package adds spans, if anything.
# Matters: langchain-core comes with many packages for retrieval and evaluation. The day one of them is added, or moves it into its own requirements,
#   the tokens, costs and models of all direct calls are gone from Sentry, while requests and errors go on: it looks as if the
#   agent had stopped calling models. The same program on two machines differs.
# Output seen (packages beside the clients; setting: chat spans with input tokens; HTTP spans; was it imported before init?):
#> nothing; default: anthropic 1, openai 1; http 2; no
#> langchain-text-splitters; default: anthropic 0, openai 0; http 2; no
#> langchain-text-splitters; both named: anthropic 1, openai 1; http 2; no
#> pydantic-ai-slim; default: anthropic 0, openai 0; http 2; no
#> pydantic-ai-slim; both named: anthropic 1, openai 1; http 2; no
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!OPENAI_@}" "${!ANTHROPIC_@}" "${!SENTRY_@}" "${!LANGCHAIN_@}" "${!LANGSMITH_@}"
export NO_PROXY=127.0.0.1

cat > "$dir/run.py" <<'PY'
import json, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import anthropic, openai, sentry_sdk
from sentry_sdk.integrations.anthropic import AnthropicIntegration
from sentry_sdk.integrations.openai import OpenAIIntegration
from sentry_sdk.transport import Transport

class Provider(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        answer = {"id": "c1", "object": "chat.completion", "created": 1, "model": "gpt-5-mini",
                  "usage": {"prompt_tokens": 1000, "completion_tokens": 50, "total_tokens": 1050},
                  "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}]}
        if self.path.endswith("messages"):
            answer = {"id": "m1", "type": "message", "role": "assistant", "model": "claude-opus-4-8", "stop_reason": "end_turn",
                      "content": [{"type": "text", "text": "Hello"}], "usage": {"input_tokens": 1000, "output_tokens": 50}}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass

items = []
class Kept(Transport):
    def capture_envelope(self, envelope): items.extend(envelope.items)

server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}"
beside, setting = sys.argv[1:]
imported = any(name in sys.modules for name in ("langchain_core", "pydantic_ai"))
sentry_sdk.init(dsn="http://key@127.0.0.1:9/1", traces_sample_rate=1.0, transport=Kept,
                integrations=[OpenAIIntegration(), AnthropicIntegration()] if setting == "both named" else [])
message = [{"role": "user", "content": "Hi"}]
with sentry_sdk.start_transaction(name="agent"):
    openai.OpenAI(api_key="none", base_url=f"{url}/v1").chat.completions.create(model="gpt-5-mini", messages=message)
    anthropic.Anthropic(api_key="none", base_url=url).messages.create(model="claude-opus-4-8", max_tokens=100, messages=message)
sentry_sdk.flush()

http = [span for item in items if item.type == "transaction" for span in item.payload.json["spans"] if span["op"] == "http.client"]
models = [span["attributes"] for item in items if item.type == "span" for span in item.payload.json["items"]]
count = lambda model: sum("gen_ai.usage.input_tokens" in span and span["gen_ai.request.model"]["value"].startswith(model) for span in models)
print(f"{beside}; {setting}: anthropic {count('claude')}, openai {count('gpt')}; http {len(http)}; {'yes' if imported else 'no'}")
PY

run() {
  python3 -m venv "$dir/$1"
  "$dir/$1/bin/pip" install -q --disable-pip-version-check sentry-sdk==2.75.0 openai==3.57.0 anthropic==2.14.0 "${@:2}"
  "$dir/$1/bin/python" "$dir/run.py" "$1" default
  [ "$1" = nothing ] || "$dir/$1/bin/python" "$dir/run.py" "$1" "both named"
}
{ run nothing
  run langchain-text-splitters langchain-text-splitters==1.1.3 langchain-core==1.8.3
  run pydantic-ai-slim pydantic-ai-slim==2.68.0; } > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
