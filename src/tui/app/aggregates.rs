//! What the sums beside the traces speak of: everything that the filter lets through, or the trace under the cursor.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::TraceTree;
use crate::model::Nanos;
use crate::store::{Stats, Store, TimeBreakdown, TraceIx};

/// How long traces are added to the sums before the next frame.
const A_FRAME: Duration = Duration::from_millis(4);

/// Spans of a trace beyond which its own sums are made anew once a second only.
const LARGE: u32 = 2000;

/// How long those rest, in nanoseconds.
const REST: Nanos = 1_000_000_000;

/// The sums over what is shown, and those of the trace under the cursor.
#[derive(Debug, Default)]
pub struct Aggregates {
    /// Whether the sums speak of the trace under the cursor.
    pub of_trace: bool,
    /// Shown traces that are not in the store's selection yet, the next one first.
    left: VecDeque<TraceIx>,
    /// How many were to be added in all.
    total: usize,
    trace: Option<TraceAggregates>,
    /// Whether the trace's own sums are what they were, and wait to be made anew.
    stale: bool,
}

/// A trace's own sums.
#[derive(Debug)]
struct TraceAggregates {
    trace: TraceIx,
    version: u32,
    at: Nanos,
    stats: Stats,
    split: TimeBreakdown,
}

impl Aggregates {
    /// Begins anew with another filter.
    pub(super) fn restart(&mut self, store: &mut Store, forest: &mut TraceTree) {
        forest.turned();
        self.left = VecDeque::new();
        if forest.is_filtered() {
            store.begin_selection();
            self.left = forest.traces().collect();
        } else {
            store.end_selection();
        }
        self.total = self.left.len();
    }

    /// Follows what came to be shown, for a moment. Whether more is left.
    pub(super) fn follow(&mut self, store: &mut Store, forest: &TraceTree, turned: &[TraceIx]) -> bool {
        if store.selection().is_none() {
            return false;
        }
        self.total += turned.len();
        self.left.extend(turned);
        let begun = Instant::now();
        while let Some(trace) = self.left.pop_front() {
            if store.is_trace_held(trace) {
                store.select(trace, forest.shows(trace));
            }
            if begun.elapsed() > A_FRAME {
                break;
            }
        }
        if self.left.is_empty() {
            self.total = 0;
        }
        !self.left.is_empty()
    }

    /// How many of the shown traces are in the sums, and how many will be; `None` if all are.
    #[must_use]
    pub fn progress(&self) -> Option<(usize, usize)> {
        (!self.left.is_empty()).then(|| (self.total - self.left.len(), self.total))
    }

    /// Makes the sums of the trace under the cursor, unless they are known. Costs its rows.
    pub(super) fn look_at(&mut self, store: &Store, trace: Option<TraceIx>, now: Nanos) {
        let Some(trace) = trace else {
            self.trace = None;
            return;
        };
        let data = store.trace(trace);
        let running = data.counts().running > 0;
        let known = self.trace.as_ref().is_some_and(|known| {
            let same = known.trace == trace && known.version == data.version() && (!running || known.at == now);
            let rests = data.counts().spans > LARGE && known.trace == trace && now.abs_diff(known.at) < REST.unsigned_abs();
            same || rests
        });
        self.stale = known && self.trace.as_ref().is_some_and(|known| known.version != data.version());
        if !known {
            let (stats, split) = (store.stats_of(trace), store.split_of(trace, now));
            self.trace = Some(TraceAggregates { trace, version: data.version(), at: now, stats, split });
        }
    }

    /// Whether sums wait to be made anew.
    pub(super) fn is_stale(&self) -> bool {
        self.stale
    }

    /// The sums that are asked for.
    #[must_use]
    pub fn stats<'a>(&'a self, store: &'a Store) -> &'a Stats {
        match &self.trace {
            Some(known) if self.of_trace => &known.stats,
            _ => store.selection().unwrap_or(store.stats()),
        }
    }

    /// The sums over what is shown.
    #[must_use]
    pub fn shown<'a>(&self, store: &'a Store) -> &'a Stats {
        store.selection().unwrap_or(store.stats())
    }

    /// Where the time of the trace under the cursor went.
    #[must_use]
    pub fn split(&self) -> Option<&TimeBreakdown> {
        self.trace.as_ref().map(|known| &known.split)
    }
}
