//! What of the store is shown, in which order, and where one is in it.
//!
//! The tree keeps the order of the traces, what is folded, and the cursor; it keeps no list of rows. The rows on the screen are found by
//! walking from the cursor, so that nothing here costs the number of rows held or opened. On the screen a trace is its first top row, with
//! the other top rows (whose parents never came) below it.

mod critical;
mod filter;
mod navigation;
mod order;
mod scale;
#[cfg(test)]
mod tests;
mod time;
mod visible_rows;

pub use order::{Sort, Sorting};

use std::collections::HashSet;

use crate::model::Nanos;
use crate::settings::Measure;
use crate::store::{Changes, RowIx, Store, TraceIx};
use crate::tui::app::refresh::TraceVersion;
use filter::{Filter, Judging, RowSet};
use order::{Entry, Order};
use scale::{Scales, Sizes};
use time::Zoom;

/// The shown traces, their folds and the cursor.
#[derive(Debug, Default)]
pub struct TraceTree {
    /// The shown traces.
    order: Order,
    /// What the shown traces are counted as, in `order` and in `scales`.
    placed: PlacedTraces,
    scales: Scales,
    /// Traces that the filter newly shows or hides.
    visibility_changes: Vec<TraceIx>,
    filter: Option<Filter>,
    /// How far the filter has come, unless it is through.
    judging: Option<Judging>,
    /// Traces whose fold is not what `all_open` says.
    fold_exceptions: HashSet<TraceIx>,
    all_open: bool,
    /// Folded rows inside traces.
    folded: RowSet,
    /// Traces that following opened, to fold again when they have ended.
    followed: HashSet<TraceIx>,
    cursor: Option<(RowIx, TraceIx)>,
    /// The cursor's line on the screen.
    line: usize,
    height: usize,
    zoom: Option<Zoom>,
    /// Whether the critical path of the cursor's trace is lit.
    pub lights_path: bool,
    path: Option<Path>,
    /// What bars measure.
    pub measure: Measure,
    /// Whether the newest trace is kept in sight.
    pub follow: bool,
}

/// The critical path of a trace.
#[derive(Debug)]
struct Path {
    version: TraceVersion,
    rows: HashSet<RowIx>,
}

/// What a shown trace is counted as.
#[derive(Debug, PartialEq, Eq)]
struct Placed {
    entry: Entry,
    sizes: Sizes,
}

/// What each shown trace is counted as, by its index.
#[derive(Debug, Default)]
struct PlacedTraces(Vec<Option<Placed>>);

impl PlacedTraces {
    fn get(&self, trace: TraceIx) -> Option<&Placed> {
        self.0.get(trace.index())?.as_ref()
    }

    fn put(&mut self, placed: Placed) {
        let at = placed.entry.trace.index();
        if at >= self.0.len() {
            self.0.resize_with(at + 1, || None);
        }
        self.0[at] = Some(placed);
    }

    fn take(&mut self, trace: TraceIx) -> Option<Placed> {
        self.0.get_mut(trace.index())?.take()
    }
}

impl TraceTree {
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
        self.order.len() == 0
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

    /// The shown traces, from the top of the screen.
    pub fn traces(&self) -> impl Iterator<Item = TraceIx> {
        self.order.iter()
    }

    /// How many traces stand above the cursor's.
    #[must_use]
    pub fn rank(&self) -> Option<usize> {
        let (_, trace) = self.cursor?;
        self.place(trace)
    }

    fn place(&self, trace: TraceIx) -> Option<usize> {
        self.order.place(&self.placed.get(trace)?.entry)
    }

    /// What the traces are sorted by.
    #[must_use]
    pub fn sorting(&self) -> Sorting {
        self.order.sorting()
    }

