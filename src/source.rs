//! Where spans come from. A source runs on a thread of its own and speaks in [`Update`]s; it is asked in [`Request`]s.
//!
//! The channel of updates is bounded: a source that is faster than the screen waits, and loses nothing by it.

mod agno_row;
pub mod discover;
pub mod file;
pub mod postgres;
pub mod sqlite;

use std::sync::mpsc;

use tokio::sync::mpsc::Sender;

use crate::model::{Address, Batch, Payload, SourceId, SpanId};

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
}

/// What a source is asked.
#[derive(Debug)]
pub enum Request {
    /// Read these payloads again.
    Payloads {
        /// Comes back with the answer.
        ticket: u64,
        /// Where the payloads lay when the spans were read, and the spans that they must belong to: a place may come to hold another.
        addresses: Vec<(Address, SpanId)>,
    },
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
}

/// What every source needs to run.
#[derive(Clone, Debug)]
pub struct Outlet {
    /// The source's number.
    pub id: SourceId,
    /// Where updates go.
    pub updates: Sender<Update>,
}

impl Outlet {
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
pub fn spawn<F>(name: String, outlet: Outlet, body: F) -> std::io::Result<Handle>
where
    F: FnOnce(&Outlet, &mpsc::Receiver<Request>) + Send + 'static,
{
    let (requests, inbox) = mpsc::channel();
    let id = outlet.id;
    std::thread::Builder::new().name(format!("source {name}")).spawn(move || body(&outlet, &inbox))?;
    Ok(Handle { id, name, requests })
}
