#!/usr/bin/env bash
# BAML's collector has one name for input tokens and two meanings, no usage for streams of its OpenAI-compatible client, and the attempts of a call in random order.
#
# Packages: baml-py 0.226.3, pydantic 2.14.4, typing_extensions 4.16.0.
# Behaviour: 1000 tokens in, 800 of them cached, 50 out, from each provider. `input_tokens` is 1000 for OpenAI and Gemini, with the cached inside, and 200
#   for Anthropic, where `cached_input_tokens` is thus larger. A collector that sees one call of each adds all of that up. Streamed by the client
#   "openai" there is usage, by "openai-generic" (gateways, local servers) none: BAML asks for it in the first case only. Where a
#   fallback answered after its first client had failed, `calls` has both attempts, in an order that differs from run to run.
# Expected: one meaning, as the names are BAML's own; usage asked for in both; the attempts in the order in which they were made.
# Matters: "input - cached" is right for two providers and negative for the third, and a sum over providers is neither. Subtract only when input
#   is the larger, or go by the provider. Take the attempt with `selected`, or sort by its start: the last in the list may be the failed one.
# Output seen (client, streamed or not: input, cached, output tokens):
#> openai: 1000 800 50
#> openai, streamed: 1000 800 50
#> openai-generic: 1000 800 50
#> openai-generic, streamed: None None None
#> google-ai: 1000 800 50
#> anthropic: 200 800 50
#> all four in one collector: 3200 3200 200
#> fallback, attempts in 60 runs: failed first and answered first, both seen True; by start always failed first True
set -euo pipefail
dir=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null; rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!OPENAI_@}" "${!ANTHROPIC_@}" "${!BAML_@}" "${!BOUNDARY_@}"
export NO_PROXY=127.0.0.1 BAML_LOG=off
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check baml-py==0.226.3 pydantic==2.14.4 typing_extensions==4.16.0

cat > "$dir/provider.py" <<'PY'
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Provider(BaseHTTPRequestHandler):
    def do_POST(self):
        ask = json.loads(self.rfile.read(int(self.headers["content-length"])))
        status, kind = 200, "application/json"
        if self.path.startswith("/down"):
            status, body = 400, json.dumps({"error": {"message": "refused"}})
        elif "generateContent" in self.path:
            body = json.dumps({"candidates": [{"index": 0, "finishReason": "STOP", "content": {"role": "model", "parts": [{"text": "Hello"}]}}],
                               "usageMetadata": {"promptTokenCount": 1000, "cachedContentTokenCount": 800, "candidatesTokenCount": 50, "totalTokenCount": 1050},
                               "modelVersion": "gemini-2.5-flash"})
        elif self.path.endswith("/messages"):
            body = json.dumps({"id": "m1", "type": "message", "role": "assistant", "model": ask["model"], "content": [{"type": "text", "text": "Hello"}],
                               "stop_reason": "end_turn", "stop_sequence": None,
                               "usage": {"input_tokens": 200, "cache_read_input_tokens": 800, "cache_creation_input_tokens": 0, "output_tokens": 50}})
        else:
            usage = {"prompt_tokens": 1000, "completion_tokens": 50, "total_tokens": 1050, "prompt_tokens_details": {"cached_tokens": 800}}
            base = {"id": "c1", "created": 1, "model": ask["model"]}
            if ask.get("stream"):
                kind = "text/event-stream"
                choice = lambda delta, end: {**base, "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": end}]}
                chunks = [choice({"role": "assistant", "content": "Hello"}, None), choice({}, "stop")]
                if (ask.get("stream_options") or {}).get("include_usage"):
                    chunks.append({**base, "object": "chat.completion.chunk", "choices": [], "usage": usage})
                body = "".join(f"data: {json.dumps(c)}\n\n" for c in chunks) + "data: [DONE]\n\n"
            else:
                body = json.dumps({**base, "object": "chat.completion", "usage": usage,
                                   "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hello"}}]})
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())
    def log_message(self, *_): pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
print(f"http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
PY

# A process of its own: BAML's calls keep Python's lock while they wait.
python3 "$dir/provider.py" > "$dir/url" & server=$!
until [ -s "$dir/url" ]; do sleep 0.1; done
mkdir "$dir/baml_src"
client() {
  printf 'client<llm> %s {\n  provider %s\n  options {\n    model "%s"\n    base_url env.%s\n    api_key "none"\n  }\n}\n' "$1" "$2" "$3" "$4"
  printf 'function Ask%s(text: string) -> string {\n  client %s\n  prompt #"{{ text }}"#\n}\n' "$1" "$1"
}
{
  printf 'generator target {\n  output_type "python/pydantic"\n  output_dir "../"\n  version "0.226.3"\n  default_client_mode "sync"\n}\n'
  client OpenAI openai gpt-5-mini V1_URL
  client Generic openai-generic gpt-5-mini V1_URL
  client Gemini google-ai gemini-2.5-flash V1_URL
  client Claude anthropic claude-sonnet-4-5 PLAIN_URL
  client Down openai-generic gpt-5-mini DOWN_URL
  printf 'client<llm> Either {\n  provider fallback\n  options {\n    strategy [\n      Down\n      Generic\n    ]\n  }\n}\n'
  printf 'function AskEither(text: string) -> string {\n  client Either\n  prompt #"{{ text }}"#\n}\n'
} > "$dir/baml_src/main.baml"
"$dir/venv/bin/baml-cli" generate --from "$dir/baml_src" > "$dir/log" 2>&1 || { cat "$dir/log" >&2; exit 1; }

cat > "$dir/run.py" <<'PY'
import os, sys
url = sys.argv[1]
os.environ |= {"V1_URL": url + "/v1", "PLAIN_URL": url, "DOWN_URL": url + "/down"}
from baml_client.sync_client import b
from baml_py import Collector

def plain(name): return lambda **options: getattr(b, name)("Hi", baml_options=options)
def streamed(name): return lambda **options: getattr(b.stream, name)("Hi", baml_options=options).get_final_response()
def show(title, collector):
    usage = collector.usage
    print(f"{title}:", usage.input_tokens, usage.cached_input_tokens, usage.output_tokens)

for title, ask in (("openai", plain("AskOpenAI")), ("openai, streamed", streamed("AskOpenAI")), ("openai-generic", plain("AskGeneric")),
                   ("openai-generic, streamed", streamed("AskGeneric")), ("google-ai", plain("AskGemini")), ("anthropic", plain("AskClaude"))):
    collector = Collector(name="one")
    assert ask(collector=collector) == "Hello"
    show(title, collector)
collector = Collector(name="four")
for name in ("AskOpenAI", "AskGeneric", "AskGemini", "AskClaude"): plain(name)(collector=collector)
show("all four in one collector", collector)

orders, by_start = set(), set()
for _ in range(60):
    collector = Collector(name="fallback")
    plain("AskEither")(collector=collector)
    calls = collector.last.calls
    assert {c.client_name: c.selected for c in calls} == {"Down": False, "Generic": True}
    orders.add(calls[0].client_name)
    by_start.add(min(calls, key=lambda c: c.timing.start_time_utc_ms).client_name) if len({c.timing.start_time_utc_ms for c in calls}) == 2 else None
print("fallback, attempts in 60 runs: failed first and answered first, both seen", orders == {"Down", "Generic"}, end="; ")
print("by start always failed first", by_start == {"Down"})
PY

cd "$dir"
timeout 200 "$dir/venv/bin/python" run.py "$(cat url)" > "$dir/seen"
cd - > "$dir/log"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
