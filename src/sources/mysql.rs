//! Follows the spans that Agno writes to a MySQL or MariaDB database.
//!
//! Spans are only inserted. Their key is random, so new ones are found by the time at which they were written: each poll looks a few seconds
//! back (`OVERLAP`), and a sweep an hour, for writers whose clocks differ and transactions that commit late. What was sent is remembered
//! that long, so that nothing is sent twice. All reads are short, and nothing is written.

mod auth;
mod config;
mod connection;
mod error;
mod table;
mod wire;

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::agno_row::{self, Hits};
use super::postgres::Location;
use super::{Closed, Handle, Progress, ReadLimits, Request, Search, State, Update, UpdateSender};
use crate::model::{Batch, Nanos, Origin, Payload, PayloadQuery, SpanId, time};
use config::Config;
use connection::Session;
use error::Error;
use table::{Place, Table, before, literal, with_ids};

pub use config::is_url;

/// The interval of polls.
const POLL: Duration = Duration::from_millis(100);
/// The interval of polls while the table does not exist.
const MISSING_POLL: Duration = Duration::from_millis(500);
/// The interval of polls where nothing is read but on demand.
const ON_DEMAND: Duration = Duration::from_secs(3600);
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
        let mut watcher = Watcher {
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
            retry: RETRY[0],
            state: None,
            batches: Vec::new(),
            scan: None,
        };
        let _ended = watcher.run(inbox);
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
struct Scan {
    search: Search,
    last: Option<Place>,
    done: u64,
    total: u64,
}

