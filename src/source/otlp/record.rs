//! What arrives, also written into a SQLite file as Agno writes it, so that Agno and a later agno-top read it.
//!
//! A writer thread takes what waits into one transaction. A request is acknowledged once that is committed.

mod rows;
mod schema;

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use bytes::Bytes;
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::bodies::Form;
use crate::model::{Nanos, Span, SpanId, Status, TraceId};
use crate::source::sqlite::Tables;

/// Requests that may wait for the writer, and that share a transaction.
const WAITING: usize = 64;

/// How long Agno may keep the file locked.
const LOCKED: Duration = Duration::from_secs(5);

/// A request to be written.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) form: Form,
    pub(super) body: Bytes,
    pub(super) spans: Vec<Ended>,
}

/// A span that ended, and where in its body it begins.
#[derive(Clone, Debug)]
pub(super) struct Ended {
    at: usize,
    trace: TraceId,
    id: SpanId,
    parent: Option<SpanId>,
    start: Nanos,
    end: Nanos,
    status: Status,
    name: String,
}

impl Ended {
    /// The span, if it ended. Its address must still be its place in the body.
    pub(super) fn new(span: &Span, name: &str) -> Option<Self> {
        let &Span { trace, id, parent, start, end, status, address, .. } = span;
        Some(Self { at: address.0 as usize, trace, id, parent, start, end: end?, status, name: name.to_owned() })
    }
}

type Answer = oneshot::Sender<Result<(), String>>;

/// The writer, for those who have something to be written.
#[derive(Debug)]
pub(super) struct Recorder {
    jobs: SyncSender<(Job, Answer)>,
}

impl Recorder {
    /// Opens or makes the file, makes Agno's tables if they are not there, and starts the writer. `Err` says why that can't be.
    pub(super) fn start(path: &Path, tables: Tables) -> Result<Self, String> {
        let say = |error: &dyn std::fmt::Display| format!("can't record into {}: {error}", path.display());
        let connection = open(path, &tables).map_err(|error| say(&error))?.ok_or_else(|| say(&"it holds tables that are not Agno's"))?;
        let (jobs, inbox) = sync_channel(WAITING);
        let writer = Writer { connection, tables, path: path.to_owned() };
        let thread = std::thread::Builder::new().name("otlp recorder".to_owned());
        thread.spawn(move || writer.run(&inbox)).map_err(|error| say(&error))?;
        Ok(Self { jobs })
    }

    /// Writes a request. When this returns well it is in the file for good.
    pub(super) async fn write(&self, job: Job) -> Result<(), String> {
        let (answer, written) = oneshot::channel();
        self.jobs.try_send((job, answer)).map_err(|_| "the disk is behind".to_owned())?;
        written.await.unwrap_or_else(|_| Err("the writer ended".to_owned()))
    }
}

/// `None` if there is something in the file that is not Agno's, and nothing that is.
fn open(path: &Path, tables: &Tables) -> rusqlite::Result<Option<Connection>> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(LOCKED)?;
    let fresh: i64 = connection.query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0))?;
    if fresh == 0 {
        // As Agno does, so that readers and the writer do not wait for each other.
        connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    } else if !schema::is_agnos(&connection, tables)? {
        return Ok(None);
    }
    connection.execute_batch("PRAGMA synchronous = FULL")?;
    schema::create(&connection, tables)?;
    // Tables of another version are found out here, not at the first span.
    connection.prepare(&rows::insert_span(tables))?;
    connection.prepare(&rows::upsert_trace(tables))?;
    Ok(Some(connection))
}

struct Writer {
    connection: Connection,
    tables: Tables,
    path: PathBuf,
}

impl Writer {
    fn run(mut self, inbox: &Receiver<(Job, Answer)>) {
        while let Ok(first) = inbox.recv() {
            let (jobs, answers): (Vec<Job>, Vec<Answer>) = std::iter::once(first).chain(inbox.try_iter().take(WAITING)).unzip();
            let written = self.write(&jobs).map_err(|error| format!("{}: {error}", self.path.display()));
            if let Err(error) = &written {
                tracing::error!(error, "can't record");
            }
            for answer in answers {
                // A sender that hung up does not wait for it.
                let _ = answer.send(written.clone());
            }
        }
    }

    fn write(&mut self, jobs: &[Job]) -> rusqlite::Result<()> {
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
