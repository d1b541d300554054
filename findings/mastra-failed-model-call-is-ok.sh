#!/usr/bin/env bash
# A model call of Mastra that the provider refused is an OK span, as are the two above it; only the agent's span has the error.
#
# Packages: @mastra/core 1.71.0, @mastra/observability 1.17.9, @mastra/otel-exporter 1.4.0, @ai-sdk/openai 3.0.141, zod 4.6.7.
# Behaviour: the provider answers 400 (or 500). generate() raises, and the `invoke_agent` span is ERROR with the provider's message. The `chat`,
#   `agent_step` and `model_generation` spans between agent and provider say OK, not UNSET; the `chat` has no usage and
#   gen_ai.response.finish_reasons is `["error"]`. A tool that throws is the other way round: its own span is ERROR, the agent's OK.
# Expected: ERROR and error.type on the span of the call that failed, as OpenTelemetry's conventions for GenAI say.
# Matters: errors by model, or an alert on failed `chat` spans, stay at 0 while every call fails. A model span with the finish reason "error"
#   failed, whatever its status is; the attribute is JSON text here, not a list.
# Output seen (case: spans from the outside in, with status, and finish reasons as sent):
#> answered: invoke_agent OK, model_generation OK, agent_step OK, chat OK ["stop"]
#> refused: invoke_agent ERROR, model_generation OK, agent_step OK, chat OK ["error"]
#> tool throws: invoke_agent OK, model_generation OK, agent_step OK, chat OK ["tool-calls"], execute_tool ERROR, agent_step OK, chat OK ["stop"]
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!OPENAI_@}" "${!MASTRA_@}"
export NO_PROXY=127.0.0.1 MASTRA_TELEMETRY_DISABLED=1
npm install --silent --no-audit --no-fund --prefix "$dir" @mastra/core@1.71.0 @mastra/observability@1.17.9 @mastra/otel-exporter@1.4.0 \
  @ai-sdk/openai@3.0.141 zod@4.6.7 >&2

cat > "$dir/run.mjs" <<'JS'
import http from 'node:http';
import { createOpenAI } from '@ai-sdk/openai';
import { Mastra } from '@mastra/core';
import { Agent } from '@mastra/core/agent';
import { createTool } from '@mastra/core/tools';
import { Observability } from '@mastra/observability';
import { OtelExporter } from '@mastra/otel-exporter';
import { z } from 'zod';

let now;
const spans = [];
const server = http.createServer(async (ask, answer) => {
  let text = '';
  for await (const part of ask) text += part;
  answer.setHeader('content-type', 'application/json');
  if (ask.url.endsWith('/v1/traces')) for (const resource of JSON.parse(text).resourceSpans) spans.push(...resource.scopeSpans.flatMap(s => s.spans));
  if (!ask.url.endsWith('/chat/completions')) return answer.end('{}');
  if (now === 'refused') {
    answer.statusCode = 400;
    return answer.end(JSON.stringify({ error: { message: 'no such model', type: 'invalid_request_error' } }));
  }
  const call = now === 'tool throws' && !JSON.parse(text).messages.some(m => m.role === 'tool');
  const message = call ? { role: 'assistant', content: null, tool_calls: [{ index: 0, id: 't1', type: 'function',
    function: { name: 'weather', arguments: '{"city":"Oslo"}' } }] } : { role: 'assistant', content: 'Sunny' };
  const finish_reason = call ? 'tool_calls' : 'stop';
  const usage = { prompt_tokens: 1000, completion_tokens: 50, total_tokens: 1050 };
  const base = { id: 'c1', created: 1, model: 'gpt-5-mini' };
  if (JSON.parse(text).stream) {
    answer.setHeader('content-type', 'text/event-stream');
    for (const more of [{ choices: [{ index: 0, delta: message, finish_reason: null }] }, { choices: [{ index: 0, delta: {}, finish_reason }] }, { choices: [], usage }])
      answer.write(`data: ${JSON.stringify({ ...base, object: 'chat.completion.chunk', ...more })}\n\n`);
    answer.end('data: [DONE]\n\n');
  } else answer.end(JSON.stringify({ ...base, object: 'chat.completion', choices: [{ index: 0, message, finish_reason }], usage }));
});
await new Promise(done => server.listen(0, '127.0.0.1', done));
const base = `http://127.0.0.1:${server.address().port}`;
const weather = createTool({ id: 'weather', description: 'Weather', inputSchema: z.object({ city: z.string() }),
  execute: async () => { throw new Error('no weather'); } });
const helper = new Agent({ id: 'helper', name: 'helper', instructions: 'Help', tools: { weather },
  model: createOpenAI({ apiKey: 'none', baseURL: `${base}/v1` }).chat('gpt-5-mini') });
const exporters = [new OtelExporter({ provider: { custom: { endpoint: `${base}/v1/traces`, protocol: 'http/json' } } })];
const mastra = new Mastra({ agents: { helper }, logger: false, observability: new Observability({ configs: { otel: { serviceName: 'run', exporters } } }) });
const cases = ['answered', 'refused', 'tool throws'];
for (now of cases) {
  const failed = await mastra.getAgent('helper').generate('Weather in Oslo?').then(() => false, () => true);
  if (failed !== (now === 'refused')) throw new Error(now);
}
const roots = () => spans.filter(s => !s.parentSpanId).sort((a, b) => (BigInt(a.startTimeUnixNano) < BigInt(b.startTimeUnixNano) ? -1 : 1));
for (let i = 0; i < 300 && roots().length < cases.length; i++) await new Promise(done => setTimeout(done, 100));
const order = ['invoke_agent', 'model_generation', 'agent_step', 'chat', 'execute_tool'];
const depth = span => order.indexOf(span.name.split(' ')[0]);
function walk(span) {
  const below = spans.filter(s => s.parentSpanId === span.spanId && depth(s) >= 0)
    .sort((a, b) => depth(a) - depth(b) || Number(BigInt(a.startTimeUnixNano) - BigInt(b.startTimeUnixNano)));
  const reasons = span.attributes.find(a => a.key === 'gen_ai.response.finish_reasons')?.value.stringValue ?? '';
  return [`${order[depth(span)]} ${['UNSET', 'OK', 'ERROR'][span.status?.code ?? 0]} ${reasons}`.trim(), ...below.flatMap(walk)];
}
roots().forEach((root, i) => console.log(`${cases[i]}: ${walk(root).join(', ')}`));
process.exit();
JS
timeout 120 node "$dir/run.mjs" > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
