//! What each agent, model and tool did: calls, times and usage, kept as spans arrive.

use std::collections::BTreeMap;

use hashbrown::HashMap;

use super::histogram::Histogram;
use super::interner::Symbol;
use super::totals::Totals;
use crate::model::Nanos;
use crate::model::usage::NanoUsd;

/// By what calls are grouped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum By {
    /// The agent, team or workflow. Its usage is that of what ran under it and under no other agent below it.
    Agent,
    /// The model. Its usage is that of its calls.
    Model,
    /// The tool. Its usage is that of what ran under its calls and under no other tool below them.
    Tool,
}

/// What was done by one agent, model or tool.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// Spans that came: runs, calls of the model (once, however many spans tell of one), uses of the tool.
    pub calls: u32,
    /// Those that failed.
    pub errors: u32,
    /// How long those that ended took.
    pub times: Histogram,
    /// How long a model's first token took, where that is known.
    pub first_tokens: Histogram,
    /// Tokens out of the calls whose time is in `writing`.
    pub written: u64,
    /// Time of the calls that state their tokens out.
    pub writing: Nanos,
    /// What was used, in all.
    pub usage: Totals,
}

impl Group {
    /// Tokens out in a second of a model's calls, from their beginning; `None` if no call states them.
    #[must_use]
    pub fn tokens_per_second(&self) -> Option<f64> {
        (self.writing > 0).then(|| self.written as f64 * 1e9 / self.writing as f64)
    }

    fn is_empty(&self) -> bool {
        self.calls == 0 && self.usage.is_zero()
    }
}

/// A call, as it is counted in its group.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counted {
    pub(super) failed: bool,
    pub(super) took: Option<Nanos>,
    pub(super) first_token: Option<Nanos>,
    pub(super) written: Option<u32>,
}

/// What ended in one minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MinuteTotals {
    /// Tokens in and out.
    pub tokens: u64,
    /// What it cost, as far as is known.
    pub cost: NanoUsd,
    /// Spans.
    pub spans: u32,
    /// Those that failed.
    pub errors: u32,
}

/// Nanoseconds of a minute.
pub const MINUTE: Nanos = 60_000_000_000;

/// Minutes that are remembered.
const MINUTES: i64 = 24 * 60;

/// The groups over some traces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    groups: [HashMap<Symbol, Group>; 3],
    times: [Histogram; 3],
    minutes: BTreeMap<i64, MinuteTotals>,
    /// The first minute that is remembered.
    floor: i64,
    pub(super) totals: Totals,
    pub(super) traces: usize,
}

impl Stats {
    /// Every agent, model or tool with what it did, in no order.
    pub fn groups(&self, by: By) -> impl Iterator<Item = (Symbol, &Group)> {
        self.groups[by as usize].iter().map(|(&symbol, group)| (symbol, group))
    }

    /// What one agent, model or tool did.
    #[must_use]
    pub fn group(&self, by: By, symbol: Symbol) -> Option<&Group> {
        self.groups[by as usize].get(&symbol)
    }

    /// How long all runs, calls or uses together took that ended.
    #[must_use]
    pub fn times(&self, by: By) -> &Histogram {
        &self.times[by as usize]
    }

    /// Sums over all spans of the traces.
    #[must_use]
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// How many traces these are.
    #[must_use]
    pub fn traces(&self) -> usize {
        self.traces
    }

    /// What ended in each of the last `count` minutes before `now`, the current one last. A day is remembered.
    #[must_use]
    pub fn minutes(&self, now: Nanos, count: i64) -> Vec<MinuteTotals> {
        let last = now.div_euclid(MINUTE);
        (last + 1 - count..=last).map(|minute| self.minutes.get(&minute).copied().unwrap_or_default()).collect()
    }

    /// Forgets minutes that are over for more than a day. True if the clock went back to before all that are remembered, as it does when it
    /// was set wrong: then every minute is empty and is to be filled again.
    pub(super) fn pass(&mut self, now: Nanos) -> bool {
        let minute = now.div_euclid(MINUTE);
        let (floor, is_back) = (minute - MINUTES, minute < self.floor);
        if is_back {
            self.minutes.clear();
        } else if floor > self.floor {
            self.minutes = self.minutes.split_off(&floor);
        } else {
            return false;
        }
        self.floor = floor;
        is_back
    }

    pub(super) fn begin_at(floor: &Self) -> Self {
        Self { floor: floor.floor, ..Self::default() }
    }

    /// Adds usage to a group, or a difference of it.
    pub(super) fn use_by(&mut self, by: By, symbol: Symbol, usage: &Totals) {
        self.change(by, symbol, |group| group.usage.add(usage));
    }

    /// Counts a call, or takes it back.
    pub(super) fn count(&mut self, by: By, symbol: Symbol, call: &Counted, back: bool) {
        if let Some(took) = call.took {
            let times = &mut self.times[by as usize];
            if back { times.remove(took) } else { times.add(took) }
        }
        self.change(by, symbol, |group| {
            let by_one = |count: &mut u32, so: bool| *count = if back { *count - u32::from(so) } else { *count + u32::from(so) };
            by_one(&mut group.calls, true);
            by_one(&mut group.errors, call.failed);
            let record = |histogram: &mut Histogram, time| if back { histogram.remove(time) } else { histogram.add(time) };
            if let Some(took) = call.took {
                record(&mut group.times, took);
            }
            if let Some(first_token) = call.first_token {
                record(&mut group.first_tokens, first_token);
            }
            if let (Some(took), Some(written)) = (call.took, call.written) {
                let sign = if back { -1 } else { 1 };
                // Wraps, so that taking back undoes it.
                group.writing = group.writing.wrapping_add(sign * took);
                group.written = group.written.wrapping_add_signed(sign * i64::from(written));
            }
        });
    }

    fn change(&mut self, by: By, symbol: Symbol, change: impl FnOnce(&mut Group)) {
        let group = self.groups[by as usize].entry(symbol).or_default();
        change(group);
        if group.is_empty() {
            self.groups[by as usize].remove(&symbol);
        }
    }

    /// Adds to the minute in which a span ended what it used itself, or a difference of it.
    pub(super) fn flow(&mut self, end: Nanos, own: &Totals) {
        let minute = end.div_euclid(MINUTE);
        if minute < self.floor {
            return;
        }
        let flow = self.minutes.entry(minute).or_default();
        flow.tokens = flow.tokens.wrapping_add(own.input).wrapping_add(own.output);
        flow.cost = flow.cost.wrapping_add(own.cost);
        flow.spans = flow.spans.wrapping_add(own.spans);
        flow.errors = flow.errors.wrapping_add(own.errors);
        if *flow == MinuteTotals::default() {
            self.minutes.remove(&minute);
        }
    }
}
