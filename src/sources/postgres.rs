//! Follows the spans that Agno writes to a PostgreSQL database.
//!
//! The source must not disturb the agent and its database: it uses one connection and read-only transactions of some milliseconds, takes no
//! lock that a writer waits for, and creates nothing. While nothing is written on the server, a poll is one statement that reads no table.
//!
//! No row is missed, whatever the clocks of writers and however late their commits: `snapshot.rs` tells new rows from old ones, `tail.rs`
//! looks for them, and `progress.rs` decides when to sweep the whole table.

mod columns;
mod connection;
mod connection_config;
mod error;
mod excerpt;
mod passfile;
mod payload;
mod progress;
mod read;
mod reviews;
mod rows;
mod search;
mod session;
mod snapshot;
mod table;
mod tail;
mod view;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use super::agno_row::Hits;
use super::sql::identifier;
use super::sqlite::Tables;
use super::watcher::{self, Backoff, Engine, Polled, Searched, Unsearched};
use super::{Closed, Handle, ReadLimits, Search, State, Update, UpdateSender, Wanted};
use crate::model::{Batch, Nanos, Origin, Payload, PayloadQuery, PayloadRef, SpanId};
use connection::Connection;
pub(super) use connection_config::ConnectionConfig;
pub use connection_config::is_url;
pub(super) use error::Error;
use progress::Progress;
use reviews::ReviewReader;
use search::Scan;
pub(super) use session::{Parameter, Session};

/// The interval of polls: while the agent writes, and while it does not.
const POLL: [Duration; 2] = [Duration::from_millis(40), Duration::from_millis(70)];
/// The interval of polls while only other databases of the server are written.
const APART_POLL: Duration = Duration::from_secs(1);
/// The interval of polls while the table does not exist.
const MISSING_POLL: Duration = Duration::from_millis(100);
/// The pause between two steps of a sweep or a search.
const STEP: Duration = Duration::from_millis(5);
/// The wait before a new attempt after a failure: at first, and at most.
const RETRY: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(5)];

/// The schema and the names of Agno's tables in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// Agno's `db_schema`.
    pub schema: String,
    /// The tables.
    pub tables: Tables,
}

impl Default for Location {
    fn default() -> Self {
        Self { schema: "ai".to_owned(), tables: Tables::default() }
    }
}

impl Location {
    /// Returns the quoted name of the table of spans.
    pub(super) fn spans(&self) -> String {
        format!("{}.{}", identifier(&self.schema), identifier(&self.tables.spans))
    }

    /// Returns the quoted name of the table of traces.
    pub(super) fn traces(&self) -> String {
        format!("{}.{}", identifier(&self.schema), identifier(&self.tables.traces))
    }
}

/// Follows the database that `url` names; neither the server nor the tables need exist yet. Reads at most `limit` of the existing spans,
/// newest first, and all spans that are written from then on.
///
/// libpq's environment variables and password file supply what the URL leaves open.
///
/// # Errors
///
/// If the URL is not valid (the message does not repeat it, because it may contain a password), or if no thread can be started.
pub fn start(url: &str, location: Location, limit: u64, updates: UpdateSender) -> std::io::Result<Handle> {
    start_with(url, location, ReadLimits::of(limit), updates)
}

/// Like [`start`], and reads existing spans only down to those that were written about when a span started at [`ReadLimits::since`].
pub fn start_with(url: &str, location: Location, limits: ReadLimits, updates: UpdateSender) -> std::io::Result<Handle> {
    let config = ConnectionConfig::parse(url, |name| std::env::var(name).ok());
    let config = config
        .map_err(|error| std::io::Error::new(std::io::ErrorKind::InvalidInput, format!("this is not the URL of a database: {error}")))?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    super::spawn(config.name.clone(), updates, move |updates, inbox| {
        let progress = Progress::new(updates.clone(), limits);
        let engine = Postgres {
            config,
            location,
            updates,
            progress,
            connection: Connection::default(),
            is_read: false,
            retry: Backoff::new(RETRY),
            batches: Vec::new(),
            excerpt: HashSet::new(),
            reviews: ReviewReader::default(),
            runtime: &runtime,
        };
        watcher::run(engine, limits.on_demand, updates, inbox);
    })
}

