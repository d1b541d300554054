#![allow(clippy::unwrap_used)]

use std::collections::HashSet;

use proptest::prelude::*;

use super::{Sort, Sorting, TraceTree, TreeLine};
use crate::model::usage::Usage;
use crate::model::{Batch, Nanos, Origin, SourceId, Span, SpanFacts, SpanId, SpanType, Status, TraceId};
use crate::settings::Measure;
use crate::store::{Limits, RowIx, TraceIx};
use crate::tui::app::Action;
use crate::tui::app::test_harness::{TestHarness, slice, span, span_id, trace_id};
use crate::tui::widget::Axis;

/// A span: its trace, id, parent (0 for a root), start and end.
type SpanSpec = (u8, u8, u8, Nanos, Option<Nanos>);

/// Every seventh span fails, and each span uses as many tokens as its id.
fn batch(spans: &[SpanSpec]) -> Batch {
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
    fn with_spans(spans: &[SpanSpec]) -> Self {
        let mut harness = Self::new(Limits::default());
        harness.arrive(spans);
        harness
    }

    fn arrive(&mut self, spans: &[SpanSpec]) {
        self.receive(batch(spans), 1);
    }

    fn trace_ix(&self, number: u8) -> TraceIx {
        self.store.find_trace(trace_id(number)).unwrap()
    }

    fn row(&self, trace: u8, id: u8) -> RowIx {
        self.store.find(self.trace_ix(trace), span_id(id.into())).unwrap()
    }

    fn go(&mut self, trace: u8, id: u8) {
        let row = self.row(trace, id);
        self.app.tree.reveal(&self.store, row);
    }

    /// The ids of the span under the cursor; the store reuses row indices.
    fn cursor_ids(&self) -> Option<(TraceId, SpanId)> {
        self.app.tree.cursor().map(|row| {
            let data = self.store.row(row);
            (self.store.trace(data.trace()).id, data.id)
        })
    }

    /// Whether the span is on the screen or can be scrolled to.
    fn shows(&self, (trace, id): (TraceId, SpanId)) -> bool {
        let tree = &self.app.tree;
        let Some(row) = self.store.find_trace(trace).and_then(|trace| self.store.find(trace, id)) else { return false };
        let mut ancestors = std::iter::successors(TraceTree::parent(&self.store, row), |&row| TraceTree::parent(&self.store, row));
        tree.traces().any(|shown| self.store.trace(shown).id == trace) && ancestors.all(|row| tree.is_open(&self.store, row))
    }

    /// The numbers of the traces from the top of the screen.
    fn order(&self) -> Vec<u8> {
        self.app.tree.traces().map(|trace| self.store.trace(trace).id.bytes()[0]).collect()
    }

    fn critical_path(&self, trace: u8) -> Vec<u64> {
        let rows = self.store.rows_of(self.trace_ix(trace)).into_iter();
        let critical = rows.filter(|&row| self.app.tree.is_critical(&self.store, row) == Some(true));
        let mut ids: Vec<u64> = critical.map(|row| u64::from_be_bytes(self.store.row(row).id.bytes())).collect();
        ids.sort_unstable();
        ids
    }
}

// --- order ---

#[test]
fn traces_stay_sorted_by_the_chosen_key() {
    let mut harness = TestHarness::with_spans(&[(1, 9, 0, 100, Some(400)), (2, 3, 0, 200, Some(900)), (3, 7, 0, 300, Some(350))]);
    let mut orders = Vec::new();
    for _ in Sort::ALL {
        orders.push((harness.app.tree.sorting().by.name(), harness.order()));
        harness.act(Action::Sort);
    }
    let expected = [
        ("start", vec![3, 2, 1]),
        ("time", vec![2, 1, 3]),
        ("tokens", vec![1, 3, 2]),
        ("cost", vec![3, 2, 1]),
        ("errors", vec![3, 2, 1]),
        ("name", vec![2, 3, 1]),
    ];
    assert_eq!(orders, expected);
    assert_eq!(harness.app.tree.sorting(), Sorting::default(), "the first key follows the last");
    harness.act(Action::Sort);
    harness.act(Action::Reverse);
    assert_eq!(harness.order(), [3, 1, 2]);
    harness.arrive(&[(4, 1, 0, 50, Some(150)), (3, 7, 0, 300, Some(5000))]);
    assert_eq!(harness.order(), [4, 1, 2, 3]);
}

