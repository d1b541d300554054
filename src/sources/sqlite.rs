//! Follows the spans that Agno writes to an SQLite file.
//!
//! The source must not disturb the agent: between polls no connection is open and no lock is held, a poll reads a few bytes of the file, a
//! read is one short transaction, and nothing is created beside the file (`access`). Two connections read existing rows in parallel.
//! Nothing else may open the file meanwhile, because closing any handle of a file drops all POSIX locks that the process holds on it.

mod access;
mod checkpoints;
mod error;
mod excerpt;
mod file_state;
mod payload;
mod progress;
mod read;
mod read_gate;
mod readahead;
mod recorded;
mod reviews;
mod rows;
mod schema;
mod search;

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::agno_reviews::{self, Links, SentReviews};
use super::agno_row::Hits;
use super::sql::{LOGS_TABLE, METRICS_TABLE};
use super::watcher::{self, Engine, Polled, Searched, Unsearched};
use super::{Closed, Handle, ReadLimits, Search, State, Update, UpdateSender, Wanted};
use crate::model::review::Reviews;
use crate::model::{MetricBatch, Nanos, Origin, Payload, PayloadQuery, PayloadRef, SpanId};
use crate::otlp::metrics;
use access::Database;
pub(super) use access::read_with_retries;
use error::Error;
use file_state::FileState;
pub(super) use file_state::{FileId, file_id};
use progress::{Page, Progress, Sent};
use read::Reader;
pub(super) use schema::tables_exist;
use search::Scan;

/// The interval of polls.
const POLL: Duration = Duration::from_millis(20);
/// The interval of polls while nothing is written.
const IDLE_POLL: Duration = Duration::from_millis(40);
/// The number of polls without a change after which nothing is written.
const IDLE_AFTER: u32 = 100;
/// The interval of attempts to read a file that can't be read.
const RETRY: Duration = Duration::from_millis(200);
/// The interval of attempts to read a file during a write.
const TRANSIENT_RETRY: Duration = Duration::from_millis(3);
/// How long a transient error may last before the source fails.
const TRANSIENT_TIME: Duration = Duration::from_millis(1500);
/// The most payloads read in one transaction.
const PAYLOADS: usize = 128;
/// The attempts to search a slice before other requests are handled.
const SEARCH_TRIES: u32 = 2;
/// The interval of reading approvals and evaluations.
const REVIEWS: Duration = Duration::from_millis(250);
/// The attempts to read payloads during a write.
const PAYLOAD_TRIES: u32 = 10;

/// The names of Agno's tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tables {
    /// The table of spans: Agno's `spans_table`.
    pub spans: String,
    /// The table of traces: Agno's `traces_table`.
    pub traces: String,
}

impl Default for Tables {
    fn default() -> Self {
        Self { spans: "agno_spans".to_owned(), traces: "agno_traces".to_owned() }
    }
}

/// Follows the database at `path`, which need not exist yet. Reads at most `limit` of the existing spans, newest first, and all spans that
/// are written from then on.
///
/// # Errors
///
/// If no thread can be started.
pub fn start(path: PathBuf, tables: Tables, limit: u64, updates: UpdateSender) -> std::io::Result<Handle> {
    start_with(path, tables, ReadLimits::of(limit), updates)
}

/// Like [`start`], and reads existing spans only down to the oldest one that started at [`ReadLimits::since`] or later.
pub fn start_with(path: PathBuf, tables: Tables, limits: ReadLimits, updates: UpdateSender) -> std::io::Result<Handle> {
    let name = path.display().to_string();
    super::spawn(name.clone(), updates, move |updates, inbox| {
        let progress = Progress::new(updates.id, limits);
        let engine = Sqlite {
            path,
            name,
            tables,
            updates,
            progress,
            sent: Sent::default(),
            read_state: None,
            idle_polls: 0,
            failing_since: None,
            excerpt: HashSet::new(),
            recorded: (None, [0; 2]),
            reviews: SentReviews::default(),
            reviews_read: None,
            has_new_reviews: true,
            reviews_mark: None,
            links: Links::new(),
        };
        watcher::run(engine, limits.on_demand, updates, inbox);
    })
}

struct Sqlite<'a> {
    path: PathBuf,
    name: String,
    tables: Tables,
    updates: &'a UpdateSender,
    progress: Progress,
    sent: Sent,
    /// The file state before the read that completed.
    read_state: Option<FileState>,
    /// The polls since the last change.
    idle_polls: u32,
    /// When reading began to fail.
    failing_since: Option<Instant>,
    /// The ids of the traces that were sent on demand.
    excerpt: HashSet<String>,
    /// The file whose recorded metrics and log records were read, and the last row of each.
    recorded: (Option<FileId>, [i64; 2]),
    /// The approvals and evaluations that were sent.
    reviews: SentReviews,
    /// When they were read.
    reviews_read: Option<Instant>,
    /// Whether they may have changed since.
    has_new_reviews: bool,
    /// What the tables said of their last change.
    reviews_mark: Option<String>,
    /// The runs that evaluations judge.
    links: Links,
}

