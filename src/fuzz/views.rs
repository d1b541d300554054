//! Texts through every view and every export.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::layout::Rect;

use super::signals::{logs, metrics};
use crate::export::{ExportedSpan, Exporter, Format, Options, Redactor, SpanRecord, TraceRecord};
use crate::format::safe;
use crate::keymap::ENTRIES;
use crate::model::{Batch, Event, Origin, Payload, PayloadRef, SourceId, SpanId, Status, TraceId, json};
use crate::semconv::{SpanBuilder, SpanHeader};
use crate::store::{Limits, Store, TraceIx};
use crate::tui::app::{Action, App, Focus, Overlay, SourceView, Tab, View};
use crate::tui::view::{self, HitMap};

/// Built once: compiling its patterns takes longer than reading a payload.
static REDACTOR: LazyLock<Option<Redactor>> = LazyLock::new(|| Redactor::new(&[]).ok());

/// The sizes of the screen: one where columns and panes are left out, and one where all are drawn.
const AREAS: [Rect; 2] = [Rect { x: 0, y: 0, width: 80, height: 24 }, Rect { x: 0, y: 0, width: 200, height: 50 }];

/// The time of the frames.
const NOW: i64 = 3_000_000;

/// Shows and exports two traces with any texts. Zero bytes separate the attributes (a JSON object), the name, the status message, the name of
/// the service and what the user types.
///
/// # Panics
///
/// If a cell of the screen holds a character that a terminal may act upon, or if an export is no text.
pub fn views(bytes: &[u8]) {
    let _ = walk(bytes);
}

/// Does what [`views`] says, and returns the names of what was drawn: views, tabs, windows.
pub(super) fn walk(bytes: &[u8]) -> BTreeSet<&'static str> {
    let mut pieces = bytes.splitn(5, |byte| *byte == 0);
    let mut next = || pieces.next().unwrap_or_default();
    let (attributes, name, message, service, typed) = (next(), next(), next(), next(), next());
    let Ok(parsed) = json::parse(attributes) else { return BTreeSet::new() };
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
        let (Some(trace), Some(id)) = (TraceId::new([number / 3 + 1; 16]), SpanId::new([number; 8])) else { return BTreeSet::new() };
        let parent = if number % 2 == 0 { SpanId::new([number - 1; 8]) } else { None };
        let header = SpanHeader { trace, id, parent, start: i64::from(number) * 1_000, end: Some(2_000_000) };
        let span = builder.build(header, Some(&payload.scope.0), PayloadRef(number.into()), &mut batch);
        batch.spans.push(span);
    }
    let mut drawn = BTreeSet::new();
    for area in AREAS {
        // Each walk begins with a new screen: the ones before leave filters and views behind.
        for walk in [Screen::perform_actions, Screen::open_views, Screen::type_text] {
            let mut screen = Screen::new(area, batch.clone(), payload.clone());
            screen.app.receive_logs(logs(&payload));
            screen.app.receive_metrics(metrics(&payload, NOW));
            walk(&mut screen, &text(typed));
            drawn.append(&mut screen.drawn);
        }
    }
    export(&payload, &text(name));
    drawn
}

struct Screen {
    app: App,
    store: Store,
    payload: Payload,
    terminal: Terminal<TestBackend>,
    hits: HitMap,
    area: Rect,
    drawn: BTreeSet<&'static str>,
}

impl Screen {
    fn new(area: Rect, batch: Batch, payload: Payload) -> Self {
        let (mut app, mut store) =
            (App::new(vec![SourceView::new(payload.status_message.clone())], true, 0), Store::new(Limits::default()));
        app.receive(&mut store, batch, NOW);
        let terminal = Terminal::new(TestBackend::new(area.width, area.height)).unwrap_or_else(|never| match never {});
        Self { app, store, payload, terminal, hits: HitMap::default(), area, drawn: BTreeSet::new() }
    }

    /// Performs every action in turn, each followed by a frame.
    fn perform_actions(&mut self, _: &str) {
        for entry in ENTRIES {
            self.act(entry.action);
            if self.app.overlay.is_some() || self.app.editor.is_some() {
                self.press(KeyCode::Esc);
            }
        }
    }

