#![allow(clippy::unwrap_used)]

use std::collections::HashSet;

use proptest::prelude::*;

use super::{Sort, Sorting, TraceTree};
use crate::model::usage::Usage;
use crate::model::{Batch, Nanos, Origin, SourceId, Span, SpanFacts, SpanId, SpanType, Status, TraceId};
use crate::settings::Measure;
use crate::store::{Limits, RowIx, TraceIx};
use crate::tui::app::Action;
use crate::tui::app::test_harness::{TestHarness, span, span_id, trace_id};
use crate::tui::widget::Axis;

/// A span in numbers: its trace, its id, its parent's id (0: none), its start, its end if it ended.
type Small = (u8, u8, u8, Nanos, Option<Nanos>);

/// Every seventh span failed; a span has as many tokens as its id.
fn batch(spans: &[Small]) -> Batch {
    let mut batch = Batch::new(SourceId(0), Origin::Live);
    for &(trace, id, parent, start, end) in spans {
        let name = batch.intern(&format!("{id}"));
        let usage = Usage { input: Some(u32::from(id)), output: Some(0), ..Usage::default() };
        let facts = SpanFacts { span_type: SpanType::Model, model: name, usage: Some(usage), ..SpanFacts::default() };
        let status = if id % 7 == 0 { Status::Error } else { Status::Ok };
        batch.spans.push(Span { status, ..span(trace, id.into(), parent.into(), (start, end), name, facts) });
    }
    batch
}

impl TestHarness {
    fn of(spans: &[Small]) -> Self {
        let mut desk = Self::new(Limits::default());
        desk.arrive(spans);
        desk
    }

    fn arrive(&mut self, spans: &[Small]) {
        self.receive(batch(spans), 1);
    }

    fn known(&self, number: u8) -> TraceIx {
        self.store.find_trace(trace_id(number)).unwrap()
    }

    fn row(&self, trace: u8, id: u8) -> RowIx {
        self.store.find(self.known(trace), span_id(id.into())).unwrap()
    }

    fn go(&mut self, trace: u8, id: u8) {
        let row = self.row(trace, id);
        self.app.tree.reveal(&self.store, row);
    }

    /// The cursor's span, by its ids: rows are used again.
    fn ids(&self) -> Option<(TraceId, SpanId)> {
        self.app.tree.cursor().map(|row| {
            let data = self.store.row(row);
            (self.store.trace(data.trace()).id, data.id)
        })
    }

    /// Whether the span is on the screen if one scrolls to it.
    fn shows(&self, (trace, id): (TraceId, SpanId)) -> bool {
        let tree = &self.app.tree;
        let Some(row) = self.store.find_trace(trace).and_then(|trace| self.store.find(trace, id)) else { return false };
        let mut above = std::iter::successors(TraceTree::parent(&self.store, row), |&row| TraceTree::parent(&self.store, row));
        tree.traces().any(|shown| self.store.trace(shown).id == trace) && above.all(|row| tree.is_open(&self.store, row))
    }

    /// The numbers of the traces from the top of the screen.
    fn order(&self) -> Vec<u8> {
        self.app.tree.traces().map(|trace| self.store.trace(trace).id.bytes()[0]).collect()
    }

    fn lit(&self, trace: u8) -> Vec<u64> {
        let rows = self.store.rows_of(self.known(trace)).into_iter();
        let lit = rows.filter(|&row| self.app.tree.is_critical(&self.store, row) == Some(true));
        let mut ids: Vec<u64> = lit.map(|row| u64::from_be_bytes(self.store.row(row).id.bytes())).collect();
        ids.sort_unstable();
        ids
    }
}

// --- order ---

