//! Spans that Agno writes to a PostgreSQL database, followed as they come.
//!
//! The agent and its database must not notice: one connection, transactions that only read and last some milliseconds, no lock that a
//! writer waits for, nothing created. While nothing is written anywhere on the server, a look is one question that touches no table.
//!
//! Nothing is missed, whatever clocks say and however late transactions commit: see `snapshot.rs` for how new rows are told from
//! old ones, `tail.rs` for where they are looked for, and `progress.rs` for when everything is looked through.

mod columns;
mod connection;
mod connection_config;
mod error;
mod passfile;
mod payload;
mod progress;
mod read;
mod rows;
mod search;
mod session;
mod snapshot;
mod table;
mod tail;
mod tls;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use super::agno_row::Hits;
use super::sql::identifier;
use super::sqlite::Tables;
use super::{Closed, Handle, Request, SearchHits, State, Update, UpdateSender};
use crate::model::{Batch, Nanos, Payload, PayloadQuery, SpanId};
use connection::Connection;
use connection_config::ConnectionConfig;
pub use connection_config::is_url;
use error::Error;
use progress::Progress;
use search::Scan;

/// How long the agent's commit may lie unnoticed: while it writes, and when it has not written for a while.
const POLL: [Duration; 2] = [Duration::from_millis(40), Duration::from_millis(70)];
/// How often a table that is not there yet is looked for.
const AWAIT: Duration = Duration::from_millis(100);
/// How long a sweep pauses between two stretches.
const STEP: Duration = Duration::from_millis(5);
/// How long after a failure the server is tried again: at first, and at most.
const RETRY: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(5)];

/// The schema and the tables in it that Agno was told to use.
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
    /// The table of spans as it stands in a statement.
    fn spans(&self) -> String {
        format!("{}.{}", identifier(&self.schema), identifier(&self.tables.spans))
    }

    /// The table of traces as it stands in a statement.
    fn traces(&self) -> String {
        format!("{}.{}", identifier(&self.schema), identifier(&self.tables.traces))
    }
}

/// Follows the database that `url` names; neither server nor tables need be there yet. Reads at most `limit` spans of what was there
/// before, newest first, and everything that is written from then on.
///
/// What the URL leaves open is taken from libpq's environment variables and password file. `Err` if the URL can't be read (the message
/// does not repeat it, for it may hold a password), or no thread can be started.
pub fn start(url: &str, place: Location, limit: u64, outlet: UpdateSender) -> std::io::Result<Handle> {
    start_since(url, place, limit, None, outlet)
}

/// The same; of what was there before only the newest rows are read, down to those that were written about when a span began at `since`.
pub fn start_since(url: &str, place: Location, limit: u64, since: Option<Nanos>, outlet: UpdateSender) -> std::io::Result<Handle> {
    let target = ConnectionConfig::parse(url, |name| std::env::var(name).ok());
    let target =
        target.map_err(|bad| std::io::Error::new(std::io::ErrorKind::InvalidInput, format!("this is no URL of a database: {bad}")))?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    super::spawn(target.name.clone(), outlet, move |outlet, inbox| {
        let progress = Progress::new(outlet.clone(), limit, since);
        let mut watcher = Watcher {
            target,
            place,
            outlet,
            progress,
            link: Connection::default(),
            state: None,
            retry: RETRY[0],
            batches: Vec::new(),
            scan: None,
            checks: Vec::new(),
        };
        let _ended = watcher.run(inbox, &runtime);
    })
}

struct Watcher<'a> {
    target: ConnectionConfig,
    place: Location,
    outlet: &'a UpdateSender,
    progress: Progress,
    link: Connection,
    /// The state last told.
    state: Option<State>,
    /// How long to wait after the next failure.
    retry: Duration,
    /// What is about to be sent.
    batches: Vec<Batch>,
    /// A search under way.
    scan: Option<Scan>,
    /// Spans that came after it began and have not been searched yet.
    checks: Vec<Check>,
}

