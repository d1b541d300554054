//! Follows the spans that Agno writes to a MySQL or MariaDB database.
//!
//! Spans are only inserted. Their key is random, so new ones are found by the time at which they were written: each poll looks a few seconds
//! back (`OVERLAP`), and a sweep an hour, for writers whose clocks differ and transactions that commit late. What was sent is remembered
//! that long, so that nothing is sent twice. All reads are short, and nothing is written.

mod auth;
mod config;
mod connection;
mod error;
mod reviews;
mod table;
mod wire;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::agno_row::{self, Hits};
use super::postgres::Location;
use super::watcher::{self, Backoff, Engine, Polled, Searched, Unsearched};
use super::{Closed, Handle, Progress, ReadLimits, Search, State, Update, UpdateSender, Wanted};
use crate::model::{Batch, Nanos, Origin, Payload, PayloadQuery, PayloadRef, SpanId, time};
pub(super) use config::Config;
pub use config::is_url;
pub(super) use connection::Session;
pub(super) use error::Error;
use reviews::ReviewReader;
use table::{Place, Table, before, with_ids};
pub(super) use table::{identifier, literal};

/// The interval of polls.
const POLL: Duration = Duration::from_millis(100);
/// The interval of polls while the table does not exist.
const MISSING_POLL: Duration = Duration::from_millis(500);
/// The wait before a new attempt after a failure: at first, and at most.
const RETRY: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(5)];
/// How far each poll looks back.
const OVERLAP: Nanos = 10 * SECOND;
/// How far a sweep looks back, and the interval of sweeps.
const SWEEP: Nanos = 3600 * SECOND;
const SWEEP_INTERVAL: Duration = Duration::from_secs(30);
const SECOND: Nanos = 1_000_000_000;
/// Rows in the first page, which the first frame waits for, and in others.
const PAGES: [usize; 2] = [512, 2048];
/// Rows that are read by their ids at once.
const IDS: usize = 256;
/// Rows that are searched at once.
const SEARCHED: usize = 512;

/// Follows the database that `url` names; neither the server nor the table need exist yet.
///
/// # Errors
///
/// If the URL is not valid (the message does not repeat it, because it may contain a password), or if no thread can be started.
pub fn start_with(url: &str, location: Location, limits: ReadLimits, updates: UpdateSender) -> std::io::Result<Handle> {
    let config = Config::parse(url, |name| std::env::var(name).ok());
    let config = config
        .map_err(|error| std::io::Error::new(std::io::ErrorKind::InvalidInput, format!("this is not the URL of a database: {error}")))?;
    let name = format!("{}/{}", config.name, location.schema);
    super::spawn(name, updates, move |updates, inbox| {
        let engine = MySql {
            config,
            table: Table { schema: location.schema, name: location.tables.spans },
            limits,
            updates,
            session: None,
            load: Some(Load { origin: Origin::History, ..Load::default() }),
            newest: Vec::new(),
            sent: HashMap::new(),
            left_out: 0,
            oldest: None,
            swept: Instant::now(),
            retry: Backoff::new(RETRY),
            is_checked: false,
            batches: Vec::new(),
            reviews: ReviewReader::default(),
        };
        watcher::run(engine, limits.on_demand, updates, inbox);
    })
}

/// The state of reading the rows that exist, newest first.
#[derive(Debug, Default)]
struct Load {
    origin: Origin,
    /// The last row that was read.
    last: Option<Place>,
    done: u64,
    total: u64,
}

/// A running search, and the last row that was searched.
pub(super) struct Scan {
    search: Search,
    last: Option<Place>,
    done: u64,
    total: u64,
}

struct MySql<'a> {
    config: Config,
    table: Table,
    limits: ReadLimits,
    updates: &'a UpdateSender,
    session: Option<Session>,
    /// `None` when everything up to the limit was read.
    load: Option<Load>,
    /// The latest time of writing that was seen, as the table has it.
    newest: Vec<u8>,
    /// The ids of the rows that were sent of the time that is looked at again, each with the time of writing.
    sent: HashMap<Vec<u8>, Vec<u8>>,
    left_out: u64,
    /// Older rows are left out, or are still to be read as existing ones.
    oldest: Option<Place>,
    swept: Instant,
    /// The wait after the next failure.
    retry: Backoff,
    /// Whether the table was looked at, and nothing failed since.
    is_checked: bool,
    /// The batches to send.
    batches: Vec<Batch>,
    reviews: ReviewReader,
}

