//! What caches missed, by group.

use std::collections::{HashMap, HashSet};

use super::count::{Group, group_of};
use crate::cli::GroupBy;
use crate::export::{Miss, MissSum};
use crate::model::SpanType;
use crate::store::{RowIx, Store, TraceIx};

/// Adds the misses in traces to their groups. `prefixes` are those that the groups were counted by.
pub(super) fn add(
    store: &Store,
    traces: &[TraceIx],
    groups: &mut [Group],
    by: GroupBy,
    misses: &HashMap<RowIx, Miss>,
    prefixes: &HashMap<RowIx, String>,
) {
    let mut sums: HashMap<Option<String>, MissSum> = HashMap::new();
    for miss in misses.values() {
        sums.entry(group_of(store, miss.row, by, prefixes)).or_default().add(miss.rebuilt, miss.cost);
    }
    // A sum of no cached tokens may mean that no call states them.
    let states =
        |row: RowIx| store.row(row).span_type == SpanType::Model && store.usage(row).is_some_and(|usage| usage.cache_read.is_some());
    let rows = traces.iter().flat_map(|&trace| store.walk(trace)).map(|(row, _)| row).filter(|&row| states(row));
    let stating: HashSet<Option<String>> = rows.map(|row| group_of(store, row, by, prefixes)).collect();
    for group in groups {
        let sum = sums.remove(&group.key).unwrap_or_default();
        group.misses = (sum.count > 0 || group.usage.cache_read > 0 || stating.contains(&group.key)).then_some(sum);
    }
}