#[test]
fn unknown_values_come_last_in_both_directions() {
    let mut harness = TestHarness::with_spans(&[(1, 9, 0, 100, Some(400)), (2, 3, 0, 200, Some(900))]);
    let mut unknown = batch(&[(3, 1, 0, 300, Some(301))]);
    unknown.spans[0].facts.usage = None;
    harness.app.receive(&mut harness.store, unknown, 1);
    harness.act(Action::Sort);
    harness.act(Action::Sort);
    assert_eq!(harness.order(), [1, 2, 3]);
    harness.act(Action::Reverse);
    assert_eq!(harness.order(), [2, 1, 3]);
}

#[test]
fn following_sorts_the_newest_trace_to_the_top() {
    let mut harness = TestHarness::with_spans(&[(1, 1, 0, 100, Some(900)), (2, 2, 0, 200, Some(300))]);
    harness.act(Action::Follow);
    harness.act(Action::Sort);
    assert!(!harness.app.tree.follow);
    harness.arrive(&[(3, 3, 0, 300, Some(310))]);
    assert_eq!(harness.cursor_ids(), Some((trace_id(1), span_id(1))));
    harness.act(Action::Follow);
    assert_eq!((harness.order(), harness.cursor_ids()), (vec![3, 2, 1], Some((trace_id(3), span_id(3)))));
}

// --- scale, time, path ---

#[test]
fn folded_traces_share_a_scale_that_depends_on_the_shown_traces() {
    const MS: Nanos = 1_000_000;
    let mut harness = TestHarness::with_spans(&[(1, 1, 0, 0, Some(900 * MS)), (2, 2, 0, 5, Some(3 * MS))]);
    assert_eq!(harness.app.tree.scale(), 1_000_000_000);
    harness.app.set_filter(&harness.store, "name:2".to_owned());
    assert_eq!(harness.app.tree.scale(), 5 * 1_000_000);
    harness.app.tree.measure = Measure::Tokens;
    assert_eq!(harness.app.tree.scale(), 2);
    harness.app.set_filter(&harness.store, String::new());
    harness.app.tree.measure = Measure::Time;
    harness.arrive(&[(1, 9, 1, 0, Some(4000 * MS))]);
    assert_eq!(harness.app.tree.scale(), 5_000_000_000);
}

#[test]
fn zoom_and_pan_stay_within_the_trace() {
    let mut harness =
        TestHarness::with_spans(&[(1, 1, 0, 0, Some(80_000)), (1, 2, 1, 60_000, Some(64_000)), (2, 1, 0, 90_000, Some(99_000))]);
    let time = |harness: &TestHarness| harness.app.tree.axis(&harness.store, harness.trace_ix(1), harness.now);
    harness.act(Action::ZoomIn);
    assert!(harness.app.message.take().is_some(), "a folded trace has no time axis of its own");
    harness.go(1, 2);
    harness.act(Action::Later);
    assert!(harness.app.message.take().is_some(), "the whole trace is shown");
    harness.act(Action::ZoomIn);
    assert_eq!(time(&harness), Axis { start: 40_000, end: 80_000 }, "around the span, within the trace");
    harness.act(Action::ZoomIn);
    assert_eq!(time(&harness), Axis { start: 52_000, end: 72_000 });
    harness.act(Action::Later);
    harness.act(Action::Later);
    assert_eq!(time(&harness), Axis { start: 60_000, end: 80_000 }, "not beyond the end");
    (0..99).for_each(|_| drop(harness.act(Action::Earlier)));
    assert_eq!(time(&harness), Axis { start: 0, end: 20_000 });
    (0..99).for_each(|_| drop(harness.act(Action::ZoomIn)));
    assert_eq!(time(&harness).end - time(&harness).start, 1000);
    (0..99).for_each(|_| drop(harness.act(Action::ZoomOut)));
    assert_eq!(time(&harness), Axis { start: 0, end: 80_000 });
    harness.act(Action::ZoomIn);
    harness.act(Action::ZoomReset);
    assert_eq!(time(&harness), Axis { start: 0, end: 80_000 });
}

