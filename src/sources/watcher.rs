//! The thread of a source that reads a database or asks a server: it polls for what is new, and answers requests in between.
//!
//! The loop is the same for all; what differs is an [`Engine`].

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use super::agno_row::Hits;
use super::{Closed, Progress, Request, Search, State, Update, UpdateSender, Wanted};
use crate::model::{Nanos, Payload, PayloadQuery, PayloadRef, SpanId};

/// The wait where nothing is read but on demand.
const ON_DEMAND: Duration = Duration::from_secs(3600);

/// How one kind of database is read.
pub(super) trait Engine {
    /// A running search.
    type Scan;
    /// The payloads that are read at once: new spans need not wait for more.
    const PAYLOADS: usize;

    /// Reads what is new, and sends it.
    fn poll(&mut self) -> Result<Polled, Closed>;

    /// Reads payloads, in order; an error says why one can't be read.
    fn payloads(&mut self, addresses: &[(PayloadRef, SpanId)]) -> Vec<Result<Payload, String>>;

    /// Begins a search.
    fn begin(&self, search: Search) -> Self::Scan;

    /// Searches the next payloads. After [`Unsearched::Later`] the scan is as it was.
    fn search(&mut self, scan: &mut Self::Scan) -> Result<Searched, Unsearched>;

    /// Searches these payloads. The text says why some could not be read.
    fn check(&mut self, addresses: &[(PayloadRef, SpanId)], query: &PayloadQuery) -> Result<(Hits, Option<String>), Unsearched>;

    /// Reads traces on demand, and sends them. Returns from when on every trace is sent; `None` if only a read of everything can tell, which
    /// also says what is wrong.
    fn read(&mut self, wanted: &Wanted) -> Result<Option<Nanos>, Closed>;

    /// Reads the log records beside the spans, and sends them.
    fn read_logs(&mut self) -> Result<(), Closed> {
        Ok(())
    }
}

/// What a poll found.
pub(super) struct Polled {
    /// The state of the source; `None` if it stays as it was.
    pub(super) state: Option<State>,
    /// The wait before the next poll.
    pub(super) wait: Duration,
}

impl Polled {
    /// Nothing that changes the state.
    pub(super) const fn quiet(wait: Duration) -> Self {
        Self { state: None, wait }
    }

    pub(super) const fn with(state: State, wait: Duration) -> Self {
        Self { state: Some(state), wait }
    }
}

/// What a part of a search found.
pub(super) struct Searched {
    pub(super) hits: Hits,
    pub(super) progress: Progress,
    /// The wait before the next part.
    pub(super) wait: Duration,
}

/// Why payloads were not searched.
pub(super) enum Unsearched {
    /// They will be, after this wait: the connection was lost, or another program writes.
    Later(Duration),
    /// They can't be read, and why; `None` if nothing has been written yet, which is no failure.
    Failed(Option<String>),
    /// The program is ending.
    Closed(Closed),
}

/// A wait that becomes longer with each failure in a row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Backoff {
    first: Duration,
    most: Duration,
    next: Duration,
}

impl Backoff {
    /// The wait after the first failure, and the longest one.
    pub(super) const fn new([first, most]: [Duration; 2]) -> Self {
        Self { first, most, next: first }
    }

    /// Returns the wait after a failure.
    pub(super) fn next(&mut self) -> Duration {
        let wait = self.next;
        self.next = (wait * 2).min(self.most);
        wait
    }

    /// Forgets the failures.
    pub(super) fn reset(&mut self) {
        self.next = self.first;
    }

    /// Whether nothing has failed since the last success.
    pub(super) fn is_fresh(&self) -> bool {
        self.next == self.first
    }
}

/// Polls and answers requests until the program drops one end of a channel. With `on_demand` it only answers.
pub(super) fn run<E: Engine>(engine: E, on_demand: bool, updates: &UpdateSender, inbox: &Receiver<Request>) {
    let mut watcher = Watcher { engine, on_demand, updates, state: None, scan: None, checks: VecDeque::new() };
    let _ended = watcher.run(inbox);
}

struct Watcher<'a, E: Engine> {
    engine: E,
    on_demand: bool,
    updates: &'a UpdateSender,
    /// The state that was sent last.
    state: Option<State>,
    /// The running search and its ticket.
    scan: Option<(u64, E::Scan)>,
    /// Spans that were read after it began and are still to be searched.
    checks: VecDeque<Check>,
}

