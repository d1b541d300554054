//! The order of numbers in tables.

use std::cmp::Ordering;

/// A number as a key to sort by: the largest first, unknown ones last.
#[derive(Clone, Copy, Debug)]
pub(super) struct LargestFirst(pub(super) Option<f64>);

impl Ord for LargestFirst {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.0, other.0) {
            (Some(one), Some(other)) => other.total_cmp(&one),
            (one, other) => other.is_some().cmp(&one.is_some()),
        }
    }
}

impl PartialOrd for LargestFirst {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for LargestFirst {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for LargestFirst {}
