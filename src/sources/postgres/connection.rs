//! The connection, and a cheap check for changes that reads no table.

use std::time::{Duration, Instant};

use super::connection_config::ConnectionConfig;
use super::error::Error;
use super::progress::Progress;
use super::session::Session;

/// After this time without a change the server counts as idle.
const IDLE_AFTER: Duration = Duration::from_secs(5);
/// The interval of reading the server's row counter.
const COUNT_INTERVAL: Duration = Duration::from_secs(1);
/// How long after the last change the counter is read: the server updates it late.
const COUNT_AFTER: Duration = Duration::from_secs(30);
/// How long after the last change a sweep replaces the counter of a server that updates it only when a connection is used again.
const SWEEP_AFTER: Duration = Duration::from_secs(10);

/// The connection, and what was last seen through it.
#[derive(Default)]
pub(super) struct Connection {
    pub(super) session: Option<Session>,
    /// The server and its timeline; `None` if the server does not tell.
    timeline: Option<String>,
    /// The snapshot of the server at the last poll.
    snapshot: Option<String>,
    /// The snapshot when everything had been read.
    read_snapshot: Option<String>,
    /// When the snapshot last changed.
    changed: Option<Instant>,
    counted: Option<Instant>,
    /// Whether anything has changed since the first poll and no sweep was made due since.
    has_unswept: bool,
}

impl Connection {
    /// Connects if there is no connection. Has everything read again if the server is another one or has another timeline.
    pub(super) async fn connect(&mut self, config: &ConnectionConfig, progress: &mut Progress) -> Result<(), Error> {
        if self.session.is_some() {
            return Ok(());
        }
        let session = Session::open(config).await?;
        let timeline = timeline(&session).await?;
        if progress.last.is_some() {
            if timeline.is_none() || timeline != self.timeline {
                // Transaction ids of another server or timeline can't be compared with those seen before.
                progress.start_over();
            }
            progress.sweeps.is_due = true;
        }
        *self = Self { session: Some(session), timeline, ..Self::default() };
        Ok(())
    }

    /// Whether any row may have become visible since everything was read. It reads no table.
    pub(super) async fn has_changed(&mut self, progress: &mut Progress) -> Result<bool, Error> {
        let Some(session) = &self.session else { return Ok(false) };
        let sql =
            "SELECT pg_current_snapshot()::text || ' ' || CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()::text ELSE '' END";
        self.snapshot = session.value_outside(sql).await?;
        let has_changed = self.snapshot.is_none() || self.read_snapshot != self.snapshot;
        if has_changed {
            self.has_unswept |= self.read_snapshot.is_some();
            self.changed = Some(Instant::now());
        }
        let is_recent = self.changed.is_some_and(|changed| changed.elapsed() < COUNT_AFTER);
        let is_due = self.counted.is_none_or(|counted| counted.elapsed() >= COUNT_INTERVAL);
        if let Some(definition) = progress.definition.clone().filter(|_| is_recent && is_due && progress.load.is_none()) {
            self.counted = Some(Instant::now());
            progress.set_row_count(definition.rows_written(session).await?);
            let is_quiet = self.changed.is_some_and(|changed| changed.elapsed() > SWEEP_AFTER);
            if is_quiet && definition.counts_late && std::mem::take(&mut self.has_unswept) {
                progress.sweeps.is_due = true;
            }
        }
        Ok(has_changed)
    }

    /// Records that everything up to the last poll was read.
    pub(super) fn set_read(&mut self) {
        self.read_snapshot.clone_from(&self.snapshot);
    }

    /// Makes the next poll read again.
    pub(super) fn set_unread(&mut self) {
        self.read_snapshot = None;
    }

    /// Whether nothing has been written for a while.
    pub(super) fn is_idle(&self) -> bool {
        self.changed.is_none_or(|changed| changed.elapsed() > IDLE_AFTER)
    }
}

/// Returns the server, its timeline and the database: a promoted standby may lack the last transactions.
async fn timeline(session: &Session) -> Result<Option<String>, Error> {
    let sql = "SELECT system_identifier::text || CASE WHEN pg_is_in_recovery() THEN '' ELSE left(pg_walfile_name(pg_current_wal_lsn()), 8) END \
        || ' ' || current_database() FROM pg_control_system()";
    match session.value_outside(sql).await {
        // Some providers deny this to their users.
        Err(Error::Denied | Error::Other(_)) => Ok(None),
        outcome => outcome,
    }
}
