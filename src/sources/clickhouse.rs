//! Follows the spans in a ClickHouse database: Agno's `agno_spans`, or the `otel_traces` of the OpenTelemetry collector.
//!
//! The database is shared, large and without an order that fits every question. So every question is bounded: by time, by rows, by the
//! seconds, threads and memory that it may take. None writes. What the server can't answer whole is an error, not a part of an answer.
//!
//! `pager.rs` reads from the newest to the oldest, `tail.rs` finds new rows, and `excerpt.rs` reads the traces of a time or of ids.

mod answer;
mod collector;
mod config;
mod error;
mod excerpt;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod load;
mod pager;
mod payload;
mod rows;
mod search;
mod server;
mod table;
mod tail;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::agno_row::Hits;
use super::sqlite::Tables;
use super::{Closed, Handle, ReadLimits, Request, State, Update, UpdateSender, Wanted};
use crate::model::{Batch, Origin, Payload, PayloadQuery, PayloadRef, SpanId, TraceId};
use config::Config;
pub use config::is_url;
use error::Error;
use load::Load;
use search::Scan;
use server::Server;
use table::Table;
use tail::Tail;

/// The pause between two polls, after new rows and otherwise.
const POLL: [Duration; 2] = [Duration::from_millis(250), Duration::from_millis(700)];
/// The least pause between two polls where each reads the table.
const COSTLY_POLL: Duration = Duration::from_secs(2);
/// The least pause, as a multiple of the time that the last poll took.
const PAUSE_FACTOR: u32 = 3;
/// The pause between two polls where nothing is read but on demand.
const ON_DEMAND: Duration = Duration::from_secs(3600);
/// The pause while the table does not exist.
const MISSING_POLL: Duration = Duration::from_secs(1);
/// The wait before a new attempt after a failure: at first, and at most.
const RETRY: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(10)];

/// Follows the database that `url` names; neither the server nor the table need exist yet. Reads existing spans within `limits`, newest
/// first, and all spans that are written from then on.
///
/// # Errors
///
/// If the URL is not valid (the message does not repeat it, because it may contain a password), or if no thread can be started.
pub fn start_with(url: &str, tables: Tables, limits: ReadLimits, updates: UpdateSender) -> std::io::Result<Handle> {
    let invalid = |error| std::io::Error::new(std::io::ErrorKind::InvalidInput, format!("this is not the URL of a database: {error}"));
    let config = Config::parse(url, |name| std::env::var(name).ok()).map_err(invalid)?;
    let server = Server::new(&config).map_err(invalid)?;
    super::spawn(config.name.clone(), updates, move |updates, inbox| {
        let mut watcher = Watcher {
            config,
            tables,
            server,
            updates,
            limits,
            followed: None,
            was_missing: false,
            has_read: false,
            state: None,
            retry: RETRY[0],
            due: Instant::now(),
            scan: None,
            checks: Vec::new(),
            excerpt: HashSet::new(),
        };
        let _ended = watcher.run(inbox);
    })
}

/// A table that is followed.
struct Followed {
    table: Arc<Table>,
    tail: Tail,
    /// What is left to load.
    load: Option<Load>,
    left_out: u64,
    origin: Origin,
}

struct Watcher<'a> {
    config: Config,
    tables: Tables,
    server: Server,
    updates: &'a UpdateSender,
    limits: ReadLimits,
    followed: Option<Followed>,
    /// Whether the table was missing, and no row was ever read: then all its rows are new.
    was_missing: bool,
    has_read: bool,
    /// The state that was sent last.
    state: Option<State>,
    /// The wait after the next failure.
    retry: Duration,
    /// When the next poll for new rows is due.
    due: Instant,
    /// The running search.
    scan: Option<Scan>,
    /// Spans that were read after it began and are still to be searched.
    checks: Vec<Check>,
    /// The traces that were sent on demand.
    excerpt: HashSet<TraceId>,
}

/// Spans to search.
struct Check {
    ticket: u64,
    query: Arc<PayloadQuery>,
    addresses: Vec<(PayloadRef, SpanId)>,
}

