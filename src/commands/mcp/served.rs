//! The screen's side of its socket: what clients ask goes to the event loop, which answers between two frames.

use std::fmt;
use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UnixListener;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::Instant;

use super::calls::Call;
use super::desk::{Desk, Held};
use super::server::{self, Question};
use super::socket::{self, Socket};
use super::view_text;
use crate::config::Config;
use crate::export::Redaction;
use crate::format;
use crate::model::Payload;
use crate::sources::State;
use crate::store::TraceIx;
use crate::tui::app::App;
use crate::tui::event_loop::{self, Service};

/// The most clients at a time.
const MAX_CLIENTS: usize = 64;

/// The most bytes of a message. Calls are small, and the screen reads them between frames.
const MAX_MESSAGE: usize = 16 << 10;

/// The most spans that a call may look at: meanwhile the screen draws nothing.
const MAX_SPANS: u64 = 50_000;

/// Calls that may wait for the event loop; a client that is faster waits.
const CAPACITY: usize = 16;

/// How long to wait after a connection could not be accepted.
const PAUSE: Duration = Duration::from_secs(1);

/// Answers clients of the screen's socket.
struct Served {
    desk: Desk,
    questions: Receiver<Question>,
    next: Option<Question>,
    /// The working directory.
    folder: PathBuf,
    _socket: Socket,
}

impl fmt::Debug for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Served").finish_non_exhaustive()
    }
}

/// Returns what answers `agno-top mcp` about the screen; `None` if the settings turn it off, or no socket can be made, which the log tells.
pub(in crate::commands) fn serve(config: &Config, runtime: &Handle, is_demo: bool) -> Option<Box<dyn Service>> {
    if !config.socket {
        return None;
    }
    match start(config, runtime, is_demo) {
        Ok(served) => Some(Box::new(served)),
        Err(error) => {
            tracing::warn!(%error, "no socket for agno-top mcp");
            None
        }
    }
}

fn start(config: &Config, runtime: &Handle, is_demo: bool) -> io::Result<Served> {
    let redactor = Redaction::Secrets.redactor(&config.redact_patterns).map_err(io::Error::other)?;
    let _in_runtime = runtime.enter();
    let (listener, socket) = socket::bind(is_demo)?;
    let (sender, questions) = channel(CAPACITY);
    runtime.spawn(accept(listener, sender));
    Ok(Served { desk: Desk::new(redactor, MAX_SPANS), questions, next: None, folder: std::env::current_dir()?, _socket: socket })
}

async fn accept(listener: UnixListener, questions: Sender<Question>) {
    let places = Arc::new(Semaphore::new(MAX_CLIENTS));
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        // A client without a place, or of another user, finds its connection closed.
        if let Some(place) = places.clone().try_acquire_owned().ok().filter(|_| socket::is_own(&stream)) {
            let (input, output) = stream.into_split();
            let serving = server::serve(input, output, MAX_MESSAGE, questions.clone());
            tokio::spawn(async move { (serving.await, place) });
        }
    }
}

impl Service for Served {
    fn is_waiting(&self) -> bool {
        self.desk.is_waiting()
    }

    fn ready<'a>(&'a mut self) -> Pin<Box<dyn Future<Output = ()> + 'a>> {
        Box::pin(async move {
            let deadline = self.desk.deadline();
            tokio::select! {
                Some(question) = self.questions.recv(), if self.next.is_none() => self.next = Some(question),
                () = tokio::time::sleep_until(deadline.unwrap_or_else(Instant::now)), if deadline.is_some() => {}
                else => if self.next.is_none() { std::future::pending().await },
            }
        })
    }

    fn answer(&mut self, held: event_loop::Held<'_>) {
        match self.next.take() {
            Some(Question { call: Call::CurrentView, reply, .. }) => {
                let text = view_text::current_view(held.app, held.store, &self.folder, held.now);
                reply.send(Ok(self.desk.finish(&text, "")));
            }
            Some(Question { call, reply, .. }) => with(held, |held| self.desk.ask(held, call, reply)),
            None => {}
        }
        self.desk.end_overdue();
    }

    fn changed(&mut self, held: event_loop::Held<'_>, traces: &[TraceIx]) {
        with(held, |held| self.desk.changed(held, traces));
    }

    fn payloads(&mut self, ticket: u64, payloads: Vec<Result<Payload, String>>) {
        self.desk.payloads(ticket, payloads);
    }
}

fn with(held: event_loop::Held<'_>, act: impl FnOnce(&mut Held<'_>)) {
    let event_loop::Held { app, store, sources, now } = held;
    act(&mut Held { hub: sources, store, now, notes: &notes(app) });
}

/// Returns what is to be known of the sources, in sentences.
fn notes(app: &App) -> Vec<String> {
    let note = |name: &str, state: &State| match state {
        State::Loading { .. } => Some(format!("{name} is still being read.")),
        State::Waiting(reason) | State::Failing(reason) => Some(format!("A source can't be read: {reason}")),
        State::Watching { .. } | State::WatchingNewest { .. } | State::Ended => None,
    };
    let mut notes: Vec<String> = app.sources.iter().filter_map(|source| note(&source.name, &source.state)).collect();
    if let Some(spans) = app.held_back_spans() {
        notes.push(format!("The screen is paused: {} wait to be shown.", format::plural(spans as u64, "span")));
    }
    notes
}