struct Postgres<'a> {
    config: ConnectionConfig,
    location: Location,
    updates: &'a UpdateSender,
    progress: Progress,
    connection: Connection,
    /// Whether everything was read, and nothing failed since.
    is_read: bool,
    /// The wait after the next failure.
    retry: Backoff,
    /// The batches to send.
    batches: Vec<Batch>,
    /// The ids of the traces that were sent on demand.
    excerpt: HashSet<String>,
    reviews: ReviewReader,
    runtime: &'a Runtime,
}

impl Engine for Postgres<'_> {
    type Scan = Scan;
    const PAYLOADS: usize = usize::MAX;

    /// Checks whether anything changed, and then reads new rows and a page.
    fn poll(&mut self) -> Result<Polled, Closed> {
        let runtime = self.runtime;
        let outcome = runtime.block_on(self.read_new());
        self.send_batches()?;
        let Err(error) = outcome else {
            self.retry.reset();
            let mut state = self.progress.state();
            if self.connection.is_paused() && self.is_read {
                let name = &self.config.name;
                state = State::Waiting(format!(
                    "{name} is a standby whose replay is paused; new spans come when pg_wal_replay_resume() is called"
                ));
            }
            self.is_read = matches!(state, State::Watching { .. } | State::Waiting(_));
            let wait = match (self.progress.load.is_some(), self.progress.is_behind()) {
                (true, _) => Duration::ZERO,
                (false, true) => STEP,
                (false, false) if self.connection.is_apart() => APART_POLL,
                (false, false) => POLL[usize::from(self.connection.is_idle())],
            };
            return Ok(Polled::with(state, wait));
        };
        Ok(self.failed(&error))
    }

    fn payloads(&mut self, addresses: &[(PayloadRef, SpanId)]) -> Vec<Result<Payload, String>> {
        let runtime = self.runtime;
        let spans: Vec<SpanId> = addresses.iter().map(|&(_, span)| span).collect();
        let found = runtime.block_on(self.payloads_of(&spans)).map_err(|error| error.message(&self.config, &self.location));
        let gone = || format!("this span is no longer in {}", self.config.name);
        let payload = |span| match &found {
            Ok(found) => found.get(span).cloned().ok_or_else(gone),
            Err(message) => Err(message.clone()),
        };
        spans.iter().map(payload).collect()
    }

    fn begin(&self, search: Search) -> Scan {
        Scan::new(search)
    }

    fn search(&mut self, scan: &mut Scan) -> Result<Searched, Unsearched> {
        // Without a connection the search waits for the next one.
        let Some(session) = &self.connection.session else { return Err(Unsearched::Later(POLL[0])) };
        match self.runtime.block_on(scan.slice(session, &self.location)) {
            Ok(hits) => Ok(Searched { hits, progress: scan.progress(), wait: STEP }),
            Err(Error::Slow) if scan.shrink() => Err(Unsearched::Later(STEP)),
            // The next poll connects again.
            Err(Error::Lost(_)) => Err(Unsearched::Later(POLL[0])),
            Err(error) => Err(Unsearched::Failed(self.failure(&error))),
        }
    }

    fn check(&mut self, addresses: &[(PayloadRef, SpanId)], query: &PayloadQuery) -> Result<(Hits, Option<String>), Unsearched> {
        let Some(session) = &self.connection.session else { return Err(Unsearched::Later(POLL[0])) };
        let spans: Vec<SpanId> = addresses.iter().map(|&(_, span)| span).collect();
        match self.runtime.block_on(search::check(session, &self.location, &spans, query)) {
            Ok(hits) => Ok((hits, None)),
            Err(Error::Lost(_)) => Err(Unsearched::Later(POLL[0])),
            Err(error) => Err(Unsearched::Failed(Some(error.message(&self.config, &self.location)))),
        }
    }

    fn read(&mut self, wanted: &Wanted) -> Result<Option<Nanos>, Closed> {
        let runtime = self.runtime;
        let found = runtime.block_on(async {
            self.connection.connect(&self.config, &mut self.progress).await?;
            match &self.connection.session {
                Some(session) => excerpt::read(session, &self.location, wanted, &self.excerpt, self.updates).await,
                None => Ok(None),
            }
        });
        if !self.reviews.has_read() && runtime.block_on(self.read_reviews(Origin::History)).is_ok() {
            self.send_batches()?;
        }
        let Some(found) = found.ok().flatten() else { return Ok(None) };
        self.excerpt.extend(found.ids);
        for batch in found.batches {
            self.updates.send(Update::Batch(batch))?;
        }
        Ok(Some(found.from))
    }
}

