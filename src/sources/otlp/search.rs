//! Searches the payloads of the bodies in memory.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::body_store::split;
use super::payload_store::PayloadStore;
use crate::model::{PayloadQuery, PayloadRef, SpanId, TraceId};
use crate::otlp::payload;
use crate::otlp::wire::offset;
use crate::sources::{Progress, Search};

/// How long a search runs before requests are answered.
const SLICE: Duration = Duration::from_millis(20);

/// The spans whose payloads match.
pub(super) type Hits = Vec<(TraceId, SpanId)>;

/// A search through all bodies, the newest first.
#[derive(Debug)]
pub(super) struct Scan {
    pub(super) search: Search,
    /// The numbers of the bodies that remain, the newest last.
    remaining: Vec<u32>,
    total: usize,
}

impl Scan {
    /// Begins a search; the newest body is the last one.
    pub(super) fn new(search: Search, bodies: Vec<u32>) -> Self {
        Self { search, total: bodies.len(), remaining: bodies }
    }

    /// Returns the progress in bodies.
    pub(super) fn progress(&self) -> Progress {
        Progress { done: (self.total - self.remaining.len()) as u64, total: self.total as u64 }
    }

    /// Searches for [`SLICE`].
    pub(super) fn slice(&mut self, payloads: &PayloadStore) -> Hits {
        let (start, mut hits) = (Instant::now(), Hits::new());
        while start.elapsed() < SLICE
            && let Some(number) = self.remaining.pop()
        {
            let body = payloads.bodies().body(number);
            if let Some(bytes) = body {
                search_body(&bytes, &self.search.query, None, &mut hits);
            }
        }
        hits
    }
}

/// Searches some spans.
pub(super) fn check(payload_refs: &[(PayloadRef, SpanId)], query: &PayloadQuery, payloads: &PayloadStore) -> Hits {
    let mut by_body: HashMap<u32, Vec<usize>> = HashMap::new();
    for (number, original) in payload_refs.iter().map(|(payload_ref, _)| split(*payload_ref)) {
        by_body.entry(number).or_default().push(original);
    }
    let mut hits = Hits::new();
    for (number, originals) in by_body {
        let spans = payloads.bodies().spans(number, &originals);
        if let Some((bytes, mut offsets)) = spans {
            offsets.sort_unstable();
            search_body(&bytes, query, Some(&offsets), &mut hits);
        }
    }
    hits
}

/// Searches all spans of a body, or those at some offsets, in order.
fn search_body(body: &[u8], query: &PayloadQuery, offsets: Option<&[usize]>, hits: &mut Hits) {
    if !query.may_match_bytes(&[body]) {
        return;
    }
    let is_searched = |message: &[u8]| offsets.is_none_or(|offsets| offsets.binary_search(&offset(body, message)).is_ok());
    // An invalid span was reported when the body was received.
    let _ = payload::search(body, is_searched, query, hits);
}
