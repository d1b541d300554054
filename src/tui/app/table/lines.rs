//! The lines of each view, and the filter line for the traces behind a line.

use std::collections::BTreeSet;

use super::index::{Index, Rows};
use super::{Cell, GroupKey, Line, Table, TableColumn, View, columns};
use crate::model::{NO_MODEL, SpanType};
use crate::query::{KINDS, with_values};
use crate::store::{By, Group, RowIx, Store};
use crate::tui::app::Aggregates;

/// Returns the lines of a view, unsorted. Costs the lines, and for sessions and errors the rows behind them.
pub(super) fn lines(view: View, store: &Store, aggregates: &Aggregates, index: &Index) -> Vec<Line> {
    match (view, view.grouping()) {
        (_, Some(by)) => groups(view, by, store, aggregates),
        (View::Sessions, _) => index.groups().map(|(key, rows)| session(store, index, key, rows)).collect(),
        (View::Errors, _) => index.groups().map(|(key, rows)| error(key, rows)).collect(),
        _ => Vec::new(),
    }
}

fn groups(view: View, by: By, store: &Store, aggregates: &Aggregates) -> Vec<Line> {
    let line = |(symbol, group): (_, &Group)| {
        let name = store.text(symbol).to_owned();
        Line { cells: columns::of(view).iter().map(|&column| group_cell(column, &name, group)).collect(), key: GroupKey::Name(name) }
    };
    aggregates.shown(store).groups(by).map(line).collect()
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
        TableColumn::Tokens => Cell::Tokens(usage.tokens()),
        TableColumn::Input => Cell::Tokens((usage.inputs > 0).then_some(usage.input)),
        TableColumn::Output => Cell::Tokens((usage.outputs > 0).then_some(usage.output)),
        TableColumn::Cached => part(usage.cache_read, usage.input, usage.inputs),
        TableColumn::Reasoning => part(usage.reasoning, usage.output, usage.outputs),
        TableColumn::TokensPerSecond => Cell::Rate(group.tokens_per_second()),
        TableColumn::Cost => Cell::cost(usage),
        // Only calls of models count without a name.
        _ if name.is_empty() => Cell::Text(NO_MODEL.to_owned()),
        _ => Cell::Text(name.to_owned()),
    }
}

fn session(store: &Store, index: &Index, key: &GroupKey, rows: &Rows) -> Line {
    let totals = index.turn_totals(store, rows.iter().map(|&(_, row)| row));
    // A trace that goes on with the turn of another one begins none.
    let goes_on = |row: RowIx| store.is_part(store.row(row).trace());
    let turns = rows.iter().filter(|&&(_, row)| !goes_on(row)).count() as u64;
    let user = rows.iter().rev().map(|&(_, row)| store.inherited(row, |data| data.user)).find(|user| !user.is_empty());
    let cell = |&column: &TableColumn| match column {
        TableColumn::Turns => Cell::Count(turns),
        TableColumn::Last => start(rows.last()),
        TableColumn::First => start(rows.first()),
        TableColumn::Errors => Cell::Count(u64::from(totals.failed)),
        TableColumn::Cost => Cell::cost(&totals),
        TableColumn::Tokens => Cell::Tokens(totals.tokens()),
        TableColumn::TokensPerTurn => Cell::Tokens(totals.tokens().map(|tokens| tokens / turns.max(1))),
        TableColumn::Input => Cell::Tokens((totals.inputs > 0).then_some(totals.input)),
        TableColumn::Output => Cell::Tokens((totals.outputs > 0).then_some(totals.output)),
        TableColumn::User => Cell::Text(user.map_or(String::new(), |user| store.text(user).to_owned())),
        _ => Cell::Text(key.name().to_owned()),
    };
    Line { cells: columns::of(View::Sessions).iter().map(cell).collect(), key: key.clone() }
}

fn error(key: &GroupKey, rows: &Rows) -> Line {
    let (kind, place) = match key {
        GroupKey::Error(span_type, place, _) => (span_type.noun(), place.as_str()),
        GroupKey::Name(_) => ("", ""),
    };
    let message = Some(key.name()).filter(|message| !message.is_empty()).unwrap_or("(no message)");
    let cell = |&column: &TableColumn| match column {
        TableColumn::Count => Cell::Count(rows.len() as u64),
        TableColumn::Last => start(rows.last()),
        TableColumn::First => start(rows.first()),
        TableColumn::Where => Cell::Text(place.to_owned()),
        TableColumn::Kind => Cell::Text(kind.to_owned()),
        _ => Cell::Text(message.to_owned()),
    };
    Line { cells: columns::of(View::Errors).iter().map(cell).collect(), key: key.clone() }
}

fn start(row: Option<&(i64, RowIx)>) -> Cell {
    Cell::Moment(row.map_or(0, |&(start, _)| start))
}

impl Table {
    /// Returns the filter line that shows the traces behind the line under the cursor.
    #[must_use]
    pub fn narrowed_filter(&self, store: &Store, filter: &str) -> Option<String> {
        let name = |field, name: &String| with_values(filter, field, std::slice::from_ref(name));
        let key = &self.line()?.key;
        Some(match (key, self.view) {
            // No filter can ask for an empty name.
            (GroupKey::Name(name), _) if name.is_empty() => return None,
            (GroupKey::Name(session), View::Sessions) => name("session", session),
            (GroupKey::Name(agent), View::Agents) => name("agent", agent),
            (GroupKey::Name(model), View::Models) => name("model", model),
            (GroupKey::Name(tool), View::Tools) => name("tool", tool),
            (GroupKey::Error(span_type, place, message), _) => self.error_filter(store, filter, key, *span_type, place, message),
            _ => return None,
        })
    }

    /// Returns the filter line that shows exactly the failures with this type, place and message.
    fn error_filter(&self, store: &Store, filter: &str, key: &GroupKey, span_type: SpanType, place: &String, message: &String) -> String {
        let rows = || self.index.rows(key).into_iter().flatten().map(|&(_, row)| store.row(row));
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

/// Returns the values of the filter field `kind` that match spans of this type.
fn filter_kinds(span_type: SpanType) -> Vec<String> {
    KINDS.iter().filter(|(_, types)| types.contains(&span_type)).map(|(name, _)| (*name).to_owned()).collect()
}
