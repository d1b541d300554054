//! Counts calls by group: agents, models and tools from the store's totals, sessions and errors in a walk over the rows.

use std::collections::HashMap;

use crate::cli::GroupBy;
use crate::model::{Nanos, Status, errors};
use crate::store::{self, Phase, Row, RowIx, Store, Symbol, Totals, TraceIx};
use crate::tui::display;

/// What was counted for one key.
#[derive(Debug, Default)]
pub(super) struct Group {
    /// The agent, model, tool, session or error; `None` for what ran under none.
    pub(super) key: Option<String>,
    /// The number of calls.
    pub(super) calls: u64,
    /// The number of calls whose status is an error.
    pub(super) errors: u64,
    /// The number of failed calls.
    pub(super) failed: u64,
    /// The usage below its calls, without that below another group of the same kind.
    pub(super) usage: Totals,
    /// The durations of ended calls, ascending.
    durations: Vec<Nanos>,
}

impl Group {
    /// Returns the duration that `percent` of the ended calls did not exceed; `None` if none has ended.
    pub(super) fn percentile(&self, percent: usize) -> Option<Nanos> {
        let rank = (self.durations.len() * percent).div_ceil(100).max(1);
        self.durations.get(rank - 1).copied()
    }
}

/// Returns the groups, those with the most calls first and the one without a key last.
pub(super) fn count(store: &mut Store, traces: &[TraceIx], by: GroupBy) -> Vec<Group> {
    let mut groups = match by {
        GroupBy::Agent => from_totals(store, traces, store::By::Agent),
        GroupBy::Model => from_totals(store, traces, store::By::Model),
        GroupBy::Tool => from_totals(store, traces, store::By::Tool),
        GroupBy::Session | GroupBy::Error => from_rows(store, traces, by),
    };
    for group in &mut groups {
        group.durations.sort_unstable();
    }
    groups.sort_by(|left, right| (left.key.is_none(), right.calls, &left.key).cmp(&(right.key.is_none(), left.calls, &right.key)));
    groups
}

/// Returns a group per agent, model or tool from the store's totals, and one for what ran under none.
fn from_totals(store: &mut Store, traces: &[TraceIx], by: store::By) -> Vec<Group> {
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
        let (calls, errors, failed) = (group.calls.into(), group.errors.into(), group.failed.into());
        groups.insert(symbol, Group { key, calls, errors, failed, usage: group.usage, durations: Vec::new() });
    }
    // The durations in the totals are rounded.
    for row in traces.iter().flat_map(|&trace| store.rows_of(trace)) {
        let data = store.row(row);
        if let Some((_, symbol)) = store.call_of(row).filter(|(counted, _)| *counted == by && data.phase == Phase::Ended)
            && let Some(group) = groups.get_mut(&symbol)
        {
            group.durations.extend(duration(data));
        }
    }
    store.end_selection();
    // Calls without a name belong to no agent, model or tool.
    if let Some(nameless) = groups.remove(&Symbol::EMPTY) {
        rest.usage.add(&nameless.usage);
        rest = Group { usage: rest.usage, key: None, ..nameless };
    }
    let mut groups: Vec<Group> = groups.into_values().collect();
    groups.extend(Some(rest).filter(|rest| rest.calls > 0 || rest.has_usage()));
    groups
}

/// Counts in one walk over every row of the traces.
fn from_rows(store: &Store, traces: &[TraceIx], by: GroupBy) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut indexes: HashMap<Option<String>, usize> = HashMap::new();
    let mut index_of = |groups: &mut Vec<Group>, key: Option<String>| {
        *indexes.entry(key).or_insert_with_key(|key| {
            groups.push(Group { key: key.clone(), ..Group::default() });
            groups.len() - 1
        })
    };
    for &trace in traces {
        // The group of each ancestor, from the root.
        let mut levels: Vec<usize> = Vec::new();
        for (row, depth) in store.walk(trace) {
            levels.truncate(depth);
            let outer = levels.last().copied();
            let index = match key(store, row, by) {
                None => outer.unwrap_or_else(|| index_of(&mut groups, None)),
                Some(key) => {
                    let index = index_of(&mut groups, Some(key));
                    let is_inside = by == GroupBy::Session && outer == Some(index);
                    if !is_inside {
                        groups[index].add_call(store, row, by);
                    }
                    index
                }
            };
            groups[index].add_own_usage(store, row);
            levels.push(index);
        }
    }
    groups.retain(|group| group.calls > 0 || (by == GroupBy::Session && group.has_usage()));
    groups
}

/// Returns the key of the group that starts at a row; `None` if the row belongs to its parent's group.
fn key(store: &Store, row: RowIx, by: GroupBy) -> Option<String> {
    let data = store.row(row);
    match by {
        GroupBy::Session if !data.session.is_empty() => Some(store.text(data.session).to_owned()),
        GroupBy::Error if store.is_failed_step(row) => {
            let error = errors::normalize(store.text(store.failure_text(row)));
            let error = if error.is_empty() { "no message" } else { &error };
            Some(format!("{} {}: {error}", data.span_type.name(), display::name(store, data)))
        }
        _ => None,
    }
}

impl Group {
    /// Whether it has any usage. What a row adds to the totals below it is not another call.
    fn has_usage(&self) -> bool {
        let Totals { calls, inputs, outputs, priced, cost, .. } = self.usage;
        calls + inputs + outputs + priced > 0 || cost != 0
    }

    /// Counts a call.
    fn add_call(&mut self, store: &Store, row: RowIx, by: GroupBy) {
        let data = store.row(row);
        let totals = store.totals(row);
        let (is_error, has_failed) = match by {
            GroupBy::Session => (totals.errors > 0, totals.failed > 0),
            _ => (data.status() == Status::Error, data.has_failed()),
        };
        self.calls += 1;
        self.errors += u64::from(is_error);
        self.failed += u64::from(has_failed);
        if data.phase == Phase::Ended {
            self.durations.extend(duration(data));
        }
    }

    /// Adds what the row itself adds to the totals of its ancestors.
    fn add_own_usage(&mut self, store: &Store, row: RowIx) {
        let (all, below) = (store.totals(row), store.below(row));
        macro_rules! add {
            ($($field:ident),*) => { $( self.usage.$field += all.$field - below.$field; )* };
        }
        add!(input, output, cache_read, cache_write, reasoning, cost, calls, inputs, outputs, priced);
    }
}

/// Returns the duration of an ended span; `None` if the clock jumped back and it ends before it starts.
fn duration(data: &Row) -> Option<Nanos> {
    Some(data.end.saturating_sub(data.start)).filter(|duration| *duration >= 0)
}

#[cfg(test)]
mod tests;
