#![allow(clippy::unwrap_used)]

use crossterm::event::KeyCode;

use super::intake::HELD_BACK;
use super::test_harness::{TestHarness, span};
use super::*;
use crate::model::{Origin, Span, SpanFacts, SpanId, SpanType, Status, Text, TraceId};
use crate::sources::{Progress, Request, SearchHits};
use crate::store::{Limits, RowIx};

const SECOND: Nanos = 1_000_000_000;

impl TestHarness {
    /// A trace of an agent named after it, with tools under it; `failed` of them failed. It began at its number's second.
    fn trace(&mut self, number: u8, tools: u64, failed: u64) {
        let mut batch = Batch::new(SourceId(0), Origin::Live);
        Self::fill(&mut batch, number, tools, failed);
        self.receive(batch, SECOND);
    }

    fn fill(batch: &mut Batch, number: u8, tools: u64, failed: u64) {
        for id in 1..=tools + 1 {
            let label = batch.intern(&if id == 1 { format!("agent {number}") } else { format!("tool {id}") });
            let facts = SpanFacts {
                span_type: if id == 1 { SpanType::Agent } else { SpanType::Tool },
                agent: label,
                tool: label,
                ..SpanFacts::default()
            };
            let start = Nanos::from(number) * SECOND + id as Nanos;
            let status = if id > 1 && id - 1 <= failed { Status::Error } else { Status::Ok };
            batch.spans.push(Span { status, ..span(number, id, u64::from(id > 1), (start, Some(start + 5)), label, facts) });
        }
    }

    fn key(&mut self, c: char) -> Option<Effect> {
        self.press(if c == '\n' { KeyCode::Enter } else { KeyCode::Char(c) })
    }

    fn label(&self, row: RowIx) -> &str {
        self.store.text(self.store.row(row).label)
    }

    fn at(&self) -> &str {
        self.label(self.app.tree.cursor().unwrap())
    }

    /// The labels on the screen, and the cursor's line.
    fn screen(&self) -> (Vec<&str>, usize) {
        let (rows, cursor) = self.app.tree.window(&self.store, 10);
        (rows.into_iter().map(|row| self.label(row)).collect(), cursor)
    }
}

fn three() -> TestHarness {
    let mut desk = TestHarness::new(Limits::default());
    for number in [2, 1, 3] {
        desk.trace(number, 2, u64::from(number == 2));
    }
    desk.act(Action::Top);
    desk
}

#[test]
fn the_newest_trace_stands_on_top_whatever_the_order_of_arrival() {
    assert_eq!(three().screen().0, ["agent 3", "agent 2", "agent 1"]);
}

#[test]
fn one_walks_into_what_is_unfolded_and_over_what_is_not() {
    let mut desk = three();
    desk.act(Action::Down);
    desk.act(Action::Unfold);
    assert_eq!(desk.screen(), (vec!["agent 3", "agent 2", "tool 2", "tool 3", "agent 1"], 1));
    desk.act(Action::Unfold);
    assert_eq!(desk.at(), "tool 2");
    desk.act(Action::PageDown);
    assert_eq!(desk.at(), "agent 1");
    desk.act(Action::Up);
    assert_eq!(desk.at(), "tool 3");
    desk.act(Action::Fold);
    assert_eq!(desk.at(), "agent 2", "a row without children leads to its parent");
    desk.act(Action::Fold);
    assert_eq!(desk.screen().0, ["agent 3", "agent 2", "agent 1"]);
}

#[test]
fn the_cursor_stays_on_its_span_and_on_its_line_whatever_arrives() {
    let mut desk = three();
    desk.act(Action::FoldAll);
    for _ in 0..4 {
        desk.act(Action::Down);
    }
    assert_eq!((desk.at(), desk.screen().1), ("tool 2", 4));
    desk.trace(9, 2, 0);
    desk.trace(2, 5, 0);
    assert_eq!((desk.at(), desk.screen().1), ("tool 2", 4));
}

#[test]
fn following_opens_the_newest_and_folds_what_ended() {
    let mut desk = three();
    desk.act(Action::Follow);
    assert_eq!(desk.screen().0, ["agent 3", "tool 2", "tool 3", "agent 2", "agent 1"]);
    desk.trace(4, 1, 0);
    assert_eq!(desk.screen(), (vec!["agent 4", "tool 2", "agent 3", "agent 2", "agent 1"], 0));
    desk.act(Action::Down);
    desk.trace(5, 1, 0);
    assert_eq!(desk.at(), "tool 2", "who moves, leads");
    assert!(!desk.app.tree.follow);
}

