#!/usr/bin/env bash
# xAI's switch against sensitive attributes takes tokens and cost off its spans; the host and, unset, the sampling settings stated there are not those sent.
#
# Packages: xai-sdk 1.21.0, opentelemetry-sdk 1.45.2.
# Behaviour: xAI's SDK makes a span for each call, if the process has a provider. XAI_SDK_DISABLE_SENSITIVE_TELEMETRY_ATTRIBUTES=1 leaves six attributes:
#   usage, cost, response model, response id and finish reasons go with the texts, streamed and not. Without the switch, server.address is
#   api.x.ai and server.port 443 wherever the call went, and temperature 1.0, penalties 0.0 and more are stated for a request that has none
#   of them. Cached tokens have a key of their own, `gen_ai.usage.cached_prompt_text_tokens`; the cost is in ticks of 1e-10 USD.
# Expected: the switch hides texts; counts stay. What is stated of the request is what was requested.
# Matters: who keeps prompts out of the traces, as many have to, has model calls without any usage, which look like calls that told none. A service map
#   shows traffic to xAI from programs that use a gateway or a test server. Nobody can tell from a span whether a temperature was set.
# Output seen (switch, way: attributes of these names, or "-"; then what the server was sent):
#> switch off, plain: 29 attributes; address api.x.ai, input_tokens 1000, cached_prompt_text_tokens 800, output_tokens 50, cost_in_usd_ticks 3500000, model grok-4-0709, temperature 1.0, frequency_penalty 0.0
#> sent: messages, model, n
#> switch off, streamed: 30 attributes; address api.x.ai, input_tokens 1000, cached_prompt_text_tokens 800, output_tokens 50, cost_in_usd_ticks 3500000, model grok-4-0709, temperature 1.0, frequency_penalty 0.0
#> sent: messages, model, n
#> switch on, plain: 6 attributes; address api.x.ai, input_tokens -, cached_prompt_text_tokens -, output_tokens -, cost_in_usd_ticks -, model -, temperature -, frequency_penalty -
#> sent: messages, model, n
#> switch on, streamed: 7 attributes; address api.x.ai, input_tokens -, cached_prompt_text_tokens -, output_tokens -, cost_in_usd_ticks -, model -, temperature -, frequency_penalty -
#> sent: messages, model, n
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!XAI_@}"
export NO_PROXY=127.0.0.1
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check xai-sdk==1.21.0 opentelemetry-sdk==1.45.2 opentelemetry-api==1.45.2

cat > "$dir/run.py" <<'PY'
import os, sys
from concurrent import futures
import grpc
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from xai_sdk import Client
from xai_sdk.chat import user
from xai_sdk.proto.v6 import chat_pb2, chat_pb2_grpc, sample_pb2, usage_pb2

class Provider(chat_pb2_grpc.ChatServicer):
    def GetCompletion(self, ask, _):
        Provider.ask = ask
        message = chat_pb2.CompletionMessage(content="Hello", role=chat_pb2.ROLE_ASSISTANT)
        output = chat_pb2.CompletionOutput(index=0, finish_reason=sample_pb2.REASON_STOP, message=message)
        return chat_pb2.GetChatCompletionResponse(id="r1", model="grok-4-0709", usage=usage, outputs=[output])
    def GetCompletionChunk(self, ask, _):
        Provider.ask = ask
        delta = chat_pb2.Delta(content="Hello", role=chat_pb2.ROLE_ASSISTANT)
        output = chat_pb2.CompletionOutputChunk(index=0, finish_reason=sample_pb2.REASON_STOP, delta=delta)
        yield chat_pb2.GetChatCompletionChunk(id="r1", model="grok-4-0709", usage=usage, outputs=[output])

usage = usage_pb2.SamplingUsage(prompt_tokens=1000, cached_prompt_text_tokens=800, completion_tokens=50, total_tokens=1050, cost_in_usd_ticks=3500000)
server = grpc.server(futures.ThreadPoolExecutor(2))
chat_pb2_grpc.add_ChatServicer_to_server(Provider(), server)
port = server.add_insecure_port("127.0.0.1:0")
server.start()
memory, provider = InMemorySpanExporter(), TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(memory))
trace.set_tracer_provider(provider)
client = Client(api_key="none", api_host=f"127.0.0.1:{port}", use_insecure_channel=True)

keys = "server.address", "usage.input_tokens", "usage.cached_prompt_text_tokens", "usage.output_tokens", "usage.cost_in_usd_ticks", "response.model", \
       "request.temperature", "request.frequency_penalty"
for way in "plain", "streamed":
    chat = client.chat.create(model="grok-4")
    chat.append(user("Hi"))
    if way == "plain": chat.sample()
    else: list(chat.stream())
    [span] = memory.get_finished_spans()
    memory.clear()
    shown = [f"{key.split('.')[-1]} {span.attributes.get(key, span.attributes.get('gen_ai.' + key, '-'))}" for key in keys]
    print(f"{sys.argv[1]}, {way}: {len(span.attributes)} attributes; {', '.join(shown)}")
    print("sent:", ", ".join(field.name for field, _ in Provider.ask.ListFields()))
server.stop(None)
PY

{ timeout 60 "$dir/venv/bin/python" "$dir/run.py" "switch off"
  XAI_SDK_DISABLE_SENSITIVE_TELEMETRY_ATTRIBUTES=1 timeout 60 "$dir/venv/bin/python" "$dir/run.py" "switch on"; } > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
