//! The counting: of agents, models and tools from the sums that the screen shows, of sessions and errors in a walk over the rows.

use std::collections::HashMap;

use super::By;
use crate::model::{Nanos, Status, errors};
use crate::store::{self, Phase, Row, RowIx, Store, Symbol, Totals, TraceIx};
use crate::tui::display;

/// What was counted for one key.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// The agent, model, tool, session or error; `None`: what ran under none.
    pub(super) key: Option<String>,
    /// How often it ran.
    pub(super) calls: u64,
    /// How often of that it failed.
    pub(super) errors: u64,
    /// What was used under it and under no other of its kind below it.
    pub(super) usage: Totals,
    /// How long those that ended took, in ascending order.
    durations: Vec<Nanos>,
}

impl Line {
    /// The shortest time within which `share` of a hundred calls ended; `None` if none has ended.
    pub(super) fn percentile(&self, share: usize) -> Option<Nanos> {
        let rank = (self.durations.len() * share).div_ceil(100).max(1);
        self.durations.get(rank - 1).copied()
    }
}

/// The lines, the most calls first and the one without a key last.
pub(super) fn count(store: &mut Store, traces: &[TraceIx], by: By) -> Vec<Line> {
    let mut lines = match by {
        By::Agent => grouped(store, traces, store::By::Agent),
        By::Model => grouped(store, traces, store::By::Model),
        By::Tool => grouped(store, traces, store::By::Tool),
        By::Session | By::Error => walked(store, traces, by),
    };
    for line in &mut lines {
        line.durations.sort_unstable();
    }
    lines.sort_by(|left, right| (left.key.is_none(), right.calls, &left.key).cmp(&(right.key.is_none(), left.calls, &right.key)));
    lines
}

/// A line for each agent, model or tool, as the screen's sums have it, and one for what ran under none.
fn grouped(store: &mut Store, traces: &[TraceIx], by: store::By) -> Vec<Line> {
    let mut rest = Line::default();
    // The sums over all traces are there already.
    if traces.len() < store.trace_count() {
        store.begin_selection();
        for &trace in traces {
            store.select(trace, true);
        }
    }
    let sums = store.selection().unwrap_or(store.stats());
    rest.usage.add(sums.totals());
    let mut lines: HashMap<Symbol, Line> = HashMap::new();
    for (symbol, group) in sums.groups(by) {
        rest.usage.subtract(&group.usage);
        let key = Some(store.text(symbol).to_owned());
        let (calls, errors) = (group.calls.into(), group.errors.into());
        lines.insert(symbol, Line { key, calls, errors, usage: group.usage, durations: Vec::new() });
    }
    // Those that the sums keep are rounded.
    for row in traces.iter().flat_map(|&trace| store.rows_of(trace)) {
        let data = store.row(row);
        if let Some((_, symbol)) = store.call_of(row).filter(|(counted, _)| *counted == by && data.phase == Phase::Ended)
            && let Some(line) = lines.get_mut(&symbol)
        {
            line.durations.extend(lasted(data));
        }
    }
    store.end_selection();
    // A call without a name is one of none.
    if let Some(nameless) = lines.remove(&Symbol::EMPTY) {
        rest.usage.add(&nameless.usage);
        rest = Line { usage: rest.usage, key: None, ..nameless };
    }
    let mut lines: Vec<Line> = lines.into_values().collect();
    lines.extend(Some(rest).filter(|rest| rest.calls > 0 || rest.uses()));
    lines
}

/// One walk over every row of the traces.
fn walked(store: &Store, traces: &[TraceIx], by: By) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let mut places: HashMap<Option<String>, usize> = HashMap::new();
    let mut place = |lines: &mut Vec<Line>, key: Option<String>| {
        *places.entry(key).or_insert_with_key(|key| {
            lines.push(Line { key: key.clone(), ..Line::default() });
            lines.len() - 1
        })
    };
    for &trace in traces {
        // The line that each level of the tree counts for, down to the row.
        let mut levels: Vec<usize> = Vec::new();
        for (row, depth) in store.walk(trace) {
            levels.truncate(depth);
            let outer = levels.last().copied();
            let line = match key(store, row, by) {
                None => outer.unwrap_or_else(|| place(&mut lines, None)),
                Some(key) => {
                    let line = place(&mut lines, Some(key));
                    let goes_on = by == By::Session && outer == Some(line);
                    if !goes_on {
                        lines[line].call(store, row, by);
                    }
                    line
                }
            };
            lines[line].use_own(store, row);
            levels.push(line);
        }
    }
    lines.retain(|line| line.calls > 0 || (by == By::Session && line.uses()));
    lines
}

/// The line that begins with a row; `None`: the row belongs to that of the row above.
fn key(store: &Store, row: RowIx, by: By) -> Option<String> {
    let data = store.row(row);
    match by {
        By::Session if !data.session.is_empty() => Some(store.text(data.session).to_owned()),
        By::Error if data.status == Status::Error => {
            let error = errors::normalize(store.text(data.error));
            let error = if error.is_empty() { "no message" } else { &error };
            Some(format!("{} {}: {error}", data.span_type.name(), display::name(store, data)))
        }
        _ => None,
    }
}

impl Line {
    /// Whether anything was used. What a row adds to the sums below it is no call more.
    fn uses(&self) -> bool {
        let Totals { calls, inputs, outputs, priced, cost, .. } = self.usage;
        calls + inputs + outputs + priced > 0 || cost != 0
    }

    /// Counts a call.
    fn call(&mut self, store: &Store, row: RowIx, by: By) {
        let data = store.row(row);
        let failed = if by == By::Session { store.totals(row).errors > 0 } else { data.status == Status::Error };
        self.calls += 1;
        self.errors += u64::from(failed);
        if data.phase == Phase::Ended {
            self.durations.extend(lasted(data));
        }
    }

    /// Adds what the row itself adds to the sums of the rows above.
    fn use_own(&mut self, store: &Store, row: RowIx) {
        let (all, below) = (store.totals(row), store.below(row));
        macro_rules! add {
            ($($field:ident),*) => { $( self.usage.$field += all.$field - below.$field; )* };
        }
        add!(input, output, cache_read, cache_write, reasoning, cost, calls, inputs, outputs, priced);
    }
}

#[cfg(test)]
mod tests;

/// How long a span took that ended; not known where a jumping clock put its end before its start.
fn lasted(data: &Row) -> Option<Nanos> {
    Some(data.end.saturating_sub(data.start)).filter(|lasted| *lasted >= 0)
}