    /// Opens every tab and the windows about traces, then every view with its detail and its help.
    fn open_views(&mut self, _: &str) {
        for action in [Action::Ordinary, Action::Top, Action::Mark, Action::Bottom, Action::Export] {
            self.act(action);
        }
        self.press(KeyCode::Esc);
        self.act(Action::Compare);
        self.press(KeyCode::Esc);
        self.act(Action::Detail);
        for _ in Tab::ALL {
            self.act(Action::NextTab);
            self.act(Action::Bottom);
            let _ = self.app.detail.copy();
        }
        for (view, _) in View::ALL {
            for action in [view.action(), Action::Bottom, Action::Top, Action::Unfold, Action::Detail, Action::Help] {
                self.act(action);
            }
            self.press(KeyCode::Esc);
        }
    }

    /// Types into the filter, the search and the palette.
    fn type_text(&mut self, typed: &str) {
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

    fn act(&mut self, action: Action) {
        let _ = self.app.update(&mut self.store, action, NOW);
        self.draw();
    }

    fn press(&mut self, code: KeyCode) {
        let _ = self.app.key(&mut self.store, KeyEvent::new(code, KeyModifiers::NONE), NOW);
    }

    fn draw(&mut self) {
        while view::prepare_frame(&mut self.app, &mut self.store, self.area) {}
        if self.app.detail.take_request().is_some() {
            self.app.detail.load(Ok(self.payload.clone()));
            while view::prepare_frame(&mut self.app, &mut self.store, self.area) {}
        }
        if let Some(part) = self.app.detail.take_part_request() {
            self.app.detail.load_part(part.read());
            while view::prepare_frame(&mut self.app, &mut self.store, self.area) {}
        }
        loop {
            let slices: Vec<_> = self.app.take_context_slices(&self.store).collect();
            if slices.is_empty() {
                break;
            }
            for (slice, requests) in slices {
                let payloads = requests.iter().map(|_| Ok(self.payload.clone())).collect();
                self.app.load_contexts(&self.store, slice.read(payloads));
            }
            while view::prepare_frame(&mut self.app, &mut self.store, self.area) {}
        }
        self.drawn.extend(self.shown());
        let Self { app, store, terminal, hits, .. } = self;
        let frame = terminal.draw(|frame| view::draw(frame, app, store, hits)).unwrap_or_else(|never| match never {});
        for cell in frame.buffer.content() {
            assert_eq!(safe(cell.symbol()), cell.symbol(), "a cell that is not safe");
        }
    }
}

impl Screen {
    /// Returns the names of what is on the screen.
    fn shown(&self) -> impl Iterator<Item = &'static str> + use<> {
        let view = match (&self.app.log_list, &self.app.series_list, &self.app.table) {
            (Some(_), _, _) => View::Logs,
            (None, Some(_), _) => View::Metrics,
            (None, None, Some(table)) => table.view,
            (None, None, None) => View::Traces,
        };
        let view = View::ALL.into_iter().find(|(known, _)| *known == view).map(|(_, name)| name);
        let tab = Tab::ALL.into_iter().find(|(known, _)| *known == self.app.detail.tab).map(|(_, name)| name);
        // A window that is added here is added to the test of what is drawn, too.
        let overlay = self.app.overlay.as_ref().map(|overlay| match overlay {
            Overlay::Help(_) => WINDOWS[0],
            Overlay::Sources(_) => WINDOWS[1],
            Overlay::Picker(_) => WINDOWS[2],
            Overlay::Sorter(_) => WINDOWS[3],
            Overlay::Export(_) => WINDOWS[4],
            Overlay::Palette(_) => WINDOWS[5],
            Overlay::Compare(_) => WINDOWS[6],
        });
        let is_tab_open = self.app.focus != Focus::Traces;
        view.into_iter().chain(tab.filter(|_| is_tab_open)).chain(overlay)
    }
}

/// The windows over the panes.
pub(super) const WINDOWS: [&str; 7] = ["help", "sources", "picker", "sorter", "export", "palette", "compare"];

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
        let mut exporter = Exporter::new(&Options { format, redactor, max_chars: Some(2_000), ..Options::default() }, Vec::new());
        let text = exporter
            .trace(TraceRecord::from_trace(&store, shown, ""))
            .and_then(|()| exporter.span(span.clone()))
            .and_then(|()| exporter.finish());
        let text = text.unwrap_or_else(|error| panic!("{format:?}: {error}"));
        assert!(format == Format::OtlpProto || std::str::from_utf8(&text).is_ok());
    }
}
