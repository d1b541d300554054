//! Which runs may have missed a cache, by their counts alone.

use std::collections::HashSet;

use super::CallFacts;
use super::cache::{falls_short, held_by};

/// Returns whether the cache may have missed any of a run's calls, in the order of their start. It has not if this is false; if it is true,
/// the contents decide. `earlier` are the last calls before the run in its session.
#[must_use]
pub fn may_miss(earlier: &[CallFacts], calls: &[CallFacts]) -> bool {
    let all = earlier.iter().chain(calls);
    let stating: HashSet<&str> = all.filter(|call| call.states_cached()).map(|call| call.model.as_str()).collect();
    let mut held: Option<u64> = earlier.iter().filter_map(held_by).max();
    calls.iter().any(|call| {
        let read = call.cache_read.or_else(|| stating.contains(call.model.as_str()).then_some(0));
        let before = held;
        held = held.max(held_by(call));
        before.zip(read).is_some_and(|(held, read)| {
            let expected = call.input.map_or(held, |input| held.min(u64::from(input)));
            falls_short(expected, u64::from(read))
        })
    })
}
