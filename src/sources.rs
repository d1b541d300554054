//! Sources of spans: SQLite, PostgreSQL, ClickHouse, AgentOS, files, and the OTLP listener.
//!
//! A source runs on a thread of its own. It sends [`Update`]s and receives [`Request`]s; a [`Hub`] holds all sources. The channel of updates is
//! bounded: a source that is faster than its receiver waits.

pub mod agentos;
mod agno_reviews;
mod agno_row;
pub mod archive;
pub mod clickhouse;
mod compression;
pub mod discover;
mod excerpt;
pub mod file;
mod http;
mod hub;
mod missing;
pub mod mysql;
pub mod otlp;
pub mod postgres;
mod secret;
mod sql;
pub mod sqlite;
mod tls;
mod traffic;
mod watcher;

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use agno_row::fuzz as agno_row_fuzz;
pub use excerpt::{Held, Wanted};
pub use hub::Hub;
use missing::missing_file;
pub use traffic::{Forwarding, Port, PortError, Traffic};

use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;

use bytes::Bytes;
use tokio::sync::mpsc::Sender;

use crate::model::{
    Batch, LogBatch, LogContent, LogRecord, MetricBatch, Nanos, Origin, Payload, PayloadQuery, PayloadRef, SourceId, SpanId, TraceId,
};
use crate::otlp::logs::{self as otlp_logs, EncodedLog};
use crate::otlp::turns::{ToldSpans, Turns};
use crate::otlp::wire::DecodeError;

/// A message from a source.
#[derive(Debug)]
pub enum Update {
    /// New or changed spans.
    Batch(Batch),
    /// Points of metrics.
    Metrics(MetricBatch),
    /// Log records, in the order in which they came.
    Logs(LogBatch),
    /// The state of the source, until the next such update.
    State(SourceId, State),
    /// The answer to [`Request::Payloads`].
    Payloads {
        /// The ticket of the request.
        ticket: u64,
        /// The payloads in the order of the request; an error says why one can't be read.
        payloads: Vec<Result<Payload, String>>,
    },
    /// A part of the answer to [`Request::Search`] or [`Request::Check`].
    SearchHits(SearchHits),
    /// The answer to [`Request::Read`], after the spans.
    Read {
        /// The ticket of the request.
        ticket: u64,
        /// Every trace with a span that ran from then on is sent, up to the end that was asked for; `None` if only a read of everything can tell.
        from: Option<Nanos>,
    },
    /// The traffic of a listener, sent after a change, about once a second.
    Traffic(SourceId, Traffic),
    /// The payloads of these spans changed, for example by an event that arrived later. Request a payload again to show it.
    PayloadChanged(SourceId, Vec<SpanId>),
}

/// A part of the answer to [`Request::Search`] or [`Request::Check`].
#[derive(Debug)]
pub struct SearchHits {
    /// The source that searched.
    pub source: SourceId,
    /// The ticket of the request.
    pub ticket: u64,
    /// Spans with a matching payload.
    pub spans: Vec<(TraceId, SpanId)>,
    /// The progress of the search; `None` in the answer to a check.
    pub progress: Option<Progress>,
    /// Why some payloads could not be searched.
    pub error: Option<String>,
}

/// The progress of a search, in a unit of the source. The search has finished when `done` is `total`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// What has been searched.
    pub done: u64,
    /// What there is to search.
    pub total: u64,
}

/// What a database source reads of the spans that exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadLimits {
    /// The most spans to read at the start, the newest first.
    pub limit: u64,
    /// The most spans to read where the source reads everything again, and from a table that was missing: what was written meanwhile is
    /// among them.
    pub limit_again: u64,
    /// Earlier spans need not be read.
    pub since: Option<Nanos>,
    /// Whether nothing is read but what a [`Request::Read`] asks for.
    pub on_demand: bool,
}

impl ReadLimits {
    /// Returns the same limit for every read.
    #[must_use]
    pub const fn of(limit: u64) -> Self {
        Self { limit, limit_again: limit, since: None, on_demand: false }
    }

    /// Returns the limits of every read but the first.
    const fn again(self) -> Self {
        Self { limit: self.limit_again, ..self }
    }
}

