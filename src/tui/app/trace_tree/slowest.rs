//! The steps that decide how long a trace takes, the longest first.

use std::collections::HashMap;

use super::TraceTree;
use crate::model::Nanos;
use crate::model::sort;
use crate::store::{RowIx, Store};

/// A step among those that decide how long its trace takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlowStep {
    /// Its rank; the slowest has 1.
    pub rank: usize,
    /// The number of such steps.
    pub count: usize,
    /// The time in which it decided, in nanoseconds: while no step in it did.
    pub time: Nanos,
    /// The time of all of them, in nanoseconds.
    pub total: Nanos,
}

impl TraceTree {
    /// Goes to the step that decides most of the time of the trace under the cursor, and from there to the next one; the first follows the
    /// last. `None` if the trace takes no time. Costs the rows of the trace.
    pub fn go_to_slowest(&mut self, store: &Store, now: Nanos) -> Option<SlowStep> {
        let (cursor, trace) = self.cursor?;
        let mut times: HashMap<RowIx, Nanos> = HashMap::new();
        for (row, time) in store.critical_path(trace, now).into_iter().filter(|(_, time)| *time > 0) {
            let sum = times.entry(self.told_at(store, row)).or_default();
            *sum = sum.saturating_add(time);
        }
        let mut steps: Vec<_> = times.into_iter().collect();
        sort::by_key(&mut steps, |&(row, time)| (std::cmp::Reverse(time), store.row(row).start, row));
        let current = self.slowest.filter(|&slowest| slowest == cursor);
        let current = current.and_then(|current| steps.iter().position(|&(row, _)| row == current));
        let index = current.map_or(0, |current| (current + 1) % steps.len());
        let &(row, time) = steps.get(index)?;
        self.reveal(store, row);
        self.slowest = Some(row);
        let total = steps.iter().fold(0, |sum: Nanos, (_, time)| sum.saturating_add(*time));
        Some(SlowStep { rank: index + 1, count: steps.len(), time, total })
    }
}
