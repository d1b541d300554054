//! How often each duration occurred, kept so that durations can be taken out again.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::model::Nanos;

/// Durations, to one part in eight thousand. Its memory goes with the distinct durations, its costs with their logarithm.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// Durations by bucket; none is empty.
    buckets: BTreeMap<u32, u32>,
    count: u64,
}

/// Bits of a duration that a bucket keeps: below two to the power of this, it is exact.
const BITS: u32 = 12;

impl Histogram {
    /// Adds a duration; a negative one counts as 0.
    pub(super) fn add(&mut self, duration: Nanos) {
        *self.buckets.entry(bucket(duration)).or_default() += 1;
        self.count += 1;
    }

    /// Takes out a duration that was added.
    pub(super) fn remove(&mut self, duration: Nanos) {
        let Entry::Occupied(mut bucket) = self.buckets.entry(bucket(duration)) else { return };
        *bucket.get_mut() -= 1;
        self.count -= 1;
        if *bucket.get() == 0 {
            bucket.remove();
        }
    }

    /// Durations in it.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The duration that so many thousandths of all do not exceed (by nearest rank); `None` if there are none.
    #[must_use]
    pub fn quantile(&self, thousandths: u64) -> Option<Nanos> {
        let rank = (self.count * thousandths).div_ceil(1000).max(1);
        let mut seen = 0;
        self.buckets.iter().find_map(|(&bucket, &count)| {
            seen += u64::from(count);
            (seen >= rank).then(|| middle(bucket))
        })
    }

    /// The longest duration.
    #[must_use]
    pub fn max(&self) -> Option<Nanos> {
        self.buckets.last_key_value().map(|(&bucket, _)| middle(bucket))
    }
}

fn bucket(duration: Nanos) -> u32 {
    let duration = duration.max(0) as u64;
    let exponent = (u64::BITS - duration.leading_zeros()).saturating_sub(BITS);
    // The highest bit of what is kept stands for the exponent's step, except where the exponent is 0.
    ((u64::from(exponent) << (BITS - 1)) + (duration >> exponent)) as u32
}

fn middle(bucket: u32) -> Nanos {
    let bucket = u64::from(bucket);
    let step = 1 << (BITS - 1);
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
        fn quantiles_are_near_those_of_the_sorted_durations(
            mut durations in proptest::collection::vec(prop_oneof![0..2000i64, 0..10_000_000_000i64, Just(i64::MAX)], 1..200),
            gone in proptest::collection::vec(0..10_000_000_000i64, 0..50),
            thousandths in 1..1000u64,
        ) {
            let mut histogram = Histogram::default();
            for &duration in gone.iter().chain(&durations) {
                histogram.add(duration);
            }
            for &duration in &gone {
                histogram.remove(duration);
            }
            durations.sort_unstable();
            let exact = durations[(durations.len() * thousandths as usize).div_ceil(1000) - 1];
            let near = |found: Option<Nanos>, exact: Nanos| (found.unwrap() - exact).abs() <= exact / 4096 + 1;
            prop_assert!(near(histogram.quantile(thousandths), exact), "{:?} for {}", histogram.quantile(thousandths), exact);
            prop_assert!(near(histogram.max(), *durations.last().unwrap()));
            prop_assert_eq!(histogram.count(), durations.len() as u64);
        }
    }

    #[test]
    fn nothing_has_no_quantiles_and_leaves_nothing() {
        let mut histogram = Histogram::default();
        assert_eq!((histogram.quantile(500), histogram.max()), (None, None));
        histogram.add(5);
        histogram.remove(5);
        assert_eq!(histogram, Histogram::default());
    }
}
