#!/usr/bin/env bash
# Past OpenTelemetry's limit of 128 attributes a span, Python forgets the first ones and JavaScript refuses the last ones.
#
# Packages: opentelemetry-sdk 1.45.2 (Python), @opentelemetry/sdk-trace-base 2.12.1.
# Behaviour: a model call with 100 messages, written the usual way: kind first, two attributes a message, the model's name and
#   token counts at the end. Python keeps the tokens, and has lost the kind and the beginning of the conversation.
#   JavaScript keeps the kind and has neither tokens nor the end of the conversation.
# Expected: one rule in both; the specification says that attributes beyond the limit are discarded, which JavaScript does.
# Matters: long conversations, the dear ones, are what gets cut. A viewer must not take a span without a kind for "other" if it has
#   usage, nor one without usage for a free call; `dropped_attributes_count` is the only sign and should be shown. Instrumentors of
#   flattened messages need SpanLimits(max_span_attributes=…) or OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT.
# Output seen (language, kept, dropped, has the kind, has the tokens, first and last message that are left):
#> python 128 75 False True 37 99
#> js 128 75 True False 0 63
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}"
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check opentelemetry-sdk==1.45.2
npm install --silent --no-audit --no-fund --prefix "$dir" @opentelemetry/sdk-trace-base@2.12.1 >&2

cat > "$dir/run.py" <<'PY'
import logging
from opentelemetry.sdk.trace import TracerProvider

logging.disable()
span = TracerProvider().get_tracer("t").start_span("llm")
span.set_attribute("openinference.span.kind", "LLM")
for i in range(100):
    span.set_attribute(f"llm.input_messages.{i}.message.role", "user")
    span.set_attribute(f"llm.input_messages.{i}.message.content", "text")
span.set_attribute("llm.token_count.prompt", 1000)
span.set_attribute("llm.token_count.completion", 50)
span.end()
keys = list(span.attributes)
left = [int(k.split(".")[2]) for k in keys if k.startswith("llm.input")]
print("python", len(keys), span.dropped_attributes, "openinference.span.kind" in keys, "llm.token_count.prompt" in keys, min(left), max(left))
PY
cat > "$dir/run.mjs" <<'JS'
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base';
const span = new BasicTracerProvider().getTracer('t').startSpan('llm');
span.setAttribute('openinference.span.kind', 'LLM');
for (let i = 0; i < 100; i++) {
  span.setAttribute(`llm.input_messages.${i}.message.role`, 'user');
  span.setAttribute(`llm.input_messages.${i}.message.content`, 'text');
}
span.setAttribute('llm.token_count.prompt', 1000).setAttribute('llm.token_count.completion', 50).end();
const keys = Object.keys(span.attributes);
const left = keys.filter(k => k.startsWith('llm.input')).map(k => +k.split('.')[2]);
const yes = v => v ? 'True' : 'False';
console.log('js', keys.length, span.droppedAttributesCount, yes(keys.includes('openinference.span.kind')),
  yes(keys.includes('llm.token_count.prompt')), Math.min(...left), Math.max(...left));
JS
{ "$dir/venv/bin/python" "$dir/run.py"; node "$dir/run.mjs"; } > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
