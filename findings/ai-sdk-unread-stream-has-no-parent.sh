#!/usr/bin/env bash
# When a stream of the AI SDK is not read to its end, the model call is exported complete, and the agent above it never.
#
# Packages: ai 7.0.173, @ai-sdk/otel 1.0.173, @opentelemetry/sdk-trace-base 2.12.1, zod 4.1.12.
# Behaviour: `for await (… of result.textStream) break;` (a reader that has seen enough, a client that went away) leaves the spans `step 1`
#   and `invoke_agent` open for ever, so they are never exported. The model goes on to its end all the same: the `chat` span comes with
#   the whole usage, below a parent that never arrives. With an AbortSignal all three
#   spans end, UNSET, and the usage is on none of them.
# Expected: that the spans end when the reader returns, and that the two ways of stopping look alike.
# Matters: each such call looks like an agent that is still running, until the process ends and longer. And the cost of what was cut off is
#   known for the orphan only. A viewer has to let "running" lapse with time, and show what an orphan cost.
# Output seen (how it was read, exported spans with status code and output tokens, whether each one's parent was exported):
#> to the end: chat 0 50 true, step 0 - true, invoke_agent 0 50 root
#> break: chat 0 50 false
#> abort: chat 0 - true, step 0 - true, invoke_agent 0 - root
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}"
npm install --silent --no-audit --no-fund --prefix "$dir" ai@7.0.173 @ai-sdk/otel@1.0.173 zod@4.1.12 @opentelemetry/api@1.9.0 \
  @opentelemetry/context-async-hooks@2.12.1 @opentelemetry/sdk-trace-base@2.12.1 >&2
cat > "$dir/run.mjs" <<'JS'
import { setTimeout as sleep } from 'node:timers/promises';
import { OpenTelemetry } from '@ai-sdk/otel';
import { context, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { registerTelemetry, streamText } from 'ai';
import { MockLanguageModelV4 } from 'ai/test';

const memory = new InMemorySpanExporter();
trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(memory)] }));
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
registerTelemetry(new OpenTelemetry());

async function* parts(signal) {
  yield { type: 'stream-start', warnings: [] };
  yield { type: 'text-start', id: '1' };
  for (let i = 0; i < 10; i++) {
    await sleep(5, undefined, { signal });
    yield { type: 'text-delta', id: '1', delta: 'word ' };
  }
  yield { type: 'text-end', id: '1' };
  yield { type: 'finish', finishReason: { unified: 'stop', raw: 'stop' },
          usage: { inputTokens: { total: 1000, noCache: 1000 }, outputTokens: { total: 50, text: 50 } } };
}
const model = new MockLanguageModelV4({ modelId: 'm', doStream: async o => ({ stream: ReadableStream.from(parts(o.abortSignal)) }) });
const key = 'gen_ai.usage.output_tokens';
for (const how of ['to the end', 'break', 'abort']) {
  memory.reset();
  const abort = new AbortController();
  const result = streamText({ model, prompt: 'Hi', abortSignal: abort.signal, onError() {} });
  for await (const _ of result.textStream) {
    if (how === 'break') break;
    if (how === 'abort') abort.abort();
  }
  await sleep(1000);
  const spans = memory.getFinishedSpans();
  const ids = spans.map(s => s.spanContext().spanId);
  console.log(`${how}: ` + spans.map(s => [s.name.split(' ')[0], s.status.code, s.attributes[key] ?? '-',
    s.parentSpanContext ? ids.includes(s.parentSpanContext.spanId) : 'root'].join(' ')).join(', '));
}
JS
node "$dir/run.mjs" > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
