//! A search through the bodies that are held, the newest first.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::body_store::split;
use crate::model::{PayloadQuery, PayloadRef, SpanId, TraceId};
use crate::otlp::payload;
use crate::otlp::wire::offset;
use crate::sources::{Progress, Search};

/// How long a slice may take before requests are answered.
const SLICE: Duration = Duration::from_millis(20);

/// Spans whose payloads hold what is looked for.
pub(super) type Hits = Vec<(TraceId, SpanId)>;

/// A search under way.
#[derive(Debug)]
pub(super) struct Scan {
    pub(super) search: Search,
    /// The bodies that are left, the newest last.
    left: Vec<u32>,
    total: usize,
}

impl Scan {
    /// A search through the bodies of these numbers, the newest last.
    pub(super) fn new(search: Search, bodies: Vec<u32>) -> Self {
        Self { search, total: bodies.len(), left: bodies }
    }

    /// How far it has come.
    pub(super) fn progress(&self) -> Progress {
        Progress { done: (self.total - self.left.len()) as u64, total: self.total as u64 }
    }

    /// Searches the next bodies; `body` looks one up.
    pub(super) fn slice(&mut self, body: impl Fn(u32) -> Option<Bytes>) -> Hits {
        let (begun, mut hits) = (Instant::now(), Hits::new());
        while begun.elapsed() < SLICE
            && let Some(number) = self.left.pop()
        {
            if let Some(bytes) = body(number) {
                look(&bytes, &self.search.probe, None, &mut hits);
            }
        }
        hits
    }
}

/// A body, and places in it.
pub(super) type Places = (Bytes, Vec<usize>);

/// Searches the spans at these addresses; `body` looks up a body and where in it spans lie that began at these places.
pub(super) fn check(addresses: &[(PayloadRef, SpanId)], probe: &PayloadQuery, body: impl Fn(u32, &[usize]) -> Option<Places>) -> Hits {
    let mut places: HashMap<u32, Vec<usize>> = HashMap::new();
    for (number, at) in addresses.iter().map(|(address, _)| split(*address)) {
        places.entry(number).or_default().push(at);
    }
    let mut hits = Hits::new();
    for (number, places) in places {
        if let Some((bytes, mut places)) = body(number, &places) {
            places.sort_unstable();
            look(&bytes, probe, Some(&places), &mut hits);
        }
    }
    hits
}

/// Searches the spans of a body, or those that begin at some places of it, in order.
fn look(body: &[u8], probe: &PayloadQuery, places: Option<&[usize]>, hits: &mut Hits) {
    if !probe.may_match_bytes(&[body]) {
        return;
    }
    let wanted = |at: usize| places.is_none_or(|places| places.binary_search(&at).is_ok());
    // What can't be read was told when the body came.
    let _ = payload::search(body, |message| wanted(offset(body, message)), probe, hits);
}
