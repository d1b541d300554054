use std::collections::HashSet;

use proptest::strategy::{Strategy, ValueTree};

use super::*;
use crate::model::usage::RareTokens;

fn usage(input: u32, read: u32, write: u32, output: u32, reasoning: u32) -> Usage {
    let some = |count| (count > 0).then_some(count);
    Usage {
        input: Some(input),
        output: Some(output),
        cache_read: some(read),
        cache_write: some(write),
        reasoning: some(reasoning),
        ..Usage::default()
    }
}

/// 2026-01-15.
const AT: Nanos = 1_768_435_200_000_000_000;

fn call<'a>(provider: &'a str, model: &'a str, usage: Usage) -> Call<'a> {
    Call { provider, model, at: AT, usage }
}

fn cost(provider: &str, model: &str, usage: Usage) -> Option<(NanoUsd, String)> {
    Prices::bundled().quote(&call(provider, model, usage)).map(|quote| (quote.cost, quote.priced_as))
}

#[test]
fn a_call_costs_the_listed_price() {
    // gpt-4o per million tokens: $2.50 input, $1.25 cached, $10 output.
    assert_eq!(
        cost("OpenAI", "gpt-4o", usage(1000, 200, 0, 100, 0)),
        Some((800 * 2500 + 200 * 1250 + 100 * 10_000, "openai gpt-4o".into()))
    );
    // Claude Sonnet 4.5 per million tokens: $3 input, $0.30 cache read, $3.75 cache write, $15 output.
    let claude = Some((5 * 3000 + 1000 * 300 + 2000 * 3750 + 100 * 15_000, "anthropic claude-sonnet-4-5".into()));
    assert_eq!(cost("Anthropic", "claude-sonnet-4-5", usage(3005, 1000, 2000, 100, 0)), claude);
    assert_eq!(cost("openai.responses", "gpt-4o", usage(1000, 0, 0, 0, 0)).unwrap().0, 2_500_000);
    assert_eq!(cost("", "gpt-4o", usage(1000, 0, 0, 0, 0)).unwrap().1, "openai gpt-4o");
}

#[test]
fn calls_at_extreme_times_cost_the_listed_price() {
    let prices = Prices::bundled();
    let mut cache = RateCache::default();
    for at in [Nanos::MIN, Nanos::MIN + 1, -1, 0, AT, Nanos::MAX - 86_400_000_000_001, Nanos::MAX - 86_400_000_000_000, Nanos::MAX] {
        for (key, model) in ["gpt-4o", "deepseek-chat"].into_iter().enumerate() {
            let provider = if key == 0 { "openai" } else { "deepseek" };
            let call = Call { at, ..call(provider, model, usage(1000, 200, 0, 100, 0)) };
            let quoted = prices.quote(&call).map(|quote| quote.cost);
            assert!(quoted.is_some());
            assert_eq!(cache.cost(&prices, key, &call), quoted, "{model} at {at}");
        }
    }
}

#[test]
fn unknown_models_and_incomplete_counts_have_no_price() {
    assert_eq!(cost("Ollama", "llama3.2", usage(1000, 0, 0, 100, 0)), None);
    assert_eq!(cost("OpenAI", "my-own-model", usage(1000, 0, 0, 100, 0)), None);
    assert_eq!(cost("OpenAI", "", usage(1000, 0, 0, 100, 0)), None);
    assert_eq!(cost("OpenAI", "gpt-4o", usage(0, 0, 0, 0, 0)), None, "no tokens");
    assert_eq!(cost("OpenAI", "gpt-4o", Usage { output: Some(5), ..Usage::default() }), None);
    assert_eq!(cost("OpenAI", "gpt-4o", usage(10, 20, 0, 1, 0)), None, "more cached than input tokens");
    assert_eq!(Prices::default().quote(&call("OpenAI", "gpt-4o", usage(1000, 0, 0, 100, 0))), None);
}

#[test]
fn models_on_own_machines_have_no_price_unless_the_user_sets_one() {
    let counts = usage(1_000_000, 0, 0, 100_000, 0);
    for (provider, model) in [
        ("LMStudio", "openai/gpt-oss-20b"),
        ("LMStudio", "google/gemma-3-27b"),
        ("LMStudio", "deepseek/deepseek-r1-0528-qwen3-8b"),
        ("LMStudio", "qwen2.5-7b"),
        ("vllm", "gpt-4o"),
        ("vllm-openai", "gpt-4o"),
        ("Ollama", "gpt-oss:20b"),
        ("", "ollama/gpt-4o"),
        ("litellm", "lm_studio/openai/gpt-oss-20b"),
        ("my-server", "gpt-4o"),
    ] {
        assert_eq!(cost(provider, model, counts), None, "{provider} {model}");
    }
    let own = r#"[{"id": "ollama", "name": "Ollama", "api_pattern": "ollama", "models": [
        {"id": "gpt-4o", "match": {"equals": "gpt-4o"}, "prices": {"input_mtok": 1, "output_mtok": 1}}]}]"#;
    let prices = Prices::bundled().with_list(own.as_bytes()).unwrap();
    assert_eq!(prices.quote(&call("Ollama", "gpt-4o", counts)).unwrap().cost, 1_100_000_000);
}

