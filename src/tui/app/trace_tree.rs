//! The shown traces: their order, their folds and the cursor.
//!
//! The tree keeps no list of rows. The rows on the screen are found by walking from the cursor, so that no operation costs the number of rows
//! in memory. On the screen a trace is its first root, its head. Other roots, whose parents have not arrived, are children of the head. So
//! are the heads of traces that are parts of the trace; such a trace has no line of its own.

mod filter;
mod foot;
mod internal;
mod navigation;
mod order;
mod scale;
mod shown;
mod slowest;
#[cfg(test)]
mod tests;
mod time;
mod visible_rows;

pub use foot::FootLine;
pub use order::{Sort, Sorting};
pub use slowest::SlowStep;
pub use visible_rows::TreeLine;

use std::collections::{HashMap, HashSet};

use crate::model::Nanos;
use crate::settings::Measure;
use crate::store::{Changes, RowIx, Store, TraceIx};
use crate::tui::app::refresh::TraceVersion;
use crate::tui::slices::Slice;
use filter::{Filter, FilterPass, RowSet};
use foot::Ordinary;
use internal::Internal;
use shown::{OrderPass, Shown};
use time::Zoom;

/// The shown traces, their folds and the cursor.
#[derive(Debug, Default)]
pub struct TraceTree {
    shown: Shown,
    /// The shown traces in another order, while that is being found.
    pass: Option<OrderPass>,
    /// What is left to free of former orders.
    discarded: Vec<Shown>,
    /// Traces that the filter newly shows or hides, possibly repeated.
    visibility_changes: Vec<TraceIx>,
    filter: Option<Filter>,
    /// The unfinished pass of the filter over the store.
    filter_pass: Option<FilterPass>,
    /// Whether traces are unfolded, except those in `fold_exceptions`.
    is_unfolded: bool,
    fold_exceptions: HashSet<TraceIx>,
    /// Folded rows inside traces.
    folded: RowSet,
    /// Traces to fold again when they have ended: following unfolded them.
    followed: HashSet<TraceIx>,
    cursor: Option<(RowIx, TraceIx)>,
    /// The line of the cursor on the screen.
    line: usize,
    height: usize,
    /// The number of lines for rows and for the lines at the foot.
    lines: usize,
    zoom: Option<Zoom>,
    /// Whether the critical path of the trace under the cursor is highlighted.
    pub shows_critical_path: bool,
    /// The rows on the critical path of a trace.
    critical_path: Option<(TraceVersion, HashMap<RowIx, Nanos>)>,
    /// The row that the last search for slow steps went to.
    slowest: Option<RowIx>,
    ordinary: Ordinary,
    internal: Internal,
    /// What the bars show.
    pub measure: Measure,
    /// Whether the cursor follows the newest trace.
    pub follow: bool,
}

impl TraceTree {
    /// Returns the row under the cursor.
    #[must_use]
    pub fn cursor(&self) -> Option<RowIx> {
        self.cursor.map(|(row, _)| row)
    }

