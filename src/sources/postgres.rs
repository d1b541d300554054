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
pub(super) mod tls;
mod view;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use super::agno_row::Hits;
use super::sql::identifier;
use super::sqlite::Tables;
use super::{Closed, Handle, ReadLimits, Request, State, Update, UpdateSender, Wanted};
use crate::model::{Batch, Origin, Payload, PayloadQuery, SpanId};
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
/// The interval of polls where nothing is read but on demand.
const ON_DEMAND: Duration = Duration::from_secs(3600);
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
        let mut watcher = Watcher {
            config,
            location,
            updates,
            progress,
            connection: Connection::default(),
            state: None,
            retry: RETRY[0],
            batches: Vec::new(),
            scan: None,
            checks: Vec::new(),
            excerpt: HashSet::new(),
            reviews: ReviewReader::default(),
        };
        let _ended = watcher.run(inbox, &runtime);
    })
}

struct Watcher<'a> {
    config: ConnectionConfig,
    location: Location,
    updates: &'a UpdateSender,
    progress: Progress,
    connection: Connection,
    /// The state that was sent last.
    state: Option<State>,
    /// The wait after the next failure.
    retry: Duration,
    /// The batches to send.
    batches: Vec<Batch>,
    /// The running search.
    scan: Option<Scan>,
    /// Spans that were read after it began and are still to be searched.
    checks: Vec<Check>,
    /// The ids of the traces that were sent on demand.
    excerpt: HashSet<String>,
    reviews: ReviewReader,
}

/// Spans to search.
struct Check {
    ticket: u64,
    query: Arc<PayloadQuery>,
    spans: Vec<SpanId>,
}

