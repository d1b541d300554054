//! The rows of a trace in tree order.

use crate::store::{RowIx, Store, TraceIx};

/// Returns the rows of a trace with their depths: parents before children, siblings by start.
#[must_use]
pub(crate) fn rows(store: &Store, trace: TraceIx) -> Vec<(RowIx, usize)> {
    let mut rows = Vec::with_capacity(store.trace(trace).counts().spans as usize);
    let mut open: Vec<(RowIx, usize)> = store.trace(trace).roots().iter().rev().map(|&row| (row, 0)).collect();
    while let Some((row, depth)) = open.pop() {
        rows.push((row, depth));
        open.extend(store.children(row).iter().rev().map(|&child| (child, depth + 1)));
    }
    rows
}
