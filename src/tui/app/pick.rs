//! A list to choose several values of a field from: what is typed narrows it.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use fuzzy_matcher::FuzzyMatcher;
use fuzzy_matcher::skim::SkimMatcherV2;

use crate::query::values_of;
use crate::store::{By, RowIx, RunStatus, Store, Symbol};

/// A value that can be chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The value, as it came.
    pub value: String,
    /// How many there are of what the list counts.
    pub count: u64,
    /// Whether it is chosen.
    pub chosen: bool,
}

/// An open list.
#[derive(Clone, Debug)]
pub struct Picker {
    /// The field of the filter line that it sets.
    pub field: &'static str,
    /// What is counted: `runs`, `calls`, `traces`.
    pub counted: &'static str,
    /// What was typed to narrow the list.
    pub typed: String,
    /// The place of the cursor among those shown.
    pub cursor: usize,
    choices: Vec<Choice>,
    /// The choices that fit what was typed, the best first.
    shown: Vec<usize>,
    touched: bool,
}

/// What became of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Picked {
    /// It stays open.
    Open,
    /// It was closed; nothing changes.
    Closed,
    /// These values are to be filtered by.
    Chosen(Vec<String>),
}

/// Rows by which the page keys move.
const PAGE: isize = 10;

impl Picker {
    /// Agents, teams and workflows by number of runs. Costs the rows held.
    #[must_use]
    pub fn agents(store: &Store, line: &str) -> Self {
        Self::labels(store, line, "agent", "runs", By::Agent)
    }

    /// Models by number of calls. Costs the rows held.
    #[must_use]
    pub fn models(store: &Store, line: &str) -> Self {
        Self::labels(store, line, "model", "calls", By::Model)
    }

    /// Tools by number of calls. Costs the rows held.
    #[must_use]
    pub fn tools(store: &Store, line: &str) -> Self {
        Self::labels(store, line, "tool", "calls", By::Tool)
    }

    /// Sessions by number of traces. Costs the rows held.
    #[must_use]
    pub fn sessions(store: &Store, line: &str) -> Self {
        let mut seen = HashSet::new();
        Self::texts(store, line, "session", "traces", |row| {
            let data = store.row(row);
            let new = !data.session.is_empty() && seen.insert((data.session, data.trace()));
            if new { data.session } else { Symbol::EMPTY }
        })
    }

    /// Statuses by number of traces. Costs the traces held.
    #[must_use]
    pub fn statuses(store: &Store, line: &str) -> Self {
        let standings = [("error", RunStatus::Error), ("running", RunStatus::Running), ("lost", RunStatus::Lost), ("ok", RunStatus::Ok)];
        let count = |standing| store.traces().filter(|&trace| store.trace(trace).run_status() == standing).count() as u64;
        let counts = standings.into_iter().map(|(name, standing)| (name.to_owned(), count(standing))).collect();
        Self::new("status", "traces", counts, line)
    }

    fn labels(store: &Store, line: &str, field: &'static str, counted: &'static str, by: By) -> Self {
        Self::texts(store, line, field, counted, |row| store.label(by, row))
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
        let chosen = values_of(line, field);
        let is_chosen = |value: &str| chosen.iter().any(|chosen| chosen.eq_ignore_ascii_case(value));
        let mut choices: Vec<Choice> =
            counts.into_iter().map(|(value, count)| Choice { chosen: is_chosen(&value), value, count }).collect();
        // What is chosen must be seen without a search.
        choices.sort_by_key(|choice| !choice.chosen);
        let shown = (0..choices.len()).collect();
        Self { field, counted, typed: String::new(), cursor: 0, choices, shown, touched: false }
    }

    /// The choices that fit what was typed.
    #[must_use]
    pub fn shown(&self) -> impl ExactSizeIterator<Item = &Choice> {
        self.shown.iter().map(|&at| &self.choices[at])
    }

    /// How many are chosen, seen or not.
    #[must_use]
    pub fn chosen_count(&self) -> usize {
        self.choices.iter().filter(|choice| choice.chosen).count()
    }

