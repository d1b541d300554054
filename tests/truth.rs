//! What real frameworks sent, counted as the program counts it, against what their providers' ledgers say.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "a test ends where it cannot go on, and says where it is")]

mod stage;

use agno_top::store::{Store, Totals};
use serde_json::Value;
use stage::{Stage, fixture};

/// The ledger's totals as far as the spans' plain attributes can tell them.
fn truth(framework: &str) -> Value {
    let text = std::fs::read_to_string(fixture(&format!("frameworks/{framework}/truth.json"))).expect("a truth");
    serde_json::from_str(&text).expect("a truth is JSON")
}

fn number(value: &Value, name: &str) -> u64 {
    value[name].as_u64().unwrap_or_else(|| panic!("{name} in {value}"))
}

fn check(store: &Store, truth: &Value) {
    let totals: &Totals = store.all();
    let visible = &truth["visible"];
    for (name, found) in [
        ("input_tokens", totals.input),
        ("cached_tokens", totals.cache_read),
        ("cache_write_tokens", totals.cache_write),
        ("output_tokens", totals.output),
    ] {
        assert_eq!(found, number(visible, name), "{name}");
    }
    for (name, found) in [("errors", u64::from(totals.errors)), ("spans", u64::from(totals.spans)), ("traces", store.trace_count() as u64)]
    {
        assert_eq!(found, number(truth, name), "{name}");
    }
    for (id, stated) in truth["by_trace"].as_object().expect("traces") {
        let trace = agno_top::model::TraceId::parse(id.as_bytes()).and_then(|id| store.find_trace(id)).expect("every trace is held");
        let found = store.trace(trace).totals();
        assert_eq!(u64::from(found.spans), number(stated, "spans"), "spans of {id}");
        assert_eq!(u64::from(found.errors), number(stated, "errors"), "errors of {id}");
    }
}

#[test]
fn agno_s_databases_add_up() {
    for framework in ["agno-claude", "agno-openai-responses", "agno-team-workflow"] {
        let stage = Stage::open(&fixture(&format!("frameworks/{framework}/traces.sqlite")), (120, 36));
        println!("{framework}: {:?}", stage.store.all());
        check(&stage.store, &truth(framework));
    }
}
