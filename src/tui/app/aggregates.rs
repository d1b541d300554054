//! The totals beside the traces: over everything that the filter shows, or over the trace under the cursor.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::TraceTree;
use super::refresh::TraceVersion;
use crate::model::Nanos;
use crate::store::{Stats, Store, TimeBreakdown, TraceIx};

/// How long to add traces before the next frame.
const TIME_PER_FRAME: Duration = Duration::from_millis(4);

/// The totals over the shown traces, and over the trace under the cursor.
#[derive(Debug, Default)]
pub struct Aggregates {
    /// Whether the totals cover only the trace under the cursor.
    pub is_trace_only: bool,
    /// Shown traces to add to the store's selection.
    queue: VecDeque<TraceIx>,
    /// Traces that the queue has held since it was last empty.
    queued: usize,
    trace: Option<TraceAggregates>,
    /// Whether `trace` waits to be recomputed.
    is_stale: bool,
}

/// The totals of one trace.
#[derive(Debug)]
struct TraceAggregates {
    version: TraceVersion,
    stats: Stats,
    times: TimeBreakdown,
}

impl Aggregates {
    /// Starts over with another filter.
    pub(super) fn restart(&mut self, store: &mut Store, tree: &mut TraceTree) {
        tree.take_visibility_changes();
        self.queue = VecDeque::new();
        if tree.is_filtered() {
            store.begin_selection();
            self.queue = tree.traces().flat_map(|trace| store.group(trace)).collect();
        } else {
            store.end_selection();
        }
        self.queued = self.queue.len();
    }

    /// Queues traces that the filter newly shows or hides, and works on the queue for a moment. Returns whether any are left.
    pub(super) fn advance(&mut self, store: &mut Store, tree: &TraceTree, changes: &[TraceIx]) -> bool {
        if store.selection().is_none() {
            return false;
        }
        self.queued += changes.len();
        self.queue.extend(changes);
        let begun = Instant::now();
        while let Some(trace) = self.queue.pop_front() {
            if store.is_trace_held(trace) {
                let is_shown = tree.shows(store, trace);
                store.select(trace, is_shown);
            }
            if begun.elapsed() > TIME_PER_FRAME {
                break;
            }
        }
        if self.queue.is_empty() {
            self.queued = 0;
        }
        !self.queue.is_empty()
    }

    /// Returns how many traces are added and how many there are; `None` if all are added.
    #[must_use]
    pub fn progress(&self) -> Option<(usize, usize)> {
        (!self.queue.is_empty()).then(|| (self.queued - self.queue.len(), self.queued))
    }

    /// Computes the totals of the trace under the cursor, unless a usable result is held. Costs the rows of the trace.
    pub(super) fn update_trace(&mut self, store: &Store, trace: Option<TraceIx>, now: Nanos) {
        let Some(trace) = trace else {
            self.trace = None;
            return;
        };
        let is_running = store.group_counts(trace).running > 0;
        let usable =
            self.trace.as_ref().map(|known| known.version).filter(|version| {
                version.is_usable(store, trace, now) && (!is_running || version.is_from(now) || version.is_kept(store, now))
            });
        self.is_stale = usable.is_some_and(|version| version.is_stale(store));
        if usable.is_none() {
            let (stats, times) = (store.stats_of(trace), store.time_breakdown(trace, now));
            self.trace = Some(TraceAggregates { version: TraceVersion::new(store, trace, now), stats, times });
        }
    }

    /// Whether the totals of the trace wait to be recomputed.
    pub(super) fn is_stale(&self) -> bool {
        self.is_stale
    }

    /// Returns the statistics to show.
    #[must_use]
    pub fn stats<'a>(&'a self, store: &'a Store) -> &'a Stats {
        match &self.trace {
            Some(known) if self.is_trace_only => &known.stats,
            _ => self.shown(store),
        }
    }

    /// Returns the statistics over the shown traces.
    #[must_use]
    pub fn shown<'a>(&self, store: &'a Store) -> &'a Stats {
        store.selection().unwrap_or(store.stats())
    }

    /// Returns how the time of the trace under the cursor divides.
    #[must_use]
    pub fn time_breakdown(&self) -> Option<&TimeBreakdown> {
        self.trace.as_ref().map(|known| &known.times)
    }
}
