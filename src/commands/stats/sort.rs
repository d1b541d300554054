//! The order of groups.

use super::super::sort::LargestFirst;
use super::count::Group;
use crate::cli::SortBy;
use crate::model::sort;

/// Sorts by a column: numbers with the largest first, unknown ones last; names in their order.
pub(super) fn sort(groups: &mut [Group], column: SortBy) {
    let ties = |group: &Group| (group.key.is_none(), group.start(), group.key.clone());
    sort::by_key(groups, |group| (LargestFirst(number(group, column)), ties(group)));
}

/// Returns the number of a column; `None` if it is unknown, or for the key.
fn number(group: &Group, column: SortBy) -> Option<f64> {
    let usage = &group.usage;
    let known = |is_known: bool, count: u64| is_known.then_some(count as f64);
    let percentile = |percent| group.percentile(percent).map(|duration| duration as f64);
    match column {
        SortBy::Key => None,
        SortBy::Calls => Some(group.calls as f64),
        SortBy::Errors => Some(group.failed as f64),
        SortBy::P50 => percentile(50),
        SortBy::P95 => percentile(95),
        SortBy::P99 => percentile(99),
        SortBy::Max => percentile(100),
        SortBy::Tokens => usage.tokens().map(|tokens| tokens as f64),
        SortBy::Input => known(usage.inputs > 0, usage.input),
        SortBy::Cached => known(usage.cache_read > 0, usage.cache_read),
        SortBy::Output => known(usage.outputs > 0, usage.output),
        SortBy::Rebuilt => group.misses.map(|misses| misses.rebuilt as f64),
        SortBy::Cost => usage.cost().map(|cost| cost as f64),
        SortBy::Rate => group.cost_per_1k_tokens(),
    }
}
