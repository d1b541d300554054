//! Distributions: counts of values by buckets, as the points of histograms state them.

/// The most buckets of a distribution. OpenTelemetry's SDKs send at most 160 on each side of zero.
pub const MAX_BUCKETS: usize = 2048;

/// Counts of values by buckets.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Distribution {
    /// The number of values.
    pub count: u64,
    /// Their sum; `None` if it is not stated.
    pub sum: Option<f64>,
    /// The smallest value; `None` if it is not stated.
    pub min: Option<f64>,
    /// The largest value; `None` if it is not stated.
    pub max: Option<f64>,
    /// The buckets.
    pub shape: Shape,
}

/// The bounds and the counts of buckets.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// Upper bounds in ascending order, and the counts of as many buckets and of one above; both empty if no buckets are stated.
    Explicit(Vec<f64>, Vec<u64>),
    /// The scale, the counts at zero, above it and below it.
    Exponential {
        /// Bucket bounds are powers of 2 to the power of 2 to the power of minus the scale.
        scale: i32,
        /// The number of values at zero.
        zeros: u64,
        /// The values above zero.
        above: ExponentialBuckets,
        /// The values below zero, by their size.
        below: ExponentialBuckets,
    },
}

impl Default for Shape {
    fn default() -> Self {
        Self::Explicit(Vec::new(), Vec::new())
    }
}

/// Consecutive buckets of an exponential histogram.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExponentialBuckets {
    /// The index of the first bucket. The bucket of an index holds values above the base to its power, up to the base to the next power.
    pub offset: i32,
    /// The counts.
    pub counts: Vec<u64>,
}

/// A bucket: values above `low` up to `high`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    /// The bound below; minus infinity if there is none.
    pub low: f64,
    /// The bound above; infinity if there is none.
    pub high: f64,
    /// The number of values.
    pub count: u64,
}

