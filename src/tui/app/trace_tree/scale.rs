//! One scale for the bars of the first lines of all traces, so that they are comparable.
//!
//! It is a round number that at least nine of ten shown traces fit into; longer bars are cut. It covers all shown traces, not only those on
//! the screen: it does not change while the user scrolls, and rarely when traces arrive.

use super::TraceTree;
use crate::model::Nanos;
use crate::settings::Measure;
use crate::store::{Store, TraceIx};

/// Returns the index of the measure in [`Sizes`].
fn list(measure: Measure) -> usize {
    match measure {
        Measure::Time | Measure::Own => 0,
        Measure::Tokens => 1,
        Measure::Cost => 2,
    }
}

const SECOND: u64 = 1_000_000_000;

/// Round times from a second on, in seconds.
const SECONDS: [u64; 23] = [
    1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 18_000, 43_200, 86_400, 172_800, 432_000, 864_000, 2_592_000,
    8_640_000, 31_536_000,
];

/// Round times from a millisecond on, in nanoseconds.
const TIMES: [u64; 32] = {
    let mut times = [0; 32];
    let mut at = 0;
    while at < 32 {
        // Below a second the round times are the round counts from a million on.
        times[at] = if at < 9 { COUNTS[18 + at] } else { SECONDS[at - 9] * SECOND };
        at += 1;
    }
    times
};

/// Round counts: 1, 2, 5, 10, …
const COUNTS: [u64; 55] = {
    let mut counts = [0; 55];
    let (mut at, mut ten) = (0, 1);
    while at < 55 {
        counts[at] = [1, 2, 5][at % 3] * ten;
        at += 1;
        if at.is_multiple_of(3) {
            ten *= 10;
        }
    }
    counts
};

/// Returns the smallest round time of at least `nanos` nanoseconds.
pub(super) fn round_time(nanos: u64) -> u64 {
    let below_a_second = COUNTS.iter().copied().take_while(|&count| count < SECOND);
    let all = below_a_second.chain(SECONDS.map(|seconds| seconds * SECOND));
    all.into_iter().find(|&step| step >= nanos).unwrap_or(u64::MAX)
}

fn steps(list: usize) -> &'static [u64] {
    if list == 0 { &TIMES } else { &COUNTS }
}

/// The sizes of a trace as indices into the round numbers: the time that its bar covers, tokens, cost; `UNKNOWN` if it has no size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sizes([u8; 3]);

const UNKNOWN: u8 = u8::MAX;

impl Sizes {
    pub(super) fn new(store: &Store, trace: TraceIx, now: Nanos) -> Self {
        // The bars of a trace whose time is unknown cover what is known of it.
        let axis = TraceTree::full_axis(store, trace, now);
        let time = u64::try_from(store.group_time(trace, now).unwrap_or(axis.end.saturating_sub(axis.start))).ok();
        let totals = store.group_totals(trace);
        let cost = totals.cost().and_then(|cost| u64::try_from(cost).ok());
        let step = |list: usize, size: Option<u64>| {
            let steps = steps(list);
            size.map_or(UNKNOWN, |size| steps.partition_point(|&step| step < size).min(steps.len() - 1) as u8)
        };
        Self([step(0, time), step(1, totals.tokens()), step(2, cost)])
    }
}

/// The number of shown traces of each size.
#[derive(Debug)]
pub(super) struct Scales([[u32; COUNTS.len()]; 3]);

impl Default for Scales {
    fn default() -> Self {
        Self([[0; COUNTS.len()]; 3])
    }
}

impl Scales {
    pub(super) fn add(&mut self, sizes: Sizes) {
        self.change(sizes, u32::wrapping_add);
    }

    pub(super) fn remove(&mut self, sizes: Sizes) {
        self.change(sizes, u32::wrapping_sub);
    }

    fn change(&mut self, sizes: Sizes, change: impl Fn(u32, u32) -> u32) {
        for (counts, size) in self.0.iter_mut().zip(sizes.0) {
            if let Some(count) = counts.get_mut(usize::from(size)) {
                *count = change(*count, 1);
            }
        }
    }

    /// Returns the smallest round number that nine of ten traces fit into, in nanoseconds, tokens or nano-dollars.
    pub(super) fn fitting(&self, measure: Measure) -> u64 {
        let counts = &self.0[list(measure)];
        let all: u64 = counts.iter().map(|&count| u64::from(count)).sum();
        let mut within = 0;
        for (&count, &step) in counts.iter().zip(steps(list(measure))) {
            within += u64::from(count);
            if within * 10 >= all * 9 {
                return step;
            }
        }
        steps(list(measure)).last().copied().unwrap_or(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scales(sizes: &[[u8; 3]]) -> Scales {
        let mut scales = Scales::default();
        for &sizes in sizes {
            scales.add(Sizes(sizes));
        }
        scales
    }

    #[test]
    fn round_numbers_ascend() {
        assert_eq!((TIMES[0], TIMES[8], TIMES[9], TIMES[31]), (SECOND / 1000, SECOND / 2, SECOND, 365 * 24 * 3600 * SECOND));
        assert!(TIMES.is_sorted_by(|one, two| one < two) && COUNTS.is_sorted_by(|one, two| one < two));
    }

    #[test]
    fn round_times_are_the_next_ones() {
        let cases = [(0, 1), (1, 1), (3, 5), (430_000_000, 500_000_000), (500_000_001, SECOND), (SECOND * 11, SECOND * 20)];
        assert_eq!(cases.map(|(nanos, _)| round_time(nanos)), cases.map(|(_, step)| step));
        assert_eq!(round_time(u64::MAX), u64::MAX);
    }

    #[test]
    fn nine_of_ten_traces_fit() {
        assert_eq!(scales(&[]).fitting(Measure::Time), TIMES[0]);
        assert_eq!(scales(&[[9, 3, UNKNOWN]]).fitting(Measure::Time), SECOND);
        assert_eq!(scales(&[[9, 3, UNKNOWN], [12, 0, 0]]).fitting(Measure::Own), 10 * SECOND);
        let mut many = scales(&[[9, 3, UNKNOWN]; 9]);
        many.add(Sizes([20, 20, 20]));
        assert_eq!((many.fitting(Measure::Time), many.fitting(Measure::Tokens)), (SECOND, 10));
        assert_eq!(many.fitting(Measure::Cost), COUNTS[20], "unknown sizes do not count");
        many.add(Sizes([20, 20, 20]));
        assert_eq!(many.fitting(Measure::Time), TIMES[20]);
        many.remove(Sizes([20, 20, 20]));
        assert_eq!(many.fitting(Measure::Time), SECOND);
    }
}
