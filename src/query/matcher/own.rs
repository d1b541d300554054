//! The time that a row spent itself.

use crate::model::Nanos;
use crate::store::{RowIx, Store};

/// The nanoseconds of a row in which none of its children ran. Costs its children.
pub(super) fn time(store: &Store, row: RowIx, now: Nanos) -> Nanos {
    let data = store.row(row);
    let (duration, end) = (data.duration(now), data.start.saturating_add(data.duration(now)));
    let (mut covered, mut reached) = (0, data.start);
    // Children stand in the order of their starts.
    for child in store.children(row).iter().map(|&child| store.row(child)) {
        let from = child.start.max(reached);
        let to = child.start.saturating_add(child.duration(now)).min(end);
        if to > from {
            covered += to - from;
            reached = to;
        }
    }
    duration - covered
}
