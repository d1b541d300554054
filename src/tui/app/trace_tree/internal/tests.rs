#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::{FEW, Folded, TreeLine};
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

/// The same with one name and one time for all spans.
fn alike(spans: &[SpanSpec]) -> Batch {
    let mut batch = batch(spans);
    let name = batch.intern("Alike");
    for span in &mut batch.spans {
        (span.start, span.end, span.facts.agent, span.facts.tool) = (0, Some(SECOND), name, name);
    }
    batch
}

fn unfolded(spans: &[SpanSpec]) -> TestHarness {
    opened(batch(spans))
}

fn opened(batch: Batch) -> TestHarness {
    let mut harness = TestHarness::new(Limits::default());
    harness.receive(batch, 1000 * SECOND);
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
        self.all_folded().internal
    }

    fn all_folded(&self) -> Folded {
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
    assert_eq!((lines.len(), lines[3], cursor), (4, TreeLine::Internal(trace, Folded { internal: 30, retold: 0 }), 0));
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

/// A run that is told twice, and in it two tools that are, the second of which fails.
const TWICE: [SpanSpec; 6] = [
    (1, 0, SpanType::Agent, false),
    (2, 1, SpanType::Team, false),
    (3, 2, SpanType::Tool, false),
    (4, 3, SpanType::Tool, false),
    (5, 2, SpanType::Tool, true),
    (6, 5, SpanType::Tool, true),
];

#[test]
fn what_is_told_again_is_folded_into_the_row_above() {
    let mut harness = opened(alike(&TWICE));
    assert_eq!((harness.shown(), harness.all_folded()), (vec![1, 3, 5], Folded { internal: 0, retold: 3 }));
    let tree = &harness.app.tree;
    assert_eq!(
        harness.store.row(tree.telling(&harness.store, harness.row_of(1))).span_type,
        SpanType::Team,
        "one of them tells that it is a team"
    );
    assert_eq!(tree.shown_parent(&harness.store, harness.row_of(5)), Some(harness.row_of(1)));
    let (children, count) = tree.bar_children(&harness.store, harness.row_of(1));
    assert_eq!((children.collect::<Vec<_>>(), count), (vec![harness.row_of(3), harness.row_of(5)], 2));
    assert_eq!(tree.bar_children(&harness.store, harness.row_of(3)).1, 0, "the bar of the tool is full");
    harness.act(Action::NextError);
    assert_eq!((harness.app.tree.cursor(), harness.shown().len()), (Some(harness.row_of(5)), 3), "no fold is opened for the same error");
    harness.act(Action::NextError);
    assert_eq!(harness.app.tree.cursor(), Some(harness.row_of(5)));
    harness.act(Action::Ordinary);
    assert_eq!((harness.shown(), harness.all_folded()), (vec![1, 2, 3, 4, 5, 6], Folded::default()));
}

#[test]
fn many_internal_spans_and_what_is_told_again_are_one_line() {
    let internal = (10..40).map(|id| (id, 4, SpanType::Other, false));
    let harness = opened(alike(&TWICE.into_iter().chain(internal).collect::<Vec<_>>()));
    assert_eq!((harness.shown(), harness.all_folded()), (vec![1, 3, 5], Folded { internal: 30, retold: 3 }));
}

#[test]
fn what_differs_is_not_told_again() {
    type Change = (&'static str, fn(&mut Batch));
    let changes: [Change; 9] = [
        ("name", |batch| batch.spans[1].facts.agent = batch.spans[0].name),
        ("kind", |batch| batch.spans[1].facts.span_type = SpanType::Workflow),
        ("time", |batch| batch.spans[1].end = Some(SECOND * 9 / 10)),
        ("still runs", |batch| batch.spans[1].end = None),
        ("service", |batch| batch.spans[1].facts.service = batch.intern("another")),
        ("input", |batch| (batch.spans[0].facts.input, batch.spans[1].facts.input) = (batch.intern("Hi"), batch.intern("Hello"))),
        ("session", |batch| (batch.spans[0].facts.session, batch.spans[1].facts.session) = (batch.intern("a"), batch.intern("b"))),
        ("failure", |batch| batch.spans[1].status = Status::Error),
        ("error", |batch| {
            batch.spans.iter_mut().for_each(|span| span.status = Status::Error);
            batch.spans[1].error = batch.intern("refused");
        }),
    ];
    let spans = [(1, 0, SpanType::Agent, false), (2, 1, SpanType::Agent, false), (3, 2, SpanType::Tool, false)];
    assert_eq!(opened(alike(&spans)).shown(), [1, 3]);
    for (name, change) in changes {
        let mut batch = alike(&spans);
        change(&mut batch);
        assert_eq!(opened(batch).shown(), [1, 2, 3], "{name}");
    }
    let mut unstated = alike(&spans);
    unstated.spans[1].facts.input = unstated.intern("Hello");
    let harness = opened(unstated);
    let telling = harness.app.tree.telling(&harness.store, harness.row_of(1));
    assert_eq!(
        (harness.shown(), telling),
        (vec![1, 3], harness.row_of(2)),
        "the upper row states no input, and shows that of the lower one"
    );
    let sibling = opened(alike(&[&spans[..], &[(4, 1, SpanType::Tool, false)]].concat()));
    assert_eq!(sibling.shown(), [1, 2, 3, 4], "another row stands beside it");
    let streamed = |kind| opened(alike(&[(1, 0, kind, false), (2, 1, kind, false), (3, 1, SpanType::Step, false)])).shown();
    assert_eq!(streamed(SpanType::Workflow), [1, 3], "a workflow may be told beside its steps");
    assert_eq!(streamed(SpanType::Agent), [1, 2, 3]);
}

#[test]
fn a_run_that_fails_by_a_step_is_told_again_if_the_step_states_the_error() {
    let run = |error: &str, step: &str| {
        let mut batch = alike(&[(1, 0, SpanType::Agent, false), (2, 1, SpanType::Agent, true), (3, 2, SpanType::Model, true)]);
        (batch.spans[1].error, batch.spans[2].error) = (batch.intern(error), batch.intern(step));
        opened(batch).shown()
    };
    assert_eq!(run("refused", "Error: refused"), [1, 3]);
    assert_eq!(run("a bug in the agent", "Error: refused"), [1, 2, 3]);
}

proptest! {
    #[test]
    fn nothing_is_lost(
        specs in prop::collection::vec((any::<prop::sample::Index>(), 0..20_u8, prop::bool::weighted(0.05)), 1..120),
        height in 1..30_usize, steps in prop::collection::vec(-3..8_isize, 0..20), open in 0..4_u8,
        are_alike in any::<bool>(),
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
        let mut harness = opened(if are_alike { alike(&spans) } else { batch(&spans) });
        let trace = harness.store.traces().next().unwrap();
        let totals = |harness: &TestHarness| -> Totals { harness.store.group_totals(trace) };
        let (before, all) = (totals(&harness), harness.store.rows_of(trace));
        if open == 0 {
            harness.act(Action::Ordinary);
        }
        // Every span is shown or counted, and what did not go well is shown.
        let (shown, Folded { internal, retold }) = (harness.shown(), harness.all_folded());
        let folded = internal + retold;
        let real = |row: &&RowIx| !harness.store.row(**row).placeholder;
        let shown_spans = all.iter().filter(real).filter(|&&row| shown.contains(&u64::from_be_bytes(harness.store.row(row).id.bytes()))).count();
        prop_assert_eq!(shown_spans as u64 + folded, all.iter().filter(real).count() as u64);
        prop_assert!(internal == 0 || internal > u64::from(FEW));
        prop_assert!(retold == 0 || (are_alike && open != 0));
        for &(id, _, kind, has_failed) in &spans {
            let is_told = (kind == SpanType::Other && !has_failed) || harness.store.is_retold(harness.row_of(id.into()));
            prop_assert!(is_told || shown.contains(&u64::from(id)), "{} is folded away", id);
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
