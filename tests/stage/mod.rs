//! The program without a terminal: a real source, the store, the app and a screen in memory, driven by keys.

#![allow(dead_code, reason = "each test file uses only a part")]
#![allow(clippy::expect_used, clippy::panic, reason = "a failing test may panic")]

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use agno_top::model::price::Prices;
use agno_top::model::{Nanos, SourceId, SpanId};
use agno_top::sources::{Handle, PayloadRequest, Request, State, Update, UpdateSender, file, sqlite};
use agno_top::store::{Limits, Store};
use agno_top::tui::app::{App, ContextSlice, Effect, HitTarget, PayloadState, SourceView};
use agno_top::tui::view::{self, HitMap};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use tokio::sync::mpsc::{Receiver, channel};

/// Returns the path of a fixture.
pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// A moment after the fixtures were recorded, and on the same day in every time zone, so that no screen shows a date.
pub(crate) const NOW: Nanos = 1_795_327_190_000_000_000;

pub(crate) struct Stage {
    pub(crate) app: App,
    pub(crate) store: Store,
    source: Handle,
    updates: Receiver<Update>,
    terminal: Terminal<TestBackend>,
    hits: HitMap,
    tickets: u64,
    /// The side of the comparison and the span that the last ticket belongs to.
    compared: Option<(usize, SpanId)>,
    /// The step above, whose payload the last ticket asks for.
    question: Option<SpanId>,
    /// The calls whose parameters the last ticket asks for.
    parameters: Vec<SpanId>,
    /// The calls whose contexts the last ticket asks for.
    contexts: Option<ContextSlice>,
}

impl Stage {
    /// Opens a file, or a database, on a screen of this size and reads it to its end.
    pub(crate) fn open(path: &Path, (width, height): (u16, u16)) -> Self {
        let (sender, updates) = channel(1024);
        let sender = UpdateSender::new(SourceId(0), sender);
        let source = if path.extension().is_some_and(|extension| extension == "json" || extension == "pb") {
            file::start(path.to_owned(), sender)
        } else {
            sqlite::start(path.to_owned(), sqlite::Tables::default(), 1_000_000, sender)
        };
        let name = path.file_name().expect("a file's name").to_string_lossy().into_owned();
        let views = vec![SourceView::new(name)];
        let app = App::new(views, true, NOW);
        let terminal = Terminal::new(TestBackend::new(width, height)).expect("a screen in memory");
        let source = source.expect("a source starts");
        let mut store = Store::new(Limits::default());
        store.set_prices(Arc::new(Prices::bundled()));
        let mut stage = Self {
            app,
            store,
            source,
            updates,
            terminal,
            hits: HitMap::default(),
            tickets: 0,
            compared: None,
            question: None,
            parameters: Vec::new(),
            contexts: None,
        };
        stage.lay_out();
        stage.wait(|stage| matches!(stage.app.sources[0].state, State::Watching { .. } | State::Ended | State::Failing(_)));
        stage
    }

    fn lay_out(&mut self) {
        let size = self.terminal.size().expect("a size");
        let area = Rect::new(0, 0, size.width, size.height);
        while view::prepare_frame(&mut self.app, &mut self.store, area) {}
        for (_, request) in self.app.take_requests() {
            self.source.requests.send(request).expect("a source that lives");
        }
    }