struct Watcher<'a> {
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
    retry: Duration,
    /// The state that was sent last.
    state: Option<State>,
    /// The batches to send.
    batches: Vec<Batch>,
    scan: Option<Scan>,
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
            if self.scan.is_some() {
                wait = wait.min(self.continue_search()?);
            }
        }
    }

    /// Reads new rows, and a page of existing ones. Returns how long to wait before the next poll.
    fn poll(&mut self) -> Result<Duration, Closed> {
        if self.limits.on_demand {
            return Ok(ON_DEMAND);
        }
        let outcome = self.read();
        // What was read before an error counts as sent.
        for batch in std::mem::take(&mut self.batches) {
            if !batch.spans.is_empty() || !batch.skipped.is_empty() {
                self.updates.send(Update::Batch(batch))?;
            }
        }
        match outcome {
            Ok(()) => {
                self.retry = RETRY[0];
                self.send_state(match &self.load {
                    Some(Load { done, total, .. }) => State::Loading { done: *done, total: (*total).max(*done) },
                    None => State::Watching { left_out: self.left_out },
                })?;
                Ok(if self.load.is_some() { Duration::ZERO } else { POLL })
            }
            Err(error) => self.failed(&error),
        }
    }

    fn failed(&mut self, error: &Error) -> Result<Duration, Closed> {
        if !error.keeps_connection() {
            self.session = None;
        }
        if let (true, Some(load)) = (error.is_waiting(), &mut self.load)
            && load.last.is_none()
        {
            // All rows of a table that comes are new.
            load.origin = Origin::Live;
        }
        self.send_state(error.state(&self.config, &self.table.schema, &self.table.name))?;
        if error.is_waiting() {
            return Ok(MISSING_POLL);
        }
        let wait = self.retry;
        self.retry = (wait * 2).min(RETRY[1]);
        Ok(wait)
    }

    /// Takes the connection, or opens one.
    fn connect(&mut self) -> Result<Session, Error> {
        if let Some(session) = self.session.take() {
            return Ok(session);
        }
        let mut session = self.config.connect()?;
        session.query("SET SESSION TRANSACTION READ ONLY", |_| {})?;
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

    fn read(&mut self) -> Result<(), Error> {
        self.with_session(|watcher, session| {
            if watcher.state.is_none() || !matches!(watcher.state, Some(State::Watching { .. } | State::Loading { .. })) {
                watcher.table.check(session)?;
            }
            if !watcher.newest.is_empty() || watcher.load.is_none() {
                watcher.tail(session)?;
            }
            if watcher.load.is_some() {
                watcher.page(session)?;
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

    fn send_state(&mut self, state: State) -> Result<(), Closed> {
        if self.state.as_ref() != Some(&state) {
            self.updates.send(Update::State(self.updates.id, state.clone()))?;
            self.state = Some(state);
        }
        Ok(())
    }

    fn message(&self, error: &Error) -> String {
        error.message(&self.config, &self.table.schema, &self.table.name)
    }

    fn answer(&mut self, request: Request) -> Result<(), Closed> {
        match request {
            Request::Payloads { ticket, addresses } => {
                let ids: Vec<SpanId> = addresses.into_iter().map(|(_, span)| span).collect();
                let mut found = self.payloads(&ids).map_err(|error| self.message(&error));
                let gone = || format!("this span is no longer in {}", self.config.name);
                let payloads = ids.iter().map(|id| match &mut found {
                    Ok(found) => found.remove(id).ok_or_else(gone),
                    Err(message) => Err(message.clone()),
                });
                let payloads = payloads.collect();
                self.updates.send(Update::Payloads { ticket, payloads })
            }
            Request::Check { ticket, query, addresses } => {
                let ids: Vec<SpanId> = addresses.into_iter().map(|(_, span)| span).collect();
                match self.check(&ids, &query) {
                    Ok(hits) => self.updates.send_hits(ticket, hits, None, None),
                    Err(error) => self.updates.send_hits(ticket, Hits::new(), None, Some(self.message(&error))),
                }
            }
            Request::Search(search) => {
                self.scan = Some(Scan { search, last: None, done: 0, total: 0 });
                Ok(())
            }
            Request::StopSearch => {
                self.scan = None;
                Ok(())
            }
            // A part is not read: everything is, and says what is wrong.
            Request::Read { ticket, .. } | Request::Logs { ticket } => self.updates.send(Update::Read { ticket, from: None }),
            // Payloads are in the database: there is no memory to release. A reader has no clients that could wait.
            Request::Release(_) | Request::Take(..) | Request::Suspend(_) | Request::Resume => Ok(()),
        }
    }

    /// Visits the ids, the attributes and the status message of spans.
    fn texts(&mut self, ids: &[SpanId], mut visit: impl FnMut(&[Option<&[u8]>])) -> Result<(), Error> {
        self.with_session(|watcher, session| {
            for ids in ids.chunks(IDS) {
                let ids: Vec<String> = ids.iter().map(|id| literal(id.to_string().as_bytes())).collect();
                let sql = format!(
                    "SELECT trace_id, span_id, attributes, status_message FROM {} WHERE span_id IN ({})",
                    watcher.table.quoted(),
                    ids.join(", ")
                );
                session.query(&sql, &mut visit)?;
            }
            Ok(())
        })
    }

    fn payloads(&mut self, ids: &[SpanId]) -> Result<HashMap<SpanId, Payload>, Error> {
        let mut found = HashMap::new();
        self.texts(ids, |row| {
            if let Some(id) = SpanId::parse(value(row, 1)) {
                found.insert(id, agno_row::payload(value(row, 2), value(row, 3)));
            }
        })?;
        Ok(found)
    }

    fn check(&mut self, ids: &[SpanId], query: &PayloadQuery) -> Result<Hits, Error> {
        let mut hits = Hits::new();
        self.texts(ids, |row| hits.extend(hit(row, query)))?;
        Ok(hits)
    }

    /// Searches the next rows. Returns how long to wait before the next ones.
    fn continue_search(&mut self) -> Result<Duration, Closed> {
        let Some(mut scan) = self.scan.take() else { return Ok(POLL) };
        let ticket = scan.search.ticket;
        match self.search(&mut scan) {
            Ok((hits, is_done)) => {
                let progress = if is_done {
                    Progress { done: 1, total: 1 }
                } else {
                    Progress { done: scan.done, total: scan.total.max(scan.done + 1) }
                };
                self.updates.send_hits(ticket, hits, Some(progress), None)?;
                self.scan = (!is_done).then_some(scan);
                Ok(Duration::ZERO)
            }
            Err(Error::Lost(_)) => {
                // The next poll connects again.
                self.scan = Some(scan);
                Ok(POLL)
            }
            Err(error) => {
                let failure = (!error.is_waiting()).then(|| self.message(&error));
                self.updates.send_hits(ticket, Hits::new(), Some(Progress::default()), failure)?;
                Ok(POLL)
            }
        }
    }

    fn search(&mut self, scan: &mut Scan) -> Result<(Hits, bool), Error> {
        self.with_session(|watcher, session| {
            if scan.last.is_none() {
                scan.total = watcher.table.count(session)?;
            }
            let (mut hits, mut rows, mut last) = (Hits::new(), 0, scan.last.clone());
            let sql = format!(
                "SELECT trace_id, span_id, attributes, status_message, created_at FROM {} {}",
                watcher.table.quoted(),
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
