#![allow(clippy::unwrap_used)]

use std::collections::HashMap;

use proptest::prelude::*;

use crate::model::{Batch, Nanos, Origin, PayloadRef, SourceId, Span, SpanFacts, SpanId, SpanType, Status, Text, TraceId, Usage};
use crate::store::{By, Limits, Phase, RowIx, Store};

/// A span of a sender that misplaces spans: id, parent, type, start and end in seconds.
type Spec = (u64, Option<u64>, SpanType, Nanos, Nanos);

use SpanType::{Agent, Model, Step, Team, Tool, Workflow};

const SECOND: Nanos = 1_000_000_000;

fn span_id(n: u64) -> SpanId {
    SpanId::new(n.to_be_bytes()).unwrap()
}

fn trace_id() -> TraceId {
    TraceId::new([1; 16]).unwrap()
}

fn batch(specs: &[Spec], misplaced: bool) -> Batch {
    let mut batch = Batch::new(SourceId(0), Origin::Live);
    for &(id, parent, span_type, start, end) in specs {
        let name = batch.intern(&format!("{span_type:?} {id}"));
        // Agents with the same name may be one run that is told twice.
        let agent = if span_type == Agent && id >= 300 { batch.intern("Told") } else { name };
        let tool = if span_type == Tool && id >= 100 { batch.intern("delegate_task_to_member") } else { name };
        let usage = (span_type == Model).then(|| Usage { input: Some(id as u32 + 1), output: Some(1), ..Usage::default() });
        batch.spans.push(Span {
            trace: trace_id(),
            id: span_id(id),
            parent: parent.map(span_id),
            start: start * SECOND,
            end: Some(end * SECOND),
            status: Status::Ok,
            name,
            facts: SpanFacts { span_type, usage, misplaced, agent, tool, model: name, ..SpanFacts::default() },
            error: Text::default(),
            payload_ref: PayloadRef(0),
            retained_bytes: 0,
        });
    }
    batch
}

fn row(store: &Store, id: u64) -> RowIx {
    store.find(store.find_trace(trace_id()).unwrap(), span_id(id)).unwrap()
}

/// Returns the ids of a span's parents, the nearest first, and whether it leaked.
fn place(store: &Store, id: u64) -> (Option<SpanId>, bool) {
    let row = row(store, id);
    (store.row(row).parent().map(|parent| store.row(parent).id), store.is_leaked(row))
}

/// Checks the parents of spans that arrive in order, the reverse order, and one by one.
fn assert_places(specs: &[Spec], misplaced: bool, expected: &[(u64, Option<u64>, bool)]) {
    let reversed: Vec<Spec> = specs.iter().rev().copied().collect();
    for order in [specs, &reversed] {
        for size in [1, specs.len()] {
            let mut store = Store::new(Limits::default());
            for part in order.chunks(size) {
                store.apply(&batch(part, misplaced), 100 * SECOND);
                store.check_invariants();
            }
            for &(id, parent, is_leaked) in expected {
                assert_eq!(place(&store, id), (parent.map(span_id), is_leaked), "span {id} in {size}");
            }
            for &(id, parent, ..) in specs {
                assert_eq!(store.stated_parent(row(&store, id)), parent.map(span_id));
                assert!(!store.has_invalid_parent(row(&store, id)));
            }
        }
    }
}

const STREAMED_STEP: [Spec; 6] = [
    (1, None, Workflow, 0, 20),
    (2, Some(1), Step, 1, 9),
    (3, Some(2), Agent, 1, 11),
    (4, Some(2), Model, 1, 3),
    (5, Some(2), Tool, 4, 5),
    (6, Some(2), Model, 6, 8),
];

#[test]
fn calls_beside_the_only_agent_of_a_step_are_the_agents() {
    assert_places(&STREAMED_STEP, true, &[(3, Some(2), false), (4, Some(3), false), (5, Some(3), false), (6, Some(3), false)]);
    let mut store = Store::new(Limits::default());
    store.apply(&batch(&STREAMED_STEP, true), 100 * SECOND);
    let of_agent = |name: &str| store.stats().groups(By::Agent).find(|(symbol, _)| store.text(*symbol) == name).unwrap().1.usage.tokens();
    assert_eq!((of_agent("Agent 3"), of_agent("Workflow 1")), (Some(14), None));
    assert_eq!(store.own_time(row(&store, 2), 0), 0, "the step waits for its agent");
}

