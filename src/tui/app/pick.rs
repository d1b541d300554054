//! A list of values to filter by. Typed text narrows it.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use fuzzy_matcher::FuzzyMatcher;
use fuzzy_matcher::skim::SkimMatcherV2;

use crate::query::{STATUSES, values_of};
use crate::store::{By, RowIx, Store, Symbol};

/// A value in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The value, not yet safe for a terminal.
    pub value: String,
    /// How often it occurs, in units of [`Picker::counted`].
    pub count: u64,
    /// Whether it is selected.
    pub is_selected: bool,
}

/// An open list.
#[derive(Clone, Debug, Default)]
pub struct Picker {
    /// The filter field that the list sets.
    pub field: &'static str,
    /// The unit of the counts: `runs`, `calls` or `traces`.
    pub counted: &'static str,
    /// The typed text.
    pub typed: String,
    /// The index of the choice under the cursor, among the shown ones.
    pub cursor: usize,
    choices: Vec<Choice>,
    /// The number of selected choices.
    selected: usize,
    /// The indices of the choices that match the typed text, the best first.
    shown: Vec<usize>,
    /// Whether the user has selected or deselected a value.
    is_touched: bool,
}

/// Rows by which the page keys move.
const PAGE: isize = 10;

impl Picker {
    /// Lists agents (with teams and workflows) by their runs, or models or tools by their calls. Costs the rows in memory.
    #[must_use]
    pub fn labels(store: &Store, line: &str, by: By) -> Self {
        let (field, counted) = match by {
            By::Agent => ("agent", "runs"),
            By::Model => ("model", "calls"),
            By::Tool => ("tool", "calls"),
        };
        Self::texts(store, line, field, counted, |row| store.label(by, row))
    }

    /// Lists sessions by their traces. Costs the rows in memory.
    #[must_use]
    pub fn sessions(store: &Store, line: &str) -> Self {
        let mut seen = HashSet::new();
        Self::texts(store, line, "session", "traces", |row| {
            let data = store.row(row);
            let is_new = !data.session.is_empty() && seen.insert((data.session, data.trace()));
            if is_new { data.session } else { Symbol::EMPTY }
        })
    }

    /// Lists statuses by their traces. Costs the traces in memory.
    #[must_use]
    pub fn statuses(store: &Store, line: &str) -> Self {
        let count = |status| store.traces().filter(|&trace| store.trace(trace).run_status() == status).count() as u64;
        let counts = STATUSES.into_iter().map(|(name, status)| (name.to_owned(), count(status))).collect();
        Self::new("status", "traces", counts, line)
    }

    fn texts(store: &Store, line: &str, field: &'static str, counted: &'static str, mut text: impl FnMut(RowIx) -> Symbol) -> Self {
        let mut counts: HashMap<Symbol, u64> = HashMap::new();
        for row in store.rows() {
            let text = text(row);
            if !text.is_empty() {
                *counts.entry(text).or_default() += 1;
            }
        }
        let mut counts: Vec<(String, u64)> = counts.into_iter().map(|(text, count)| (store.text(text).to_owned(), count)).collect();
        counts.sort_by(|(name, count), (other, others)| others.cmp(count).then_with(|| name.cmp(other)));
        Self::new(field, counted, counts, line)
    }

    fn new(field: &'static str, counted: &'static str, counts: Vec<(String, u64)>, line: &str) -> Self {
        let selected = values_of(line, field);
        let is_selected = |value: &str| selected.iter().any(|selected| selected.eq_ignore_ascii_case(value));
        let mut choices: Vec<Choice> =
            counts.into_iter().map(|(value, count)| Choice { is_selected: is_selected(&value), value, count }).collect();
        // Selected values come first, so that they are visible.
        choices.sort_by_key(|choice| !choice.is_selected);
        let shown = (0..choices.len()).collect();
        let selected = choices.iter().filter(|choice| choice.is_selected).count();
        Self { selected, field, counted, typed: String::new(), cursor: 0, choices, shown, is_touched: false }
    }

    /// Returns the choices that match the typed text.
    #[must_use]
    pub fn shown(&self) -> impl ExactSizeIterator<Item = &Choice> {
        self.shown.iter().map(|&at| &self.choices[at])
    }

    /// Returns the number of selected choices, shown or not.
    #[must_use]
    pub fn selected_count(&self) -> usize {
        self.selected
    }

    /// Returns the number of choices, shown or not.
    #[must_use]
    pub fn count(&self) -> usize {
        self.choices.len()
    }

