#!/usr/bin/env bash
# AutoGen's streamed model calls state 0 tokens in and out where the count is unknown, and OpenInference writes the zeros on the span.
#
# Packages: autogen-agentchat and autogen-ext[openai] 0.7.5, openinference-instrumentation-autogen-agentchat 0.1.22, openai 3.57.0,
#   opentelemetry-sdk 1.45.2.
# Behaviour: AutoGen asks OpenAI for the usage of a stream only if told to (include_usage). Untold, it makes a result with prompt_tokens 0 and
#   completion_tokens 0 all the same, so the span says 0, 0 and 0, beside a full answer. The agent's messages say 0 too. With
#   include_usage all have 1000 and 50.
# Expected: no counts where there are none; so do the OpenAI client and its instrumentors.
# Matters: `model_client_stream=True` is what every chat window uses. "0 tokens" reads as a fact: cost $0.00, cheap on average, "free" beside
#   other models. A model call with an answer has no 0 output tokens: show it as unknown.
# Output seen (way: tokens in, out and total on the model's span, length of its answer; the agent's own message: in, out):
#> plain: 1000 50 1050, 5; 1000 50
#> streamed: 0 0 0, 5; 0 0
#> streamed with include_usage: 1000 50 1050, 5; 1000 50
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!OPENAI_@}" "${!AUTOGEN_@}"
export NO_PROXY=127.0.0.1
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check autogen-agentchat==0.7.5 'autogen-ext[openai]==0.7.5' openai==3.57.0 \
  openinference-instrumentation-autogen-agentchat==0.1.22 opentelemetry-sdk==1.45.2 opentelemetry-api==1.45.2

cat > "$dir/run.py" <<'PY'
import asyncio, json, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from autogen_agentchat.agents import AssistantAgent
from autogen_ext.models.openai import OpenAIChatCompletionClient
from openinference.instrumentation.autogen_agentchat import AutogenAgentChatInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

class Provider(BaseHTTPRequestHandler):
    def do_POST(self):
        ask = json.loads(self.rfile.read(int(self.headers["content-length"])))
        answer = {"id": "c1", "created": 1, "model": "gpt-4o-mini-2024-07-18"}
        usage = {"prompt_tokens": 1000, "completion_tokens": 50, "total_tokens": 1050}
        message = {"role": "assistant", "content": "Sunny"}
        if ask.get("stream"):
            chunk = lambda choices, **more: {**answer, "object": "chat.completion.chunk", "choices": choices, **more}
            events = [chunk([{"index": 0, "delta": message, "finish_reason": None}]), chunk([{"index": 0, "delta": {}, "finish_reason": "stop"}])]
            if (ask.get("stream_options") or {}).get("include_usage"): events.append(chunk([], usage=usage))
            body = "".join(f"data: {json.dumps(e)}\n\n" for e in events) + "data: [DONE]\n\n"
        else:
            body = json.dumps({**answer, "object": "chat.completion", "usage": usage, "choices": [{"index": 0, "finish_reason": "stop", "message": message}]})
        self.send_response(200)
        self.send_header("content-type", "text/event-stream" if ask.get("stream") else "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())
    def log_message(self, *_): pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
memory = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(memory))
AutogenAgentChatInstrumentor().instrument(tracer_provider=provider)

async def main():
    for way, options in (("plain", {}), ("streamed", {}), ("streamed with include_usage", {"stream_options": {"include_usage": True}})):
        memory.clear()
        client = OpenAIChatCompletionClient(model="gpt-4o-mini", api_key="none", base_url=f"http://127.0.0.1:{server.server_port}/v1", **options)
        agent = AssistantAgent("helper", client, model_client_stream=way != "plain")
        last = (await agent.run(task="Weather?")).messages[-1]
        [span] = [s for s in memory.get_finished_spans() if s.attributes.get("openinference.span.kind") == "LLM"]
        tokens = [span.attributes.get(f"llm.token_count.{k}") for k in ("prompt", "completion", "total")]
        assert last.content == "Sunny" and "Sunny" in span.attributes["output.value"]
        usage = last.models_usage
        print(f"{way}:", *tokens, end=f", {len(last.content)}; {usage.prompt_tokens} {usage.completion_tokens}\n")

asyncio.run(main())
PY

timeout 120 "$dir/venv/bin/python" "$dir/run.py" > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