impl Engine for MySql<'_> {
    type Scan = Scan;
    const PAYLOADS: usize = usize::MAX;

    /// Reads new rows, and a page of existing ones.
    fn poll(&mut self) -> Result<Polled, Closed> {
        let outcome = self.read_new();
        // What was read before an error counts as sent.
        for batch in std::mem::take(&mut self.batches) {
            if !batch.spans.is_empty() || !batch.skipped.is_empty() || batch.reviews.is_some() {
                self.updates.send(Update::Batch(batch))?;
            }
        }
        self.is_checked = outcome.is_ok();
        if let Err(error) = outcome {
            return Ok(self.failed(&error));
        }
        self.retry.reset();
        Ok(match &self.load {
            Some(Load { done, total, .. }) => Polled::with(State::Loading { done: *done, total: (*total).max(*done) }, Duration::ZERO),
            None => Polled::with(State::Watching { left_out: self.left_out }, POLL),
        })
    }

    fn payloads(&mut self, addresses: &[(PayloadRef, SpanId)]) -> Vec<Result<Payload, String>> {
        let mut found = HashMap::new();
        let outcome = self.texts(addresses, |row| {
            if let Some(id) = SpanId::parse(value(row, 1)) {
                found.insert(id, agno_row::payload(value(row, 2), value(row, 3)));
            }
        });
        let failure = outcome.err().map(|error| self.message(&error));
        // What stands beside the spans is left out where it can't be read.
        let _ =
            self.with_session(|engine, session| reviews::add_stored_metrics(session, &engine.table.schema, found.values_mut().collect()));
        let gone = || format!("this span is no longer in {}", self.config.name);
        let mut payload = |id| match &failure {
            Some(message) => Err(message.clone()),
            None => found.remove(id).ok_or_else(gone),
        };
        addresses.iter().map(|(_, id)| payload(id)).collect()
    }

    fn begin(&self, search: Search) -> Scan {
        Scan { search, last: None, done: 0, total: 0 }
    }

    fn search(&mut self, scan: &mut Scan) -> Result<Searched, Unsearched> {
        match self.search_rows(scan) {
            Ok((hits, true)) => Ok(Searched { hits, progress: Progress { done: 1, total: 1 }, wait: Duration::ZERO }),
            Ok((hits, false)) => {
                let progress = Progress { done: scan.done, total: scan.total.max(scan.done + 1) };
                Ok(Searched { hits, progress, wait: Duration::ZERO })
            }
            // The next poll connects again.
            Err(Error::Lost(_)) => Err(Unsearched::Later(POLL)),
            Err(error) => Err(Unsearched::Failed((!error.is_waiting()).then(|| self.message(&error)))),
        }
    }

    fn check(&mut self, addresses: &[(PayloadRef, SpanId)], query: &PayloadQuery) -> Result<(Hits, Option<String>), Unsearched> {
        let mut hits = Hits::new();
        match self.texts(addresses, |row| hits.extend(hit(row, query))) {
            Ok(()) => Ok((hits, None)),
            Err(error) => Err(Unsearched::Failed(Some(self.message(&error)))),
        }
    }

    /// A part is not read: everything is, and says what is wrong.
    fn read(&mut self, _: &Wanted) -> Result<Option<Nanos>, Closed> {
        Ok(None)
    }
}

