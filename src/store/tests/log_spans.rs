//! Spans made from log events beside the spans of the same calls.

use super::*;

/// What a span is.
#[derive(Clone, Copy, Debug)]
enum What {
    Run,
    Model(u32),
    Tool(u8),
    Internal,
}

/// A span, or one made from a log event, and whether it still runs.
type Told = (u64, Option<u64>, What, bool, bool);

fn told(spans: &[Told]) -> Batch {
    let mut batch = Batch::new(SourceId(0), Origin::Live);
    batch.rich = true;
    for &(id, parent, what, from_log, running) in spans {
        let scope = batch.intern(if from_log { "coder logs" } else { "coder" });
        let mut facts = SpanFacts { scope, from_log, ..SpanFacts::default() };
        match what {
            What::Run => {
                facts.span_type = SpanType::Agent;
                facts.agent = batch.intern("coder");
                facts.input = batch.intern(if from_log { "Fix it." } else { "" });
            }
            What::Model(tokens) => {
                facts.span_type = SpanType::Model;
                facts.model = batch.intern("m");
                let cost = from_log.then_some(7);
                facts.usage = Some(Usage { input: Some(tokens), output: Some(1), cost, ..Usage::default() });
            }
            What::Tool(number) => {
                facts.span_type = SpanType::Tool;
                facts.tool = batch.intern("bash");
                facts.response = batch.intern(&format!("call_{number}"));
                facts.input = batch.intern(if from_log { "ls" } else { "" });
            }
            What::Internal => {}
        }
        let name = batch.intern(&format!("span {id}"));
        batch.spans.push(Span {
            trace: trace_id(1),
            id: span_id(id),
            parent: parent.map(span_id),
            start: 10 * SECOND + id as Nanos,
            end: (!running).then_some(12 * SECOND),
            status: Status::Unset,
            name,
            facts,
            error: Text::default(),
            payload_ref: PayloadRef(id as i64),
            retained_bytes: 1,
        });
    }
    batch
}

const LOGS: [Told; 3] =
    [(1, None, What::Run, true, false), (2, Some(1), What::Model(9), true, false), (3, Some(1), What::Tool(1), true, false)];
const SPANS: [Told; 3] =
    [(11, None, What::Run, false, false), (12, Some(11), What::Model(9), false, false), (13, Some(11), What::Tool(1), false, false)];

#[test]
fn a_span_replaces_the_log_event_of_its_call_and_keeps_what_only_the_event_states() {
    for batches in [[&LOGS[..], &SPANS[..]], [&SPANS, &LOGS], [&LOGS, &[SPANS[2], SPANS[1], SPANS[0]]]] {
        let mut store = Store::new(Limits::default());
        let mut released = 0;
        for spans in batches {
            released += store.apply(&told(spans), 13 * SECOND).released.len();
            store.check_invariants();
        }
        assert_eq!((store.all().spans, store.all().calls, store.all().duplicates), (3, 1, 0));
        assert_eq!(store.all().cost(), Some(7), "only the event states it");
        assert_eq!([11, 13].map(|id| store.text(store.row(row(&store, id)).input)), ["Fix it.", "ls"]);
        assert_eq!(released, 3, "the payloads of the events");
        assert!(store.rows().all(|row| !store.row(row).is_from_log()));
    }
}

#[test]
fn calls_that_only_events_tell_hang_under_the_run_that_a_span_reports() {
    let mut store = Store::new(Limits::default());
    store.apply(&told(&LOGS), 13 * SECOND);
    store.apply(&told(&SPANS[..1]), 13 * SECOND);
    store.check_invariants();
    assert_eq!(store.children(row(&store, 11)), [2, 3].map(|id| row(&store, id)));
    store.apply(&told(&[(4, Some(1), What::Model(5), true, false)]), 13 * SECOND);
    store.check_invariants();
    assert_eq!(store.row(row(&store, 4)).parent(), Some(row(&store, 11)));
}

#[test]
fn the_span_of_a_turn_replaces_the_event_with_its_id_and_no_event_replaces_a_span() {
    let mut store = Store::new(Limits::default());
    store.apply(&told(&[(1, None, What::Run, true, true), LOGS[1]]), 11 * SECOND);
    assert_eq!(store.all().running, 1);
    store.apply(&told(&[(1, None, What::Run, false, false)]), 13 * SECOND);
    store.apply(&told(&[(1, None, What::Run, true, true)]), 14 * SECOND);
    store.check_invariants();
    assert_eq!((store.all().running, store.all().spans), (0, 2));
    assert!(!store.row(row(&store, 1)).is_from_log());
}

#[test]
fn a_withdrawn_trace_goes_only_if_no_span_is_in_it() {
    let mut store = Store::new(Limits::default());
    store.apply(&told(&LOGS), 13 * SECOND);
    let mut withdrawal = Batch::new(SourceId(0), Origin::Live);
    withdrawal.withdrawn = vec![Withdrawn { trace: trace_id(1), span: None }];
    let changes = store.apply(&withdrawal, 13 * SECOND);
    store.check_invariants();
    assert_eq!((store.trace_count(), changes.evicted.len(), store.losses().evicted), (0, 1, 0));
    store.apply(&told(&LOGS), 13 * SECOND);
    store.apply(&told(&[(20, None, What::Internal, false, false)]), 13 * SECOND);
    store.apply(&withdrawal, 13 * SECOND);
    assert_eq!(store.trace_count(), 1);
}

