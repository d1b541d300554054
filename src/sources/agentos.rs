//! Follows the traces that an AgentOS tells over HTTP, whatever database it keeps them in.
//!
//! AgentOS reads its database on the event loop that serves the agents. So one question follows another, with pauses as long as the answers
//! took, and only traces that may have changed are asked for (`follow`). AgentOS tells less of a span than its database (`rows`), and
//! nothing of the spans of a trace whose root is not stored: one row then stands for the trace.

mod address;
mod answer;
mod excerpt;
mod follow;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod pager;
mod reader;
mod rows;
mod search;
mod server;

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::agno_row::Hits;
use super::{Closed, Handle, ReadLimits, Request, State, Update, UpdateSender, Wanted};
use crate::model::{PayloadRef, SpanId};
use address::Address;
pub use address::is_url;
use follow::Follow;
use reader::{Reader, Stop};
use search::Scan;
use server::Server;

/// The wait before a new attempt after a failure: at first, and at most.
const RETRY: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(10)];
/// The wait where nothing is read but on demand.
const ON_DEMAND: Duration = Duration::from_secs(3600);
/// The payloads after which a poll may come.
const PAYLOADS: usize = 256;

/// Follows the AgentOS at `url`, which need not answer yet. `key` is sent to its origin only, unless the URL holds one.
///
/// # Errors
///
/// If the URL is not valid (the message does not repeat it, because it may contain a key), or if no thread can be started.
pub fn start(url: &str, key: Option<&str>, limits: ReadLimits, updates: UpdateSender) -> std::io::Result<Handle> {
    let invalid = |reason: String| std::io::Error::new(std::io::ErrorKind::InvalidInput, reason);
    let mut server = Server::new(Address::parse(url).map_err(invalid)?, key).map_err(invalid)?;
    super::spawn(server.name.clone(), updates, move |updates, inbox| {
        let mut watcher = Watcher {
            server: &mut server,
            updates,
            on_demand: limits.on_demand,
            reader: Reader::default(),
            follow: Follow::new(limits),
            next: Instant::now(),
            retry: RETRY[0],
            state: None,
            scan: None,
        };
        let _ended = watcher.run(inbox);
    })
}

/// Returns a warning if the key would go to another machine without encryption.
#[must_use]
pub fn exposed_key(url: &str, key: Option<&str>) -> Option<String> {
    let address = Address::parse(url).ok()?;
    let has_key = key.is_some() || address.key.is_some();
    (has_key && address.is_exposed)
        .then(|| format!("the key goes to {} without encryption, where others can read it; use https", address.name()))
}

/// Returns the scheme, host and port of a URL that holds no key; `None` for other texts.
#[must_use]
pub fn origin_without_key(url: &str) -> Option<String> {
    Address::parse(url).ok().filter(|address| address.key.is_none()).map(|address| address.origin)
}

struct Watcher<'a> {
    server: &'a mut Server,
    updates: &'a UpdateSender,
    on_demand: bool,
    reader: Reader,
    follow: Follow,
    /// When to ask next.
    next: Instant,
    /// The wait after the next failure.
    retry: Duration,
    /// The state that was sent last.
    state: Option<State>,
    /// The running search.
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

    /// Asks the next question if it is due. Returns how long to wait for the one after it.
    fn poll(&mut self) -> Result<Duration, Closed> {
        if self.on_demand {
            return Ok(ON_DEMAND);
        }
        let now = Instant::now();
        if self.next > now {
            return Ok(self.next - now);
        }
        let wait = match self.follow.step(&mut self.reader, self.server, self.updates) {
            Ok(wait) => {
                self.retry = RETRY[0];
                self.send_state(self.follow.state())?;
                wait
            }
            Err(Stop::Closed(closed)) => return Err(closed),
            Err(Stop::Failed(error)) => {
                self.send_state(error.state(self.server))?;
                let wait = self.retry;
                self.retry = (wait * 2).min(RETRY[1]);
                wait
            }
        };
        self.next = Instant::now() + wait;
        Ok(wait)
    }

    /// Searches a page. Returns how long to wait before the next one.
    fn continue_search(&mut self) -> Result<Duration, Closed> {
        let Some(mut scan) = self.scan.take() else { return Ok(RETRY[0]) };
        let begun = Instant::now();
        match scan.slice(self.server, self.updates) {
            Ok(hits) => {
                self.updates.send_hits(scan.ticket, hits, Some(scan.progress()), None)?;
                self.scan = (!scan.is_done()).then_some(scan);
                Ok(begun.elapsed().min(RETRY[0]))
            }
            Err(Stop::Closed(closed)) => Err(closed),
            Err(Stop::Failed(error)) => {
                let message = error.message(self.server);
                self.updates.send_hits(scan.ticket, Hits::new(), Some(super::Progress::default()), Some(message))?;
                Ok(RETRY[0])
            }
        }
    }

    fn send_state(&mut self, state: State) -> Result<(), Closed> {
        if self.state.as_ref() != Some(&state) {
            self.updates.send(Update::State(self.updates.id, state.clone()))?;
            self.state = Some(state);
        }
        Ok(())
    }

    fn answer(&mut self, request: Request) -> Result<(), Closed> {
        match request {
            Request::Payloads { ticket, addresses } => {
                let payloads = self.in_parts(&addresses, |watcher, part| Ok(watcher.reader.payloads(part, watcher.server)))?;
                self.updates.send(Update::Payloads { ticket, payloads })
            }
            Request::Check { ticket, query, addresses } => {
                self.in_parts(&addresses, |watcher, part| {
                    let (hits, error) = search::check(&watcher.reader, part, &query, watcher.server);
                    watcher.updates.send_hits(ticket, hits, None, error)?;
                    Ok(Vec::<()>::new())
                })?;
                Ok(())
            }
            Request::Search(search) => {
                self.scan = Some(Scan::new(search));
                Ok(())
            }
            Request::StopSearch => {
                self.scan = None;
                Ok(())
            }
            Request::Read { ticket, wanted } => self.read(ticket, &wanted),
            Request::Logs { ticket } => self.updates.send(Update::Read { ticket, from: None }),
            // Payloads are in the database: there is no memory to release. A reader has no clients that could wait.
            Request::Release(_) | Request::Take(..) | Request::Suspend(_) | Request::Resume => Ok(()),
        }
    }

    /// Handles addresses in parts, so that new spans need not wait for many.
    fn in_parts<T>(
        &mut self,
        addresses: &[(PayloadRef, SpanId)],
        mut handle: impl FnMut(&mut Self, &[(PayloadRef, SpanId)]) -> Result<Vec<T>, Closed>,
    ) -> Result<Vec<T>, Closed> {
        let mut all = Vec::new();
        for part in addresses.chunks(PAYLOADS) {
            if !all.is_empty() {
                self.poll()?;
            }
            all.extend(handle(self, part)?);
        }
        Ok(all)
    }

    /// Reads traces on demand. After an error only a read of everything can tell, and says why.
    fn read(&mut self, ticket: u64, wanted: &Wanted) -> Result<(), Closed> {
        let from = match excerpt::send(wanted, &mut self.reader, self.server, self.updates) {
            Ok(from) => from,
            Err(Stop::Closed(closed)) => return Err(closed),
            Err(Stop::Failed(_)) => None,
        };
        self.updates.send(Update::Read { ticket, from })
    }
}
