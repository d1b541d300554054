//! The counting: one walk over every row of the traces.

use std::collections::HashMap;

use super::super::tree::rows;
use super::By;
use crate::model::{Kind, Nanos, Status, errors};
use crate::store::{Phase, RowIx, Store, Totals, TraceIx};
use crate::view;

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
pub(super) fn count(store: &Store, traces: &[TraceIx], by: By) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let mut places: HashMap<Option<String>, usize> = HashMap::new();
    let mut place = |lines: &mut Vec<Line>, key: Option<String>| {
        *places.entry(key).or_insert_with_key(|key| {
            lines.push(Line { key: key.clone(), ..Line::default() });
            lines.len() - 1
        })
    };
    for &trace in traces {
        let rows = rows(store, trace);
        let lowest = if by == By::Model { lowest_models(store, &rows) } else { Vec::new() };
        // The line that each level of the tree counts for, down to the row.
        let mut levels: Vec<usize> = Vec::new();
        for (at, &(row, depth)) in rows.iter().enumerate() {
            levels.truncate(depth);
            let outer = levels.last().copied();
            let line = match key(store, row, by) {
                None => outer.unwrap_or_else(|| place(&mut lines, None)),
                Some(key) => {
                    let line = place(&mut lines, Some(key));
                    let goes_on = by == By::Session && outer == Some(line);
                    let counts = !goes_on && lowest.get(at).is_none_or(|&lowest| lowest);
                    if counts {
                        lines[line].call(store, row, by);
                    }
                    line
                }
            };
            lines[line].use_own(store, row);
            levels.push(line);
        }
    }
    lines.retain(|line| line.calls > 0 || (line.key.is_none() && by != By::Error && line.usage.calls > 0));
    for line in &mut lines {
        line.durations.sort_unstable();
    }
    lines.sort_by(|left, right| (left.key.is_none(), right.calls, &left.key).cmp(&(right.key.is_none(), left.calls, &right.key)));
    lines
}

/// The line that begins with a row; `None`: the row belongs to that of the row above.
fn key(store: &Store, row: RowIx, by: By) -> Option<String> {
    let data = store.row(row);
    let name = || Some(view::name(store, data)).filter(|_| !data.placeholder);
    match by {
        By::Agent if matches!(data.kind, Kind::Agent | Kind::Team | Kind::Workflow) => name(),
        By::Model if is_model(data.kind) => name(),
        By::Tool if data.kind == Kind::Tool => name(),
        By::Session if !data.session.is_empty() => Some(store.text(data.session).to_owned()),
        By::Error if data.status == Status::Error => {
            let error = errors::fold(store.text(data.error));
            let error = if error.is_empty() { "no message" } else { &error };
            Some(format!("{} {}: {error}", data.kind.name(), view::name(store, data)))
        }
        _ => None,
    }
}

fn is_model(kind: Kind) -> bool {
    matches!(kind, Kind::Model | Kind::Embedding | Kind::Reranker)
}

/// Which rows are model calls with no other model call below: one call may be told by a framework and again by a provider's own library.
fn lowest_models(store: &Store, rows: &[(RowIx, usize)]) -> Vec<bool> {
    // From the end, children come before their parents: whether a model was seen at each level since the last higher row.
    let mut seen: Vec<bool> = Vec::new();
    let mut lowest = vec![false; rows.len()];
    for (at, &(row, depth)) in rows.iter().enumerate().rev() {
        seen.resize(seen.len().max(depth + 2), false);
        let below = std::mem::take(&mut seen[depth + 1]);
        let own = is_model(store.row(row).kind);
        lowest[at] = own && !below;
        seen[depth] |= own || below;
    }
    lowest
}

impl Line {
    /// Counts a call.
    fn call(&mut self, store: &Store, row: RowIx, by: By) {
        let data = store.row(row);
        let failed = if by == By::Session { store.totals(row).errors > 0 } else { data.status == Status::Error };
        self.calls += 1;
        self.errors += u64::from(failed);
        if data.phase == Phase::Ended {
            self.durations.push(data.duration(data.end));
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
