//! The demo, read like any other database.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::HashSet;
use std::time::{Duration, Instant};

use agno_top::demo;
use agno_top::model::{SourceId, Span, SpanType, TraceId};
use agno_top::sources::sqlite::{self, Tables};
use agno_top::sources::{Update, UpdateSender};

#[test]
fn the_demo_begins_with_ended_runs_and_one_that_still_runs() {
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
    let is_missing = |span: &&Span| span.parent.is_some_and(|parent| batch.spans.iter().all(|span| span.id != parent));
    let running: HashSet<TraceId> = batch.spans.iter().filter(is_missing).map(|span| span.trace).collect();
    let ended: HashSet<TraceId> = batch.spans.iter().filter(|span| span.parent.is_none()).map(|span| span.trace).collect();
    assert_eq!((running.len(), ended.len()), (1, 3));
    let models = batch.spans.iter().filter(|span| span.facts.span_type == SpanType::Model);
    assert!(models.clone().all(|span| span.facts.usage.is_some()) && models.count() > 10);
}
