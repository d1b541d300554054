//! Where a trace's time went: to models, to tools, to the rest. What runs at the same time counts once.

use super::Store;
use super::row::{Phase, RowIx, TraceIx};
use crate::model::Nanos;

/// How long anything ran in a trace, by what it was. Where models and tools run at the same time, it is the models' time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimeBreakdown {
    /// Calls of models.
    pub model: Nanos,
    /// Tools, without models that ran meanwhile.
    pub tool: Nanos,
    /// Everything else that ran.
    pub rest: Nanos,
}

impl TimeBreakdown {
    /// All of it: the time in which anything ran.
    #[must_use]
    pub fn whole(&self) -> Nanos {
        self.model.saturating_add(self.tool).saturating_add(self.rest)
    }
}

impl Store {
    /// Where the trace's time went, at `now`. Costs its rows, sorted.
    #[must_use]
    pub fn split_of(&self, trace: TraceIx, now: Nanos) -> TimeBreakdown {
        // What begins counts 1, what ends -1; of the same moment, ends come first.
        let mut turns: Vec<(Nanos, i32, usize)> = Vec::new();
        for row in self.rows_of(trace) {
            if let Some((start, end)) = self.ran(row, now) {
                let of = match self.row(row).span_type {
                    kind if kind.calls_model() => 0,
                    kind if kind.calls_tool() => 1,
                    _ => 2,
                };
                turns.extend([(start, 1, of), (end, -1, of)]);
            }
        }
        turns.sort_unstable();
        let (mut times, mut running, mut before) = ([0 as Nanos; 3], [0; 3], 0 as Nanos);
        for (at, by, of) in turns {
            if let Some(first) = running.iter().position(|&count| count > 0) {
                times[first] = times[first].saturating_add(at.saturating_sub(before));
            }
            running[of] += by;
            before = at;
        }
        let [model, tool, rest] = times;
        TimeBreakdown { model, tool, rest }
    }

    /// The part of a row's time, at `now`, in which no row directly under it ran.
    #[must_use]
    pub fn own_time(&self, row: RowIx, now: Nanos) -> Nanos {
        let stretch = |row: RowIx| (self.row(row).start, self.row(row).start.saturating_add(self.row(row).duration(now)));
        let (start, end) = stretch(row);
        let (mut own, mut until) = (0 as Nanos, start);
        // Children stand in the order of their starts.
        for &child in self.children(row) {
            let (from, to) = stretch(child);
            own = own.saturating_add(from.min(end).saturating_sub(until).max(0));
            until = until.max(to.min(end));
        }
        own.saturating_add(end.saturating_sub(until).max(0))
    }

    /// From when to when a row ran, if it did and that is known.
    fn ran(&self, row: RowIx, now: Nanos) -> Option<(Nanos, Nanos)> {
        let data = self.row(row);
        let known = data.phase != Phase::Lost && !(data.placeholder && data.phase == Phase::Ended);
        let end = data.start.checked_add(data.duration(now))?;
        (known && end > data.start).then_some((data.start, end))
    }
}