/// What a source is asked.
#[derive(Debug)]
pub enum Request {
    /// Read payloads.
    Payloads {
        /// Returned with the answer.
        ticket: u64,
        /// Where each payload was when its span was read, and the span that it must belong to: the place may hold another payload by now.
        addresses: Vec<(PayloadRef, SpanId)>,
    },
    /// Search all payloads, newest first. Replaces a running search.
    Search(Search),
    /// Search these payloads only, whose spans arrived after a search began.
    Check {
        /// Returned with the answer.
        ticket: u64,
        /// What to search for.
        query: Arc<PayloadQuery>,
        /// The payloads, as in [`Request::Payloads`].
        addresses: Vec<(PayloadRef, SpanId)>,
    },
    /// Stop the search.
    StopSearch,
    /// Read these traces, without those that were sent before. Databases answer this.
    Read {
        /// Returned with the answer.
        ticket: u64,
        /// Which traces.
        wanted: Wanted,
    },
    /// Read the log records beside the spans, which [`Request::Read`] leaves out. The answer is [`Update::Read`].
    Logs {
        /// Returned with the answer.
        ticket: u64,
    },
    /// Free the memory of these payloads, which will not be requested again. Each span is released once.
    Release(Vec<PayloadRef>),
    /// Take spans as if requests had brought them. A listener answers when they are on their way to the store, and recorded if it records.
    Take(Vec<TakenSpans>, std::sync::mpsc::Sender<Result<(), String>>),
    /// The program is about to be stopped: close listeners and connections, so that no sender waits for it. Answer when they are closed.
    Suspend(std::sync::mpsc::Sender<()>),
    /// The program goes on.
    Resume,
}

/// Spans for a listener that no request brought: an `ExportTraceServiceRequest`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakenSpans {
    /// The message.
    pub body: Vec<u8>,
    /// Whether it is JSON, else protobuf.
    pub is_json: bool,
    /// Whether it is also for the endpoints that requests are forwarded to.
    pub is_forwarded: bool,
    /// The process that has open what did not end.
    pub process: u64,
    /// When that process lived last.
    pub lived_until: Nanos,
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

/// A search through payloads.
#[derive(Clone, Debug)]
pub struct Search {
    /// Returned with the hits.
    pub ticket: u64,
    /// What to search for.
    pub query: Arc<PayloadQuery>,
    /// The earliest start time of spans to search.
    pub since: Option<Nanos>,
    /// The latest start time of spans to search.
    pub until: Option<Nanos>,
}

/// The state of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It can't start yet; the text says what is missing.
    Waiting(String),
    /// It reads existing spans, newest first.
    Loading {
        /// Spans read.
        done: u64,
        /// Estimated number of spans to read.
        total: u64,
    },
    /// It has read everything up to the limit, and watches for new spans.
    Watching {
        /// Older spans that the limit leaves out.
        left_out: u64,
    },
    /// Like [`State::Watching`], and so many older traces are left out, of which nobody knows the spans.
    WatchingNewest {
        /// Older traces that the limit leaves out.
        left_out: u64,
    },
    /// It has ended, as a file does when it is read.
    Ended,
    /// It can't be read at present; the text says what is wrong and what to do. The source keeps trying.
    Failing(String),
}

/// A running source.
#[derive(Debug)]
pub struct Handle {
    /// Its id.
    pub id: SourceId,
    /// Its display name, such as `tmp/traces.db`.
    pub name: String,
    /// Takes requests. The source ends when this is dropped.
    pub requests: mpsc::Sender<Request>,
    /// The thread, to be joined if it returns warnings when it ends.
    thread: Option<JoinHandle<Vec<String>>>,
}

impl Handle {
    /// Stops the source and joins its thread, if it has work to finish. Returns warnings for the user.
    ///
    /// Drop the receiver of the updates first: the source may be blocked on sending.
    #[must_use]
    pub fn stop(self) -> Vec<String> {
        drop(self.requests);
        // The panic hook reports a panic.
        self.thread.and_then(|thread| thread.join().ok()).unwrap_or_default()
    }
}

