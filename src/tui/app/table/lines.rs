//! The lines of each view, and the filter line for the traces behind a line.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use super::index::{Index, Indexed};
use super::{Cell, GroupKey, Line, Table, TableColumn, View, columns};
use crate::export::MissSum;
use crate::model::review::Approval;
use crate::model::{NO_MODEL, Nanos, SpanType};
use crate::query::{KINDS, with_values};
use crate::store::{By, Group, RowIx, Stats, Store, Symbol};
use crate::tui::app::{Aggregates, MissSums};
use crate::tui::display;

/// Where a table finds its lines.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) view: View,
    pub(super) store: &'a Store,
    pub(super) stats: &'a Stats,
    pub(super) index: &'a Index,
    pub(super) misses: &'a MissSums,
}

/// What a line is about: an agent, a model or a tool, a place in the index, or an approval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LineId {
    Group(Symbol),
    Indexed(u32),
    /// A place in [`Store::all_approvals`].
    Approval(u32),
}

impl<'a> Source<'a> {
    /// Returns the number of places at which lines may be.
    pub(super) fn places(&self) -> u32 {
        match self.view.grouping() {
            Some(by) => self.stats.group_places(by),
            None if self.view == View::Approvals => self.store.all_approvals().len() as u32,
            None => self.index.places(),
        }
    }

    /// Returns what the line at a place is about, if there is one.
    pub(super) fn at(&self, place: u32) -> Option<LineId> {
        match self.view.grouping() {
            Some(by) => self.stats.group_at(by, place).map(|(name, _)| LineId::Group(name)),
            None if self.view == View::Approvals => self.store.all_approvals().get(place as usize).map(|_| LineId::Approval(place)),
            None => self.index.at(place).map(|_| LineId::Indexed(place)),
        }
    }

    /// Returns a cell of a line; `None` if the line is gone.
    pub(super) fn cell(&self, id: LineId, column: TableColumn) -> Option<Cell> {
        match id {
            LineId::Group(name) => {
                let by = self.view.grouping()?;
                let group = self.stats.group(by, name)?;
                Some(miss_cell(column, || self.missed(id)).unwrap_or_else(|| group_cell(column, self.store.text(name), group)))
            }
            LineId::Approval(place) => Some(approval_cell(column, self.store, self.store.all_approvals().get(place as usize)?)),
            LineId::Indexed(place) => {
                let indexed = self.index.at(place)?;
                if self.view != View::Sessions {
                    return Some(error_cell(column, indexed));
                }
                Some(miss_cell(column, || self.missed(id)).unwrap_or_else(|| session_cell(column, self.store, indexed)))
            }
        }
    }

    /// Returns what caches missed for a line, and whether there may be more; `None` if that is not known.
    pub(super) fn missed(&self, id: LineId) -> Option<(MissSum, bool)> {
        match id {
            LineId::Group(name) => self.misses.of_group(self.view.grouping()?, name),
            LineId::Indexed(place) => {
                let &(_, row) = self.index.at(place)?.rows.first()?;
                if self.view == View::Sessions { self.misses.of_session(self.store.session(row)) } else { None }
            }
            LineId::Approval(_) => None,
        }
    }

