//! A batch of 512 spans into a store that holds ten thousand and into one that holds a million: it must cost the same.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stderr)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use agno_top::model::price::Prices;
use agno_top::model::{Batch, Nanos, Origin, PayloadRef, SourceId, Span, SpanFacts, SpanId, SpanType, Status, Text, TraceId, Usage};
use agno_top::store::{Limits, Store};
use agno_top::tui::app::App;

/// Spans of a trace: an agent that calls a model, uses two tools and calls the model again, twice.
const TRACE: u64 = 8;

/// Spans of a batch.
const BATCH: u64 = 512;

/// 2026-01-15.
const START: Nanos = 1_768_435_200_000_000_000;

/// When they come.
const NOW: Nanos = START + 1_000_000_000_000;

/// The spans with these numbers, children before their parents as Agno writes them.
fn batch(numbers: std::ops::Range<u64>) -> Batch {
    let mut batch = Batch::new(SourceId(0), Origin::Live);
    let texts = ["Researcher", "gpt-5-mini", "openai", "search_database"].map(|text| batch.intern(text));
    let [agent, model, provider, tool] = texts;
    for number in numbers {
        let (trace, place) = (number / TRACE + 1, number % TRACE);
        let is_agent = place == TRACE - 1;
        let kind = if is_agent {
            SpanType::Agent
        } else if place % 3 == 0 {
            SpanType::Model
        } else {
            SpanType::Tool
        };
        let usage = Usage { input: Some(900 + (number % 100) as u32), output: Some(80), ..Usage::default() };
        let session = batch.intern(&format!("session {}", trace / 3));
        let start = START + (trace * 1_000_000 + place * 1000) as Nanos;
        batch.spans.push(Span {
            trace: TraceId::new(u128::from(trace).to_be_bytes()).unwrap(),
            id: SpanId::new((place + 1).to_be_bytes()).unwrap(),
            parent: if is_agent { None } else { SpanId::new(TRACE.to_be_bytes()) },
            start,
            end: Some(start + 700_000 + (number % 977) as Nanos * 1000),
            status: if number.is_multiple_of(97) { Status::Error } else { Status::Ok },
            name: agent,
            facts: SpanFacts {
                span_type: kind,
                agent,
                model,
                provider,
                tool,
                session,
                usage: (kind == SpanType::Model).then_some(usage),
                ..SpanFacts::default()
            },
            error: Text::default(),
            payload_ref: PayloadRef(number as i64),
            retained_bytes: 0,
        });
    }
    batch
}

/// A store that holds spans, with all that the app keeps beside it.
struct Held {
    app: App,
    store: Store,
    next: u64,
}

impl Held {
    fn new(spans: u64, filter: &str) -> Self {
        let mut store = Store::new(Limits { spans: usize::MAX, ..Limits::default() });
        store.set_prices(Arc::new(Prices::bundled()));
        let mut held = Self { app: App::new(Vec::new(), true, NOW), store, next: 0 };
        while u64::from(held.store.all().spans) < spans {
            held.receive();
        }
        held.app.set_filter(&held.store, filter.to_owned());
        while held.app.prepare_frame(&mut held.store, 40, (80, 20)) {}
        held
    }

    /// Takes in a batch and tells how long that took.
    fn receive(&mut self) -> Duration {
        let batch = batch(self.next..self.next + BATCH);
        self.next += BATCH;
        let begun = Instant::now();
        self.app.receive(&mut self.store, batch, NOW);
        while self.app.prepare_frame(&mut self.store, 40, (80, 20)) {}
        begun.elapsed()
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn main() {
    for (what, filter) in [("everything shown", ""), ("a filter at work", "status:error")] {
        let (mut few, mut many) = (Held::new(10_000, filter), Held::new(1_000_000, filter));
        // In turns, so that whatever else the machine does slows both.
        let (of_few, of_many) = (0..400).map(|_| (few.receive(), many.receive())).unzip();
        let (few, many) = (median(of_few), median(of_many));
        eprintln!(
            "{what}: a batch of {BATCH} took {few:?} with 10,000 spans held and {many:?} with 1,000,000: {:.2} x",
            many.as_secs_f64() / few.as_secs_f64()
        );
    }
}
