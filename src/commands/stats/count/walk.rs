//! Counts in a walk over the rows: groups that start at a row (sessions, users, errors), and groups that each row names (providers,
//! services, hours, days, months).

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::Hash;

use super::{Group, own_usage};
use crate::cli::GroupBy;
use crate::model::calendar::{self, Unit};
use crate::model::errors;
use crate::store::{By, MINUTE, RowIx, Store, Symbol, TraceIx};
use crate::tui::display;

/// Groups that are found by a key.
struct Groups<K> {
    groups: Vec<Group>,
    indexes: HashMap<K, usize>,
}

impl<K: Hash + Eq> Groups<K> {
    fn new() -> Self {
        Self { groups: Vec::new(), indexes: HashMap::new() }
    }

    /// Returns the index of the group of a key; a new one is made by `group`.
    fn index(&mut self, key: K, group: impl FnOnce(&K) -> Group) -> usize {
        *self.indexes.entry(key).or_insert_with_key(|key| {
            self.groups.push(group(key));
            self.groups.len() - 1
        })
    }
}

/// Counts sessions, users and errors in one walk over every row of the traces.
pub(super) fn from_rows(store: &Store, traces: &[TraceIx], by: GroupBy) -> Vec<Group> {
    let mut found: Groups<Option<String>> = Groups::new();
    let new = |key: &Option<String>| Group { key: key.clone(), ..Group::default() };
    for &trace in traces {
        // A turn that was sent as several traces is one.
        let goes_on = by == GroupBy::Session && store.is_part(trace);
        // The group of each ancestor, from the root.
        let mut levels: Vec<usize> = Vec::new();
        for (row, depth) in store.walk(trace) {
            levels.truncate(depth);
            let outer = levels.last().copied();
            let index = match key(store, row, by) {
                None => outer.unwrap_or_else(|| found.index(None, new)),
                Some(key) => {
                    let index = found.index(Some(key), new);
                    let is_inside = by != GroupBy::Error && outer == Some(index);
                    if !is_inside && !goes_on {
                        found.groups[index].add_call(store, row, by != GroupBy::Error);
                    }
                    index
                }
            };
            found.groups[index].add_usage(&own_usage(store, row));
            levels.push(index);
        }
    }
    let mut groups = found.groups;
    groups.retain(|group| group.calls > 0 || (by != GroupBy::Error && group.has_usage()));
    groups
}

/// Returns the key of the group that starts at a row; `None` if the row belongs to its parent's group.
fn key(store: &Store, row: RowIx, by: GroupBy) -> Option<String> {
    let data = store.row(row);
    let text = |symbol: Symbol| (!symbol.is_empty()).then(|| store.text(symbol).to_owned());
    match by {
        GroupBy::Session => text(store.stated_session(row)),
        GroupBy::User => text(data.user),
        GroupBy::Error if store.is_failed_step(row) => {
            let error = errors::normalize(store.text(store.failure_text(row)));
            let error = if error.is_empty() { "no message" } else { &error };
            Some(format!("{} {}: {error}", data.span_type.name(), display::name(store, data)))
        }
        _ => None,
    }
}

/// Returns the key of the group that starts at the row or nearest above it.
pub(super) fn group_above(store: &Store, row: RowIx, by: GroupBy) -> Option<String> {
    std::iter::successors(Some(row), |&row| store.row(row).parent()).find_map(|row| key(store, row, by))
}

/// Returns the name of the provider that a row's usage counts for, in small letters: Agno states `OpenAI` and others `openai`.
pub(super) fn provider(store: &Store, row: RowIx) -> Cow<'_, str> {
    let name = store.text(store.counted_provider(row));
    if name.chars().any(char::is_uppercase) { name.to_lowercase().into() } else { name.into() }
}

/// Counts the model calls of each group that `key` names; an empty name is none.
pub(super) fn from_calls<'s>(store: &'s Store, traces: &[TraceIx], key: impl Fn(RowIx) -> Cow<'s, str>) -> Vec<Group> {
    let mut found: Groups<Cow<'s, str>> = Groups::new();
    let new = |key: &Cow<'s, str>| Group { key: Some(key.to_string()).filter(|key| !key.is_empty()), ..Group::default() };
    for (row, _) in traces.iter().flat_map(|&trace| store.walk(trace)) {
        let index = found.index(key(row), new);
        if store.call_of(row).is_some_and(|(by, _)| by == By::Model) {
            found.groups[index].add_call(store, row, false);
        }
        found.groups[index].add_usage(&own_usage(store, row));
    }
    found.groups.retain(|group| group.calls > 0 || group.has_usage());
    found.groups
}

/// Counts the outermost calls that began in each period, and the usage of the rows that did.
pub(super) fn from_periods(store: &Store, traces: &[TraceIx], unit: Unit) -> Vec<Group> {
    // Periods begin at whole minutes, and a look at the calendar takes longer than one at this map.
    let mut by_minute: HashMap<i64, usize> = HashMap::new();
    from_runs(store, traces, |found, row| {
        let start = store.row(row).start;
        *by_minute.entry(start.div_euclid(MINUTE)).or_insert_with(|| {
            let period = calendar::period(unit, start);
            let new = |name: &String| Group { key: Some(name.clone()), period: Some(period.clone()), ..Group::default() };
            found.index(period.name.clone(), new)
        })
    })
}

/// Counts the outermost calls of each service, and the usage of its rows.
pub(super) fn from_services(store: &Store, traces: &[TraceIx]) -> Vec<Group> {
    from_runs(store, traces, |found, row| {
        found.index(store.service(row), |name| Group { key: Some((*name).to_owned()).filter(|name| !name.is_empty()), ..Group::default() })
    })
}

/// Counts outermost calls and usage by the group of each row.
fn from_runs<K: Hash + Eq>(store: &Store, traces: &[TraceIx], mut index: impl FnMut(&mut Groups<K>, RowIx) -> usize) -> Vec<Group> {
    let mut found: Groups<K> = Groups::new();
    for &trace in traces {
        let mut outermost: Option<usize> = None;
        for (row, depth) in store.walk(trace) {
            let index = index(&mut found, row);
            outermost = outermost.filter(|outer| depth > *outer);
            if outermost.is_none() && store.call_of(row).is_some() {
                outermost = Some(depth);
                found.groups[index].add_call(store, row, true);
            }
            found.groups[index].add_usage(&own_usage(store, row));
        }
    }
    found.groups.retain(|group| group.calls > 0 || group.has_usage());
    found.groups
}
