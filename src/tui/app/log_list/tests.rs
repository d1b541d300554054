#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use crossterm::event::KeyCode;

use crate::logs::LogStore;
use crate::model::{Batch, LogBatch, LogRecord, SourceId, SpanFacts, Text};
use crate::store::Limits;
use crate::tui::app::test_harness::{TestHarness, span, span_id, trace_id};
use crate::tui::app::{Focus, Tab, View};

/// Records with these events and severities, of span 1 of trace 1 if so stated.
fn batch(events: &[(&str, u8, bool)]) -> LogBatch {
    let record = |&(event, severity, of_span): &(&str, u8, bool)| LogRecord {
        time: 1,
        severity,
        trace: of_span.then(|| trace_id(1)),
        span: of_span.then(|| span_id(1)),
        session: 0,
        event: (0, event.len() as u32),
        group: Arc::default(),
        encoded: event.as_bytes().to_vec().into(),
    };
    LogBatch { source: SourceId(0), records: events.iter().map(record).collect() }
}

impl TestHarness {
    fn events(&mut self) -> Vec<String> {
        while self.app.prepare_frame(&mut self.store, 4, (80, 10)) {}
        let list = self.app.log_list.as_ref().unwrap();
        list.visible(&self.app.logs, 4).map(|(_, line)| line.event.clone()).collect()
    }

    fn current_event(&self) -> String {
        self.app.log_list.as_ref().unwrap().current(&self.app.logs).map_or_else(String::new, |record| record.event().into_owned())
    }
}

fn harness() -> TestHarness {
    let mut harness = TestHarness::new(Limits::default());
    harness.app.receive_logs(batch(&[("a", 9, false), ("b", 17, true), ("c", 9, false), ("d", 13, false), ("e", 9, false)]));
    harness
}

#[test]
fn the_list_follows_the_newest_record_until_the_cursor_moves() {
    let mut harness = harness();
    harness.press(KeyCode::Char('7'));
    assert_eq!((harness.app.view(), harness.events()), (View::Logs, ["b", "c", "d", "e"].map(str::to_owned).to_vec()));
    harness.app.receive_logs(batch(&[("f", 9, false)]));
    assert_eq!((harness.events().last().map(String::as_str), harness.current_event().as_str()), (Some("f"), "f"));
    harness.press(KeyCode::Up);
    harness.app.receive_logs(batch(&[("g", 9, false)]));
    harness.events();
    assert_eq!(harness.current_event(), "e");
    harness.press(KeyCode::Char('E'));
    assert_eq!(harness.current_event(), "b");
    harness.press(KeyCode::Char('G'));
    harness.app.receive_logs(batch(&[("h", 9, false)]));
    harness.events();
    assert_eq!(harness.current_event(), "h");
}

#[test]
fn the_filter_of_the_other_views_chooses_records() {
    let mut harness = harness();
    harness.press(KeyCode::Char('7'));
    for (filter, expected) in
        [("level:>=warn", &["b", "d"][..]), ("event:c", &["c"]), ("trace:0101", &["b"]), ("zzz", &[]), ("", &["b", "c", "d", "e"])]
    {
        harness.app.set_filter(&harness.store, filter.to_owned());
        assert_eq!(harness.events(), expected, "{filter}");
    }
    harness.app.set_filter(&harness.store, "level:>=warn".to_owned());
    harness.events();
    harness.app.receive_logs(batch(&[("f", 21, false), ("g", 9, false)]));
    assert_eq!(harness.events(), ["b", "d", "f"]);
}

#[test]
fn a_record_leads_to_its_span_and_a_span_to_its_records() {
    let mut harness = harness();
    let mut spans = Batch::default();
    spans.spans = vec![
        span(1, 1, 0, (1, Some(2)), Text::default(), SpanFacts::default()),
        span(2, 1, 0, (3, Some(4)), Text::default(), SpanFacts::default()),
    ];
    harness.receive(spans, 1);
    harness.press(KeyCode::Char('7'));
    harness.events();
    let row = harness.store.find(harness.store.find_trace(trace_id(1)).unwrap(), span_id(1)).unwrap();
    harness.press(KeyCode::Enter);
    assert!(harness.app.message.is_some() && harness.app.view() == View::Logs, "this record names no span");
    harness.press(KeyCode::Char('E'));
    harness.press(KeyCode::Char('E'));
    assert_eq!(harness.current_event(), "b");
    harness.press(KeyCode::Enter);
    assert_eq!((harness.app.view(), harness.app.tree.cursor(), harness.app.focus), (View::Traces, Some(row), Focus::Traces));
    harness.press(KeyCode::Char('7'));
    harness.events();
    assert_eq!(harness.current_event(), "b");
    harness.press(KeyCode::Esc);
    harness.app.detail.open(Tab::Logs);
    crate::tui::view::write_pages(&mut harness.app, &harness.store);
    assert!(harness.app.detail.pager.document().to_text().contains('b'));
}

#[test]
fn records_that_go_leave_the_list_and_the_cursor() {
    let mut harness = TestHarness::new(Limits::default());
    harness.app.logs = LogStore::new(1000);
    harness.app.receive_logs(batch(&[("a", 17, false), ("b", 9, false)]));
    harness.press(KeyCode::Char('7'));
    harness.app.set_filter(&harness.store, "event:a|b".to_owned());
    harness.events();
    harness.press(KeyCode::Char('g'));
    harness.app.receive_logs(batch(&[("c", 9, false); 20]));
    assert_eq!(harness.events(), Vec::<String>::new());
    harness.app.set_filter(&harness.store, String::new());
    assert!(harness.events().iter().all(|event| event == "c"));
}