#[test]
fn calls_stay_in_a_step_without_an_agent_that_runs_or_with_several() {
    let mut specs = STREAMED_STEP.to_vec();
    specs.push((7, Some(2), Agent, 1, 3));
    assert_places(&specs, true, &[(4, Some(2), false), (5, Some(2), false)]);
    specs.pop();
    specs[2].4 = 3;
    assert_places(&specs, true, &[(4, Some(3), false), (5, Some(2), false), (6, Some(2), false)]);
}

#[test]
fn spans_of_other_senders_stand_under_the_parent_that_they_name() {
    assert_places(&STREAMED_STEP, false, &[(4, Some(2), false), (5, Some(2), false)]);
    assert_places(&[(1, None, Agent, 0, 5), (2, Some(1), Agent, 6, 7)], false, &[(2, Some(1), false)]);
}

#[test]
fn a_late_span_belongs_to_the_nearest_open_row_above_or_is_a_run_of_its_own() {
    let specs = [
        (1, None, Team, 0, 20),
        (2, Some(1), Team, 1, 9),
        (3, Some(2), Agent, 2, 4),
        (4, Some(3), Model, 10, 11),
        (5, Some(2), Tool, 12, 13),
        (6, Some(3), Agent, 30, 33),
        (7, Some(6), Model, 31, 32),
        (8, Some(6), Team, 40, 50),
        (9, Some(8), Agent, 60, 61),
    ];
    let expected = [(4, Some(1), false), (5, Some(1), false), (6, None, true), (7, Some(6), false), (8, None, true), (9, None, true)];
    assert_places(&specs, true, &expected);
}

#[test]
fn a_late_agent_leaves_its_step_and_the_calls_there_to_the_other_agent() {
    let specs = [
        (1, None, Workflow, 0, 20),
        (2, Some(1), Step, 1, 5),
        (3, Some(2), Agent, 1, 5),
        (4, Some(2), Model, 2, 3),
        (5, Some(2), Agent, 8, 9),
    ];
    assert_places(&specs, true, &[(4, Some(3), false), (5, Some(1), false)]);
}

#[test]
fn every_run_of_a_chain_of_late_ones_stands_alone() {
    let chain: Vec<Spec> = (1..900).map(|id| (id, (id > 1).then(|| id - 1), Agent, id as Nanos * 2, id as Nanos * 2 + 1)).collect();
    for order in [chain.clone(), chain.into_iter().rev().collect()] {
        let mut store = Store::new(Limits::default());
        for part in order.chunks(100) {
            store.apply(&batch(part, true), 100 * SECOND);
        }
        assert!((2..900).all(|id| place(&store, id) == (None, true)));
    }
}

#[test]
fn a_missing_parent_below_a_root_that_ended_stands_there_and_is_not_running() {
    let specs = [(1, None, Agent, 0, 5), (2, Some(9), Agent, 1, 3), (3, Some(2), Model, 1, 2)];
    for order in [specs.to_vec(), specs.iter().rev().copied().collect()] {
        let mut store = Store::new(Limits::default());
        for spec in order {
            store.apply(&batch(&[spec], true), 6 * SECOND);
            store.check_invariants();
        }
        let missing = row(&store, 9);
        assert_eq!((store.row(missing).parent(), store.row(missing).phase), (Some(row(&store, 1)), Phase::Lost));
        assert_eq!((store.stated_parent(missing), store.trace(store.row(missing).trace()).roots().len()), (None, 1));
        assert_eq!((store.all().running, store.all().lost), (0, 1));
        store.apply(&batch(&[(4, Some(2), Tool, 2, 3)], true), 7 * SECOND);
        assert_eq!(store.row(missing).phase, Phase::Lost, "news of the trace do not let it run again");
        store.apply(&batch(&[(9, Some(1), Tool, 1, 4)], true), 7 * SECOND);
        store.check_invariants();
        assert_eq!((store.row(missing).phase, store.stated_parent(missing)), (Phase::Ended, Some(span_id(1))));
    }
}

