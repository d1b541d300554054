#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::{FEW, TreeLine};
use crate::model::{Batch, Nanos, Origin, SourceId, Span, SpanFacts, SpanType, Status};
use crate::store::{Limits, RowIx, Totals};
use crate::tui::app::Action;
use crate::tui::app::test_harness::{TestHarness, span, span_id, trace_id};

const SECOND: Nanos = 1_000_000_000;

/// A span: its id, its parent (0 for a root), what it is, and whether it failed.
type SpanSpec = (u8, u8, SpanType, bool);

fn batch(spans: &[SpanSpec]) -> Batch {
    let mut batch = Batch::new(SourceId(0), Origin::Live);
    let service = batch.intern("cli");
    for &(id, parent, span_type, has_failed) in spans {
        let name = batch.intern(&format!("{id}"));
        let facts = SpanFacts { span_type, service, agent: name, tool: name, ..SpanFacts::default() };
        let status = if has_failed { Status::Error } else { Status::Ok };
        let times = (Nanos::from(id) * SECOND, Some((Nanos::from(id) + 1) * SECOND));
        batch.spans.push(Span { status, ..span(1, id.into(), parent.into(), times, name, facts) });
    }
    batch
}

fn unfolded(spans: &[SpanSpec]) -> TestHarness {
    let mut harness = TestHarness::new(Limits::default());
    harness.receive(batch(spans), 1000 * SECOND);
    harness.act(Action::Top);
    harness.act(Action::Unfold);
    harness
}

/// A request, a run below it with a tool, and so many internal spans below the tool.
fn turn(internal: u8) -> Vec<SpanSpec> {
    let work = [(1, 0, SpanType::Other, false), (2, 1, SpanType::Agent, false), (3, 2, SpanType::Tool, false)];
    work.into_iter().chain((4..4 + internal).map(|id| (id, 3, SpanType::Other, false))).collect()
}

impl TestHarness {
    /// The ids of the shown rows.
    fn shown(&self) -> Vec<u64> {
        let tree = &self.app.tree;
        let first = tree.traces().next().map(|trace| self.store.trace(trace).roots()[0]);
        let rows = std::iter::successors(first, |&row| tree.next(&self.store, row)).take(1000);
        rows.map(|row| u64::from_be_bytes(self.store.row(row).id.bytes())).collect()
    }

    fn folded(&self) -> u64 {
        self.app.tree.folded_spans(&self.store, self.store.traces().next().unwrap())
    }

    fn row_of(&self, id: u64) -> RowIx {
        self.store.find(self.store.find_trace(trace_id(1)).unwrap(), span_id(id)).unwrap()
    }
}

#[test]
fn many_internal_spans_are_one_line() {
    let few = unfolded(&turn(FEW as u8));
    assert_eq!((few.shown().len(), few.folded()), (23, 0));
    let mut many = unfolded(&turn(30));
    assert_eq!((many.shown(), many.folded()), (vec![1, 2, 3], 30));
    let trace = many.store.traces().next().unwrap();
    let (lines, cursor) = many.app.tree.window(&many.store, 10);
    assert_eq!((lines.len(), lines[3], cursor), (4, TreeLine::Internal(trace, 30), 0));
    assert!(!many.app.tree.is_last(&many.store, many.row_of(2)), "the line stands below");
    many.act(Action::Bottom);
    assert_eq!(many.app.tree.cursor(), Some(many.row_of(3)), "the line is passed over");

    many.act(Action::Ordinary);
    assert_eq!((many.shown().len(), many.folded()), (33, 0));
    many.act(Action::Bottom);
    many.act(Action::Ordinary);
    assert_eq!((many.shown(), many.app.tree.cursor()), (vec![1, 2, 3], Some(many.row_of(3))), "the cursor leaves the fold");
}

#[test]
fn a_trace_without_work_shows_its_spans() {
    let spans: Vec<SpanSpec> = (1..60).map(|id| (id, u8::from(id > 1), SpanType::Other, false)).collect();
    let harness = unfolded(&spans);
    assert_eq!((harness.shown().len(), harness.folded()), (59, 0));
}

#[test]
fn a_filter_a_link_and_a_click_show_internal_spans() {
    let mut harness = unfolded(&turn(30));
    harness.app.set_filter(&harness.store, "name:20".to_owned());
    while harness.app.prepare_frame(&mut harness.store, 40, (80, 10)) {}
    harness.act(Action::NextMatch);
    assert_eq!((harness.app.tree.cursor(), harness.folded()), (Some(harness.row_of(20)), 0));
    harness.act(Action::Back);
    while harness.app.prepare_frame(&mut harness.store, 40, (80, 10)) {}
    let row = harness.row_of(20);
    harness.app.tree.reveal(&harness.store, row);
    assert_eq!((harness.app.tree.cursor(), harness.shown().len()), (Some(row), 33));
    harness.act(Action::Ordinary);
    harness.act(Action::Ordinary);
    assert_eq!(harness.folded(), 30);
    let trace = harness.store.traces().next().unwrap();
    harness.app.click(&harness.store, crate::tui::app::HitTarget::Internal(trace));
    assert_eq!(harness.shown().len(), 33);
}