    /// Returns what caches missed for a line in each hour, by its start; `None` if nothing is known.
    pub(super) fn missed_hours(&self, id: LineId) -> Option<&'a BTreeMap<Nanos, MissSum>> {
        match id {
            LineId::Group(name) => self.misses.hours_of_group(self.view.grouping()?, name),
            LineId::Approval(_) => None,
            LineId::Indexed(place) => {
                let &(_, row) = self.index.at(place)?.rows.first()?;
                if self.view == View::Sessions { self.misses.hours_of_session(self.store.session(row)) } else { None }
            }
        }
    }

    /// Returns a line; `None` if it is gone.
    pub(super) fn line(&self, id: LineId) -> Option<Line> {
        let key = match id {
            LineId::Group(name) => GroupKey::Name(self.store.text(name).to_owned()),
            LineId::Indexed(place) => self.index.at(place)?.key.clone(),
            LineId::Approval(place) => {
                let approval = self.store.all_approvals().get(place as usize)?;
                let trace = self.store.asking(approval).map(|row| self.store.trace(self.store.row(row).trace()).id);
                GroupKey::Approval(approval.id.to_string(), trace)
            }
        };
        let cells = columns::of(self.view).iter().map(|&column| self.cell(id, column)).collect::<Option<_>>()?;
        Some(Line { key, cells })
    }

    /// Compares the names of lines.
    pub(super) fn compare_names(&self, one: LineId, other: LineId) -> Ordering {
        match (one, other) {
            (LineId::Group(one), LineId::Group(other)) => self.store.text(one).cmp(self.store.text(other)),
            (LineId::Indexed(one), LineId::Indexed(other)) => {
                let key = |place| self.index.at(place).map(|indexed| &indexed.key);
                key(one).cmp(&key(other))
            }
            // The newest first.
            (LineId::Approval(one), LineId::Approval(other)) => other.cmp(&one),
            // A view has lines of one kind.
            _ => Ordering::Equal,
        }
    }
}

/// Returns the cell of a column about misses; `None` for any other column.
fn miss_cell(column: TableColumn, missed: impl FnOnce() -> Option<(MissSum, bool)>) -> Option<Cell> {
    Some(match column {
        TableColumn::Rebuilt => {
            // None may mean that no call states cached tokens.
            let missed = missed().filter(|(sum, _)| sum.count > 0);
            Cell::Tokens(missed.map(|(sum, _)| sum.rebuilt), missed.is_some_and(|(_, is_bound)| is_bound))
        }
        TableColumn::MissCost => {
            let missed = missed();
            let is_bound = missed.is_some_and(|(sum, is_bound)| is_bound || sum.is_cost_incomplete());
            Cell::Money(missed.and_then(|(sum, _)| sum.cost()), is_bound)
        }
        _ => return None,
    })
}

fn group_cell(column: TableColumn, name: &str, group: &Group) -> Cell {
    let usage = &group.usage;
    // A provider that never reports a cache may still use one: 0 is unknown.
    let part = |part: u64, whole: u64, known: u32| if known > 0 && part > 0 { Cell::Part(part, whole) } else { Cell::Part(0, 0) };
    match column {
        TableColumn::Runs | TableColumn::Calls => Cell::Count(u64::from(group.calls)),
        TableColumn::Errors => Cell::Count(u64::from(group.failed)),
        TableColumn::Refused => Cell::Count(u64::from(usage.refused)),
        TableColumn::ErrorRate => Cell::Part(u64::from(group.failed), u64::from(group.calls)),
        TableColumn::P50 => Cell::Time(group.times.quantile(500)),
        TableColumn::P95 => Cell::Time(group.times.quantile(950)),
        TableColumn::P99 => Cell::Time(group.times.quantile(990)),
        TableColumn::Max => Cell::Time(group.times.max()),
        TableColumn::FirstToken => Cell::Time(group.first_tokens.quantile(500)),
        TableColumn::Tokens => Cell::tokens(usage),
        TableColumn::Input => Cell::input(usage),
        TableColumn::Output => Cell::output(usage),
        TableColumn::Cached => part(usage.cache_read, usage.input, usage.inputs),
        TableColumn::Reasoning => part(usage.reasoning, usage.output, usage.outputs),
        TableColumn::FirstToken95 => Cell::Time(group.first_tokens.quantile(950)),
        TableColumn::Speed50 => Cell::Rate(group.speed(500)),
        TableColumn::Speed95 => Cell::Rate(group.speed(950)),
        TableColumn::TokensPerSecond => Cell::Rate(group.tokens_per_second()),
        TableColumn::Cost => Cell::cost(usage),
        // Only calls of models count without a name.
        _ if name.is_empty() => Cell::Text(NO_MODEL.to_owned()),
        _ => Cell::Text(name.to_owned()),
    }
}