    /// Returns the number of shown traces.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shown.order.len()
    }

    /// Whether no trace is shown.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.shown.order.len() == 0
    }

    /// Whether a filter is in effect.
    #[must_use]
    pub fn is_filtered(&self) -> bool {
        self.filter.is_some()
    }

    /// Whether the row matches the filter; `false` without a filter.
    #[must_use]
    pub fn is_match(&self, row: RowIx) -> bool {
        self.filter.as_ref().is_some_and(|filter| filter.matches.contains(row))
    }

    /// Returns the shown traces from top to bottom.
    pub fn traces(&self) -> impl Iterator<Item = TraceIx> {
        self.shown.order.iter()
    }

    /// Returns the number of traces above the trace under the cursor.
    #[must_use]
    pub fn rank(&self, store: &Store) -> Option<usize> {
        let (_, trace) = self.cursor?;
        self.position_of(store, trace)
    }

    fn position_of(&self, store: &Store, trace: TraceIx) -> Option<usize> {
        self.shown.position(store.main_of(trace))
    }

    /// Returns the sort key and direction.
    #[must_use]
    pub fn sorting(&self) -> Sorting {
        self.pass.as_ref().map_or(&self.shown, |pass| &pass.shown).order.sorting()
    }

    /// Returns what a full bar of a trace's first line stands for, in nanoseconds, tokens or nano-dollars.
    #[must_use]
    pub fn scale(&self) -> u64 {
        self.shown.scales.fitting(self.measure)
    }

    // --- changes of the store ---

    /// Applies changes of the store. Costs the changes.
    pub fn update(&mut self, store: &Store, changes: &Changes, now: Nanos) {
        for &row in &changes.freed {
            self.folded.set(row, false);
            self.slowest.take_if(|slowest| *slowest == row);
            if let Some(filter) = &mut self.filter {
                filter.matches.set(row, false);
            }
        }
        self.forget_in_filter_pass(&changes.evicted);
        self.forget(store, &changes.evicted);
        if let Some(filter) = &mut self.filter {
            for &row in &changes.rows {
                filter.check_around(store, row, now);
            }
        }
        for &trace in &changes.traces {
            self.show_or_hide(store, trace, now);
            if self.filter.is_some() && store.is_part(trace) {
                self.show_or_hide(store, store.main_of(trace), now);
                self.visibility_changes.push(trace);
            }
        }
        self.hide_ordinary(store, now);
        if self.cursor.is_none() {
            self.go_to_trace(store, 0);
        }
        self.leave_folds(store);
        if self.follow {
            self.follow_newest(store);
        }
    }

    /// Forgets evicted traces, all of them before the cursor moves: its neighbour may be evicted too.
    fn forget(&mut self, store: &Store, evicted: &[TraceIx]) {
        let mut vacated = None;
        for &trace in evicted {
            let position = self.hide(trace);
            if self.cursor.is_some_and(|(_, cursor)| cursor == trace) {
                (self.cursor, vacated) = (None, position);
            } else if let Some(position) = position {
                vacated = vacated.map(|vacated| if position < vacated { vacated - 1 } else { vacated });
            }
            self.fold_exceptions.remove(&trace);
            self.followed.remove(&trace);
            self.forget_internal(trace);
            self.zoom = self.zoom.filter(|zoom| zoom.trace != trace);
            self.critical_path.take_if(|(version, _)| version.trace == trace);
            if let Some(filter) = &mut self.filter {
                filter.match_counts.forget(trace);
            }
        }
        if self.cursor.is_none() {
            self.go_near(store, vacated);
        }
    }

    /// Moves a cursor inside a fold to the folded row, and one on an internal span that is folded away to the row above it.
    fn leave_folds(&mut self, store: &Store) {
        let Some(row) = self.cursor() else { return };
        let shown = if self.is_folded_away(store, row) { self.shown_parent(store, row).unwrap_or(row) } else { row };
        if shown != row {
            self.set_cursor(store, shown);
        }
        let ancestors = std::iter::successors(self.shown_parent(store, shown), |&row| self.shown_parent(store, row));
        if let Some(folded) = ancestors.filter(|&row| !self.is_open(store, row)).last() {
            self.set_cursor(store, folded);
        }
    }

    /// Whether a trace has a line of its own: it is no part of another one, and it or a part of it matches the filter or, without one, it is
    /// not hidden as an ordinary one.
    fn lists(&self, store: &Store, trace: TraceIx) -> bool {
        !store.is_part(trace)
            && match &self.filter {
                Some(filter) => store.group(trace).any(|trace| filter.shows(store, trace)),
                None => self.ordinary.lists(store, trace),
            }
    }

    /// Shows a trace where it belongs, or hides it. A cursor in a hidden trace moves to the trace that takes its position.
    fn show_or_hide(&mut self, store: &Store, trace: TraceIx, now: Nanos) {
        let (is_shown, was_shown) = (self.lists(store, trace), self.shown.contains(trace));
        if let Some(pass) = &mut self.pass {
            pass.shown.place(store, trace, is_shown, now);
        }
        let vacated = self.shown.place(store, trace, is_shown, now);
        if is_shown != was_shown {
            self.visibility_changes.extend(store.group(trace));
        }
        if was_shown && !is_shown && self.cursor.is_some_and(|(_, cursor)| cursor == trace) {
            self.go_near(store, vacated);
        }
    }

    /// Hides a trace. Returns its former position.
    fn hide(&mut self, trace: TraceIx) -> Option<usize> {
        if let Some(pass) = &mut self.pass {
            pass.shown.hide(trace);
        }
        self.shown.hide(trace)
    }

    /// Returns the traces that the filter newly shows or hides since the last call, possibly repeated.
    pub(super) fn take_visibility_changes(&mut self) -> Vec<TraceIx> {
        std::mem::take(&mut self.visibility_changes)
    }

    /// Whether the trace, or the one that it is part of, is shown.
    #[must_use]
    pub fn shows(&self, store: &Store, trace: TraceIx) -> bool {
        self.shown.contains(store.main_of(trace))
    }

    /// Whether the trace counts in tables: it is shown, or hidden only as an ordinary one.
    #[must_use]
    pub fn counts(&self, store: &Store, trace: TraceIx) -> bool {
        self.filter.is_none() || self.shows(store, trace)
    }

    // --- the critical path ---

    /// Computes the critical path of the trace under the cursor, if it is highlighted and outdated. Costs the rows of the trace.
    ///
    /// Returns whether that waits until a frame is drawn.
    pub(super) fn update_critical_path(&mut self, store: &Store, now: Nanos, slice: Slice) -> bool {
        let Some((_, trace)) = self.cursor.filter(|_| self.shows_critical_path) else {
            self.critical_path = None;
            return false;
        };
        if !self.critical_path.as_ref().is_some_and(|(version, _)| version.is_usable(store, trace, now)) {
            if !slice.allows(store.trace(trace).counts().spans as usize) {
                return true;
            }
            self.critical_path = Some((TraceVersion::new(store, trace, now), store.critical_path(trace, now)));
        }
        false
    }

    /// Whether the trace has changed since its critical path was computed.
    pub(super) fn has_stale_path(&self, store: &Store) -> bool {
        self.critical_path.as_ref().is_some_and(|(version, _)| version.is_stale(store))
    }

    /// Whether the row is on the critical path of its trace; `None` if that is not highlighted.
    #[must_use]
    pub fn is_critical(&self, store: &Store, row: RowIx) -> Option<bool> {
        let (version, rows) = self.critical_path.as_ref()?;
        (store.row(row).trace() == version.trace).then(|| rows.contains_key(&row))
    }

    // --- following ---

    /// Follows the newest trace from now on. Sorts the newest trace to the top if it is not there.
    pub fn start_following(&mut self, store: &Store, now: Nanos) {
        self.follow = true;
        if self.sorting().is_newest_first() {
            self.follow_newest(store);
        } else {
            self.begin_order(Sorting::default(), true);
            self.continue_order(store, now, Slice::on_key());
        }
    }

    fn follow_newest(&mut self, store: &Store) {
        // It is not at the top before the order is found.
        if self.pass.is_some() {
            return;
        }
        // Those that wait for a person stand above it.
        let waiting = Some(self.shown.order.waiting()).filter(|waiting| *waiting < self.shown.order.len()).unwrap_or_default();
        let Some(newest) = self.shown.order.get(waiting) else { return };
        let is_running = |trace: TraceIx| store.group_counts(trace).running > 0;
        for trace in std::mem::take(&mut self.followed) {
            if trace == newest || (!store.is_part(trace) && is_running(trace)) {
                self.followed.insert(trace);
            } else {
                self.set_open(store, Self::head(store, trace), false);
            }
        }
        if !self.followed.contains(&newest) && !self.is_open(store, Self::head(store, newest)) {
            self.set_open(store, Self::head(store, newest), true);
            self.followed.insert(newest);
        }
        self.line = waiting.min(self.height / 2);
        self.set_cursor(store, Self::head(store, newest));
    }
}