    /// Handles a key. Breaks if the list closes, with the values to filter by unless the user cancels.
    pub(super) fn key(&mut self, key: KeyEvent) -> ControlFlow<Option<Vec<String>>> {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Esc => return ControlFlow::Break(None),
            KeyCode::Enter => return ControlFlow::Break(Some(std::mem::take(self).into_values())),
            KeyCode::Down | KeyCode::Tab => self.step(1),
            KeyCode::Up | KeyCode::BackTab => self.step(-1),
            KeyCode::Char('n') if control => self.step(1),
            KeyCode::Char('p') if control => self.step(-1),
            KeyCode::PageDown => self.step(PAGE),
            KeyCode::PageUp => self.step(-PAGE),
            KeyCode::Home => self.cursor = 0,
            KeyCode::End => self.step(isize::MAX),
            KeyCode::Backspace => {
                self.typed.pop();
                self.narrow();
            }
            KeyCode::Char('u') if control => {
                self.typed.clear();
                self.narrow();
            }
            KeyCode::Char(' ') => self.toggle(),
            KeyCode::Char(c) if !control && !key.modifiers.contains(KeyModifiers::ALT) => {
                self.typed.push(c);
                self.narrow();
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn narrow(&mut self) {
        self.cursor = 0;
        let fuzzy = SkimMatcherV2::default().ignore_case();
        let score = |at: usize| Some((Reverse(fuzzy.fuzzy_match(&self.choices[at].value, &self.typed)?), at));
        let mut matches: Vec<_> = (0..self.choices.len()).filter_map(score).collect();
        matches.sort_unstable();
        self.shown = matches.into_iter().map(|(_, at)| at).collect();
    }

    /// Moves the cursor, stopping at the ends.
    pub(super) fn step(&mut self, by: isize) {
        self.cursor = self.cursor.saturating_add_signed(by).min(self.shown.len().saturating_sub(1));
    }

    /// Selects or deselects the value under the cursor.
    fn toggle(&mut self) {
        self.is_touched = true;
        if let Some(&at) = self.shown.get(self.cursor) {
            let choice = &mut self.choices[at];
            choice.is_selected ^= true;
            if choice.is_selected {
                self.selected += 1;
            } else {
                self.selected -= 1;
            }
        }
    }

    /// Returns the values to filter by: the selected ones. If the user has selected nothing, Enter selects only the value under the cursor,
    /// or deselects it.
    fn into_values(mut self) -> Vec<String> {
        if !self.is_touched {
            let was_selected = self.shown.get(self.cursor).is_some_and(|&at| self.choices[at].is_selected);
            self.choices.iter_mut().for_each(|choice| choice.is_selected = false);
            if !was_selected {
                self.toggle();
            }
        }
        self.choices.into_iter().filter(|choice| choice.is_selected).map(|choice| choice.value).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(line: &str) -> Picker {
        let counts = [("Researcher", 9), ("Writer", 5), ("Refund Desk", 2)];
        Picker::new("agent", "runs", counts.map(|(name, count)| (name.to_owned(), count)).into(), line)
    }

    fn press(picker: &mut Picker, keys: &str) -> ControlFlow<Option<Vec<String>>> {
        let mut last = ControlFlow::Continue(());
        for c in keys.chars() {
            let code = match c {
                '\n' => KeyCode::Enter,
                '<' => KeyCode::Backspace,
                'V' => KeyCode::Down,
                'E' => KeyCode::End,
                c => KeyCode::Char(c),
            };
            last = picker.key(KeyEvent::new(code, KeyModifiers::NONE));
        }
        last
    }

    fn names(picker: &Picker) -> Vec<&str> {
        picker.shown().map(|choice| choice.value.as_str()).collect()
    }

    fn chosen(names: &[&str]) -> ControlFlow<Option<Vec<String>>> {
        ControlFlow::Break(Some(names.iter().map(|&name| name.to_owned()).collect()))
    }

    #[test]
    fn typed_text_narrows_the_list() {
        let mut picker = open("");
        let _ = press(&mut picker, "ref");
        assert_eq!(names(&picker)[0], "Refund Desk");
        assert!(!names(&picker).contains(&"Writer"));
        let _ = press(&mut picker, "zz");
        assert_eq!(names(&picker).len(), 0);
        assert_eq!(press(&mut picker.clone(), "\n"), chosen(&[]), "nothing is under the cursor");
        let _ = press(&mut picker, "<<<<<");
        assert_eq!(names(&picker), ["Researcher", "Writer", "Refund Desk"]);
    }

    #[test]
    fn hidden_values_stay_selected() {
        let mut picker = open("");
        let _ = press(&mut picker, "V writ ");
        assert_eq!(picker.selected_count(), 0, "selected and deselected");
        let _ = press(&mut picker, " <<<<desk ");
        assert_eq!(press(&mut picker, "\n"), chosen(&["Writer", "Refund Desk"]));
    }

    #[test]
    fn enter_alone_toggles_the_value_under_the_cursor() {
        assert_eq!(press(&mut open(""), "VV\n"), chosen(&["Refund Desk"]));
        assert_eq!(press(&mut open(""), "E\n"), chosen(&["Refund Desk"]));
        let mut picker = open("agent:\"refund desk\"");
        assert_eq!(names(&picker), ["Refund Desk", "Researcher", "Writer"], "selected values come first");
        assert_eq!(press(&mut picker.clone(), "\n"), chosen(&[]), "Enter deselects it");
        assert_eq!(press(&mut picker, "V\n"), chosen(&["Researcher"]));
    }
}
