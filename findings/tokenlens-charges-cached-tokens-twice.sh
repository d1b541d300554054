#!/usr/bin/env bash
# tokenlens charges cached tokens twice, so a call that reads the cache costs more than one that does not, and the AI SDK's own usage has no cache.
#
# Packages: tokenlens 1.3.1.
# Behaviour: 1000 tokens in, 800 of them cached, 50 out. In the forms of OpenAI and of the AI SDK up to version 5 the 1000 include the 800:
#   estimateCost() takes the full price for 1000 and adds the cache's price for 800. Where its list has a price for reasoning it
#   is added in the same way to that of all output. In the form of the AI SDK 6 and 7, `inputTokenDetails`, the cached tokens are not seen.
#   In Anthropic's form, where the cache is beside input_tokens, the sum is right. Further, "openai/gpt-5-mini" and
#   "openai:gpt-5-mini" are one model with two prices for the cache.
# Expected: 200 at the full price, 800 at the cache's: 0.000174 USD or, by the other price, 0.00017 USD; in any case less than without a cache.
# Matters: chat interfaces show this number beside the context meter. It is not to be had right by the choice of a form but only by
#   handing over the fresh part as the input. A cost above (input + output) x full price, for a call with cached tokens, is this.
# Output seen (usage, model: USD for input, cache, reasoning, output; total):
#> nothing cached, openai:gpt-5-mini: 0.000250 - - 0.000100; 0.000350
#> OpenAI, openai:gpt-5-mini: 0.000250 0.000024 - 0.000100; 0.000374
#> OpenAI, openai/gpt-5-mini: 0.000250 0.000020 - 0.000100; 0.000370
#> AI SDK 5, openai:gpt-5-mini: 0.000250 0.000024 - 0.000100; 0.000374
#> AI SDK 6 and 7, openai:gpt-5-mini: 0.000250 - - 0.000100; 0.000350
#> AI SDK 5, xai/grok-4: 0.003000 0.000600 0.000450 0.000750; 0.004800
#> Anthropic, anthropic:claude-opus-4-1: 0.003000 0.001200 - 0.003750; 0.007950
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
npm install --silent --no-audit --no-fund --prefix "$dir" tokenlens@1.3.1 >&2

cat > "$dir/run.mjs" <<'JS'
import { estimateCost } from 'tokenlens';
const openai = { prompt_tokens: 1000, completion_tokens: 50, total_tokens: 1050, prompt_tokens_details: { cached_tokens: 800 } };
const five = { inputTokens: 1000, cachedInputTokens: 800, outputTokens: 50, reasoningTokens: 30, totalTokens: 1050 };
const six = {
  inputTokens: 1000, inputTokenDetails: { noCacheTokens: 200, cacheReadTokens: 800, cacheWriteTokens: 0 },
  outputTokens: 50, outputTokenDetails: { textTokens: 20, reasoningTokens: 30 }, totalTokens: 1050,
};
const cases = [
  ['nothing cached', 'openai:gpt-5-mini', { prompt_tokens: 1000, completion_tokens: 50, total_tokens: 1050 }],
  ['OpenAI', 'openai:gpt-5-mini', openai],
  ['OpenAI', 'openai/gpt-5-mini', openai],
  ['AI SDK 5', 'openai:gpt-5-mini', five],
  ['AI SDK 6 and 7', 'openai:gpt-5-mini', six],
  ['AI SDK 5', 'xai/grok-4', five],
  ['Anthropic', 'anthropic:claude-opus-4-1', { input_tokens: 200, cache_read_input_tokens: 800, output_tokens: 50 }],
];
for (const [name, modelId, usage] of cases) {
  const { inputUSD, cacheReadUSD, reasoningUSD, outputUSD, totalUSD } = estimateCost({ modelId, usage });
  const [input, cache, reasoning, output, total] = [inputUSD, cacheReadUSD, reasoningUSD, outputUSD, totalUSD].map(usd => usd?.toFixed(6) ?? '-');
  console.log(`${name}, ${modelId}: ${input} ${cache} ${reasoning} ${output}; ${total}`);
}
JS
node "$dir/run.mjs" > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
