//! What few rows state beside their facts.

use super::*;
use crate::model::Ending;

fn stated(id: u64, parent: u64, start: Nanos, change: impl FnOnce(&mut Batch, &mut Span)) -> Batch {
    let mut batch = Batch::new(SourceId(0), Origin::Live);
    let mut span = Span {
        trace: TraceId::new([1; 16]).unwrap(),
        id: SpanId::new(id.to_be_bytes()).unwrap(),
        parent: SpanId::new(parent.to_be_bytes()),
        start,
        end: Some(start + SECOND),
        status: Status::Ok,
        name: batch.intern("span"),
        facts: SpanFacts::default(),
        error: Text::default(),
        payload_ref: PayloadRef(0),
        retained_bytes: 0,
    };
    change(&mut batch, &mut span);
    batch.spans.push(span);
    batch
}

fn in_project(id: u64, start: Nanos, project: &'static str) -> Batch {
    stated(id, 0, start, |batch, span| span.facts.project = batch.intern(project))
}

#[test]
fn the_project_of_a_trace_is_that_of_its_first_span_that_states_one() {
    let spans = [in_project(1, 5, "later"), in_project(2, 3, "first"), in_project(3, 1, ""), in_project(4, 9, "first")];
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]] {
        let mut store = Store::new(Limits::default());
        for at in order {
            drop(store.apply(&spans[at], 10));
        }
        let trace = store.traces().next().unwrap();
        assert_eq!(store.text(store.project(trace)), "first", "{order:?}");
        // The span is told again without a directory, then with another one.
        store.apply(&in_project(2, 3, ""), 11);
        assert_eq!(store.text(store.project(trace)), "later");
        store.apply(&in_project(3, 1, "other"), 12);
        assert_eq!(store.text(store.project(trace)), "other");
    }
}

#[test]
fn a_tool_tells_its_exit_status_and_how_long_it_waited_for_permission() {
    let mut store = Store::new(Limits::default());
    let tool = |status| {
        stated(1, 0, 0, move |_, span| {
            span.facts.span_type = SpanType::Tool;
            (span.facts.exit_status, span.facts.attempt) = (status, Some(2));
        })
    };
    store.apply(&tool(Some(3)), 0);
    let row = store.find(store.traces().next().unwrap(), SpanId::new(1_u64.to_be_bytes()).unwrap()).unwrap();
    assert_eq!((store.exit_status(row), store.attempt(row), store.permission_wait(row, 0)), (Some(3), Some(2), None));
    let wait = |end| {
        stated(2, 1, SECOND, move |batch, span| {
            (span.name, span.end) = (batch.intern("agent.tool.blocked_on_user"), end);
        })
    };
    store.apply(&wait(None), 0);
    assert_eq!(store.permission_wait(row, 4 * SECOND), Some((3 * SECOND, true)));
    store.apply(&wait(Some(3 * SECOND)), 0);
    assert_eq!(store.permission_wait(row, 9 * SECOND), Some((2 * SECOND, false)));
    store.apply(&tool(None), 0);
    assert_eq!(store.exit_status(row), None);
}

#[test]
fn a_row_that_states_when_the_user_was_asked_tells_the_wait() {
    let mut store = Store::new(Limits::default());
    let told = |span_type, start, end| {
        stated(1, 0, start, move |_, span| {
            (span.facts.span_type, span.facts.log_note.asked, span.end) = (span_type, Some(4 * SECOND), end);
        })
    };
    store.apply(&told(SpanType::Agent, 0, None), 0);
    let row = store.find(store.traces().next().unwrap(), SpanId::new(1_u64.to_be_bytes()).unwrap()).unwrap();
    assert_eq!(store.permission_wait(row, 9 * SECOND), Some((5 * SECOND, true)));
    assert_eq!(store.permission_wait(row, 4 * SECOND + 1), None, "a decision may be on its way");
    store.apply(&told(SpanType::Agent, 0, Some(8 * SECOND)), 0);
    assert_eq!(store.permission_wait(row, 9 * SECOND), None, "the run is over");
    let mut store = Store::new(Limits::default());
    store.apply(&told(SpanType::Tool, 7 * SECOND, None), 0);
    let row = store.find(store.traces().next().unwrap(), SpanId::new(1_u64.to_be_bytes()).unwrap()).unwrap();
    assert_eq!(store.permission_wait(row, 9 * SECOND), Some((3 * SECOND, false)), "the tool began when it was permitted");
}

#[test]
fn the_time_of_a_trace_with_a_cut_step_is_exact_where_sources_round_its_end_apart() {
    let root = |end: Nanos| stated(1, 0, 0, move |_, span| (span.facts.span_type, span.end) = (SpanType::Agent, Some(end)));
    let cut = |end: Nanos| {
        stated(2, 1, 0, move |_, span| {
            (span.facts.span_type, span.facts.ending, span.end) = (SpanType::Model, Ending::Cut, Some(end));
        })
    };
    let mut store = Store::new(Limits::default());
    for batch in [root(SECOND + 400), cut(SECOND / 2), root(SECOND)] {
        store.apply(&batch, 10 * SECOND);
    }
    let trace = store.traces().next().unwrap();
    let head = store.trace(trace).roots()[0];
    assert_eq!((store.trace(trace).counts().cut > 0, store.row(head).end), (true, SECOND));
    assert!(!store.is_time_bound(trace));
    store.apply(&cut(2 * SECOND), 10 * SECOND);
    assert!(store.is_time_bound(trace), "a step that was cut ended after the root");
}

#[test]
fn a_first_token_after_the_end_of_its_call_is_unknown() {
    for (first_token, known) in [(SECOND / 2, true), (SECOND + 5_000_000, true), (5 * SECOND, false)] {
        let mut store = Store::new(Limits::default());
        let call = |_: &mut Batch, span: &mut Span| {
            (span.facts.span_type, span.facts.first_token) = (SpanType::Model, Some(first_token));
            span.facts.usage = Some(Usage { input: Some(10), output: Some(5), ..Usage::default() });
        };
        store.apply(&stated(1, 0, 0, call), 10 * SECOND);
        let row = store.rows().next().unwrap();
        assert_eq!(store.first_token(row), known.then_some(first_token));
        assert_eq!(store.stats().groups(By::Model).next().is_some_and(|(_, group)| group.first_tokens.count() > 0), known);
    }
}