/// A tool call as an event tells it that states no id, logged in a span of another trace; and that span with tool calls below it.
fn logged(tool: &str, start: Nanos) -> Batch {
    let mut batch = told(&[(3, Some(1), What::Tool(1), true, false)]);
    let tool = batch.intern(tool);
    let span = &mut batch.spans[0];
    (span.facts.tool, span.facts.response) = (tool, Text::default());
    span.facts.log_note.logged_in = Some((trace_id(2), span_id(21)));
    (span.start, span.end) = (start, Some(start + SECOND));
    batch
}

#[test]
fn a_tool_call_without_an_id_is_the_one_of_its_name_in_the_span_in_which_it_was_logged() {
    let mut spans = told(&[(21, None, What::Internal, false, false), (22, Some(21), What::Tool(7), false, false)]);
    spans.spans.iter_mut().for_each(|span| span.trace = trace_id(2));
    let apply = |batches: [&Batch; 3]| {
        let mut store = Store::new(Limits::default());
        for batch in batches {
            store.apply(batch, 13 * SECOND);
            store.check_invariants();
        }
        store
    };
    let turn = told(&LOGS[..1]);
    let event = logged("bash", 10 * SECOND);
    for order in [[&turn, &event, &spans], [&spans, &turn, &event], [&turn, &spans, &event]] {
        let store = apply(order);
        assert_eq!(store.rows().filter(|&row| store.row(row).span_type == SpanType::Tool).count(), 1);
        let trace = store.find_trace(trace_id(2)).unwrap();
        let tool = store.find(trace, span_id(22)).unwrap();
        assert_eq!((store.text(store.row(tool).input), store.all().tools), ("ls", 1), "the event states what it ran");
    }
    for (what, event) in [("another tool", logged("grep", 10 * SECOND)), ("another time", logged("bash", 90 * SECOND))] {
        assert_eq!(apply([&turn, &event, &spans]).all().tools, 2, "{what}");
    }
    // What is remembered goes with the turn.
    let mut store = apply([&turn, &event, &turn]);
    let mut withdrawal = Batch::new(SourceId(0), Origin::Live);
    withdrawal.withdrawn = vec![Withdrawn { trace: trace_id(1), span: None }];
    store.apply(&withdrawal, 13 * SECOND);
    store.apply(&spans, 13 * SECOND);
    store.check_invariants();
    assert_eq!(store.all().tools, 1);
}

proptest! {
    #[test]
    fn spans_and_log_events_in_any_order_leave_derived_values_right(
        steps in prop::collection::vec(
            (1..12_u64, prop::option::of(1..12_u64), 0..6_u8, any::<bool>(), any::<bool>()), 1..40),
    ) {
        let mut store = Store::new(Limits::default());
        for (id, parent, what, from_log, running) in steps {
            let what = match what {
                0 => What::Run,
                1 | 2 => What::Model(u32::from(what)),
                3 | 4 => What::Tool(what),
                _ => What::Internal,
            };
            store.apply(&told(&[(id, parent, what, from_log, running)]), 13 * SECOND);
            store.check_invariants();
        }
    }
}

#[test]
fn a_span_that_comes_again_keeps_what_only_the_event_stated() {
    let known = |store: &Store| {
        let inputs = [11, 13].map(|id| store.text(store.row(row(store, id)).input).to_owned());
        (store.all().cost(), store.all().input, store.all().calls, inputs)
    };
    for batches in [[&LOGS[..], &SPANS[..]], [&SPANS, &LOGS]] {
        let mut store = Store::new(Limits::default());
        for spans in batches {
            store.apply(&told(spans), 13 * SECOND);
        }
        let before = known(&store);
        for again in [&SPANS[..], &SPANS[2..], &[SPANS[1], SPANS[0]]] {
            store.apply(&told(again), 14 * SECOND);
            store.check_invariants();
            assert_eq!(known(&store), before, "{batches:?}, again {again:?}");
        }
    }
}

#[test]
fn a_third_report_of_a_call_takes_what_only_the_event_stated() {
    let reports = |spans: &[Told], scope: Option<&str>| {
        let mut batch = told(spans);
        let response = batch.intern("response");
        let scope = scope.map(|scope| batch.intern(scope));
        for span in &mut batch.spans {
            if span.facts.span_type == SpanType::Model {
                span.facts.response = response;
            }
            span.facts.scope = scope.unwrap_or(span.facts.scope);
        }
        batch
    };
    // The model call of the gateway counts, since it begins last, and so does its tool call, which begins first.
    let gateway = [(22, Some(11), What::Model(9), false, false), (9, Some(11), What::Tool(1), false, false)];
    let batches = [reports(&LOGS, None), reports(&SPANS, None), reports(&gateway, Some("gateway"))];
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let mut store = Store::new(Limits::default());
        // What was known stays known when the reports come again.
        for at in order.into_iter().chain([1, 2]) {
            store.apply(&batches[at], 13 * SECOND);
            store.check_invariants();
        }
        assert_eq!((store.all().calls, store.all().cost()), (1, Some(7)), "{order:?}");
        assert!(!store.is_duplicate(row(&store, 22)) && store.row(row(&store, 9)).counted, "{order:?}");
        assert_eq!(store.text(store.row(row(&store, 9)).input), "ls", "{order:?}");
    }
}
