#!/usr/bin/env bash
# Pipecat writes the model that answered one call into `gen_ai.request.model` of the next; the model that was asked, and the one that answers, are not there.
#
# Packages: pipecat-ai[openai,tracing] 1.14.0, openai 3.57.0, opentelemetry-sdk 1.45.2.
# Behaviour: a gateway is asked for gpt-5-mini three times; the second answer comes from its fallback, gpt-5-nano, as the answer's `model` says.
#   The spans have as the requested model: that of the settings, then gpt-5-mini-2025-08-07 (the first answer's), then gpt-5-nano
#   (the second's), each one call late. There is no gen_ai.response.model. The model that is asked for stands in `param.model`, and
#   `gen_ai.request.top_k`, a number by the convention, is the text "NOT_GIVEN".
# Expected: gpt-5-mini as the requested model of each, and the answer's model on the span of that answer.
# Matters: whatever goes by the model (price, totals per model) is one call behind: the dear answer gets the cheap one's price, and the other way round.
#   For such spans take `param.model`; no attribute tells which model answered.
# Output seen (asked for, answered by; on the span: requested model, param.model, response model, top_k):
#> asked gpt-5-mini, answered gpt-5-mini-2025-08-07: gpt-5-mini, gpt-5-mini, none, NOT_GIVEN
#> asked gpt-5-mini, answered gpt-5-nano: gpt-5-mini-2025-08-07, gpt-5-mini, none, NOT_GIVEN
#> asked gpt-5-mini, answered gpt-5-mini-2025-08-07: gpt-5-nano, gpt-5-mini, none, NOT_GIVEN
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!OPENAI_@}"
export NO_PROXY=127.0.0.1
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check 'pipecat-ai[openai,tracing]==1.14.0' openai==3.57.0 opentelemetry-sdk==1.45.2 opentelemetry-api==1.45.2

cat > "$dir/run.py" <<'PY'
import asyncio, json, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

memory = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(memory))
trace.set_tracer_provider(provider)

from pipecat.frames.frames import EndFrame, LLMRunFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.runner import PipelineRunner
from pipecat.pipeline.task import PipelineParams, PipelineTask
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.services.openai.llm import OpenAILLMService

asked, answered = [], ["gpt-5-mini-2025-08-07", "gpt-5-nano", "gpt-5-mini-2025-08-07"]

class Gateway(BaseHTTPRequestHandler):
    def do_POST(self):
        asked.append(json.loads(self.rfile.read(int(self.headers["content-length"])))["model"])
        chunk = lambda **more: {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": answered[len(asked) - 1], "choices": [], **more}
        choice = lambda delta, end=None: chunk(choices=[{"index": 0, "delta": delta, "finish_reason": end}])
        events = [choice({"role": "assistant", "content": "Hello"}), choice({}, "stop"),
                  chunk(usage={"prompt_tokens": 1000, "completion_tokens": 50, "total_tokens": 1050})]
        body = "".join(f"data: {json.dumps(e)}\n\n" for e in events) + "data: [DONE]\n\n"
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())
    def log_message(self, *_): pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Gateway)
threading.Thread(target=server.serve_forever, daemon=True).start()

def calls():
    return [s for s in memory.get_finished_spans() if s.name == "llm"]

async def main():
    llm = OpenAILLMService(api_key="none", base_url=f"http://127.0.0.1:{server.server_port}/v1", settings=OpenAILLMService.Settings(model="gpt-5-mini"))
    context = LLMContext(messages=[{"role": "user", "content": "Hi"}])
    pair = LLMContextAggregatorPair(context)
    task = PipelineTask(Pipeline([pair.user(), llm, pair.assistant()]), params=PipelineParams(enable_metrics=True), enable_tracing=True)
    async def talk():
        for turn in (1, 2, 3):
            await task.queue_frames([LLMRunFrame()])
            for _ in range(600):
                if len(calls()) == turn: break
                await asyncio.sleep(0.1)
        await task.queue_frames([EndFrame()])
    await asyncio.gather(PipelineRunner(handle_sigint=False).run(task), talk())
    for span, was_asked, by in zip(calls(), asked, answered, strict=True):
        keys = ("gen_ai.request.model", "param.model", "gen_ai.response.model", "gen_ai.request.top_k")
        print(f"asked {was_asked}, answered {by}:", ", ".join(str(span.attributes.get(k, "none")) for k in keys))

asyncio.run(main())
PY

timeout 300 "$dir/venv/bin/python" "$dir/run.py" 2> "$dir/errors" | grep '^asked' > "$dir/seen" || { cat "$dir/errors" >&2; exit 1; }
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
