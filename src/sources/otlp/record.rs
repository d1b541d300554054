//! Records spans into a SQLite file with Agno's schema, so that Agno and a later agno-top can read it.
//!
//! A writer thread puts all waiting requests into one transaction. A request is acknowledged once the transaction is committed.

mod rows;
mod schema;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use bytes::Bytes;
use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::oneshot;

use crate::otlp::turns::ToldSpans;
use crate::regular_file;
use crate::sources::sql::{LOGS_TABLE, METRICS_TABLE};
use crate::sources::sqlite::{FileId, Tables, file_id};

/// The number of requests that may wait for the writer, and that share a transaction.
const QUEUE_SIZE: usize = 64;

/// How long a write waits for another process to unlock the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Receives the result of a write.
type Reply = oneshot::Sender<Result<(), String>>;

/// What a request in protobuf holds.
#[derive(Clone, Debug)]
pub(super) enum Recorded {
    /// Spans, of which the finished ones are written.
    Spans(Bytes),
    /// Metrics, written as they are.
    Metrics(Bytes),
    /// Log records, written as they are.
    Logs(Bytes),
    /// What log events told of spans, in order. The finished ones are written, and the withdrawn ones deleted.
    Told(Vec<ToldSpans>),
}

#[derive(Debug)]
enum Command {
    /// Write the finished spans, the metrics or the log records of a request in protobuf.
    Write(Recorded, Reply),
    /// Close the file, then drop the sender.
    Close(SyncSender<()>),
}

/// A handle of the writer thread.
#[derive(Debug)]
pub(super) struct Recorder {
    commands: SyncSender<Command>,
    /// The file.
    pub(super) path: PathBuf,
}

impl Recorder {
    /// Opens or creates the file, creates missing tables, and starts the writer.
    pub(super) fn start(path: &Path, tables: Tables) -> io::Result<Self> {
        let connection = open(path, &tables);
        let connection = connection.map_err(|error| io::Error::other(format!("can't record into {}: {error}", path.display())))?;
        let (commands, receiver) = sync_channel(QUEUE_SIZE);
        let writer = Writer { connection, file: file_at(path), tables, path: path.to_owned() };
        std::thread::Builder::new().name("otlp recorder".to_owned()).spawn(move || writer.run(&receiver))?;
        Ok(Self { commands, path: path.to_owned() })
    }

    /// Writes a request. Returns once it is committed.
    pub(super) async fn write(&self, body: Recorded) -> Result<(), String> {
        let (reply, result) = oneshot::channel();
        self.commands.try_send(Command::Write(body, reply)).map_err(|error| match error {
            TrySendError::Full(_) => "the disk is too slow".to_owned(),
            TrySendError::Disconnected(_) => "the writer has ended".to_owned(),
        })?;
        result.await.unwrap_or_else(|_| Err("the writer has ended".to_owned()))
    }

    /// Closes the file, which checkpoints and removes the log beside it. Waits up to `timeout`.
    pub(super) fn shut_down(&self, timeout: Duration) {
        let (closed, receiver) = sync_channel(0);
        if self.commands.send(Command::Close(closed)).is_ok() {
            let _ = receiver.recv_timeout(timeout);
        }
    }
}

/// Returns the identity of the file at `path`, if there is one.
fn file_at(path: &Path) -> Option<FileId> {
    std::fs::metadata(path).ok().map(|metadata| file_id(&metadata))
}

#[derive(Debug, thiserror::Error)]
pub(in crate::sources) enum OpenError {
    #[error("it holds tables that are not Agno's")]
    Foreign,
    #[error("the folder {0} is missing")]
    NoFolder(String),
    #[error(transparent)]
    NoFile(#[from] io::Error),
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
}

fn open(path: &Path, tables: &Tables) -> Result<Connection, OpenError> {
    // SQLite would say "disk I/O error" or "unable to open database file".
    regular_file::check(path)?;
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty())
        && std::fs::metadata(folder).is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
    {
        return Err(OpenError::NoFolder(folder.display().to_string()));
    }
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    create_tables(&connection, tables)?;
    connection.execute_batch("PRAGMA synchronous = FULL")?;
    // An incompatible schema fails here, not at the first span.
    connection.prepare(&rows::insert_span(tables))?;
    connection.prepare(&rows::upsert_trace(tables))?;
    Ok(connection)
}

