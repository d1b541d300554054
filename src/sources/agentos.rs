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

use std::time::{Duration, Instant};

use super::agno_row::Hits;
use super::watcher::{self, Backoff, Engine, Polled, Searched, Unsearched};
use super::{Closed, Handle, ReadLimits, Search, UpdateSender, Wanted};
use crate::model::{Nanos, Payload, PayloadQuery, PayloadRef, SpanId};
use address::Address;
pub use address::is_url;
use follow::Follow;
use reader::{Reader, Stop};
use search::Scan;
use server::Server;

/// The wait before a new attempt after a failure: at first, and at most.
const RETRY: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(10)];
/// The time limit of a question.
const PATIENCE: Duration = Duration::from_secs(20);
/// The payloads after which a poll may come.
const PAYLOADS: usize = 256;

/// Follows the AgentOS at `url`, which need not answer yet. `key` is sent to its origin only, unless the URL holds one.
///
/// # Errors
///
/// If the URL is not valid (the message does not repeat it, because it may contain a key), or if no thread can be started.
pub fn start(url: &str, key: Option<&str>, limits: ReadLimits, updates: UpdateSender) -> std::io::Result<Handle> {
    start_with(url, key, limits, PATIENCE, updates)
}

/// Like [`start`], and waits at most `patience` for an answer.
pub fn start_with(url: &str, key: Option<&str>, limits: ReadLimits, patience: Duration, updates: UpdateSender) -> std::io::Result<Handle> {
    let invalid = |reason: String| std::io::Error::new(std::io::ErrorKind::InvalidInput, reason);
    let mut server = Server::new(Address::parse(url).map_err(invalid)?, key, patience).map_err(invalid)?;
    super::spawn(server.name.clone(), updates, move |updates, inbox| {
        let engine = AgentOs {
            server: &mut server,
            updates,
            reader: Reader::default(),
            follow: Follow::new(limits),
            next: Instant::now(),
            retry: Backoff::new(RETRY),
            limit: limits.limit,
        };
        watcher::run(engine, limits.on_demand, updates, inbox);
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

struct AgentOs<'a> {
    server: &'a mut Server,
    updates: &'a UpdateSender,
    reader: Reader,
    follow: Follow,
    /// When to ask next.
    next: Instant,
    /// The wait after the next failure.
    retry: Backoff,
    /// The most traces that are searched: no more are shown.
    limit: u64,
}

impl Engine for AgentOs<'_> {
    type Scan = Scan;
    const PAYLOADS: usize = PAYLOADS;

    /// Asks the next question if it is due.
    fn poll(&mut self) -> Result<Polled, Closed> {
        let now = Instant::now();
        if self.next > now {
            return Ok(Polled::quiet(self.next - now));
        }
        let polled = match self.follow.step(&mut self.reader, self.server, self.updates) {
            Ok(wait) => {
                self.retry.reset();
                Polled::with(self.follow.state(), wait)
            }
            Err(Stop::Closed(closed)) => return Err(closed),
            Err(Stop::Failed(error)) => Polled::with(error.state(self.server), self.retry.next()),
        };
        self.next = Instant::now() + polled.wait;
        Ok(polled)
    }

    fn payloads(&mut self, addresses: &[(PayloadRef, SpanId)]) -> Vec<Result<Payload, String>> {
        self.reader.payloads(addresses, self.server)
    }

    fn begin(&self, search: Search) -> Scan {
        Scan::new(search, self.limit)
    }

    fn search(&mut self, scan: &mut Scan) -> Result<Searched, Unsearched> {
        let begun = Instant::now();
        match scan.slice(self.server, self.updates) {
            Ok(hits) => Ok(Searched { hits, progress: scan.progress(), wait: begun.elapsed().min(RETRY[0]) }),
            Err(Stop::Closed(closed)) => Err(Unsearched::Closed(closed)),
            Err(Stop::Failed(error)) => Err(Unsearched::Failed(Some(error.message(self.server)))),
        }
    }

    fn check(&mut self, addresses: &[(PayloadRef, SpanId)], query: &PayloadQuery) -> Result<(Hits, Option<String>), Unsearched> {
        Ok(search::check(&self.reader, addresses, query, self.server))
    }

    fn read(&mut self, wanted: &Wanted) -> Result<Option<Nanos>, Closed> {
        match excerpt::send(wanted, &mut self.reader, self.server, self.updates) {
            Ok(from) => Ok(from),
            Err(Stop::Closed(closed)) => Err(closed),
            Err(Stop::Failed(_)) => Ok(None),
        }
    }
}
