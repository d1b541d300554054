#![allow(clippy::unwrap_used)]

use crate::model::{Batch, Nanos, Origin, PayloadRef, SourceId, Span, SpanFacts, SpanId, SpanType, Status, Text, TraceId};
use crate::store::{Limits, Store};

/// The signs of a run: the agent's name (empty while it runs), the message, a tool, the session of the call.
type Run = (&'static str, &'static str, &'static str, &'static str);

/// Returns the likely name of the last run, which has not arrived.
fn likely_name(runs: &[Run]) -> String {
    let mut store = Store::new(Limits::default());
    let mut batch = Batch::new(SourceId(0), Origin::Live);
    for (number, &(agent, message, tool, session)) in (1..).zip(runs) {
        let has_tool = !tool.is_empty();
        let start = Nanos::from(number) * 1000;
        let [agent, message, tool, session] = [agent, message, tool, session].map(|text| batch.intern(text));
        let facts = |span_type| SpanFacts { span_type, agent, tool, input: message, session, ..SpanFacts::default() };
        let mut span = |id: u8, parent: u8, span_type, facts: SpanFacts| {
            batch.spans.push(Span {
                trace: TraceId::new([number; 16]).unwrap(),
                id: SpanId::new([id; 8]).unwrap(),
                parent: SpanId::new([parent; 8]),
                start: start + Nanos::from(id),
                end: Some(start + 100),
                status: Status::Ok,
                name: Text::default(),
                facts: SpanFacts { span_type, ..facts },
                error: Text::default(),
                payload_ref: PayloadRef::default(),
                retained_bytes: 0,
            });
        };
        if usize::from(number) < runs.len() {
            span(1, 0, SpanType::Agent, facts(SpanType::Agent));
        }
        span(2, 1, SpanType::Model, SpanFacts { tool: Text::default(), ..facts(SpanType::Model) });
        if has_tool {
            span(3, 1, SpanType::Tool, SpanFacts { input: Text::default(), ..facts(SpanType::Tool) });
        }
    }
    store.apply(&batch, 5000);
    let root = store.trace(store.traces().last().unwrap()).roots()[0];
    assert!(store.row(root).placeholder);
    store.text(store.likely_name(root)).to_owned()
}

#[test]
fn the_first_message_tells_more_than_tools_and_sessions() {
    let earlier: [Run; 3] = [("refunds", "refund?", "", ""), ("weather", "rain?", "forecast", ""), ("chat", "hello", "", "s-1")];
    let likely = |run: Run| likely_name(&[earlier.as_slice(), &[run]].concat());
    assert_eq!(likely(("", "refund?", "forecast", "s-1")), "refunds");
    assert_eq!(likely(("", "new", "forecast", "s-1")), "weather");
    assert_eq!(likely(("", "new", "", "s-1")), "chat");
    assert_eq!(likely(("", "new", "unknown", "")), "");
}

#[test]
fn runs_with_several_names_tell_nothing() {
    assert_eq!(likely_name(&[("a", "hello", "", ""), ("b", "hello", "", ""), ("", "hello", "", "")]), "");
    assert_eq!(likely_name(&[("a", "hello", "", ""), ("a", "hello", "", ""), ("", "hello", "", "")]), "a");
}
