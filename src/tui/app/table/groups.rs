//! Columns and lines of each view.

use super::index::Index;
use super::{Cell, Heading, Key, Line, View, heading};
use crate::store::{By, Group, RowIx, Store};
use crate::tui::app::Aggregates;

const SESSIONS: &[Heading] = &[
    heading("SESSION", 0),
    heading("TURNS", 6),
    heading("LAST", 9),
    heading("ERR", 5),
    heading("COST", 8),
    heading("TOK", 7),
    heading("TOK/TURN", 9),
    heading("IN", 7),
    heading("OUT", 7),
    heading("FIRST", 9),
    heading("USER", 14),
];

const AGENTS: &[Heading] = &[
    heading("AGENT", 0),
    heading("RUNS", 6),
    heading("ERR", 5),
    heading("COST", 8),
    heading("P50", 7),
    heading("P95", 7),
    heading("TOK IN", 7),
    heading("TOK OUT", 8),
    heading("ERR%", 6),
    heading("P99", 7),
    heading("MAX", 7),
    heading("CACHED", 7),
];

const MODELS: &[Heading] = &[
    heading("MODEL", 0),
    heading("CALLS", 6),
    heading("ERR", 5),
    heading("COST", 8),
    heading("P50", 7),
    heading("P95", 7),
    heading("TOK IN", 7),
    heading("TOK OUT", 8),
    heading("TOK/S", 7),
    heading("CACHED", 7),
    heading("ERR%", 6),
    heading("P99", 7),
    heading("MAX", 7),
    heading("FIRST", 7),
    heading("REASON", 7),
];

const TOOLS: &[Heading] = &[
    heading("TOOL", 0),
    heading("CALLS", 6),
    heading("ERR", 5),
    heading("ERR%", 6),
    heading("P50", 7),
    heading("P95", 7),
    heading("P99", 7),
    heading("MAX", 7),
    heading("TOK", 7),
    heading("COST", 8),
];

const ERRORS: &[Heading] =
    &[heading("MESSAGE", 0), heading("COUNT", 7), heading("LAST", 9), heading("WHERE", 20), heading("KIND", 10), heading("FIRST", 9)];

/// The columns of a view; the first ones count most.
pub(super) fn columns(view: View) -> &'static [Heading] {
    match view {
        View::Traces => &[],
        View::Sessions => SESSIONS,
        View::Agents => AGENTS,
        View::Models => MODELS,
        View::Tools => TOOLS,
        View::Errors => ERRORS,
    }
}

/// The lines of a view, in no order. Costs the lines, and of sessions and errors what is behind them.
pub(super) fn lines(view: View, store: &Store, scope: &Aggregates, index: &Index) -> Vec<Line> {
    let by = match view {
        View::Agents => By::Agent,
        View::Models => By::Model,
        View::Tools => By::Tool,
        View::Sessions => return index.groups().map(|(key, rows)| session(store, index, key, rows)).collect(),
        View::Errors => return index.groups().map(|(key, rows)| error(key, rows)).collect(),
        View::Traces => return Vec::new(),
    };
    let line = |(symbol, group): (_, &Group)| {
        let name = store.text(symbol).to_owned();
        Line { cells: columns(view).iter().map(|column| of_group(column.title, &name, group)).collect(), key: Key::Name(name) }
    };
    scope.shown(store).groups(by).map(line).collect()
}

fn of_group(title: &str, name: &str, group: &Group) -> Cell {
    let usage = &group.usage;
    // Who never tells of a cache may well have used one.
    let part = |part: u64, whole: u64, known: u32| if known > 0 && part > 0 { Cell::Part(part, whole) } else { Cell::Part(0, 0) };
    match title {
        "RUNS" | "CALLS" => Cell::Count(u64::from(group.calls)),
        "ERR" => Cell::Count(u64::from(group.errors)),
        "ERR%" => Cell::Part(u64::from(group.errors), u64::from(group.calls)),
        "P50" => Cell::Time(group.times.quantile(500)),
        "P95" => Cell::Time(group.times.quantile(950)),
        "P99" => Cell::Time(group.times.quantile(990)),
        "MAX" => Cell::Time(group.times.max()),
        "FIRST" => Cell::Time(group.first_tokens.quantile(500)),
        "TOK" => Cell::Tokens(usage.tokens()),
        "TOK IN" => Cell::Tokens((usage.inputs > 0).then_some(usage.input)),
        "TOK OUT" => Cell::Tokens((usage.outputs > 0).then_some(usage.output)),
        "CACHED" => part(usage.cache_read, usage.input, usage.inputs),
        "REASON" => part(usage.reasoning, usage.output, usage.outputs),
        "TOK/S" => Cell::Rate(group.tokens_per_second()),
        "COST" => Cell::Money(usage.cost()),
        _ if name.is_empty() => Cell::Text("(no name)".to_owned()),
        _ => Cell::Text(name.to_owned()),
    }
}

fn session(store: &Store, index: &Index, key: &Key, rows: &super::index::Rows) -> Line {
    let totals = index.sums(store, rows.iter().map(|&(_, row)| row));
    let turns = rows.len() as u64;
    let moment = |row: Option<&(i64, RowIx)>| Cell::Moment(row.map_or(0, |&(start, _)| start));
    let user = rows.iter().rev().map(|&(_, row)| store.inherited(row, |data| data.user)).find(|user| !user.is_empty());
    let cell = |column: &Heading| match column.title {
        "TURNS" => Cell::Count(turns),
        "LAST" => moment(rows.last()),
        "FIRST" => moment(rows.first()),
        "ERR" => Cell::Count(u64::from(totals.errors)),
        "COST" => Cell::Money(totals.cost()),
        "TOK" => Cell::Tokens(totals.tokens()),
        "TOK/TURN" => Cell::Tokens(totals.tokens().map(|tokens| tokens / turns.max(1))),
        "IN" => Cell::Tokens((totals.inputs > 0).then_some(totals.input)),
        "OUT" => Cell::Tokens((totals.outputs > 0).then_some(totals.output)),
        "USER" => Cell::Text(user.map_or(String::new(), |user| store.text(user).to_owned())),
        _ => Cell::Text(name(key)),
    };
    Line { cells: SESSIONS.iter().map(cell).collect(), key: key.clone() }
}

fn error(key: &Key, rows: &super::index::Rows) -> Line {
    let moment = |row: Option<&(i64, RowIx)>| Cell::Moment(row.map_or(0, |&(start, _)| start));
    let (kind, place, message) = match key {
        Key::Error(kind, place, message) => (kind.noun(), place.clone(), message.clone()),
        Key::Name(name) => ("", String::new(), name.clone()),
    };
    let message = if message.is_empty() { "(no message)".to_owned() } else { message };
    let cell = |column: &Heading| match column.title {
        "COUNT" => Cell::Count(rows.len() as u64),
        "LAST" => moment(rows.last()),
        "FIRST" => moment(rows.first()),
        "WHERE" => Cell::Text(place.clone()),
        "KIND" => Cell::Text(kind.to_owned()),
        _ => Cell::Text(message.clone()),
    };
    Line { cells: ERRORS.iter().map(cell).collect(), key: key.clone() }
}

fn name(key: &Key) -> String {
    match key {
        Key::Name(name) => name.clone(),
        Key::Error(_, _, message) => message.clone(),
    }
}