/// Spans to be searched.
struct Check {
    ticket: u64,
    probe: Arc<PayloadQuery>,
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
                wait = wait.min(self.search_on(runtime)?);
            }
        }
    }

    /// Searches a slice. Returns how long nothing needs to be done.
    fn search_on(&mut self, runtime: &Runtime) -> Result<Duration, Closed> {
        let Some(mut scan) = self.scan.take() else { return Ok(POLL[0]) };
        // Without a connection the search waits for the next one.
        let Some(session) = &self.link.session else {
            self.scan = Some(scan);
            return Ok(POLL[0]);
        };
        match runtime.block_on(scan.slice(session, &self.place)) {
            Ok(hits) => {
                let progress = scan.progress();
                self.found(scan.search.ticket, hits, Some(progress), None)?;
                self.scan = (progress.done < progress.total).then_some(scan);
                Ok(STEP)
            }
            Err(Error::Slow) if scan.be_patient() => {
                self.scan = Some(scan);
                Ok(STEP)
            }
            Err(Error::Lost(_)) => {
                // The next poll finds it out and connects again.
                self.scan = Some(scan);
                Ok(POLL[0])
            }
            Err(trouble) => {
                // Where nothing has been written there is nothing to search: no trouble.
                let words = (!trouble.is_waiting()).then(|| trouble.message(&self.target, &self.place));
                self.found(scan.search.ticket, Hits::new(), Some(super::Progress::default()), words)?;
                Ok(POLL[0])
            }
        }
    }

    /// Searches spans that came after a search had begun. Without a connection they wait for the next one.
    fn check(&mut self, runtime: &Runtime) -> Result<(), Closed> {
        while let (Some(session), Some(check)) = (&self.link.session, self.checks.last()) {
            let outcome = runtime.block_on(search::check(session, &self.place, &check.spans, &check.probe));
            if matches!(outcome, Err(Error::Lost(_))) {
                // The next poll finds it out and connects again.
                return Ok(());
            }
            let ticket = check.ticket;
            self.checks.pop();
            match outcome {
                Ok(hits) if hits.is_empty() => {}
                Ok(hits) => self.found(ticket, hits, None, None)?,
                Err(trouble) => self.found(ticket, Hits::new(), None, Some(trouble.message(&self.target, &self.place)))?,
            }
        }
        Ok(())
    }

    fn found(&self, ticket: u64, spans: Hits, progress: Option<super::Progress>, error: Option<String>) -> Result<(), Closed> {
        self.outlet.send(Update::SearchHits(SearchHits { source: self.outlet.id, ticket, spans, progress, error }))
    }

    /// Looks whether anything changed, and reads a piece if so. Returns how long nothing needs to be done.
    fn poll(&mut self, runtime: &Runtime) -> Result<Duration, Closed> {
        let outcome = runtime.block_on(self.look());
        for batch in std::mem::take(&mut self.batches) {
            self.outlet.send(Update::Batch(batch))?;
        }
        match outcome {
            Ok(()) => {
                self.retry = RETRY[0];
                self.tell(self.progress.state())?;
                Ok(match (self.progress.load.is_some(), self.progress.is_behind()) {
                    (true, _) => Duration::ZERO,
                    (false, true) => STEP,
                    (false, false) => POLL[usize::from(self.link.rests())],
                })
            }
            Err(trouble) => self.failed(&trouble),
        }
    }

    async fn look(&mut self) -> Result<(), Error> {
        self.link.connect(&self.target, &mut self.progress).await?;
        let changed = self.link.probe(&mut self.progress).await?;
        if !changed && !self.progress.is_behind() {
            return Ok(());
        }
        let Some(session) = &self.link.session else { return Ok(()) };
        read::read(session, &self.place, &mut self.progress, &mut self.batches).await?;
        self.link.everything_read();
        Ok(())
    }

    fn failed(&mut self, trouble: &Error) -> Result<Duration, Closed> {
        self.link.forget();
        let lost = matches!(trouble, Error::Lost(_));
        if !trouble.keeps_connection() {
            self.link.session = None;
        }
        if lost && self.retry == RETRY[0] {
            // It may be back at once.
            self.retry = RETRY[0] * 2;
            return Ok(Duration::ZERO);
        }
        if trouble.is_waiting() {
            self.progress.await_new();
        }
        if matches!(trouble, Error::Slow) {
            self.progress.page = (self.progress.page / 8).max(1);
        }
        // Perhaps the table has been changed.
        self.progress.shape = None;
        self.tell(trouble.state(&self.target, &self.place))?;
        if trouble.is_waiting() {
            return Ok(AWAIT);
        }
        let wait = self.retry;
        self.retry = (wait * 2).min(RETRY[1]);
        Ok(wait)
    }

    fn tell(&mut self, state: State) -> Result<(), Closed> {
        if self.state.as_ref() != Some(&state) {
            self.outlet.send(Update::State(self.outlet.id, state.clone()))?;
            self.state = Some(state);
        }
        Ok(())
    }

    fn answer(&mut self, request: Request, runtime: &Runtime) -> Result<(), Closed> {
        let (ticket, addresses) = match request {
            Request::Payloads { ticket, addresses } => (ticket, addresses),
            Request::Check { ticket, query, addresses } => {
                let spans = addresses.into_iter().map(|(_, span)| span).collect();
                self.checks.push(Check { ticket, probe: query, spans });
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
            // Payloads lie in the database: there is nothing to give up when a span is forgotten.
            Request::Release(_) => return Ok(()),
        };
        let spans: Vec<SpanId> = addresses.into_iter().map(|(_, span)| span).collect();
        let mut found = runtime.block_on(self.payloads(&spans)).map_err(|trouble| trouble.message(&self.target, &self.place));
        let gone = || format!("this span is no longer in {}", self.target.name);
        let payloads = spans.iter().map(|span| match &mut found {
            Ok(found) => found.get(span).cloned().ok_or_else(gone),
            Err(words) => Err(words.clone()),
        });
        let payloads = payloads.collect();
        self.outlet.send(Update::Payloads { ticket, payloads })
    }

    async fn payloads(&mut self, spans: &[SpanId]) -> Result<HashMap<SpanId, Payload>, Error> {
        // After a restart the old connection is dead, which shows only when it is used.
        for _ in 0..2 {
            self.link.connect(&self.target, &mut self.progress).await?;
            let Some(session) = &self.link.session else { break };
            match payload::read(session, &self.place, spans).await {
                Err(Error::Lost(_)) => self.link.session = None,
                outcome => return outcome,
            }
        }
        Err(Error::Lost("it was closed".to_owned()))
    }
}