#[test]
fn traces_are_sorted_by_what_one_asks_for_and_stay_so() {
    let mut desk = TestHarness::of(&[(1, 9, 0, 100, Some(400)), (2, 3, 0, 200, Some(900)), (3, 7, 0, 300, Some(350))]);
    let mut orders = Vec::new();
    for _ in Sort::ALL {
        orders.push((desk.app.tree.sorting().by.name(), desk.order()));
        desk.act(Action::Sort);
    }
    let expected = [
        ("start", vec![3, 2, 1]),
        ("duration", vec![2, 1, 3]),
        ("tokens", vec![1, 3, 2]),
        ("cost", vec![3, 2, 1]),
        ("errors", vec![3, 2, 1]),
        ("name", vec![2, 3, 1]),
    ];
    assert_eq!(orders, expected);
    assert_eq!(desk.app.tree.sorting(), Sorting::default(), "round and round");
    desk.act(Action::Sort);
    desk.act(Action::Reverse);
    assert_eq!(desk.order(), [3, 1, 2]);
    desk.arrive(&[(4, 1, 0, 50, Some(150)), (3, 7, 0, 300, Some(5000))]);
    assert_eq!(desk.order(), [4, 1, 2, 3]);
}

#[test]
fn what_is_not_known_stands_last_either_way() {
    let mut desk = TestHarness::of(&[(1, 9, 0, 100, Some(400)), (2, 3, 0, 200, Some(900))]);
    let mut unknown = batch(&[(3, 1, 0, 300, Some(301))]);
    unknown.spans[0].facts.usage = None;
    desk.app.receive(&mut desk.store, unknown, 1);
    desk.act(Action::Sort);
    desk.act(Action::Sort);
    assert_eq!(desk.order(), [1, 2, 3]);
    desk.act(Action::Reverse);
    assert_eq!(desk.order(), [2, 1, 3]);
}

#[test]
fn only_the_newest_on_top_is_followed() {
    let mut desk = TestHarness::of(&[(1, 1, 0, 100, Some(900)), (2, 2, 0, 200, Some(300))]);
    desk.act(Action::Follow);
    desk.act(Action::Sort);
    assert!(!desk.app.tree.follow);
    desk.arrive(&[(3, 3, 0, 300, Some(310))]);
    assert_eq!(desk.ids(), Some((trace_id(1), span_id(1))));
    desk.act(Action::Follow);
    assert_eq!((desk.order(), desk.ids()), (vec![3, 2, 1], Some((trace_id(3), span_id(3)))));
}

// --- scale, time, path ---

#[test]
fn folded_traces_share_a_scale_that_goes_with_what_is_shown() {
    const MS: Nanos = 1_000_000;
    let mut desk = TestHarness::of(&[(1, 1, 0, 0, Some(900 * MS)), (2, 2, 0, 5, Some(3 * MS))]);
    assert_eq!(desk.app.tree.scale(), 1_000_000_000);
    desk.app.set_filter(&desk.store, "name:2".to_owned());
    assert_eq!(desk.app.tree.scale(), 5 * 1_000_000);
    desk.app.tree.measure = Measure::Tokens;
    assert_eq!(desk.app.tree.scale(), 2);
    desk.app.set_filter(&desk.store, String::new());
    desk.app.tree.measure = Measure::Time;
    desk.arrive(&[(1, 9, 1, 0, Some(4000 * MS))]);
    assert_eq!(desk.app.tree.scale(), 5_000_000_000);
}

