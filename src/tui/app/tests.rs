#![allow(clippy::unwrap_used)]

use crossterm::event::KeyCode;

use super::test_harness::{TestHarness, slice, span, trace_id};
use super::waiting::HELD_BACK;
use super::*;
use crate::model::{Batch, Origin, Span, SpanFacts, SpanId, SpanType, Status, Text, TraceId};
use crate::sources::{Progress, Request, SearchHits};
use crate::store::{Limits, RowIx};
use crate::tui::display;

const SECOND: Nanos = 1_000_000_000;

impl TestHarness {
    /// Receives a trace of one agent with tool calls, the first `failed` of which failed. It starts at second `number`.
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

    fn cursor_label(&self) -> &str {
        self.label(self.app.tree.cursor().unwrap())
    }

    /// The labels on the screen and the line of the cursor.
    fn screen(&self) -> (Vec<&str>, usize) {
        let (lines, cursor) = self.app.tree.window(&self.store, 10);
        (lines.into_iter().filter_map(TreeLine::row).map(|row| self.label(row)).collect(), cursor)
    }
}

fn three() -> TestHarness {
    let mut harness = TestHarness::new(Limits::default());
    for number in [2, 1, 3] {
        harness.trace(number, 2, u64::from(number == 2));
    }
    harness.act(Action::Top);
    harness
}

#[test]
fn the_newest_trace_is_on_top_regardless_of_arrival_order() {
    assert_eq!(three().screen().0, ["agent 3", "agent 2", "agent 1"]);
}

#[test]
fn the_cursor_enters_unfolded_rows_and_skips_folded_ones() {
    let mut harness = three();
    harness.act(Action::Down);
    harness.act(Action::Unfold);
    assert_eq!(harness.screen(), (vec!["agent 3", "agent 2", "tool 2", "tool 3", "agent 1"], 1));
    harness.act(Action::Unfold);
    assert_eq!(harness.cursor_label(), "tool 2");
    harness.act(Action::PageDown);
    assert_eq!(harness.cursor_label(), "agent 1");
    harness.act(Action::Up);
    assert_eq!(harness.cursor_label(), "tool 3");
    harness.act(Action::Fold);
    assert_eq!(harness.cursor_label(), "agent 2", "a row without children goes to its parent");
    harness.act(Action::Fold);
    assert_eq!(harness.screen().0, ["agent 3", "agent 2", "agent 1"]);
}

#[test]
fn the_cursor_keeps_its_span_and_its_line_when_spans_arrive() {
    let mut harness = three();
    harness.act(Action::FoldAll);
    for _ in 0..4 {
        harness.act(Action::Down);
    }
    assert_eq!((harness.cursor_label(), harness.screen().1), ("tool 2", 4));
    harness.trace(9, 2, 0);
    harness.trace(2, 5, 0);
    assert_eq!((harness.cursor_label(), harness.screen().1), ("tool 2", 4));
}

#[test]
fn following_unfolds_the_newest_trace_and_folds_ended_ones() {
    let mut harness = three();
    harness.act(Action::Follow);
    assert_eq!(harness.screen().0, ["agent 3", "tool 2", "tool 3", "agent 2", "agent 1"]);
    harness.trace(4, 1, 0);
    assert_eq!(harness.screen(), (vec!["agent 4", "tool 2", "agent 3", "agent 2", "agent 1"], 0));
    harness.act(Action::Down);
    harness.trace(5, 1, 0);
    assert_eq!(harness.cursor_label(), "tool 2", "moving the cursor stops following");
    assert!(!harness.app.tree.follow);
}

#[test]
fn errors_are_visited_in_a_cycle_and_unfolded() {
    let mut harness = three();
    harness.trace(5, 2, 2);
    harness.act(Action::Top);
    let mut seen = Vec::new();
    for _ in 0..4 {
        harness.act(Action::NextError);
        seen.push(format!(
            "{} of {}",
            harness.cursor_label(),
            harness.store.trace(harness.store.row(harness.app.tree.cursor().unwrap()).trace()).start / SECOND
        ));
    }
    assert_eq!(seen, ["tool 2 of 5", "tool 3 of 5", "tool 2 of 2", "tool 2 of 5"]);
    harness.act(Action::PreviousError);
    assert_eq!(harness.cursor_label(), "tool 2");
}

