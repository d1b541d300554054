//! The search through payloads that a filter asks for, as far as the screen is concerned: what is sent out, and how far it has come.

use std::sync::Arc;

use super::App;
use crate::model::{Batch, Origin, PayloadQuery, SourceId};
use crate::query::Query;
use crate::sources::{Progress, Request, Search, SearchHits};
use crate::store::{RowIx, Store};

/// A search through payloads.
#[derive(Debug, Default)]
pub(super) struct State {
    /// The number of the last search.
    ticket: u64,
    /// What is looked for; `None` where the filter asks nothing of payloads.
    probe: Option<Arc<PayloadQuery>>,
    /// How far each source has come.
    progress: Vec<Progress>,
    /// Whether somebody stopped it.
    stopped: bool,
    /// What is to be sent.
    requests: Vec<(SourceId, Request)>,
}

impl State {
    /// Whether the source has looked through all that it had.
    fn is_through(&self, source: SourceId) -> bool {
        self.progress.get(usize::from(source.0)).is_some_and(|progress| progress.done >= progress.total)
    }

    fn runs(&self) -> bool {
        self.probe.is_some() && !self.stopped && self.progress.iter().any(|progress| progress.done < progress.total)
    }
}

impl App {
    /// What is to be asked of which source, once each.
    pub fn requests(&mut self) -> Vec<(SourceId, Request)> {
        std::mem::take(&mut self.search.requests)
    }

    /// How far a search through payloads has come, in per cent, and whether it goes on; `None` if there is none or it is through.
    #[must_use]
    pub fn searching(&self) -> Option<(u64, bool)> {
        let left = self.search.probe.is_some() && self.search.progress.iter().any(|progress| progress.done < progress.total);
        let parts = || self.search.progress.iter().filter(|progress| progress.total > 0);
        let shares: u64 =
            parts().map(|progress| u128::from(progress.done) * 100 / u128::from(progress.total)).map(|share| share as u64).sum();
        left.then(|| (shares / (parts().count() as u64).max(1), !self.search.stopped))
    }

    /// Searches payloads for what the query asks of them, or no more. `before` is what was asked until now.
    pub(super) fn search_for(&mut self, query: &Query, before: Option<&Query>) {
        if !query.needs_payloads() {
            if self.search.runs() {
                self.ask_all(|| Request::StopSearch);
            }
            self.search.probe = None;
            return;
        }
        if before.is_some_and(|before| before.has_same_payload_search(query)) && !self.search.stopped {
            return;
        }
        let probe = Arc::new(query.payload_query());
        let (since, until) = query.start_bounds(self.now);
        let ticket = self.search.ticket + 1;
        // Until a source has told how much there is.
        let progress = vec![Progress { done: 0, total: 1 }; self.sources.len()];
        let requests = std::mem::take(&mut self.search.requests);
        self.search = State { ticket, probe: Some(probe.clone()), progress, stopped: false, requests };
        self.ask_all(|| Request::Search(Search { ticket, probe: probe.clone(), since, until }));
    }

    /// Ends a search that runs, keeping what it found. Whether one ran.
    pub(super) fn stop_search(&mut self) -> bool {
        let runs = self.search.runs();
        if runs {
            self.search.stopped = true;
            self.ask_all(|| Request::StopSearch);
        }
        runs
    }

    fn ask_all(&mut self, request: impl Fn() -> Request) {
        let sources = (0..self.sources.len()).filter_map(|at| u16::try_from(at).ok());
        self.search.requests.extend(sources.map(|at| (SourceId(at), request())));
    }

    /// Takes in what a search came upon.
    pub fn take_found(&mut self, store: &Store, found: SearchHits) {
        if found.ticket != self.search.ticket || self.search.probe.is_none() {
            return;
        }
        self.tree.found(store, &found.spans, self.now);
        if let (Some(progress), Some(known)) = (found.progress, self.search.progress.get_mut(usize::from(found.source.0))) {
            *known = progress;
        }
        if let Some(trouble) = found.trouble {
            self.say(format!("not searched: {trouble}"), true, self.now);
        }
        self.look(store);
    }

    /// A source can't be asked any more.
    pub fn source_is_gone(&mut self, source: SourceId) {
        if let Some(progress) = self.search.progress.get_mut(usize::from(source.0)) {
            *progress = Progress::default();
        }
    }

    /// Has rows checked that came after the search did, or beside it.
    pub(super) fn check(&mut self, store: &Store, batch: &Batch, rows: &[RowIx]) {
        let Some(probe) = self.search.probe.clone() else { return };
        if batch.origin != Origin::Live && !self.search.is_through(batch.source) {
            return;
        }
        let rows = self.tree.doubtful(store, rows, self.now);
        let mut by_source: Vec<(SourceId, Vec<_>)> = Vec::new();
        for data in rows.into_iter().map(|row| store.row(row)) {
            let wanted = (data.payload_ref, data.id);
            match by_source.iter_mut().find(|(source, _)| *source == data.source) {
                Some((_, addresses)) => addresses.push(wanted),
                None => by_source.push((data.source, vec![wanted])),
            }
        }
        let ticket = self.search.ticket;
        let checks = by_source.into_iter().map(|(source, addresses)| (source, Request::Check { ticket, probe: probe.clone(), addresses }));
        self.search.requests.extend(checks);
    }
}
