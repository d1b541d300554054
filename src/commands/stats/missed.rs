//! What caches missed, by group.

use std::collections::HashMap;

use super::count::{Group, group_of};
use crate::cli::GroupBy;
use crate::export::{Miss, MissSum};
use crate::store::{RowIx, Store};

/// Adds the misses to their groups. `prefixes` are those that the groups were counted by.
pub(super) fn add(store: &Store, groups: &mut [Group], by: GroupBy, misses: &HashMap<RowIx, Miss>, prefixes: &HashMap<RowIx, String>) {
    let mut sums: HashMap<Option<String>, MissSum> = HashMap::new();
    for miss in misses.values() {
        sums.entry(group_of(store, miss.row, by, prefixes)).or_default().add(miss.rebuilt, miss.cost);
    }
    for group in groups {
        let sum = sums.remove(&group.key).unwrap_or_default();
        // A sum of no cached tokens may mean that no call states them.
        group.misses = (sum.count > 0 || group.usage.cache_read > 0).then_some(sum);
    }
}