#[test]
fn a_model_id_tells_the_provider_where_the_stated_one_does_not() {
    let counts = usage(1000, 0, 0, 100, 0);
    let dollars = |provider, model| cost(provider, model, counts).map(|(cost, _)| cost);
    for provider in ["strands-agents", "", "acme"] {
        assert_eq!(dollars(provider, "us.anthropic.claude-sonnet-4-20250514-v1:0"), Some(4_500_000), "{provider}");
    }
    for provider in ["langchain", "spring_ai", "litellm", "OPEN_AI", "", "OpenAI"] {
        assert_eq!(dollars(provider, "gpt-4o"), Some(3_500_000), "{provider}");
    }
    assert_eq!(dollars("Requesty", "openai/gpt-4.1"), Some(2_800_000));
    for model in ["gemini-2.5-flash", "models/gemini-2.5-flash", "projects/p/locations/eu/publishers/google/models/gemini-2.5-flash"] {
        for provider in ["gcp.gemini", "gcp.vertex_ai", "google", ""] {
            assert_eq!(dollars(provider, model), Some(550_000), "{provider} {model}");
        }
    }
    assert!(cost("OpenRouter", "openai/gpt-oss-20b", counts).is_some_and(|(_, priced_as)| priced_as.starts_with("openrouter ")));
}

#[test]
fn a_model_priced_by_the_hour_the_page_or_the_character_has_no_price_per_token() {
    let counts = usage(1000, 0, 0, 100, 0);
    for (provider, model) in [
        ("openai", "whisper-1"),
        ("openai", "gpt-live-1"),
        ("openai", "tts-1"),
        ("groq", "whisper-large-v3"),
        ("mistral", "mistral-ocr-latest"),
        ("", "whisper-1"),
    ] {
        assert_eq!(cost(provider, model, counts), None, "{provider} {model}");
        assert_eq!(RateCache::default().cost(&Prices::bundled(), (), &call(provider, model, counts)), None, "{provider} {model}");
    }
    let free = cost("openrouter", "deepseek/deepseek-r1:free", counts).unwrap();
    assert_eq!(free, (0, "openrouter deepseek/deepseek-r1:free".into()), "the list says that it is free");
}

#[test]
fn own_prices_take_precedence() {
    let flat = |input| FlatPrice { input, output: 2.0, cache_read: Some(0.1), cache_write: None };
    let list = r#"[{"id": "acme", "name": "Acme", "api_pattern": "acme", "models": [
        {"id": "roadrunner", "match": {"starts_with": "road"}, "context_window": 1000, "prices": {"input_mtok": 7, "output_mtok": 9}}]}]"#;
    let prices = Prices::bundled().with_list(list.as_bytes()).unwrap().with_flat([("GPT-4o".to_owned(), flat(1.0))]);
    let quote = prices.quote(&call("OpenAI", "gpt-4o", usage(1000, 500, 100, 10, 0))).unwrap();
    assert_eq!((quote.cost, quote.list), (400_000 + 50_000 + 100_000 + 20_000, "configuration"));
    let quote = prices.quote(&call("acme", "roadrunner-2", usage(1000, 0, 0, 0, 0))).unwrap();
    assert_eq!((quote.cost, quote.list, quote.priced_as.as_str()), (7_000_000, "own price list", "acme roadrunner"));
    assert_eq!(prices.context_window(&quote), Some(1000));
    assert_eq!(prices.quote(&call("OpenAI", "gpt-4.1", usage(1000, 0, 0, 0, 0))).unwrap().list, "built-in price list");
    assert!(Prices::default().with_list(b"{}").is_err());
}