fn session_cell(column: TableColumn, store: &Store, indexed: &Indexed) -> Cell {
    let Indexed { key, rows, totals, parts } = indexed;
    // A trace that goes on with the turn of another one begins none.
    let turns = rows.len() as u64 - parts;
    match column {
        TableColumn::Turns => Cell::Count(turns),
        TableColumn::Last => start(rows.last()),
        TableColumn::First => start(rows.first()),
        TableColumn::Errors => Cell::Count(u64::from(totals.failed)),
        TableColumn::Cost => Cell::cost(totals),
        TableColumn::Tokens => Cell::tokens(totals),
        TableColumn::TokensPerTurn => Cell::Tokens(totals.tokens().map(|tokens| tokens / turns.max(1)), totals.are_tokens_incomplete()),
        TableColumn::Input => Cell::input(totals),
        TableColumn::Output => Cell::output(totals),
        TableColumn::User => {
            let user = rows.iter().rev().map(|&(_, row)| store.inherited(row, |data| data.user)).find(|user| !user.is_empty());
            Cell::Text(user.map_or(String::new(), |user| store.text(user).to_owned()))
        }
        _ => Cell::Text(key.name().to_owned()),
    }
}

fn error_cell(column: TableColumn, indexed: &Indexed) -> Cell {
    let Indexed { key, rows, .. } = indexed;
    let (kind, place) = match key {
        GroupKey::Error(span_type, place, _) => (span_type.noun(), place.as_str()),
        GroupKey::Name(_) | GroupKey::Approval(..) => ("", ""),
    };
    match column {
        TableColumn::Count => Cell::Count(rows.len() as u64),
        TableColumn::Last => start(rows.last()),
        TableColumn::First => start(rows.first()),
        TableColumn::Where => Cell::Text(place.to_owned()),
        TableColumn::Kind => Cell::Text(kind.to_owned()),
        _ => Cell::Text(Some(key.name()).filter(|message| !message.is_empty()).unwrap_or("(no message)").to_owned()),
    }
}

fn approval_cell(column: TableColumn, store: &Store, approval: &Approval) -> Cell {
    match column {
        TableColumn::Answer => Cell::Answer(approval.status.to_string(), approval.waits),
        TableColumn::Asked => approval.asked.map_or(Cell::Text(String::new()), Cell::Moment),
        TableColumn::Waited if approval.waits => approval.asked.map_or(Cell::Time(None), Cell::Since),
        TableColumn::Waited => {
            Cell::Time(approval.asked.zip(approval.answered).map(|(asked, answered)| answered.saturating_sub(asked).max(0)))
        }
        TableColumn::By => Cell::Text(approval.answered_by.to_string()),
        TableColumn::Where => Cell::Text(store.asking(approval).map_or(String::new(), |row| store.text(store.agent(row)).to_owned())),
        _ => Cell::Text(display::review::call(approval)),
    }
}

fn start(row: Option<&(i64, RowIx)>) -> Cell {
    Cell::Moment(row.map_or(0, |&(start, _)| start))
}

impl Table {
    /// Returns the filter line that shows the traces behind the line under the cursor.
    #[must_use]
    pub fn narrowed_filter(&self, store: &Store, aggregates: &Aggregates, filter: &str) -> Option<String> {
        let name = |field, name: &String| with_values(filter, field, std::slice::from_ref(name));
        let line = self.line(store, aggregates)?;
        let key = &line.key;
        let narrowed = match (key, self.view) {
            // No filter can ask for an empty name.
            (GroupKey::Name(name), _) if name.is_empty() => return None,
            (GroupKey::Name(session), View::Sessions) => name("session", session),
            (GroupKey::Name(agent), View::Agents) => name("agent", agent),
            (GroupKey::Name(model), View::Models) => name("model", model),
            (GroupKey::Name(tool), View::Tools) => name("tool", tool),
            (GroupKey::Approval(_, trace), _) => with_values(filter, "trace", &[trace.as_ref()?.to_string()]),
            (GroupKey::Error(span_type, place, message), _) => self.error_filter(store, filter, *span_type, place, message),
            _ => return None,
        };
        Some(self.with_slowest(&line, narrowed))
    }