    /// What fills a folded trace's bar: nanoseconds, tokens, or billionths of a dollar. The same for all shown traces.
    #[must_use]
    pub fn scale(&self) -> u64 {
        self.scales.fitting(self.measure)
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
            self.show_or_hide(store, trace, now);
        }
        if self.cursor.is_none() {
            self.go_to_trace(store, 0);
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
            let at = self.take_out(trace);
            if self.cursor.is_some_and(|(_, cursor)| cursor == trace) {
                (self.cursor, lost) = (None, at);
            } else if let Some(at) = at {
                lost = lost.map(|lost| if at < lost { lost - 1 } else { lost });
            }
            self.fold_exceptions.remove(&trace);
            self.followed.remove(&trace);
            self.zoom = self.zoom.filter(|zoom| zoom.trace != trace);
            self.path.take_if(|path| path.version.trace == trace);
            if let Some(filter) = &mut self.filter {
                filter.matches.remove(&trace);
            }
        }
        if self.cursor.is_none() {
            self.go_near(store, lost);
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

    fn show_or_hide(&mut self, store: &Store, trace: TraceIx, now: Nanos) {
        let shown = self.filter.as_ref().is_none_or(|filter| filter.shows(store, trace));
        self.put(trace, shown.then(|| self.placing(store, trace, now)), store);
    }

    /// Traces that came to be shown, or no longer are, each maybe more than once, since this was asked last.
    pub(super) fn take_visibility_changes(&mut self) -> Vec<TraceIx> {
        std::mem::take(&mut self.visibility_changes)
    }

    /// Whether the trace is shown.
    #[must_use]
    pub fn shows(&self, trace: TraceIx) -> bool {
        self.placed.get(trace).is_some()
    }

    fn placing(&self, store: &Store, trace: TraceIx, now: Nanos) -> Placed {
        Placed { entry: self.sorting().entry(store, trace, now), sizes: Sizes::new(store, trace, now) }
    }

    /// Shows a trace at its place, or not at all. A cursor that loses its trace goes to the one that comes into its place.
    fn put(&mut self, trace: TraceIx, placed: Option<Placed>, store: &Store) {
        if self.placed.get(trace) == placed.as_ref() {
            return;
        }
        if self.shows(trace) != placed.is_some() {
            self.visibility_changes.push(trace);
        }
        let before = self.take_out(trace);
        if let Some(placed) = placed {
            self.order.insert(placed.entry.clone());
            self.scales.add(placed.sizes);
            self.placed.put(placed);
        } else if self.cursor.is_some_and(|(_, at)| at == trace) {
            self.go_near(store, before);
        }
    }

    /// Takes a trace from those shown; returns the place that it had.
    fn take_out(&mut self, trace: TraceIx) -> Option<usize> {
        let placed = self.placed.take(trace)?;
        self.scales.remove(placed.sizes);
        self.order.remove(&placed.entry)
    }

    /// Sorts the traces in another way and goes to the top. Only the newest on top can be followed. Costs the traces held.
    pub fn sort(&mut self, store: &Store, sorting: Sorting, now: Nanos) {
        self.place_all(store, sorting, now);
        self.go_top(store);
    }

    fn place_all(&mut self, store: &Store, sorting: Sorting, now: Nanos) {
        self.order = Order::new(sorting, Vec::new());
        let shown = store.traces().filter(|&trace| self.filter.as_ref().is_none_or(|filter| filter.shows(store, trace)));
        let shown: Vec<Placed> = shown.map(|trace| self.placing(store, trace, now)).collect();
        self.order = Order::new(sorting, shown.iter().map(|placed| placed.entry.clone()).collect());
        self.scales = Scales::default();
        self.placed = PlacedTraces::default();
        for placed in shown {
            self.scales.add(placed.sizes);
            self.placed.put(placed);
        }
    }

    // --- the critical path ---

    /// Finds the critical path of the cursor's trace, if it is lit and not known. Costs the rows of the trace.
    pub fn find_path(&mut self, store: &Store, now: Nanos) {
        let Some((_, trace)) = self.cursor.filter(|_| self.lights_path) else {
            self.path = None;
            return;
        };
        if !self.path.as_ref().is_some_and(|path| path.version.is_usable(store, trace, now)) {
            self.path = Some(Path { version: TraceVersion::new(store, trace, now), rows: critical::path(store, trace, now) });
        }
    }

    /// Whether the trace has changed since its critical path was computed.
    pub(super) fn has_stale_path(&self, store: &Store) -> bool {
        self.path.as_ref().is_some_and(|path| path.version.is_stale(store))
    }

    /// Whether the row is on its trace's critical path; `None` where that is not lit.
    #[must_use]
    pub fn is_critical(&self, store: &Store, row: RowIx) -> Option<bool> {
        let path = self.path.as_ref()?;
        (store.row(row).trace() == path.version.trace).then(|| path.rows.contains(&row))
    }

    // --- following ---

    /// Goes to the newest trace and stays with the newest from now on, which must stand on top for that.
    pub fn start_following(&mut self, store: &Store, now: Nanos) {
        if !self.sorting().newest_first() {
            self.place_all(store, Sorting::default(), now);
        }
        self.follow = true;
        self.follow_newest(store);
    }

    fn follow_newest(&mut self, store: &Store) {
        let Some(newest) = self.order.get(0) else { return };
        let runs = |trace: TraceIx| store.trace(trace).counts().running > 0;
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
