#!/usr/bin/env bash
# Tracing OpenAI's JavaScript client makes parse() or stream() fail, by the instrumentor, while the span of the failed call is a success.
#
# Packages: openai 6.49.0, @opentelemetry/instrumentation-openai 0.21.0, @traceloop/instrumentation-openai 0.27.0, @langfuse/openai 5.11.1,
#   @arizeai/openinference-instrumentation-openai 4.2.7, @opentelemetry/sdk-trace-node 2.12.1, instrumentation 0.223.0.
# Behaviour: create() returns a promise that can do more (withResponse) and, streamed, an object that can do more (tee). The client's own
#   helpers are built on these, so an instrumentor that returns less breaks them. With OpenTelemetry's, parse() always fails with "Body
#   is unusable": the span has read the answer first. With Traceloop's and Langfuse's, stream() and tee() fail; with Langfuse's,
#   withResponse() too. OpenInference's breaks none, but it and Traceloop's have no token counts for a streamed chat, whose last chunk states them.
# Expected: the same result with and without tracing.
# Matters: such failures look like the provider's or the program's: where parse() throws, the span has an answer, all tokens and no error, and
#   a stream() that failed is a healthy span or none. A program that tries again is billed twice. "Runs that fail though their model
#   spans are well" point nowhere, unless one knows to ask who traces.
# Output seen (instrumentor, way: what the program gets; tokens in on the spans, and their status):
#> none create: answer; no span
#> none create, withResponse: answer; no span
#> none parse: answer; no span
#> none create, streamed: answer; no span
#> none create, streamed, tee: answer; no span
#> none stream: answer; no span
#> openinference create: answer; 1000 OK
#> openinference create, withResponse: answer; 1000 OK
#> openinference parse: answer; 1000 OK
#> openinference create, streamed: answer; no tokens UNSET
#> openinference create, streamed, tee: answer; no tokens UNSET
#> openinference stream: answer; no tokens UNSET
#> opentelemetry create: answer; 1000 UNSET
#> opentelemetry create, withResponse: answer; 1000 UNSET
#> opentelemetry parse: TypeError: Body is unusable: Body has already been read; 1000 UNSET
#> opentelemetry create, streamed: answer; 1000 UNSET
#> opentelemetry create, streamed, tee: answer; 1000 UNSET
#> opentelemetry stream: answer; 1000 UNSET
#> traceloop create: answer; 1000 UNSET
#> traceloop create, withResponse: answer; 1000 UNSET
#> traceloop parse: answer; 1000 UNSET
#> traceloop create, streamed: answer; no tokens UNSET
#> traceloop create, streamed, tee: TypeError: (intermediate value).tee is not a function; no span
#> traceloop stream: OpenAIError: Cannot read properties of undefined (reading 'signal'); no tokens UNSET
#> langfuse create: answer; 1000 UNSET
#> langfuse create, withResponse: TypeError: chat.create(...).withResponse is not a function; 1000 UNSET
#> langfuse parse: answer; 1000 UNSET
#> langfuse create, streamed: answer; 1000 UNSET
#> langfuse create, streamed, tee: TypeError: (intermediate value).tee is not a function; no span
#> langfuse stream: TypeError: chat.stream(...).finalChatCompletion is not a function; no span
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!OPENAI_@}" "${!LANGFUSE_@}" "${!TRACELOOP_@}" "${!OPENINFERENCE_@}"
export NO_PROXY=127.0.0.1
npm install --silent --no-audit --no-fund --prefix "$dir" openai@6.49.0 @opentelemetry/instrumentation-openai@0.21.0 \
  @opentelemetry/instrumentation@0.223.0 @traceloop/instrumentation-openai@0.27.0 @langfuse/openai@5.11.1 \
  @arizeai/openinference-instrumentation-openai@4.2.7 @opentelemetry/sdk-trace-node@2.12.1 >&2

cat > "$dir/run.cjs" <<'JS'
const http = require('node:http');
const { NodeTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } = require('@opentelemetry/sdk-trace-node');
const { registerInstrumentations } = require('@opentelemetry/instrumentation');

const usage = { prompt_tokens: 1000, completion_tokens: 50, total_tokens: 1050 };
const server = http.createServer(async (ask, answer) => {
  let text = '';
  for await (const part of ask) text += part;
  const base = { id: 'c1', created: 1, model: 'gpt-5-mini' };
  if (JSON.parse(text).stream) {
    answer.setHeader('content-type', 'text/event-stream');
    for (const more of [{ choices: [{ index: 0, delta: { role: 'assistant', content: '{"a":1}' }, finish_reason: null }] },
                        { choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] }, { choices: [], usage }])
      answer.write(`data: ${JSON.stringify({ ...base, object: 'chat.completion.chunk', ...more })}\n\n`);
    answer.end('data: [DONE]\n\n');
  } else {
    answer.setHeader('content-type', 'application/json');
    const message = { role: 'assistant', content: '{"a":1}' };
    answer.end(JSON.stringify({ ...base, object: 'chat.completion', choices: [{ index: 0, finish_reason: 'stop', message }], usage }));
  }
});

const name = process.argv[2];
const memory = new InMemorySpanExporter();
const tracerProvider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(memory)] });
tracerProvider.register();
const packages = { openinference: '@arizeai/openinference-instrumentation-openai', traceloop: '@traceloop/instrumentation-openai',
                   opentelemetry: '@opentelemetry/instrumentation-openai' };
if (packages[name]) registerInstrumentations({ tracerProvider, instrumentations: [new (require(packages[name]).OpenAIInstrumentation)()] });
const { OpenAI } = require('openai');

const read = async stream => { for await (const _ of stream); return 'answer'; };
const question = { model: 'gpt-5-mini', messages: [{ role: 'user', content: 'Hi' }] };
const streamed = { ...question, stream_options: { include_usage: true } };
const ways = {
  create: async chat => (await chat.create(question)).id,
  'create, withResponse': async chat => (await chat.create(question).withResponse()).data.id,
  parse: async chat => (await chat.parse(question)).id,
  'create, streamed': async chat => read(await chat.create({ ...streamed, stream: true })),
  'create, streamed, tee': async chat => (await Promise.all((await chat.create({ ...streamed, stream: true })).tee().map(read)))[0],
  stream: async chat => (await chat.stream(streamed).finalChatCompletion()).id,
};
server.listen(0, '127.0.0.1', async () => {
  let client = new OpenAI({ apiKey: 'none', baseURL: `http://127.0.0.1:${server.address().port}/v1`, maxRetries: 0 });
  if (name === 'langfuse') client = require('@langfuse/openai').observeOpenAI(client);
  for (const [way, run] of Object.entries(ways)) {
    memory.reset();
    const outcome = await run(client.chat.completions).then(() => 'answer', error => `${error.constructor.name}: ${error.message}`);
    await new Promise(done => setTimeout(done, 300));
    const spans = memory.getFinishedSpans().map(({ attributes: a, status }) => {
      const tokens = a['gen_ai.usage.input_tokens'] ?? a['llm.token_count.prompt'] ?? JSON.parse(a['langfuse.observation.usage_details'] ?? '{}').input;
      return `${tokens ?? 'no tokens'} ${['UNSET', 'OK', 'ERROR'][status.code]}`;
    });
    console.log(`${name} ${way}: ${outcome}; ${spans.join(', ') || 'no span'}`);
  }
  process.exit();
});
process.on('unhandledRejection', () => {});
JS
for name in none openinference opentelemetry traceloop langfuse; do node "$dir/run.cjs" "$name" 2> "$dir/errors"; done > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
