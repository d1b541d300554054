#!/usr/bin/env bash
# LiteLLM's OpenTelemetry spans state token counts and a cost for streams whose provider sent no usage: they are guesses, unmarked.
#
# Packages: litellm 1.110.2, opentelemetry-sdk 1.45.2.
# Behaviour: the provider counts 1000 tokens in and 50 out. Not streamed, the span says so. Streamed without
#   stream_options={"include_usage": True} the answer bears no usage, and LiteLLM counts the visible texts with a tokenizer of its own:
#   8 in, 2 out (1.108.7 said 0 and 0), with `gen_ai.cost.total_cost` computed from that. Nothing on the span tells the two apart.
# Expected: no usage on the span (as OpenInference's and OTel's instrumentors do it), or a mark "estimated".
# Matters: what a tokenizer cannot see (tools, images, system text that a gateway adds, reasoning, which is the larger part today) is
#   missing, so the cost is far too low (here a sixtieth). A viewer cannot know; it should prefer any other
#   span of the same call that states usage, the larger one being right.
# Output seen (call, input tokens, output tokens, total cost in USD):
#> plain 1000 50 0.000350
#> streamed 8 2 0.000006
#> streamed with include_usage 1000 50 0.000350
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!OPENAI_@}" "${!LITELLM_@}"
export NO_PROXY=127.0.0.1 LITELLM_LOCAL_MODEL_COST_MAP=True
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check litellm==1.110.2 opentelemetry-sdk==1.45.2 opentelemetry-api==1.45.2

cat > "$dir/run.py" <<'PY'
import json, logging, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
import litellm
from litellm.integrations.opentelemetry import OpenTelemetry, OpenTelemetryConfig
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

logging.disable()
USAGE = {"prompt_tokens": 1000, "completion_tokens": 50, "total_tokens": 1050}

class Provider(BaseHTTPRequestHandler):
    def do_POST(self):
        ask = json.loads(self.rfile.read(int(self.headers["content-length"])))
        base = {"id": "c1", "created": 1, "model": "gpt-5-mini"}
        chunk = lambda **more: {**base, "object": "chat.completion.chunk", "choices": [], **more}
        choice = lambda delta, end=None: chunk(choices=[{"index": 0, "delta": delta, "finish_reason": end}])
        if ask.get("stream"):
            events = [choice({"role": "assistant", "content": "Hello there"}), choice({}, "stop")]
            if (ask.get("stream_options") or {}).get("include_usage"): events.append(chunk(usage=USAGE))
            body = "".join(f"data: {json.dumps(e)}\n\n" for e in events) + "data: [DONE]\n\n"
        else:
            body = json.dumps({**base, "object": "chat.completion", "usage": USAGE, "choices": [
                {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hello there"}}]})
        self.send_response(200)
        self.send_header("content-type", "text/event-stream" if ask.get("stream") else "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())
    def log_message(self, *_): pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
memory = InMemorySpanExporter()
litellm.callbacks = [OpenTelemetry(config=OpenTelemetryConfig(exporter=memory))]
for name, more in (("plain", {}), ("streamed", {"stream": True}),
                   ("streamed with include_usage", {"stream": True, "stream_options": {"include_usage": True}})):
    memory.clear()
    answer = litellm.completion("openai/gpt-5-mini", api_key="none", api_base=f"http://127.0.0.1:{server.server_port}/v1",
                                messages=[{"role": "user", "content": "Hi"}], **more)
    if more: list(answer)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        found = [s.attributes for s in memory.get_finished_spans() if s.name == "litellm_request"]
        if found: break
        time.sleep(0.1)
    a = found[0]
    print(name, a["gen_ai.usage.input_tokens"], a["gen_ai.usage.output_tokens"], f"{a['gen_ai.cost.total_cost']:.6f}")
PY

"$dir/venv/bin/python" "$dir/run.py" > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