#[test]
fn keys_go_from_trace_to_trace_past_unfolded_rows() {
    let mut harness = three();
    harness.act(Action::Unfold);
    harness.act(Action::Down);
    harness.act(Action::NextTrace);
    assert_eq!(harness.cursor_label(), "agent 2");
    harness.act(Action::NextTrace);
    harness.act(Action::NextTrace);
    assert_eq!(harness.cursor_label(), "agent 1");
    assert!(harness.app.message.is_some(), "the last trace has no next one");
    harness.act(Action::PreviousTrace);
    harness.act(Action::PreviousTrace);
    harness.act(Action::Down);
    harness.act(Action::PreviousTrace);
    assert_eq!(harness.cursor_label(), "agent 3", "within a trace, its beginning comes first");
}

#[test]
fn enter_on_a_tool_goes_to_its_first_call_and_a_closed_detail_leaves_the_line() {
    let mut harness = three();
    harness.act(Action::ViewTools);
    let (store, app) = (&mut harness.store, &mut harness.app);
    app.table.as_mut().unwrap().refresh(store, &app.tree, &app.aggregates, slice());
    harness.act(Action::Detail);
    assert!(harness.app.filter.starts_with("tool:"), "{}", harness.app.filter);
    assert!(harness.cursor_label().starts_with("tool "), "{}", harness.cursor_label());
    let (rows, line) = harness.screen();
    assert!(line > 0 && rows[0].starts_with("agent "), "the run of the call is in sight: {rows:?}");
    harness.app.tree.set_height(0);
    harness.app.tree.set_height(10);
    assert_eq!(harness.screen().1, line);
}

#[test]
fn a_half_typed_word_leaves_what_the_other_words_show() {
    let mut harness = three();
    for c in "/agent:2 since:".chars() {
        harness.key(c);
        harness.app.advance_filter(&harness.store, slice());
    }
    assert!(harness.app.parse_error.is_some());
    assert_eq!((harness.app.filter.as_str(), harness.app.tree.len()), ("agent:2", 1));
    harness.press(KeyCode::Esc);
    for c in "/since:".chars() {
        harness.key(c);
        harness.app.advance_filter(&harness.store, slice());
    }
    assert_eq!((harness.app.filter.as_str(), harness.app.tree.len()), ("", 3));
}

#[test]
fn a_pause_holds_batches_back_until_it_ends() {
    let mut harness = three();
    harness.act(Action::Pause);
    harness.trace(4, 3, 0);
    assert_eq!((harness.store.trace_count(), harness.app.held_back_spans()), (3, Some(4)));
    harness.act(Action::Pause);
    assert_eq!((harness.store.trace_count(), harness.app.held_back_spans()), (4, None));
    assert_eq!(harness.screen().0[0], "agent 4");
}

#[test]
fn a_pause_holds_back_at_most_a_share_of_the_bytes_of_the_store_limit() {
    let mut harness = TestHarness::new(Limits { bytes: 10_000_000, ..Limits::default() });
    harness.act(Action::Pause);
    for number in 1..=5 {
        let mut batch = Batch::new(SourceId(0), Origin::Live);
        TestHarness::fill(&mut batch, number, 1, 0);
        batch.spans.iter_mut().for_each(|span| span.retained_bytes = 150_000);
        harness.app.receive(&mut harness.store, batch, 10 * SECOND);
    }
    assert_eq!(
        (harness.store.trace_count(), harness.app.held_back_spans()),
        (3, Some(4)),
        "two batches of 300 kB are held back, three are in the store"
    );
    harness.act(Action::Pause);
    assert_eq!((harness.store.trace_count(), harness.app.held_back_spans()), (5, None));
    harness.act(Action::Pause);
    harness.trace(6, 1, 0);
    assert_eq!(harness.app.held_back_spans(), Some(2), "earlier batches do not count");
}

#[test]
fn a_pause_limits_the_number_of_batches_even_if_they_are_empty() {
    let mut harness = TestHarness::new(Limits::default());
    harness.act(Action::Pause);
    harness.trace(1, 1, 0);
    for _ in 0..HELD_BACK {
        harness.app.receive(&mut harness.store, Batch::new(SourceId(0), Origin::Live), 10 * SECOND);
    }
    assert_eq!((harness.store.trace_count(), harness.app.held_back_spans()), (1, Some(0)));
}