#[test]
fn time_is_looked_at_closely_and_moved_along() {
    let mut desk = TestHarness::of(&[(1, 1, 0, 0, Some(80_000)), (1, 2, 1, 60_000, Some(64_000)), (2, 1, 0, 90_000, Some(99_000))]);
    let time = |desk: &TestHarness| desk.app.tree.axis(&desk.store, desk.known(1), desk.now);
    desk.act(Action::ZoomIn);
    assert!(desk.app.message.take().is_some(), "a folded trace has no time of its own");
    desk.go(1, 2);
    desk.act(Action::Later);
    assert!(desk.app.message.take().is_some(), "there is nowhere to go");
    desk.act(Action::ZoomIn);
    assert_eq!(time(&desk), Axis { start: 40_000, end: 80_000 }, "about the span, within the trace");
    desk.act(Action::ZoomIn);
    assert_eq!(time(&desk), Axis { start: 52_000, end: 72_000 });
    desk.act(Action::Later);
    desk.act(Action::Later);
    assert_eq!(time(&desk), Axis { start: 60_000, end: 80_000 }, "no further than the end");
    (0..99).for_each(|_| drop(desk.act(Action::Earlier)));
    assert_eq!(time(&desk), Axis { start: 0, end: 20_000 });
    (0..99).for_each(|_| drop(desk.act(Action::ZoomIn)));
    assert_eq!(time(&desk).end - time(&desk).start, 1000);
    (0..99).for_each(|_| drop(desk.act(Action::ZoomOut)));
    assert_eq!(time(&desk), Axis { start: 0, end: 80_000 });
    desk.act(Action::ZoomIn);
    desk.act(Action::ZoomReset);
    assert_eq!(time(&desk), Axis { start: 0, end: 80_000 });
}

#[test]
fn the_critical_path_is_what_decided_the_length() {
    // 1 does nothing itself before 2 and 3, which run side by side; 4 waits for the longer one, and for 5 and 6 inside it.
    let mut desk = TestHarness::of(&[
        (1, 1, 0, 0, Some(100)),
        (1, 2, 1, 10, Some(30)),
        (1, 3, 1, 10, Some(50)),
        (1, 4, 1, 50, Some(90)),
        (1, 5, 4, 55, Some(70)),
        (1, 6, 4, 60, Some(89)),
    ]);
    desk.act(Action::CriticalPath);
    assert_eq!(desk.lit(1), [1, 3, 4, 6]);
    desk.arrive(&[(1, 2, 1, 10, Some(95))]);
    desk.app.advance_filter(&desk.store);
    assert_eq!(desk.lit(1), [1, 2]);
    desk.act(Action::CriticalPath);
    assert!(desk.lit(1).is_empty());
}

#[test]
fn the_critical_path_goes_through_what_outlives_its_parent() {
    let mut desk = TestHarness::of(&[(1, 1, 0, 0, Some(40)), (1, 2, 1, 10, Some(40)), (1, 3, 1, 60, Some(90)), (1, 4, 3, 60, Some(60))]);
    desk.act(Action::CriticalPath);
    assert_eq!(desk.lit(1), [1, 2, 3]);
    desk.arrive(&[(1, 9, 8, 120, Some(130))]);
    desk.app.advance_filter(&desk.store);
    assert_eq!(desk.lit(1), [1, 2, 3, 8, 9], "a placeholder at the top runs until now");
}

#[test]
fn what_is_evicted_takes_its_zoom_and_its_path_along() {
    let mut desk = TestHarness::new(Limits { spans: 3, ..Limits::default() });
    desk.arrive(&[(1, 1, 0, 0, Some(80_000)), (1, 2, 1, 60_000, Some(64_000))]);
    desk.go(1, 2);
    desk.act(Action::CriticalPath);
    desk.act(Action::ZoomIn);
    desk.arrive(&[(2, 1, 0, 90_000, Some(99_000)), (3, 1, 0, 90_000, Some(99_000))]);
    let trace = desk.known(3);
    assert_eq!(desk.app.tree.zoom_axis(trace), None);
    assert!(desk.lit(3).is_empty());
    desk.app.advance_filter(&desk.store);
    assert!(desk.order().contains(&3) && desk.ids().is_some());
}

// --- the cursor ---

