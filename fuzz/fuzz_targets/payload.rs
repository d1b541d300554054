//! Shows a span with any JSON object as its attributes in every tab, and exports it in every format.

#![no_main]

use std::sync::LazyLock;

use agno_top::export::{ExportedSpan, Exporter, Format, Options, Redactor, SpanRecord, TraceRecord};
use agno_top::model::{Batch, Event, Origin, Payload, PayloadRef, SourceId, Span, SpanId, Status, Text, TraceId, json};
use agno_top::semconv::Extractor;
use agno_top::store::{Limits, RunStatus, Store};
use agno_top::tui::app::{Action, App, SourceView};
use agno_top::tui::view::{self, HitMap};
use libfuzzer_sys::fuzz_target;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::layout::Rect;

/// Built once: compiling its patterns takes longer than reading a payload.
static REDACTOR: LazyLock<Option<Redactor>> = LazyLock::new(|| Redactor::new(&[]).ok());

/// The size of the screen.
const AREA: Rect = Rect { x: 0, y: 0, width: 80, height: 24 };

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
        payload_ref: PayloadRef(1),
        retained_bytes: 0,
    });
    let event = Event { time: 1_500, name: "gen_ai.choice".to_owned(), attributes: parsed.clone() };
    let status_message = String::from_utf8_lossy(message).into_owned();
    let payload = Payload { attributes: parsed, events: vec![event], status_message, ..Payload::default() };
    show(batch, payload.clone());
    export(&payload, trace, id);
});

/// Opens the span and draws every tab of its details.
fn show(batch: Batch, payload: Payload) {
    let (mut app, mut store) = (App::new(vec![SourceView::new("x")], true, 0), Store::new(Limits::default()));
    app.receive(&mut store, batch, 3_000_000);
    let mut terminal = Terminal::new(TestBackend::new(AREA.width, AREA.height)).unwrap();
    let mut hits = HitMap::default();
    for action in [Action::Detail, Action::NextTab, Action::NextTab, Action::NextTab, Action::NextTab, Action::NextTab, Action::Wrap] {
        let _ = app.update(&mut store, action, 3_000_000);
        while view::prepare_frame(&mut app, &mut store, AREA) {}
        if app.detail.take_request().is_some() {
            app.detail.load(Ok(payload.clone()));
        }
        let _ = app.update(&mut store, Action::Bottom, 3_000_000);
        view::prepare_frame(&mut app, &mut store, AREA);
        terminal.draw(|frame| view::draw(frame, &app, &store, &mut hits)).unwrap();
        let _ = app.detail.copy();
    }
}

/// Exports the span in every format.
fn export(payload: &Payload, trace: TraceId, id: SpanId) {
    let record = SpanRecord::new(trace, id, "OpenAIChat.invoke", 1_000, Some(2_000_000));
    let span = ExportedSpan { record, status: Status::Error, depth: 0, payload: payload.clone() };
    for format in Format::ALL {
        // Redaction does not depend on the format and is slow.
        let redactor = REDACTOR.clone().filter(|_| format == Format::Jsonl);
        let options = Options { format, redactor, max_chars: Some(2_000) };
        let mut exporter = Exporter::new(&options, Vec::new());
        exporter.trace(trace_record(trace)).unwrap();
        exporter.span(span.clone()).unwrap();
        let text = exporter.finish().unwrap();
        assert!(format == Format::OtlpProto || std::str::from_utf8(&text).is_ok());
    }
}

fn trace_record(trace: TraceId) -> TraceRecord {
    TraceRecord {
        source: String::new(),
        trace_id: trace,
        name: "x".to_owned(),
        status: RunStatus::Error,
        start: 1_000,
        end: Some(2_000_000),
        duration_ms: None,
        spans: 1,
        errors: 1,
        failed_steps: 1,
        failed: true,
        agent: None,
        session: None,
        user: None,
        usage: Default::default(),
    }
}
