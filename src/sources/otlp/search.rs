//! Searches the payloads of the bodies in memory.

use std::collections::HashMap;
use std::num::NonZero;
use std::sync::Mutex;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use super::body_store::split;
use super::packed::{Stored, Unpacked};
use super::payload_store::{PayloadStore, lock};
use crate::model::{PayloadQuery, PayloadRef, SpanId, TraceId};
use crate::otlp::payload;
use crate::otlp::wire::offset;
use crate::sources::{Progress, Search};

/// How long a search runs before requests are answered.
const SLICE: Duration = Duration::from_millis(20);

/// The spans whose payloads match.
pub(super) type Hits = Vec<(TraceId, SpanId)>;

/// The most threads of a search. Each takes the memory of two unpacked segments.
const THREADS: usize = 4;

/// A search through all bodies, the newest first.
#[derive(Debug)]
pub(super) struct Scan {
    pub(super) search: Search,
    /// The parts that no thread has begun with, the newest last.
    remaining: Mutex<Vec<Vec<u32>>>,
    threads: Vec<Part>,
    total: usize,
}

/// The bodies that a thread searches.
#[derive(Debug, Default)]
struct Part {
    /// The numbers of the bodies that remain, the newest last.
    remaining: Vec<u32>,
    unpacked: Unpacked,
}

impl Part {
    /// Returns the number of the next body, of another part if this one is done.
    fn next(&mut self, parts: &Mutex<Vec<Vec<u32>>>) -> Option<u32> {
        if self.remaining.is_empty() {
            self.remaining = lock(parts).pop()?;
        }
        self.remaining.pop()
    }
}

impl Scan {
    /// Begins a search of these parts, the newest last.
    pub(super) fn new(search: Search, parts: Vec<Vec<u32>>) -> Self {
        let threads = available_parallelism().map_or(1, NonZero::get).min(THREADS).min(parts.len()).max(1);
        let threads = std::iter::repeat_with(Part::default).take(threads).collect();
        Self { search, total: parts.iter().map(Vec::len).sum(), remaining: Mutex::new(parts), threads }
    }

    /// Returns the progress in bodies.
    pub(super) fn progress(&self) -> Progress {
        let begun = self.threads.iter().map(|part| part.remaining.len()).sum::<usize>();
        let remaining = begun + lock(&self.remaining).iter().map(Vec::len).sum::<usize>();
        Progress { done: (self.total - remaining) as u64, total: self.total as u64 }
    }

    /// Searches for [`SLICE`].
    pub(super) fn slice(&mut self, payloads: &PayloadStore) -> Hits {
        let (start, parts, query) = (Instant::now(), &self.remaining, &*self.search.query);
        let search = |part: &mut Part| {
            let mut hits = Hits::new();
            while start.elapsed() < SLICE
                && let Some(number) = part.next(parts)
            {
                let body = payloads.bodies().body(number);
                if let Some(body) = body {
                    search_body(&body, query, None, &mut part.unpacked, &mut hits);
                }
            }
            hits
        };
        // Where no thread can be started, each part has its turn.
        self.threads.rotate_left(1);
        let Some((own, others)) = self.threads.split_first_mut() else { return Hits::new() };
        std::thread::scope(|scope| {
            let start = |part| std::thread::Builder::new().name("otlp search".to_owned()).spawn_scoped(scope, || search(part)).ok();
            let others: Vec<_> = others.iter_mut().filter_map(start).collect();
            let mut hits = search(own);
            hits.extend(others.into_iter().filter_map(|thread| thread.join().ok()).flatten());
            hits
        })
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
        if let Some((body, mut offsets)) = spans {
            offsets.sort_unstable();
            search_body(&body, query, Some(&offsets), &mut payloads.unpacked(), &mut hits);
        }
    }
    hits
}

/// Searches all spans of a body, or those at some offsets, in order.
fn search_body(body: &Stored, query: &PayloadQuery, offsets: Option<&[usize]>, unpacked: &mut Unpacked, hits: &mut Hits) {
    if !query.may_match_words(|word| body.may_hold(word, unpacked)) {
        return;
    }
    let body = &body.read(unpacked)[..];
    if !query.may_match_bytes(&[body]) {
        return;
    }
    let is_searched = |message: &[u8]| offsets.is_none_or(|offsets| offsets.binary_search(&offset(body, message)).is_ok());
    // An invalid span was reported when the body was received.
    let _ = payload::search(body, is_searched, query, hits);
}