#[test]
fn a_filter_shows_traces_with_a_match_including_later_ones() {
    let mut harness = three();
    for c in "/tool:\"tool 5\"\n".chars() {
        harness.key(c);
    }
    assert_eq!(harness.screen().0, Vec::<&str>::new());
    harness.trace(7, 4, 0);
    assert_eq!(harness.screen().0, ["agent 7"]);
    harness.act(Action::NextMatch);
    assert_eq!(harness.cursor_label(), "tool 5");
    assert!(harness.app.tree.is_match(harness.app.tree.cursor().unwrap()));
    harness.act(Action::Back);
    assert_eq!(harness.app.tree.len(), 4);
    assert_eq!(harness.cursor_label(), "tool 5", "the cursor stays when the filter is cleared");
}

#[test]
fn the_cursor_moves_to_the_neighbour_of_a_trace_that_stops_matching() {
    let mut harness = three();
    harness.app.set_filter(&harness.store, "status:ok".to_owned());
    assert_eq!(harness.screen().0, ["agent 3", "agent 1"]);
    assert_eq!(harness.cursor_label(), "agent 3");
    harness.trace(3, 4, 4);
    assert_eq!(harness.screen().0, ["agent 1"]);
    assert_eq!(harness.cursor_label(), "agent 1");
}

#[test]
fn an_invalid_line_filters_by_its_valid_words() {
    let mut harness = three();
    for c in "/status:error x:y".chars() {
        harness.key(c);
    }
    harness.app.advance_filter(&harness.store, slice());
    assert_eq!(harness.app.parse_error.as_ref().map(|error| error.at), Some(13));
    assert_eq!(harness.app.filter, "status:error");
}

#[test]
fn the_cursor_survives_the_eviction_of_its_trace_and_neighbours() {
    let mut harness = TestHarness::new(Limits { spans: 6, ..Limits::default() });
    for number in 1..=6 {
        harness.trace(number, 0, 0);
    }
    harness.act(Action::Bottom);
    assert_eq!(harness.cursor_label(), "agent 1");
    let mut batch = Batch::new(SourceId(0), Origin::Live);
    for number in 10..14 {
        TestHarness::fill(&mut batch, number, 0, 0);
    }
    harness.app.receive(&mut harness.store, batch, harness.now);
    assert_eq!((harness.cursor_label(), harness.app.tree.len()), ("agent 5", 6));
}

#[test]
fn the_cursor_leaves_a_fold_that_grows_around_it() {
    let mut harness = TestHarness::new(Limits::default());
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
    harness.app.receive(&mut harness.store, span(1, 2), 10);
    harness.app.receive(&mut harness.store, span(2, 3), 10);
    assert_eq!(harness.screen().0.len(), 1, "a folded trace is one row");
    assert_eq!(harness.app.tree.cursor(), Some(harness.store.trace(harness.store.traces().next().unwrap()).roots()[0]));
}

#[test]
fn export_takes_marked_traces_or_the_current_one() {
    let mut harness = three();
    let exported = |harness: &mut TestHarness| {
        harness.act(Action::Export);
        assert!(matches!(&harness.app.overlay, Some(Overlay::Export(_))));
        let Some(Effect::Export(export)) = harness.key('\n') else { panic!("an export") };
        assert!(harness.app.overlay.is_none());
        export.traces.len()
    };
    assert_eq!(exported(&mut harness), 1);
    harness.act(Action::Mark);
    harness.act(Action::Down);
    harness.act(Action::Mark);
    assert_eq!(exported(&mut harness), 2);
    harness.act(Action::ClearMarks);
    assert_eq!(exported(&mut harness), 1);
    harness.act(Action::Export);
    harness.press(KeyCode::Esc);
    assert!(harness.app.overlay.is_none());
}

