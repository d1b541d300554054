#![allow(clippy::unwrap_used)]

use super::page;
use crate::model::{
    Batch, Ending, Nanos, Origin, Payload, PayloadRef, SourceId, Span, SpanFacts, SpanId, SpanType, Status, Text, TraceId, Usage, Value,
};
use crate::store::{Limits, Store};
use crate::tui::app::PayloadState;

const SECOND: Nanos = 1_000_000_000;

/// Returns the overview of the first root of a trace: id, parent, type, service, ending and start in seconds of each span.
fn overview(spans: &[(u8, u8, SpanType, &str, Ending, Nanos)]) -> String {
    overview_with(spans, &PayloadState::Loading)
}

fn overview_with(spans: &[(u8, u8, SpanType, &str, Ending, Nanos)], payload: &PayloadState) -> String {
    let mut batch = Batch::new(SourceId(0), Origin::History);
    for &(id, parent, span_type, service, ending, start) in spans {
        let service = batch.intern(service);
        batch.spans.push(Span {
            trace: TraceId::new([1; 16]).unwrap(),
            id: SpanId::new([id; 8]).unwrap(),
            parent: SpanId::new([parent; 8]),
            start: start * SECOND,
            end: Some((start + 1) * SECOND),
            status: Status::Ok,
            name: Text::default(),
            facts: SpanFacts { span_type, service, ending, ..SpanFacts::default() },
            error: Text::default(),
            payload_ref: PayloadRef::default(),
            retained_bytes: 0,
        });
    }
    let mut store = Store::new(Limits::default());
    store.apply(&batch, 0);
    let trace = store.traces().next().unwrap();
    page(&store, store.trace(trace).roots()[0], payload, 100 * SECOND).to_text()
}

#[test]
fn the_status_tells_what_stopped_below() {
    let status = |ending| overview(&[(1, 0, SpanType::Team, "", Ending::Plain, 1), (2, 1, SpanType::Agent, "", ending, 1)]);
    assert!(status(Ending::Plain).contains("status         finished\n"), "{}", status(Ending::Plain));
    assert!(status(Ending::Paused).contains("status         paused: a step in it waits for a person\n"), "{}", status(Ending::Paused));
    assert!(status(Ending::Cut).contains("status         cut: a step in it was cancelled"), "{}", status(Ending::Cut));
}

#[test]
fn the_first_row_of_a_trace_tells_whose_clock_is_behind() {
    let text = overview(&[(1, 0, SpanType::Agent, "api", Ending::Plain, 5), (2, 1, SpanType::Tool, "worker", Ending::Plain, 3)]);
    assert!(text.contains("clock          worker is at least 2.00s behind api\n"), "{text}");
}

#[test]
fn a_command_tells_where_it_ran_how_it_ended_and_which_attempt_it_was() {
    let text = |text: &str| Value::Text(text.to_owned());
    let payload = Payload {
        attributes: vec![("process.exit.code".to_owned(), Value::Int(3)), ("attempt".to_owned(), text("2"))],
        resource: vec![("process.working_directory".to_owned(), text("/home/ann/shop"))],
        ..Payload::default()
    };
    let shown = overview_with(&[(1, 0, SpanType::Tool, "", Ending::Plain, 1)], &PayloadState::Ready(payload.into()));
    for line in ["directory      /home/ann/shop", "exit status    3", "attempt        2"] {
        assert!(shown.lines().any(|shown| shown == line), "{line}: {shown}");
    }
}

#[test]
fn the_first_row_of_a_trace_tells_the_time_of_the_trace_and_its_own() {
    let text = overview(&[(1, 0, SpanType::Agent, "", Ending::Plain, 1), (2, 1, SpanType::Tool, "", Ending::Plain, 5)]);
    let line = text.lines().find(|line| line.starts_with("time ")).unwrap();
    assert!(line.contains("5.00s, began ") && line.ends_with("; this span alone took 1.00s (1.00s own time)"), "{line}");
    let alone = overview(&[(1, 0, SpanType::Agent, "", Ending::Plain, 1)]);
    assert!(!alone.contains("this span alone"), "{alone}");
}