/// Creates Agno's tables where they are missing. Fails if the file holds other tables than Agno's.
pub(in crate::sources) fn create_tables(connection: &Connection, tables: &Tables) -> Result<(), OpenError> {
    let objects: i64 = connection.query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0))?;
    if objects == 0 {
        // Agno uses WAL too: readers and the writer do not block each other.
        connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(()))?;
    } else if !schema::is_agno_database(connection, tables)? {
        return Err(OpenError::Foreign);
    }
    Ok(schema::create(connection, tables)?)
}

/// Leaks a connection to a moved, deleted or replaced file. Closing it would unlink `<path>-wal`, which may belong to the new file.
fn leak(connection: Connection) {
    std::mem::forget(connection);
}

struct Writer {
    connection: Connection,
    /// The identity of the open file.
    file: Option<FileId>,
    tables: Tables,
    path: PathBuf,
}

impl Writer {
    fn run(mut self, commands: &Receiver<Command>) {
        while let Ok(first) = commands.recv() {
            let (mut bodies, mut replies, mut closed) = (Vec::new(), Vec::new(), None);
            for command in std::iter::once(first).chain(commands.try_iter().take(QUEUE_SIZE)) {
                match command {
                    Command::Write(body, reply) => {
                        bodies.push(body);
                        replies.push(reply);
                    }
                    Command::Close(sender) => closed = Some(sender),
                }
            }
            let result = self.write_all(&bodies).map_err(|error| format!("{}: {error}", self.path.display()));
            if let Err(error) = &result {
                tracing::error!(error, "can't record");
            }
            for reply in replies {
                // The sender may have disconnected.
                let _ = reply.send(result.clone());
            }
            if let Some(_closed) = closed {
                if self.is_current() {
                    drop(self.connection);
                } else {
                    self.complete_moved();
                    leak(self.connection);
                }
                return;
            }
        }
    }

    /// Whether the path still names the open file.
    fn is_current(&self) -> bool {
        file_at(&self.path) == self.file
    }

    /// Moves what is in the log into the file, if that has another name now, and removes the log: it keeps the name, and is none of the next file
    /// at the path. Where there is a new file already, the log may be of that one.
    fn complete_moved(&self) {
        if file_at(&self.path).is_some() {
            return;
        }
        let is_busy = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, bool>(0));
        if !matches!(is_busy, Ok(false)) {
            tracing::warn!(path = %self.path.display(), ?is_busy, "the moved recording may lack its last spans");
            return;
        }
        for end in ["-wal", "-shm"] {
            let mut beside = self.path.clone().into_os_string();
            beside.push(end);
            // It may have been deleted with the file.
            let _ = std::fs::remove_file(beside);
        }
    }

    /// Writes the requests. If the file was moved, deleted or replaced, opens the path again first.
    fn write_all(&mut self, bodies: &[Recorded]) -> Result<(), OpenError> {
        if bodies.is_empty() {
            return Ok(());
        }
        if !self.is_current() {
            self.complete_moved();
            let connection = open(&self.path, &self.tables)?;
            leak(std::mem::replace(&mut self.connection, connection));
            self.file = file_at(&self.path);
            tracing::warn!(path = %self.path.display(), "the recording was moved, deleted or replaced; opened it again");
        }
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        {
            let mut spans = transaction.prepare_cached(&rows::insert_span(&self.tables))?;
            let mut traces = transaction.prepare_cached(&rows::upsert_trace(&self.tables))?;
            for body in bodies {
                match body {
                    Recorded::Spans(body) => rows::write(body, &mut traces, &mut spans)?,
                    Recorded::Metrics(body) => rows::write_whole(METRICS_TABLE, body, &transaction)?,
                    Recorded::Logs(body) => rows::write_whole(LOGS_TABLE, body, &transaction)?,
                    Recorded::Told(all) => {
                        for told in all {
                            rows::withdraw(&told.withdrawn, &self.tables, &transaction)?;
                            rows::write(&told.body, &mut traces, &mut spans)?;
                        }
                    }
                }
            }
        }
        Ok(transaction.commit()?)
    }
}