#[test]
fn an_export_of_marked_traces_that_are_hidden_says_so() {
    let mut harness = three();
    let told = |harness: &mut TestHarness| {
        harness.act(Action::Export);
        assert!(matches!(harness.app.overlay.take(), Some(Overlay::Export(_))));
        harness.app.message.take().map(|message| message.text)
    };
    harness.act(Action::Mark);
    assert_eq!(told(&mut harness), None);
    harness.app.set_filter(&harness.store, "agent:nobody".to_owned());
    assert_eq!(told(&mut harness).as_deref(), Some("the file will hold 1 marked trace not shown now; M clears the marks"));
    harness.act(Action::Export);
    harness.press(KeyCode::Esc);
    harness.act(Action::ClearMarks);
    assert!(harness.app.message.is_none(), "no mark is left");
}

#[test]
fn going_back_from_a_list_first_clears_the_filter() {
    let mut harness = three();
    for view in [Action::ViewTools, Action::ViewErrors, Action::ViewLogs, Action::ViewMetrics] {
        harness.act(view);
        let opened = harness.app.view();
        harness.app.set_filter(&harness.store, "agent:nobody".to_owned());
        harness.act(Action::Back);
        assert!(harness.app.filter.is_empty() && harness.app.view() == opened, "{view:?}");
        harness.act(Action::Back);
        assert_eq!(harness.app.view(), View::Traces, "{view:?}");
    }
}

#[test]
fn an_export_names_what_the_seen_line_stands_for() {
    let mut harness = three();
    let what = |harness: &mut TestHarness| {
        harness.act(Action::Export);
        match harness.app.overlay.take() {
            Some(Overlay::Export(dialog)) => (dialog.what, dialog.traces.len()),
            _ => (harness.app.message.take().map(|message| message.text).unwrap_or_default(), 0),
        }
    };
    assert_eq!(what(&mut harness), ("agent 3 03030303".to_owned(), 1));
    harness.act(Action::ViewErrors);
    let (text, count) = what(&mut harness);
    assert!(text.starts_with("1 trace of") && count == 1, "{text}");
    for view in [Action::ViewAgents, Action::ViewTools, Action::ViewLogs, Action::ViewMetrics] {
        harness.act(view);
        assert_eq!(what(&mut harness), ("in Traces only: press 1".to_owned(), 0), "{view:?}");
        for action in [Action::Mark, Action::Compare, Action::CriticalPath, Action::NextMatch] {
            harness.act(action);
            assert_eq!(harness.app.message.take().map(|message| message.text), Some("in Traces only: press 1".to_owned()), "{action:?}");
        }
    }
    harness.act(Action::ViewTraces);
    harness.act(Action::Mark);
    harness.act(Action::ViewAgents);
    assert_eq!(what(&mut harness), ("agent 3 03030303".to_owned(), 1));
}

#[test]
fn an_unfolded_row_at_the_lower_edge_shows_what_is_in_it() {
    let mut harness = TestHarness::new(Limits::default());
    (1..=12).for_each(|number| harness.trace(number, 2, 0));
    harness.act(Action::Top);
    (0..9).for_each(|_| drop(harness.act(Action::Down)));
    assert_eq!(harness.screen().1, 9, "the last line");
    harness.act(Action::Unfold);
    let (labels, line) = harness.screen();
    assert_eq!((line, &labels[7..]), (7, &["agent 3", "tool 2", "tool 3"][..]));
}

#[test]
fn evicted_traces_leave_the_export_dialog() {
    let mut harness = TestHarness::new(Limits { spans: 2, ..Limits::default() });
    harness.trace(1, 0, 0);
    harness.trace(2, 0, 0);
    harness.act(Action::Top);
    for _ in 0..2 {
        harness.act(Action::Mark);
        harness.act(Action::Down);
    }
    let traces = |harness: &TestHarness| match &harness.app.overlay {
        Some(Overlay::Export(dialog)) => dialog.traces.iter().map(|&trace| harness.store.trace(trace).start / SECOND).collect(),
        _ => Vec::new(),
    };
    harness.act(Action::Export);
    assert_eq!(traces(&harness), [1, 2]);
    // The third trace may reuse the index of the first.
    harness.trace(3, 0, 0);
    assert_eq!(traces(&harness), [2]);
    harness.trace(4, 0, 0);
    assert!(harness.app.overlay.is_none());
    assert_eq!(harness.app.message.as_ref().map(|message| message.text.as_str()), Some("the traces to export were evicted from memory"));
}