impl MySql<'_> {
    fn failed(&mut self, error: &Error) -> Polled {
        if !error.keeps_connection() {
            self.session = None;
        }
        if let (true, Some(load)) = (error.is_waiting(), &mut self.load)
            && load.last.is_none()
        {
            // All rows of a table that comes are new.
            load.origin = Origin::Live;
        }
        let state = error.state(&self.config, &self.table.schema, &self.table.name);
        Polled::with(state, if error.is_waiting() { MISSING_POLL } else { self.retry.next() })
    }

    /// Takes the connection, or opens one.
    fn connect(&mut self) -> Result<Session, Error> {
        if let Some(session) = self.session.take() {
            return Ok(session);
        }
        let mut session = self.config.connect()?;
        session.query("SET SESSION TRANSACTION READ ONLY", |_| {})?;
        // The statements on the tables beside the traces join texts as SQL does.
        session.query("SET SESSION sql_mode = 'PIPES_AS_CONCAT'", |_| {})?;
        // MariaDB and MySQL call it differently.
        for limit in ["SET SESSION max_statement_time = 20", "SET SESSION max_execution_time = 20000"] {
            if let Err(error @ Error::Lost(_)) = session.query(limit, |_| {}) {
                return Err(error);
            }
        }
        Ok(session)
    }

    /// Runs work on the connection, which it keeps unless that was lost.
    fn with_session<T>(&mut self, work: impl FnOnce(&mut Self, &mut Session) -> Result<T, Error>) -> Result<T, Error> {
        let mut session = self.connect()?;
        let outcome = work(self, &mut session);
        // After another error the server's messages may be half read.
        if outcome.as_ref().map_or_else(Error::keeps_connection, |_| true) {
            self.session = Some(session);
        }
        outcome
    }

    fn read_new(&mut self) -> Result<(), Error> {
        self.with_session(|engine, session| {
            if !engine.is_checked {
                engine.table.check(session)?;
            }
            if !engine.newest.is_empty() || engine.load.is_none() {
                engine.tail(session)?;
            }
            if engine.load.is_some() {
                engine.page(session)?;
            }
            if engine.load.is_none() {
                let reviews = engine.reviews.read(session, &engine.table.schema, engine.updates)?;
                engine.batches.extend(reviews);
            }
            Ok(())
        })
    }

    /// Reads rows that were not sent of the last seconds or, in a sweep, of the last hour.
    fn tail(&mut self, session: &mut Session) -> Result<(), Error> {
        let sweeps = self.swept.elapsed() >= SWEEP_INTERVAL;
        let from = self.ago(if sweeps { SWEEP } else { OVERLAP });
        let places = self.table.places_since(session, &from)?;
        let is_older =
            |place: &Place| self.oldest.as_ref().is_some_and(|oldest| (&place.created, &place.id) < (&oldest.created, &oldest.id));
        let new: Vec<Place> = places.into_iter().filter(|place| !self.sent.contains_key(&place.id) && !is_older(place)).collect();
        for new in new.chunks(IDS) {
            let mut batch = self.updates.batch(Origin::Live);
            let clauses = with_ids(new.iter().map(|place| place.id.as_slice()));
            let mut found = Vec::new();
            self.table.rows(session, &clauses, &mut batch, |place| {
                found.push(place);
                true
            })?;
            for place in found {
                self.remember(place);
            }
            self.batches.push(batch);
        }
        if sweeps {
            self.swept = Instant::now();
            let horizon = self.ago(2 * SWEEP);
            self.sent.retain(|_, created| *created >= horizon);
        }
        Ok(())
    }

    /// Reads the next page of existing rows.
    fn page(&mut self, session: &mut Session) -> Result<(), Error> {
        let Some(load) = self.load.take() else { return Ok(()) };
        let outcome = self.page_of(session, &load);
        match outcome {
            Ok((batch, next)) => {
                self.load = next;
                self.batches.push(batch);
                Ok(())
            }
            Err(error) => {
                self.load = Some(load);
                Err(error)
            }
        }
    }

    fn page_of(&mut self, session: &mut Session, load: &Load) -> Result<(Batch, Option<Load>), Error> {
        let is_first = load.last.is_none();
        let total = if is_first { self.table.count(session)? } else { load.total };
        let remaining = usize::try_from(self.limits.limit.max(1) - load.done).unwrap_or(usize::MAX);
        let wanted = remaining.min(PAGES[usize::from(!is_first)]);
        let floor = self.limits.since.map(|since| agno_row::second(since.saturating_sub(OVERLAP), false)).filter(|floor| !floor.is_empty());
        let mut batch = self.updates.batch(load.origin);
        let (mut places, mut rows) = (Vec::new(), 0);
        let sent = &self.sent;
        self.table.rows(session, &before(load.last.as_ref(), floor.as_deref(), wanted), &mut batch, |place| {
            rows += 1;
            let is_new = !sent.contains_key(&place.id);
            places.push(place);
            is_new
        })?;
        let last = places.last().cloned().or_else(|| load.last.clone());
        if is_first && let Some(newest) = places.first() {
            self.newest.clone_from(&newest.created);
            self.oldest = Some(newest.clone());
        }
        let horizon = self.ago(2 * SWEEP);
        for place in places.into_iter().filter(|place| place.created >= horizon) {
            self.remember(place);
        }
        let done = load.done + rows as u64;
        let is_last = rows < wanted;
        let is_full = done >= self.limits.limit;
        self.left_out = if is_full && !is_last { total.saturating_sub(done) } else { 0 };
        if is_full && !is_last {
            self.oldest.clone_from(&last);
        } else if is_last {
            self.oldest = floor.map(|floor| Place { created: floor.into_bytes(), id: Vec::new() });
        }
        let next = (!is_last && !is_full).then_some(Load { origin: load.origin, last, done, total });
        Ok((batch, next))
    }

    fn remember(&mut self, Place { created, id }: Place) {
        if created > self.newest {
            self.newest.clone_from(&created);
        }
        self.sent.insert(id, created);
    }

    /// Returns a time before the newest, as the table has it. Of a table with other times, everything is looked at.
    fn ago(&self, by: Nanos) -> Vec<u8> {
        time::parse(&self.newest).map_or_else(Vec::new, |newest| agno_row::second(newest.saturating_sub(by), false).into_bytes())
    }

    fn message(&self, error: &Error) -> String {
        error.message(&self.config, &self.table.schema, &self.table.name)
    }

    /// Visits the ids, the attributes and the status message of spans.
    fn texts(&mut self, addresses: &[(PayloadRef, SpanId)], mut visit: impl FnMut(&[Option<&[u8]>])) -> Result<(), Error> {
        self.with_session(|engine, session| {
            for part in addresses.chunks(IDS) {
                let ids: Vec<String> = part.iter().map(|(_, id)| literal(id.to_string().as_bytes())).collect();
                let sql = format!(
                    "SELECT trace_id, span_id, attributes, status_message FROM {} WHERE span_id IN ({})",
                    engine.table.quoted(),
                    ids.join(", ")
                );
                session.query(&sql, &mut visit)?;
            }
            Ok(())
        })
    }

    /// Searches the next rows. Returns whether these were the last.
    fn search_rows(&mut self, scan: &mut Scan) -> Result<(Hits, bool), Error> {
        self.with_session(|engine, session| {
            if scan.last.is_none() {
                scan.total = engine.table.count(session)?;
            }
            let (mut hits, mut rows, mut last) = (Hits::new(), 0, scan.last.clone());
            let sql = format!(
                "SELECT trace_id, span_id, attributes, status_message, created_at FROM {} {}",
                engine.table.quoted(),
                before(scan.last.as_ref(), None, SEARCHED)
            );
            session.query(&sql, |row| {
                rows += 1;
                last = Some(Place { created: value(row, 4).to_vec(), id: value(row, 1).to_vec() });
                hits.extend(hit(row, &scan.search.query));
            })?;
            (scan.last, scan.done) = (last, scan.done + rows as u64);
            Ok((hits, rows < SEARCHED))
        })
    }
}

fn value<'a>(row: &[Option<&'a [u8]>], column: usize) -> &'a [u8] {
    row.get(column).copied().flatten().unwrap_or_default()
}

fn hit(row: &[Option<&[u8]>], query: &PayloadQuery) -> Option<(crate::model::TraceId, SpanId)> {
    query.matches_json(value(row, 2), value(row, 3)).then(|| agno_row::hit(value(row, 0), value(row, 1))).flatten()
}