    /// How many choices there are, seen or not.
    #[must_use]
    pub fn count(&self) -> usize {
        self.choices.len()
    }

    /// Takes a key.
    pub(super) fn key(&mut self, key: KeyEvent) -> Picked {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Esc => return Picked::Closed,
            KeyCode::Enter => return Picked::Chosen(self.clone().result()),
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
        Picked::Open
    }

    fn narrow(&mut self) {
        self.cursor = 0;
        let fuzzy = SkimMatcherV2::default().ignore_case();
        let fit = |at: usize| Some((Reverse(fuzzy.fuzzy_match(&self.choices[at].value, &self.typed)?), at));
        let mut fitting: Vec<_> = (0..self.choices.len()).filter_map(fit).collect();
        fitting.sort_unstable();
        self.shown = fitting.into_iter().map(|(_, at)| at).collect();
    }

    /// Moves the cursor, stopping at the ends.
    pub(super) fn step(&mut self, by: isize) {
        self.cursor = self.cursor.saturating_add_signed(by).min(self.shown.len().saturating_sub(1));
    }

    /// Chooses the value under the cursor, or not.
    fn toggle(&mut self) {
        self.touched = true;
        if let Some(&at) = self.shown.get(self.cursor) {
            self.choices[at].chosen ^= true;
        }
    }

    /// The values to filter by; who chose none since the list opened means the one under the cursor, or none if that was chosen before.
    fn result(mut self) -> Vec<String> {
        if !self.touched {
            let before = self.shown.get(self.cursor).is_some_and(|&at| self.choices[at].chosen);
            self.choices.iter_mut().for_each(|choice| choice.chosen = false);
            if !before {
                self.toggle();
            }
        }
        self.choices.into_iter().filter(|choice| choice.chosen).map(|choice| choice.value).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(line: &str) -> Picker {
        let counts = [("Researcher", 9), ("Writer", 5), ("Refund Desk", 2)];
        Picker::new("agent", "runs", counts.map(|(name, count)| (name.to_owned(), count)).into(), line)
    }

    fn press(picker: &mut Picker, keys: &str) -> Picked {
        let mut last = Picked::Open;
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

    fn chosen(names: &[&str]) -> Picked {
        Picked::Chosen(names.iter().map(|&name| name.to_owned()).collect())
    }

    #[test]
    fn what_is_typed_narrows_the_list() {
        let mut picker = open("");
        press(&mut picker, "ref");
        assert_eq!(names(&picker)[0], "Refund Desk");
        assert!(!names(&picker).contains(&"Writer"));
        press(&mut picker, "zz");
        assert_eq!(names(&picker).len(), 0);
        assert_eq!(press(&mut picker.clone(), "\n"), chosen(&[]), "nothing stands under the cursor");
        press(&mut picker, "<<<<<");
        assert_eq!(names(&picker), ["Researcher", "Writer", "Refund Desk"]);
    }

    #[test]
    fn several_are_chosen_also_beyond_what_is_seen() {
        let mut picker = open("");
        press(&mut picker, "V writ ");
        assert_eq!(picker.chosen_count(), 0, "chosen, and not any more");
        press(&mut picker, " <<<<desk ");
        assert_eq!(press(&mut picker, "\n"), chosen(&["Writer", "Refund Desk"]));
    }

    #[test]
    fn enter_alone_takes_the_one_under_the_cursor() {
        assert_eq!(press(&mut open(""), "VV\n"), chosen(&["Refund Desk"]));
        assert_eq!(press(&mut open(""), "E\n"), chosen(&["Refund Desk"]));
        let mut picker = open("agent:\"refund desk\"");
        assert_eq!(names(&picker), ["Refund Desk", "Researcher", "Writer"], "what is chosen stands first");
        assert_eq!(press(&mut picker.clone(), "\n"), chosen(&[]), "once more takes it back");
        assert_eq!(press(&mut picker, "V\n"), chosen(&["Researcher"]));
    }
}
