#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::super::{Limits, Store, TraceIx};
use crate::model::usage::Usage;
use crate::model::{Batch, Ending, Nanos, Origin, PayloadRef, SourceId, Span, SpanFacts, SpanId, SpanType, Status, Text, TraceId};

const SECOND: Nanos = 1_000_000_000;
/// What must be known around a trace.
const AROUND: Nanos = 6 * SECOND;
const TYPES: [SpanType; 5] = [SpanType::Agent, SpanType::Model, SpanType::Model, SpanType::Tool, SpanType::Other];

/// A span: its trace, start and length in tenths of a second, and numbers that choose its facts.
type Spec = (u8, i64, i64, [u8; 7]);

fn start((_, start, ..): &Spec) -> Nanos {
    start * SECOND / 10
}

fn end((_, start, length, _): &Spec) -> Nanos {
    (start + length) * SECOND / 10
}

fn batch(specs: &[(u64, Spec)]) -> Batch {
    let mut batch = Batch::new(SourceId(0), Origin::History);
    for (number, spec @ (trace, .., [kind, session, service, response, tokens, sender, rest])) in specs {
        let span_type = TYPES[usize::from(*kind) % TYPES.len()];
        let of = |texts: &[&str], choice: u8| texts[usize::from(choice) % texts.len()].to_owned();
        let [session, service, scope, response] = [
            of(&["", "", "s1", "s2"], *session),
            of(&["one", "two"], *service),
            of(&["", "sdk", "gateway"], *sender),
            of(&["", "", "r1", "r2", "r3", "r4"], *response),
        ]
        .map(|text| batch.intern(&text));
        let (name, run) = (batch.intern("name"), batch.intern(&of(&["", "", "", "run1", "run2"], *rest)));
        let states_usage = span_type == SpanType::Model || (span_type == SpanType::Agent && rest % 7 == 0);
        let usage = states_usage.then(|| Usage { input: Some(u32::from(tokens % 3) + 1), output: Some(1), ..Usage::default() });
        let ending = if span_type == SpanType::Agent && rest % 9 == 0 { Ending::Paused } else { Ending::Plain };
        let agent = if span_type == SpanType::Agent { name } else { Text::default() };
        let tool = if span_type == SpanType::Tool { name } else { Text::default() };
        let facts = SpanFacts {
            span_type,
            session,
            service,
            scope,
            response,
            run,
            usage,
            ending,
            agent,
            tool,
            misplaced: sender % 2 == 0,
            continues: rest % 11 == 0,
            model: name,
            ..SpanFacts::default()
        };
        batch.spans.push(Span {
            trace: TraceId::new([*trace; 16]).unwrap(),
            id: SpanId::new(number.to_be_bytes()).unwrap(),
            // The first span of a trace is its root.
            parent: specs
                .iter()
                .find(|(_, other)| other.0 == *trace)
                .filter(|(root, _)| root != number)
                .map(|(root, _)| SpanId::new(root.to_be_bytes()).unwrap()),
            start: start(spec),
            end: Some(end(spec)),
            status: if rest % 5 == 0 { Status::Error } else { Status::Ok },
            name,
            facts,
            error: Text::default(),
            payload_ref: PayloadRef::default(),
            retained_bytes: 0,
        });
    }
    batch
}

fn store(specs: &[(u64, Spec)]) -> Store {
    let mut store = Store::new(Limits::default());
    store.apply(&batch(specs), 1000 * SECOND);
    store
}

/// Returns what commands print of a trace.
fn facts(store: &Store, trace: TraceIx) -> impl PartialEq + std::fmt::Debug {
    let rows = store.rows_of(trace).into_iter().map(|row| {
        let session = store.text(store.session(row)).to_owned();
        (store.row(row).id, store.is_duplicate(row), store.row(row).counted, store.has_failed(row), session, store.totals(row))
    });
    let rows: Vec<_> = rows.collect();
    let group: Vec<TraceId> = store.group(store.main_of(trace)).map(|part| store.trace(part).id).collect();
    let length = store.group_length(store.main_of(trace), 1000 * SECOND);
    (rows, group, length, store.totals_of(trace), store.is_ordinary(trace), store.trace(trace).run_status(), store.possible_runs(trace))
}

fn specs() -> impl Strategy<Value = Vec<(u64, Spec)>> {
    let spec = (1..40u8, 0..1200i64, prop_oneof![0..30i64, 0..30i64, 0..600i64], any::<[u8; 7]>());
    prop::collection::vec(spec, 1..60).prop_map(|mut specs| {
        // The spans of a trace are near each other.
        let firsts: Vec<Spec> = specs.clone();
        for spec in &mut specs {
            let first = firsts.iter().find(|first| first.0 == spec.0).unwrap();
            spec.1 = first.1 + spec.1 % 20;
        }
        (1..).zip(specs).collect()
    })
}

/// Checks the traces about which a time decides. Returns their number.
fn check(specs: &[(u64, Spec)], from: Nanos, to: Nanos) -> Result<usize, TestCaseError> {
    let whole = store(specs);
    let ran = |(_, spec): &&(u64, Spec)| end(spec) >= from && start(spec) <= to;
    let held: Vec<u8> = specs.iter().filter(ran).map(|(_, spec)| spec.0).collect();
    let held: Vec<(u64, Spec)> = specs.iter().copied().filter(|(_, spec)| held.contains(&spec.0)).collect();
    let part = store(&held);
    let mut decided = 0;
    for trace in part.traces() {
        let reach = part.reach(trace);
        if !reach.is_open && reach.from >= from + AROUND && reach.to <= to.saturating_sub(AROUND) {
            let of_whole = whole.find_trace(part.trace(trace).id).unwrap();
            let (of_part, of_whole) = (format!("{:?}", facts(&part, trace)), format!("{:?}", facts(&whole, of_whole)));
            prop_assert_eq!(of_part, of_whole, "{:?} of {:?}", part.trace(trace).id, (from, to));
            decided += 1;
        }
    }
    Ok(decided)
}

proptest! {
    #[test]
    fn a_time_that_covers_the_reach_of_a_trace_decides_about_it(specs in specs(), from in 0..100i64, length in 20..100i64) {
        check(&specs, from * SECOND, Nanos::MAX)?;
        check(&specs, from * SECOND, (from + length) * SECOND)?;
    }
}

#[test]
fn a_part_decides_about_most_traces() {
    let traces = (1..=60u8).map(|trace| (u64::from(trace), (trace, i64::from(trace) * 40, 5, [0, 2, 0, 0, 0, 0, 1])));
    let specs: Vec<(u64, Spec)> = traces.collect();
    assert_eq!(check(&specs, 100 * SECOND, Nanos::MAX).unwrap(), 34);
    assert_eq!(check(&specs, 100 * SECOND, 200 * SECOND).unwrap(), 22);
}