impl Watcher<'_> {
    fn run(&mut self, inbox: &Receiver<Request>, runtime: &Runtime) -> Result<(), Closed> {
        let mut wait = Duration::ZERO;
        loop {
            match inbox.recv_timeout(wait) {
                Ok(request) => self.answer(request, runtime)?,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(Closed),
            }
            wait = self.poll(runtime)?;
            self.check(runtime)?;
            if self.scan.is_some() {
                wait = wait.min(self.continue_search(runtime)?);
            }
        }
    }

    /// Searches a slice. Returns how long to wait before the next one.
    fn continue_search(&mut self, runtime: &Runtime) -> Result<Duration, Closed> {
        let Some(mut scan) = self.scan.take() else { return Ok(POLL[0]) };
        // Without a connection the search waits for the next one.
        let Some(session) = &self.connection.session else {
            self.scan = Some(scan);
            return Ok(POLL[0]);
        };
        match runtime.block_on(scan.slice(session, &self.location)) {
            Ok(hits) => {
                let progress = scan.progress();
                self.updates.send_hits(scan.search.ticket, hits, Some(progress), None)?;
                self.scan = (progress.done < progress.total).then_some(scan);
                Ok(STEP)
            }
            Err(Error::Slow) if scan.shrink() => {
                self.scan = Some(scan);
                Ok(STEP)
            }
            Err(Error::Lost(_)) => {
                // The next poll connects again.
                self.scan = Some(scan);
                Ok(POLL[0])
            }
            Err(error) => {
                // If Agno has not written anything yet there is nothing to search, which is no failure.
                let failure = (!error.is_waiting()).then(|| error.message(&self.config, &self.location));
                self.updates.send_hits(scan.search.ticket, Hits::new(), Some(super::Progress::default()), failure)?;
                Ok(POLL[0])
            }
        }
    }

    /// Searches spans that were read after the search had begun. Without a connection they wait for the next one.
    fn check(&mut self, runtime: &Runtime) -> Result<(), Closed> {
        while let (Some(session), Some(check)) = (&self.connection.session, self.checks.last()) {
            let outcome = runtime.block_on(search::check(session, &self.location, &check.spans, &check.query));
            if matches!(outcome, Err(Error::Lost(_))) {
                // The next poll connects again.
                return Ok(());
            }
            let ticket = check.ticket;
            self.checks.pop();
            match outcome {
                Ok(hits) => self.updates.send_hits(ticket, hits, None, None)?,
                Err(error) => self.updates.send_hits(ticket, Hits::new(), None, Some(error.message(&self.config, &self.location)))?,
            }
        }
        Ok(())
    }

    /// Checks whether anything changed, and then reads new rows and a page. Returns how long to wait before the next poll.
    fn poll(&mut self, runtime: &Runtime) -> Result<Duration, Closed> {
        if self.progress.limits.on_demand {
            return Ok(ON_DEMAND);
        }
        let outcome = runtime.block_on(self.read());
        for batch in std::mem::take(&mut self.batches) {
            self.updates.send(Update::Batch(batch))?;
        }
        match outcome {
            Ok(()) => {
                self.retry = RETRY[0];
                let mut state = self.progress.state();
                if self.connection.is_paused() && matches!(self.state, Some(State::Watching { .. } | State::Waiting(_))) {
                    let name = &self.config.name;
                    state = State::Waiting(format!(
                        "{name} is a standby whose replay is paused; new spans come when pg_wal_replay_resume() is called"
                    ));
                }
                self.send_state(state)?;
                Ok(match (self.progress.load.is_some(), self.progress.is_behind()) {
                    (true, _) => Duration::ZERO,
                    (false, true) => STEP,
                    (false, false) if self.connection.is_apart() => APART_POLL,
                    (false, false) => POLL[usize::from(self.connection.is_idle())],
                })
            }
            Err(error) => self.failed(&error),
        }
    }

    async fn read(&mut self) -> Result<(), Error> {
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

    fn failed(&mut self, error: &Error) -> Result<Duration, Closed> {
        self.connection.set_unread();
        let lost = matches!(error, Error::Lost(_));
        if !error.keeps_connection() {
            self.connection.session = None;
        }
        if lost && self.retry == RETRY[0] {
            // A pooler or a restart may accept a new connection at once.
            self.retry = RETRY[0] * 2;
            return Ok(Duration::ZERO);
        }
        if error.is_waiting() {
            self.progress.set_missing();
        }
        if matches!(error, Error::Slow) {
            self.progress.page = (self.progress.page / 8).max(1);
        }
        // The table may have been altered.
        self.progress.definition = None;
        self.send_state(error.state(&self.config, &self.location))?;
        if error.is_waiting() && !matches!(error, Error::Hidden) {
            return Ok(MISSING_POLL);
        }
        let wait = self.retry;
        self.retry = (wait * 2).min(RETRY[1]);
        Ok(wait)
    }

    fn send_state(&mut self, state: State) -> Result<(), Closed> {
        if self.state.as_ref() != Some(&state) {
            self.updates.send(Update::State(self.updates.id, state.clone()))?;
            self.state = Some(state);
        }
        Ok(())
    }

    fn answer(&mut self, request: Request, runtime: &Runtime) -> Result<(), Closed> {
        let (ticket, addresses) = match request {
            Request::Payloads { ticket, addresses } => (ticket, addresses),
            Request::Check { ticket, query, addresses } => {
                let spans = addresses.into_iter().map(|(_, span)| span).collect();
                self.checks.push(Check { ticket, query, spans });
                return Ok(());
            }
            Request::Search(search) => {
                self.scan = Some(Scan::new(search));
                self.checks.clear();
                return Ok(());
            }
            Request::StopSearch => {
                self.scan = None;
                return Ok(());
            }
            Request::Read { ticket, wanted } => return self.read_excerpt(ticket, &wanted, runtime),
            Request::Logs { ticket } => return self.updates.send(Update::Read { ticket, from: None }),
            // Payloads are in the database: there is no memory to release. A reader has no clients that could wait.
            Request::Release(_) | Request::Take(..) | Request::Suspend(_) | Request::Resume => return Ok(()),
        };
        let spans: Vec<SpanId> = addresses.into_iter().map(|(_, span)| span).collect();
        let mut found = runtime.block_on(self.payloads(&spans)).map_err(|error| error.message(&self.config, &self.location));
        let gone = || format!("this span is no longer in {}", self.config.name);
        let payloads = spans.iter().map(|span| match &mut found {
            Ok(found) => found.get(span).cloned().ok_or_else(gone),
            Err(message) => Err(message.clone()),
        });
        let payloads = payloads.collect();
        self.updates.send(Update::Payloads { ticket, payloads })
    }

    /// Reads traces on demand. After an error only a read of everything can tell, and says why.
    fn read_excerpt(&mut self, ticket: u64, wanted: &Wanted, runtime: &Runtime) -> Result<(), Closed> {
        let found = runtime.block_on(async {
            self.connection.connect(&self.config, &mut self.progress).await?;
            match &self.connection.session {
                Some(session) => excerpt::read(session, &self.location, wanted, &self.excerpt, self.updates).await,
                None => Ok(None),
            }
        });
        if !self.reviews.has_read() && runtime.block_on(self.read_reviews(Origin::History)).is_ok() {
            for batch in std::mem::take(&mut self.batches) {
                self.updates.send(Update::Batch(batch))?;
            }
        }
        let found = found.ok().flatten();
        let from = found.as_ref().map(|found| found.from);
        if let Some(found) = found {
            self.excerpt.extend(found.ids);
            for batch in found.batches {
                self.updates.send(Update::Batch(batch))?;
            }
        }
        self.updates.send(Update::Read { ticket, from })
    }

    async fn payloads(&mut self, spans: &[SpanId]) -> Result<HashMap<SpanId, Payload>, Error> {
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
