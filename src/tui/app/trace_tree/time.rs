//! Where bars stand in time: a trace's own time, or the part of it that one looks at more closely.

use super::{TraceTree, scale};
use crate::model::Nanos;
use crate::settings::Measure;
use crate::store::{Store, TraceIx};
use crate::tui::widget::Axis;

/// The shortest time that fills the bars' column, in nanoseconds.
const SHORTEST: Nanos = 1000;

/// A part of a trace's time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Zoom {
    pub(super) trace: TraceIx,
    axis: Axis,
}

impl TraceTree {
    /// The whole time of a trace.
    #[must_use]
    pub fn whole_time(store: &Store, trace: TraceIx, now: Nanos) -> Axis {
        let start = store.trace(trace).start;
        Axis { start, end: start.saturating_add(scale::length(store, trace, now)) }
    }

    /// The time in which the bars of an open trace stand.
    #[must_use]
    pub fn time(&self, store: &Store, trace: TraceIx, now: Nanos) -> Axis {
        self.zoomed(trace).unwrap_or_else(|| Self::whole_time(store, trace, now))
    }

    /// The part of the trace's time that is looked at, unless that is all of it.
    #[must_use]
    pub fn zoomed(&self, trace: TraceIx) -> Option<Axis> {
        self.zoom.filter(|zoom| zoom.trace == trace).map(|zoom| zoom.axis)
    }

    /// The time in which a folded trace's bar stands, the same length for all.
    #[must_use]
    pub fn common_time(&self, store: &Store, trace: TraceIx) -> Axis {
        let start = store.trace(trace).start;
        Axis { start, end: start.saturating_add_unsigned(self.scales.fitting(Measure::Time)) }
    }

    /// Looks at half of the time, about the cursor's span, or at twice the time. `false` if the cursor is not in an open trace.
    pub fn zoom(&mut self, store: &Store, closer: bool, now: Nanos) -> bool {
        let Some((row, trace)) = self.cursor.filter(|&(row, _)| self.shows_time(store, row)) else { return false };
        let (whole, shown) = (Self::whole_time(store, trace, now), self.time(store, trace, now));
        let length = span(shown);
        let length = if closer { (length / 2).max(SHORTEST) } else { length.saturating_mul(2) };
        let data = store.row(row);
        let (start, end) = (data.start, data.start.saturating_add(data.duration(now)));
        // Of a span that is longer than what is shown, the part that is shown is what one looks at.
        let (from, to) = (start.max(shown.start), end.min(shown.end));
        let (from, to) = if from <= to { (from, to) } else { (start, end) };
        let middle = from.midpoint(to);
        self.look_at_time(trace, whole, middle.saturating_sub(length / 2), length);
        true
    }

    /// Moves along the time by a quarter of what is shown. `false` if all of it is shown.
    pub fn pan(&mut self, store: &Store, later: bool, now: Nanos) -> bool {
        let Some((_, trace)) = self.cursor else { return false };
        let Some(shown) = self.zoomed(trace) else { return false };
        let length = span(shown);
        let by = (length / 4).max(1);
        let start = if later { shown.start.saturating_add(by) } else { shown.start.saturating_sub(by) };
        self.look_at_time(trace, Self::whole_time(store, trace, now), start, length);
        true
    }

    /// Looks at all of the time again.
    pub fn zoom_out(&mut self) {
        self.zoom = None;
    }

    /// Whether the row stands in its trace's own time rather than in the one that all folded traces share.
    #[must_use]
    pub fn shows_time(&self, store: &Store, row: crate::store::RowIx) -> bool {
        !Self::is_head(store, row) || (self.is_open(store, row) && self.child_count(store, row) > 0)
    }

    fn look_at_time(&mut self, trace: TraceIx, whole: Axis, start: Nanos, length: Nanos) {
        let last = whole.end.saturating_sub(length);
        self.zoom = (length < span(whole)).then(|| {
            let start = start.clamp(whole.start, last.max(whole.start));
            Zoom { trace, axis: Axis { start, end: start.saturating_add(length) } }
        });
    }
}

fn span(axis: Axis) -> Nanos {
    axis.end.saturating_sub(axis.start)
}