#[test]
fn errors_are_gone_to_round_and_round_and_opened() {
    let mut desk = three();
    desk.trace(5, 2, 2);
    desk.act(Action::Top);
    let mut seen = Vec::new();
    for _ in 0..4 {
        desk.act(Action::NextError);
        seen.push(format!("{} of {}", desk.at(), desk.store.trace(desk.store.row(desk.app.tree.cursor().unwrap()).trace()).start / SECOND));
    }
    assert_eq!(seen, ["tool 2 of 5", "tool 3 of 5", "tool 2 of 2", "tool 2 of 5"]);
    desk.act(Action::PreviousError);
    assert_eq!(desk.at(), "tool 2");
}

#[test]
fn a_pause_holds_back_and_then_shows_all() {
    let mut desk = three();
    desk.act(Action::Pause);
    desk.trace(4, 3, 0);
    assert_eq!((desk.store.trace_count(), desk.app.held_back_spans()), (3, Some(4)));
    desk.act(Action::Pause);
    assert_eq!((desk.store.trace_count(), desk.app.held_back_spans()), (4, None));
    assert_eq!(desk.screen().0[0], "agent 4");
}

#[test]
fn a_pause_holds_back_no_more_bytes_than_the_store_may_hold() {
    let mut desk = TestHarness::new(Limits { bytes: 1000, ..Limits::default() });
    desk.act(Action::Pause);
    for number in 1..=5 {
        let mut batch = Batch::new(SourceId(0), Origin::Live);
        TestHarness::fill(&mut batch, number, 1, 0);
        batch.spans.iter_mut().for_each(|span| span.retained_bytes = 150);
        desk.app.receive(&mut desk.store, batch, 10 * SECOND);
    }
    assert_eq!((desk.store.trace_count(), desk.app.held_back_spans()), (2, Some(6)), "three times 300 bytes wait");
    desk.act(Action::Pause);
    assert_eq!((desk.store.trace_count(), desk.app.held_back_spans()), (3, None));
    desk.act(Action::Pause);
    desk.trace(6, 1, 0);
    assert_eq!(desk.app.held_back_spans(), Some(2), "nothing is held back of the time before");
}

#[test]
fn a_pause_holds_back_so_many_batches_whatever_is_in_them() {
    let mut desk = TestHarness::new(Limits::default());
    desk.act(Action::Pause);
    desk.trace(1, 1, 0);
    for _ in 0..HELD_BACK {
        desk.app.receive(&mut desk.store, Batch::new(SourceId(0), Origin::Live), 10 * SECOND);
    }
    assert_eq!((desk.store.trace_count(), desk.app.held_back_spans()), (1, Some(0)));
}

#[test]
fn a_filter_shows_traces_with_a_match_and_takes_in_later_ones() {
    let mut desk = three();
    for c in "/tool:\"tool 5\"\n".chars() {
        desk.key(c);
    }
    assert_eq!(desk.screen().0, Vec::<&str>::new());
    desk.trace(7, 4, 0);
    assert_eq!(desk.screen().0, ["agent 7"]);
    desk.act(Action::NextMatch);
    assert_eq!(desk.at(), "tool 5");
    assert!(desk.app.tree.is_match(desk.app.tree.cursor().unwrap()));
    desk.act(Action::Back);
    assert_eq!(desk.app.tree.len(), 4);
    assert_eq!(desk.at(), "tool 5", "the cursor stays when the filter goes");
}

#[test]
fn a_trace_that_no_longer_passes_gives_the_cursor_to_its_neighbour() {
    let mut desk = three();
    desk.app.set_filter(&desk.store, "status:ok".to_owned());
    assert_eq!(desk.screen().0, ["agent 3", "agent 1"]);
    assert_eq!(desk.at(), "agent 3");
    desk.trace(3, 4, 4);
    assert_eq!(desk.screen().0, ["agent 1"]);
    assert_eq!(desk.at(), "agent 1");
}

#[test]
fn a_mistake_leaves_the_last_good_filter() {
    let mut desk = three();
    for c in "/status:error x:y".chars() {
        desk.key(c);
    }
    desk.app.advance_filter(&desk.store);
    assert_eq!(desk.app.parse_error.as_ref().map(|mistake| mistake.at), Some(13));
    assert_eq!(desk.app.filter, "status:error x", "the last line that meant something");
}