impl Distribution {
    /// Whether the numbers fit together: the bounds ascend, and each bucket has a count. A distribution that is not valid can't be read.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        let are_numbers = [self.sum, self.min, self.max].into_iter().flatten().all(|number| !number.is_nan());
        let fits = match &self.shape {
            Shape::Explicit(bounds, counts) => {
                let ascends = bounds.windows(2).all(|pair| pair[0] < pair[1]) && bounds.iter().all(|bound| !bound.is_nan());
                ascends && (counts.len() == bounds.len() + 1 || (counts.is_empty() && bounds.is_empty())) && counts.len() <= MAX_BUCKETS
            }
            Shape::Exponential { above, below, .. } => above.counts.len() <= MAX_BUCKETS && below.counts.len() <= MAX_BUCKETS,
        };
        are_numbers && fits
    }

    /// Forgets the buckets if they hold another number of values than stated: what they say would be wrong.
    pub fn drop_wrong_buckets(&mut self) {
        let total = self.buckets().iter().fold(0_u64, |sum, bucket| sum.saturating_add(bucket.count));
        if total != self.count {
            self.shape = Shape::default();
        }
    }

    /// Returns the buckets in ascending order, without empty ones at the ends.
    #[must_use]
    pub fn buckets(&self) -> Vec<Bucket> {
        let mut buckets = Vec::new();
        match &self.shape {
            Shape::Explicit(bounds, counts) => {
                let low = std::iter::once(f64::NEG_INFINITY).chain(bounds.iter().copied());
                let high = bounds.iter().copied().chain(std::iter::once(f64::INFINITY));
                buckets.extend(low.zip(high).zip(counts).map(|((low, high), &count)| Bucket { low, high, count }));
            }
            Shape::Exponential { scale, zeros, above, below } => {
                let bound = |index: i64| (index as f64 * f64::from(-*scale).exp2()).exp2();
                let of = |buckets: &ExponentialBuckets| {
                    let indexes = i64::from(buckets.offset)..;
                    let bucket = |(index, &count): (i64, &u64)| Bucket { low: bound(index), high: bound(index + 1), count };
                    indexes.zip(&buckets.counts).map(bucket).collect::<Vec<_>>()
                };
                buckets.extend(of(below).into_iter().rev().map(|Bucket { low, high, count }| Bucket { low: -high, high: -low, count }));
                if *zeros > 0 {
                    buckets.push(Bucket { low: 0.0, high: 0.0, count: *zeros });
                }
                buckets.extend(of(above));
            }
        }
        let is_filled = |bucket: &Bucket| bucket.count > 0;
        let end = buckets.iter().rposition(is_filled).map_or(0, |last| last + 1);
        buckets.truncate(end);
        buckets.drain(..buckets.iter().position(is_filled).unwrap_or_default());
        buckets
    }

    /// Returns the value that this share of the values (0 to 1) does not exceed, estimated as if each bucket were filled evenly. `None` if
    /// there are no values or no buckets, or if the value is in a bucket without bounds.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let buckets = self.buckets();
        let total: u64 = buckets.iter().fold(0, |sum, bucket| sum.saturating_add(bucket.count));
        let rank = share * total as f64;
        let mut before = 0.0;
        for bucket in buckets.iter().filter(|bucket| bucket.count > 0) {
            let count = bucket.count as f64;
            if before + count >= rank {
                let low = self.min.map_or(bucket.low, |min| bucket.low.max(min));
                let high = self.max.map_or(bucket.high, |max| bucket.high.min(max));
                if low.is_finite() && high.is_finite() {
                    return Some(low + (high - low).max(0.0) * ((rank - before) / count).clamp(0.0, 1.0));
                }
                // OTLP states a sum only where no value is below zero.
                let starts_at_zero = low == f64::NEG_INFINITY && high.is_finite() && high > 0.0 && self.min.is_none() && self.sum.is_some();
                return starts_at_zero.then(|| high * ((rank - before) / count).clamp(0.0, 1.0));
            }
            before += count;
        }
        None
    }

    /// Returns the mean of the values; `None` if it is unknown.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        self.sum.filter(|_| self.count > 0).map(|sum| sum / self.count as f64)
    }

    /// Adds the values of another distribution. Returns whether the buckets could be joined; if not, only the latter's buckets are kept.
    pub fn add(&mut self, other: &Self) -> bool {
        if self.count == 0 {
            *self = other.clone();
            return true;
        }
        if other.count == 0 {
            return true;
        }
        let lesser = |one: Option<f64>, other: Option<f64>| one.zip(other).map(|(one, other)| one.min(other));
        self.count = self.count.saturating_add(other.count);
        self.sum = self.sum.zip(other.sum).map(|(one, other)| one + other);
        self.min = lesser(self.min, other.min);
        self.max = lesser(self.max.map(|max| -max), other.max.map(|max| -max)).map(|max| -max);
        match (&mut self.shape, &other.shape) {
            (Shape::Explicit(bounds, counts), Shape::Explicit(other_bounds, other_counts)) if bounds == other_bounds => {
                counts.iter_mut().zip(other_counts).for_each(|(count, other)| *count = count.saturating_add(*other));
                true
            }
            (
                Shape::Exponential { scale, zeros, above, below },
                Shape::Exponential { scale: other_scale, zeros: other_zeros, above: other_above, below: other_below },
            ) => {
                *zeros = zeros.saturating_add(*other_zeros);
                let common = i64::from(*scale).min(i64::from(*other_scale));
                let steps = [i64::from(*scale) - common, i64::from(*other_scale) - common];
                let further = above.steps_to_fit(other_above, steps).max(below.steps_to_fit(other_below, steps));
                let steps = steps.map(|steps| steps + further);
                (*above, *below) = (above.joined(other_above, steps), below.joined(other_below, steps));
                *scale = i32::try_from(common - further).unwrap_or(i32::MIN);
                true
            }
            (shape, other) => {
                *shape = other.clone();
                false
            }
        }
    }

    /// Returns the bytes on the heap.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let words = match &self.shape {
            Shape::Explicit(bounds, counts) => bounds.capacity() + counts.capacity(),
            Shape::Exponential { above, below, .. } => above.counts.capacity() + below.counts.capacity(),
        };
        words * size_of::<u64>()
    }
}

impl ExponentialBuckets {
    /// Returns the buckets at a scale that is smaller by `steps`: each step joins two buckets.
    fn coarser(&self, steps: i64) -> Self {
        let shift = steps.clamp(0, 62) as u32;
        let index = |at: usize| (i64::from(self.offset) + at as i64) >> shift;
        let offset = index(0);
        let mut counts = vec![0_u64; self.counts.len().checked_sub(1).map_or(0, |last| (index(last) - offset) as usize + 1)];
        for (at, count) in self.counts.iter().enumerate() {
            let joined = &mut counts[(index(at) - offset) as usize];
            *joined = joined.saturating_add(*count);
        }
        Self { offset: offset as i32, counts }
    }

    /// Returns the index of the first and the last bucket at a scale that is smaller by `steps`; `None` without buckets.
    fn ends(&self, steps: i64) -> Option<(i64, i64)> {
        let last = i64::from(self.offset) + self.counts.len().checked_sub(1)? as i64;
        let shift = steps.clamp(0, 62) as u32;
        Some((i64::from(self.offset) >> shift, last >> shift))
    }

    /// Returns by how many steps more the scale must be smaller, so that both fit into [`MAX_BUCKETS`].
    fn steps_to_fit(&self, other: &Self, steps: [i64; 2]) -> i64 {
        let fits = |further: &i64| {
            let ends = [self.ends(steps[0] + further), other.ends(steps[1] + further)];
            let [Some(one), Some(other)] = ends else { return true };
            one.1.max(other.1) - one.0.min(other.0) < MAX_BUCKETS as i64
        };
        (0..62).find(fits).unwrap_or(62)
    }

