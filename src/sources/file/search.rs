//! Searches the payloads of a file.

use std::time::{Duration, Instant};

use super::format::Content;
use crate::model::{PayloadQuery, PayloadRef, SourceId, SpanId, TraceId};
use crate::sources::{Progress, Search, SearchHits};

/// How long a search runs before requests are answered.
const SLICE: Duration = Duration::from_millis(20);

/// A search through all spans, from the newest to the oldest.
#[derive(Debug)]
pub(super) struct Scan {
    search: Search,
    /// The number of spans that remain, which are the oldest.
    remaining: usize,
    total: usize,
}

impl Scan {
    /// Begins a search of `total` spans.
    pub(super) fn new(search: Search, total: usize) -> Self {
        Self { search, remaining: total, total }
    }

    /// Whether all spans were searched.
    pub(super) fn is_done(&self) -> bool {
        self.remaining == 0
    }

    /// Searches for [`SLICE`].
    pub(super) fn slice(&mut self, content: &Content, source: SourceId) -> SearchHits {
        let (start, mut spans) = (Instant::now(), Vec::new());
        while self.remaining > 0 && start.elapsed() < SLICE {
            self.remaining -= 1;
            spans.extend(content.spans.search(self.remaining, &self.search.query));
        }
        let (done, total) = ((self.total - self.remaining) as u64, self.total as u64);
        SearchHits { source, ticket: self.search.ticket, spans, progress: Some(Progress { done, total }), error: None }
    }
}

/// Searches some spans.
pub(super) fn check(content: &Content, spans: &[(PayloadRef, SpanId)], query: &PayloadQuery) -> Vec<(TraceId, SpanId)> {
    let indexes = spans.iter().filter_map(|(payload_ref, _)| usize::try_from(payload_ref.0).ok());
    indexes.filter_map(|index| content.spans.search(index, query)).collect()
}
