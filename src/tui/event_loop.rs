//! The only loop: keys, updates, ticks and signals come in, frames and effects go out.

mod export;

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::Utc;
use color_eyre::eyre::{Report, bail};
use crossterm::event::{Event, EventStream, MouseButton, MouseEventKind};
use futures_util::StreamExt;
use futures_util::future::poll_immediate;
use ratatui::Terminal;
use ratatui::backend::Backend;
use ratatui::layout::{Position, Rect};
use tokio::sync::oneshot;
use tokio::time::{MissedTickBehavior, interval, sleep_until};

use self::export::{PendingExport, Written};
use super::app::{App, Effect};
use crate::export::{Exported, Exporter, Options};
use crate::format;
use crate::model::price::Prices;
use crate::model::{Nanos, Payload, SpanId};
use crate::panic_hook;
use crate::sources::{Hub, PayloadRequest, State, Update};
use crate::store::{RowIx, Store};
use crate::tui::clipboard;
use crate::tui::history;
use crate::tui::view::{self, HitMap};

/// The least time between two frames that nobody asked for with a key.
const FRAME: Duration = Duration::from_millis(16);

/// The longest time that updates are taken in before keys are looked at again.
const UPDATES: Duration = Duration::from_millis(6);

/// Everything the loop works on.
#[derive(Debug)]
pub struct Session {
    /// What is looked at.
    pub app: App,
    /// What is known.
    pub store: Store,
    /// The running sources.
    pub sources: Hub,
    /// Where exports are written.
    pub directory: PathBuf,
    /// What exports leave out, if they leave out secrets, beside what they leave out anyway.
    pub redact_patterns: Vec<String>,
    /// Whether the mouse is listened to.
    pub mouse: bool,
    /// Prices, which take a moment to be read; an error says which file of them can't be used.
    pub prices: oneshot::Receiver<(Prices, Option<String>)>,
}

/// Payloads that were asked for, by ticket.
#[derive(Debug)]
enum Pending {
    Detail,
    Export(Box<PendingExport>),
    Copy(Box<Exported>),
    Compare { side: usize, id: SpanId },
}

struct Loop<'a> {
    session: &'a mut Session,
    pending: HashMap<u64, Pending>,
    /// The mouse targets of the last frame.
    hits: HitMap,
    /// Whether the terminal is wanted by the shell.
    suspends: bool,
    written: (tokio::sync::mpsc::UnboundedSender<Written>, tokio::sync::mpsc::UnboundedReceiver<Written>),
    copied: (tokio::sync::mpsc::UnboundedSender<Copied>, tokio::sync::mpsc::UnboundedReceiver<Copied>),
}

/// A text that was handed to tmux, or back if it would not take it.
struct Copied {
    what: String,
    size: usize,
    left: Option<String>,
}

/// The present.
#[must_use]
pub fn now() -> Nanos {
    Utc::now().timestamp_nanos_opt().unwrap_or_default()
}

/// Runs until somebody quits. `Err` if the terminal fails or any thread panics.
pub async fn run<B: Backend>(terminal: &mut Terminal<B>, session: &mut Session) -> Result<(), Report>
where
    B::Error: Send + Sync + 'static,
{
    let written = tokio::sync::mpsc::unbounded_channel();
    let copied = tokio::sync::mpsc::unbounded_channel();
    let mut state = Loop { session, pending: HashMap::new(), written, copied, hits: HitMap::default(), suspends: false };
    let mut events = EventStream::new();
    let mut signals = Signals::new()?;
    let mut tick = interval(Duration::from_secs(1));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut drawn = Instant::now().checked_sub(FRAME).unwrap_or_else(Instant::now);
    let (mut dirty, mut at_once, mut priced) = (true, true, false);
    loop {
        if dirty && (at_once || drawn.elapsed() >= FRAME) {
            let size = terminal.size()?;
            let more = state.lay_out(Rect::new(0, 0, size.width, size.height));
            let Loop { session: Session { app, store, .. }, hits, .. } = &mut state;
            terminal.draw(|frame| view::draw(frame, app, store, hits))?;
            drawn = Instant::now();
            // A filter that is not through goes on with the next frame, and so do the sums over what it lets through.
            (dirty, at_once) = (more, false);
        }
        if state.session.app.take_bell() {
            clipboard::ring_bell();
        }
        state.ask_for_detail();
        state.ask_for_compared();
        state.release();
        state.send_requests();
        tokio::select! {
            biased;
            message = panic_hook::happened() => bail!("internal error: {message}"),
            () = signals.next() => return Ok(()),
            event = events.next() => {
                // All that was typed meanwhile is taken in before the next frame, which is then painted once.
                let mut next = Some(event);
                while let Some(event) = next {
                    let Some(event) = event else { return Ok(()) };
                    if state.event(&event?) {
                        return Ok(());
                    }
                    // Asked with the loop's own waker: the stream keeps the first that it is given until something comes.
                    next = poll_immediate(events.next()).await;
                }
                if std::mem::take(&mut state.suspends) {
                    crate::tui::terminal::suspend(state.session.mouse)?;
                    // All that was painted is forgotten, so that the next frame is painted whole.
                    terminal.swap_buffers();
                }
                (dirty, at_once) = (true, true);
            }
            Some(copied) = state.copied.1.recv() => {
                state.say_copied(copied);
                dirty = true;
            }
            Some(written) = state.written.1.recv() => {
                state.say_written(written);
                dirty = true;
            }
            Ok((list, trouble)) = &mut state.session.prices, if !priced => {
                priced = true;
                state.take_prices(list, trouble);
                dirty = true;
            }
            Some(update) = state.session.sources.recv() => {
                state.take_updates(update);
                dirty = true;
            }
            _ = tick.tick() => {
                let Session { app, store, .. } = &mut *state.session;
                dirty |= app.tick(store, now());
            }
            () = sleep_until((drawn + FRAME).into()), if dirty => {}
        }
    }
}

