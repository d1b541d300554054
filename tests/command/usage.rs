//! What spans state as usage, and what it costs, in files that were once read wrong.

use serde_json::Value;

use super::{Program, fixture};

/// Input tokens, cache reads, cache writes, output tokens, reasoning tokens; dollars. `None` is not known.
type Usage = ([Option<u64>; 5], Option<f64>);

const FIELDS: [&str; 5] = ["input_tokens", "cached_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens"];

/// Returns the usage of each trace of a file, the earliest first.
fn usage(name: &str) -> Vec<Usage> {
    let path = fixture("usage").join(name);
    let mut traces = Program::empty().objects(&["list", "--json", path.to_str().unwrap()]);
    traces.sort_by_key(|trace| trace["start"].as_str().unwrap().to_owned());
    let read = |trace: &Value| (FIELDS.map(|field| trace[field].as_u64()), trace["cost_usd"].as_f64());
    traces.iter().map(read).collect()
}

fn tokens(input: u64, output: u64) -> [Option<u64>; 5] {
    [Some(input), None, None, Some(output), None]
}

#[test]
fn models_on_own_machines_have_no_price() {
    let counts = tokens(1_000_000, 100_000);
    // The last two are served by OpenRouter and by a provider that no list knows.
    let expected = [None, None, None, None, Some(0.027), Some(2.8)].map(|cost| (counts, cost));
    assert_eq!(usage("local-model-priced.jsonl"), expected);
}

#[test]
fn a_framework_is_no_provider() {
    let path = fixture("usage/strands-unpriced.jsonl");
    let spans = Program::empty().objects(&["export", "--format", "jsonl", path.to_str().unwrap()]);
    let costs: Vec<f64> = spans.iter().filter(|span| span["kind"] == "model").filter_map(|span| span["cost_usd"].as_f64()).collect();
    assert_eq!(costs, [0.0045; 3]);
}

#[test]
fn reasoning_is_not_added_to_a_whole_output() {
    assert_eq!(usage("reasoning-beyond-output.jsonl"), [(tokens(1640, 102), Some(0.00307))]);
}

#[test]
fn the_gateway_s_own_price_counts() {
    let cost: f64 = usage("litellm-own-price.pb").iter().filter_map(|(_, cost)| *cost).sum();
    assert!((cost - 0.00024).abs() < 1e-9, "{cost}");
}

#[test]
fn details_of_the_counts_are_read_from_maps() {
    let expected = [
        ([Some(44_285), Some(41_000), Some(785), Some(300), None], Some(0.027_243_75)),
        ([Some(2000), Some(1024), None, Some(300), Some(192)], Some(0.004_348)),
    ];
    assert_eq!(usage("langsmith-token-details.jsonl"), expected);
}

#[test]
fn audio_and_cache_writes_for_an_hour_have_prices_of_their_own() {
    let heard = tokens(1000, 500);
    assert_eq!(usage("audio-tokens.jsonl"), [(heard, Some(0.0527)), (heard, Some(0.0075))]);
    let written = [Some(100_000), None, Some(90_000), Some(100), None];
    assert_eq!(usage("cache-write-1h.jsonl"), [(written, Some(0.5715)), (written, Some(0.369))]);
}

#[test]
fn a_claude_call_without_cached_tokens_is_marked() {
    let source = fixture("usage/cache-unstated.json");
    let source = source.to_str().unwrap();
    let program = Program::empty();
    let traces = program.objects(&["list", "--json", source]);
    let marked: Vec<&Value> = traces.iter().filter(|trace| trace["cache_unstated"] == true).collect();
    assert_eq!((traces.len(), marked.len()), (2, 1));
    assert_eq!((&marked[0]["input_tokens"], &marked[0]["cost_usd"]), (&5.into(), &0.000_315.into()));
    let shown = program.text(&["show", marked[0]["trace_id"].as_str().unwrap(), source]);
    assert!(shown.contains("5 tokens in (cache not stated), 20 out · ≥$0.00032"), "{shown}");
    let incomplete = |objects: &[Value]| objects.iter().map(|object| object["cost_incomplete"].as_bool().unwrap()).collect::<Vec<_>>();
    let counts = program.objects(&["stats", "--by", "model", "--json", "--total", source]);
    assert_eq!((incomplete(&marked.into_iter().cloned().collect::<Vec<_>>()), incomplete(&counts)), (vec![true], vec![true; 2]));
    for arguments in [&["list", source][..], &["stats", "--by", "model", source], &["export", "--format", "markdown", source]] {
        assert!(program.text(arguments).contains("≥$"), "{arguments:?}");
    }
}
