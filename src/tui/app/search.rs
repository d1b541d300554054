//! The payload search of a filter: the requests to the sources and their progress.

use std::sync::Arc;

use super::App;
use crate::model::{Batch, Origin, PayloadQuery, SourceId};
use crate::query::Query;
use crate::sources::{Progress, Request, Search, SearchHits};
use crate::store::{RowIx, Store};

/// The current payload search.
#[derive(Debug, Default)]
pub(super) struct State {
    /// The number of the last search.
    ticket: u64,
    /// What payloads must contain; `None` if the filter does not ask for payloads.
    query: Option<Arc<PayloadQuery>>,
    /// The progress of each source, indexed by its id.
    progress: Vec<Progress>,
    /// Whether the user stopped the search.
    is_stopped: bool,
    /// Requests to send.
    requests: Vec<(SourceId, Request)>,
}

impl State {
    /// Whether the source has searched everything that it held when the search began.
    fn is_complete(&self, source: SourceId) -> bool {
        self.progress.get(usize::from(source.0)).is_some_and(|progress| progress.done >= progress.total)
    }

    /// Whether a source has not searched everything.
    fn is_incomplete(&self) -> bool {
        self.query.is_some() && self.progress.iter().any(|progress| progress.done < progress.total)
    }

    fn is_running(&self) -> bool {
        self.is_incomplete() && !self.is_stopped
    }
}

impl App {
    /// Returns the requests to send, once.
    pub fn take_requests(&mut self) -> Vec<(SourceId, Request)> {
        std::mem::take(&mut self.search.requests)
    }

    /// Returns the progress of the payload search in percent and whether it is running; `None` if there is no search or it is complete.
    #[must_use]
    pub fn search_progress(&self) -> Option<(u64, bool)> {
        let sources = || self.search.progress.iter().filter(|progress| progress.total > 0);
        let percent: u64 = sources().map(|progress| (u128::from(progress.done) * 100 / u128::from(progress.total)) as u64).sum();
        self.search.is_incomplete().then(|| (percent / (sources().count() as u64).max(1), !self.search.is_stopped))
    }

    /// Starts the payload search of a query, keeps the current one if the query asks the same, or stops it.
    pub(super) fn update_search(&mut self, query: &Query, previous: Option<&Query>) {
        if !query.needs_payloads() {
            if self.search.is_running() {
                self.request_from_all(|| Request::StopSearch);
            }
            self.search.query = None;
            return;
        }
        if previous.is_some_and(|previous| previous.has_same_payload_search(query)) && !self.search.is_stopped {
            return;
        }
        let payload_query = Arc::new(query.payload_query());
        let (since, until) = query.start_bounds(self.now);
        let ticket = self.search.ticket + 1;
        // Incomplete until the source reports how much there is.
        let progress = vec![Progress { done: 0, total: 1 }; self.sources.len()];
        let requests = std::mem::take(&mut self.search.requests);
        self.search = State { ticket, query: Some(payload_query.clone()), progress, is_stopped: false, requests };
        self.request_from_all(|| Request::Search(Search { ticket, query: payload_query.clone(), since, until }));
    }

    /// Stops a running search and keeps its hits. Returns whether one was running.
    pub(super) fn stop_search(&mut self) -> bool {
        let is_running = self.search.is_running();
        if is_running {
            self.search.is_stopped = true;
            self.request_from_all(|| Request::StopSearch);
        }
        is_running
    }

    fn request_from_all(&mut self, request: impl Fn() -> Request) {
        let sources = (0..self.sources.len()).filter_map(|source| u16::try_from(source).ok());
        self.search.requests.extend(sources.map(|source| (SourceId(source), request())));
    }

    /// Adds hits of the payload search to the filter. Hits of an earlier search are ignored.
    pub fn search_hits(&mut self, store: &Store, hits: SearchHits) {
        if hits.ticket != self.search.ticket || self.search.query.is_none() {
            return;
        }
        self.tree.add_hits(store, &hits.spans, self.now);
        if let (Some(progress), Some(known)) = (hits.progress, self.search.progress.get_mut(usize::from(hits.source.0))) {
            *known = progress;
        }
        if let Some(error) = hits.error {
            self.show_message(format!("not searched: {error}"), true, self.now);
        }
        self.show_detail(store);
    }

    /// Notes that a source has ended: its part of the search is over.
    pub fn source_ended(&mut self, source: SourceId) {
        if let Some(progress) = self.search.progress.get_mut(usize::from(source.0)) {
            *progress = Progress::default();
        }
    }

    /// Requests a check of the payloads of changed rows, which the search may have missed.
    pub(super) fn check_payloads(&mut self, store: &Store, batch: &Batch, rows: &[RowIx]) {
        let Some(query) = self.search.query.clone() else { return };
        if batch.origin != Origin::Live && !self.search.is_complete(batch.source) {
            return;
        }
        let rows = self.tree.possible_matches(store, rows, self.now);
        let mut by_source: Vec<(SourceId, Vec<_>)> = Vec::new();
        for data in rows.into_iter().map(|row| store.row(row)) {
            let address = (data.payload_ref, data.id);
            match by_source.iter_mut().find(|(source, _)| *source == data.source) {
                Some((_, addresses)) => addresses.push(address),
                None => by_source.push((data.source, vec![address])),
            }
        }
        let ticket = self.search.ticket;
        let checks = by_source.into_iter().map(|(source, addresses)| (source, Request::Check { ticket, query: query.clone(), addresses }));
        self.search.requests.extend(checks);
    }
}
