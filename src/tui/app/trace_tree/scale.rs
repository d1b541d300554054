//! One scale for the bars of all folded traces, so that they can be compared by eye.
//!
//! It is a round number that nine of ten shown traces fit into; the others' bars run over its end. It depends on all shown traces, not on
//! those that happen to be on the screen, so that it does not change while one scrolls, and rarely as traces come.

use crate::model::Nanos;
use crate::settings::Measure;
use crate::store::{Store, TraceIx};

/// The list of sizes that a measure is counted in.
fn list(measure: Measure) -> usize {
    match measure {
        Measure::Time | Measure::Own => 0,
        Measure::Tokens => 1,
        Measure::Cost => 2,
    }
}

const SECOND: u64 = 1_000_000_000;
const HOUR: u64 = 3600 * SECOND;

/// Round times in nanoseconds.
const TIMES: [u64; 32] = [
    SECOND / 1000,
    SECOND / 500,
    SECOND / 200,
    SECOND / 100,
    SECOND / 50,
    SECOND / 20,
    SECOND / 10,
    SECOND / 5,
    SECOND / 2,
    SECOND,
    2 * SECOND,
    5 * SECOND,
    10 * SECOND,
    20 * SECOND,
    30 * SECOND,
    60 * SECOND,
    120 * SECOND,
    300 * SECOND,
    600 * SECOND,
    1200 * SECOND,
    1800 * SECOND,
    HOUR,
    2 * HOUR,
    5 * HOUR,
    12 * HOUR,
    24 * HOUR,
    48 * HOUR,
    5 * 24 * HOUR,
    10 * 24 * HOUR,
    30 * 24 * HOUR,
    100 * 24 * HOUR,
    365 * 24 * HOUR,
];

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

fn steps(list: usize) -> &'static [u64] {
    if list == 0 { &TIMES } else { &COUNTS }
}

/// The sizes of one trace, as places in the lists of round numbers; `NOT_KNOWN` where it has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sizes([u8; 3]);

const NOT_KNOWN: u8 = u8::MAX;

impl Sizes {
    pub(super) fn new(store: &Store, trace: TraceIx, now: Nanos) -> Self {
        let time = u64::try_from(length(store, trace, now)).ok();
        let totals = store.totals_of(trace);
        let cost = totals.cost().and_then(|cost| u64::try_from(cost).ok());
        let step = |list: usize, size: Option<u64>| {
            let steps = steps(list);
            size.map_or(NOT_KNOWN, |size| steps.partition_point(|&step| step < size).min(steps.len() - 1) as u8)
        };
        Self([step(0, time), step(1, totals.tokens()), step(2, cost)])
    }
}

/// How long a trace is, from its first start to its last end; until `now` while it runs. Never negative.
pub(super) fn length(store: &Store, trace: TraceIx, now: Nanos) -> Nanos {
    let data = store.trace(trace);
    let end = if data.counts().running > 0 { data.end.max(now) } else { data.end };
    end.saturating_sub(data.start).max(0)
}

/// How many of the shown traces have which size.
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

    /// The round number that nine of ten traces fit into: nanoseconds, tokens, or billionths of a dollar.
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
        assert!(TIMES.is_sorted_by(|one, two| one < two) && COUNTS.is_sorted_by(|one, two| one < two));
    }

    #[test]
    fn nine_of_ten_fit() {
        assert_eq!(scales(&[]).fitting(Measure::Time), TIMES[0]);
        assert_eq!(scales(&[[9, 3, NOT_KNOWN]]).fitting(Measure::Time), SECOND);
        assert_eq!(scales(&[[9, 3, NOT_KNOWN], [12, 0, 0]]).fitting(Measure::Own), 10 * SECOND);
        let mut many = scales(&[[9, 3, NOT_KNOWN]; 9]);
        many.add(Sizes([20, 20, 20]));
        assert_eq!((many.fitting(Measure::Time), many.fitting(Measure::Tokens)), (SECOND, 10));
        assert_eq!(many.fitting(Measure::Cost), COUNTS[20], "unknown counts nowhere");
        many.add(Sizes([20, 20, 20]));
        assert_eq!(many.fitting(Measure::Time), TIMES[20]);
        many.remove(Sizes([20, 20, 20]));
        assert_eq!(many.fitting(Measure::Time), SECOND);
    }
}
