//! A histogram of durations that supports removal, unlike `hdrhistogram`'s.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::model::Nanos;

/// Durations with a relative error below 1/4096. Memory is linear and cost logarithmic in the number of distinct durations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// The number of durations per bucket, without empty buckets.
    buckets: BTreeMap<u32, u32>,
    count: u64,
}

/// The number of significant bits that a bucket keeps. Durations below `1 << PRECISION_BITS` are exact.
const PRECISION_BITS: u32 = 12;

impl Histogram {
    /// Adds a duration; a negative one counts as 0.
    pub(super) fn add(&mut self, duration: Nanos) {
        *self.buckets.entry(bucket(duration)).or_default() += 1;
        self.count += 1;
    }

    /// Removes a duration that was added.
    pub(super) fn remove(&mut self, duration: Nanos) {
        let Entry::Occupied(mut bucket) = self.buckets.entry(bucket(duration)) else { return };
        *bucket.get_mut() -= 1;
        self.count -= 1;
        if *bucket.get() == 0 {
            bucket.remove();
        }
    }

    /// Returns the number of durations.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Returns the quantile by nearest rank, such as the median for 500; `None` if the histogram is empty.
    #[must_use]
    pub fn quantile(&self, thousandths: u64) -> Option<Nanos> {
        let rank = (self.count * thousandths).div_ceil(1000).max(1);
        let mut seen = 0;
        self.buckets.iter().find_map(|(&bucket, &count)| {
            seen += u64::from(count);
            (seen >= rank).then(|| middle(bucket))
        })
    }

    /// Returns the longest duration.
    #[must_use]
    pub fn max(&self) -> Option<Nanos> {
        self.buckets.last_key_value().map(|(&bucket, _)| middle(bucket))
    }
}

/// Returns the bucket of a duration: its exponent and its highest bits.
fn bucket(duration: Nanos) -> u32 {
    let duration = duration.max(0) as u64;
    let exponent = (u64::BITS - duration.leading_zeros()).saturating_sub(PRECISION_BITS);
    // The highest kept bit is always set and adds 1 to the exponent, except where the exponent is 0.
    ((u64::from(exponent) << (PRECISION_BITS - 1)) + (duration >> exponent)) as u32
}

/// Returns the duration in the middle of a bucket.
fn middle(bucket: u32) -> Nanos {
    let bucket = u64::from(bucket);
    let step = 1 << (PRECISION_BITS - 1);
    let exponent = (bucket / step).saturating_sub(1);
    let kept = bucket - exponent * step;
    ((kept << exponent) + (1 << exponent) / 2) as Nanos
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn quantiles_are_close_to_those_of_the_sorted_durations(
            mut durations in proptest::collection::vec(prop_oneof![0..2000i64, 0..10_000_000_000i64, Just(i64::MAX)], 1..200),
            removed in proptest::collection::vec(0..10_000_000_000i64, 0..50),
            thousandths in 1..1000u64,
        ) {
            let mut histogram = Histogram::default();
            for &duration in removed.iter().chain(&durations) {
                histogram.add(duration);
            }
            for &duration in &removed {
                histogram.remove(duration);
            }
            durations.sort_unstable();
            let exact = durations[(durations.len() * thousandths as usize).div_ceil(1000) - 1];
            let is_close = |found: Option<Nanos>, exact: Nanos| (found.unwrap() - exact).abs() <= exact / 4096 + 1;
            prop_assert!(is_close(histogram.quantile(thousandths), exact), "{:?} for {}", histogram.quantile(thousandths), exact);
            prop_assert!(is_close(histogram.max(), *durations.last().unwrap()));
            prop_assert_eq!(histogram.count(), durations.len() as u64);
        }
    }

    #[test]
    fn an_empty_histogram_has_no_quantiles_and_removal_restores_it() {
        let mut histogram = Histogram::default();
        assert_eq!((histogram.quantile(500), histogram.max()), (None, None));
        histogram.add(5);
        histogram.remove(5);
        assert_eq!(histogram, Histogram::default());
    }
}