#[test]
fn the_critical_path_determines_the_duration() {
    // 2 and 3 run in parallel inside 1; 4 starts when the longer one ends, and contains 5 and 6.
    let mut harness = TestHarness::with_spans(&[
        (1, 1, 0, 0, Some(100)),
        (1, 2, 1, 10, Some(30)),
        (1, 3, 1, 10, Some(50)),
        (1, 4, 1, 50, Some(90)),
        (1, 5, 4, 55, Some(70)),
        (1, 6, 4, 60, Some(89)),
    ]);
    harness.act(Action::CriticalPath);
    assert_eq!(harness.critical_path(1), [1, 3, 4, 6]);
    harness.arrive(&[(1, 2, 1, 10, Some(95))]);
    harness.app.advance_filter(&harness.store, slice());
    assert_eq!(harness.critical_path(1), [1, 2]);
    harness.act(Action::CriticalPath);
    assert!(harness.critical_path(1).is_empty());
}

#[test]
fn the_critical_path_includes_spans_that_outlive_their_parent() {
    let mut harness =
        TestHarness::with_spans(&[(1, 1, 0, 0, Some(40)), (1, 2, 1, 10, Some(40)), (1, 3, 1, 60, Some(90)), (1, 4, 3, 60, Some(60))]);
    harness.act(Action::CriticalPath);
    assert_eq!(harness.critical_path(1), [1, 2, 3]);
    harness.arrive(&[(1, 9, 8, 120, Some(130))]);
    harness.app.advance_filter(&harness.store, slice());
    assert_eq!(harness.critical_path(1), [1, 2, 3, 8, 9], "a placeholder root runs until now");
}

#[test]
fn the_critical_path_runs_through_the_call_that_delegates_into_the_run_of_the_member() {
    use SpanType::{Agent, Model, Team, Tool};
    let mut team = Batch::new(SourceId(0), Origin::Live);
    let [name, delegate] = ["x", "delegate_task_to_member"].map(|text| team.intern(text));
    let spans = [(1, 0, 0, 90, Team), (2, 1, 10, 80, Tool), (3, 1, 12, 78, Agent), (4, 3, 13, 40, Model), (5, 3, 13, 77, Model)];
    for (id, parent, start, end, span_type) in spans {
        let tool = if span_type == Tool { delegate } else { name };
        let facts = SpanFacts { span_type, misplaced: true, tool, ..SpanFacts::default() };
        team.spans.push(span(1, id, parent, (start, Some(end)), name, facts));
    }
    let mut harness = TestHarness::new(Limits::default());
    harness.receive(team, 1);
    harness.act(Action::CriticalPath);
    assert_eq!(harness.critical_path(1), [1, 2, 3, 5]);
}

#[test]
fn a_model_call_that_still_streams_when_the_step_begins_that_it_asked_for_is_on_the_critical_path_until_then() {
    use SpanType::{Agent, Model, Other, Tool};
    let mut turn = Batch::new(SourceId(0), Origin::Live);
    let name = turn.intern("x");
    // 2 runs beside everything else, as a call for a title does. 3 asks for 5 and 6 while it streams; 4 and 9 are inside it, 9 after 6 began.
    let spans = [
        (1, 0, 0, 500, Agent),
        (2, 1, 1, 250, Model),
        (3, 1, 2, 159, Model),
        (4, 3, 10, 130, Other),
        (9, 3, 125, 140, Other),
        (5, 1, 100, 110, Tool),
        (6, 1, 122, 300, Tool),
        (7, 1, 121, 290, Tool),
        (8, 1, 310, 490, Model),
    ];
    for (id, parent, start, end, span_type) in spans {
        turn.spans.push(span(1, id, parent, (start, Some(end)), name, SpanFacts { span_type, ..SpanFacts::default() }));
    }
    let mut harness = TestHarness::new(Limits::default());
    harness.receive(turn, 1);
    let path = harness.store.critical_path(harness.trace_ix(1), harness.now);
    let mut times: Vec<(u64, Nanos)> =
        path.into_iter().map(|(row, time)| (u64::from_be_bytes(harness.store.row(row).id.bytes()), time)).collect();
    times.sort_unstable();
    assert_eq!(times, [(1, 22), (3, 8), (4, 112), (6, 178), (8, 180)]);
}