impl Engine for Sqlite<'_> {
    type Scan = Scan;
    const PAYLOADS: usize = PAYLOADS;

    /// Checks whether the file changed, and then reads a page.
    fn poll(&mut self) -> Result<Polled, Closed> {
        let file_state = match FileState::read(&self.path, self.read_state.as_ref()) {
            Ok(state) if self.read_state.as_ref() == Some(&state) => {
                self.idle_polls = self.idle_polls.saturating_add(1);
                self.read_reviews()?;
                return Ok(Polled::quiet(if self.idle_polls < IDLE_AFTER { POLL } else { IDLE_POLL }));
            }
            Ok(state) => state,
            Err(error) => return Ok(self.failed(&error)),
        };
        self.idle_polls = 0;
        self.progress.set_file(file_state.main.file);
        // The progress is valid only if the read succeeds: an immutable read may turn out to be of a file that changed.
        let mut progress = self.progress.clone();
        readahead::read_ahead(&file_state.path, &progress.readahead(file_state.main.len));
        let lower = progress.load.as_ref().and_then(|load| load.ranges.get(1)).copied();
        let (tables, sent, updates) = (&self.tables, &self.sent, self.updates);
        let (wanted, origin) = (progress.remaining(), progress.origin);
        let lower = lower.map(|range| move |database: &Database| Reader { database, tables, sent, updates, origin }.page(range, wanted));
        let upper = |database: &Database| Reader { database, tables, sent, updates, origin }.read(&mut progress);
        match access::read_both(&self.path, &file_state, upper, lower) {
            Ok((found, lower)) => {
                self.progress = progress;
                self.failing_since = None;
                for batch in found.batches {
                    self.sent.remember(&batch);
                    self.updates.send(Update::Batch(batch))?;
                }
                if let Some(upper) = found.page {
                    self.send_pages(std::iter::once(upper).chain(lower).collect())?;
                }
                self.has_new_reviews = true;
                if !self.progress.is_behind() {
                    self.read_recorded(file_state.main.file)?;
                    self.read_reviews()?;
                }
                let is_behind = self.progress.is_behind();
                if !is_behind {
                    self.read_state = Some(file_state);
                }
                Ok(Polled::with(self.progress.state(), if is_behind { Duration::ZERO } else { POLL }))
            }
            Err(error) => Ok(self.failed(&error)),
        }
    }

    fn payloads(&mut self, addresses: &[(PayloadRef, SpanId)]) -> Vec<Result<Payload, String>> {
        match access::read_with_retries(&self.path, PAYLOAD_TRIES, |database| payload::read(database, &self.tables, addresses)) {
            Ok(found) => {
                let gone = || format!("this span is no longer in {}", self.name);
                found.into_iter().map(|found| found.ok_or_else(gone)).collect()
            }
            Err(error) => {
                let message = error.message(&self.name, &self.tables, true);
                vec![Err(message); addresses.len()]
            }
        }
    }

    fn begin(&self, search: Search) -> Scan {
        // Rows beyond the limit are not shown, so that they are not searched either.
        let oldest = self.progress.checkpoints.oldest().filter(|_| self.progress.left_out > 0).map(|checkpoint| checkpoint.row);
        Scan::new(search, oldest)
    }

    fn search(&mut self, scan: &mut Scan) -> Result<Searched, Unsearched> {
        // The result of a slice is valid only if the whole read succeeds.
        match self.search_slice(scan) {
            Ok((next, hits)) => {
                *scan = next;
                Ok(Searched { hits, progress: scan.progress(), wait: Duration::ZERO })
            }
            Err(error) if error.is_transient() => Err(Unsearched::Later(TRANSIENT_RETRY)),
            // If Agno has not written anything yet there is nothing to search, which is no failure.
            Err(error) => Err(Unsearched::Failed(match error.state(&self.name, &self.tables, true) {
                State::Failing(message) => Some(message),
                _ => None,
            })),
        }
    }

    fn check(&mut self, addresses: &[(PayloadRef, SpanId)], query: &PayloadQuery) -> Result<(Hits, Option<String>), Unsearched> {
        let check = |database: &Database| search::check_rows(database, &self.tables, addresses, query);
        let found = access::read_with_retries(&self.path, PAYLOAD_TRIES, check);
        found.map(|hits| (hits, None)).map_err(|error| Unsearched::Failed(Some(error.message(&self.name, &self.tables, true))))
    }

    fn read(&mut self, wanted: &Wanted) -> Result<Option<Nanos>, Closed> {
        let (tables, sent, updates) = (&self.tables, &self.excerpt, self.updates);
        let read = |database: &Database| excerpt::read(database, tables, wanted, sent, updates);
        let found = access::read_with_retries(&self.path, PAYLOAD_TRIES, read).ok().flatten();
        let from = found.as_ref().map(|found| found.from);
        if self.reviews.is_empty() {
            self.read_reviews()?;
        }
        if let Some(found) = found {
            self.excerpt.extend(found.ids);
            for batch in found.batches {
                self.updates.send(Update::Batch(batch))?;
            }
        }
        Ok(from)
    }

    fn read_logs(&mut self) -> Result<(), Closed> {
        self.read_recorded_in(LOGS_TABLE)
    }
}