#[test]
fn a_cursor_survives_the_eviction_of_its_trace_and_its_neighbours() {
    let mut desk = TestHarness::new(Limits { spans: 6, ..Limits::default() });
    for number in 1..=6 {
        desk.trace(number, 0, 0);
    }
    desk.act(Action::Bottom);
    assert_eq!(desk.at(), "agent 1");
    let mut batch = Batch::new(SourceId(0), Origin::Live);
    for number in 10..14 {
        TestHarness::fill(&mut batch, number, 0, 0);
    }
    desk.app.receive(&mut desk.store, batch, desk.now);
    assert_eq!((desk.at(), desk.app.tree.len()), ("agent 5", 6));
}

#[test]
fn a_cursor_comes_out_of_a_fold_that_grows_around_it() {
    let mut desk = TestHarness::new(Limits::default());
    let span = |id: u64, parent: u64| {
        let mut batch = Batch::new(SourceId(0), Origin::Live);
        let name = batch.intern(&format!("span {id}"));
        batch.spans.push(Span {
            trace: TraceId::new([1; 16]).unwrap(),
            id: SpanId::new(id.to_be_bytes()).unwrap(),
            parent: SpanId::new(parent.to_be_bytes()),
            start: 5 - id as Nanos,
            end: Some(9),
            status: Status::Ok,
            name,
            facts: SpanFacts::default(),
            error: Text::default(),
            payload_ref: PayloadRef(0),
            retained_bytes: 0,
        });
        batch
    };
    desk.app.receive(&mut desk.store, span(1, 2), 10);
    desk.app.receive(&mut desk.store, span(2, 3), 10);
    assert_eq!(desk.screen().0.len(), 1, "a folded trace is one row");
    assert_eq!(desk.app.tree.cursor(), Some(desk.store.trace(desk.store.traces().next().unwrap()).roots()[0]));
}

#[test]
fn marked_traces_are_exported_else_the_current_one() {
    let mut desk = three();
    let exported = |desk: &mut TestHarness| {
        desk.act(Action::Export);
        assert!(matches!(&desk.app.overlay, Some(Overlay::Export(_))));
        let Some(Effect::Export(export)) = desk.key('\n') else { panic!("an export") };
        assert!(desk.app.overlay.is_none());
        export.traces.len()
    };
    assert_eq!(exported(&mut desk), 1);
    desk.act(Action::Mark);
    desk.act(Action::Down);
    desk.act(Action::Mark);
    assert_eq!(exported(&mut desk), 2);
    desk.act(Action::ClearMarks);
    assert_eq!(exported(&mut desk), 1);
    desk.act(Action::Export);
    desk.press(KeyCode::Esc);
    assert!(desk.app.overlay.is_none());
}

#[test]
fn what_is_evicted_leaves_the_export_dialog_too() {
    let mut desk = TestHarness::new(Limits { spans: 2, ..Limits::default() });
    desk.trace(1, 0, 0);
    desk.trace(2, 0, 0);
    desk.act(Action::Top);
    for _ in 0..2 {
        desk.act(Action::Mark);
        desk.act(Action::Down);
    }
    let asked = |desk: &TestHarness| match &desk.app.overlay {
        Some(Overlay::Export(dialog)) => dialog.traces.iter().map(|&trace| desk.store.trace(trace).start / SECOND).collect(),
        _ => Vec::new(),
    };
    desk.act(Action::Export);
    assert_eq!(asked(&desk), [1, 2]);
    // The third may have the first one's place in the store.
    desk.trace(3, 0, 0);
    assert_eq!(asked(&desk), [2]);
    desk.trace(4, 0, 0);
    assert!(desk.app.overlay.is_none());
    assert_eq!(desk.app.message.as_ref().map(|message| message.text.as_str()), Some("the traces to export were evicted from memory"));
}

#[test]
fn what_is_evicted_leaves_no_trace_in_cursor_marks_folds_and_filter() {
    let mut desk = TestHarness::new(Limits { spans: 9, ..Limits::default() });
    for number in [1, 2, 3] {
        desk.trace(number, 2, 1);
    }
    desk.act(Action::Bottom);
    desk.act(Action::Mark);
    desk.app.set_filter(&desk.store, "status:error".to_owned());
    for number in 4..40 {
        desk.trace(number, 2, u64::from(number % 2 == 0));
        desk.act(if number % 3 == 0 { Action::FoldAll } else { Action::Down });
        desk.screen();
    }
    assert!(desk.app.marks.is_empty());
    assert_eq!(desk.store.all().spans, 9);
    let failed = desk.store.traces().filter(|&trace| desk.store.trace(trace).counts().errors > 0).count();
    assert_eq!(desk.app.tree.len(), failed);
}