#[test]
fn the_slowest_steps_are_visited_in_the_order_of_the_time_that_they_decided() {
    // 2 runs beside 3 and decides nothing; 1 decides before 3 and after 4.
    let mut harness = TestHarness::with_spans(&[
        (1, 1, 0, 0, Some(100)),
        (1, 2, 1, 10, Some(49)),
        (1, 3, 1, 10, Some(50)),
        (1, 4, 1, 50, Some(95)),
        (2, 1, 0, 500, Some(900)),
    ]);
    harness.go(1, 1);
    let mut visited = Vec::new();
    for _ in 0..4 {
        harness.act(Action::Slowest);
        let text = harness.app.message.as_ref().map(|message| message.text.clone()).unwrap();
        visited.push((harness.cursor_ids().unwrap().1, text));
    }
    let expected = [
        (4, "slowest 1 of 3: 45ns of 100ns (45%)"),
        (3, "slowest 2 of 3: 40ns of 100ns (40%)"),
        (1, "slowest 3 of 3: 15ns of 100ns (15%)"),
        (4, "slowest 1 of 3: 45ns of 100ns (45%)"),
    ];
    assert_eq!(visited, expected.map(|(id, text)| (span_id(id), text.to_owned())));
    harness.act(Action::Up);
    assert_eq!(harness.app.message, None, "it was said of another step");
    harness.go(1, 3);
    harness.act(Action::Slowest);
    assert_eq!(harness.cursor_ids().unwrap().1, span_id(4), "after another move it begins with the slowest");
    harness.act(Action::ViewTools);
    harness.act(Action::Slowest);
    let table = harness.app.table.as_ref().unwrap();
    assert_eq!(table.columns()[table.sorted].name(), "P95");
    harness.act(Action::ViewErrors);
    harness.act(Action::Slowest);
    assert!(harness.app.message.as_ref().is_some_and(|message| message.text.contains("no times")));
}

#[test]
fn a_trace_without_a_known_time_has_no_slowest_step() {
    let mut harness = TestHarness::with_spans(&[(1, 1, 0, 10, Some(10))]);
    harness.act(Action::Slowest);
    assert!(harness.app.message.as_ref().is_some_and(|message| message.text.contains("no step")));
}

#[test]
fn eviction_removes_the_zoom_and_the_critical_path() {
    let mut harness = TestHarness::new(Limits { spans: 3, ..Limits::default() });
    harness.arrive(&[(1, 1, 0, 0, Some(80_000)), (1, 2, 1, 60_000, Some(64_000))]);
    harness.go(1, 2);
    harness.act(Action::CriticalPath);
    harness.act(Action::ZoomIn);
    harness.arrive(&[(2, 1, 0, 90_000, Some(99_000)), (3, 1, 0, 90_000, Some(99_000))]);
    let trace = harness.trace_ix(3);
    assert_eq!(harness.app.tree.zoom_axis(&harness.store, trace), None);
    assert!(harness.critical_path(3).is_empty());
    harness.app.advance_filter(&harness.store, slice());
    assert!(harness.order().contains(&3) && harness.cursor_ids().is_some());
}

// --- the cursor ---

