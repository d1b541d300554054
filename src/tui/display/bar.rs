//! The bar of a row in the time of its trace.

use crate::model::Nanos;
use crate::store::{Row, RowIx, RunStatus, Store};
use crate::tui::widget::{Bar, State};

/// At most this many children are drawn in one bar; beyond it they are sampled evenly, since a bar has few cells.
const MAX_CHILDREN: usize = 1024;

/// Returns the bar of a row at the time `now`, with the times of its `count` children; with all of them if it `hides_children`.
#[must_use]
pub fn row_bar(store: &Store, row: RowIx, children: impl Iterator<Item = RowIx>, count: usize, hides_children: bool, now: Nanos) -> Bar {
    let data = store.row(row);
    let state = match store.run_status(row) {
        RunStatus::Running => State::Running,
        RunStatus::Error => State::Error,
        RunStatus::Ok | RunStatus::Lost | RunStatus::Paused | RunStatus::Cut => State::Done,
    };
    let (start, end) = interval(data, now);
    let sampled = children.step_by(count.div_ceil(MAX_CHILDREN).max(1));
    let children = sampled.map(|child| interval(store.row(child), now)).collect();
    Bar { start, end, state, children, with_children: hides_children }
}

fn interval(row: &Row, now: Nanos) -> (Nanos, Nanos) {
    (row.start, row.start.saturating_add(row.duration(now)))
}