    /// Returns the sums of both, each at a scale that is smaller by its number of steps. They must fit.
    fn joined(&self, other: &Self, steps: [i64; 2]) -> Self {
        let both = [self.coarser(steps[0]), other.coarser(steps[1])];
        let filled = || both.iter().filter(|buckets| !buckets.counts.is_empty());
        let Some(offset) = filled().map(|buckets| i64::from(buckets.offset)).min() else { return Self::default() };
        let end = filled().map(|buckets| i64::from(buckets.offset) + buckets.counts.len() as i64).max().unwrap_or(offset);
        let mut counts = vec![0_u64; (end - offset) as usize];
        for buckets in filled() {
            let from = (i64::from(buckets.offset) - offset) as usize;
            for (sum, count) in counts.iter_mut().skip(from).zip(&buckets.counts) {
                *sum = sum.saturating_add(*count);
            }
        }
        Self { offset: offset as i32, counts }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn explicit(bounds: &[f64], counts: &[u64]) -> Distribution {
        Distribution { count: counts.iter().sum(), shape: Shape::Explicit(bounds.to_vec(), counts.to_vec()), ..Distribution::default() }
    }

    fn exponential(scale: i32, offset: i32, counts: &[u64]) -> Distribution {
        let above = ExponentialBuckets { offset, counts: counts.to_vec() };
        let shape = Shape::Exponential { scale, zeros: 0, above, below: ExponentialBuckets::default() };
        Distribution { count: counts.iter().sum(), shape, ..Distribution::default() }
    }

    #[test]
    fn quantiles_are_estimated_within_their_bucket_and_unknown_in_one_without_bounds() {
        let mut values = explicit(&[10.0, 20.0], &[0, 10, 1]);
        assert_eq!((values.quantile(0.5), values.quantile(1.0)), (Some(15.5), None));
        values.max = Some(30.0);
        assert_eq!(values.quantile(1.0), Some(30.0));
        let below = explicit(&[10.0], &[4, 0]);
        assert_eq!(below.quantile(0.5), None, "values may be negative");
        assert_eq!(Distribution { sum: Some(1.0), ..below }.quantile(0.5), Some(5.0));
        assert_eq!(Distribution::default().quantile(0.5), None);
        assert_eq!(exponential(0, 2, &[4]).quantile(0.5), Some(6.0), "from 4 to 8");
    }

    #[test]
    fn exponential_buckets_of_different_scales_are_joined_at_the_smaller_one() {
        let mut sum = exponential(1, 0, &[1, 2, 3, 4]);
        assert!(sum.add(&exponential(0, 1, &[5])));
        let Shape::Exponential { scale, above, .. } = &sum.shape else { panic!("{sum:?}") };
        assert_eq!((*scale, above.offset, &above.counts[..], sum.count), (0, 0, &[3, 12][..], 15));
    }

    #[test]
    fn histograms_with_other_bounds_are_not_joined() {
        let mut sum = explicit(&[1.0], &[1, 1]);
        assert!(!sum.add(&explicit(&[2.0], &[0, 3])));
        assert_eq!((sum.count, sum.buckets().len()), (5, 1));
    }

    #[test]
    fn numbers_that_do_not_fit_are_refused() {
        assert!(explicit(&[1.0, 2.0], &[1, 1, 1]).is_valid());
        for wrong in [explicit(&[2.0, 1.0], &[1, 1, 1]), explicit(&[1.0], &[1]), explicit(&[f64::NAN], &[1, 1])] {
            assert!(!wrong.is_valid(), "{wrong:?}");
        }
        assert!(!Distribution { sum: Some(f64::NAN), ..Distribution::default() }.is_valid());
        let mut wrong = Distribution { count: 7, ..explicit(&[1.0], &[1, 1]) };
        wrong.drop_wrong_buckets();
        assert_eq!((wrong.count, wrong.quantile(0.5)), (7, None));
    }

    proptest! {
        #[test]
        fn no_value_is_lost_at_any_scale_and_offset(
            scales in any::<[i32; 2]>(), offsets in any::<[i32; 2]>(), lengths in prop::array::uniform2(0_usize..300)
        ) {
            let [mut one, other] = [0, 1].map(|at| exponential(scales[at], offsets[at], &vec![1; lengths[at]]));
            one.add(&other);
            let held: u64 = one.buckets().iter().map(|bucket| bucket.count).sum();
            prop_assert_eq!(held, (lengths[0] + lengths[1]) as u64);
            prop_assert!(one.is_valid() && one.quantile(0.5).is_none_or(f64::is_finite));
        }
    }
}