/// The sending end of a source's updates.
#[derive(Clone, Debug)]
pub struct UpdateSender {
    /// The source's id.
    pub id: SourceId,
    /// The channel.
    pub updates: Sender<Update>,
    /// See [`Batch::numbers_only`].
    pub numbers_only: bool,
    /// The turns that log events tell of, in all sources.
    turns: Arc<Mutex<Turns>>,
}

impl UpdateSender {
    /// Creates a sender of complete rows.
    #[must_use]
    pub fn new(id: SourceId, updates: Sender<Update>) -> Self {
        Self { id, updates, numbers_only: false, turns: Arc::default() }
    }

    /// Returns a sender for another source, whose log events may tell of the same turns.
    #[must_use]
    pub fn beside(&self, id: SourceId) -> Self {
        Self { id, ..self.clone() }
    }

    /// Makes spans of log records that may tell of calls.
    fn read_logs(&self, records: &[EncodedLog<'_>]) -> ToldSpans {
        if records.is_empty() {
            return ToldSpans::default();
        }
        // A panic ends the program; what is known of the turns stays valid.
        self.turns.lock().unwrap_or_else(PoisonError::into_inner).read(records)
    }

    /// Returns the log records of an `ExportLogsServiceRequest` as a batch of this source.
    fn log_batch(&self, body: &Bytes) -> Result<LogBatch, DecodeError> {
        Ok(LogBatch { source: self.id, records: otlp_logs::records(body)? })
    }

    /// Returns an empty batch of this source.
    #[must_use]
    pub fn batch(&self, origin: Origin) -> Batch {
        let mut batch = Batch::new(self.id, origin);
        batch.numbers_only = self.numbers_only;
        batch
    }

    /// Sends a part of the answer to [`Request::Search`] or [`Request::Check`], if it states anything.
    fn send_hits(&self, ticket: u64, spans: agno_row::Hits, progress: Option<Progress>, error: Option<String>) -> Result<(), Closed> {
        if spans.is_empty() && progress.is_none() && error.is_none() {
            return Ok(());
        }
        self.send(Update::SearchHits(SearchHits { source: self.id, ticket, spans, progress, error }))
    }

    /// Sends an update, and blocks while the channel is full. After an error the source ends.
    pub fn send(&self, update: Update) -> Result<(), Closed> {
        self.updates.blocking_send(update).map_err(|_| Closed)
    }
}

/// The receiver of the updates is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the program is ending")]
pub struct Closed;

/// Whether a text is the URL of a source, rather than a path.
#[must_use]
pub fn is_url(text: &str) -> bool {
    postgres::is_url(text) || mysql::is_url(text) || clickhouse::is_url(text) || agentos::is_url(text)
}

/// Whether the source of this URL answers [`Wanted::Holding`].
#[must_use]
pub fn tells_what_traces_hold(url: &str) -> bool {
    clickhouse::is_url(url)
}

/// Reads what a log record holds. What can't be read of it is missing.
#[must_use]
pub fn log_content(record: &LogRecord) -> LogContent {
    otlp_logs::content(&record.encoded).unwrap_or_default()
}

/// Runs a source on a thread of its own.
pub fn spawn<F>(name: String, sender: UpdateSender, body: F) -> std::io::Result<Handle>
where
    F: FnOnce(&UpdateSender, &mpsc::Receiver<Request>) + Send + 'static,
{
    let handle = spawn_joined(name, sender, move |sender, requests| {
        body(sender, requests);
        Vec::new()
    })?;
    Ok(Handle { thread: None, ..handle })
}

/// Runs a source that has work to finish when it is stopped, and then returns warnings for the user.
pub fn spawn_joined<F>(name: String, sender: UpdateSender, body: F) -> std::io::Result<Handle>
where
    F: FnOnce(&UpdateSender, &mpsc::Receiver<Request>) -> Vec<String> + Send + 'static,
{
    let (requests, received) = mpsc::channel();
    let id = sender.id;
    let thread = std::thread::Builder::new().name(format!("source {name}")).spawn(move || body(&sender, &received))?;
    Ok(Handle { id, name, requests, thread: Some(thread) })
}
