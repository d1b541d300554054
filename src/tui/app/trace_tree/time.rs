//! The time axes of the bars: the whole trace, or a zoomed part of it.

use super::TraceTree;
use super::scale::round_time;
use crate::model::Nanos;
use crate::settings::Measure;
use crate::store::{RowIx, Store, TraceIx};
use crate::tui::widget::Axis;

/// The shortest zoom range, in nanoseconds.
const SHORTEST: Nanos = 1000;

/// A zoomed time range of a trace.
#[derive(Clone, Copy, Debug)]
pub(super) struct Zoom {
    pub(super) trace: TraceIx,
    axis: Axis,
}

impl TraceTree {
    /// Returns the whole time range of the group of a trace.
    #[must_use]
    pub fn full_axis(store: &Store, trace: TraceIx, now: Nanos) -> Axis {
        let main = store.main_of(trace);
        let (start, end) = (store.trace(main).start, store.group_end(main));
        let end = if store.group_counts(main).running > 0 { end.max(now) } else { end };
        Axis { start, end: end.max(start) }
    }

    /// Returns the time range of the bars of an unfolded trace.
    #[must_use]
    pub fn axis(&self, store: &Store, trace: TraceIx, now: Nanos) -> Axis {
        self.zoom_axis(store, trace).unwrap_or_else(|| Self::full_axis(store, trace, now))
    }

    /// Returns the zoomed time range of the group of a trace; `None` if all of it is shown.
    #[must_use]
    pub fn zoom_axis(&self, store: &Store, trace: TraceIx) -> Option<Axis> {
        self.zoom.filter(|zoom| zoom.trace == store.main_of(trace)).map(|zoom| zoom.axis)
    }

    /// Returns the time range of the bar of a trace's first line. It has the same length for all traces.
    #[must_use]
    pub fn shared_axis(&self, store: &Store, trace: TraceIx) -> Axis {
        let start = store.trace(trace).start;
        Axis { start, end: start.saturating_add_unsigned(self.shown.scales.fitting(Measure::Time)) }
    }

    /// Halves the time range around the span under the cursor, or doubles it. Returns `false` if the cursor is not in an unfolded trace.
    pub fn zoom(&mut self, store: &Store, zoom_in: bool, now: Nanos) -> bool {
        let Some((row, trace)) = self.cursor.filter(|&(row, _)| self.is_in_open_trace(store, row)) else { return false };
        let trace = store.main_of(trace);
        let (full, shown) = (Self::full_axis(store, trace, now), self.axis(store, trace, now));
        let length = length_of(shown);
        let length = if zoom_in { (length / 2).max(SHORTEST) } else { length.saturating_mul(2) };
        let data = store.row(row);
        let (start, end) = (data.start, data.start.saturating_add(data.duration(now)));
        // Center on the visible part of a span that is longer than the range.
        let (from, to) = (start.max(shown.start), end.min(shown.end));
        let (from, to) = if from <= to { (from, to) } else { (start, end) };
        let middle = from.midpoint(to);
        self.set_zoom(trace, full, middle.saturating_sub(length / 2), length);
        true
    }

    /// Moves the time range by a quarter of its length. Returns `false` if the whole trace is shown.
    pub fn pan(&mut self, store: &Store, later: bool, now: Nanos) -> bool {
        let Some((_, trace)) = self.cursor else { return false };
        let trace = store.main_of(trace);
        let Some(shown) = self.zoom_axis(store, trace) else { return false };
        let length = length_of(shown);
        let by = (length / 4).max(1);
        let start = if later { shown.start.saturating_add(by) } else { shown.start.saturating_sub(by) };
        self.set_zoom(trace, Self::full_axis(store, trace, now), start, length);
        true
    }

    /// Shows the whole trace again.
    pub fn reset_zoom(&mut self) {
        self.zoom = None;
    }

    /// Whether the bar of the row uses the scale of its trace instead of the shared one: the rows below a trace's first line do.
    #[must_use]
    pub fn uses_trace_axis(store: &Store, row: RowIx) -> bool {
        Self::parent(store, row).is_some()
    }

    /// Whether the row is in an open trace, so that rows with the scale of the trace are shown.
    #[must_use]
    pub fn is_in_open_trace(&self, store: &Store, row: RowIx) -> bool {
        Self::parent(store, row).is_some() || (self.is_open(store, row) && self.child_count(store, row) > 0)
    }

    /// Returns the distance of the lines of a ruler in nanoseconds: a round time that divides the range of a trace into at most `most` parts.
    #[must_use]
    pub fn ruler_step(&self, store: &Store, trace: TraceIx, most: u64, now: Nanos) -> u64 {
        round_time(length_of(self.axis(store, trace, now)).unsigned_abs().div_ceil(most.max(1)))
    }

    fn set_zoom(&mut self, trace: TraceIx, full: Axis, start: Nanos, length: Nanos) {
        let last = full.end.saturating_sub(length);
        self.zoom = (length < length_of(full)).then(|| {
            let start = start.clamp(full.start, last.max(full.start));
            Zoom { trace, axis: Axis { start, end: start.saturating_add(length) } }
        });
    }
}

fn length_of(axis: Axis) -> Nanos {
    axis.end.saturating_sub(axis.start)
}