#[test]
fn a_missing_parent_outside_of_the_root_that_ended_runs() {
    let mut store = Store::new(Limits::default());
    store.apply(&batch(&[(1, None, Agent, 0, 5), (2, Some(9), Agent, 6, 7)], true), 8 * SECOND);
    assert_eq!((store.row(row(&store, 9)).phase, store.row(row(&store, 9)).parent()), (Phase::Running, None));
}

#[test]
fn an_agent_in_a_tool_of_a_running_caller_is_no_second_root() {
    let mut calls = batch(&[(2, Some(1), Model, 1, 2)], true);
    calls.spans[0].facts.calls = calls.intern("ask_helper");
    let mut store = Store::new(Limits::default());
    store.apply(&calls, 3 * SECOND);
    store.apply(&batch(&[(5, Some(4), Model, 4, 5)], true), 6 * SECOND);
    store.check_invariants();
    let trace = store.find_trace(trace_id()).unwrap();
    assert_eq!(store.trace(trace).roots(), [row(&store, 1)]);
    assert_eq!(store.row(row(&store, 4)).phase, Phase::Running);
    assert_eq!(store.row(row(&store, 1)).span_type, Agent, "what runs in its tool makes it no team");
    // The tool has ended: what is missing now is elsewhere.
    store.apply(&batch(&[(6, Some(1), Tool, 3, 7), (8, Some(7), Model, 8, 9)], true), 10 * SECOND);
    store.check_invariants();
    assert_eq!(store.row(row(&store, 7)).parent(), None);
}

#[test]
fn the_run_of_a_member_is_below_the_call_that_delegates_to_it() {
    let specs = [
        (1, None, Team, 0, 20),
        (100, Some(1), Tool, 1, 5),
        (3, Some(1), Agent, 2, 4),
        (4, Some(1), Agent, 6, 7),
        (5, Some(1), Model, 2, 3),
        // Two delegations at once, whose members are not known.
        (102, Some(1), Tool, 8, 12),
        (104, Some(1), Tool, 8, 14),
        (6, Some(1), Agent, 9, 11),
        (7, Some(1), Agent, 13, 14),
    ];
    let expected = [
        (3, Some(100), false),
        (4, Some(1), false),
        (5, Some(1), false),
        (6, Some(1), false),
        (7, Some(104), false),
        (100, Some(1), false),
    ];
    assert_places(&specs, true, &expected);
    // While the team runs, it has not arrived.
    assert_places(&specs[1..], true, &expected);
    assert_places(&specs, false, &[(3, Some(1), false)]);
    let mut store = Store::new(Limits::default());
    store.apply(&batch(&specs, true), 30 * SECOND);
    let tools = store.stats().groups(By::Tool).next().unwrap().1;
    assert_eq!((tools.calls, tools.times.quantile(500)), (3, None), "its time is that of the run");
}

#[test]
fn calls_beside_the_run_in_a_delegation_are_those_of_the_run() {
    let specs = [
        (1, None, Team, 0, 20),
        (100, Some(1), Tool, 1, 9),
        (300, Some(100), Agent, 2, 9),
        (302, Some(300), Agent, 2, 8),
        (5, Some(100), Model, 3, 4),
        (6, Some(100), Tool, 8, 9),
        (102, Some(1), Tool, 10, 19),
        (7, Some(102), Agent, 11, 19),
        (8, Some(7), Agent, 11, 18),
        (9, Some(102), Model, 12, 13),
    ];
    let expected = [(5, Some(302), false), (6, Some(302), false), (302, Some(300), false), (9, Some(7), false)];
    assert_places(&specs, true, &expected);
    assert_places(&specs, false, &[(5, Some(100), false), (9, Some(102), false)]);
}

