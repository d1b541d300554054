//! The critical path: the chain of spans that decided how long a trace took.
//!
//! From the trace's end backwards: the span that ended last, and so on inside it; then, before it began, the sibling that had ended last by
//! then. What ran beside these could have been faster without any gain.

use std::collections::{HashMap, HashSet};

use crate::model::Nanos;
use crate::store::{RowIx, Store, TraceIx};

/// The rows on the critical path of a trace. Costs the rows of the trace, and the sorting of the children of those on the path.
pub(super) fn path(store: &Store, trace: TraceIx, now: Nanos) -> HashSet<RowIx> {
    let ends = ends(store, trace, now);
    let end = |row: RowIx| ends.get(&row).copied().unwrap_or(Nanos::MIN);
    let mut path = HashSet::new();
    let mut open = vec![(store.trace(trace).roots(), Nanos::MIN, Nanos::MAX)];
    let mut latest: Vec<RowIx> = Vec::new();
    while let Some((rows, from, mut until)) = open.pop() {
        latest.clear();
        latest.extend(rows);
        // Of two that ended together, the one that began later came last.
        latest.sort_by_key(|&row| std::cmp::Reverse((end(row), store.row(row).start)));
        for &row in &latest {
            if until <= from {
                break;
            }
            if end(row) > until || end(row) <= from {
                continue;
            }
            path.insert(row);
            let data = store.row(row);
            open.push((store.children(row), data.start, end(row)));
            until = data.start;
        }
    }
    path
}

/// When each row and all below it had ended: children may run on after their parent.
fn ends(store: &Store, trace: TraceIx, now: Nanos) -> HashMap<RowIx, Nanos> {
    let rows = store.rows_of(trace);
    let mut ends = HashMap::with_capacity(rows.len());
    for &row in rows.iter().rev() {
        let data = store.row(row);
        let own = data.start.saturating_add(data.duration(now));
        let end: Nanos = ends.get(&row).map_or(own, |&below: &Nanos| below.max(own));
        ends.insert(row, end);
        if let Some(parent) = data.parent() {
            let above = ends.entry(parent).or_insert(end);
            *above = (*above).max(end);
        }
    }
    ends
}
