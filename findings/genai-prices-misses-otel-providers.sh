#!/usr/bin/env bash
# genai-prices finds no price for calls that name their provider in OpenTelemetry's own words (x_ai, gcp.gen_ai, azure.ai.inference).
#
# Packages: genai-prices 0.2.3, opentelemetry-semantic-conventions 0.66b2 (the list of provider names).
# Behaviour: calc_price() has a provider_id, which is matched with names in its data. Of OpenTelemetry's 15 values for
#   `gen_ai.provider.name` the following are unknown to it, and an unknown provider is a LookupError without a look at the model:
#   x_ai, gcp.gen_ai, azure.ai.inference, ibm.watsonx.ai. The same holds for the name of a gateway. Without any provider the very same
#   models are found, as they are with "x-ai" and "google". A model with its vendor in front ("openai/gpt-5-mini", as gateways
#   and LiteLLM write it) is found with the provider "openrouter" alone.
# Expected: the convention's own values match, or the model is looked up as if no provider had been given.
# Matters: the more a span says, the less it costs: stating the provider takes the price away. A reader that has prices from this list
#   should ask with the provider, then without, then by the part behind the last slash, and not show "no price" after the first no.
# Output seen (provider, model: provider whose price was found, USD for 1000 tokens in and 50 out):
#> x_ai grok-4: LookupError
#> x-ai grok-4: x-ai 0.00375
#> None grok-4: x-ai 0.00375
#> gcp.gen_ai gemini-2.5-flash: LookupError
#> gcp.gemini gemini-2.5-flash: google 0.000425
#> None gemini-2.5-flash: google 0.000425
#> azure.ai.inference gpt-5-mini: LookupError
#> my-gateway gpt-5-mini: LookupError
#> None gpt-5-mini: openai 0.00035
#> None openai/gpt-5-mini: LookupError
#> openrouter openai/gpt-5-mini: openrouter 0.00035
#> values of gen_ai.provider.name that are unknown: azure.ai.inference gcp.gen_ai ibm.watsonx.ai x_ai
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install -q --disable-pip-version-check genai-prices==0.2.3 opentelemetry-semantic-conventions==0.66b2

cat > "$dir/run.py" <<'PY'
from genai_prices import Usage, calc_price
from opentelemetry.semconv._incubating.attributes.gen_ai_attributes import GenAiProviderNameValues

usage = Usage(input_tokens=1000, output_tokens=50)
for provider, model in (("x_ai", "grok-4"), ("x-ai", "grok-4"), (None, "grok-4"),
                        ("gcp.gen_ai", "gemini-2.5-flash"), ("gcp.gemini", "gemini-2.5-flash"), (None, "gemini-2.5-flash"),
                        ("azure.ai.inference", "gpt-5-mini"), ("my-gateway", "gpt-5-mini"), (None, "gpt-5-mini"),
                        (None, "openai/gpt-5-mini"), ("openrouter", "openai/gpt-5-mini")):
    try:
        found = calc_price(usage, model, provider_id=provider)
        print(f"{provider} {model}: {found.provider.id} {found.total_price.normalize():f}")
    except LookupError as error: print(f"{provider} {model}: {type(error).__name__}")
unknown = []
for value in GenAiProviderNameValues:
    try: calc_price(usage, "no-such-model", provider_id=value.value)
    except LookupError as error:
        if "find provider" in str(error): unknown.append(value.value)
print("values of gen_ai.provider.name that are unknown:", *sorted(unknown))
PY

"$dir/venv/bin/python" "$dir/run.py" > "$dir/seen"
diff <(sed -n 's/^#> //p' "$0") "$dir/seen"
echo "still so: $(basename "$0")"