    /// Applies updates until `done`.
    pub(crate) fn wait(&mut self, done: impl Fn(&Self) -> bool) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        while !done(self) {
            let next = async { tokio::time::timeout(Duration::from_secs(30), self.updates.recv()).await };
            match runtime.block_on(next).expect("an update in time").expect("a source that lives") {
                Update::Batch(batch) => self.app.receive(&mut self.store, batch, NOW),
                Update::State(source, state) => self.app.source_state(usize::from(source.0), state),
                Update::Payloads { ticket, payloads } if ticket == self.tickets && !self.parameters.is_empty() => {
                    let spans = std::mem::take(&mut self.parameters);
                    let parameters = payloads.into_iter().map(|payload| payload.ok().map(|payload| view::parameters(&payload)));
                    self.app.load_parameters(&self.store, spans.into_iter().zip(parameters));
                }
                Update::Payloads { ticket, payloads } if ticket == self.tickets && self.contexts.is_some() => {
                    if let Some(slice) = self.contexts.take() {
                        self.app.load_contexts(&self.store, slice.read(payloads));
                    }
                }
                Update::Payloads { ticket, payloads } if ticket == self.tickets => {
                    let payload = payloads.into_iter().next().expect("one answer to one question");
                    if let Some(span) = self.question.take() {
                        self.app.detail.load_question(span, payload.expect("a payload"));
                        continue;
                    }
                    match self.compared.take() {
                        Some((side, id)) => {
                            self.app.load_compared(&self.store, side, id, view::exchange_texts(&payload.expect("a payload")));
                        }
                        None => self.app.detail.load(payload),
                    }
                }
                Update::SearchHits(found) => self.app.search_hits(&self.store, found),
                Update::PayloadChanged(source, spans) => self.app.detail.request_again(source, &spans),
                Update::Logs(batch) => self.app.receive_logs(batch),
                Update::Metrics(batch) => self.app.receive_metrics(batch),
                Update::Payloads { .. } | Update::Traffic(..) | Update::Read { .. } => {}
            }
        }
    }

    /// Types keys, such as `"jj<Enter>/refund<Esc>"`; returns the effects.
    pub(crate) fn keys(&mut self, keys: &str) -> Vec<Effect> {
        let mut effects = Vec::new();
        let mut rest = keys;
        while let Some(c) = rest.chars().next() {
            let named = rest.strip_prefix('<').and_then(|rest| rest.split_once('>'));
            let (key, after) = match named {
                Some((name, after)) => (key(name), after),
                None => (KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE), &rest[c.len_utf8()..]),
            };
            rest = after;
            self.lay_out();
            effects.extend(self.app.key(&mut self.store, key, NOW));
            self.lay_out();
            self.load();
        }
        effects
    }

    /// Reads the payloads that the detail and a comparison need.
    fn load(&mut self) {
        if let Some(request) = self.app.detail.take_request() {
            self.ask(request);
            self.wait(|stage| !matches!(stage.app.detail.payload, PayloadState::Loading));
        }
        if let Some(request) = self.app.detail.take_question_request() {
            self.ask(request);
            self.question = Some(request.span);
            self.wait(|stage| stage.question.is_none());
        }
        for (side, request) in self.app.take_compare_requests(&self.store) {
            self.ask(request);
            self.compared = Some((side, request.span));
            self.wait(|stage| stage.compared.is_none());
        }
        loop {
            let requests = self.app.take_parameter_requests(&self.store);
            if requests.is_empty() {
                break;
            }
            self.parameters = requests.iter().map(|request| request.span).collect();
            self.ask_all(requests);
            self.wait(|stage| stage.parameters.is_empty());
        }
        if let Some(part) = self.app.detail.take_part_request() {
            self.app.detail.load_part(part.read());
        }
        self.load_contexts();
    }

    /// Reads the contexts of calls, for the tab and for the search for misses.
    fn load_contexts(&mut self) {
        loop {
            let slices: Vec<_> = self.app.take_context_slices(&self.store).collect();
            if slices.is_empty() {
                break;
            }
            for (slice, requests) in slices {
                self.ask_all(requests);
                self.contexts = Some(slice);
                self.wait(|stage| stage.contexts.is_none());
            }
            self.lay_out();
        }
    }

    fn ask(&mut self, request: PayloadRequest) {
        self.ask_all(vec![request]);
    }

    fn ask_all(&mut self, requests: Vec<PayloadRequest>) {
        self.tickets += 1;
        let addresses = requests.into_iter().map(|request| (request.payload_ref, request.span)).collect();
        let request = Request::Payloads { ticket: self.tickets, addresses };
        self.source.requests.send(request).expect("a source that lives");
    }

    /// Returns the mouse target at a position.
    pub(crate) fn target_at(&mut self, x: u16, y: u16) -> HitTarget {
        self.text();
        self.hits.at(Position::new(x, y))
    }

    /// Returns the column and line where a text is first shown.
    pub(crate) fn find(&mut self, text: &str) -> (u16, u16) {
        self.text();
        let buffer = self.terminal.backend().buffer();
        let row = |y: u16| (0..buffer.area.width).map(|x| buffer[(x, y)].symbol()).collect::<Vec<_>>();
        let at = |cells: &[&str]| (0..cells.len()).find(|&x| cells[x..].concat().starts_with(text));
        (0..buffer.area.height).find_map(|y| at(&row(y)).map(|x| (x as u16, y))).unwrap_or_else(|| panic!("{text} is not on the screen"))
    }

    /// Draws the screen; returns the first lines with the style of each run of cells: `[fg on bg attributes]text`.
    pub(crate) fn colours(&mut self, lines: u16) -> String {
        self.text();
        let buffer = self.terminal.backend().buffer();
        let mut text = String::new();
        for y in 0..lines {
            let mut last = None;
            for x in 0..buffer.area.width {
                let cell = &buffer[(x, y)];
                let style = (cell.fg, cell.bg, cell.modifier);
                if last != Some(style) {
                    let attributes =
                        if cell.modifier.is_empty() { String::new() } else { format!(" {:?}", cell.modifier).replace("Modifier", "") };
                    let _ = write!(text, "[{} on {}{attributes}]", cell.fg, cell.bg);
                    last = Some(style);
                }
                text.push_str(cell.symbol());
            }
            text.push('\n');
        }
        text
    }

    /// Draws the screen; returns its lines.
    pub(crate) fn text(&mut self) -> String {
        self.lay_out();
        self.load();
        self.lay_out();
        // On a slow machine, results are recomputed less often.
        while self.app.has_stale(&self.store) {
            std::thread::sleep(Duration::from_millis(1));
            self.lay_out();
        }
        let Self { app, store, terminal, hits, .. } = self;
        terminal.draw(|frame| view::draw(frame, app, store, hits)).expect("drawing in memory");
        terminal.backend().to_string()
    }

    /// Draws the screen; returns its cells.
    pub(crate) fn buffer(&mut self) -> Buffer {
        self.text();
        let Self { app, store, terminal, hits, .. } = self;
        terminal.draw(|frame| view::draw(frame, app, store, hits)).expect("drawing in memory").buffer.clone()
    }

    /// Resizes the screen.
    pub(crate) fn resize(&mut self, width: u16, height: u16) {
        self.terminal.backend_mut().resize(width, height);
    }
}

fn key(name: &str) -> KeyEvent {
    if let Some(letter) = name.strip_prefix("Ctrl-") {
        return KeyEvent::new(KeyCode::Char(letter.chars().next().expect("a letter")), KeyModifiers::CONTROL);
    }
    let code = match name {
        "Enter" => KeyCode::Enter,
        "Esc" => KeyCode::Esc,
        "Tab" => KeyCode::Tab,
        "BackTab" => KeyCode::BackTab,
        "Space" => KeyCode::Char(' '),
        "Down" => KeyCode::Down,
        "Up" => KeyCode::Up,
        "Left" => KeyCode::Left,
        "Right" => KeyCode::Right,
        "PageDown" => KeyCode::PageDown,
        "Backspace" => KeyCode::Backspace,
        other => panic!("no key is called {other}"),
    };
    KeyEvent::new(code, KeyModifiers::NONE)
}