impl Loop<'_> {
    /// Makes ready what the next frame shows. Whether more is left to do.
    fn lay_out(&mut self, area: Rect) -> bool {
        let Session { app, store, .. } = &mut *self.session;
        view::prepare_frame(app, store, area)
    }

    /// Whether it was the last.
    fn event(&mut self, event: &Event) -> bool {
        let Session { app, store, .. } = &mut *self.session;
        view::write_pages(app, store);
        let effect = match event {
            Event::Key(key) => app.key(store, *key, now()),
            Event::Paste(text) => {
                app.paste(text);
                None
            }
            Event::Mouse(mouse) => {
                let target = self.hits.at(Position::new(mouse.column, mouse.row));
                match mouse.kind {
                    MouseEventKind::Down(MouseButton::Left) => app.click(store, target),
                    MouseEventKind::ScrollDown => app.wheel(store, target, 1),
                    MouseEventKind::ScrollUp => app.wheel(store, target, -1),
                    _ => {}
                }
                None
            }
            _ => None,
        };
        match effect {
            Some(Effect::Quit) => return true,
            Some(Effect::Export(export)) => {
                self.session.app.say("reading what is to be exported…", false, now());
                self.start_export(export);
            }
            Some(Effect::Copy { what, text }) => self.copy(what, &text),
            Some(Effect::CopySpan(row)) => self.copy_span(row),
            Some(Effect::Suspend) => self.suspends = true,
            Some(Effect::Remember(line)) => {
                if let Err(error) = history::add(&line) {
                    tracing::warn!(%error, "the filter line was not kept");
                }
            }
            None => {}
        }
        false
    }

    /// Takes in one update and those that wait behind it, for a bounded time.
    fn take_updates(&mut self, first: Update) {
        let started = Instant::now();
        let mut next = Some(first);
        while let Some(update) = next {
            match update {
                Update::Batch(batch) => {
                    for skipped in &batch.skipped {
                        let name = self.session.sources.name(batch.source);
                        tracing::warn!(source = name, place = skipped.place, reason = skipped.reason, "skipped");
                    }
                    let Session { app, store, .. } = &mut *self.session;
                    app.receive(store, batch, now());
                }
                Update::State(source, state) => {
                    tracing::info!(source = source.0, ?state, "source state");
                    if let State::Loading { total, .. } = state {
                        self.session.store.reserve(total);
                    }
                    self.session.app.source_state(usize::from(source.0), state);
                }
                Update::Payloads { ticket, payloads } => self.take_payloads(ticket, payloads),
                Update::Found(found) => {
                    let Session { app, store, .. } = &mut *self.session;
                    app.take_found(store, found);
                }
                Update::PayloadChanged(source, spans) => self.session.app.detail.request_again(source, &spans),
                Update::Traffic(source, traffic) => {
                    tracing::debug!(source = source.0, ?traffic, "source traffic");
                    self.session.app.source_traffic(usize::from(source.0), traffic);
                }
            }
            if started.elapsed() > UPDATES {
                break;
            }
            next = self.session.sources.try_recv();
        }
    }

    fn take_prices(&mut self, prices: Prices, trouble: Option<String>) {
        let Session { app, store, .. } = &mut *self.session;
        app.take_prices(store, Arc::new(prices));
        if let Some(trouble) = trouble {
            tracing::warn!(trouble, "prices");
            app.say(trouble, true, now());
        }
    }

    fn request(&mut self, payloads: impl IntoIterator<Item = PayloadRequest>, pending: Pending) {
        let ticket = self.session.sources.request_payloads(payloads);
        self.pending.insert(ticket, pending);
    }

    fn ask_for_detail(&mut self) {
        if let Some(wanted) = self.session.app.detail.take_request() {
            self.pending.retain(|_, pending| !matches!(pending, Pending::Detail));
            self.request([wanted], Pending::Detail);
        }
    }

    fn ask_for_compared(&mut self) {
        let Session { app, store, .. } = &mut *self.session;
        for (side, wanted) in app.compared(store) {
            self.request([wanted], Pending::Compare { side, id: wanted.span });
        }
    }

    fn release(&mut self) {
        let Session { app, sources, .. } = &mut *self.session;
        sources.release(app.released());
    }

    fn send_requests(&mut self) {
        let Session { app, sources, .. } = &mut *self.session;
        for (source, request) in app.requests() {
            if !sources.send(source, request) {
                app.source_is_gone(source);
            }
        }
    }

    fn take_payloads(&mut self, ticket: u64, payloads: Vec<Result<Payload, String>>) {
        match self.pending.remove(&ticket) {
            Some(Pending::Detail) => {
                if let Some(payload) = payloads.into_iter().next() {
                    self.session.app.detail.load(payload);
                }
            }
            Some(Pending::Compare { side, id }) => {
                if let Some(Ok(payload)) = payloads.first() {
                    let Session { app, store, .. } = &mut *self.session;
                    app.load_compared(store, side, id, view::exchange_texts(payload));
                }
            }
            Some(Pending::Export(export)) => self.write_export(*export, payloads),
            Some(Pending::Copy(mut span)) => match payloads.into_iter().next() {
                Some(Ok(payload)) => {
                    span.payload = payload;
                    let what = format!("span {} as OTLP/JSON", span.record.span_id);
                    let mut exporter = Exporter::new(&Options::default(), Vec::new());
                    match exporter.span(*span).and_then(|()| exporter.finish()) {
                        Ok(json) => self.copy(what, String::from_utf8_lossy(&json).trim_end()),
                        Err(error) => self.session.app.say(format!("could not copy: {error}"), true, now()),
                    }
                }
                Some(Err(why)) => self.session.app.say(format!("could not copy: {why}"), true, now()),
                None => {}
            },
            None => {}
        }
    }

    fn copy_span(&mut self, row: RowIx) {
        let data = self.session.store.row(row);
        let payload = PayloadRequest { source: data.source, payload_ref: data.payload_ref, span: data.id };
        let span = Box::new(crate::export::exported(&self.session.store, row, 0));
        self.request([payload], Pending::Copy(span));
    }

    /// Copies what can do no harm where it is pasted, all of it or nothing.
    fn copy(&mut self, what: String, text: &str) {
        let text = format::plain(text).into_owned();
        if text.is_empty() || text.len() > clipboard::MAX_SIZE {
            let why = match text.len() {
                0 => "it is empty".to_owned(),
                size => format!("terminals take no more than 1 MB, and it has {}; x exports it", format::bytes(size as u64)),
            };
            return self.session.app.say(format!("did not copy {what}: {why}"), true, now());
        }
        let copied = Copied { what, size: text.len(), left: Some(text) };
        if std::env::var_os("TMUX").is_none_or(|tmux| tmux.is_empty()) {
            return self.say_copied(copied);
        }
        let done = self.copied.0.clone();
        tokio::task::spawn_blocking(move || {
            let left = copied.left.filter(|text| clipboard::copy_to_tmux(text).is_err());
            let _ = done.send(Copied { left, ..copied });
        });
    }

    /// Gives the terminal what is left to give, and says what was copied.
    fn say_copied(&mut self, Copied { what, size, left }: Copied) {
        let told = match &left {
            Some(text) => clipboard::copy_to_terminal(text)
                .map(|()| if size > clipboard::PORTABLE_SIZE { "; some terminals take no more than 74 KB" } else { "" }),
            None => Ok(""),
        };
        match told {
            Ok(beyond) => self.session.app.say(format!("copied {}{beyond}", format::safe(&what)), false, now()),
            Err(error) => self.session.app.say(format!("could not copy: {error}"), true, now()),
        }
    }
}

/// Signals that ask the program to end.
struct Signals {
    #[cfg(unix)]
    signals: [tokio::signal::unix::Signal; 3],
}

impl Signals {
    #[cfg(unix)]
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { signals: [signal(SignalKind::terminate())?, signal(SignalKind::hangup())?, signal(SignalKind::interrupt())?] })
    }

    #[cfg(unix)]
    async fn next(&mut self) {
        let [terminate, hangup, interrupt] = &mut self.signals;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
            _ = interrupt.recv() => {}
        }
    }

    #[cfg(not(unix))]
    fn new() -> io::Result<Self> {
        Ok(Self {})
    }

    #[cfg(not(unix))]
    async fn next(&mut self) {
        std::future::pending().await
    }
}
