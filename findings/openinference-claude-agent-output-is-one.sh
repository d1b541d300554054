#!/usr/bin/env bash
# OpenInference on the Claude Agent SDK counts one output token for each answer, whatever its length, and leaves the cost out that the SDK states.
#
# Packages: claude-agent-sdk 0.2.189 with the Claude Code in its wheel, openinference-instrumentation-claude-agent-sdk 0.1.22, opentelemetry-sdk 1.45.2.
# Behaviour: each prompt is two requests to the model (a shell call, then the answer) of 200 + 800 cached tokens in and 50 out. The span adds up the
#   usage of the `assistant` messages. That is the one of a message's start, where the API says 1 for the output; its end is in no message. So the
#   input is right and the output 2 for 100. The SDK's `result`, which comes in the same stream, has 100 and the cost; neither is taken over.
# Expected: the usage of the result, which is that of the turn, and a cost, for a single query() at least.
# Matters: the output is most of the price of an agent that writes code, and here it is a count of requests: a cost computed from the span is half
#   of the truth in this example, and less for long answers. Nothing on the span looks wrong. On this scope read the output as unknown.
# Output seen (way: span's tokens in, cached, out, cost; the SDK's result: in, cached, out; the session's cost so far in USD):
#> query: 2000, 1600, 2, -; 2000, 1600, 100; 0.00318
#> client, first turn: 2000, 1600, 2, -; 2000, 1600, 100; 0.00318
#> client, second turn: 2000, 1600, 2, -; 2000, 1600, 100; 0.00636
set -euo pipefail
dir=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null; rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!ANTHROPIC_@}" "${!CLAUDE_@}" "${!OPENINFERENCE_@}"
export NO_PROXY=127.0.0.1 HOME="$dir/home" ANTHROPIC_API_KEY=none CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1
mkdir -p "$HOME" "$dir/work"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check claude-agent-sdk==0.2.189 openinference-instrumentation-claude-agent-sdk==0.1.22 \
  opentelemetry-sdk==1.45.2 opentelemetry-api==1.45.2

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
cat > "$dir/run.py" <<'PY'
import asyncio, sys
from openinference.instrumentation.claude_agent_sdk import ClaudeAgentSDKInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

memory, provider = InMemorySpanExporter(), TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(memory))
ClaudeAgentSDKInstrumentor().instrument(tracer_provider=provider)
from claude_agent_sdk import ClaudeAgentOptions, ClaudeSDKClient, ResultMessage, query
options = ClaudeAgentOptions(model="claude-sonnet-4-5", allowed_tools=["Bash"], cwd=sys.argv[1])

async def show(way, messages):
    [result] = [message async for message in messages if isinstance(message, ResultMessage)]
    [span] = [s for s in memory.get_finished_spans() if s.name.startswith("ClaudeAgentSDK")]
    memory.clear()
    keys = "token_count.prompt", "token_count.prompt_details.cache_read", "token_count.completion", "cost.total"
    of = result.usage
    print(f"{way}:", ", ".join(str(span.attributes.get("llm." + key, "-")) for key in keys), end="; ")
    print(of["input_tokens"] + of["cache_read_input_tokens"], of["cache_read_input_tokens"], of["output_tokens"], sep=", ", end="; ")
    print(f"{result.total_cost_usd:.5f}")

async def main():
    await show("query", query(prompt="Go on", options=options))
    async with ClaudeSDKClient(options=options) as client:
        for turn in "first", "second":
            await client.query("Go on")
            await show(f"client, {turn} turn", client.receive_response())

asyncio.run(main())
PY

python3 "$dir/provider.py" > "$dir/port" &
server=$!
for _ in $(seq 100); do [ -s "$dir/port" ] && break; sleep 0.1; done
export ANTHROPIC_BASE_URL="http://127.0.0.1:$(cat "$dir/port")"
timeout 100 "$dir/venv/bin/python" "$dir/run.py" "$dir/work" > "$dir/seen" 2> "$dir/err"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
