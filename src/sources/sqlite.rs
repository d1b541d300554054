//! Spans that Agno writes to a SQLite file, followed as they come.
//!
//! The agent must not notice: between polls no connection is open and no lock is held, a poll looks at a few bytes of the file, a
//! read is one short transaction, and nothing is ever created beside the file (`access`). What was there before is read by two
//! connections side by side; nothing else touches the file meanwhile, because closing any handle of a file drops the locks that the
//! process holds on it.

mod access;
mod checkpoints;
mod error;
mod file_state;
mod payload;
mod progress;
mod read;
mod read_gate;
mod readahead;
mod rows;
mod schema;
mod search;

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::{Closed, Handle, Request, SearchHits, State, Update, UpdateSender};
use crate::model::{Nanos, PayloadQuery, PayloadRef, SpanId};
use access::Database;
pub(super) use access::read as read_once;
use error::Error;
use file_state::FileState;
pub(super) use file_state::{FileId, file_id};
use progress::{Page, Progress, Sent};
pub(super) use schema::present as tables_present;
use search::{Hits, Scan};

/// How long the agent's commit may lie unnoticed.
const POLL: Duration = Duration::from_millis(20);
/// The same where nothing has been written for a while.
const QUIET_POLL: Duration = Duration::from_millis(40);
/// Polls without news after which that holds.
const RESTLESS: u32 = 100;
/// How often a file that can't be read is tried again.
const RETRY: Duration = Duration::from_millis(200);
/// How soon a file is tried again that is just being written.
const AGAIN: Duration = Duration::from_millis(3);
/// What lasts less than this passes by itself and is no state.
const PATIENCE: Duration = Duration::from_millis(1500);
/// Payloads read in one go.
const PAYLOADS: usize = 128;
/// How often a slice of a search is tried for before other things are looked after.
const SEARCH_TRIES: u32 = 2;
/// How often a payload is tried for while the file is being changed.
const PAYLOAD_TRIES: u32 = 10;

/// The tables that Agno was told to use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tables {
    /// Where spans lie (Agno's `spans_table`).
    pub spans: String,
    /// Where traces lie (Agno's `traces_table`).
    pub traces: String,
}

impl Default for Tables {
    fn default() -> Self {
        Self { spans: "agno_spans".to_owned(), traces: "agno_traces".to_owned() }
    }
}

/// Follows the database at `path`, which need not exist yet. Reads at most `limit` spans of what was there before, newest first,
/// and everything that is written from then on. `Err` only if no thread can be started.
pub fn start(path: PathBuf, tables: Tables, limit: u64, outlet: UpdateSender) -> std::io::Result<Handle> {
    start_since(path, tables, limit, None, outlet)
}

/// The same; of what was there before only the newest rows are read, down to the oldest span that began at `since` or later.
pub fn start_since(path: PathBuf, tables: Tables, limit: u64, since: Option<Nanos>, outlet: UpdateSender) -> std::io::Result<Handle> {
    let name = path.display().to_string();
    super::spawn(name.clone(), outlet, move |outlet, inbox| {
        let progress = Progress::new(outlet.id, limit, since);
        let mut watcher = Watcher {
            path,
            name,
            tables,
            outlet,
            progress,
            sent: Sent::default(),
            state: None,
            read_at: None,
            quiet: 0,
            trouble: None,
            scan: None,
        };
        let _ended = watcher.run(inbox);
    })
}