#[test]
fn evicted_traces_leave_cursor_marks_folds_and_filter() {
    let mut harness = TestHarness::new(Limits { spans: 9, ..Limits::default() });
    for number in [1, 2, 3] {
        harness.trace(number, 2, 1);
    }
    harness.act(Action::Bottom);
    harness.act(Action::Mark);
    harness.app.set_filter(&harness.store, "status:error".to_owned());
    for number in 4..40 {
        harness.trace(number, 2, u64::from(number % 2 == 0));
        harness.act(if number % 3 == 0 { Action::FoldAll } else { Action::Down });
        harness.screen();
    }
    assert!(harness.app.marks.is_empty());
    assert_eq!(harness.store.all().spans, 9);
    let failed = harness.store.traces().filter(|&trace| harness.store.trace(trace).counts().failed > 0).count();
    assert_eq!(harness.app.tree.len(), failed);
}

#[test]
fn traces_leave_a_relative_time_range_as_time_passes() {
    let mut harness = three();
    harness.app.now = 3 * SECOND;
    harness.app.set_filter(&harness.store, "since:2s".to_owned());
    assert_eq!(harness.screen().0, ["agent 3", "agent 2", "agent 1"]);
    assert!(harness.app.tick(&mut harness.store, 3 * SECOND + 10), "the last span of the trace starts 3 ns after its root");
    assert_eq!(harness.screen().0, ["agent 3", "agent 2"]);
    harness.app.set_filter(&harness.store, "until:1s".to_owned());
    assert_eq!(harness.screen().0, ["agent 2", "agent 1"]);
    harness.app.tick(&mut harness.store, 5 * SECOND);
    assert_eq!(harness.screen().0, ["agent 3", "agent 2", "agent 1"]);
}

#[test]
fn a_filter_in_several_passes_gives_the_same_result() {
    let mut harness = TestHarness::new(Limits::default());
    for number in 1..=200 {
        harness.trace(number, 40, u64::from(number % 3 == 0));
    }
    harness.app.set_filter(&harness.store, "status:error".to_owned());
    harness.trace(201, 3, 3);
    harness.trace(6, 90, 7);
    harness.trace(4, 50, 2);
    while harness.app.tree.is_filtering() {
        harness.app.advance_filter(&harness.store, slice());
    }
    let failed: Vec<_> = harness.store.traces().rev().filter(|&trace| harness.store.trace(trace).counts().failed > 0).collect();
    assert_eq!(harness.app.tree.traces().collect::<Vec<_>>(), failed);
    harness.app.set_filter(&harness.store, String::new());
    while harness.app.tree.is_filtering() {
        harness.app.advance_filter(&harness.store, slice());
    }
    assert_eq!(harness.app.tree.len(), 201);
}

#[test]
fn a_text_filter_searches_payloads_in_the_sources() {
    let mut harness = three();
    harness.app.sources = vec![SourceView::new("one")];
    harness.app.set_filter(&harness.store, "text:refund kind:tool".to_owned());
    assert_eq!(harness.app.tree.len(), 0);
    let [(SourceId(0), Request::Search(search))] = &harness.app.take_requests()[..] else { panic!("a search") };
    let found = |number: u8, id: u64, progress| SearchHits {
        source: SourceId(0),
        ticket: search.ticket,
        spans: vec![(TraceId::new([number; 16]).unwrap(), SpanId::new(id.to_be_bytes()).unwrap())],
        progress,
        error: None,
    };
    harness.app.search_hits(&harness.store, found(1, 2, Some(Progress { done: 1, total: 4 })));
    harness.app.search_hits(&harness.store, found(2, 1, None));
    harness.app.search_hits(&harness.store, found(8, 2, None));
    assert_eq!(harness.screen().0, ["agent 1"], "the agent is not a tool, and trace 8 has not arrived");
    assert_eq!(harness.app.search_progress(), Some((25, true)));
    harness.trace(8, 1, 0);
    assert_eq!(harness.screen().0, ["agent 8", "agent 1"]);
    let [(SourceId(0), Request::Check { addresses, .. })] = &harness.app.take_requests()[..] else { panic!("a check of new spans") };
    assert_eq!(addresses.iter().map(|(address, _)| address.0).collect::<Vec<_>>(), [2], "only the tool can match");
    // Words that do not concern payloads start no search.
    harness.app.set_filter(&harness.store, "text:refund kind:tool agent:8".to_owned());
    assert!(harness.app.take_requests().is_empty() && harness.screen().0 == ["agent 8"]);
    harness.act(Action::Back);
    assert!(matches!(harness.app.take_requests()[..], [(_, Request::StopSearch)]));
    assert_eq!(
        (harness.app.search_progress(), harness.app.filter.is_empty()),
        (Some((25, false)), false),
        "going back first stops the search"
    );
    harness.act(Action::Back);
    assert_eq!((harness.app.search_progress(), harness.app.tree.len()), (None, 4));
    harness.app.search_hits(&harness.store, found(3, 2, None));
    assert!(!harness.app.tree.is_filtered());
}