#[test]
fn what_turns_out_to_be_work_is_shown() {
    let mut harness = unfolded(&turn(30));
    harness.receive(batch(&[(50, 10, SpanType::Tool, false), (11, 3, SpanType::Other, true)]), 1000 * SECOND);
    assert_eq!((harness.shown(), harness.folded()), (vec![1, 2, 3, 11, 50], 29), "by their starts");
}

#[test]
fn an_internal_span_stays_where_shown_rows_part() {
    let spans = [(60, 2, SpanType::Other, false), (61, 60, SpanType::Other, false), (62, 61, SpanType::Tool, false)];
    let mut harness = unfolded(&[turn(30), spans.to_vec()].concat());
    assert_eq!((harness.shown(), harness.folded()), (vec![1, 2, 3, 62], 32));
    assert_eq!(harness.app.tree.shown_parent(&harness.store, harness.row_of(62)), Some(harness.row_of(2)));
    harness.receive(batch(&[(63, 60, SpanType::Tool, false)]), SECOND);
    assert_eq!((harness.shown(), harness.folded()), (vec![1, 2, 3, 60, 62, 63], 31));
    let row = harness.row_of(62);
    harness.app.tree.reveal(&harness.store, row);
    harness.act(Action::Fold);
    assert_eq!(harness.app.tree.cursor(), Some(harness.row_of(60)), "to the row above it on the screen");
    harness.act(Action::Fold);
    assert_eq!(harness.shown(), [1, 2, 3, 60]);
}

#[test]
fn a_run_with_internal_spans_only_can_be_unfolded() {
    let internal = (2..40).map(|id| (id, 1, SpanType::Other, false));
    let mut harness = unfolded(&[(1, 0, SpanType::Agent, false)].into_iter().chain(internal).collect::<Vec<_>>());
    assert_eq!((harness.shown(), harness.folded()), (vec![1], 38));
    harness.act(Action::Fold);
    assert_eq!(harness.folded(), 0);
}

proptest! {
    #[test]
    fn nothing_is_lost(
        specs in prop::collection::vec((any::<prop::sample::Index>(), 0..20_u8, prop::bool::weighted(0.05)), 1..120),
        height in 1..30_usize, steps in prop::collection::vec(-3..8_isize, 0..20), open in 0..4_u8,
    ) {
        let kinds = |kind| match kind {
            0 => SpanType::Tool,
            1 => SpanType::Agent,
            _ => SpanType::Other,
        };
        let spans: Vec<SpanSpec> = specs.iter().zip(1..).map(|((parent, kind, has_failed), id)| {
            // Some name a parent that never comes.
            let parent = if *kind == 19 { 200 } else { parent.index(usize::from(id)) as u8 };
            (id, parent, kinds(*kind), *has_failed)
        }).collect();
        let mut harness = unfolded(&spans);
        let trace = harness.store.traces().next().unwrap();
        let totals = |harness: &TestHarness| -> Totals { harness.store.group_totals(trace) };
        let (before, all) = (totals(&harness), harness.store.rows_of(trace));
        if open == 0 {
            harness.act(Action::Ordinary);
        }
        // Every span is shown or counted, and what did not go well is shown.
        let (shown, folded) = (harness.shown(), harness.folded());
        let real = |row: &&RowIx| !harness.store.row(**row).placeholder;
        let shown_spans = all.iter().filter(real).filter(|&&row| shown.contains(&u64::from_be_bytes(harness.store.row(row).id.bytes()))).count();
        prop_assert_eq!(shown_spans as u64 + folded, all.iter().filter(real).count() as u64);
        prop_assert!(folded == 0 || folded > u64::from(FEW));
        for &(id, _, kind, has_failed) in &spans {
            prop_assert!((kind == SpanType::Other && !has_failed) || shown.contains(&u64::from(id)), "{} is folded away", id);
        }
        prop_assert_eq!(totals(&harness), before);

        harness.app.tree.set_height(height);
        for step in steps {
            harness.app.tree.step(&harness.store, step);
            let tree = &harness.app.tree;
            let (lines, cursor) = tree.window(&harness.store, height);
            prop_assert_eq!(lines[cursor].row(), tree.cursor());
            prop_assert_eq!(lines.len(), height.min(shown.len() + usize::from(folded > 0)));
            let rows: Vec<RowIx> = lines.iter().filter_map(|line| line.row()).collect();
            prop_assert!(rows.windows(2).all(|pair| tree.next(&harness.store, pair[0]) == Some(pair[1])));
            for &row in &rows {
                let Some(parent) = tree.shown_parent(&harness.store, row) else { continue };
                let at = tree.position(&harness.store, row, parent);
                prop_assert_eq!(tree.child(&harness.store, parent, at), row);
                prop_assert!(at < tree.child_count(&harness.store, parent));
            }
        }
    }
}