impl Watcher<'_> {
    fn run(&mut self, inbox: &Receiver<Request>) -> Result<(), Closed> {
        let mut wait = Duration::ZERO;
        loop {
            match inbox.recv_timeout(wait) {
                Ok(request) => self.answer(request)?,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(Closed),
            }
            wait = self.poll()?;
            self.check()?;
            if self.scan.is_some() {
                wait = wait.min(self.continue_search()?);
            }
        }
    }

    /// Reads new rows and a page. Returns how long to wait before the next poll.
    fn poll(&mut self) -> Result<Duration, Closed> {
        if self.limits.on_demand {
            return Ok(ON_DEMAND);
        }
        let now = Instant::now();
        let is_loading = self.followed.as_ref().is_some_and(|followed| followed.load.is_some());
        if now < self.due && !is_loading {
            return Ok(self.due - now);
        }
        let mut batches = Vec::new();
        let outcome = self.read(now >= self.due, &mut batches);
        for batch in batches.into_iter().filter(|batch| !batch.spans.is_empty() || !batch.skipped.is_empty()) {
            self.updates.send(Update::Batch(batch))?;
        }
        match outcome {
            Ok(state) => {
                self.retry = RETRY[0];
                let is_loading = matches!(state, State::Loading { .. });
                self.send_state(state)?;
                Ok(if is_loading { Duration::ZERO } else { self.due.saturating_duration_since(Instant::now()) })
            }
            Err(error) => self.failed(&error),
        }
    }

    /// Reads new rows if they `are_due`, and a page of the others.
    fn read(&mut self, are_due: bool, batches: &mut Vec<Batch>) -> Result<State, Error> {
        let Self { server, updates, .. } = self;
        let followed = if let Some(followed) = &mut self.followed {
            followed
        } else {
            let table = Table::find(server, &self.config, &self.tables)?;
            let tail = Tail::begin(server, &table)?;
            let limits = if self.has_read { self.limits.again() } else { self.limits };
            let load = Load::begin(server, &table, limits)?;
            let origin = if self.was_missing { Origin::Live } else { Origin::History };
            (self.has_read, self.was_missing) = (true, false);
            self.due = Instant::now() + POLL[1];
            self.followed.insert(Followed { table: Arc::new(table), tail, load, left_out: 0, origin })
        };
        let Followed { table, tail, load, left_out, origin } = followed;
        if are_due && load.as_ref().is_none_or(|load| load.done > 0) {
            let begun = Instant::now();
            tail.poll(server, table, batches, &updates.batch(Origin::Live))?;
            let pause = POLL[usize::from(batches.is_empty())].max(begun.elapsed() * PAUSE_FACTOR);
            self.due = Instant::now() + if tail.is_cheap() { pause } else { pause.max(COSTLY_POLL) };
        }
        if let Some(loading) = load {
            let mut batch = updates.batch(*origin);
            let end = loading.page(server, table, &mut batch, |head| {
                tail.note(head);
                true
            });
            batches.push(batch);
            match end? {
                Some(rows) => (*left_out, *load) = (rows, None),
                None => return Ok(State::Loading { done: loading.done, total: loading.total.max(loading.done) }),
            }
        }
        Ok(State::Watching { left_out: *left_out })
    }

    fn failed(&mut self, error: &Error) -> Result<Duration, Closed> {
        if error.is_waiting() {
            self.was_missing = !self.has_read;
        }
        if error.asks_for_inspection() {
            self.followed = None;
        }
        self.send_state(error.state(&self.config, &self.tables.spans))?;
        let wait = if error.is_waiting() { MISSING_POLL } else { self.retry };
        self.retry = (self.retry * 2).min(RETRY[1]);
        self.due = Instant::now() + wait;
        Ok(wait)
    }

    fn send_state(&mut self, state: State) -> Result<(), Closed> {
        if self.state.as_ref() != Some(&state) {
            self.updates.send(Update::State(self.updates.id, state.clone()))?;
            self.state = Some(state);
        }
        Ok(())
    }

    /// Returns the table, for an answer on demand.
    fn table(&mut self) -> Result<Arc<Table>, Error> {
        match &self.followed {
            Some(followed) => Ok(followed.table.clone()),
            None => Table::find(&mut self.server, &self.config, &self.tables).map(Arc::new),
        }
    }

    fn message(&self, error: &Error) -> String {
        error.message(&self.config, &self.tables.spans)
    }

    /// Searches a page. Returns how long to wait before the next one.
    fn continue_search(&mut self) -> Result<Duration, Closed> {
        let Some(mut scan) = self.scan.take() else { return Ok(POLL[1]) };
        let ticket = scan.search.ticket;
        match self.table().and_then(|table| scan.slice(&mut self.server, &table)) {
            Ok((hits, progress)) => {
                self.updates.send_hits(ticket, hits, Some(progress), None)?;
                self.scan = (progress.done < progress.total).then_some(scan);
            }
            Err(error) => {
                // If nothing has been written yet there is nothing to search, which is no failure.
                let failure = (!error.is_waiting()).then(|| self.message(&error));
                self.updates.send_hits(ticket, Hits::new(), Some(super::Progress::default()), failure)?;
            }
        }
        Ok(Duration::ZERO)
    }

    /// Searches spans that were read after the search had begun.
    fn check(&mut self) -> Result<(), Closed> {
        while let Some(Check { ticket, query, addresses }) = self.checks.pop() {
            match self.table().and_then(|table| search::check(&mut self.server, &table, &addresses, &query)) {
                Ok(hits) => self.updates.send_hits(ticket, hits, None, None)?,
                Err(error) => self.updates.send_hits(ticket, Hits::new(), None, Some(self.message(&error)))?,
            }
        }
        Ok(())
    }

    fn answer(&mut self, request: Request) -> Result<(), Closed> {
        match request {
            Request::Payloads { ticket, addresses } => {
                let payloads = self.payloads(&addresses);
                self.updates.send(Update::Payloads { ticket, payloads })
            }
            Request::Check { ticket, query, addresses } => {
                self.checks.push(Check { ticket, query, addresses });
                self.check()
            }
            Request::Search(search) => {
                self.scan = Some(Scan::new(search));
                self.checks.clear();
                Ok(())
            }
            Request::StopSearch => {
                self.scan = None;
                Ok(())
            }
            Request::Read { ticket, wanted } => self.read_excerpt(ticket, &wanted),
            Request::Logs { ticket } => self.updates.send(Update::Read { ticket, from: None }),
            // Payloads are in the database: there is no memory to release. A reader has no clients that could wait.
            Request::Release(_) | Request::Take(..) | Request::Suspend(_) | Request::Resume => Ok(()),
        }
    }

    fn payloads(&mut self, addresses: &[(PayloadRef, SpanId)]) -> Vec<Result<Payload, String>> {
        let mut found = HashMap::new();
        let outcome = self.table().and_then(|table| {
            payload::read(&mut self.server, &table, addresses, |address, _, content| {
                found.insert(address, content.payload());
            })
        });
        let failure = outcome.err().map(|error| self.message(&error));
        let gone = || format!("this span is no longer in {}", self.config.name);
        let payload = |address| found.get(address).cloned().ok_or_else(|| failure.clone().unwrap_or_else(gone));
        addresses.iter().map(payload).collect()
    }

    /// Reads traces on demand. After an error only a read of everything can tell, and says why.
    fn read_excerpt(&mut self, ticket: u64, wanted: &Wanted) -> Result<(), Closed> {
        let empty = self.updates.batch(Origin::History);
        let found = self.table().and_then(|table| excerpt::read(&mut self.server, &table, wanted, &mut self.excerpt, &empty));
        let found = found.unwrap_or_else(|error| {
            tracing::debug!(error = self.message(&error), "no part of the source can be read");
            None
        });
        let from = found.as_ref().map(|found| found.from);
        for batch in found.into_iter().flat_map(|found| found.batches) {
            self.updates.send(Update::Batch(batch))?;
        }
        self.updates.send(Update::Read { ticket, from })
    }
}