#[derive(Clone, Debug)]
enum Step {
    Arrive(Vec<SpanSpec>),
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
        let before = self.cursor_ids();
        let stays = matches!(step, Step::Arrive(_) | Step::Tick) && !self.app.tree.follow;
        let seeks_error = matches!(step, Step::Act(Action::NextError | Action::PreviousError));
        match step {
            Step::Arrive(spans) => self.arrive(&spans),
            Step::Act(action) => drop(self.act(action)),
            Step::Filter(line) => self.app.set_filter(&self.store, line.to_owned()),
            Step::Tick => {
                self.now += 200;
                self.app.tick(&mut self.store, self.now);
            }
        }
        self.app.advance_filter(&self.store, slice());
        if let Some(before) = before.filter(|&before| stays && self.shows(before)) {
            prop_assert_eq!(self.cursor_ids(), Some(before), "the cursor left its span");
        }
        if seeks_error && self.app.message.take().is_none() {
            let found = self.app.tree.cursor().map(|row| self.store.row(row).own_failure());
            prop_assert_eq!(found, Some(true));
        }
        self.check()
    }

    fn check(&self) -> Result<(), TestCaseError> {
        let tree = &self.app.tree;
        prop_assert_eq!(tree.cursor().is_some(), !tree.is_empty());
        let Some(cursor) = self.cursor_ids() else { return Ok(()) };
        prop_assert!(self.shows(cursor), "the cursor is on a hidden row");
        let (lines, line) = tree.window(&self.store, 10);
        let window: Vec<RowIx> = lines.into_iter().filter_map(TreeLine::row).collect();
        prop_assert_eq!(window[line], tree.cursor().unwrap());
        let mut seen = HashSet::new();
        prop_assert!(window.iter().all(|row| seen.insert(row)), "a row is listed twice");
        // The whole list in both directions.
        let head = |trace: TraceIx| self.store.trace(trace).roots()[0];
        let first = tree.traces().next().map(head);
        let down: Vec<RowIx> = std::iter::successors(first, |&row| tree.next(&self.store, row)).take(500).collect();
        let mut up: Vec<RowIx> = std::iter::successors(down.last().copied(), |&row| tree.previous(&self.store, row)).take(500).collect();
        up.reverse();
        prop_assert_eq!(&down, &up);
        let shown = |row: &RowIx| self.shows((self.store.trace(self.store.row(*row).trace()).id, self.store.row(*row).id));
        prop_assert_eq!(down.len(), self.store.rows().filter(shown).count(), "a row is missing");
        let start = down.iter().position(|row| *row == window[0]).unwrap();
        prop_assert_eq!(&down[start..start + window.len()], &window[..], "the window is not contiguous");
        let mut traces: Vec<TraceIx> = tree.traces().collect();
        let sorted = traces.clone();
        traces.sort_by_key(|&trace| tree.shown.entry(trace).unwrap().clone());
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
    fn the_cursor_and_the_window_stay_consistent(
        steps in prop::collection::vec(any_step(), 1..60), spans in prop::sample::select(vec![12, 25, 1000]),
    ) {
        let mut harness = TestHarness::new(Limits { spans, stale: 700, ..Limits::default() });
        for step in steps {
            harness.step(step)?;
        }
    }
}

#[test]
fn many_traces_are_sorted_in_slices_while_spans_arrive() {
    let specs: Vec<SpanSpec> = (1..=250).map(|at| (at, 1, 0, 1000 + i64::from(at), Some(3000))).collect();
    let mut harness = TestHarness::with_spans(&specs);
    let longest_first = Sorting { by: Sort::Duration, is_reversed: false };
    harness.app.tree.begin_order(longest_first, true);
    let zero = || crate::tui::slices::Slice::of(std::time::Duration::ZERO);
    assert!(harness.app.tree.continue_order(&harness.store, 1, zero()), "more work than a slice has time for");
    assert_eq!((harness.app.tree.sorting(), harness.order()[0]), (longest_first, 250), "the former order stays until the other is found");
    // One that was placed, one that was not, and a new one.
    for spans in [(240, 2, 1, 1500, Some(9000)), (10, 2, 1, 1500, Some(8000)), (251, 1, 0, 2000, Some(2001))] {
        harness.receive(batch(&[spans]), 1);
    }
    while harness.app.tree.continue_order(&harness.store, 1, zero()) {}
    let order = harness.order();
    assert_eq!((&order[..3], order[250], order.len()), (&[240, 10, 1][..], 251, 251));
    assert_eq!(harness.cursor_ids().map(|(trace, _)| trace), Some(trace_id(240)), "the cursor goes to the top");
    harness.check().unwrap();
}

