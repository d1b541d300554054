//! The connection, and what is learned through it before any table is touched.

use std::time::{Duration, Instant};

use super::connection_config::ConnectionConfig;
use super::error::Error;
use super::progress::Progress;
use super::session::{Session, text};

/// After this long without a change nobody seems to write.
const REST: Duration = Duration::from_secs(5);
/// How often the server's count of rows is read.
const COUNT: Duration = Duration::from_secs(1);
/// For how long after the last change it is read: it comes late.
const COUNT_AFTER: Duration = Duration::from_secs(30);

/// The connection, and what was learned through it.
#[derive(Default)]
pub(super) struct Connection {
    pub(super) session: Option<Session>,
    /// Which course of events on which server it leads to; `None` where the server does not say.
    server: Option<String>,
    /// How the server is, and how it was when everything had been read.
    now: Option<String>,
    read_at: Option<String>,
    /// When that last changed.
    changed: Option<Instant>,
    counted: Option<Instant>,
}

impl Connection {
    /// Connects if there is no connection. Has everything read anew where what was seen says nothing about what is there now.
    pub(super) async fn connect(&mut self, target: &ConnectionConfig, progress: &mut Progress) -> Result<(), Error> {
        if self.session.is_some() {
            return Ok(());
        }
        let session = Session::open(target).await?;
        let server = course(&session).await?;
        if progress.seen.is_some() {
            if server.is_none() || server != self.server {
                // Another server's transactions, or those of another course of events, can't be compared with what was seen.
                progress.start_over();
            }
            progress.swept.wanted = true;
        }
        *self = Self { session: Some(session), server, ..Self::default() };
        Ok(())
    }

    /// Looks whether any row may have become visible since everything was read. It touches no table.
    pub(super) async fn probe(&mut self, progress: &mut Progress) -> Result<bool, Error> {
        let Some(session) = &self.session else { return Ok(false) };
        let sql =
            "SELECT pg_current_snapshot()::text || ' ' || CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()::text ELSE '' END";
        let rows = session.ask(sql).await?;
        self.now = rows.first().and_then(|row| text(row, 0)).map(ToOwned::to_owned);
        let changed = self.now.is_none() || self.read_at != self.now;
        if changed {
            self.changed = Some(Instant::now());
        }
        let recent = self.changed.is_some_and(|changed| changed.elapsed() < COUNT_AFTER);
        let due = self.counted.is_none_or(|counted| counted.elapsed() >= COUNT);
        if let Some(shape) = progress.shape.clone().filter(|_| recent && due && progress.load.is_none()) {
            self.counted = Some(Instant::now());
            progress.counted(shape.rows_written(session).await?);
        }
        Ok(changed)
    }

    /// What the last probe announced has been read.
    pub(super) fn everything_read(&mut self) {
        self.read_at.clone_from(&self.now);
    }

    /// Whatever was read is to be looked at again.
    pub(super) fn forget(&mut self) {
        self.read_at = None;
    }

    /// Whether nothing has been written for a while.
    pub(super) fn rests(&self) -> bool {
        self.changed.is_none_or(|changed| changed.elapsed() > REST)
    }
}

/// Which server this is, and which course of events: a standby that takes over may lack the last transactions.
async fn course(session: &Session) -> Result<Option<String>, Error> {
    let sql = "SELECT system_identifier::text || CASE WHEN pg_is_in_recovery() THEN '' ELSE left(pg_walfile_name(pg_current_wal_lsn()), 8) END \
        || ' ' || current_database() FROM pg_control_system()";
    match session.ask(sql).await {
        Ok(rows) => Ok(rows.first().and_then(|row| text(row, 0)).map(ToOwned::to_owned)),
        // Some providers keep this from their users.
        Err(Error::Denied | Error::Other(_)) => Ok(None),
        Err(trouble) => Err(trouble),
    }
}