#[test]
fn a_bound_slides_along_and_traces_fall_out_of_it() {
    let mut desk = three();
    desk.app.now = 3 * SECOND;
    desk.app.set_filter(&desk.store, "since:2s".to_owned());
    assert_eq!(desk.screen().0, ["agent 3", "agent 2", "agent 1"]);
    assert!(desk.app.tick(&mut desk.store, 3 * SECOND + 10), "a trace's last span began 3 ns after it");
    assert_eq!(desk.screen().0, ["agent 3", "agent 2"]);
    desk.app.set_filter(&desk.store, "until:1s".to_owned());
    assert_eq!(desk.screen().0, ["agent 2", "agent 1"]);
    desk.app.tick(&mut desk.store, 5 * SECOND);
    assert_eq!(desk.screen().0, ["agent 3", "agent 2", "agent 1"]);
}

#[test]
fn a_filter_over_many_rows_ends_as_if_judged_at_once() {
    let mut desk = TestHarness::new(Limits::default());
    for number in 1..=200 {
        desk.trace(number, 40, u64::from(number % 3 == 0));
    }
    desk.app.set_filter(&desk.store, "status:error".to_owned());
    desk.trace(201, 3, 3);
    desk.trace(6, 90, 7);
    desk.trace(4, 50, 2);
    while desk.app.tree.is_filtering() {
        desk.app.advance_filter(&desk.store);
    }
    let failed: Vec<_> = desk.store.traces().rev().filter(|&trace| desk.store.trace(trace).counts().errors > 0).collect();
    assert_eq!(desk.app.tree.traces().collect::<Vec<_>>(), failed);
    desk.app.set_filter(&desk.store, String::new());
    while desk.app.tree.is_filtering() {
        desk.app.advance_filter(&desk.store);
    }
    assert_eq!(desk.app.tree.len(), 201);
}

#[test]
fn what_payloads_hold_is_told_by_sources() {
    let mut desk = three();
    desk.app.sources = vec![SourceView::new("one")];
    desk.app.set_filter(&desk.store, "text:refund kind:tool".to_owned());
    assert_eq!(desk.app.tree.len(), 0);
    let [(SourceId(0), Request::Search(search))] = &desk.app.take_requests()[..] else { panic!("a search") };
    let found = |number: u8, id: u64, progress| SearchHits {
        source: SourceId(0),
        ticket: search.ticket,
        spans: vec![(TraceId::new([number; 16]).unwrap(), SpanId::new(id.to_be_bytes()).unwrap())],
        progress,
        error: None,
    };
    desk.app.search_hits(&desk.store, found(1, 2, Some(Progress { done: 1, total: 4 })));
    desk.app.search_hits(&desk.store, found(2, 1, None));
    desk.app.search_hits(&desk.store, found(8, 2, None));
    assert_eq!(desk.screen().0, ["agent 1"], "an agent is no tool, and trace 8 has not come");
    assert_eq!(desk.app.search_progress(), Some((25, true)));
    desk.trace(8, 1, 0);
    assert_eq!(desk.screen().0, ["agent 8", "agent 1"]);
    let [(SourceId(0), Request::Check { addresses, .. })] = &desk.app.take_requests()[..] else { panic!("a check of what came") };
    assert_eq!(addresses.iter().map(|(address, _)| address.0).collect::<Vec<_>>(), [2], "only the tool can match");
    // More words ask the same of payloads; other words do not.
    desk.app.set_filter(&desk.store, "text:refund kind:tool agent:8".to_owned());
    assert!(desk.app.take_requests().is_empty() && desk.screen().0 == ["agent 8"]);
    desk.act(Action::Back);
    assert!(matches!(desk.app.take_requests()[..], [(_, Request::StopSearch)]));
    assert_eq!((desk.app.search_progress(), desk.app.filter.is_empty()), (Some((25, false)), false), "the first step back ends the search");
    desk.act(Action::Back);
    assert_eq!((desk.app.search_progress(), desk.app.tree.len()), (None, 4));
    desk.app.search_hits(&desk.store, found(3, 2, None));
    assert!(!desk.app.tree.is_filtered());
}

#[test]
fn a_detail_asks_again_when_more_of_its_payload_came() {
    let mut desk = three();
    let wanted = desk.app.detail.take_request().unwrap();
    assert_eq!(desk.app.detail.take_request(), None);
    let other = SpanId::new([0xee; 8]).unwrap();
    desk.app.detail.request_again(wanted.source, &[other]);
    assert_eq!(desk.app.detail.take_request(), None);
    desk.app.detail.request_again(wanted.source, &[other, wanted.span]);
    assert_eq!(desk.app.detail.take_request(), Some(wanted));
}
