#!/usr/bin/env bash
# BeeAI under OpenInference: each streamed chunk is a model span of its own, a refused call is one OK and one ERROR, and its costs do not add up.
#
# Packages: beeai-framework 0.1.85, openinference-instrumentation-beeai 0.1.30, litellm 1.110.2, openai 3.57.0, opentelemetry-sdk 1.45.2.
# Behaviour: BeeAI's events become spans of the kind of what emitted them. A streamed answer of 5 chunks is 1 + 5 spans of kind LLM, the five
#   named `new_token`, status OK, no time of their own; a refused call has an `error` span below it, kind LLM, status OK. The cost of
#   the prompt is that of uncached tokens, the total knows the 800 cached ones: total < prompt + completion. The cached
#   count is only in `metadata.usage.*`, as a string.
# Expected: one LLM span a call; parts that sum to the total; llm.token_count.prompt_details.cache_read.
# Matters: "model calls", calls a minute, errors per call and the mean latency are wrong by the number of chunks, so by a hundred in life. A
#   model span below a model span, without a time, usage or model, is an event. Take the stated total, not the sum of the parts.
# Output seen (way: spans with kind, status, tokens in, cached; then the call's cost in dollars: prompt, completion, total):
#> plain: OpenAIChatModel LLM OK 1000 None; 0.00025 + 0.00010 is 0.00017
#> streamed: 5 x new_token LLM OK None None, OpenAIChatModel LLM OK 1000 None; 0.00025 + 0.00010 is 0.00017
#> refused: error LLM OK None None, OpenAIChatModel LLM ERROR None None; -
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!OPENAI_@}" "${!BEEAI_@}"
export NO_PROXY=127.0.0.1 LITELLM_LOCAL_MODEL_COST_MAP=True
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check beeai-framework==0.1.85 openinference-instrumentation-beeai==0.1.30 \
  litellm==1.110.2 openai==3.57.0 opentelemetry-sdk==1.45.2 opentelemetry-api==1.45.2

cat > "$dir/run.py" <<'PY'
import asyncio, json, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import groupby
from openinference.instrumentation.beeai import BeeAIInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

class Provider(BaseHTTPRequestHandler):
    def do_POST(self):
        ask = json.loads(self.rfile.read(int(self.headers["content-length"])))
        answer = {"id": "c1", "created": 1, "model": "gpt-5-mini"}
        usage = {"prompt_tokens": 1000, "completion_tokens": 50, "total_tokens": 1050, "prompt_tokens_details": {"cached_tokens": 800}}
        code, kind = 200, "application/json"
        if "refused" in str(ask["messages"]):
            code, body = 401, json.dumps({"error": {"message": "no"}})
        elif ask.get("stream"):
            kind = "text/event-stream"
            chunk = lambda choices, **more: {**answer, "object": "chat.completion.chunk", "choices": choices, **more}
            events = [chunk([{"index": 0, "delta": {"role": "assistant", "content": word}, "finish_reason": None}]) for word in "It is sunny".split()]
            events += [chunk([{"index": 0, "delta": {}, "finish_reason": "stop"}]), chunk([], usage=usage)]
            body = "".join(f"data: {json.dumps(e)}\n\n" for e in events) + "data: [DONE]\n\n"
        else:
            body = json.dumps({**answer, "object": "chat.completion", "usage": usage, "choices": [
                {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "It is sunny"}}]})
        self.send_response(code)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())
    def log_message(self, *_): pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
memory = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(memory))
BeeAIInstrumentor().instrument(tracer_provider=provider)
from beeai_framework.adapters.openai import OpenAIChatModel
from beeai_framework.backend import ChatModelError, UserMessage

async def main():
    model = OpenAIChatModel("gpt-5-mini", api_key="none", base_url=f"http://127.0.0.1:{server.server_port}/v1")
    for way in ("plain", "streamed", "refused"):
        memory.clear()
        try: await model.run([UserMessage(way)], stream=way == "streamed")
        except ChatModelError: assert way == "refused"
        keys = ("openinference.span.kind", "llm.token_count.prompt", "llm.token_count.prompt_details.cache_read")
        rows = [(s.name, s.attributes[keys[0]], s.status.status_code.name, *(s.attributes.get(k) for k in keys[1:])) for s in memory.get_finished_spans()]
        rows = [(" ".join(map(str, row)), len(list(same))) for row, same in groupby(rows)]
        call = memory.get_finished_spans()[-1].attributes
        cost = [f"{call[f'llm.cost.{k}']:.5f}" for k in ("prompt", "completion", "total") if f"llm.cost.{k}" in call]
        print(f"{way}:", ", ".join(f"{n} x {row}" if n > 1 else row for row, n in rows), end="; ")
        print("{} + {} is {}".format(*cost) if cost else "-")

asyncio.run(main())
PY

timeout 120 "$dir/venv/bin/python" "$dir/run.py" > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
