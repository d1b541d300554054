//! What of the store is shown, in which order, and where one is in it.
//!
//! The forest keeps the order of the traces, what is folded, and the cursor; it keeps no list of rows. The rows on the screen are found by
//! walking from the cursor, so that nothing here costs the number of rows held or opened. On the screen a trace is its first top row, with
//! the other top rows (whose parents never came) below it.

mod filter;
mod travel;
mod walk;

use std::collections::{HashMap, HashSet, VecDeque};

use crate::model::Nanos;
use crate::store::{Changes, RowIx, Store, TraceIx};
use filter::{Filter, Judging, RowSet};

/// The shown traces, their folds and the cursor.
#[derive(Debug, Default)]
pub struct Forest {
    /// Shown traces by start; the newest, which stands on top of the screen, is last.
    order: VecDeque<(Nanos, TraceIx)>,
    /// The start under which a trace stands in `order`.
    placed: HashMap<TraceIx, Nanos>,
    filter: Option<Filter>,
    /// How far the filter has come, unless it is through.
    judging: Option<Judging>,
    /// Traces whose fold is not what `all_open` says.
    toggled: HashSet<TraceIx>,
    all_open: bool,
    /// Folded rows inside traces.
    folded: RowSet,
    /// Traces that following opened, to fold again when they have ended.
    followed: HashSet<TraceIx>,
    cursor: Option<(RowIx, TraceIx)>,
    /// The cursor's line on the screen.
    line: usize,
    height: usize,
    /// Whether the newest trace is kept in sight.
    pub follow: bool,
}

impl Forest {
    /// The row that the cursor is on.
    #[must_use]
    pub fn cursor(&self) -> Option<RowIx> {
        self.cursor.map(|(row, _)| row)
    }

    /// Number of traces shown.
    #[must_use]
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether no trace is shown.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Whether a filter is at work.
    #[must_use]
    pub fn is_filtered(&self) -> bool {
        self.filter.is_some()
    }

    /// Whether the row matches the filter; without a filter no row is lit.
    #[must_use]
    pub fn is_lit(&self, row: RowIx) -> bool {
        self.filter.as_ref().is_some_and(|filter| filter.lit.holds(row))
    }

    /// The shown traces, newest first.
    pub fn traces(&self) -> impl Iterator<Item = TraceIx> {
        self.order.iter().rev().map(|&(_, trace)| trace)
    }

    /// How many traces stand above the cursor's.
    #[must_use]
    pub fn rank(&self) -> Option<usize> {
        let (_, trace) = self.cursor?;
        self.place(trace).map(|at| self.order.len() - 1 - at)
    }

    fn place(&self, trace: TraceIx) -> Option<usize> {
        let start = *self.placed.get(&trace)?;
        self.order.binary_search(&(start, trace)).ok()
    }

    // --- what the store changed ---

    /// Takes in what changed. Costs the changes.
    pub fn update(&mut self, store: &Store, changes: &Changes, now: Nanos) {
        for &row in &changes.freed {
            self.folded.put(row, false);
            if let Some(filter) = &mut self.filter {
                filter.lit.put(row, false);
            }
        }
        self.forget_judged(&changes.evicted);
        self.forget(store, &changes.evicted);
        if let Some(filter) = &mut self.filter {
            for &row in &changes.rows {
                filter.judge_around(store, row, now);
            }
        }
        for &trace in &changes.traces {
            self.show_or_hide(store, trace);
        }
        if self.cursor.is_none() {
            self.go_to_trace(store, self.order.len().checked_sub(1));
        }
        self.leave_folds(store);
        if self.follow {
            self.follow_newest(store);
        }
    }

    /// Forgets traces that are gone from the store, all before the cursor moves: its neighbour may be among them.
    fn forget(&mut self, store: &Store, evicted: &[TraceIx]) {
        let mut lost = None;
        for &trace in evicted {
            let at = self.place(trace);
            if self.cursor.is_some_and(|(_, cursor)| cursor == trace) {
                (self.cursor, lost) = (None, at);
            }
            if let Some(at) = at {
                self.order.remove(at);
                lost = lost.map(|lost| if at < lost { lost - 1 } else { lost });
            }
            self.placed.remove(&trace);
            self.toggled.remove(&trace);
            self.followed.remove(&trace);
            if let Some(filter) = &mut self.filter {
                filter.matches.remove(&trace);
            }
        }
        if self.cursor.is_none() {
            self.go_to_trace(store, lost.map(|at| at.min(self.order.len().saturating_sub(1))));
        }
    }

    /// Brings a cursor that came to stand inside a fold to the row that is folded.
    fn leave_folds(&mut self, store: &Store) {
        let Some(row) = self.cursor() else { return };
        let above = std::iter::successors(Self::parent(store, row), |&row| Self::parent(store, row));
        if let Some(closed) = above.filter(|&row| !self.is_open(store, row)).last() {
            self.set_cursor(store, closed);
        }
    }

    fn show_or_hide(&mut self, store: &Store, trace: TraceIx) {
        let shown = self.filter.as_ref().is_none_or(|filter| filter.shows(store, trace));
        self.put(store, trace, shown.then(|| store.trace(trace).start));
    }

    /// Shows a trace at its place, or not at all. A cursor that loses its trace goes to the one that comes into its place.
    fn put(&mut self, store: &Store, trace: TraceIx, start: Option<Nanos>) {
        if self.placed.get(&trace).copied() == start {
            return;
        }
        let before = self.place(trace);
        if let Some(at) = before {
            self.order.remove(at);
        }
        if let Some(start) = start {
            let at = self.order.partition_point(|&other| other < (start, trace));
            self.order.insert(at, (start, trace));
            self.placed.insert(trace, start);
        } else {
            self.placed.remove(&trace);
            if self.cursor.is_some_and(|(_, at)| at == trace) {
                self.go_to_trace(store, before.map(|at| at.min(self.order.len().saturating_sub(1))));
            }
        }
    }

    // --- following ---

    /// Goes to the newest trace and stays with the newest from now on.
    pub fn start_following(&mut self, store: &Store) {
        self.follow = true;
        self.follow_newest(store);
    }

    fn follow_newest(&mut self, store: &Store) {
        let Some(&(_, newest)) = self.order.back() else { return };
        let runs = |trace: TraceIx| store.trace(trace).totals().running > 0;
        for trace in std::mem::take(&mut self.followed) {
            if trace == newest || runs(trace) {
                self.followed.insert(trace);
            } else {
                self.set_open(store, Self::head(store, trace), false);
            }
        }
        if !self.followed.contains(&newest) && !self.is_open(store, Self::head(store, newest)) {
            self.set_open(store, Self::head(store, newest), true);
            self.followed.insert(newest);
        }
        self.line = 0;
        self.set_cursor(store, Self::head(store, newest));
    }
}
