#!/usr/bin/env bash
# A failed run of OpenAI's Agents SDK for JavaScript never ends its trace, unless it was streamed: under OpenInference such a run has no root.
#
# Packages: @openai/agents 0.20.0, @arizeai/openinference-instrumentation-openai-agents 0.2.15, openai 7.59.0, zod 4.6.7,
#   @opentelemetry/sdk-trace-base 2.12.1.
# Behaviour: the provider answers 400. run() raises, each span of the SDK ends with an error, but trace processors hear of no end of the trace,
#   neither by run() alone nor inside withTrace(). The same failure, streamed, ends it. OpenInference makes the root out of that end:
#   four spans come, all ERROR, and the parent of the outermost is never sent.
# Expected: an exception ends the trace as it ends the spans. In the SDK for Python the root comes (with OK).
# Matters: a viewer that lists traces by their root does not list the very runs that failed, and one that waits for the root shows them as
#   running for ever. An ended ERROR span whose parent is missing has to count as the outcome of the run.
# Output seen (case, exception, ends of traces that the SDK told; then spans: kind, status, whether its parent came):
#> answered: none, 1
#> AGENT OK no parent; CHAIN OK parent sent; AGENT OK parent sent; CHAIN OK parent sent; LLM OK parent sent
#> refused: BadRequestError, 0
#> CHAIN ERROR parent missing; AGENT ERROR parent sent; CHAIN ERROR parent sent; LLM ERROR parent sent
#> refused, in withTrace: BadRequestError, 0
#> CHAIN ERROR parent missing; AGENT ERROR parent sent; CHAIN ERROR parent sent; LLM ERROR parent sent
#> refused, streamed: BadRequestError, 1
#> AGENT OK no parent; CHAIN ERROR parent sent; AGENT ERROR parent sent; CHAIN ERROR parent sent; LLM ERROR parent sent
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!OPENAI_@}" NODE_ENV
export NO_PROXY=127.0.0.1
npm install --silent --no-audit --no-fund --prefix "$dir" @openai/agents@0.20.0 openai@7.59.0 zod@4.6.7 \
  @arizeai/openinference-instrumentation-openai-agents@0.2.15 @opentelemetry/sdk-trace-base@2.12.1 >&2

cat > "$dir/run.mjs" <<'JS'
import http from 'node:http';
import * as agents from '@openai/agents';
import OpenAI from 'openai';
import { OpenAIAgentsInstrumentation } from '@arizeai/openinference-instrumentation-openai-agents';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';

const server = http.createServer(async (ask, answer) => {
  let text = '';
  for await (const part of ask) text += part;
  answer.setHeader('content-type', 'application/json');
  if (text.includes('Refuse')) {
    answer.statusCode = 400;
    return answer.end(JSON.stringify({ error: { message: 'refused', type: 'invalid_request_error' } }));
  }
  answer.end(JSON.stringify({
    id: 'resp_1', object: 'response', created_at: 1, status: 'completed', model: 'gpt-5-mini',
    output: [{ type: 'message', id: 'm1', role: 'assistant', status: 'completed', content: [{ type: 'output_text', text: 'Hello', annotations: [] }] }],
    usage: { input_tokens: 1000, output_tokens: 50, total_tokens: 1050 },
  }));
});
await new Promise(done => server.listen(0, '127.0.0.1', done));

const memory = new InMemorySpanExporter();
new OpenAIAgentsInstrumentation({ tracerProvider: new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(memory)] }) }).manuallyInstrument(agents);
let ends = 0;
const nothing = async () => {};
agents.addTraceProcessor({ onTraceStart: nothing, onTraceEnd: async () => { ends++; }, onSpanStart: nothing, onSpanEnd: nothing, shutdown: nothing, forceFlush: nothing });
const client = new OpenAI({ apiKey: 'none', baseURL: `http://127.0.0.1:${server.address().port}/v1`, maxRetries: 0 });
const agent = new agents.Agent({ name: 'Helper', model: new agents.OpenAIResponsesModel(client, 'gpt-5-mini') });
const streamed = async () => {
  const result = await agents.run(agent, 'Refuse', { stream: true });
  for await (const _ of result);
  await result.completed;
};
const cases = {
  answered: () => agents.run(agent, 'Hello'),
  refused: () => agents.run(agent, 'Refuse'),
  'refused, in withTrace': () => agents.withTrace('Mine', () => agents.run(agent, 'Refuse')),
  'refused, streamed': streamed,
};
for (const [name, run] of Object.entries(cases)) {
  memory.reset();
  ends = 0;
  const raised = await run().then(() => 'none', error => error.constructor.name);
  await new Promise(done => setTimeout(done, 2000));
  console.log(`${name}: ${raised}, ${ends}`);
  const spans = memory.getFinishedSpans();
  const sent = new Set(spans.map(s => s.spanContext().spanId));
  const parent = s => s.parentSpanContext?.spanId;
  const depth = s => { const up = spans.find(p => p.spanContext().spanId === parent(s)); return up ? 1 + depth(up) : 0; };
  console.log([...spans].sort((a, b) => depth(a) - depth(b)).map(s => [s.attributes['openinference.span.kind'], ['UNSET', 'OK', 'ERROR'][s.status.code],
    parent(s) ? (sent.has(parent(s)) ? 'parent sent' : 'parent missing') : 'no parent'].join(' ')).join('; '));
}
process.exit();
JS
node "$dir/run.mjs" 2> "$dir/errors" > "$dir/seen" || { cat "$dir/errors" >&2; exit 1; }
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
