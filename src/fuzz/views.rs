//! Texts through every view and every export.

use std::sync::{Arc, LazyLock};

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::layout::Rect;

use crate::export::{ExportedSpan, Exporter, Format, Options, Redactor, SpanRecord, TraceRecord};
use crate::format::safe;
use crate::keymap::ENTRIES;
use crate::model::distribution::Shape;
use crate::model::metric::{Exemplar, Number, PointData, Temporality};
use crate::model::{Batch, Event, Origin, Payload, PayloadRef, SourceId, SpanId, Status, TraceId, json};
use crate::model::{Distribution, Metric, MetricBatch, MetricKind, MetricPoint};
use crate::semconv::{SpanBuilder, SpanHeader};
use crate::store::{Limits, Store, TraceIx};
use crate::tui::app::{Action, App, SourceView};
use crate::tui::view::{self, HitMap};

/// Built once: compiling its patterns takes longer than reading a payload.
static REDACTOR: LazyLock<Option<Redactor>> = LazyLock::new(|| Redactor::new(&[]).ok());

/// The size of the screen.
const AREA: Rect = Rect { x: 0, y: 0, width: 80, height: 24 };

/// The time of the frames.
const NOW: i64 = 3_000_000;

/// Shows and exports two traces with any texts. Zero bytes separate the attributes (a JSON object), the name, the status message, the name of
/// the service and what the user types.
///
/// # Panics
///
/// If a cell of the screen holds a character that a terminal may act upon, or if an export is no text.
pub fn views(bytes: &[u8]) {
    let mut pieces = bytes.splitn(5, |byte| *byte == 0);
    let mut next = || pieces.next().unwrap_or_default();
    let (attributes, name, message, service, typed) = (next(), next(), next(), next(), next());
    let Ok(parsed) = json::parse(attributes) else { return };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let event = Event { time: 1_500, name: text(name), attributes: parsed.clone() };
    let scope = (text(service), text(name));
    let payload = Payload {
        resource: parsed.clone(),
        scope_attributes: parsed.clone(),
        attributes: parsed,
        events: vec![event],
        status_message: text(message),
        scope,
        ..Payload::default()
    };
    let mut batch = Batch::new(SourceId(0), Origin::Live);
    for number in 1..=4 {
        let mut builder = SpanBuilder::default();
        let _ = json::scan(attributes, |key, value| builder.attribute(key, value));
        builder.name(name);
        builder.status(if number % 2 == 0 { Status::Error } else { Status::Ok }, message);
        builder.service(service);
        let (Some(trace), Some(id)) = (TraceId::new([number / 3 + 1; 16]), SpanId::new([number; 8])) else { return };
        let parent = if number % 2 == 0 { SpanId::new([number - 1; 8]) } else { None };
        let header = SpanHeader { trace, id, parent, start: i64::from(number) * 1_000, end: Some(2_000_000) };
        let span = builder.build(header, Some(&payload.scope.0), PayloadRef(number.into()), &mut batch);
        batch.spans.push(span);
    }
    Screen::new(batch, payload.clone()).walk(&text(typed));
    export(&payload, &text(name));
}

/// Returns a histogram and a gauge with any texts.
fn metrics(payload: &Payload) -> MetricBatch {
    let point = |kind, data| {
        let metric = Metric {
            name: payload.scope.1.clone(),
            description: payload.status_message.clone(),
            unit: payload.scope.0.clone(),
            kind,
            resource: Arc::new(payload.resource.clone()),
            scope: Arc::new(payload.scope.clone()),
        };
        let attributes = payload.attributes.clone();
        let exemplar = Exemplar { value: Number::Int(1), time: None, trace: None, span: None, attributes: attributes.clone() };
        MetricPoint { metric: Arc::new(metric), attributes, start: Some(1), time: Some(2), data, exemplars: vec![exemplar] }
    };
    let values = Distribution { count: 3, shape: Shape::Explicit(vec![1.0], vec![1, 2]), ..Distribution::default() };
    let points = vec![
        point(MetricKind::Histogram(Temporality::Delta), PointData::Distribution(values)),
        point(MetricKind::Gauge, PointData::Number(Number::Float(0.5))),
    ];
    MetricBatch { source: SourceId(0), received: NOW, points, invalid: 1 }
}

