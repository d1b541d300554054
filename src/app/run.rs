//! The only loop: keys, updates, ticks and signals come in, frames and effects go out.

mod export;

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use chrono::Utc;
use color_eyre::eyre::{Report, bail};
use crossterm::event::{Event, EventStream};
use futures_util::{FutureExt, StreamExt};
use ratatui::Terminal;
use ratatui::backend::Backend;
use ratatui::layout::Rect;
use tokio::sync::mpsc::Receiver;
use tokio::time::{MissedTickBehavior, interval, sleep_until};

use self::export::{Collecting, Written};
use super::{App, Effect};
use crate::history;
use crate::model::{Nanos, Payload};
use crate::panic;
use crate::source::{Handle, Request, Update};
use crate::store::Store;
use crate::view::{self, Panes};

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
    /// The sources, in the order of their ids.
    pub sources: Vec<Handle>,
    /// What the sources say.
    pub updates: Receiver<Update>,
    /// Where exports are written.
    pub directory: PathBuf,
}

/// Payloads that were asked for, by ticket.
#[derive(Debug)]
enum Pending {
    Detail,
    Export { export: u64, places: Vec<usize> },
}

struct Loop<'a> {
    session: &'a mut Session,
    ticket: u64,
    pending: HashMap<u64, Pending>,
    exports: HashMap<u64, Collecting>,
    written: (tokio::sync::mpsc::UnboundedSender<Written>, tokio::sync::mpsc::UnboundedReceiver<Written>),
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
    let mut state = Loop { session, ticket: 0, pending: HashMap::new(), exports: HashMap::new(), written };
    let mut events = EventStream::new();
    let mut signals = Signals::new()?;
    let mut tick = interval(Duration::from_secs(1));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut drawn = Instant::now().checked_sub(FRAME).unwrap_or_else(Instant::now);
    let (mut dirty, mut at_once) = (true, true);
    loop {
        if dirty && (at_once || drawn.elapsed() >= FRAME) {
            let size = terminal.size()?;
            state.lay_out(Rect::new(0, 0, size.width, size.height));
            let Session { app, store, .. } = &*state.session;
            terminal.draw(|frame| view::draw(frame, app, store))?;
            drawn = Instant::now();
            // A filter that is not through goes on with the next frame.
            (dirty, at_once) = (state.session.app.forest.is_judging(), false);
        }
        state.ask_for_detail();
        state.release();
        state.send_requests();
        tokio::select! {
            biased;
            message = panic::happened() => bail!("internal error: {message}"),
            () = signals.next() => return Ok(()),
            event = events.next() => {
                // All that was typed meanwhile is taken in before the next frame, which is then painted once.
                let mut next = Some(event);
                while let Some(event) = next {
                    let Some(event) = event else { return Ok(()) };
                    if state.event(&event?) {
                        return Ok(());
                    }
                    next = events.next().now_or_never();
                }
                (dirty, at_once) = (true, true);
            }
            Some(written) = state.written.1.recv() => {
                state.say_written(written);
                dirty = true;
            }
            update = state.session.updates.recv() => {
                if let Some(update) = update {
                    state.take_updates(update);
                    dirty = true;
                }
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
    fn lay_out(&mut self, area: Rect) {
        let Session { app, store, .. } = &mut *self.session;
        app.settle(store);
        let panes = Panes::new(area, app.focus);
        app.forest.set_height(panes.forest_lines());
        app.detail.set_size(panes.detail_size());
    }

    /// Whether it was the last.
    fn event(&mut self, event: &Event) -> bool {
        let Session { app, store, .. } = &mut *self.session;
        let effect = match event {
            Event::Key(key) => app.key(store, *key, now()),
            Event::Paste(text) => {
                app.paste(text);
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
                        let name = self.session.sources.get(usize::from(batch.source.0)).map_or("?", |source| &source.name);
                        tracing::warn!(source = name, place = skipped.place, reason = skipped.reason, "skipped");
                    }
                    let Session { app, store, .. } = &mut *self.session;
                    app.receive(store, batch, now());
                }
                Update::State(source, state) => {
                    tracing::info!(source = source.0, ?state, "source state");
                    self.session.app.source_state(usize::from(source.0), state);
                }
                Update::Payloads { ticket, payloads } => self.take_payloads(ticket, payloads),
                Update::Found(found) => {
                    let Session { app, store, .. } = &mut *self.session;
                    app.take_found(store, found);
                }
                Update::Traffic(source, traffic) => {
                    tracing::debug!(source = source.0, ?traffic, "source traffic");
                    self.session.app.source_traffic(usize::from(source.0), traffic);
                }
            }
            if started.elapsed() > UPDATES {
                break;
            }
            next = self.session.updates.try_recv().ok();
        }
    }

    fn request(&mut self, source: usize, addresses: Vec<(crate::model::Address, crate::model::SpanId)>, pending: Pending) -> bool {
        self.ticket += 1;
        let request = Request::Payloads { ticket: self.ticket, addresses };
        let sent = self.session.sources.get(source).is_some_and(|source| source.requests.send(request).is_ok());
        if sent {
            self.pending.insert(self.ticket, pending);
        }
        sent
    }

    fn ask_for_detail(&mut self) {
        if let Some(wanted) = self.session.app.detail.wanted() {
            self.pending.retain(|_, pending| !matches!(pending, Pending::Detail));
            self.request(usize::from(wanted.source.0), vec![(wanted.address, wanted.id)], Pending::Detail);
        }
    }

    fn release(&mut self) {
        let mut by_source: HashMap<usize, Vec<_>> = HashMap::new();
        for (source, address) in self.session.app.released() {
            by_source.entry(usize::from(source.0)).or_default().push(address);
        }
        for (source, addresses) in by_source {
            if let Some(source) = self.session.sources.get(source) {
                // A source that has ended holds nothing.
                let _ = source.requests.send(Request::Release(addresses));
            }
        }
    }

    fn send_requests(&mut self) {
        for (source, request) in self.session.app.requests() {
            if self.session.sources.get(usize::from(source.0)).is_none_or(|handle| handle.requests.send(request).is_err()) {
                self.session.app.source_is_gone(source);
            }
        }
    }

    fn take_payloads(&mut self, ticket: u64, payloads: Vec<Result<Payload, String>>) {
        match self.pending.remove(&ticket) {
            Some(Pending::Detail) => {
                if let Some(payload) = payloads.into_iter().next() {
                    let Session { app, store, .. } = &mut *self.session;
                    app.detail.load(store, payload, app.now);
                }
            }
            Some(Pending::Export { export, places }) => self.take_exported(export, places, payloads),
            None => {}
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
