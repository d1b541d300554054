//! The totals beside the traces: over everything that the filter shows, or over the trace under the cursor.

use std::collections::VecDeque;

use super::ranks::{Ranked, Ranks};
use super::refresh::TraceVersion;
use super::trash::Items;
use super::{MissSums, TraceTree};
use crate::model::Nanos;
use crate::store::{Group, Stats, Store, Symbol, TimeBreakdown, TraceIx};
use crate::tui::slices::Slice;

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
    /// What is shown of a trace until its totals are computed.
    unknown: Stats,
    ranks: Ranks,
    /// What caches missed.
    pub misses: MissSums,
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
    /// Starts over with another filter. Returns what is left to free.
    pub(super) fn restart(&mut self, store: &mut Store, tree: &mut TraceTree) -> Option<Items> {
        tree.take_visibility_changes();
        self.queue = VecDeque::new();
        let ended = if tree.is_filtered() {
            let ended = store.begin_selection();
            self.queue = tree.traces().flat_map(|trace| store.group(trace)).collect();
            ended
        } else {
            store.end_selection()
        };
        self.queued = self.queue.len();
        self.ranks = Ranks::default();
        ended.map(|stats| Box::new(stats.into_groups().map(drop)) as Items)
    }

    /// Notes that the store has changed.
    pub(super) fn store_changed(&mut self) {
        self.ranks.invalidate();
    }

    /// Ranks models and agents for a moment. Returns whether work is left.
    pub(super) fn rank(&mut self, store: &Store, mut slice: Slice) -> bool {
        let mut ranks = std::mem::take(&mut self.ranks);
        let scope = self.trace.as_ref().filter(|_| self.is_trace_only).map(|known| known.version.trace);
        let more = ranks.refresh(store, self.stats(store), scope, &mut slice);
        self.ranks = ranks;
        more
    }

    /// Returns the `count` first models or agents with their amounts, and the number of all that have one.
    #[must_use]
    pub fn ranked<'a>(&'a self, store: &'a Store, by: Ranked, count: usize) -> (Vec<(Symbol, i64, &'a Group)>, usize) {
        self.ranks.first(store, self.stats(store), by, count)
    }

    /// Queues traces that the filter newly shows or hides, and works on the queue for a moment. Returns whether any are left.
    pub(super) fn advance(&mut self, store: &mut Store, tree: &TraceTree, changes: &[TraceIx], mut slice: Slice) -> bool {
        if store.selection().is_none() {
            return false;
        }
        self.queued += changes.len();
        self.queue.extend(changes);
        while let Some(&trace) = self.queue.front() {
            let mut pieces = 1;
            if store.is_trace_held(trace) {
                pieces += store.trace(trace).counts().spans as usize;
                if !slice.allows(pieces) {
                    break;
                }
                let is_shown = tree.shows(store, trace);
                store.select(trace, is_shown);
                self.ranks.invalidate();
            }
            self.queue.pop_front();
            if !slice.goes_on(pieces) {
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
    ///
    /// Returns whether that waits until a frame is drawn.
    pub(super) fn update_trace(&mut self, store: &Store, trace: Option<TraceIx>, now: Nanos, slice: Slice) -> bool {
        let Some(trace) = trace else {
            self.trace = None;
            return false;
        };
        let is_running = store.group_counts(trace).running > 0;
        let usable =
            self.trace.as_ref().map(|known| known.version).filter(|version| {
                version.is_usable(store, trace, now) && (!is_running || version.is_from(now) || version.is_kept(store, now))
            });
        self.is_stale = usable.is_some_and(|version| version.is_stale(store));
        if usable.is_none() && !slice.allows(store.group_counts(trace).spans as usize) {
            self.trace.take_if(|known| known.version.trace != trace);
            return true;
        }
        if usable.is_none() {
            let (stats, times) = (store.stats_of(trace), store.time_breakdown(trace, now));
            self.trace = Some(TraceAggregates { version: TraceVersion::new(store, trace, now), stats, times });
            if self.is_trace_only {
                self.ranks.invalidate();
            }
        }
        false
    }

    /// Whether the totals of the trace wait to be recomputed.
    pub(super) fn is_stale(&self) -> bool {
        self.is_stale || self.ranks.is_stale()
    }

    /// Returns the statistics to show.
    #[must_use]
    pub fn stats<'a>(&'a self, store: &'a Store) -> &'a Stats {
        match &self.trace {
            Some(known) if self.is_trace_only => &known.stats,
            None if self.is_trace_only => &self.unknown,
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