#[test]
fn delegations_at_once_are_told_apart_by_the_member_that_they_name() {
    let specs = [
        (1, None, Team, 0, 20),
        (100, Some(1), Tool, 1, 9),
        (102, Some(1), Tool, 2, 9),
        (3, Some(1), Agent, 3, 6),
        (5, Some(1), Agent, 3, 7),
    ];
    let mut team = batch(&specs, true);
    for (at, arguments) in [(1, r#"{"task": "x", "member_id": "agent-3"}"#), (2, r#"{"member_id":"agent-5","task":"x"}"#)] {
        team.spans[at].facts.input = team.intern(arguments);
    }
    let mut store = Store::new(Limits::default());
    store.apply(&team, 30 * SECOND);
    store.check_invariants();
    assert_eq!([3, 5].map(|run| place(&store, run).0), [Some(span_id(100)), Some(span_id(102))]);
}

#[test]
fn a_trace_takes_as_long_as_its_spans_without_runs_that_leaked() {
    let mut store = Store::new(Limits::default());
    store.apply(&batch(&[(1, None, Agent, 0, 5), (2, Some(1), Agent, 4, 8)], true), 10 * SECOND);
    let trace = store.find_trace(trace_id()).unwrap();
    assert_eq!(store.length(trace, 0), 8 * SECOND);
    store.apply(&batch(&[(3, Some(1), Agent, 20, 30), (4, Some(3), Model, 21, 22)], true), 40 * SECOND);
    assert_eq!(store.length(trace, 0), 5 * SECOND);
    assert_eq!(store.totals(row(&store, 1)).tokens(), None);
    assert_eq!(store.shown_totals(row(&store, 1)).tokens(), Some(6), "the trace's line holds the run that leaked, as lists do");
}

#[test]
fn a_trace_is_named_after_the_first_run_in_a_request() {
    let request =
        [(1, None, SpanType::Other, 0, 9), (2, Some(1), SpanType::Other, 1, 8), (3, Some(2), Model, 1, 2), (4, Some(2), Agent, 3, 7)];
    for (count, lead) in [(1, 1), (2, 1), (3, 3), (4, 4)] {
        let mut store = Store::new(Limits::default());
        store.apply(&batch(&request[..count], true), 10 * SECOND);
        assert_eq!(store.lead(store.find_trace(trace_id()).unwrap()), Some(row(&store, lead)));
    }
}

#[test]
fn a_trace_is_named_after_the_first_run_that_arrived_if_its_root_never_does() {
    // The run of a caller elsewhere, a parent beside a request, and the run that calls the model itself.
    let caller = [(1, Some(9), Agent, 1, 4), (2, Some(1), Model, 1, 2)];
    let beside = [(1, None, SpanType::Other, 0, 5), (2, Some(9), Agent, 1, 4)];
    let own_call = [(1, Some(9), Model, 0, 1), (2, Some(9), Agent, 1, 4)];
    for (specs, running, lead) in [(caller, 9, 1), (beside, 9, 2), (own_call, 9, 9)] {
        let mut store = Store::new(Limits::default());
        store.apply(&batch(&specs, false), 10 * SECOND);
        let trace = store.find_trace(trace_id()).unwrap();
        assert_eq!(store.lead(trace), Some(row(&store, running)), "it may still arrive");
        store.expire(3600 * SECOND);
        assert_eq!(store.lead(trace), Some(row(&store, lead)));
    }
}

#[test]
fn a_trace_without_agents_is_ordinary_if_its_service_sends_agents() {
    let mut requests = batch(&[(1, None, SpanType::Other, 0, 9), (2, Some(1), SpanType::Other, 1, 2)], true);
    let mut store = Store::new(Limits::default());
    store.apply(&requests, 10 * SECOND);
    let trace = store.find_trace(trace_id()).unwrap();
    assert!(!store.is_ordinary(trace), "its service sends only such");
    requests.spans.iter_mut().for_each(|span| span.trace = TraceId::new([2; 16]).unwrap());
    requests.spans[1].facts.span_type = Agent;
    store.apply(&requests, 10 * SECOND);
    store.check_invariants();
    let other = store.find_trace(TraceId::new([2; 16]).unwrap()).unwrap();
    assert_eq!((store.is_ordinary(trace), store.is_ordinary(other)), (true, false));
    store.apply(&batch(&[(3, Some(1), Tool, 3, 4)], true), 10 * SECOND);
    store.check_invariants();
    assert!(!store.is_ordinary(trace));
}

/// Trees with steps, agents and calls that begin before, in and after their parents.
fn trees() -> impl Strategy<Value = Vec<Spec>> {
    let span = (any::<prop::sample::Index>(), 0..6usize, 0..12i64, 0..6i64, 0..10u8);
    proptest::collection::vec(span, 1..40).prop_map(|spans| {
        let mut specs: Vec<Spec> = Vec::new();
        for (at, (parent, kind, start, length, rare)) in spans.into_iter().enumerate() {
            let parent = match rare {
                0 => Some(1000),
                1 => None,
                _ if specs.is_empty() => None,
                _ => Some(specs[parent.index(specs.len())].0),
            };
            // Half of the tools are delegations, and half of the agents have the same name.
            let id = at as u64
                + match kind {
                    5 if at % 2 == 0 => 100,
                    0 if at % 2 == 0 => 300,
                    _ => 1,
                };
            specs.push((id, parent, [Agent, Team, Step, Step, Model, Tool][kind], start, start + length));
        }
        specs
    })
}

proptest! {
    #[test]
    fn places_do_not_depend_on_the_order_of_arrival((specs, arrival) in trees().prop_flat_map(|specs| {
        let twice: Vec<Spec> = specs.iter().chain(specs.iter().take(4)).copied().collect();
        (Just(specs), Just(twice).prop_shuffle())
    }), size in 1..10usize) {
        let mut whole = Store::new(Limits::default());
        whole.apply(&batch(&specs, true), 100 * SECOND);
        let mut store = Store::new(Limits::default());
        for part in arrival.chunks(size) {
            store.apply(&batch(part, true), 100 * SECOND);
            store.check_invariants();
        }
        for &(id, parent, ..) in &specs {
            prop_assert_eq!(place(&store, id), place(&whole, id));
            prop_assert_eq!(store.stated_parent(row(&store, id)), parent.map(span_id));
        }
    }

    #[test]
    fn changed_times_move_rows(specs in trees(), changed in trees()) {
        let mut store = Store::new(Limits::default());
        store.apply(&batch(&specs, true), 100 * SECOND);
        for spec in &changed {
            store.apply(&batch(&[*spec], spec.3 % 5 != 0), 100 * SECOND);
            store.check_invariants();
        }
    }
}

#[test]
fn neither_a_leaked_run_nor_one_beside_it_that_still_runs_takes_time_of_the_trace() {
    let specs = [
        (1, None, Agent, 0, 5),
        (2, Some(1), Model, 1, 4),
        (3, Some(1), Agent, 6, 8),
        (4, Some(3), Model, 6, 7),
        (5, Some(9), Model, 9, 10),
    ];
    let (mut store, now) = (Store::new(Limits::default()), 12 * SECOND);
    store.apply(&batch(&specs, true), now);
    let (trace, head) = (store.find_trace(trace_id()).unwrap(), row(&store, 1));
    assert_eq!((store.trace(trace).roots().len(), store.trace(trace).counts().running), (3, 1));
    assert_eq!([store.trace_time(trace, now), store.group_time(trace, now), store.shown_time(head, now)], [Some(5 * SECOND); 3]);
    assert!(!store.is_time_running(trace) && !store.is_shown_time_running(head));
    assert!(store.is_shown_time_running(row(&store, 9)), "its own time grows");
    let path = store.critical_path(trace, now);
    assert_eq!(path, HashMap::from([(head, 2 * SECOND), (row(&store, 2), 3 * SECOND)]));
    // A run that did not end decides until now.
    let mut running = batch(&specs, true);
    running.spans[0].end = None;
    let mut store = Store::new(Limits::default());
    store.apply(&running, now);
    let trace = store.find_trace(trace_id()).unwrap();
    assert!(store.is_time_running(trace));
    assert_eq!((store.trace_time(trace, now), store.critical_path(trace, now).values().sum()), (Some(12 * SECOND), 12 * SECOND));
}
