#!/usr/bin/env bash
# PostHog's wrapper of OpenAI's client: Python's adds a chunk without choices to each stream and breaks the usual loop; JavaScript's has no tokens.
#
# Packages: posthog 7.91.1, openai 3.57.0 (Python); @posthog/ai 8.13.1, posthog-node 5.70.0, openai 6.49.0 (JavaScript).
# Behaviour: OpenAI tells the usage of a stream in one more chunk, with an empty `choices`, if `stream_options.include_usage` asks for it. Python's
#   wrapper asks in any case, also when the program says False, and when PostHog is disabled, and hands that chunk on. `chunk.choices[0]`, as in most
#   examples, then raises IndexError after the last word. JavaScript's wrapper leaves the request alone: the loop is safe, and the event of
#   the call has no token counts, unless the program has asked.
# Expected: a wrapper that measures gives the program what it would have had, and measures the same in both languages.
# Matters: adding analytics makes an agent fail, after the tokens are paid for and the text is there; a caller that retries pays again. A provider that
#   ignores stream_options hides it until the provider changes. Of one product's events, those of Python have tokens and costs for
#   streamed calls and those of JavaScript do not, so the two can't be added up.
# Output seen (client, include_usage: chunks' choices; what `chunk.choices[0]` does; token counts of the event):
#> Python plain, unset: 1 1; fine
#> Python plain, False: 1 1; fine
#> Python PostHog, unset: 1 1 0; IndexError; 1000 50
#> Python PostHog, False: 1 1 0; IndexError; 1000 50
#> Python PostHog disabled, unset: 1 1 0; IndexError; none
#> JavaScript plain, unset: 1 1; fine
#> JavaScript PostHog, unset: 1 1; fine; none
#> JavaScript PostHog, true: 1 1 0; TypeError; 1000 50
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
unset "${!OTEL_@}" "${!OPENAI_@}" "${!POSTHOG_@}"
export NO_PROXY=127.0.0.1
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check posthog==7.91.1 openai==3.57.0
npm install --silent --no-audit --no-fund --prefix "$dir" @posthog/ai@8.13.1 posthog-node@5.70.0 openai@6.49.0 >&2

cat > "$dir/provider.mjs" <<'JS'
import http from 'node:http';
const server = http.createServer((ask, answer) => {
  let body = '';
  ask.on('data', data => body += data).on('end', () => {
    const chunk = more => ({ id: 'c1', object: 'chat.completion.chunk', created: 1, model: 'gpt-5-mini', choices: [], ...more });
    const events = [chunk({ choices: [{ index: 0, delta: { role: 'assistant', content: 'Hello' }, finish_reason: null }] }),
                    chunk({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] })];
    if (JSON.parse(body).stream_options?.include_usage)
      events.push(chunk({ usage: { prompt_tokens: 1000, completion_tokens: 50, total_tokens: 1050 } }));
    answer.setHeader('content-type', 'text/event-stream');
    answer.end(events.map(event => `data: ${JSON.stringify(event)}\n\n`).join('') + 'data: [DONE]\n\n');
  });
});
server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}/v1`));
JS
cat > "$dir/run.py" <<'PY'
import logging, sys
import openai, posthog.ai.openai
from posthog import Posthog

logging.disable()
events = []
def keep(event): events.append(event["properties"])
ways = {"plain": lambda **more: openai.OpenAI(**more)}
for name, off in (("PostHog", False), ("PostHog disabled", True)):
    analytics = Posthog("key", host="http://127.0.0.1:9", before_send=keep, disabled=off)
    ways[name] = lambda analytics=analytics, **more: posthog.ai.openai.OpenAI(posthog_client=analytics, **more)

def ask(name, asked, **more):
    events.clear()
    client = ways[name](api_key="none", base_url=sys.argv[1])
    choices, text, outcome = [], "", "fine"
    for chunk in client.chat.completions.create(model="gpt-5-mini", messages=[{"role": "user", "content": "Hi"}], stream=True, **more):
        choices.append(len(chunk.choices))
        try: text += chunk.choices[0].delta.content or ""
        except Exception as error: outcome = type(error).__name__
    tokens = [str(event[key]) for event in events for key in ("$ai_input_tokens", "$ai_output_tokens") if key in event]
    print(f"Python {name}, {asked}:", *choices, end=f"; {outcome}")
    print("" if name == "plain" else f"; {' '.join(tokens) or 'none'}")

ask("plain", "unset")
ask("plain", "False", stream_options={"include_usage": False})
ask("PostHog", "unset")
ask("PostHog", "False", stream_options={"include_usage": False})
ask("PostHog disabled", "unset")
PY
cat > "$dir/run.mjs" <<'JS'
import OpenAI from 'openai';
import { OpenAI as Wrapped } from '@posthog/ai/openai';
import { PostHog } from 'posthog-node';
const events = [], baseURL = process.argv[2];
const posthog = new PostHog('key', { host: 'http://127.0.0.1:9', before_send: event => { events.push(event.properties); return null; } });
const ways = { plain: new OpenAI({ apiKey: 'none', baseURL }), PostHog: new Wrapped({ apiKey: 'none', baseURL, posthog }) };
async function ask(name, asked, more) {
  const choices = [];
  let text = '', outcome = 'fine';
  for await (const chunk of await ways[name].chat.completions.create(
    { model: 'gpt-5-mini', messages: [{ role: 'user', content: 'Hi' }], stream: true, ...more })) {
    choices.push(chunk.choices.length);
    try { text += chunk.choices[0].delta.content ?? ''; } catch (error) { outcome = error.constructor.name; }
  }
  for (let tries = 0; name !== 'plain' && !events.length && tries < 100; tries++) await new Promise(done => setTimeout(done, 100));
  const tokens = events.splice(0).flatMap(event => [event.$ai_input_tokens, event.$ai_output_tokens]).filter(count => count !== undefined);
  console.log(`JavaScript ${name}, ${asked}: ${choices.join(' ')}; ${outcome}${name === 'plain' ? '' : `; ${tokens.join(' ') || 'none'}`}`);
}
await ask('plain', 'unset');
await ask('PostHog', 'unset');
await ask('PostHog', 'true', { stream_options: { include_usage: true } });
process.exit();
JS
node "$dir/provider.mjs" > "$dir/url" &
provider=$!
trap 'kill "$provider"; rm -rf "$dir"' EXIT
until [ -s "$dir/url" ]; do sleep .1; done
{ "$dir/venv/bin/python" "$dir/run.py" "$(cat "$dir/url")"
  node "$dir/run.mjs" "$(cat "$dir/url")"; } 2> "$dir/log" > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
