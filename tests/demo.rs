//! The demo, read like any other database.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};

use agno_top::demo;
use agno_top::model::{SourceId, SpanType};
use agno_top::sources::sqlite::{self, Tables};
use agno_top::sources::{Update, UpdateSender};

#[test]
fn the_first_model_call_arrives_while_its_agent_runs() {
    let demo = demo::start().unwrap();
    let start = Instant::now();
    let (sender, mut updates) = tokio::sync::mpsc::channel(16);
    let _handle = sqlite::start(demo.path.clone(), Tables::default(), 1_000_000, UpdateSender::new(SourceId(0), sender)).unwrap();
    let batch = loop {
        assert!(start.elapsed() < Duration::from_secs(20), "no span arrived");
        match updates.try_recv() {
            Ok(Update::Batch(batch)) if !batch.spans.is_empty() => break batch,
            Ok(Update::Batch(_) | Update::State(..)) => {}
            Ok(other) => panic!("{other:?}"),
            Err(_) => std::thread::sleep(Duration::from_millis(5)),
        }
    };
    let span = &batch.spans[0];
    assert_eq!(span.facts.span_type, SpanType::Model);
    assert!(batch.text(span.facts.model).starts_with("gpt-4o-mini"));
    assert!(span.parent.is_some_and(|parent| batch.spans.iter().all(|span| span.id != parent)), "its agent is still running");
    assert!(span.facts.usage.is_some());
}