#[test]
fn the_detail_requests_a_changed_payload_again() {
    let mut harness = three();
    let request = harness.app.detail.take_request().unwrap();
    assert_eq!(harness.app.detail.take_request(), None);
    let other = SpanId::new([0xee; 8]).unwrap();
    harness.app.detail.request_again(request.source, &[other]);
    assert_eq!(harness.app.detail.take_request(), None);
    harness.app.detail.request_again(request.source, &[other, request.span]);
    assert_eq!(harness.app.detail.take_request(), Some(request));
}

#[test]
fn a_source_that_fails_is_named_once() {
    let source = SourceView { place: "/home/ann/x.json".to_owned(), ..SourceView::new("x.json") };
    let mut app = App::new(vec![source], false, 0);
    for reason in ["x.json: line 1 is no JSON", "line 1 is no JSON", "/home/ann/x.json: line 1 is no JSON"] {
        app.source_state(0, State::Failing(reason.to_owned()));
        assert_eq!(app.message.as_ref().unwrap().text, "x.json: line 1 is no JSON", "{reason}");
    }
    app.source_state(0, State::Failing("x.jsonl is newer".to_owned()));
    assert_eq!(app.message.as_ref().unwrap().text, "x.json: x.jsonl is newer", "another name");
}

#[test]
fn what_a_source_failed_with_is_shown_until_it_is_well_again() {
    let mut app = App::new(vec![SourceView::new("a.db"), SourceView::new("b.db")], false, 0);
    let well = || State::Watching { left_out: 0 };
    let shown = |app: &App| app.message.as_ref().map(|message| message.text.clone());
    app.source_state(0, State::Failing("locked".to_owned()));
    app.source_state(1, well());
    assert_eq!(shown(&app).as_deref(), Some("a.db: locked"), "another source is well");
    app.source_state(0, well());
    assert_eq!(shown(&app), None);
    app.source_state(0, State::Failing("locked".to_owned()));
    app.show_message("copied", false, 0);
    app.source_state(0, well());
    assert_eq!(shown(&app).as_deref(), Some("copied"), "a message of another cause stays");
}

#[test]
fn running_traces_count_once_with_all_their_steps() {
    let mut harness = TestHarness::new(Limits::default());
    let running = |ends: [Option<Nanos>; 2]| {
        let mut batch = Batch::new(SourceId(0), Origin::Live);
        for (trace, end) in [1, 2].into_iter().zip(ends) {
            let spans = (1..=3).map(|id| span(trace, id, u64::from(id > 1), (SECOND, end), Text::default(), SpanFacts::default()));
            batch.spans.extend(spans);
        }
        batch
    };
    harness.receive(running([None, None]), SECOND);
    harness.trace(3, 2, 0);
    assert_eq!((harness.store.all().running, harness.app.running_traces(&harness.store)), (6, 2));
    for (filter, count) in [("status:running", 2), ("agent:\"agent 3\"", 0), ("", 2)] {
        harness.app.set_filter(&harness.store, filter.to_owned());
        assert_eq!(harness.app.running_traces(&harness.store), count, "{filter}");
        assert!(filter != "status:running" || harness.app.tree.len() == 2);
    }
    harness.receive(running([Some(2 * SECOND), None]), SECOND);
    assert_eq!(harness.app.running_traces(&harness.store), 1);
}

