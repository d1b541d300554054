//! What arrives, also written into a SQLite file as Agno writes it, so that Agno and a later agno-top read it.
//!
//! A writer thread takes what waits into one transaction. A request is acknowledged once that is committed.

mod rows;
mod schema;

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use bytes::Bytes;
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::model::{Nanos, Span, SpanId, Status, TraceId};
use crate::sources::sqlite::{FileId, Tables, file_id};

/// Requests that may wait for the writer, and that share a transaction.
const WAITING: usize = 64;

/// How long Agno may keep the file locked.
const LOCKED: Duration = Duration::from_secs(5);

/// A request to be written.
#[derive(Debug)]
pub(super) struct WriteJob {
    pub(super) body: Bytes,
    pub(super) spans: Vec<FinishedSpan>,
}

/// A span that ended, and where in its body it begins.
#[derive(Clone, Debug)]
pub(super) struct FinishedSpan {
    at: usize,
    trace: TraceId,
    id: SpanId,
    parent: Option<SpanId>,
    start: Nanos,
    end: Nanos,
    status: Status,
    name: String,
}

impl FinishedSpan {
    /// The span, if it ended. Its address must still be its place in the body.
    pub(super) fn new(span: &Span, name: &str) -> Option<Self> {
        let &Span { trace, id, parent, start, end, status, payload_ref: address, .. } = span;
        Some(Self { at: address.0 as usize, trace, id, parent, start, end: end?, status, name: name.to_owned() })
    }
}

type Answer = oneshot::Sender<Result<(), String>>;

#[derive(Debug)]
enum Command {
    Write(WriteJob, Answer),
    /// Close the file, and say so by dropping this.
    End(SyncSender<()>),
}

/// The writer, for those who have something to be written.
#[derive(Debug)]
pub(super) struct Recorder {
    orders: SyncSender<Command>,
}

impl Recorder {
    /// Opens or makes the file, makes Agno's tables if they are not there, and starts the writer. `Err` says why that can't be.
    pub(super) fn start(path: &Path, tables: Tables) -> Result<Self, String> {
        let say = |error: &dyn std::fmt::Display| format!("can't record into {}: {error}", path.display());
        let connection = open(path, &tables).map_err(|error| say(&error))?;
        let (orders, inbox) = sync_channel(WAITING);
        let writer = Writer { connection, file: identity(path), tables, path: path.to_owned() };
        let thread = std::thread::Builder::new().name("otlp recorder".to_owned());
        thread.spawn(move || writer.run(&inbox)).map_err(|error| say(&error))?;
        Ok(Self { orders })
    }

    /// Writes a request. When this returns well it is in the file for good.
    pub(super) async fn write(&self, job: WriteJob) -> Result<(), String> {
        let (answer, written) = oneshot::channel();
        self.orders.try_send(Command::Write(job, answer)).map_err(|error| match error {
            TrySendError::Full(_) => "the disk is behind".to_owned(),
            TrySendError::Disconnected(_) => "the writer ended".to_owned(),
        })?;
        written.await.unwrap_or_else(|_| Err("the writer ended".to_owned()))
    }

    /// Has the file closed, so that all is in it and nothing lies beside it, and waits so long for that.
    pub(super) fn end(&self, time: Duration) {
        let (done, ended) = sync_channel(0);
        if self.orders.send(Command::End(done)).is_ok() {
            let _ = ended.recv_timeout(time);
        }
    }
}

/// Which file lies there; `None`: none.
fn identity(path: &Path) -> Option<FileId> {
    std::fs::metadata(path).ok().map(|metadata| file_id(&metadata))
}

/// Why a file can't be recorded into.
#[derive(Debug, thiserror::Error)]
enum OpenError {
    #[error("it holds tables that are not Agno's")]
    Foreign,
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
}

fn open(path: &Path, tables: &Tables) -> Result<Connection, OpenError> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(LOCKED)?;
    let fresh: i64 = connection.query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0))?;
    if fresh == 0 {
        // As Agno does, so that readers and the writer do not wait for each other.
        connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    } else if !schema::is_agnos(&connection, tables)? {
        return Err(OpenError::Foreign);
    }
    connection.execute_batch("PRAGMA synchronous = FULL")?;
    schema::create(&connection, tables)?;
    // Tables of another version are found out here, not at the first span.
    connection.prepare(&rows::insert_span(tables))?;
    connection.prepare(&rows::upsert_trace(tables))?;
    Ok(connection)
}

/// Lets go of a connection to a file that has lost its name. To close it would delete the log beside it by its name, which may be that of
/// the file that is there now.
fn forget(connection: Connection) {
    std::mem::forget(connection);
}

struct Writer {
    connection: Connection,
    /// The file that the connection is to.
    file: Option<FileId>,
    tables: Tables,
    path: PathBuf,
}

impl Writer {
    fn run(mut self, inbox: &Receiver<Command>) {
        while let Ok(first) = inbox.recv() {
            let (mut jobs, mut answers, mut ended) = (Vec::new(), Vec::new(), None);
            for order in std::iter::once(first).chain(inbox.try_iter().take(WAITING)) {
                match order {
                    Command::Write(job, answer) => {
                        jobs.push(job);
                        answers.push(answer);
                    }
                    Command::End(done) => ended = Some(done),
                }
            }
            let written = self.write_all(&jobs).map_err(|error| format!("{}: {error}", self.path.display()));
            if let Err(error) = &written {
                tracing::error!(error, "can't record");
            }
            for answer in answers {
                // A sender that hung up does not wait for it.
                let _ = answer.send(written.clone());
            }
            if let Some(done) = ended {
                self.close();
                drop(done);
                return;
            }
        }
    }

    fn close(self) {
        if self.is_there() {
            drop(self.connection);
        } else {
            forget(self.connection);
        }
    }

    /// Whether the connection is to the file that bears the name.
    fn is_there(&self) -> bool {
        identity(&self.path) == self.file
    }

    /// Writes into the file that bears the name now: people delete it, or put another one there.
    fn write_all(&mut self, jobs: &[WriteJob]) -> Result<(), OpenError> {
        if jobs.is_empty() {
            return Ok(());
        }
        if !self.is_there() {
            let connection = open(&self.path, &self.tables)?;
            forget(std::mem::replace(&mut self.connection, connection));
            self.file = identity(&self.path);
            tracing::warn!(path = %self.path.display(), "the file that records was gone; recording into a new one");
        }
        Ok(self.write(jobs)?)
    }

    fn write(&mut self, jobs: &[WriteJob]) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        {
            let mut spans = transaction.prepare_cached(&rows::insert_span(&self.tables))?;
            let mut traces = transaction.prepare_cached(&rows::upsert_trace(&self.tables))?;
            for job in jobs {
                rows::write(job, &mut traces, &mut spans)?;
            }
        }
        transaction.commit()
    }
}