    /// Asks also for the time by which the lines are sorted, if they are sorted by a high one: what took it is looked for then.
    fn with_slowest(&self, line: &Line, filter: String) -> String {
        let is_high = matches!(self.columns()[self.sorted], TableColumn::P95 | TableColumn::P99 | TableColumn::Max) && !self.is_reversed;
        match line.cells.get(self.sorted) {
            // The times of statistics are rounded a little.
            Some(Cell::Time(Some(time))) if is_high => {
                format!("{} time:>={}", with_values(&filter, "time", &[]), exact_time(time - time / 2048))
            }
            _ => filter,
        }
    }

    /// Returns the filter line that shows exactly the failures with this type, place and message.
    fn error_filter(&self, store: &Store, filter: &str, span_type: SpanType, place: &String, message: &String) -> String {
        let rows = || self.indexed().into_iter().flat_map(|indexed| &indexed.rows).map(|&(_, row)| store.row(row));
        // The fields of an earlier failure no longer apply.
        let bare = ["tool", "model", "name"].iter().fold(filter.to_owned(), |line, field| with_values(&line, field, &[]));
        let line = with_values(&bare, "status", &["error".to_owned()]);
        // `agent:` also matches the calls of the agent, and other spans may have the same name.
        let line = with_values(&line, "kind", &filter_kinds(span_type));
        let field = match By::of(span_type) {
            Some(By::Tool) => "tool",
            Some(By::Model) => "model",
            Some(By::Agent) => "agent",
            None => "name",
        };
        let is_labelled = field != "name" && rows().all(|data| !data.label.is_empty());
        let line = if is_labelled {
            with_values(&line, field, std::slice::from_ref(place))
        } else {
            let names: BTreeSet<&str> = rows().map(|data| store.text(data.name)).filter(|name| !name.is_empty()).collect();
            with_values(&line, "name", &names.into_iter().map(str::to_owned).collect::<Vec<_>>())
        };
        with_values(&line, "failure", std::slice::from_ref(message))
    }
}

/// Writes a time for a filter, rounded down in the fourth digit or later: `1.903s`.
fn exact_time(time: Nanos) -> String {
    let units = [(1_000_000_000, "s"), (1_000_000, "ms"), (1000, "us"), (1, "ns")];
    let (unit, name) = units.into_iter().find(|&(unit, _)| time >= unit).unwrap_or((1, "ns"));
    let (whole, thousandths) = (time / unit, time % unit * 1000 / unit);
    let decimals = if thousandths > 0 { format!(".{thousandths:03}") } else { String::new() };
    format!("{whole}{}{name}", decimals.trim_end_matches('0'))
}

/// Returns the values of the filter field `kind` that match spans of this type.
fn filter_kinds(span_type: SpanType) -> Vec<String> {
    KINDS.iter().filter(|(_, types)| types.contains(&span_type)).map(|(name, _)| (*name).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::duration;

    #[test]
    fn what_waits_longest_comes_before_waits_that_have_ended() {
        let cells = [Cell::Since(1_000), Cell::Since(2_000), Cell::Time(Some(9_000_000_000)), Cell::Time(Some(5)), Cell::Time(None)];
        assert!(cells.windows(2).all(|pair| pair[0].sort_key() < pair[1].sort_key()), "{cells:?}");
    }

    #[test]
    fn times_in_filters_are_no_longer_than_the_time() {
        let cases =
            [(1_903_250_000, "1.903s"), (57_300_000, "57.3ms"), (400_000_000, "400ms"), (1_500, "1.5us"), (999, "999ns"), (0, "0ns")];
        for (time, expected) in cases {
            assert_eq!(exact_time(time), expected);
            assert!(duration::parse(expected).is_some_and(|parsed| parsed <= time && time - parsed <= time / 1000));
        }
    }
}
