//! Compares the cost of a batch of 512 spans for a store with 10,000 spans and for one with 1,000,000. It must be the same.

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stderr)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use agno_top::model::price::Prices;
use agno_top::model::{Batch, Nanos, Origin, PayloadRef, SourceId, Span, SpanFacts, SpanId, SpanType, Status, Text, TraceId, Usage};
use agno_top::store::{Limits, Store};
use agno_top::tui::app::App;

/// Spans per trace: an agent with model and tool calls.
const TRACE_SPANS: u64 = 8;

/// Spans per batch.
const BATCH_SPANS: u64 = 512;

/// 2026-01-15.
const START: Nanos = 1_768_435_200_000_000_000;

/// The time of arrival.
const NOW: Nanos = START + 1_000_000_000_000;

/// Returns the spans with these numbers, children before their parents as Agno writes them.
fn batch(numbers: std::ops::Range<u64>) -> Batch {
    let mut batch = Batch::new(SourceId(0), Origin::Live);
    let texts = ["Researcher", "gpt-5-mini", "openai", "search_database"].map(|text| batch.intern(text));
    let [agent, model, provider, tool] = texts;
    for number in numbers {
        let (trace, position) = (number / TRACE_SPANS + 1, number % TRACE_SPANS);
        let is_agent = position == TRACE_SPANS - 1;
        let span_type = if is_agent {
            SpanType::Agent
        } else if position % 3 == 0 {
            SpanType::Model
        } else {
            SpanType::Tool
        };
        let usage = Usage { input: Some(900 + (number % 100) as u32), output: Some(80), ..Usage::default() };
        let session = batch.intern(&format!("session {}", trace / 3));
        let begin = START + (trace * 1_000_000 + position * 1000) as Nanos;
        batch.spans.push(Span {
            trace: TraceId::new(u128::from(trace).to_be_bytes()).unwrap(),
            id: SpanId::new((position + 1).to_be_bytes()).unwrap(),
            parent: if is_agent { None } else { SpanId::new(TRACE_SPANS.to_be_bytes()) },
            start: begin,
            end: Some(begin + 700_000 + (number % 977) as Nanos * 1000),
            status: if number.is_multiple_of(97) { Status::Error } else { Status::Ok },
            name: agent,
            facts: SpanFacts {
                span_type,
                agent,
                model,
                provider,
                tool,
                session,
                usage: (span_type == SpanType::Model).then_some(usage),
                ..SpanFacts::default()
            },
            error: Text::default(),
            payload_ref: PayloadRef(number as i64),
            retained_bytes: 0,
        });
    }
    batch
}

/// A store with spans, and the state of the app for it.
struct Filled {
    app: App,
    store: Store,
    next: u64,
}

impl Filled {
    fn new(spans: u64, filter: &str) -> Self {
        let mut store = Store::new(Limits { spans: usize::MAX, ..Limits::default() });
        store.set_prices(Arc::new(Prices::bundled()));
        let mut filled = Self { app: App::new(Vec::new(), true, NOW), store, next: 0 };
        while u64::from(filled.store.all().spans) < spans {
            filled.receive();
        }
        filled.app.set_filter(&filled.store, filter.to_owned());
        while filled.app.prepare_frame(&mut filled.store, 40, (80, 20)) {}
        filled
    }

    /// Receives the next batch and returns how long that took.
    fn receive(&mut self) -> Duration {
        let batch = batch(self.next..self.next + BATCH_SPANS);
        self.next += BATCH_SPANS;
        let start = Instant::now();
        self.app.receive(&mut self.store, batch, NOW);
        while self.app.prepare_frame(&mut self.store, 40, (80, 20)) {}
        start.elapsed()
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn main() {
    for (name, filter) in [("no filter", ""), ("filter", "status:error")] {
        let (mut few, mut many) = (Filled::new(10_000, filter), Filled::new(1_000_000, filter));
        // Alternating, so that other load on the machine slows down both.
        let (few_times, many_times) = (0..400).map(|_| (few.receive(), many.receive())).unzip();
        let (few, many) = (median(few_times), median(many_times));
        eprintln!(
            "{name}: a batch of {BATCH_SPANS} took {few:?} with 10,000 spans and {many:?} with 1,000,000: {:.2} x",
            many.as_secs_f64() / few.as_secs_f64()
        );
    }
}