#[test]
fn tokens_that_are_lower_bounds_say_why() {
    let page = |is_least, is_final, tool| {
        let mut batch = Batch::new(SourceId(0), Origin::History);
        let span = |id: u8, parent: u8, span_type, facts: SpanFacts| Span {
            trace: TraceId::new([1; 16]).unwrap(),
            id: SpanId::new([id; 8]).unwrap(),
            parent: SpanId::new([parent; 8]),
            start: SECOND,
            end: Some(2 * SECOND),
            status: Status::Ok,
            name: Text::default(),
            facts: SpanFacts { span_type, ..facts },
            error: Text::default(),
            payload_ref: PayloadRef::default(),
            retained_bytes: 0,
        };
        let usage = Some(Usage { input: Some(4000), output: Some(50), is_least, ..Usage::default() });
        batch.spans.push(span(1, 0, SpanType::Model, SpanFacts { usage, is_final, ..SpanFacts::default() }));
        if tool {
            batch.spans.push(span(2, 1, SpanType::Tool, SpanFacts::default()));
        }
        let mut store = Store::new(Limits::default());
        store.apply(&batch, 0);
        let trace = store.traces().next().unwrap();
        page(&store, store.trace(trace).roots()[0], &PayloadState::Loading, 100 * SECOND).to_text()
    };
    for (is_least, is_final, tool, expected) in
        [(true, false, false, "at least: the total of the span holds more"), (false, true, true, "at least: tools ran within the call")]
    {
        let text = page(is_least, is_final, tool);
        assert!(text.contains("≥4,000 in, ≥50 out") && text.contains(expected) && !text.contains("per second"), "{text}");
    }
    let text = page(false, true, false);
    assert!(text.contains("4,000 in, 50 out") && !text.contains('≥') && text.contains("per second"), "{text}");
}

#[test]
fn a_step_that_stands_out_says_so() {
    let mut batch = Batch::new(SourceId(0), Origin::History);
    // An agent with four quick model calls and a tool that takes most of its time.
    let spans = [(1, 0, SpanType::Agent, 0, 40), (2, 1, SpanType::Tool, 8, 39)].into_iter();
    let calls = (3..7).map(|id| (id, 1, SpanType::Model, Nanos::from(id) - 3, Nanos::from(id) - 2));
    for (id, parent, span_type, start, end) in spans.chain(calls) {
        let name = batch.intern("crawl");
        let usage =
            (span_type == SpanType::Model).then_some(Usage { input: Some(100), output: Some(10), cost: Some(1000), ..Usage::default() });
        batch.spans.push(Span {
            trace: TraceId::new([1; 16]).unwrap(),
            id: SpanId::new([id; 8]).unwrap(),
            parent: SpanId::new([parent; 8]),
            start: start * SECOND,
            end: Some(end * SECOND),
            status: Status::Ok,
            name,
            facts: SpanFacts { span_type, usage, tool: name, ..SpanFacts::default() },
            error: Text::default(),
            payload_ref: PayloadRef::default(),
            retained_bytes: 0,
        });
    }
    let mut store = Store::new(Limits::default());
    store.apply(&batch, 0);
    let trace = store.traces().next().unwrap();
    let shown = |id: u8| {
        let row = store.find(trace, SpanId::new([id; 8]).unwrap()).unwrap();
        page(&store, row, &PayloadState::Loading, 100 * SECOND).to_text()
    };
    assert!(shown(2).contains("why            tool crawl took 31.0s of the 40.0s (78%)"), "{}", shown(2));
    assert!(shown(1).contains("why            tool crawl took") && !shown(3).contains("why  "), "{}", shown(3));
}