#[test]
fn audio_and_long_cache_writes_have_prices_of_their_own() {
    let rare = |provider, model, usage: Usage, rare| cost(provider, model, Usage { rare, ..usage }).map(|(cost, _)| cost);
    let audio = RareTokens { audio_input: 800, audio_output: 400, ..RareTokens::default() };
    // gpt-audio per million tokens: text $2.50 in, $10 out; audio $32 in, $64 out.
    let expected = 200 * 2500 + 800 * 32_000 + 100 * 10_000 + 400 * 64_000;
    assert_eq!(rare("openai", "gpt-audio", usage(1000, 0, 0, 500, 0), audio), Some(expected));
    assert_eq!(rare("openai", "gpt-audio", usage(1000, 0, 0, 500, 0), RareTokens::default()), Some(1000 * 2500 + 500 * 10_000));
    // gpt-realtime also prices cached audio, so that its share must be known.
    let realtime = |cached_audio, read| {
        let rare_tokens = RareTokens { cached_audio, ..audio };
        rare("openai", "gpt-realtime", usage(1000, read, 0, 500, 0), rare_tokens)
    };
    assert!(realtime(None, 0).is_some() && realtime(Some(50), 100).is_some());
    assert_eq!(realtime(None, 100), None, "how much of the cached part is audio is not known");
    let kept_1h = |cache_write_1h| {
        rare("anthropic", "claude-sonnet-4-5", usage(100_000, 0, 90_000, 100, 0), RareTokens { cache_write_1h, ..RareTokens::default() })
    };
    assert_eq!(kept_1h(0), Some(369_000_000));
    assert_eq!(kept_1h(90_000), Some(571_500_000));
    assert_eq!(kept_1h(90_001), None, "more than all cache writes");
    assert_eq!(rare("openai", "gpt-audio", usage(100, 0, 0, 500, 0), audio), None, "more audio than input");
}

/// Cached prices equal the list's for every model, over tiers, times and uneven counts.
#[test]
fn cached_prices_equal_those_of_the_list() {
    let prices = Prices::bundled();
    let mut cache = RateCache::default();
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let counts = (0u32..24, 0u32..1000, 0u32..1000, 0u32..200_000, 0u32..1000, 0i64..60 * 86_400);
    let mut compared = 0;
    for (provider, model) in
        Calculator::bundled().providers().flat_map(|provider| provider.models().map(move |model| (provider.id(), model.id())))
    {
        for _ in 0..2 {
            let (octave, read, write, output, reasoning, later) = counts.new_tree(&mut runner).unwrap().current();
            let input = (1u32 << octave) + read * 7;
            let part = |thousandth: u32, whole: u32| (u64::from(whole) * u64::from(thousandth) / 2000) as u32;
            let mut usage = usage(input, part(read, input), part(write, input), output, part(reasoning, output));
            usage.rare.cache_write_1h = part(reasoning, part(write, input));
            let call = Call { provider, model, at: AT + later * 1_000_000_000, usage };
            let exact = prices.quote(&call).map(|quote| quote.cost);
            let cached = cache.cost(&prices, (provider, model), &call);
            let is_close = |(exact, cached): (NanoUsd, NanoUsd)| (exact - cached).abs() <= 1 + exact / 1_000_000_000;
            assert!(
                exact.is_some() == cached.is_some() && exact.zip(cached).is_none_or(is_close),
                "{call:?}: {exact:?}, cached {cached:?}"
            );
            compared += u32::from(exact.is_some());
        }
    }
    assert!(compared > 1700, "{compared}");
}

#[test]
fn a_price_by_the_time_of_day_is_cached_for_a_quarter_of_an_hour() {
    let prices = Prices::bundled();
    let mut cache = RateCache::default();
    let mut costs = HashSet::new();
    for quarter in 0..96 {
        let at = AT + quarter * 900_000_000_000;
        let call = Call { at, ..call("deepseek", "deepseek-chat", usage(1000, 200, 0, 100, 0)) };
        let cost = prices.quote(&call).map(|quote| quote.cost);
        assert_eq!(cache.cost(&prices, (), &call), cost, "quarter {quarter}");
        costs.insert(cost);
    }
    assert!(costs.len() > 1, "{costs:?}");
}

/// After an update of the crate: `jq -cf assets/prices/trim.jq PATH_OF_THE_CRATE/data/prices.json | gzip -9n > assets/prices/list.jsonl.gz`.
#[test]
fn the_built_in_list_is_that_of_the_crate() {
    let crate_s = Prices { bundled: Some(Calculator::bundled()), ..Prices::default() };
    let models = || Calculator::bundled().providers().flat_map(|provider| provider.models().map(move |model| (provider.id(), model.id())));
    let others = ["", "litellm", "langchain", "azure_openai", "gcp.vertex_ai", "aws_bedrock", "nobody"];
    let mut priced = 0;
    for (at, (provider, model)) in models().enumerate() {
        let routed = format!("{provider}/{model}");
        for (provider, model) in [(provider, model), (others[at % others.len()], model), (others[at % others.len()], &routed)] {
            for usage in [usage(1000, 0, 0, 100, 0), usage(300_000, 100_000, 50_000, 2000, 500)] {
                let call = call(provider, model, usage);
                let quote = Prices::bundled().quote(&call);
                assert_eq!(quote, crate_s.quote(&call), "{call:?}");
                let window = |prices: &Prices| quote.as_ref().and_then(|quote| prices.context_window(quote));
                assert_eq!(window(&Prices::bundled()), window(&crate_s), "{call:?}");
                priced += usize::from(quote.is_some());
            }
        }
    }
    assert!(priced > 5000, "{priced}");
}
