//! Statistics by agent, model and tool, and by minute.

use std::collections::BTreeMap;

use super::group_table::GroupTable;
use super::histogram::Histogram;
use super::interner::Symbol;
use super::row::RunStatus;
use super::totals::Totals;
use crate::model::Nanos;
use crate::model::usage::NanoUsd;

/// What calls are grouped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum By {
    /// The agent, team or workflow. Its usage is that of the rows below its runs, except below runs of other agents.
    Agent,
    /// The model. Its usage is that of its calls.
    Model,
    /// The tool. Its usage is that of the rows below its calls, except below calls of other tools.
    Tool,
}

/// The statistics of one agent, model or tool.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// The number of runs or calls. A model call counts once, whatever the number of spans that report it.
    pub calls: u32,
    /// The number of failed calls.
    pub failed: u32,
    /// The durations of the ended calls.
    pub times: Histogram,
    /// The times to the first token, of the model calls that state one.
    pub first_tokens: Histogram,
    /// The output tokens per second of the ended calls that state them, in thousandths.
    speeds: Histogram,
    /// The output tokens of the ended calls that state them.
    output: u64,
    /// The duration of the calls whose tokens are in `output`.
    output_time: Nanos,
    /// The attributed usage.
    pub usage: Totals,
}

impl Group {
    /// Returns the output tokens per second of call duration; `None` if no ended call states its output tokens.
    #[must_use]
    pub fn tokens_per_second(&self) -> Option<f64> {
        (self.output_time > 0).then(|| self.output as f64 * 1e9 / self.output_time as f64)
    }

    /// Returns the quantile of the output tokens per second of the ended calls that state them, such as the median for 500.
    #[must_use]
    pub fn speed(&self, thousandths: u64) -> Option<f64> {
        self.speeds.quantile(thousandths).map(|speed| speed as f64 / 1e3)
    }

    fn is_empty(&self) -> bool {
        self.calls == 0 && self.usage.is_zero()
    }
}

/// A call as its group counts it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    pub(super) failed: bool,
    /// `None` while it runs.
    pub(super) duration: Option<Nanos>,
    pub(super) first_token: Option<Nanos>,
    /// Output tokens.
    pub(super) output: Option<u32>,
}

/// The sums over the spans that ended in one minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MinuteTotals {
    /// Input and output tokens.
    pub tokens: u64,
    /// The known cost.
    pub cost: NanoUsd,
    /// Calls whose cost is unknown or lacks their cached tokens. Wraps below zero where a cost is stated for calls that ended in another
    /// minute.
    pub incomplete: u32,
    /// Spans.
    pub spans: u32,
    /// Failed steps.
    pub failed: u32,
}

/// The numbers of failed, paused and cut traces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunCounts {
    /// Failed traces.
    pub failed: u32,
    /// Traces that wait for a person.
    pub paused: u32,
    /// Traces that were cut.
    pub cut: u32,
}

impl RunCounts {
    fn count(&mut self, status: RunStatus) -> Option<&mut u32> {
        match status {
            RunStatus::Error => Some(&mut self.failed),
            RunStatus::Paused => Some(&mut self.paused),
            RunStatus::Cut => Some(&mut self.cut),
            RunStatus::Running | RunStatus::Lost | RunStatus::Ok => None,
        }
    }

    /// Counts a trace in another status than before.
    pub(super) fn replace(&mut self, before: RunStatus, after: RunStatus) {
        if before != after {
            self.add(before, false);
            self.add(after, true);
        }
    }

    /// Counts a trace, or undoes that if `add` is false.
    pub(super) fn add(&mut self, status: RunStatus, add: bool) {
        if let Some(count) = self.count(status) {
            *count = if add { count.wrapping_add(1) } else { count.wrapping_sub(1) };
        }
    }
}

/// A minute in nanoseconds.
pub const MINUTE: Nanos = 60_000_000_000;

/// The number of minutes that are kept: a day.
const KEPT_MINUTES: i64 = 24 * 60;

/// The three histograms of a group with few durations: a node each.
const HISTOGRAMS: usize = 3 * 112;

/// Returns the output tokens per second in thousandths; `None` of an answer without tokens or time.
fn speed(output: u32, duration: Nanos) -> Option<i64> {
    (output > 0 && duration > 0).then(|| i64::try_from(i128::from(output) * 1_000_000_000_000 / i128::from(duration)).unwrap_or(i64::MAX))
}

/// Statistics over some traces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    groups: [GroupTable<Group>; 3],
    times: [Histogram; 3],
    minutes: BTreeMap<i64, MinuteTotals>,
    /// The first minute that is kept.
    first_minute: i64,
    pub(super) totals: Totals,
    pub(super) runs: RunCounts,
}

impl Stats {
    /// Returns all agents, models or tools with their statistics, in no order.
    pub fn groups(&self, by: By) -> impl Iterator<Item = (Symbol, &Group)> {
        self.groups[by as usize].iter()
    }

    /// Takes the statistics of all agents, models and tools apart.
    pub fn into_groups(self) -> impl Iterator<Item = Group> {
        self.groups.into_iter().flat_map(GroupTable::into_groups)
    }

    /// Returns the agent, model or tool with a name.
    #[must_use]
    pub fn group(&self, by: By, name: Symbol) -> Option<&Group> {
        self.groups[by as usize].get(name)
    }

