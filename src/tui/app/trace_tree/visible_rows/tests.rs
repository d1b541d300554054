#![allow(clippy::unwrap_used)]

use super::{TraceTree, TreeLine};
use crate::model::{Batch, Nanos, Origin, SourceId, SpanFacts, SpanType};
use crate::store::Limits;
use crate::tui::app::Action;
use crate::tui::app::test_harness::{TestHarness, span};

const SECOND: Nanos = 1_000_000_000;

/// A turn of a model's call, a tool's call with a span below it, and another model's call, in traces 1 to 3, and a later turn in trace 4.
fn turns(limits: Limits) -> TestHarness {
    let mut batch = Batch::new(SourceId(0), Origin::Live);
    let [session, service] = ["c", "cli"].map(|text| batch.intern(text));
    let spans = [
        (1, 11, 0, SpanType::Model, 0),
        (2, 21, 0, SpanType::Tool, 2),
        (2, 22, 21, SpanType::Other, 2),
        (3, 31, 0, SpanType::Model, 4),
        (4, 41, 0, SpanType::Model, 30),
    ];
    for (trace, id, parent, span_type, start) in spans {
        let name = batch.intern(&format!("{id}"));
        let facts = SpanFacts { span_type, session, service, model: name, tool: name, ..SpanFacts::default() };
        batch.spans.push(span(trace, id, parent, (start * SECOND, Some((start + 2) * SECOND)), name, facts));
    }
    let mut harness = TestHarness::new(limits);
    harness.receive(batch, 100 * SECOND);
    harness
}

/// The names on the screen, and the position of the cursor.
fn screen(harness: &TestHarness) -> (Vec<&str>, usize) {
    let (lines, cursor) = harness.app.tree.window(&harness.store, 10);
    (lines.into_iter().filter_map(TreeLine::row).map(|row| harness.store.text(harness.store.row(row).name)).collect(), cursor)
}

#[test]
fn the_parts_of_a_turn_are_below_its_first_trace() {
    let mut harness = turns(Limits::default());
    assert_eq!((screen(&harness), harness.app.tree.len()), ((vec!["41", "11"], 0), 2));
    harness.act(Action::Down);
    harness.act(Action::Unfold);
    assert_eq!(screen(&harness), (vec!["41", "11", "21", "22", "31"], 1));
    harness.act(Action::Bottom);
    assert_eq!(screen(&harness).1, 4);
    for expected in [3, 2, 1, 0] {
        harness.act(Action::Up);
        assert_eq!(screen(&harness).1, expected);
    }
    let store = &harness.store;
    let head = TraceTree::head(store, store.traces().next().unwrap());
    let children: Vec<_> = TraceTree::children(store, head).collect();
    for (index, &child) in children.iter().enumerate() {
        assert_eq!((TraceTree::parent(store, child), harness.app.tree.position(store, child, head)), (Some(head), index));
        assert_eq!(harness.app.tree.is_last(store, child), index + 1 == children.len());
    }
    assert_eq!(TraceTree::full_axis(store, store.traces().nth(2).unwrap(), 0).end, 6 * SECOND);
}

#[test]
fn a_part_that_matches_shows_its_turn() {
    let mut harness = turns(Limits::default());
    harness.app.set_filter(&harness.store, "tool:21".to_owned());
    while harness.app.prepare_frame(&mut harness.store, 10, (80, 10)) {}
    assert_eq!(screen(&harness).0, ["11"]);
    assert_eq!(harness.app.aggregates.shown(&harness.store).totals().spans, 4, "the sums are those of the turn");
    harness.act(Action::NextMatch);
    assert_eq!(screen(&harness), (vec!["11", "21", "22", "31"], 1));
}

#[test]
fn an_evicted_trace_leaves_the_rest_of_its_turn() {
    let harness = turns(Limits { spans: 4, ..Limits::default() });
    assert_eq!((screen(&harness).0, harness.app.tree.len()), (vec!["41", "21"], 2));
}
