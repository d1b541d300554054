//! Counts calls by group: agents, models and tools from the store's totals, the others in a walk over the rows.

mod walk;

use std::collections::HashMap;

use crate::cli::GroupBy;
use crate::export::MissSum;
use crate::model::Nanos;
use crate::model::calendar::{self, Period, Unit};
use crate::model::sort;
use crate::model::usage::NanoUsd;
use crate::store::{By, Phase, Row, RowIx, Store, Symbol, Totals, TraceIx};

/// What was counted for one key.
#[derive(Debug, Default)]
pub(in crate::commands) struct Group {
    /// The agent, model, tool and so on; `None` for what ran under none.
    pub(in crate::commands) key: Option<String>,
    /// The hour, the day or the month.
    pub(in crate::commands) period: Option<Period>,
    /// The number of calls.
    pub(in crate::commands) calls: u64,
    /// The number of calls that failed themselves; of sessions, services and times, of those with any failed step.
    pub(in crate::commands) errors: u64,
    /// The number of failed calls: a run has failed, too, if a step failed in it that no call outlived.
    pub(in crate::commands) failed: u64,
    /// The usage below its calls, without that below another group of the same kind.
    pub(in crate::commands) usage: Totals,
    /// The durations of ended calls, ascending.
    durations: Vec<Nanos>,
    /// The times to the first token of the model calls that state one, ascending.
    first_tokens: Vec<Nanos>,
    /// The output tokens per second of the ended model calls that state them, ascending.
    speeds: Vec<f64>,
    priced: Priced,
    /// What caches missed; `None` if that was not counted, or no call states cached tokens.
    pub(in crate::commands) misses: Option<MissSum>,
}

/// The tokens and the cost of the calls of which both are known.
#[derive(Clone, Copy, Debug, Default)]
struct Priced {
    tokens: u64,
    cost: NanoUsd,
    /// Whether a span states a cost for what ran below it, which can't be divided among the calls.
    is_undivided: bool,
}

impl Group {
    /// Returns the duration that `percent` of the ended calls did not exceed; `None` if none has ended.
    pub(in crate::commands) fn percentile(&self, percent: usize) -> Option<Nanos> {
        at_percent(&self.durations, percent)
    }

    /// Returns the time to the first token that `percent` of the model calls did not exceed; `None` if none states one.
    pub(in crate::commands) fn first_token(&self, percent: usize) -> Option<Nanos> {
        at_percent(&self.first_tokens, percent)
    }

    /// Returns the output tokens per second that `percent` of the model calls did not exceed; `None` if none states them.
    pub(in crate::commands) fn speed(&self, percent: usize) -> Option<f64> {
        at_percent(&self.speeds, percent)
    }

    /// Returns the average cost of 1,000 tokens in billionths of a dollar, over the calls of which both are known; `None` if there are none.
    pub(in crate::commands) fn cost_per_1k_tokens(&self) -> Option<f64> {
        let Totals { calls, inputs, priced, cost, .. } = self.usage;
        let is_whole = calls > 0 && priced >= calls && inputs >= calls;
        let (tokens, cost) = match self.priced {
            _ if is_whole => (self.usage.tokens()?, cost),
            Priced { is_undivided: true, .. } => return None,
            Priced { tokens, cost, .. } => (tokens, cost),
        };
        (tokens > 0 && cost >= 0).then(|| cost as f64 * 1e3 / tokens as f64)
    }

    /// Returns the start of an hour, a day or a month.
    pub(in crate::commands) fn start(&self) -> Option<Nanos> {
        self.period.as_ref().map(|period| period.at)
    }

