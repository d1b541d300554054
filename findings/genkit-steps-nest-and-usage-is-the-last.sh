#!/usr/bin/env bash
# Genkit puts each model call of a run one level deeper than the one before; the usage of the run is that of its last call, and the cache is lost.
#
# Packages: genkit 1.42.0, @genkit-ai/compat-oai 1.42.0, @opentelemetry/sdk-trace-base 1.25.1.
# Behaviour: one ai.generate() with a tool; the model is asked three times (1000, 2000 and 4000 tokens in, half of them cached, 50 out each) and calls the
#   tool after the first two. Genkit calls itself for each further step: the second `generate` is a child of the first, the third of
#   the second, so an outer one lasts until all is done. Each of the three, the root too, has the usage of the last call, inside
#   the JSON of `genkit:output`; so has the result. Cached and reasoning tokens, which the provider told, are only in the
#   raw answer. The finish reason of the calls that ask for a tool is "stop"; the provider said "tool_calls".
# Expected: 7000 in and 150 out for the run, with 3500 cached; the steps beside each other.
# Matters: a loop of 20 steps is a tree 20 levels deep, where an indented view has no room and where "the parent's usage is the sum of its
#   children's" is wrong at each level. Add up the spans of subtype "model" alone, and read `raw.usage` for the cache.
# Output seen (depth, span, type or subtype; of the output: tokens in, out, cached, finish reason; the raw answer's cached tokens, finish reason):
#> 0 generate util: 4000 50 - stop; -
#> 1 oai/gpt-5-mini model: 1000 50 - stop; 500 tool_calls
#> 1 weather tool: - - - -; -
#> 1 generate util: 4000 50 - stop; -
#> 2 oai/gpt-5-mini model: 2000 50 - stop; 1000 tool_calls
#> 2 weather tool: - - - -; -
#> 2 generate util: 4000 50 - stop; -
#> 3 oai/gpt-5-mini model: 4000 50 - stop; 2000 stop
#> result: {"inputTokens":4000,"outputTokens":50,"totalTokens":4050}
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!OPENAI_@}" "${!GENKIT_@}" NODE_ENV
export NO_PROXY=127.0.0.1
npm install --silent --no-audit --no-fund --prefix "$dir" genkit@1.42.0 @genkit-ai/compat-oai@1.42.0 @opentelemetry/sdk-trace-base@1.25.1 >&2

cat > "$dir/run.mjs" <<'JS'
import http from 'node:http';
import { genkit, z } from 'genkit';
import { enableTelemetry } from 'genkit/tracing';
import { openAICompatible } from '@genkit-ai/compat-oai';
import { InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';

let requests = 0;
const server = http.createServer(async (ask, answer) => {
  for await (const _ of ask);
  const input = 1000 * 2 ** requests++;
  const call = { id: `t${requests}`, type: 'function', function: { name: 'weather', arguments: '{"city":"Oslo"}' } };
  const message = requests < 3 ? { role: 'assistant', content: null, tool_calls: [call] } : { role: 'assistant', content: 'Sunny' };
  answer.setHeader('content-type', 'application/json');
  answer.end(JSON.stringify({
    id: `c${requests}`, object: 'chat.completion', created: 1, model: 'gpt-5-mini',
    choices: [{ index: 0, finish_reason: requests < 3 ? 'tool_calls' : 'stop', message }],
    usage: { prompt_tokens: input, completion_tokens: 50, total_tokens: input + 50, prompt_tokens_details: { cached_tokens: input / 2 }, completion_tokens_details: { reasoning_tokens: 30 } },
  }));
});
await new Promise(done => server.listen(0, '127.0.0.1', done));

const memory = new InMemorySpanExporter();
await enableTelemetry({ spanProcessors: [new SimpleSpanProcessor(memory)] });
const ai = genkit({ plugins: [openAICompatible({ name: 'oai', apiKey: 'none', baseURL: `http://127.0.0.1:${server.address().port}/v1` })] });
const weather = ai.defineTool({ name: 'weather', description: 'Weather', inputSchema: z.object({ city: z.string() }), outputSchema: z.string() }, async () => 'sunny');
const result = await ai.generate({ model: 'oai/gpt-5-mini', prompt: 'Weather in Oslo?', tools: [weather] });

const spans = memory.getFinishedSpans();
const print = (span, depth) => {
  const a = span.attributes;
  const out = JSON.parse(a['genkit:output']);
  const { inputTokens = '-', outputTokens = '-', cachedContentTokens = '-' } = out.usage ?? {};
  const raw = out.raw ? `${out.raw.usage.prompt_tokens_details.cached_tokens} ${out.raw.choices[0].finish_reason}` : '-';
  console.log(depth, span.name, `${a['genkit:metadata:subtype'] ?? a['genkit:type']}:`, inputTokens, outputTokens, cachedContentTokens, `${out.finishReason ?? '-'}; ${raw}`);
  // A tool can begin in the same millisecond as its model call ends: those end in the order of the work.
  const below = spans.filter(s => s.parentSpanId === span.spanContext().spanId);
  for (const child of below) print(child, depth + 1);
};
for (const root of spans.filter(s => !s.parentSpanId)) print(root, 0);
console.log('result:', JSON.stringify(result.usage));
process.exit();
JS
node "$dir/run.mjs" 2> "$dir/errors" > "$dir/seen" || { cat "$dir/errors" >&2; exit 1; }
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
