//! A list to choose several values of a field from.

use std::collections::BTreeMap;

use crate::model::Kind;
use crate::query::values_of;
use crate::store::{Standing, Store};

/// A value that can be chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The value, as it came.
    pub value: String,
    /// How many there are: agents count runs, statuses count traces.
    pub count: u64,
    /// Whether it is chosen.
    pub chosen: bool,
}

/// An open list.
#[derive(Clone, Debug)]
pub struct Picker {
    /// The field of the filter line that it sets.
    pub field: &'static str,
    /// The values.
    pub choices: Vec<Choice>,
    /// The value that the cursor is on.
    pub cursor: usize,
    touched: bool,
}

impl Picker {
    /// Agents, teams and workflows by number of runs. Costs the rows held.
    #[must_use]
    pub fn agents(store: &Store, line: &str) -> Self {
        let mut counts = BTreeMap::new();
        for row in store.rows() {
            let data = store.row(row);
            if matches!(data.kind, Kind::Agent | Kind::Team | Kind::Workflow) && !data.label.is_empty() {
                *counts.entry(store.text(data.label).to_owned()).or_default() += 1;
            }
        }
        let mut counts: Vec<(String, u64)> = counts.into_iter().collect();
        counts.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
        Self::new("agent", counts, line)
    }

    /// Statuses by number of traces. Costs the traces held.
    #[must_use]
    pub fn statuses(store: &Store, line: &str) -> Self {
        let standings = [("error", Standing::Error), ("running", Standing::Running), ("lost", Standing::Lost), ("ok", Standing::Ok)];
        let count = |standing| store.traces().filter(|&trace| store.trace(trace).standing() == standing).count() as u64;
        Self::new("status", standings.into_iter().map(|(name, standing)| (name.to_owned(), count(standing))).collect(), line)
    }

    fn new(field: &'static str, counts: Vec<(String, u64)>, line: &str) -> Self {
        let chosen = values_of(line, field);
        let is_chosen = |value: &str| chosen.iter().any(|chosen| chosen.eq_ignore_ascii_case(value));
        let choices = counts.into_iter().map(|(value, count)| Choice { chosen: is_chosen(&value), value, count }).collect();
        Self { field, choices, cursor: 0, touched: false }
    }

    /// Moves the cursor, stopping at the ends.
    pub fn step(&mut self, by: isize) {
        self.cursor = self.cursor.saturating_add_signed(by).min(self.choices.len().saturating_sub(1));
    }

    /// Chooses the value under the cursor, or not.
    pub fn toggle(&mut self) {
        self.touched = true;
        if let Some(choice) = self.choices.get_mut(self.cursor) {
            choice.chosen = !choice.chosen;
        }
    }

    /// The values to filter by; who chose none since the list opened means the one under the cursor, or none if that was chosen before.
    #[must_use]
    pub fn result(mut self) -> Vec<String> {
        if !self.touched {
            let before = self.choices.get(self.cursor).is_some_and(|choice| choice.chosen);
            self.choices.iter_mut().for_each(|choice| choice.chosen = false);
            if !before {
                self.toggle();
            }
        }
        self.chosen()
    }

    fn chosen(&self) -> Vec<String> {
        self.choices.iter().filter(|choice| choice.chosen).map(|choice| choice.value.clone()).collect()
    }
}
