#!/usr/bin/env bash
# The AI SDK's `experimental_telemetry: { isEnabled: true }` makes spans under version 6 and none under 7, without a warning.
#
# Packages: ai 6.0.326 and 7.0.173, @ai-sdk/otel 1.0.173, @opentelemetry/sdk-trace-base 2.12.1, zod 4.1.12.
# Behaviour: the option is still accepted by types and code of version 7, but spans moved to another package: without
#   registerTelemetry(new OpenTelemetry()) of @ai-sdk/otel nothing is traced. With it everything is traced, option or not, and the
#   spans have other names and keys: gen_ai.* only, not one ai.* key is left, and a level "step" has come between.
# Expected: a warning for an option that does nothing any more.
# Matters: after an update of one package the viewer is empty and nobody says why; and both vocabularies will be met side by side
#   for long: `ai.generateText` > `ai.generateText.doGenerate` with ai.usage.*, `invoke_agent` > `step 1` > `chat` with gen_ai.usage.*.
# Output seen (version, registered, spans in the order of their end, how many of them have an ai.* key):
#> 6 no: ai.generateText.doGenerate, ai.generateText; 2
#> 7 no: ; 0
#> 7 yes: chat m, step 1, invoke_agent m; 0
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}"
cat > "$dir/run.mjs" <<'JS'
import * as ai from 'ai';
import * as test from 'ai/test';
import { context, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';

const memory = new InMemorySpanExporter();
trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(memory)] }));
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
const [version, registered] = process.argv.slice(2);
if (registered === 'yes') ai.registerTelemetry(new (await import('@ai-sdk/otel')).OpenTelemetry());
const usage = { inputTokens: { total: 1000, noCache: 1000 }, outputTokens: { total: 50, text: 50 } };
const doGenerate = async () => ({ content: [{ type: 'text', text: 'Hello' }], finishReason: { unified: 'stop', raw: 'stop' }, usage, warnings: [] });
const Model = test.MockLanguageModelV4 ?? test.MockLanguageModelV3;
await ai.generateText({ model: new Model({ modelId: 'm', doGenerate }), prompt: 'Hi', experimental_telemetry: { isEnabled: true } });
const spans = memory.getFinishedSpans();
const old = spans.filter(s => Object.keys(s.attributes).some(k => k.startsWith('ai.'))).length;
console.log(`${version} ${registered}: ${spans.map(s => s.name).join(', ')}; ${old}`);
JS
for version in 6.0.326 7.0.173; do
  mkdir "$dir/$version"
  cp "$dir/run.mjs" "$dir/$version"
  more=$([ $version = 7.0.173 ] && echo @ai-sdk/otel@1.0.173 || true)
  npm install --silent --no-audit --no-fund --prefix "$dir/$version" ai@$version zod@4.1.12 @opentelemetry/api@1.9.0 \
    @opentelemetry/context-async-hooks@2.12.1 @opentelemetry/sdk-trace-base@2.12.1 $more >&2
done
{
  node "$dir/6.0.326/run.mjs" 6 no
  node "$dir/7.0.173/run.mjs" 7 no
  node "$dir/7.0.173/run.mjs" 7 yes
} > "$dir/seen" 2> "$dir/warnings"
test ! -s "$dir/warnings" || { cat "$dir/warnings"; exit 1; }
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
