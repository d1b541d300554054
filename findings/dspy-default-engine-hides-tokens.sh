#!/usr/bin/env bash
# DSPy's default engine is no longer LiteLLM, so the instrumentors that had the token counts see no call; DSPy's own has no counts.
#
# Packages: dspy 3.4.1, litellm 1.110.2, openai 3.57.0, openinference-instrumentation-dspy 0.1.48, -litellm 0.1.51, -openai 0.1.66,
#   opentelemetry-sdk 1.45.2.
# Behaviour: dspy.LM("openai/…") has engine="auto" and sends with a client of its own. OpenInference's instrumentor for DSPy makes an LLM span
#   without any token count, and those for LiteLLM and OpenAI make none. With engine="litellm", the way it used to be, DSPy's span is the
#   same, and below it are LiteLLM's and OpenAI's with the usage. lm.history has the usage in both cases.
# Expected: counts on the one span that is left, as DSPy knows them.
# Matters: an update of dspy takes tokens and cost from traces whose code and instrumentors are unchanged, and nothing is logged. A model
#   call without usage from the scope openinference.instrumentation.dspy has an unknown cost; a viewer must not show it as free.
# Output seen (engine, tokens in lm.history: spans as instrumentor kind prompt/completion, outermost first):
#> auto 1000/50: dspy LLM -/-
#> litellm 1000/50: dspy LLM -/-, litellm LLM 1000/50, openai LLM 1000/50
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!OPENAI_@}" "${!LITELLM_@}" "${!DSPY_@}" "${!OPENINFERENCE_@}"
export NO_PROXY=127.0.0.1 LITELLM_LOCAL_MODEL_COST_MAP=True DSPY_CACHEDIR="$dir/cache"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check dspy==3.4.1 litellm==1.110.2 openai==3.57.0 opentelemetry-sdk==1.45.2 \
  openinference-instrumentation-dspy==0.1.48 openinference-instrumentation-litellm==0.1.51 openinference-instrumentation-openai==0.1.66

cat > "$dir/run.py" <<'PY'
import json, logging, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from openinference.instrumentation.dspy import DSPyInstrumentor
from openinference.instrumentation.litellm import LiteLLMInstrumentor
from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
import dspy

logging.disable()

class Provider(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        body = json.dumps({"id": "c1", "object": "chat.completion", "created": 1, "model": "gpt-5-mini",
                           "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hello"}}],
                           "usage": {"prompt_tokens": 1000, "completion_tokens": 50, "total_tokens": 1050}})
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())
    def log_message(self, *_): pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
memory = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(memory))
for instrumentor in (DSPyInstrumentor, LiteLLMInstrumentor, OpenAIInstrumentor): instrumentor().instrument(tracer_provider=provider)
for engine in ("auto", "litellm"):
    memory.clear()
    lm = dspy.LM("openai/gpt-5-mini", api_key="none", api_base=f"http://127.0.0.1:{server.server_port}/v1", cache=False,
                 temperature=1.0, max_tokens=20000, **({} if engine == "auto" else {"engine": engine}))
    assert "Hello" in str(lm("Hi"))
    usage = lm.history[-1]["usage"]
    count = lambda s, key: s.attributes.get("llm.token_count." + key, "-")
    spans = [f"{s.instrumentation_scope.name.split('.')[-1]} {s.attributes['openinference.span.kind']} {count(s, 'prompt')}/{count(s, 'completion')}"
             for s in sorted(memory.get_finished_spans(), key=lambda s: s.start_time)]
    print(f"{engine} {usage['prompt_tokens']}/{usage['completion_tokens']}:", ", ".join(spans))
PY

"$dir/venv/bin/python" "$dir/run.py" > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