#[test]
fn what_waits_for_a_person_stands_at_the_top_in_every_order() {
    use crate::model::Ending;
    use crate::model::review::{Approval, Reviews};

    let mut harness = TestHarness::with_spans(&[(1, 1, 0, 100, Some(101)), (3, 3, 0, 300, Some(309))]);
    let mut paused = batch(&[(2, 2, 0, 200, Some(205))]);
    paused.spans[0].facts.run = paused.intern("r");
    (paused.spans[0].facts.span_type, paused.spans[0].facts.ending) = (SpanType::Agent, Ending::Paused);
    harness.receive(paused, 1);
    let order = |harness: &TestHarness| {
        harness.app.tree.traces().map(|trace| harness.store.trace(trace).id.to_string()[..2].to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(order(&harness), ["03", "02", "01"]);
    let ask = |waits| {
        let approval = Approval { id: "a".into(), run: "r".into(), waits, ..Approval::default() };
        let mut batch = batch(&[]);
        batch.reviews = Some(std::sync::Arc::new(Reviews { approvals: vec![approval], evaluations: Vec::new() }));
        batch
    };
    harness.receive(ask(true), 1);
    assert!(harness.app.take_bell());
    for by in Sort::ALL.map(|(sort, _)| sort) {
        for is_reversed in [false, true] {
            harness.app.tree.sort(&harness.store, Sorting { by, is_reversed }, 1);
            assert_eq!(order(&harness)[0], "02", "{by:?} {is_reversed}");
        }
    }
    harness.app.tree.start_following(&harness.store, 1);
    assert_eq!(harness.cursor_ids().map(|(trace, _)| trace), Some(trace_id(3)), "the newest one is followed");
    harness.receive(ask(false), 1);
    assert_eq!((order(&harness), harness.app.take_bell()), (["03", "02", "01"].map(str::to_owned).to_vec(), false));
}

#[test]
fn the_view_of_approvals_lists_what_waits_first_and_leads_to_its_run() {
    use crate::model::review::{Approval, Reviews};
    use crate::tui::app::Cell;

    let mut harness = TestHarness::with_spans(&[(1, 1, 0, 100, Some(101))]);
    let mut asking = batch(&[(2, 2, 0, 200, Some(205))]);
    asking.spans[0].facts.run = asking.intern("r");
    asking.spans[0].facts.span_type = SpanType::Agent;
    harness.receive(asking, 1);
    assert!(!harness.app.has_approvals);
    let approval = |tool: &str, run: &str, status: &str, asked| Approval {
        id: tool.into(),
        run: run.into(),
        status: status.into(),
        waits: status == "pending",
        tool: tool.into(),
        asked: Some(asked),
        ..Approval::default()
    };
    let approvals =
        vec![approval("second", "gone", "approved", 2), approval("waits", "r", "pending", 1), approval("third", "gone", "rejected", 3)];
    let mut reviews = batch(&[]);
    reviews.reviews = Some(std::sync::Arc::new(Reviews { approvals, evaluations: Vec::new() }));
    harness.receive(reviews, 1);
    harness.app.update(&mut harness.store, Action::ViewApprovals, 1);
    let TestHarness { app, store, .. } = &mut harness;
    while app.prepare_frame(store, 10, (80, 10)) {}
    let name = |cell: &Cell| if let Cell::Text(text) = cell { text.clone() } else { String::new() };
    let calls: Vec<String> = app.table.as_ref().unwrap().shown().iter().map(|line| name(&line.cells[0])).collect();
    assert!(app.has_approvals);
    assert_eq!(calls, ["waits", "third", "second"], "what waits, then the newest answers");
    app.update(store, Action::Bottom, 1);
    app.update(store, Action::Detail, 1);
    assert_eq!((app.filter.as_str(), app.table.is_some()), ("", true), "the run is not held");
    app.update(store, Action::Top, 1);
    app.update(store, Action::Detail, 1);
    while app.prepare_frame(store, 10, (80, 10)) {}
    let shown: Vec<_> = app.tree.traces().map(|trace| store.trace(trace).id).collect();
    assert_eq!((shown, app.table.is_some()), (vec![trace_id(2)], false), "{}", app.filter);
}
