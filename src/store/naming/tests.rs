#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use crate::model::{Batch, Naming, Nanos, Origin, PayloadRef, SourceId, Span, SpanFacts, SpanId, SpanType, Status, Text, TraceId};
use crate::store::{Limits, RowIx, Store};

use SpanType::{Agent, Model, Other, Step, Tool, Workflow};

/// A span: id, parent, type, naming and session.
type Spec = (u64, Option<u64>, SpanType, Naming, &'static str);

const UUIDS: [&str; 2] = ["3f1c6a52-8f0e-4a53-9d5e-0f5a5b8f2a11", "5b2d2c1e-1111-4222-8333-444455556666"];

fn span_id(n: u64) -> SpanId {
    SpanId::new(n.to_be_bytes()).unwrap()
}

fn trace_id() -> TraceId {
    TraceId::new([1; 16]).unwrap()
}

fn batch(specs: &[Spec]) -> Batch {
    let mut batch = Batch::new(SourceId(0), Origin::Live);
    for &(id, parent, span_type, naming, session) in specs {
        let [name, session] = [&format!("{span_type:?} {id}"), session].map(|text| batch.intern(text));
        batch.spans.push(Span {
            trace: trace_id(),
            id: span_id(id),
            parent: parent.map(span_id),
            start: id as Nanos,
            end: Some(100),
            status: Status::Ok,
            name,
            facts: SpanFacts { span_type, naming, session, agent: name, tool: name, model: name, ..SpanFacts::default() },
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

fn span_type(store: &Store, id: u64) -> SpanType {
    store.row(row(store, id)).span_type
}

fn named(id: u64, parent: Option<u64>, span_type: SpanType) -> Spec {
    (id, parent, span_type, Naming::Stated, "")
}

fn unnamed(id: u64, parent: Option<u64>) -> Spec {
    (id, parent, Agent, Naming::None, "")
}

#[test]
fn an_agent_without_a_name_around_agents_is_a_workflow_until_it_calls_something_itself() {
    let frame = [unnamed(1, None), named(2, Some(1), Step), named(3, Some(2), Agent), named(4, Some(3), Model)];
    for order in [frame.to_vec(), frame.iter().rev().copied().collect()] {
        for size in [1, 4] {
            let mut store = Store::new(Limits::default());
            order.chunks(size).for_each(|part| drop(store.apply(&batch(part), 1000)));
            store.check_invariants();
            assert_eq!(span_type(&store, 1), Workflow);
            let changes = store.apply(&batch(&[named(5, Some(2), Tool)]), 1000);
            assert_eq!(span_type(&store, 1), Agent, "it calls a tool");
            assert!(changes.rows.contains(&row(&store, 1)));
            store.apply(&batch(&[named(5, Some(2), Other)]), 1000);
            assert_eq!(span_type(&store, 1), Workflow, "the tool was none");
            store.apply(&batch(&[named(3, Some(2), Step)]), 1000);
            assert_eq!(span_type(&store, 1), Agent, "the model is its own");
            store.check_invariants();
        }
    }
}

#[test]
fn other_agents_stay_agents() {
    let mut store = Store::new(Limits::default());
    store.apply(&batch(&[unnamed(1, None), named(2, Some(1), Other), named(11, None, Agent), named(12, Some(11), Agent)]), 1000);
    assert_eq!([1, 11].map(|id| span_type(&store, id)), [Agent; 2], "without runs below it, and with a name");
}

#[test]
fn a_made_up_session_counts_with_the_session_of_the_run_that_it_is_in() {
    let nested = |session| (3, Some(2), Agent, Naming::GeneratedId, session);
    let spans = [(1, None, Agent, Naming::Stated, "s1"), named(2, Some(1), Tool), named(4, Some(3), Model)];
    for (session, outer, expected) in [(UUIDS[0], "s1", "s1"), ("mine", "s1", "mine"), (UUIDS[0], "", UUIDS[0])] {
        let mut store = Store::new(Limits::default());
        store.apply(&batch(&spans), 1000);
        store.apply(&batch(&[nested(session), (1, None, Agent, Naming::Stated, outer)]), 1000);
        let found = store.session(row(&store, 4));
        assert_eq!(store.text(found), expected);
        let begun = store.stated_session(row(&store, 3));
        assert_eq!(store.text(begun), if expected == outer { "" } else { expected });
    }
    let mut store = Store::new(Limits::default());
    store.apply(&batch(&spans), 1000);
    store.apply(&batch(&[nested(UUIDS[0]), (5, None, Agent, Naming::Stated, UUIDS[0])]), 1000);
    let found = store.session(row(&store, 4));
    assert_eq!(store.text(found), UUIDS[0], "another run has it, too");
}

fn trees() -> impl Strategy<Value = Vec<Spec>> {
    let span = (any::<prop::sample::Index>(), 0..6usize, 0..3usize, 0..3usize, 0..10u8);
    proptest::collection::vec(span, 1..30).prop_map(|spans| {
        let mut specs: Vec<Spec> = Vec::new();
        for (at, (parent, kind, naming, session, rare)) in spans.into_iter().enumerate() {
            let parent = match rare {
                0 => Some(1000),
                1 => None,
                _ if specs.is_empty() => None,
                _ => Some(specs[parent.index(specs.len())].0),
            };
            let span_type = [Agent, Agent, Step, Other, Model, Tool][kind];
            let naming = if span_type == Agent { [Naming::None, Naming::Stated, Naming::GeneratedId][naming] } else { Naming::Stated };
            specs.push((at as u64 + 1, parent, span_type, naming, ["", "s", UUIDS[0]][session]));
        }
        specs
    })
}

proptest! {
    #[test]
    fn kinds_and_sessions_do_not_depend_on_the_order_of_arrival((specs, arrival) in trees().prop_flat_map(|specs| {
        let twice: Vec<Spec> = specs.iter().chain(specs.iter().take(4)).copied().collect();
        (Just(specs), Just(twice).prop_shuffle())
    }), size in 1..10usize) {
        let mut whole = Store::new(Limits::default());
        whole.apply(&batch(&specs), 1000);
        let mut store = Store::new(Limits::default());
        for part in arrival.chunks(size) {
            store.apply(&batch(part), 1000);
            store.check_invariants();
        }
        for &(id, ..) in &specs {
            prop_assert_eq!(span_type(&store, id), span_type(&whole, id));
            let session = |store: &Store| store.text(store.session(row(store, id))).to_owned();
            prop_assert_eq!(session(&store), session(&whole));
        }
    }
}
