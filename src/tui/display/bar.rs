//! The bar of a row in the time of its trace.

use crate::model::Nanos;
use crate::store::{Row, RowIx, RunStatus, Store};
use crate::tui::widget::{Bar, State};

/// At most this many children are drawn in one bar; beyond it they are sampled evenly, since a bar has few cells.
const MAX_CHILDREN: usize = 1024;

/// The times of a row and its children.
#[derive(Clone, Debug)]
pub struct RowBar {
    interval: (Nanos, Nanos),
    state: State,
    children: Vec<(Nanos, Nanos)>,
}

impl RowBar {
    /// Collects the times of a row and of its `count` children at the time `now`.
    #[must_use]
    pub fn new(store: &Store, row: RowIx, children: impl Iterator<Item = RowIx>, count: usize, now: Nanos) -> Self {
        let data = store.row(row);
        let state = match data.run_status() {
            RunStatus::Running => State::Running,
            RunStatus::Error => State::Error,
            RunStatus::Ok | RunStatus::Lost => State::Done,
        };
        let sampled = children.step_by(count.div_ceil(MAX_CHILDREN).max(1));
        let children = sampled.map(|child| interval(store.row(child), now)).collect();
        Self { interval: interval(data, now), state, children }
    }

    /// Returns the bar, with all of the children's time if it `hides_children`.
    #[must_use]
    pub fn bar(&self, hides_children: bool) -> Bar<'_> {
        let (start, end) = self.interval;
        Bar { start, end, state: self.state, children: &self.children, with_children: hides_children }
    }
}

fn interval(row: &Row, now: Nanos) -> (Nanos, Nanos) {
    (row.start, row.start.saturating_add(row.duration(now)))
}