    /// Returns the sum of groups.
    pub(in crate::commands) fn total(groups: &[Self]) -> Self {
        let mut total = Self::default();
        for group in groups {
            total.calls += group.calls;
            total.errors += group.errors;
            total.failed += group.failed;
            total.usage.add(&group.usage);
            total.durations.extend(&group.durations);
            total.first_tokens.extend(&group.first_tokens);
            total.speeds.extend(&group.speeds);
            total.priced.tokens = total.priced.tokens.saturating_add(group.priced.tokens);
            total.priced.cost = total.priced.cost.saturating_add(group.priced.cost);
            total.priced.is_undivided |= group.priced.is_undivided;
            if let Some(misses) = &group.misses {
                total.misses.get_or_insert_default().add_all(misses);
            }
        }
        total.sort();
        total
    }
}

/// Returns the groups: hours, days and months in the order of time, others with those of the most calls first. The one without a key is last.
/// `prefixes` are those of the model calls, to group by them.
pub(in crate::commands) fn count(store: &mut Store, traces: &[TraceIx], by: GroupBy, prefixes: &HashMap<RowIx, String>) -> Vec<Group> {
    let mut groups = match by {
        GroupBy::Agent => from_totals(store, traces, By::Agent),
        GroupBy::Model => from_totals(store, traces, By::Model),
        GroupBy::Tool => from_totals(store, traces, By::Tool),
        GroupBy::Session | GroupBy::User | GroupBy::Error => walk::from_rows(store, traces, by),
        GroupBy::Provider => walk::from_calls(store, traces, |row| walk::provider(store, row)),
        GroupBy::Prefix => walk::from_calls(store, traces, |row| prefixes.get(&row).map_or("", String::as_str).into()),
        GroupBy::Service => walk::from_services(store, traces),
        GroupBy::Hour => walk::from_periods(store, traces, Unit::Hour),
        GroupBy::Day => walk::from_periods(store, traces, Unit::Day),
        GroupBy::Month => walk::from_periods(store, traces, Unit::Month),
    };
    groups.iter_mut().for_each(Group::sort);
    sort::by_key(&mut groups, |group| (group.key.is_none(), group.start(), std::cmp::Reverse(group.calls), group.key.clone()));
    groups
}

/// Returns the key of the group to which a row adds what it uses.
pub(super) fn group_of(store: &Store, row: RowIx, by: GroupBy, prefixes: &HashMap<RowIx, String>) -> Option<String> {
    let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let period = |unit| Some(calendar::period(unit, store.row(row).start).name);
    match by {
        GroupBy::Agent => text(store.text(store.agent(row))),
        GroupBy::Tool => {
            text(store.text(store.inherited(row, |data| if By::of(data.span_type) == Some(By::Tool) { data.label } else { Symbol::EMPTY })))
        }
        GroupBy::Model => text(store.text(store.counted_model(row))),
        GroupBy::Provider => text(&walk::provider(store, row)),
        GroupBy::Prefix => prefixes.get(&row).cloned(),
        GroupBy::Service => text(store.service(row)),
        GroupBy::Session | GroupBy::User | GroupBy::Error => walk::group_above(store, row, by),
        GroupBy::Hour => period(Unit::Hour),
        GroupBy::Day => period(Unit::Day),
        GroupBy::Month => period(Unit::Month),
    }
}