    /// Returns the agent, model or tool at a place below [`Stats::group_places`], if there is one. Each keeps its place.
    #[must_use]
    pub fn group_at(&self, by: By, place: u32) -> Option<(Symbol, &Group)> {
        self.groups[by as usize].at(place)
    }

    /// Returns the number of places.
    #[must_use]
    pub fn group_places(&self, by: By) -> u32 {
        self.groups[by as usize].end()
    }

    /// Returns the memory of the agents, models and tools in bytes.
    pub(super) fn memory(&self) -> usize {
        self.groups.iter().map(|groups| groups.memory() + groups.len() * HISTOGRAMS).sum()
    }

    /// Returns the durations of all ended runs or calls of a kind.
    #[must_use]
    pub fn times(&self, by: By) -> &Histogram {
        &self.times[by as usize]
    }

    /// Returns the sums over all rows of the traces.
    #[must_use]
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// Returns the numbers of failed, paused and cut traces.
    #[must_use]
    pub fn runs(&self) -> RunCounts {
        self.runs
    }

    /// Returns the sums of the last `count` minutes up to `now`, the current minute last. One day is kept.
    #[must_use]
    pub fn minutes(&self, now: Nanos, count: i64) -> Vec<MinuteTotals> {
        let last = now.div_euclid(MINUTE);
        (last + 1 - count..=last).map(|minute| self.minutes.get(&minute).copied().unwrap_or_default()).collect()
    }

    /// Drops minutes older than a day. If the clock went back to before all kept minutes, clears them and returns true: the caller must
    /// then add all rows to their minutes again.
    pub(super) fn advance_clock(&mut self, now: Nanos) -> bool {
        let minute = now.div_euclid(MINUTE);
        let (first_minute, is_reset) = (minute - KEPT_MINUTES, minute < self.first_minute);
        if is_reset {
            self.minutes.clear();
        } else if first_minute > self.first_minute {
            self.minutes = self.minutes.split_off(&first_minute);
        } else {
            return false;
        }
        self.first_minute = first_minute;
        is_reset
    }

    /// Returns empty statistics that keep the same minutes.
    pub(super) fn empty_like(&self) -> Self {
        Self { first_minute: self.first_minute, ..Self::default() }
    }

    /// Adds the own totals of a span, or a difference of them, to its model and to the minute in which it ended.
    pub(super) fn add_own(&mut self, end: Nanos, model: Symbol, own: &Totals) {
        self.add_to_minute(end, own);
        let usage = own.usage_only();
        if !usage.is_zero() {
            self.add_usage(By::Model, model, &usage);
        }
    }

    /// Adds usage, or a difference of it, to a group.
    pub(super) fn add_usage(&mut self, by: By, name: Symbol, usage: &Totals) {
        self.change(by, name, |group| group.usage.add(usage));
    }

    /// Counts a call, or undoes that if `add` is false.
    pub(super) fn count_call(&mut self, (by, name, call): &(By, Symbol, Call), add: bool) {
        let (by, name) = (*by, *name);
        let record = |histogram: &mut Histogram, time| if add { histogram.add(time) } else { histogram.remove(time) };
        if let Some(duration) = call.duration {
            record(&mut self.times[by as usize], duration);
        }
        self.change(by, name, |group| {
            let adjust = |count: &mut u32, by: bool| *count = if add { *count + u32::from(by) } else { *count - u32::from(by) };
            adjust(&mut group.calls, true);
            adjust(&mut group.failed, call.failed);
            if let Some(duration) = call.duration {
                record(&mut group.times, duration);
            }
            if let Some(first_token) = call.first_token {
                record(&mut group.first_tokens, first_token);
            }
            if let (Some(duration), Some(output)) = (call.duration, call.output) {
                // Wrapping arithmetic, so that removing a call undoes adding it even after an overflow.
                let sign = if add { 1 } else { -1 };
                group.output_time = group.output_time.wrapping_add(sign * duration);
                group.output = group.output.wrapping_add_signed(sign * i64::from(output));
                if let Some(speed) = speed(output, duration) {
                    record(&mut group.speeds, speed);
                }
            }
        });
    }

    /// Counts a call that was counted before as failed, or no longer.
    pub(super) fn count_failure(&mut self, by: By, name: Symbol, add: bool) {
        self.change(by, name, |group| group.failed = if add { group.failed + 1 } else { group.failed - 1 });
    }

    fn change(&mut self, by: By, name: Symbol, change: impl FnOnce(&mut Group)) {
        self.groups[by as usize].change(name, |group| {
            change(group);
            group.is_empty()
        });
    }

    /// Adds the own totals of a span, or a difference of them, to the minute in which the span ended.
    pub(super) fn add_to_minute(&mut self, end: Nanos, own: &Totals) {
        let minute = end.div_euclid(MINUTE);
        if minute < self.first_minute {
            return;
        }
        let totals = self.minutes.entry(minute).or_default();
        totals.tokens = totals.tokens.wrapping_add(own.input).wrapping_add(own.output);
        totals.cost = totals.cost.wrapping_add(own.cost);
        totals.incomplete = totals.incomplete.wrapping_add(own.calls).wrapping_sub(own.priced).wrapping_add(own.underpriced);
        totals.spans = totals.spans.wrapping_add(own.spans);
        totals.failed = totals.failed.wrapping_add(own.failed);
        if *totals == MinuteTotals::default() {
            self.minutes.remove(&minute);
        }
    }
}
