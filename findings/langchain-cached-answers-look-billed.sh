#!/usr/bin/env bash
# An answer out of LangChain's cache has a full model span: same tokens, same cached tokens, OK, though nothing was asked or billed.
#
# Packages: langchain-openai 1.7.4, langchain-core 1.8.3, openinference-instrumentation-langchain 0.1.80, opentelemetry-sdk 1.45.2.
# Behaviour: with set_llm_cache(InMemoryCache()), the second call with the same messages makes no request. LangChain itself marks the
#   answer (usage_metadata has total_cost 0), but OpenInference's LLM span repeats the first call's token counts and no mark
#   gets onto the span. The one visible trace: `llm.model_name` is the requested name, as there was no answer to tell the dated one.
# Expected: no usage, a zero cost (`llm.cost.total` exists), or an attribute that says "cached".
# Matters: cost computed from tokens counts what was free; in test suites and batch jobs, where such caches are used, most of it. A
#   viewer cannot prove it; a model span of under a millisecond with hundreds of tokens out is a good hint.
# Output seen (call, requests so far, prompt, completion, cache_read, model, status, total_cost in the answer):
#> first 1 1000 50 800 gpt-5-mini-2025-08-07 OK None
#> second 1 1000 50 800 gpt-5-mini OK 0
#> cost, cached or hit on the second span: ['llm.token_count.prompt_details.cache_read']
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!OPENAI_@}" "${!LANGSMITH_@}" "${!LANGCHAIN_@}"
export NO_PROXY=127.0.0.1
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check langchain-openai==1.7.4 langchain-core==1.8.3 \
  openinference-instrumentation-langchain==0.1.80 opentelemetry-sdk==1.45.2 opentelemetry-api==1.45.2

cat > "$dir/run.py" <<'PY'
import json, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from langchain_core.caches import InMemoryCache
from langchain_core.globals import set_llm_cache
from langchain_openai import ChatOpenAI
from openinference.instrumentation.langchain import LangChainInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

requests = []

class Provider(BaseHTTPRequestHandler):
    def do_POST(self):
        requests.append(self.rfile.read(int(self.headers["content-length"])))
        body = json.dumps({"id": "c1", "object": "chat.completion", "created": 1, "model": "gpt-5-mini-2025-08-07", "choices": [
            {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hello"}}], "usage": {
            "prompt_tokens": 1000, "completion_tokens": 50, "total_tokens": 1050, "prompt_tokens_details": {"cached_tokens": 800}}}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
memory = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(memory))
LangChainInstrumentor().instrument(tracer_provider=provider)
set_llm_cache(InMemoryCache())
model = ChatOpenAI(model="gpt-5-mini", api_key="none", base_url=f"http://127.0.0.1:{server.server_port}/v1")
for call in ("first", "second"):
    memory.clear()
    answer = model.invoke("Hi")
    [span] = memory.get_finished_spans()
    a, count = span.attributes, "llm.token_count."
    print(call, len(requests), a[count + "prompt"], a[count + "completion"], a[count + "prompt_details.cache_read"],
          a["llm.model_name"], span.status.status_code.name, answer.usage_metadata.get("total_cost"))
print("cost, cached or hit on the second span:", [k for k in a if "cost" in k or "cache" in k or "hit" in k])
PY

"$dir/venv/bin/python" "$dir/run.py" > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