impl Sqlite<'_> {
    /// Searches the next slice. Returns the search after it and its hits.
    fn search_slice(&self, scan: &Scan) -> Result<(Scan, Hits), Error> {
        let mut next = scan.clone();
        if !next.has_begun() {
            access::read_with_retries(&self.path, SEARCH_TRIES, |database| next.begin(database, &self.tables))?;
        }
        let mut parts = next.parts.iter().copied().map(|part| {
            let (search, tables) = (&scan.search, &self.tables);
            move |database: &Database| search::slice(database, tables, search, part)
        });
        let Some(newer) = parts.next() else { return Ok((next, Hits::new())) };
        let (newer, older) = access::read_both_with_retries(&self.path, SEARCH_TRIES, newer, parts.next().as_ref())?;
        drop(parts);
        let hits = next.add(newer, older);
        Ok((next, hits))
    }

    /// Sends recorded metrics and log records that were not sent yet. An error is left to the next read, which the file's next change causes.
    fn read_recorded(&mut self, file: FileId) -> Result<(), Closed> {
        if self.recorded.0 != Some(file) {
            self.recorded = (Some(file), [0; 2]);
        }
        self.read_recorded_in(METRICS_TABLE)?;
        self.read_recorded_in(LOGS_TABLE)
    }

    /// Sends approvals and evaluations if they changed. They are read a few times a second at most; what is left is due with a later poll.
    fn read_reviews(&mut self) -> Result<(), Closed> {
        let is_due = self.reviews_read.is_none_or(|read| read.elapsed() >= REVIEWS);
        if !self.has_new_reviews || !is_due {
            return Ok(());
        }
        // What was there when the file was opened rings no bell.
        let origin = if self.reviews_read.is_none() { self.progress.origin } else { Origin::Live };
        self.reviews_read = Some(Instant::now());
        let Ok(mark) = access::read_with_retries(&self.path, PAYLOAD_TRIES, reviews::mark) else { return Ok(()) };
        if self.reviews_mark.as_ref() == Some(&mark) {
            self.has_new_reviews = false;
            return Ok(());
        }
        let Ok(found) = access::read_with_retries(&self.path, PAYLOAD_TRIES, reviews::read) else { return Ok(()) };
        loop {
            let link = |database: &Database| reviews::link(database, &found.evaluations, &mut self.links);
            match access::read_with_retries(&self.path, PAYLOAD_TRIES, link) {
                Ok(true) => {}
                Ok(false) => break,
                Err(_) => return Ok(()),
            }
        }
        (self.has_new_reviews, self.reviews_mark) = (false, Some(mark));
        let reviews = Reviews { approvals: found.approvals, evaluations: agno_reviews::linked(found.evaluations, &self.links) };
        match self.reviews.change(reviews, origin, self.updates) {
            Some(batch) => self.updates.send(Update::Batch(batch)),
            None => Ok(()),
        }
    }

    fn read_recorded_in(&mut self, table: &str) -> Result<(), Closed> {
        let at = usize::from(table == LOGS_TABLE);
        loop {
            let after = self.recorded.1[at];
            let read = |database: &Database| recorded::read(database, table, after);
            let Ok((requests, last)) = access::read_with_retries(&self.path, PAYLOAD_TRIES, read) else { return Ok(()) };
            if last == after {
                return Ok(());
            }
            self.recorded.1[at] = last;
            for (received, body) in requests {
                self.send_recorded(table, received, body)?;
            }
        }
    }

    fn send_recorded(&self, table: &str, received: Nanos, body: Vec<u8>) -> Result<(), Closed> {
        if table == LOGS_TABLE {
            // The spans that they tell of are recorded as such.
            return self.updates.log_batch(&body.into()).map_or(Ok(()), |batch| self.updates.send(Update::Logs(batch)));
        }
        let mut batch = MetricBatch { source: self.updates.id, received, ..MetricBatch::default() };
        if metrics::read(&body, &mut batch).is_err() {
            batch.invalid += 1;
        }
        self.updates.send(Update::Metrics(batch))
    }

    /// Sends pages of existing spans, newest first.
    fn send_pages(&mut self, pages: Vec<Page>) -> Result<(), Closed> {
        self.progress.pages_read(&pages);
        for batch in pages.into_iter().flat_map(|page| page.batches) {
            self.updates.send(Update::Batch(batch))?;
        }
        Ok(())
    }

    fn failed(&mut self, error: &Error) -> Polled {
        self.read_state = None;
        let since = *self.failing_since.get_or_insert_with(Instant::now);
        if error.is_transient() && since.elapsed() < TRANSIENT_TIME {
            return Polled::quiet(TRANSIENT_RETRY);
        }
        let state = error.state(&self.name, &self.tables, self.progress.existed());
        if matches!(state, State::Waiting(_)) {
            self.progress.set_missing();
        }
        let wait = if matches!(state, State::Waiting(_)) { POLL } else { RETRY };
        Polled::with(state, wait)
    }
}