struct Screen {
    app: App,
    store: Store,
    payload: Payload,
    terminal: Terminal<TestBackend>,
    hits: HitMap,
}

impl Screen {
    fn new(batch: Batch, payload: Payload) -> Self {
        let (mut app, mut store) =
            (App::new(vec![SourceView::new(payload.status_message.clone())], true, 0), Store::new(Limits::default()));
        app.receive(&mut store, batch, NOW);
        app.receive_metrics(metrics(&payload));
        let terminal = Terminal::new(TestBackend::new(AREA.width, AREA.height)).unwrap_or_else(|never| match never {});
        Self { app, store, payload, terminal, hits: HitMap::default() }
    }

    /// Performs every action in turn, each followed by a frame, then types into the filter, the search and the palette.
    fn walk(&mut self, typed: &str) {
        for entry in ENTRIES {
            let _ = self.app.update(&mut self.store, entry.action, NOW);
            self.draw();
            if self.app.overlay.is_some() || self.app.editor.is_some() {
                self.press(KeyCode::Esc);
            }
        }
        for action in
            [Action::ViewTraces, Action::Detail, Action::NextTab, Action::NextTab, Action::NextTab, Action::NextTab, Action::NextTab]
        {
            let _ = self.app.update(&mut self.store, action, NOW);
            let _ = self.app.update(&mut self.store, Action::Bottom, NOW);
            self.draw();
            let _ = self.app.detail.copy();
        }
        for action in [Action::Filter, Action::Back, Action::Filter, Action::Palette, Action::PickAgents] {
            let _ = self.app.update(&mut self.store, action, NOW);
            self.app.paste(typed);
            for char in typed.chars().take(4) {
                self.press(KeyCode::Char(char));
            }
            self.draw();
            self.press(KeyCode::Enter);
            self.draw();
            self.press(KeyCode::Esc);
        }
    }

    fn press(&mut self, code: KeyCode) {
        let _ = self.app.key(&mut self.store, KeyEvent::new(code, KeyModifiers::NONE), NOW);
    }

    fn draw(&mut self) {
        while view::prepare_frame(&mut self.app, &mut self.store, AREA) {}
        if self.app.detail.take_request().is_some() {
            self.app.detail.load(Ok(self.payload.clone()));
            while view::prepare_frame(&mut self.app, &mut self.store, AREA) {}
        }
        let Self { app, store, terminal, hits, .. } = self;
        let frame = terminal.draw(|frame| view::draw(frame, app, store, hits)).unwrap_or_else(|never| match never {});
        for cell in frame.buffer.content() {
            assert_eq!(safe(cell.symbol()), cell.symbol(), "a cell that is not safe");
        }
    }
}

/// Exports a span in every format.
fn export(payload: &Payload, name: &str) {
    let (Some(trace), Some(id)) = (TraceId::new([1; 16]), SpanId::new([2; 8])) else { return };
    let mut batch = Batch::new(SourceId(0), Origin::Live);
    let mut builder = SpanBuilder::default();
    builder.name(name.as_bytes());
    let header = SpanHeader { trace, id, parent: None, start: 1_000, end: Some(2_000_000) };
    let span = builder.build(header, None, PayloadRef(1), &mut batch);
    batch.spans.push(span);
    let mut store = Store::new(Limits::default());
    let changes = store.apply(&batch, NOW);
    let Some(&shown): Option<&TraceIx> = changes.traces.first() else { return };
    let record = SpanRecord::new(trace, id, name, 1_000, Some(2_000_000));
    let span = ExportedSpan { record, status: Status::Error, depth: 0, payload: payload.clone() };
    for format in Format::ALL {
        // Redaction does not depend on the format and is slow.
        let redactor = REDACTOR.clone().filter(|_| format == Format::Jsonl);
        let mut exporter = Exporter::new(&Options { format, redactor, max_chars: Some(2_000) }, Vec::new());
        let text = exporter
            .trace(TraceRecord::from_trace(&store, shown, ""))
            .and_then(|()| exporter.span(span.clone()))
            .and_then(|()| exporter.finish());
        let text = text.unwrap_or_else(|error| panic!("{format:?}: {error}"));
        assert!(format == Format::OtlpProto || std::str::from_utf8(&text).is_ok());
    }
}
