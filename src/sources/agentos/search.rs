//! Searches the payloads of all traces, a page at a time from the newest on.

use std::collections::HashSet;
use std::sync::Arc;

use super::answer::Trace;
use super::follow::read;
use super::pager::{Filter, Pager};
use super::reader::{Reader, Stop, Taken, payloads_of};
use super::server::Server;
use crate::model::{PayloadQuery, PayloadRef, SpanId, TraceId};
use crate::sources::agno_row::Hits;
use crate::sources::{Progress, Search, UpdateSender};

/// A running search.
#[derive(Debug)]
pub(super) struct Scan {
    query: Arc<PayloadQuery>,
    pager: Pager,
    /// The traces that were searched: the one with which a page begins was on the page before.
    searched: HashSet<TraceId>,
    /// The most traces that are searched.
    limit: u64,
}

impl Scan {
    pub(super) fn new(search: Search, limit: u64) -> Self {
        let filter = Filter { ended_since: search.since, began_until: search.until, ..Filter::default() };
        Self { query: search.query, pager: Pager::new(filter), searched: HashSet::new(), limit }
    }

    fn is_done(&self) -> bool {
        self.pager.is_done || self.searched.len() as u64 >= self.limit
    }

    /// Returns the progress in traces.
    pub(super) fn progress(&self) -> Progress {
        let done = self.searched.len() as u64;
        let total = self.pager.total.unwrap_or(1).max(done).max(1);
        let done = if self.is_done() { total } else { done.min(total - 1) };
        Progress { done, total }
    }

    /// Searches the next page.
    pub(super) fn slice(&mut self, server: &mut Server, updates: &UpdateSender) -> Result<Hits, Stop> {
        let mut hits = Hits::new();
        let Self { query, pager, searched, .. } = self;
        read(pager, server, updates, |texts, server| {
            let mut taken = Vec::with_capacity(texts.len());
            for text in texts {
                // What can't be read is not shown, and was told when it was met.
                let Ok(trace) = Trace::read(text) else { continue };
                taken.push(Taken { start: Some(trace.start), ..Taken::default() });
                if !searched.insert(trace.id) || trace.is_request_for_traces() {
                    continue;
                }
                let id = trace.id;
                let found = payloads_of(trace, server)?.into_iter().filter(|(_, payload)| query.matches(payload));
                hits.extend(found.map(|(span, _)| (id, span)));
            }
            Ok(taken)
        })?;
        Ok(hits)
    }
}

/// Searches the payloads of some spans. The error says why some could not be read.
pub(super) fn check(
    reader: &Reader,
    addresses: &[(PayloadRef, SpanId)],
    query: &PayloadQuery,
    server: &mut Server,
) -> (Hits, Option<String>) {
    let (mut hits, mut error) = (Hits::new(), None);
    for (payload, (payload_ref, span)) in reader.payloads(addresses, server).into_iter().zip(addresses) {
        match payload {
            Ok(payload) if query.matches(&payload) => hits.extend(reader.id(*payload_ref).map(|trace| (trace, *span))),
            Ok(_) => {}
            Err(reason) => error = Some(reason),
        }
    }
    (hits, error)
}
