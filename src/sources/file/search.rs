//! A search through the payloads of a file.

use std::time::{Duration, Instant};

use super::format::Content;
use crate::model::{PayloadQuery, PayloadRef, SourceId, SpanId, TraceId};
use crate::sources::{Progress, Search, SearchHits};

/// How long a slice of a search may take before requests are answered.
const SLICE: Duration = Duration::from_millis(20);

/// A search under way: the spans below `left` are still to be searched, which is from the newest to the oldest.
#[derive(Debug)]
pub(super) struct Scan {
    search: Search,
    left: usize,
    total: usize,
}

impl Scan {
    /// A search through so many spans.
    pub(super) fn new(search: Search, total: usize) -> Self {
        Self { search, left: total, total }
    }

    pub(super) fn is_done(&self) -> bool {
        self.left == 0
    }

    /// Searches on for a while.
    pub(super) fn slice(&mut self, content: &Content, source: SourceId) -> SearchHits {
        let (begun, mut spans) = (Instant::now(), Vec::new());
        while self.left > 0 && begun.elapsed() < SLICE {
            self.left -= 1;
            spans.extend(content.search(self.left, &self.search.probe));
        }
        let (done, total) = ((self.total - self.left) as u64, self.total as u64);
        SearchHits { source, ticket: self.search.ticket, spans, progress: Some(Progress { done, total }), trouble: None }
    }
}

/// Searches the spans at these addresses.
pub(super) fn check(content: &Content, addresses: &[(PayloadRef, SpanId)], probe: &PayloadQuery) -> Vec<(TraceId, SpanId)> {
    let indexes = addresses.iter().filter_map(|(address, _)| usize::try_from(address.0).ok());
    indexes.filter_map(|index| content.search(index, probe)).collect()
}
