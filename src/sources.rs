//! Where spans come from. A source runs on a thread of its own and speaks in [`Update`]s; it is asked in [`Request`]s.
//!
//! The channel of updates is bounded: a source that is faster than the screen waits, and loses nothing by it.

mod agno_row;
mod compression;
pub mod discover;
pub mod file;
mod hub;
pub mod otlp;
pub mod postgres;
mod sql;
pub mod sqlite;
mod traffic;

#[cfg(feature = "fuzzing")]
pub use agno_row::fuzz;
pub use hub::Hub;
pub use traffic::{Forwarding, Port, PortError, Traffic};

use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use tokio::sync::mpsc::Sender;

use crate::model::{Batch, Nanos, Origin, Payload, PayloadQuery, PayloadRef, SourceId, SpanId, TraceId};

/// What a source says.
#[derive(Debug)]
pub enum Update {
    /// Spans.
    Batch(Batch),
    /// How the source is, from now on.
    State(SourceId, State),
    /// The answer to [`Request::Payloads`], in the order asked for; `Err` says why one can't be had.
    Payloads {
        /// The number the request bore.
        ticket: u64,
        /// One answer an address.
        payloads: Vec<Result<Payload, String>>,
    },
    /// What a search came upon.
    Found(SearchHits),
    /// What went through the source so far; told when it changed, about once a second.
    Traffic(SourceId, Traffic),
    /// More came that belongs to the payloads of these spans, which are known or will be: whoever looks at one asks again.
    PayloadChanged(SourceId, Vec<SpanId>),
}

/// A piece of the answer to [`Request::Search`] or [`Request::Check`].
#[derive(Debug)]
pub struct SearchHits {
    /// Who searched.
    pub source: SourceId,
    /// The number the request bore.
    pub ticket: u64,
    /// Spans whose payloads hold what is looked for.
    pub spans: Vec<(TraceId, SpanId)>,
    /// How far the search has come; `None` for what was only checked.
    pub progress: Option<Progress>,
    /// Why some payloads could not be searched.
    pub error: Option<String>,
}

/// How far a search has come, in units of the source's own. It is at its end when `done` is `total`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// What was looked through.
    pub done: u64,
    /// All there is.
    pub total: u64,
}

/// What a source is asked.
#[derive(Debug)]
pub enum Request {
    /// Read these payloads again.
    Payloads {
        /// Comes back with the answer.
        ticket: u64,
        /// Where the payloads lay when the spans were read, and the spans that they must belong to: a place may come to hold another.
        addresses: Vec<(PayloadRef, SpanId)>,
    },
    /// Look through every payload, the newest first, for as long as it takes; whatever was searched for before is dropped.
    Search(Search),
    /// Look through these payloads only: their spans came after a search began.
    Check {
        /// Comes back with the answer.
        ticket: u64,
        /// What is looked for.
        probe: Arc<PayloadQuery>,
        /// Where, as in [`Request::Payloads`].
        addresses: Vec<(PayloadRef, SpanId)>,
    },
    /// Search no further.
    StopSearch,
    /// Nobody will ask for these payloads any more: what is held in memory for them can go. Each span is released once.
    Release(Vec<PayloadRef>),
}

/// A span's payload, to request from its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PayloadRequest {
    /// The source.
    pub source: SourceId,
    /// Where the source finds the payload.
    pub payload_ref: PayloadRef,
    /// The span that the payload must belong to.
    pub span: SpanId,
}

impl PayloadRequest {
    /// Creates a request.
    #[must_use]
    pub fn new(source: SourceId, payload_ref: PayloadRef, span: SpanId) -> Self {
        Self { source, payload_ref, span }
    }
}

/// What to search for.
#[derive(Clone, Debug)]
pub struct Search {
    /// Comes back with what is found.
    pub ticket: u64,
    /// What is looked for.
    pub probe: Arc<PayloadQuery>,
    /// Spans that began before are of no interest.
    pub since: Option<Nanos>,
    /// Spans that began after are of no interest.
    pub until: Option<Nanos>,
}

/// How a source is, as the header shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It can't start yet; the text says what it waits for ("no such file yet").
    Waiting(String),
    /// It reads what was there before it came, newest first.
    Loading {
        /// Spans read.
        done: u64,
        /// Spans to read, about.
        total: u64,
    },
    /// It has read everything (or stopped at the limit, leaving out the given number of older spans), and watches.
    Watching {
        /// Older spans left in the source because of the limit.
        left_out: u64,
    },
    /// It gave everything and ended, as a file does.
    Ended,
    /// It can't be read now; the text names what and what to do. It tries again by itself.
    Failing(String),
}

/// A source that runs.
#[derive(Debug)]
pub struct Handle {
    /// Its number.
    pub id: SourceId,
    /// What a person calls it: `tmp/traces.db`.
    pub name: String,
    /// Where it takes requests; it ends when this is dropped.
    pub requests: mpsc::Sender<Request>,
    /// What it says when it has ended, of a source that has something to bring to an end.
    ending: Option<JoinHandle<Vec<String>>>,
}

impl Handle {
    /// Ends the source, and waits for it if it has something to bring to an end; gives what a person should know of that. Nobody may listen
    /// to its updates any more.
    #[must_use]
    pub fn stop(self) -> Vec<String> {
        drop(self.requests);
        // A panic is told by who panics.
        self.ending.and_then(|thread| thread.join().ok()).unwrap_or_default()
    }
}

/// What every source needs to run.
#[derive(Clone, Debug)]
pub struct UpdateSender {
    /// The source's number.
    pub id: SourceId,
    /// Where updates go.
    pub updates: Sender<Update>,
    /// See [`Batch::numbers_only`].
    pub numbers_only: bool,
}

impl UpdateSender {
    /// An outlet for everything that rows bear.
    #[must_use]
    pub fn new(id: SourceId, updates: Sender<Update>) -> Self {
        Self { id, updates, numbers_only: false }
    }

    /// An empty batch of what is wanted.
    #[must_use]
    pub fn batch(&self, origin: Origin) -> Batch {
        let mut batch = Batch::new(self.id, origin);
        batch.numbers_only = self.numbers_only;
        batch
    }

    /// Sends, waiting while the channel is full. `Err` if nobody listens any more: the source ends.
    pub fn send(&self, update: Update) -> Result<(), Closed> {
        self.updates.blocking_send(update).map_err(|_| Closed)
    }
}

/// Nobody listens any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the program is ending")]
pub struct Closed;

/// Runs `body` on a thread of its own.
pub fn spawn<F>(name: String, outlet: UpdateSender, body: F) -> std::io::Result<Handle>
where
    F: FnOnce(&UpdateSender, &mpsc::Receiver<Request>) + Send + 'static,
{
    let told = move |outlet: &UpdateSender, inbox: &mpsc::Receiver<Request>| {
        body(outlet, inbox);
        Vec::new()
    };
    Ok(Handle { ending: None, ..spawn_to_end(name, outlet, told)? })
}

/// The same for a body that has something to bring to an end, and says what a person should know of that.
pub fn spawn_to_end<F>(name: String, outlet: UpdateSender, body: F) -> std::io::Result<Handle>
where
    F: FnOnce(&UpdateSender, &mpsc::Receiver<Request>) -> Vec<String> + Send + 'static,
{
    let (requests, inbox) = mpsc::channel();
    let id = outlet.id;
    let thread = std::thread::Builder::new().name(format!("source {name}")).spawn(move || body(&outlet, &inbox))?;
    Ok(Handle { id, name, requests, ending: Some(thread) })
}
