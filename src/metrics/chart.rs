//! The last hour of a series in minutes.

use std::collections::VecDeque;

use crate::model::Nanos;

/// An hour in nanoseconds.
pub const HOUR: Nanos = 60 * MINUTE;

const MINUTE: Nanos = 60_000_000_000;

/// The minutes of a chart.
const MINUTES: i64 = 60;

/// What a series states of each minute in which it had a point, the oldest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Chart(VecDeque<(i64, f64)>);

impl Chart {
    /// Adds a value to its minute; `is_sum` adds it to others of the minute, else it replaces them. Without memory the chart does not grow:
    /// returns whether it lost a minute for that.
    pub(super) fn push(&mut self, time: Nanos, value: f64, is_sum: bool, is_full: bool) -> bool {
        let minute = time.div_euclid(MINUTE);
        let newest = self.0.back().map_or(minute, |&(newest, _)| newest.max(minute));
        if minute <= newest - MINUTES {
            return false;
        }
        let mut is_shortened = false;
        match self.0.iter().rposition(|&(known, _)| known <= minute) {
            Some(at) if self.0[at].0 == minute => {
                let held = &mut self.0[at].1;
                *held = if is_sum { *held + value } else { value };
            }
            at => {
                let mut at = at.map_or(0, |at| at + 1);
                if is_full && !self.0.is_empty() {
                    if at == 0 {
                        return true;
                    }
                    self.0.pop_front();
                    at -= 1;
                    is_shortened = true;
                }
                self.0.insert(at, (minute, value));
            }
        }
        while self.0.front().is_some_and(|&(oldest, _)| oldest <= newest - MINUTES) {
            self.0.pop_front();
        }
        is_shortened
    }

    /// Returns the hour that ends at `end` in `cells` parts, the oldest first: the sum of the minutes of each part, or their last value.
    pub(super) fn parts(&self, end: Nanos, cells: usize, is_sum: bool) -> Vec<Option<f64>> {
        let mut parts = vec![None; cells];
        let first = end.div_euclid(MINUTE) - MINUTES + 1;
        for &(minute, value) in &self.0 {
            // A clock may be ahead.
            let at = (minute - first).min(MINUTES - 1);
            if at < 0 || cells == 0 {
                continue;
            }
            let part: &mut Option<f64> = &mut parts[at as usize * cells / MINUTES as usize];
            *part = Some(if is_sum { part.unwrap_or_default() + value } else { value });
        }
        parts
    }

    /// Returns the bytes on the heap.
    pub(super) fn memory(&self) -> usize {
        self.0.capacity() * size_of::<(i64, f64)>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_added_to_their_minutes_for_an_hour_in_any_order() {
        let mut chart = Chart::default();
        for (minute, value) in [(100, 1.0), (101, 2.0), (100, 4.0), (90, 8.0), (30, 16.0)] {
            chart.push(minute * MINUTE + 5, value, true, false);
        }
        assert_eq!(Vec::from(chart.0.clone()), [(90, 8.0), (100, 5.0), (101, 2.0)], "what is older than an hour is not kept");
        let parts = chart.parts(101 * MINUTE, 6, true);
        assert_eq!(parts, [None, None, None, None, Some(8.0), Some(7.0)]);
        chart.push(151 * MINUTE, 1.0, true, false);
        assert_eq!(chart.0.len(), 3);
        assert_eq!(chart.parts(99 * MINUTE, 1, false), [Some(1.0)], "a clock that is ahead shows at the end");
    }

    #[test]
    fn without_memory_a_chart_does_not_grow() {
        let mut chart = Chart::default();
        assert!(!chart.push(MINUTE, 1.0, true, true));
        assert!(chart.push(2 * MINUTE, 1.0, true, true) && chart.push(MINUTE, 1.0, true, true));
        assert_eq!(Vec::from(chart.0), [(2, 1.0)]);
    }
}