/// Returns a group per agent, model or tool from the store's totals, and one for what ran under none.
fn from_totals(store: &mut Store, traces: &[TraceIx], by: By) -> Vec<Group> {
    let mut rest = Group::default();
    // The totals of all traces exist already.
    if traces.len() < store.trace_count() {
        store.begin_selection();
        for &trace in traces {
            store.select(trace, true);
        }
    }
    let totals = store.selection().unwrap_or(store.stats());
    rest.usage.add(totals.totals());
    let mut groups: HashMap<Symbol, Group> = HashMap::new();
    for (symbol, group) in totals.groups(by) {
        rest.usage.subtract(&group.usage);
        let key = Some(store.text(symbol).to_owned());
        let (calls, failed) = (group.calls.into(), group.failed.into());
        groups.insert(symbol, Group { key, calls, failed, usage: group.usage, ..Group::default() });
    }
    for &trace in traces {
        // The agent, model or tool of each ancestor, from the root.
        let mut levels: Vec<Symbol> = Vec::new();
        for (row, depth) in store.walk(trace) {
            let data = store.row(row);
            if let Some((_, symbol)) = store.call_of(row).filter(|(counted, _)| *counted == by)
                && let Some(group) = groups.get_mut(&symbol)
            {
                group.errors += u64::from(store.has_itself_failed(row));
                // The durations in the totals are rounded.
                if data.phase == Phase::Ended && !store.is_delegation(row) {
                    group.durations.extend(duration(data));
                    if by == By::Model {
                        group.first_tokens.extend(store.first_token(row));
                        group.speeds.extend(store.output_rate(row));
                    }
                }
            }
            levels.truncate(depth);
            let owner = match by {
                By::Model => store.counted_model(row),
                _ => Some(store.label(by, row)).filter(|label| !label.is_empty()).or(levels.last().copied()).unwrap_or_default(),
            };
            levels.push(owner);
            groups.get_mut(&owner).unwrap_or(&mut rest).priced.add(&own_usage(store, row));
        }
    }
    store.end_selection();
    // Calls without a name belong to no agent, model or tool.
    if let Some(nameless) = groups.remove(&Symbol::EMPTY) {
        rest.usage.add(&nameless.usage);
        rest = Group { usage: rest.usage, key: None, ..nameless };
    }
    let mut groups: Vec<Group> = groups.into_values().collect();
    let has_refusals = by == By::Agent && rest.usage.refused > 0;
    groups.extend(Some(rest).filter(|rest| rest.calls > 0 || rest.has_usage() || has_refusals));
    groups
}

/// Returns the item of an ascending list that `percent` of them do not exceed, by nearest rank.
fn at_percent<T: Copy>(items: &[T], percent: usize) -> Option<T> {
    items.get((items.len() * percent).div_ceil(100).max(1) - 1).copied()
}

impl Group {
    fn sort(&mut self) {
        self.durations.sort_unstable();
        self.first_tokens.sort_unstable();
        self.speeds.sort_unstable_by(f64::total_cmp);
    }

    /// Whether it has any usage. What a row adds to the totals below it is not another call.
    fn has_usage(&self) -> bool {
        let Totals { calls, inputs, outputs, priced, input, output, cost, .. } = self.usage;
        calls + inputs + outputs + priced > 0 || (input | output) > 0 || cost != 0
    }

    /// Counts a call, failed if it or, `with_rows_below`, anything in it failed.
    fn add_call(&mut self, store: &Store, row: RowIx, with_rows_below: bool) {
        let data = store.row(row);
        let totals = store.totals(row);
        let own = (store.has_itself_failed(row), store.has_failed(row));
        let (is_error, has_failed) = if with_rows_below { (totals.failed > 0, totals.fatal > 0) } else { own };
        self.calls += 1;
        self.errors += u64::from(is_error);
        self.failed += u64::from(has_failed);
        if data.phase == Phase::Ended {
            self.durations.extend(duration(data));
        }
    }

    fn add_usage(&mut self, own: &Totals) {
        self.usage.add(own);
        self.priced.add(own);
    }
}

impl Priced {
    fn add(&mut self, own: &Totals) {
        if own.calls > 0 && own.priced == own.calls && own.inputs == own.calls {
            self.tokens = self.tokens.saturating_add(own.input.saturating_add(own.output));
            self.cost = self.cost.saturating_add(own.cost);
        } else if own.cost != 0 && own.calls != own.priced {
            self.is_undivided = true;
        }
    }
}

/// Returns what the row itself adds to the totals of its ancestors.
fn own_usage(store: &Store, row: RowIx) -> Totals {
    let mut own = store.totals(row);
    own.subtract(&store.below(row));
    own
}

/// Returns the duration of an ended span; `None` if the clock jumped back and it ends before it starts.
fn duration(data: &Row) -> Option<Nanos> {
    Some(data.end.saturating_sub(data.start)).filter(|duration| *duration >= 0)
}

#[cfg(test)]
mod tests;
