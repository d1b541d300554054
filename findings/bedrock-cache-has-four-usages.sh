#!/usr/bin/env bash
# One call of Claude on Bedrock that reads and writes the cache has four different usages in four instrumentors, three of them in one convention.
#
# Packages: boto3 1.44.5, openinference-instrumentation-bedrock 0.1.61, opentelemetry-instrumentation-botocore 0.66b2,
#   opentelemetry-instrumentation-genai-bedrock 1.3b0, opentelemetry-instrumentation-bedrock 0.62.4 (Traceloop), opentelemetry-sdk 1.45.2.
# Behaviour: Bedrock answers with 5 tokens in, 130000 read from the cache, 208 written, 50 out. The three that write gen_ai.* put 5 into
#   input_tokens, and name the written ones `cache_creation` or `cache_write`; for InvokeModel, botocore's and Traceloop's have no
#   cache at all. Traceloop states a total of 55, while Bedrock's own answer said 130263. OpenInference's are right both ways.
# Expected: input_tokens with the cached ones, as the convention says since it has cache keys; one key; the same for both operations.
# Matters: 5 + 50 is the usage of a call that costs a hundred times that. If cache keys exceed the input, the input leaves them out: add
#   them. If there are none, "5 tokens" cannot be told from a small call; a total does not help. Read both names of the writes.
# Output seen (instrumentor, operation: tokens in, cache read, cache written and its key, out, stated total):
#> openinference converse: 130213, 130000, 208 cache_write, 50, 130263
#> openinference invoke_model: 130213, 130000, 208 cache_write, 50, None
#> botocore converse: 5, 130000, 208 cache_creation.input_tokens, 50, None
#> botocore invoke_model: 5, None, None -, 50, None
#> genai converse: 5, 130000, 208 cache_write.input_tokens, 50, None
#> genai invoke_model: 5, 130000, 208 cache_write.input_tokens, 50, None
#> traceloop converse: 5, 130000, 208 cache_creation.input_tokens, 50, 55
#> traceloop invoke_model: 5, None, None -, 50, 55
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!AWS_@}" "${!TRACELOOP_@}"
export NO_PROXY=127.0.0.1 TRACELOOP_TELEMETRY=false AWS_EC2_METADATA_DISABLED=true
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check boto3==1.44.5 openinference-instrumentation-bedrock==0.1.61 \
  opentelemetry-instrumentation-{botocore==0.66b2,genai-bedrock==1.3b0,bedrock==0.62.4} opentelemetry-sdk==1.45.2 opentelemetry-api==1.45.2

cat > "$dir/run.py" <<'PY'
import importlib, json, sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

class Provider(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        answer = {"output": {"message": {"role": "assistant", "content": [{"text": "Hi"}]}}, "stopReason": "end_turn", "metrics": {"latencyMs": 1},
                  "usage": {"inputTokens": 5, "outputTokens": 50, "totalTokens": 130263, "cacheReadInputTokens": 130000, "cacheWriteInputTokens": 208}}
        if "converse" not in self.path:
            answer = {"id": "m1", "type": "message", "role": "assistant", "model": "claude", "content": [{"type": "text", "text": "Hi"}], "stop_reason":
                "end_turn", "usage": {"input_tokens": 5, "output_tokens": 50, "cache_read_input_tokens": 130000, "cache_creation_input_tokens": 208}}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass

name = sys.argv[1]
module, kind = {"openinference": ("openinference.instrumentation.bedrock", "BedrockInstrumentor"),
                "botocore": ("opentelemetry.instrumentation.botocore", "BotocoreInstrumentor"),
                "genai": ("opentelemetry.instrumentation.genai.bedrock", "BedrockInstrumentor"),
                "traceloop": ("opentelemetry.instrumentation.bedrock", "BedrockInstrumentor")}[name]
memory = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(memory))
getattr(importlib.import_module(module), kind)().instrument(tracer_provider=provider)
server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=server.serve_forever, daemon=True).start()
import boto3
client = boto3.client("bedrock-runtime", region_name="us-east-1", endpoint_url=f"http://127.0.0.1:{server.server_port}",
                      aws_access_key_id="none", aws_secret_access_key="none")
ask = {"modelId": "anthropic.claude-sonnet-4-5-20250929-v1:0"}
body = json.dumps({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 100, "messages": [{"role": "user", "content": "Hi"}]})
calls = {"converse": lambda: client.converse(messages=[{"role": "user", "content": [{"text": "Hi"}]}], **ask),
         "invoke_model": lambda: client.invoke_model(body=body, **ask)["body"].read()}
for operation, call in calls.items():
    memory.clear()
    call()
    [span] = memory.get_finished_spans()
    usage = {k.removeprefix("llm.token_count.").removeprefix("gen_ai.usage.").removeprefix("prompt_details."): v for k, v in span.attributes.items()}
    pick = lambda *keys: next(((usage[k], k) for k in keys if k in usage), (None, "-"))
    written, key = pick("cache_write", "cache_write.input_tokens", "cache_creation.input_tokens")
    print(f"{name} {operation}: {pick('prompt', 'input_tokens')[0]}, {pick('cache_read', 'cache_read.input_tokens')[0]}, {written} {key},",
          f"{pick('completion', 'output_tokens')[0]}, {pick('total', 'total_tokens')[0]}")
PY

for name in openinference botocore genai traceloop; do timeout 120 "$dir/venv/bin/python" "$dir/run.py" $name; done > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
