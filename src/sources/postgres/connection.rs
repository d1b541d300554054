//! The connection, and a cheap check for changes that reads no table.

use std::time::{Duration, Instant};

use super::connection_config::ConnectionConfig;
use super::error::Error;
use super::progress::Progress;
use super::session::Session;
use super::table::TableDefinition;

/// After this time without a change the server counts as idle.
const IDLE_AFTER: Duration = Duration::from_secs(5);
/// The interval of reading the server's row counter.
const COUNT_INTERVAL: Duration = Duration::from_secs(1);
/// How long after the last change the counter is read: the server updates it late.
const COUNT_AFTER: Duration = Duration::from_secs(30);
/// After this time without work in this database, changes of the server are those of other databases.
const APART_AFTER: Duration = Duration::from_secs(5);
/// How often the table is then looked at all the same: seldom, and more often where work in the database is hidden.
const APART_VISITS: [Duration; 2] = [Duration::from_secs(10), Duration::from_secs(6)];
/// The interval of asking whether anybody works in this database.
const ACTIVITY_INTERVAL: Duration = Duration::from_secs(1);
/// An expression that changes with every transaction on the server.
const SNAPSHOT: &str = "pg_current_snapshot()::text || ' ' || CASE WHEN pg_is_in_recovery() \
    THEN concat_ws(' ', pg_last_wal_replay_lsn(), CASE WHEN pg_is_wal_replay_paused() THEN 'paused' END) ELSE '' END";
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
    /// The last answer to who works in this database, and when it was asked.
    activity: Option<(String, Instant)>,
    /// When anybody last worked in this database.
    active: Option<Instant>,
    /// When the table was last looked at.
    visited: Option<Instant>,
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
    ///
    /// While only other databases of the server are written, the table is looked at seldom.
    pub(super) async fn has_changed(&mut self, progress: &mut Progress) -> Result<bool, Error> {
        let Some(session) = &self.session else { return Ok(false) };
        let is_asked = |(_, asked): &(String, Instant)| asked.elapsed() < ACTIVITY_INTERVAL;
        let asks = self.is_apart() || !self.activity.as_ref().is_some_and(is_asked);
        let activity = progress.definition.as_ref().filter(|_| asks && progress.load.is_none()).map(TableDefinition::activity);
        let answer = session.value_outside(&format!("SELECT {SNAPSHOT} || '|' || {}", activity.as_deref().unwrap_or("''"))).await?;
        let (snapshot, answer) = answer.as_deref().and_then(|answer| answer.split_once('|')).unzip();
        self.snapshot = snapshot.map(str::to_owned);
        if let (Some(_), Some(answer)) = (activity, answer) {
            // A standby does not see who works in the database.
            let is_standby = self.snapshot.as_ref().is_some_and(|snapshot| !snapshot.ends_with(' '));
            if is_standby || self.activity.as_ref().is_none_or(|(before, _)| before != answer) {
                self.active = Some(Instant::now());
            }
            self.activity = Some((answer.to_owned(), Instant::now()));
        }
        let has_changed = self.snapshot.is_none() || self.read_snapshot != self.snapshot;
        if has_changed {
            self.changed = Some(Instant::now());
            self.has_unswept |= self.read_snapshot.is_some();
        }
        let is_recent = self.changed.is_some_and(|changed| changed.elapsed() < COUNT_AFTER);
        let is_due = self.counted.is_none_or(|counted| counted.elapsed() >= COUNT_INTERVAL);
        // Apart from others, the activity holds the counter, too.
        let counts = is_recent && is_due && progress.load.is_none() && !self.is_apart();
        if let Some(definition) = progress.definition.clone().filter(|_| counts) {
            self.counted = Some(Instant::now());
            let is_quiet = self.changed.is_some_and(|changed| changed.elapsed() > SWEEP_AFTER);
            if is_quiet && definition.counts_late && std::mem::take(&mut self.has_unswept) {
                progress.sweeps.is_due = true;
            }
            progress.set_row_count(definition.rows_written(session).await?);
        }
        let is_hidden = self.activity.as_ref().is_some_and(|(activity, _)| activity.starts_with('t'));
        let pause = APART_VISITS[usize::from(is_hidden)];
        let waits = self.is_apart() && self.visited.is_some_and(|visited| visited.elapsed() < pause);
        Ok(has_changed && !waits)
    }

    /// Records that somebody works in this database.
    pub(super) fn set_active(&mut self) {
        self.active = Some(Instant::now());
    }

    /// Whether the server is a standby that has stopped to follow its primary.
    pub(super) fn is_paused(&self) -> bool {
        self.snapshot.as_ref().is_some_and(|snapshot| snapshot.ends_with(" paused"))
    }

    /// Whether only other databases of the server are written.
    pub(super) fn is_apart(&self) -> bool {
        self.active.is_some_and(|active| active.elapsed() > APART_AFTER) && !self.is_idle()
    }

    /// Records that everything up to the last poll was read.
    pub(super) fn set_read(&mut self) {
        self.visited = Some(Instant::now());
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
