#!/usr/bin/env bash
# VoltAgent's model span stands for all steps of a run but states the tokens of the last one; the agent's span above it has them all.
#
# Packages: @voltagent/core 2.10.0, ai 6.0.326, @ai-sdk/openai 3.0.141, zod 4.6.7, @opentelemetry/sdk-trace-base 2.12.1.
# Behaviour: one question, three requests to the model (1000, 2000 and 4000 tokens in, 50 out each) with a tool call after the first two.
#   There is one `llm:generateText` span over all of it, beside the tools' spans, and its `llm.usage.*` is 4000 and 50.
#   The root's `usage.*` is 7000 and 150. Streamed, both are the same. Every span, model and tool too, has entity.type "agent".
# Expected: 7000 and 150 on the one span that covers the three calls, or a span for each.
# Matters: "sum the model spans" is the rule that is right for most frameworks, whose parents repeat or run on; here it loses all steps but
#   one, with their cost. An agent that states more than its model spans is right if it has a single one of them and tools ran
#   within it. entity.type does not tell an agent: only a span without `span.type` is one.
# Output seen (way, requests; then span, span.type, entity.type, tokens in and out):
#> generateText 3
#> tool.execution:weather tool agent - -
#> tool.execution:weather tool agent - -
#> llm:generateText llm agent 4000 50
#> Helper - agent 7000 150
#> streamText 3
#> tool.execution:weather tool agent - -
#> tool.execution:weather tool agent - -
#> llm:streamText llm agent 4000 50
#> Helper - agent 7000 150
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!OPENAI_@}" "${!VOLTAGENT_@}"
export NO_PROXY=127.0.0.1
npm install --silent --no-audit --no-fund --prefix "$dir" @voltagent/core@2.10.0 ai@6.0.326 @ai-sdk/openai@3.0.141 zod@4.6.7 \
  @opentelemetry/sdk-trace-base@2.12.1 >&2

cat > "$dir/run.mjs" <<'JS'
import http from 'node:http';
let requests = 0;
const server = http.createServer(async (ask, answer) => {
  let text = '';
  for await (const part of ask) text += part;
  const input = 1000 * 2 ** requests++;
  const usage = { prompt_tokens: input, completion_tokens: 50, total_tokens: input + 50 };
  const call = { id: `t${requests}`, type: 'function', function: { name: 'weather', arguments: '{"city":"Oslo"}' } };
  const message = requests < 3 ? { role: 'assistant', content: null, tool_calls: [{ index: 0, ...call }] } : { role: 'assistant', content: 'Sunny' };
  const finish_reason = requests < 3 ? 'tool_calls' : 'stop';
  const base = { id: `c${requests}`, created: 1, model: 'gpt-5-mini' };
  if (JSON.parse(text).stream) {
    answer.setHeader('content-type', 'text/event-stream');
    for (const more of [{ choices: [{ index: 0, delta: message, finish_reason: null }] }, { choices: [{ index: 0, delta: {}, finish_reason }] }, { choices: [], usage }])
      answer.write(`data: ${JSON.stringify({ ...base, object: 'chat.completion.chunk', ...more })}\n\n`);
    answer.end('data: [DONE]\n\n');
  } else {
    answer.setHeader('content-type', 'application/json');
    answer.end(JSON.stringify({ ...base, object: 'chat.completion', choices: [{ index: 0, finish_reason, message }], usage }));
  }
});
await new Promise(done => server.listen(0, '127.0.0.1', done));
// VoltAgent fetches a list of models from elsewhere by itself; the test needs none.
const realFetch = globalThis.fetch;
globalThis.fetch = (to, ...more) => new URL(to.url ?? to).hostname === '127.0.0.1' ? realFetch(to, ...more) : Promise.reject(new Error('offline'));
console.warn = console.error = () => {};

const { Agent, createTool, VoltAgentObservability } = await import('@voltagent/core');
const { createOpenAI } = await import('@ai-sdk/openai');
const { InMemorySpanExporter, SimpleSpanProcessor } = await import('@opentelemetry/sdk-trace-base');
const { z } = await import('zod');
const memory = new InMemorySpanExporter();
const observability = new VoltAgentObservability({ spanProcessors: [new SimpleSpanProcessor(memory)] });
const provider = createOpenAI({ apiKey: 'none', baseURL: `http://127.0.0.1:${server.address().port}/v1` });
const weather = createTool({ name: 'weather', description: 'Weather', parameters: z.object({ city: z.string() }), execute: async () => 'sunny' });
const agent = new Agent({ name: 'Helper', instructions: 'Help', model: provider.chat('gpt-5-mini'), tools: [weather], observability });
const ways = { generateText: () => agent.generateText('Weather in Oslo?'), streamText: async () => (await agent.streamText('Weather in Oslo?')).text };
for (const [way, run] of Object.entries(ways)) {
  memory.reset();
  requests = 0;
  const answer = await run();
  if ((answer.text ?? answer) !== 'Sunny') throw new Error('no answer');
  for (let i = 0; i < 300 && !memory.getFinishedSpans().some(s => s.name === 'Helper'); i++) await new Promise(done => setTimeout(done, 100));
  console.log(way, requests);
  for (const { name, attributes: a } of memory.getFinishedSpans())
    console.log(name, a['span.type'] ?? '-', a['entity.type'], ...['prompt', 'completion'].map(k => a[`llm.usage.${k}_tokens`] ?? a[`usage.${k}_tokens`] ?? '-'));
}
process.exit();
JS
node "$dir/run.mjs" > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