struct Watcher<'a> {
    path: PathBuf,
    name: String,
    tables: Tables,
    outlet: &'a UpdateSender,
    progress: Progress,
    sent: Sent,
    /// The state last told.
    state: Option<State>,
    /// How the file looked just before everything in it had been read.
    read_at: Option<FileState>,
    /// Polls without news.
    quiet: u32,
    /// Since when the file can't be read.
    trouble: Option<Instant>,
    /// A search under way.
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
                wait = wait.min(self.search_on()?);
            }
        }
    }

    /// Searches a slice. Returns how long nothing needs to be done.
    fn search_on(&mut self) -> Result<Duration, Closed> {
        let Some(mut scan) = self.scan.take() else { return Ok(POLL) };
        // As with all that is read, a slice counts only once it ended well.
        match self.search_slice(&scan) {
            Ok((next, hits)) => {
                scan = next;
                self.found(scan.search.ticket, hits, Some(scan.progress()), None)?;
                self.scan = (!scan.is_through()).then_some(scan);
                Ok(Duration::ZERO)
            }
            Err(trouble) if trouble.passes() => {
                self.scan = Some(scan);
                Ok(AGAIN)
            }
            Err(trouble) => {
                // Where nothing has been written there is nothing to search: no trouble.
                let words = match trouble.state(&self.name, &self.tables, true) {
                    State::Failing(words) => Some(words),
                    _ => None,
                };
                self.found(scan.search.ticket, Hits::new(), Some(super::Progress::default()), words)?;
                Ok(POLL)
            }
        }
    }

    /// What a slice of a search finds, and where the search goes on.
    fn search_slice(&self, scan: &Scan) -> Result<(Scan, Hits), Error> {
        let mut next = scan.clone();
        if !next.has_begun() {
            access::read(&self.path, SEARCH_TRIES, |database| next.begin(database, &self.tables))?;
        }
        let mut parts = next.parts.iter().copied().map(|part| {
            let (search, tables) = (&scan.search, &self.tables);
            move |database: &Database| search::slice(database, tables, search, part)
        });
        let Some(newer) = parts.next() else { return Ok((next, Hits::new())) };
        let (newer, older) = access::read_beside(&self.path, SEARCH_TRIES, newer, parts.next().as_ref())?;
        drop(parts);
        let hits = next.take(newer, older);
        Ok((next, hits))
    }

    /// Searches spans that came after a search had begun.
    fn check(&mut self, ticket: u64, probe: &PayloadQuery, addresses: &[(PayloadRef, SpanId)]) -> Result<(), Closed> {
        let mut chunks = addresses.chunks(PAYLOADS).peekable();
        while let Some(chunk) = chunks.next() {
            match access::read(&self.path, PAYLOAD_TRIES, |database| search::check_rows(database, &self.tables, chunk, probe)) {
                Ok(hits) if hits.is_empty() => {}
                Ok(hits) => self.found(ticket, hits, None, None)?,
                Err(trouble) => {
                    let words = trouble.words(&self.name, &self.tables, true);
                    return self.found(ticket, Hits::new(), None, Some(words));
                }
            }
            if chunks.peek().is_some() {
                self.poll()?;
            }
        }
        Ok(())
    }

    fn found(&self, ticket: u64, spans: Hits, progress: Option<super::Progress>, trouble: Option<String>) -> Result<(), Closed> {
        self.outlet.send(Update::Found(SearchHits { source: self.outlet.id, ticket, spans, progress, trouble }))
    }

    /// Looks whether the file changed, and reads a piece if so. Returns how long nothing needs to be done.
    fn poll(&mut self) -> Result<Duration, Closed> {
        let signature = match FileState::take(&self.path, self.read_at.as_ref()) {
            Ok(signature) if self.read_at.as_ref() == Some(&signature) => {
                self.quiet = self.quiet.saturating_add(1);
                return Ok(if self.quiet < RESTLESS { POLL } else { QUIET_POLL });
            }
            Ok(signature) => signature,
            Err(trouble) => return self.failed(&trouble),
        };
        self.quiet = 0;
        self.progress.look_at(signature.file());
        // What a visit finds counts only once it ended well: an immutable read may turn out to have been of a changing file.
        let mut progress = self.progress.clone();
        readahead::read_ahead(signature.path(), &progress.ahead(signature.len()));
        let lower = progress.load.as_ref().and_then(|load| load.stretches.get(1)).copied();
        let (tables, sent, outlet, wanted) = (&self.tables, &self.sent, self.outlet, progress.wanted());
        let lower = lower.map(|stretch| move |database: &Database| read::page(database, tables, sent, outlet, stretch, wanted));
        match access::visit_beside(&self.path, &signature, |database| read::read(database, tables, sent, outlet, &mut progress), lower) {
            Ok((found, lower)) => {
                self.progress = progress;
                self.trouble = None;
                for batch in found.batches {
                    self.sent.remember(&batch);
                    self.outlet.send(Update::Batch(batch))?;
                }
                if let Some(upper) = found.page {
                    self.take(std::iter::once(upper).chain(lower).collect())?;
                }
                self.tell(self.progress.state())?;
                if self.progress.is_behind() {
                    return Ok(Duration::ZERO);
                }
                self.read_at = Some(signature);
                Ok(POLL)
            }
            Err(trouble) => self.failed(&trouble),
        }
    }

    /// Passes on what was there before, the newest first.
    fn take(&mut self, pages: Vec<Page>) -> Result<(), Closed> {
        self.progress.loaded(&pages);
        for batch in pages.into_iter().flat_map(|page| page.batches) {
            self.outlet.send(Update::Batch(batch))?;
        }
        Ok(())
    }

    fn failed(&mut self, trouble: &Error) -> Result<Duration, Closed> {
        self.read_at = None;
        let since = *self.trouble.get_or_insert_with(Instant::now);
        if trouble.passes() && since.elapsed() < PATIENCE {
            return Ok(AGAIN);
        }
        let state = trouble.state(&self.name, &self.tables, self.progress.was_there());
        if matches!(state, State::Waiting(_)) {
            self.progress.await_new();
        }
        let wait = if matches!(state, State::Waiting(_)) { POLL } else { RETRY };
        self.tell(state)?;
        Ok(wait)
    }

    fn tell(&mut self, state: State) -> Result<(), Closed> {
        if self.state.as_ref() != Some(&state) {
            self.outlet.send(Update::State(self.outlet.id, state.clone()))?;
            self.state = Some(state);
        }
        Ok(())
    }

    fn answer(&mut self, request: Request) -> Result<(), Closed> {
        let (ticket, addresses) = match request {
            Request::Payloads { ticket, addresses } => (ticket, addresses),
            Request::Check { ticket, probe, addresses } => return self.check(ticket, &probe, &addresses),
            Request::Search(search) => {
                // What the limit left out is not shown, whatever is in it.
                let oldest = self.progress.ladder.oldest().filter(|_| self.progress.left_out > 0).map(|mark| mark.row);
                self.scan = Some(Scan::new(search, oldest));
                return Ok(());
            }
            Request::StopSearch => {
                self.scan = None;
                return Ok(());
            }
            // Payloads lie in the file: there is nothing to give up.
            Request::Release(_) => return Ok(()),
        };
        let mut payloads = Vec::with_capacity(addresses.len());
        let mut chunks = addresses.chunks(PAYLOADS).peekable();
        while let Some(chunk) = chunks.next() {
            match access::read(&self.path, PAYLOAD_TRIES, |database| payload::read(database, &self.tables, chunk)) {
                Ok(found) => {
                    payloads.extend(found.into_iter().map(|found| found.ok_or_else(|| format!("this span is no longer in {}", self.name))));
                }
                Err(trouble) => {
                    let words = trouble.words(&self.name, &self.tables, true);
                    payloads.extend(chunk.iter().map(|_| Err(words.clone())));
                }
            }
            if chunks.peek().is_some() {
                // Many are wanted, for an export; what is written meanwhile must not wait for that.
                self.poll()?;
            }
        }
        self.outlet.send(Update::Payloads { ticket, payloads })
    }
}