impl Postgres<'_> {
    fn send_batches(&mut self) -> Result<(), Closed> {
        std::mem::take(&mut self.batches).into_iter().try_for_each(|batch| self.updates.send(Update::Batch(batch)))
    }

    /// Returns the message about an error. If Agno has not written anything yet, that is no failure.
    fn failure(&self, error: &Error) -> Option<String> {
        (!error.is_waiting()).then(|| error.message(&self.config, &self.location))
    }

    async fn read_new(&mut self) -> Result<(), Error> {
        self.connection.connect(&self.config, &mut self.progress).await?;
        let changed = self.connection.has_changed(&mut self.progress).await?;
        self.reviews.is_outdated |= changed;
        if !changed && !self.progress.is_behind() {
            return self.read_reviews(Origin::Live).await;
        }
        let Some(session) = &self.connection.session else { return Ok(()) };
        read::read(session, &self.location, &mut self.progress, &mut self.batches).await?;
        self.connection.set_read();
        if !self.batches.is_empty() {
            self.connection.set_active();
        }
        if self.progress.is_behind() { Ok(()) } else { self.read_reviews(Origin::History).await }
    }

    /// Reads approvals and evaluations. What can't be read is missing, unless the connection was lost.
    async fn read_reviews(&mut self, origin: Origin) -> Result<(), Error> {
        let Some(session) = &self.connection.session else { return Ok(()) };
        match self.reviews.read(session, &self.location, origin, self.updates).await {
            Ok(batch) => self.batches.extend(batch),
            Err(error @ Error::Lost(_)) => return Err(error),
            Err(error) => tracing::debug!(?error, "approvals and evaluations are not read"),
        }
        Ok(())
    }

    fn failed(&mut self, error: &Error) -> Polled {
        self.connection.set_unread();
        if !error.keeps_connection() {
            self.connection.session = None;
        }
        if matches!(error, Error::Lost(_)) && self.retry.is_fresh() {
            // A pooler or a restart may accept a new connection at once.
            self.retry.next();
            return Polled::quiet(Duration::ZERO);
        }
        if error.is_waiting() {
            self.progress.set_missing();
        }
        if matches!(error, Error::Slow) {
            self.progress.page = (self.progress.page / 8).max(1);
        }
        // The table may have been altered.
        self.progress.definition = None;
        let state = error.state(&self.config, &self.location);
        self.is_read = matches!(state, State::Waiting(_));
        let is_missing = error.is_waiting() && !matches!(error, Error::Hidden);
        Polled::with(state, if is_missing { MISSING_POLL } else { self.retry.next() })
    }

    async fn payloads_of(&mut self, spans: &[SpanId]) -> Result<HashMap<SpanId, Payload>, Error> {
        // A connection that died is noticed only when it is used.
        for _ in 0..2 {
            self.connection.connect(&self.config, &mut self.progress).await?;
            let Some(session) = &self.connection.session else { break };
            match payload::read(session, &self.location, spans).await {
                Err(Error::Lost(_)) => self.connection.session = None,
                outcome => return outcome,
            }
        }
        Err(Error::Lost("it was closed".to_owned()))
    }
}