/// Spans to search.
struct Check {
    ticket: u64,
    query: Arc<PayloadQuery>,
    addresses: Vec<(PayloadRef, SpanId)>,
}

impl<E: Engine> Watcher<'_, E> {
    fn run(&mut self, inbox: &Receiver<Request>) -> Result<(), Closed> {
        let mut wait = Duration::ZERO;
        loop {
            let request = match inbox.recv_timeout(wait) {
                Ok(request) => Some(request),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return Err(Closed),
            };
            wait = self.turn(request)?;
        }
    }

    /// Answers a request, polls, and searches a part. Returns how long to wait before the next turn.
    fn turn(&mut self, request: Option<Request>) -> Result<Duration, Closed> {
        if let Some(request) = request {
            self.answer(request)?;
        }
        let wait = self.poll()?;
        self.check()?;
        match self.scan.take() {
            Some((ticket, scan)) => Ok(wait.min(self.search(ticket, scan)?)),
            None => Ok(wait),
        }
    }

    /// Returns how long to wait before the next poll.
    fn poll(&mut self) -> Result<Duration, Closed> {
        if self.on_demand {
            return Ok(ON_DEMAND);
        }
        let Polled { state, wait } = self.engine.poll()?;
        if let Some(state) = state.filter(|state| self.state.as_ref() != Some(state)) {
            self.updates.send(Update::State(self.updates.id, state.clone()))?;
            self.state = Some(state);
        }
        Ok(wait)
    }

    /// Searches spans that came after the search had begun.
    fn check(&mut self) -> Result<(), Closed> {
        while let Some(check) = self.checks.pop_front() {
            match self.engine.check(&check.addresses, &check.query) {
                Ok((hits, error)) => self.updates.send_hits(check.ticket, hits, None, error)?,
                Err(Unsearched::Later(_)) => {
                    self.checks.push_front(check);
                    return Ok(());
                }
                Err(Unsearched::Failed(message)) => {
                    self.checks.retain(|other| other.ticket != check.ticket);
                    self.updates.send_hits(check.ticket, Hits::new(), None, message)?;
                }
                Err(Unsearched::Closed(closed)) => return Err(closed),
            }
            if !self.checks.is_empty() {
                self.poll()?;
            }
        }
        Ok(())
    }

    /// Searches a part. Returns how long to wait before the next one.
    fn search(&mut self, ticket: u64, mut scan: E::Scan) -> Result<Duration, Closed> {
        match self.engine.search(&mut scan) {
            Ok(Searched { hits, progress, wait }) => {
                self.updates.send_hits(ticket, hits, Some(progress), None)?;
                self.scan = (progress.done < progress.total).then_some((ticket, scan));
                Ok(wait)
            }
            Err(Unsearched::Later(wait)) => {
                self.scan = Some((ticket, scan));
                Ok(wait)
            }
            Err(Unsearched::Failed(message)) => {
                self.updates.send_hits(ticket, Hits::new(), Some(Progress::default()), message)?;
                Ok(Duration::MAX)
            }
            Err(Unsearched::Closed(closed)) => Err(closed),
        }
    }

    fn answer(&mut self, request: Request) -> Result<(), Closed> {
        match request {
            Request::Payloads { ticket, addresses } => {
                let mut payloads = Vec::with_capacity(addresses.len());
                for part in addresses.chunks(E::PAYLOADS) {
                    if !payloads.is_empty() {
                        // An export asks for many.
                        self.poll()?;
                    }
                    payloads.extend(self.engine.payloads(part));
                }
                self.updates.send(Update::Payloads { ticket, payloads })
            }
            Request::Check { ticket, query, addresses } => {
                let parts = addresses.chunks(E::PAYLOADS);
                self.checks.extend(parts.map(|part| Check { ticket, query: query.clone(), addresses: part.to_vec() }));
                Ok(())
            }
            Request::Search(search) => {
                self.checks.clear();
                self.scan = Some((search.ticket, self.engine.begin(search)));
                Ok(())
            }
            Request::StopSearch => {
                self.scan = None;
                Ok(())
            }
            Request::Read { ticket, wanted } => {
                let from = self.engine.read(&wanted)?;
                self.updates.send(Update::Read { ticket, from })
            }
            Request::Logs { ticket } => {
                self.engine.read_logs()?;
                self.updates.send(Update::Read { ticket, from: None })
            }
            // Payloads are where they were read: there is no memory to release. A reader has no clients that could wait.
            Request::Release(_) | Request::Take(..) | Request::Suspend(_) | Request::Resume => Ok(()),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests;
