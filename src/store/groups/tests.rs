#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use crate::model::usage::Usage;
use crate::model::{Batch, Ending, Nanos, Origin, PayloadRef, SourceId, Span, SpanFacts, SpanId, SpanType, Status, Text, TraceId};
use crate::store::{Limits, Store};
use SpanType::{Agent, Model, Tool};

const SECOND: Nanos = 1_000_000_000;

/// A trace of one span: type, session, start and end in seconds.
type Spec = (SpanType, &'static str, Nanos, Nanos);

/// The spans of traces that are numbered from 1.
fn batch(traces: impl IntoIterator<Item = (u8, Spec)>, misplaced: bool, is_failed: bool) -> Batch {
    let mut batch = Batch::new(SourceId(0), Origin::History);
    for (number, (span_type, session, start, end)) in traces {
        let [session, service, name] = [session, "cli", "name"].map(|text| batch.intern(text));
        let usage = (span_type == Model).then(|| Usage { input: Some(number.into()), ..Usage::default() });
        batch.spans.push(Span {
            trace: TraceId::new([number; 16]).unwrap(),
            id: SpanId::new([number; 8]).unwrap(),
            parent: None,
            start: start * SECOND,
            end: Some(end * SECOND),
            status: if is_failed { Status::Error } else { Status::Ok },
            name,
            facts: SpanFacts { span_type, session, service, misplaced, usage, agent: name, model: name, ..SpanFacts::default() },
            error: Text::default(),
            payload_ref: PayloadRef::default(),
            retained_bytes: 0,
        });
    }
    batch
}

/// The groups by the numbers of their traces, whatever the order of arrival.
fn groups(specs: &[Spec], misplaced: bool, is_failed: bool) -> Vec<Vec<u8>> {
    let numbered = || (1..).zip(specs.iter().copied());
    let mut found: Vec<Vec<Vec<u8>>> = Vec::new();
    let reversed: Vec<(u8, Spec)> = numbered().collect::<Vec<_>>().into_iter().rev().collect();
    for order in [numbered().collect::<Vec<_>>(), reversed] {
        for size in [1, specs.len()] {
            let mut store = Store::new(Limits::default());
            for part in order.chunks(size) {
                store.apply(&batch(part.iter().copied(), misplaced, is_failed), 100 * SECOND);
                store.check_invariants();
            }
            found.push(read(&store));
        }
    }
    found.dedup();
    assert_eq!(found.len(), 1, "the order of arrival does not matter");
    found.remove(0)
}

fn read(store: &Store) -> Vec<Vec<u8>> {
    let mains = store.traces().filter(|&trace| !store.is_part(trace));
    let mut groups: Vec<Vec<u8>> = mains.map(|main| store.group(main).map(|trace| store.trace(trace).id.bytes()[0]).collect()).collect();
    groups.sort_unstable();
    groups
}

#[test]
fn calls_of_a_conversation_are_one_turn() {
    let turn = [(Model, "c", 0, 2), (Tool, "c", 2, 3), (Tool, "c", 3, 4), (Model, "c", 4, 6)];
    assert_eq!(groups(&turn, false, false), [[1, 2, 3, 4]]);
    let store = {
        let mut store = Store::new(Limits::default());
        store.apply(&batch((1..).zip(turn), false, false), 100 * SECOND);
        store
    };
    let main = store.traces().next().unwrap();
    let totals = store.group_totals(main);
    assert_eq!((totals.spans, totals.input, totals.calls), (4, 5, 2));
    assert_eq!((store.group_length(main, 100 * SECOND), store.group_counts(main).spans), (6 * SECOND, 4));
    assert_eq!(store.shown_totals(store.trace(main).roots()[0]), totals);
}

#[test]
fn a_turn_ends_with_its_answer_and_after_a_while() {
    assert_eq!(groups(&[(Model, "c", 0, 1), (Model, "c", 1, 2)], false, false), [[1], [2]], "another question");
    assert_eq!(groups(&[(Model, "c", 0, 1), (Model, "c", 1, 2)], false, true), [[1, 2]], "a retry");
    assert_eq!(groups(&[(Model, "c", 0, 1), (Tool, "c", 7, 8)], false, false), [[1], [2]], "too late");
    assert_eq!(groups(&[(Model, "c", 0, 1), (Tool, "d", 1, 2), (Model, "c", 2, 3)], false, false), [[1], [2], [3]], "another conversation");
    assert_eq!(groups(&[(Model, "", 0, 1), (Tool, "", 1, 2)], false, false), [[1], [2]], "no conversation");
}

#[test]
fn runs_of_agents_in_a_session_are_no_parts() {
    for misplaced in [false, true] {
        assert_eq!(groups(&[(Agent, "s", 0, 1), (Agent, "s", 1, 2), (Tool, "s", 2, 3)], misplaced, false), [[1], [2], [3]]);
    }
}

#[test]
fn a_side_call_belongs_to_the_only_run_around_it() {
    let calls = [(Agent, "s", 0, 9), (Model, "", 1, 3), (Tool, "", 3, 4), (Model, "", 8, 9), (Agent, "s", 10, 12)];
    assert_eq!(groups(&calls, true, false), [vec![1, 2, 3, 4], vec![5]]);
    assert_eq!(groups(&calls, false, false), [[1], [2], [3], [4], [5]], "a sender that knows what runs in what");
    assert_eq!(
        groups(&[(Agent, "", 0, 9), (Agent, "", 2, 9), (Model, "", 3, 4)], true, false),
        [[1], [2], [3]],
        "either run may have made it"
    );
    assert_eq!(groups(&[(Agent, "", 0, 4), (Model, "", 3, 6)], true, false), [[1], [2]], "it outlasts the run");
    let mut store = Store::new(Limits::default());
    let traces = [(Agent, "", 0, 9), (Agent, "", 2, 9), (Model, "", 1, 4), (Model, "", 3, 4), (Model, "", 8, 10)];
    store.apply(&batch((1..).zip(traces), true, false), 100 * SECOND);
    let mut possible: Vec<_> = store.traces().map(|trace| (store.trace(trace).id.bytes()[0], store.possible_runs(trace))).collect();
    possible.sort_unstable();
    assert_eq!(possible, [(1, None), (2, None), (3, None), (4, Some(2)), (5, Some(0))]);
}

#[test]
fn a_group_outlives_its_main_trace() {
    let turn = [(Model, "c", 0, 2), (Tool, "c", 2, 3), (Model, "c", 3, 4)];
    for (specs, misplaced, rest) in
        [(turn, false, vec![vec![2, 3]]), ([(Agent, "", 0, 9), (Model, "", 1, 2), (Tool, "", 3, 4)], true, vec![vec![2], vec![3]])]
    {
        let mut store = Store::new(Limits { spans: 2, ..Limits::default() });
        store.apply(&batch((1..).zip(specs), misplaced, false), 100 * SECOND);
        store.check_invariants();
        assert_eq!(read(&store), rest);
    }
}

/// A trace with a part of the run `r`: number, start and end in seconds, whether it paused.
type Part = (u8, Nanos, Nanos, bool);

fn parts(traces: &[Part]) -> Batch {
    let specs = traces.iter().map(|&(number, start, end, _)| (number, (Agent, "s", start, end)));
    let mut batch = batch(specs, true, false);
    let run = batch.intern("r");
    for (span, &(.., paused)) in batch.spans.iter_mut().zip(traces) {
        span.facts.run = run;
        span.facts.ending = if paused { Ending::Paused } else { Ending::Plain };
        span.facts.continues = span.trace != TraceId::new([1; 16]).unwrap();
    }
    batch
}

#[test]
fn a_run_that_paused_and_its_continuations_are_one() {
    let spans = [(1, 0, 4, true), (2, 10, 13, true), (3, 23, 28, false)];
    // In any order, one trace is sent twice.
    for order in [[0, 1, 2, 1], [2, 1, 0, 0], [1, 2, 0, 2], [2, 0, 1, 1]] {
        let mut store = Store::new(Limits::default());
        for part in order {
            store.apply(&parts(&[spans[part]]), 100 * SECOND);
            store.check_invariants();
            let call = [(9, (Model, "", 11, 12))];
            store.apply(&batch(call, true, false), 100 * SECOND);
            store.check_invariants();
        }
        assert_eq!(read(&store), [[1, 2, 9, 3]], "{order:?}");
        let main = store.traces().next().unwrap();
        assert_eq!(store.group_length(main, 100 * SECOND), 12 * SECOND, "without the time that it waited");
        assert_eq!(store.run_parts(main).map(|part| store.waited(part)).collect::<Vec<_>>(), [None, Some(6 * SECOND), Some(10 * SECOND)]);
        assert_eq!((store.group_totals(main).spans, store.group_counts(main).paused), (4, 0));
    }
}

#[test]
fn the_parts_of_a_run_outlive_each_other() {
    let mut store = Store::new(Limits { spans: 2, ..Limits::default() });
    store.apply(&parts(&[(1, 0, 4, true), (2, 10, 13, true), (3, 23, 28, false)]), 100 * SECOND);
    store.check_invariants();
    assert_eq!(read(&store), [[2, 3]]);
    // What is no part of the run any more stands alone.
    store.apply(&batch([(3, (Agent, "s", 23, 28))], true, false), 100 * SECOND);
    store.check_invariants();
    assert_eq!(read(&store), [[2], [3]]);
}

proptest! {
    #[test]
    fn parts_do_not_depend_on_the_order_of_arrival(
        spans in prop::collection::vec((1..6u8, 0..20i64, 0..6i64, any::<bool>(), any::<bool>()), 1..16), limit in 2..9usize,
    ) {
        let mut stores = vec![Store::new(Limits::default()), Store::new(Limits { spans: limit, ..Limits::default() })];
        let mut last = std::collections::HashMap::new();
        for &(number, start, length, paused, is_call) in &spans {
            // What is sent again is the same.
            let part = *last.entry((number, is_call)).or_insert((number, start, start + length, paused));
            for store in &mut stores {
                let call = (number + 8, (Model, "", part.1, part.2));
                let sent = if is_call { batch([call], true, false) } else { parts(&[part]) };
                store.apply(&sent, 100 * SECOND);
                store.check_invariants();
            }
        }
        let mut reversed = Store::new(Limits::default());
        let mut rest: Vec<_> = last.into_iter().collect();
        rest.sort_unstable();
        for ((number, is_call), part) in rest.into_iter().rev() {
            let call = (number + 8, (Model, "", part.1, part.2));
            reversed.apply(&if is_call { batch([call], true, false) } else { parts(&[part]) }, 100 * SECOND);
        }
        prop_assert_eq!(read(&reversed), read(&stores[0]));
    }

    #[test]
    fn groups_do_not_depend_on_the_order_of_arrival(
        specs in prop::collection::vec((0..3usize, 0..3usize, 0..20i64, 0..6i64), 1..24), misplaced in any::<bool>(),
    ) {
        let spec = |&(kind, session, start, length): &(usize, usize, Nanos, Nanos)| {
            ([Agent, Model, Tool][kind], ["", "c", "d"][session], start, start + length)
        };
        groups(&specs.iter().map(spec).collect::<Vec<Spec>>(), misplaced, false);
    }
}
