//! Any JSON object as the attributes of a span that is looked at, tab by tab, and written in every format.

#![no_main]

use std::sync::LazyLock;

use agno_top::tui::app::{Action, App, SourceView};
use agno_top::export::{ExportedSpan, Exporter, Format, Options, Redactor, SpanRecord, TraceRecord};
use agno_top::semconv::Extractor;
use agno_top::model::{PayloadRef, Batch, Event, Origin, Payload, SourceId, Span, SpanId, Status, Text, TraceId, json};
use agno_top::store::{Limits, Store};
use agno_top::tui::view::{self, PaneLayout};
use libfuzzer_sys::fuzz_target;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::layout::Rect;

/// Made once: its expressions take longer to read than a payload.
static REDACTOR: LazyLock<Option<Redactor>> = LazyLock::new(|| Redactor::new(&[]).ok());

const SIZE: Rect = Rect { x: 0, y: 0, width: 80, height: 24 };

fuzz_target!(|bytes: &[u8]| {
    let mut pieces = bytes.splitn(2, |byte| *byte == 0);
    let (attributes, message) = (pieces.next().unwrap_or_default(), pieces.next().unwrap_or_default());
    let Ok(parsed) = json::parse(attributes) else { return };
    let mut batch = Batch::new(SourceId(0), Origin::Live);
    let mut extractor = Extractor::default();
    let _ = json::scan(attributes, |name, value| extractor.add(name, value));
    let facts = extractor.facts("OpenAIChat.invoke", None, &mut batch);
    let (trace, id) = (TraceId::new([1; 16]).unwrap(), SpanId::new([2; 8]).unwrap());
    batch.spans.push(Span {
        trace,
        id,
        parent: None,
        start: 1_000,
        end: Some(2_000_000),
        status: Status::Error,
        name: Text::default(),
        facts,
        error: Text::default(),
        address: PayloadRef(1),
        weight: 0,
    });
    let event = Event { time: 1_500, name: "gen_ai.choice".to_owned(), attributes: parsed.clone() };
    let status_message = String::from_utf8_lossy(message).into_owned();
    let payload = Payload { attributes: parsed, events: vec![event], status_message, ..Payload::default() };
    look(batch, payload.clone());
    write(&payload, trace, id);
});

fn look(batch: Batch, payload: Payload) {
    let (mut app, mut store) = (App::new(vec![SourceView::new("x")], true, 0), Store::new(Limits::default()));
    app.receive(&mut store, batch, 3_000_000);
    let mut terminal = Terminal::new(TestBackend::new(SIZE.width, SIZE.height)).unwrap();
    for action in [Action::Detail, Action::NextTab, Action::NextTab, Action::NextTab, Action::NextTab, Action::NextTab, Action::Wrap] {
        let _ = app.update(&mut store, action, 3_000_000);
        let panes = PaneLayout::new(SIZE, app.focus);
        while app.make_ready(&mut store, panes.forest_lines(), panes.detail_size()) {}
        if app.detail.wanted().is_some() {
            app.detail.load(&store, Ok(payload.clone()), 3_000_000);
        }
        let _ = app.update(&mut store, Action::Bottom, 3_000_000);
        terminal.draw(|frame| view::draw(frame, &app, &store)).unwrap();
        let _ = app.detail.copied();
    }
}

fn write(payload: &Payload, trace: TraceId, id: SpanId) {
    let record = SpanRecord::new(trace, id, "OpenAIChat.invoke", 1_000, Some(2_000_000));
    let spans = ExportedSpan { record, status: Status::Error, depth: 0, payload: payload.clone() };
    for format in Format::ALL {
        // It does the same before each of them, and takes its time.
        let redactor = REDACTOR.clone().filter(|_| format == Format::Jsonl);
        let options = Options { format, redactor, max_chars: Some(2_000) };
        let mut exporter = Exporter::new(&options, Vec::new());
        exporter.trace(first(trace)).unwrap();
        exporter.span(spans.clone()).unwrap();
        let text = exporter.finish().unwrap();
        assert!(format == Format::OtlpProto || std::str::from_utf8(&text).is_ok());
    }
}

fn first(trace: TraceId) -> TraceRecord {
    TraceRecord {
        source: String::new(),
        trace_id: trace,
        name: "x".to_owned(),
        status: agno_top::store::RunStatus::Error,
        start: 1_000,
        end: Some(2_000_000),
        duration_ms: None,
        spans: 1,
        errors: 1,
        agent: None,
        session: None,
        user: None,
        usage: Default::default(),
    }
}
