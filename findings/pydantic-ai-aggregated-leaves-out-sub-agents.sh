#!/usr/bin/env bash
# Pydantic AI's `gen_ai.aggregated_usage.*` on the outermost agent leaves out the agents below it, even when they share one usage.
#
# Packages: pydantic-ai-slim 2.68.0, opentelemetry-sdk 1.45.2.
# Behaviour: an agent of two model calls (1000 in, 50 out each) delegates to a second agent of one call. Passing `usage=ctx.usage` is the
#   documented way to count the delegate into the caller's usage, and result.usage does say 3000. The root span says 2000, as it does
#   without sharing. A tool's span has no usage, so the missing third is on the inner agent and its `chat` alone.
# Expected: 3000 on the root: "aggregated" over what it contains, and equal to what the program sees.
# Matters: the root's number is neither the trace's sum nor what limits are checked against. A viewer that takes the parent's total as
#   the truth loses the delegates; one that adds parents and children counts twice. Sum the model calls.
# Output seen (how the delegate is called, result.usage; then each agent's aggregated input tokens, and the sum over `chat` spans):
#> own usage, 2000: outer 2000, inner 1000, chats 3000
#> usage=ctx.usage, 3000: outer 2000, inner 1000, chats 3000
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check pydantic-ai-slim==2.68.0 opentelemetry-sdk==1.45.2 opentelemetry-api==1.45.2

cat > "$dir/run.py" <<'PY'
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic_ai import Agent, InstrumentationSettings, RunContext
from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import FunctionModel
from pydantic_ai.usage import RequestUsage

memory = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(memory))
Agent.instrument_all(InstrumentationSettings(tracer_provider=provider))

def answer(messages, info):
    first = len(messages) == 1 and info.function_tools
    part = ToolCallPart("delegate", {}) if first else TextPart("done")
    return ModelResponse([part], usage=RequestUsage(input_tokens=1000, output_tokens=50))

inner = Agent(FunctionModel(answer), name="inner")
for how, share in (("own usage", False), ("usage=ctx.usage", True)):
    memory.clear()
    outer = Agent(FunctionModel(answer), name="outer")

    @outer.tool
    async def delegate(ctx: RunContext) -> str:
        return (await inner.run("Hi", usage=ctx.usage if share else None)).output

    result = outer.run_sync("Hi")
    agents, chats = {}, 0
    for s in memory.get_finished_spans():
        operation = s.attributes.get("gen_ai.operation.name")
        if operation == "invoke_agent": agents[s.attributes["gen_ai.agent.name"]] = s.attributes["gen_ai.aggregated_usage.input_tokens"]
        if operation == "chat": chats += s.attributes["gen_ai.usage.input_tokens"]
    print(f"{how}, {result.usage.input_tokens}: outer {agents['outer']}, inner {agents['inner']}, chats {chats}")
PY

timeout 120 "$dir/venv/bin/python" "$dir/run.py" > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