#[test]
fn the_first_line_of_a_trace_has_the_time_of_the_trace() {
    const MS: Nanos = 1_000_000;
    let mut harness = TestHarness::new(Limits::default());
    let mut batch = Batch::new(SourceId(0), Origin::History);
    // The first root ends before its child. The last one ends before it begins.
    for (trace, id, parent, time) in [(1, 1, 0, 17), (1, 2, 1, 539), (2, 1, 0, 100), (3, 1, 0, -5)] {
        let times = (SECOND, Some(SECOND + time * MS));
        batch.spans.push(span(trace, id, parent, times, Text::default(), SpanFacts::default()));
    }
    harness.receive(batch, 10 * SECOND);
    let heads = [1, 2, 3].map(|trace| {
        let trace = harness.store.find_trace(trace_id(trace)).unwrap();
        harness.store.trace(trace).roots()[0]
    });
    assert_eq!(heads.map(|row| harness.store.shown_time(row, harness.now)), [Some(539 * MS), Some(100 * MS), None]);
    assert_eq!(heads.map(|row| display::time(&harness.store, row, harness.now)), ["539ms", "100ms", "–"]);
    for (filter, shown) in [("time:>=539ms", 1), ("time:<50ms", 0), ("time:>1ms", 2), ("", 3)] {
        harness.app.set_filter(&harness.store, filter.to_owned());
        harness.app.advance_filter(&harness.store, slice());
        assert_eq!(harness.app.tree.len(), shown, "{filter}");
    }
    for (is_reversed, expected) in [(false, [1, 2, 3]), (true, [2, 1, 3])] {
        harness.app.tree.sort(&harness.store, Sorting { by: Sort::Duration, is_reversed }, harness.now);
        let order: Vec<_> = harness.app.tree.traces().map(|trace| harness.store.trace(trace).id).collect();
        assert_eq!(order, expected.map(trace_id), "unknown times come last");
    }
}

#[test]
fn a_filter_by_time_follows_a_trace_whose_root_has_ended() {
    let mut harness = TestHarness::new(Limits::default());
    let mut batch = Batch::new(SourceId(0), Origin::Live);
    let facts = |span_type| SpanFacts { span_type, ..SpanFacts::default() };
    batch.spans.push(span(1, 1, 0, (0, Some(SECOND)), Text::default(), facts(SpanType::Agent)));
    batch.spans.push(span(1, 2, 1, (0, None), Text::default(), facts(SpanType::Tool)));
    harness.receive(batch, SECOND);
    harness.app.set_filter(&harness.store, "kind:agent time:>30s".to_owned());
    assert_eq!(harness.app.tree.len(), 0);
    harness.app.tick(&mut harness.store, 31 * SECOND);
    assert_eq!(harness.app.tree.len(), 1);
}

#[test]
fn enter_on_a_tool_by_its_longest_time_goes_to_that_use() {
    let mut harness = TestHarness::new(Limits::default());
    for (trace, time) in [(1, SECOND), (2, 400_000_000), (3, 5_000_000)] {
        let mut batch = Batch::new(SourceId(0), Origin::History);
        let label = batch.intern("look_up");
        let start = Nanos::from(trace) * 10 * SECOND;
        let facts = SpanFacts { span_type: SpanType::Tool, tool: label, ..SpanFacts::default() };
        batch.spans.push(span(trace, 1, 0, (start, Some(start + 2 * SECOND)), Text::default(), SpanFacts::default()));
        batch.spans.push(span(trace, 2, 1, (start, Some(start + time)), label, facts));
        harness.receive(batch, SECOND);
    }
    harness.act(Action::ViewTools);
    let is_max = |harness: &TestHarness| {
        let table = harness.app.table.as_ref().unwrap();
        table.columns()[table.sorted] == TableColumn::Max
    };
    while !is_max(&harness) {
        harness.act(Action::Sort);
    }
    harness.press(KeyCode::Enter);
    let row = harness.app.tree.cursor().unwrap();
    let found = (harness.store.trace(harness.store.row(row).trace()).id, harness.cursor_label());
    assert_eq!((found, harness.app.tree.len()), ((trace_id(1), "look_up"), 1), "{}", harness.app.filter);
    assert!(harness.app.filter.starts_with("tool:\"look_up\" time:>="), "{}", harness.app.filter);
}
