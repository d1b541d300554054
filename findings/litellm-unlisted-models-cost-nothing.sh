#!/usr/bin/env bash
# LiteLLM says $0 for models that its price list no longer has or doesn't have yet, and an error for others; old Claude calls turn free by an upgrade.
#
# Packages: litellm 1.110.2, with the price list in its package.
# Behaviour: models leave LiteLLM's list when their provider retires them. A name that isn't listed but looks like a known family (claude-opus-…,
#   gemini-…-pro, gpt-6, also a listed one with a date behind it) gets abilities made up from the family, so that it can be called, and with them
#   no prices: cost_per_token() gives 0.0 and 0.0, and the call's response_cost is 0.0. Names of other shapes raise ModelNotMappedError, and
#   their response_cost is None.
# Expected: unknown is not free, as LiteLLM itself says of the other names.
# Matters: costs that are computed later from stored tokens, of a trace of last year, fall to zero with an upgrade of LiteLLM: Claude Opus 4.1, which
#   was $15 and $75 a million, is free, while Claude 3 Haiku raises. A new model, the first day, is free as well: budgets and limits of LiteLLM,
#   and everything that takes its cost, let it run. 0.0 can't be told from a model that does cost nothing.
# Output seen (provider, model: cost of 1000 tokens in and 50 out; response_cost of a call):
#> anthropic claude-opus-4-8: 0.005 0.00125; 0.00625
#> anthropic claude-opus-4-8-20260701: 0.0 0.0; 0.0
#> anthropic claude-opus-4-1-20250805: 0.0 0.0; 0.0
#> anthropic claude-sonnet-4-20250514: 0.0 0.0; 0.0
#> anthropic claude-3-haiku-20240307: ModelNotMappedError; None
#> gemini gemini-3-pro-preview: 0.0 0.0; 0.0
#> gemini gemini-2.0-flash: ModelNotMappedError; None
#> openai o1-preview: 0.0 0.0; 0.0
#> openai gpt-4-turbo: 0.01 0.0015; 0.0115
#> xai grok-3: ModelNotMappedError; None
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!OPENAI_@}" "${!ANTHROPIC_@}" "${!GEMINI_@}" "${!XAI_@}" "${!LITELLM_@}"
export NO_PROXY=127.0.0.1 LITELLM_LOCAL_MODEL_COST_MAP=True
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check litellm==1.110.2

cat > "$dir/run.py" <<'PY'
import json, logging, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import litellm

logging.disable()
litellm.suppress_debug_info = True

class Provider(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        if "messages" in self.path:
            answer = {"id": "m1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn",
                      "content": [{"type": "text", "text": "Hello"}], "usage": {"input_tokens": 1000, "output_tokens": 50}}
        elif "generateContent" in self.path:
            answer = {"candidates": [{"index": 0, "finishReason": "STOP", "content": {"role": "model", "parts": [{"text": "Hello"}]}}],
                      "usageMetadata": {"promptTokenCount": 1000, "candidatesTokenCount": 50, "totalTokenCount": 1050}}
        else:
            answer = {"id": "c1", "object": "chat.completion", "created": 1, "model": "m",
                      "usage": {"prompt_tokens": 1000, "completion_tokens": 50, "total_tokens": 1050},
                      "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}]}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}"

for name in ("anthropic/claude-opus-4-8", "anthropic/claude-opus-4-8-20260701", "anthropic/claude-opus-4-1-20250805",
             "anthropic/claude-sonnet-4-20250514", "anthropic/claude-3-haiku-20240307", "gemini/gemini-3-pro-preview",
             "gemini/gemini-2.0-flash", "openai/o1-preview", "openai/gpt-4-turbo", "xai/grok-3"):
    provider, model = name.split("/")
    try: cost = "{} {}".format(*litellm.cost_per_token(model, prompt_tokens=1000, completion_tokens=50, custom_llm_provider=provider))
    except Exception as error: cost = type(error).__name__
    answer = litellm.completion(name, [{"role": "user", "content": "Hi"}], api_base=url, api_key="none")
    assert answer.usage.prompt_tokens == 1000 and answer.usage.completion_tokens == 50
    print(f"{provider} {model}: {cost}; {answer._hidden_params['response_cost']}")
PY
"$dir/venv/bin/python" "$dir/run.py" 2> "$dir/log" > "$dir/seen" || tail -n 5 "$dir/log"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
