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
use std::time::{Duration, Instant};

use super::agno_row::Hits;
use super::sqlite::Tables;
use super::watcher::{self, Backoff, Engine, Polled, Searched, Unsearched};
use super::{Closed, Handle, ReadLimits, Search, State, Update, UpdateSender, Wanted};
use crate::model::{Batch, Nanos, Origin, Payload, PayloadQuery, PayloadRef, SpanId, TraceId};
pub(super) use answer::text;
pub(super) use config::Config;
pub use config::is_url;
pub(super) use error::Error;
use load::Load;
use search::Scan;
pub(super) use server::{Parameter, Server};
pub(super) use table::{Shape, Table, identifier, quoted};
use tail::Tail;

/// The pause between two polls, after new rows and otherwise.
const POLL: [Duration; 2] = [Duration::from_millis(250), Duration::from_millis(700)];
/// The least pause between two polls where each reads the table.
const COSTLY_POLL: Duration = Duration::from_secs(2);
/// The least pause, as a multiple of the time that the last poll took.
const PAUSE_FACTOR: u32 = 3;
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
        let engine = ClickHouse {
            config,
            tables,
            server,
            updates,
            limits,
            followed: None,
            was_missing: false,
            has_read: false,
            retry: Backoff::new(RETRY),
            due: Instant::now(),
            excerpt: HashSet::new(),
        };
        watcher::run(engine, limits.on_demand, updates, inbox);
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

struct ClickHouse<'a> {
    config: Config,
    tables: Tables,
    server: Server,
    updates: &'a UpdateSender,
    limits: ReadLimits,
    followed: Option<Followed>,
    /// Whether the table was missing, and no row was ever read: then all its rows are new.
    was_missing: bool,
    has_read: bool,
    /// The wait after the next failure.
    retry: Backoff,
    /// When the next poll for new rows is due.
    due: Instant,
    /// The traces that were sent on demand.
    excerpt: HashSet<TraceId>,
}

impl Engine for ClickHouse<'_> {
    type Scan = Scan;
    const PAYLOADS: usize = usize::MAX;

    /// Reads new rows and a page.
    fn poll(&mut self) -> Result<Polled, Closed> {
        let now = Instant::now();
        let is_loading = self.followed.as_ref().is_some_and(|followed| followed.load.is_some());
        if now < self.due && !is_loading {
            return Ok(Polled::quiet(self.due - now));
        }
        let mut batches = Vec::new();
        let outcome = self.read_new(now >= self.due, &mut batches);
        for batch in batches.into_iter().filter(|batch| !batch.spans.is_empty() || !batch.skipped.is_empty()) {
            self.updates.send(Update::Batch(batch))?;
        }
        Ok(match outcome {
            Ok(state) => {
                self.retry.reset();
                let is_loading = matches!(state, State::Loading { .. });
                Polled::with(state, if is_loading { Duration::ZERO } else { self.due.saturating_duration_since(Instant::now()) })
            }
            Err(error) => self.failed(&error),
        })
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

    fn begin(&self, search: Search) -> Scan {
        Scan::new(search)
    }

    fn search(&mut self, scan: &mut Scan) -> Result<Searched, Unsearched> {
        let searched = self.table().and_then(|table| scan.slice(&mut self.server, &table));
        let (hits, progress) = searched.map_err(|error| Unsearched::Failed((!error.is_waiting()).then(|| self.message(&error))))?;
        Ok(Searched { hits, progress, wait: Duration::ZERO })
    }

    fn check(&mut self, addresses: &[(PayloadRef, SpanId)], query: &PayloadQuery) -> Result<(Hits, Option<String>), Unsearched> {
        let checked = self.table().and_then(|table| search::check(&mut self.server, &table, addresses, query));
        checked.map(|hits| (hits, None)).map_err(|error| Unsearched::Failed(Some(self.message(&error))))
    }

    fn read(&mut self, wanted: &Wanted) -> Result<Option<Nanos>, Closed> {
        let empty = self.updates.batch(Origin::History);
        let found = self.table().and_then(|table| excerpt::read(&mut self.server, &table, wanted, &mut self.excerpt, &empty));
        let found = found.unwrap_or_else(|error| {
            tracing::debug!(error = self.message(&error), "no part of the source can be read");
            None
        });
        let Some(found) = found else { return Ok(None) };
        found.batches.into_iter().try_for_each(|batch| self.updates.send(Update::Batch(batch)))?;
        Ok(Some(found.from))
    }
}

impl ClickHouse<'_> {
    /// Reads new rows if they `are_due`, and a page of the others.
    fn read_new(&mut self, are_due: bool, batches: &mut Vec<Batch>) -> Result<State, Error> {
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

    fn failed(&mut self, error: &Error) -> Polled {
        if error.is_waiting() {
            self.was_missing = !self.has_read;
        }
        if error.asks_for_inspection() {
            self.followed = None;
        }
        let retry = self.retry.next();
        let wait = if error.is_waiting() { MISSING_POLL } else { retry };
        self.due = Instant::now() + wait;
        Polled::with(error.state(&self.config, &self.tables.spans), wait)
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
}