#[derive(Clone, Debug)]
enum Step {
    Arrive(Vec<Small>),
    Act(Action),
    Filter(&'static str),
    Tick,
}

fn any_step() -> impl Strategy<Value = Step> {
    let span = (1_u8..7, 1_u8..12, 0_u8..12, 0_i64..1000, prop::option::weighted(0.8, 0_i64..2000));
    let action = prop::sample::select(vec![
        Action::Down,
        Action::Down,
        Action::Up,
        Action::PageDown,
        Action::Fold,
        Action::Unfold,
        Action::Unfold,
        Action::FoldBelow,
        Action::FoldAll,
        Action::NextError,
        Action::PreviousError,
        Action::NextMatch,
        Action::Bottom,
        Action::Follow,
        Action::Sort,
        Action::Reverse,
        Action::CriticalPath,
        Action::ZoomIn,
        Action::Later,
        Action::Pause,
    ]);
    prop_oneof![
        4 => prop::collection::vec(span, 1..6).prop_map(Step::Arrive),
        6 => action.prop_map(Step::Act),
        1 => prop::sample::select(vec!["", "status:error", "name:3", "status:running", "dur:>500ns"]).prop_map(Step::Filter),
        1 => Just(Step::Tick),
    ]
}

impl TestHarness {
    fn step(&mut self, step: Step) -> Result<(), TestCaseError> {
        let before = self.ids();
        let stays = matches!(step, Step::Arrive(_) | Step::Tick) && !self.app.tree.follow;
        let looks_for_error = matches!(step, Step::Act(Action::NextError | Action::PreviousError));
        match step {
            Step::Arrive(spans) => self.arrive(&spans),
            Step::Act(action) => drop(self.act(action)),
            Step::Filter(line) => self.app.set_filter(&self.store, line.to_owned()),
            Step::Tick => {
                self.now += 200;
                self.app.tick(&mut self.store, self.now);
            }
        }
        self.app.advance_filter(&self.store);
        if let Some(before) = before.filter(|&before| stays && self.shows(before)) {
            prop_assert_eq!(self.ids(), Some(before), "the cursor left its span");
        }
        if looks_for_error && self.app.message.take().is_none() {
            let found = self.app.tree.cursor().map(|row| self.store.row(row).status);
            prop_assert_eq!(found, Some(Status::Error));
        }
        self.check()
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let tree = &self.app.tree;
        prop_assert_eq!(tree.cursor().is_some(), !tree.is_empty());
        let Some(cursor) = self.ids() else { return Ok(()) };
        prop_assert!(self.shows(cursor), "the cursor stands on what is not shown");
        let (window, line) = tree.window(&self.store, 10);
        prop_assert_eq!(window[line], tree.cursor().unwrap());
        let mut seen = HashSet::new();
        prop_assert!(window.iter().all(|row| seen.insert(row)), "a row stands twice");
        // The whole list, downwards and upwards.
        let head = |trace: TraceIx| self.store.trace(trace).roots()[0];
        let first = tree.traces().next().map(head);
        let down: Vec<RowIx> = std::iter::successors(first, |&row| tree.next(&self.store, row)).take(500).collect();
        let mut up: Vec<RowIx> = std::iter::successors(down.last().copied(), |&row| tree.previous(&self.store, row)).take(500).collect();
        up.reverse();
        prop_assert_eq!(&down, &up);
        let shown = |row: &RowIx| self.shows((self.store.trace(self.store.row(*row).trace()).id, self.store.row(*row).id));
        prop_assert_eq!(down.len(), self.store.rows().filter(shown).count(), "a row is missing");
        let start = down.iter().position(|row| *row == window[0]).unwrap();
        prop_assert_eq!(&down[start..start + window.len()], &window[..], "the window has a hole");
        let mut traces: Vec<TraceIx> = tree.traces().collect();
        let sorted = traces.clone();
        traces.sort_by_key(|&trace| tree.placements.get(trace).unwrap().entry.clone());
        if tree.sorting().is_reversed == (tree.sorting().by == Sort::Name) {
            traces.reverse();
        }
        prop_assert_eq!(traces, sorted);
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn whatever_comes_the_cursor_stays_and_the_screen_is_whole(
        steps in prop::collection::vec(any_step(), 1..60), spans in prop::sample::select(vec![12, 25, 1000]),
    ) {
        let mut desk = TestHarness::new(Limits { spans, stale: 700, ..Limits::default() });
        for step in steps {
            desk.step(step)?;
        }
    }
}
