//! Stable sorting of what is short or seldom sorted: as `slice::sort_by` and `slice::sort_by_cached_key` do, by one function for all types.
//!
//! Each use of those adds 8 kB of code, and there are about fifty uses. Long lists that are sorted often should use the standard functions.

use std::cmp::Ordering;

/// Sorts by `compare`.
pub fn by<T>(items: &mut [T], mut compare: impl FnMut(&T, &T) -> Ordering) {
    let order = order(items.len(), &mut |one, other| compare(&items[one], &items[other]));
    arrange(items, order);
}

/// Sorts by a key, which is computed once per item.
pub fn by_key<T, K: Ord>(items: &mut [T], key: impl FnMut(&T) -> K) {
    let keys: Vec<K> = items.iter().map(key).collect();
    let order = order(keys.len(), &mut |one, other| keys[one].cmp(&keys[other]));
    arrange(items, order);
}

/// Returns which item is to be first, second and so on.
fn order(count: usize, compare: &mut dyn FnMut(usize, usize) -> Ordering) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by(|&one, &other| compare(one, other));
    order
}

/// Moves the item `order[at]` to `at`, for each `at`.
fn arrange<T>(items: &mut [T], mut order: Vec<usize>) {
    for start in 0..order.len() {
        let mut at = start;
        // Each place gets its item from the next one, until the first item comes round.
        loop {
            let from = std::mem::replace(&mut order[at], at);
            if from == start {
                break;
            }
            items.swap(at, from);
            at = from;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_sorts_as_the_standard_library_does(items in prop::collection::vec((0..20_u8, any::<u8>()), 0..100)) {
            let mut expected = items.clone();
            expected.sort_by_key(|item| item.0);
            let mut sorted = items.clone();
            super::by_key(&mut sorted, |item| item.0);
            prop_assert_eq!(&sorted, &expected);
            let mut sorted = items;
            super::by(&mut sorted, |one, other| one.0.cmp(&other.0));
            prop_assert_eq!(&sorted, &expected);
        }
    }
}
