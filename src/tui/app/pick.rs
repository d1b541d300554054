//! A list of values to filter by. Typed text narrows it, except the short list of statuses.

mod narrow;

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::time::Duration;

use super::{Action, Slice};
use crate::query::{STATUSES, values_of};
use crate::store::{By, Store, Symbol};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use narrow::Narrowing;

/// A value in the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The value, not yet safe for a terminal.
    pub value: String,
    /// How often it occurs, in units of [`Picker::counted`].
    pub count: u64,
    /// Whether it is selected.
    pub is_selected: bool,
    /// Whether it was selected when the list opened: such values come first, so that they are visible.
    was_selected: bool,
    /// Its place in a list in a fixed order; 0 in others.
    place: usize,
}

impl Choice {
    /// Compares choices that match equally well: those that were selected first, then by place, the most frequent ones first, and by name.
    fn compare(&self, other: &Self) -> Ordering {
        let by_count = || other.count.cmp(&self.count).then_with(|| self.value.cmp(&other.value));
        other.was_selected.cmp(&self.was_selected).then(self.place.cmp(&other.place)).then_with(by_count)
    }
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
    /// The indices of the choices that match the typed text, the best first; of an earlier text while `narrowing` goes on.
    shown: Vec<usize>,
    narrowing: Option<Narrowing>,
    /// Whether the values are always the same few: then letters move the cursor as elsewhere instead of narrowing the list.
    is_fixed: bool,
    /// Whether the user has selected or deselected a value.
    is_touched: bool,
}

/// Rows by which the page keys move.
const PAGE: isize = 10;

/// A slice of time in which any list is narrowed.
const WHOLE: Duration = Duration::from_secs(60);

impl Picker {
    /// Lists agents (with teams and workflows) by their runs, or models or tools by their calls. Costs the number of them.
    #[must_use]
    pub fn labels(store: &Store, line: &str, by: By) -> Self {
        let (field, counted) = match by {
            By::Agent => ("agent", "runs"),
            By::Model => ("model", "calls"),
            By::Tool => ("tool", "calls"),
        };
        let groups = store.stats().groups(by).filter(|(name, _)| !name.is_empty());
        Self::texts(store, line, field, counted, groups.map(|(name, group)| (name, u64::from(group.calls))).collect())
    }

    /// Lists sessions by their traces. Costs the rows in memory.
    #[must_use]
    pub fn sessions(store: &Store, line: &str) -> Self {
        let (mut seen, mut counts) = (HashSet::new(), HashMap::new());
        for data in store.rows().map(|row| store.row(row)).filter(|data| !data.session.is_empty()) {
            if seen.insert((data.session, data.trace())) {
                *counts.entry(data.session).or_default() += 1;
            }
        }
        Self::texts(store, line, "session", "traces", counts.into_iter().collect())
    }

    /// Lists statuses by their traces. Costs the traces in memory.
    #[must_use]
    pub fn statuses(store: &Store, line: &str) -> Self {
        let count = |status| store.traces().filter(|&trace| store.trace(trace).run_status() == status).count() as u64;
        let counts = STATUSES.into_iter().map(|(name, status)| (name.to_owned(), count(status))).collect();
        Self::new("status", "traces", counts, line, true)
    }

    /// Whether typed text narrows the list.
    #[must_use]
    pub fn takes_text(&self) -> bool {
        !self.is_fixed
    }

    fn texts(store: &Store, line: &str, field: &'static str, counted: &'static str, counts: Vec<(Symbol, u64)>) -> Self {
        Self::new(field, counted, counts.into_iter().map(|(text, count)| (store.text(text).to_owned(), count)).collect(), line, false)
    }

    fn new(field: &'static str, counted: &'static str, counts: Vec<(String, u64)>, line: &str, is_fixed: bool) -> Self {
        let selected = values_of(line, field);
        let is_selected = |value: &str| selected.iter().any(|selected| selected.eq_ignore_ascii_case(value));
        let choice = |(place, (value, count)): (usize, (String, u64))| {
            let is_selected = is_selected(&value);
            Choice { is_selected, was_selected: is_selected, place: if is_fixed { place } else { 0 }, value, count }
        };
        let choices: Vec<Choice> = counts.into_iter().enumerate().map(choice).collect();
        let selected = choices.iter().filter(|choice| choice.is_selected).count();
        let mut picker = Self { field, counted, choices, selected, is_fixed, ..Self::default() };
        picker.narrow(false);
        picker
    }

    /// Whether the values that match the typed text are still looked for.
    #[must_use]
    pub fn is_narrowing(&self) -> bool {
        self.narrowing.is_some()
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

    /// Handles a key, which `action` is bound to. Breaks if the list closes, with the values to filter by unless the user cancels.
    pub(super) fn key(&mut self, key: KeyEvent, action: Option<Action>) -> ControlFlow<Option<Vec<String>>> {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        if matches!(key.code, KeyCode::Enter | KeyCode::Char(' ')) {
            // They act on what the typed text asks for.
            self.finish_narrowing();
        }
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
                self.narrow(false);
            }
            KeyCode::Char('u') if control => {
                self.typed.clear();
                self.narrow(false);
            }
            KeyCode::Char(' ') => self.toggle(),
            KeyCode::Char(_) if self.is_fixed => match action {
                Some(Action::Top) => self.cursor = 0,
                Some(Action::Bottom) => self.step(isize::MAX),
                Some(Action::Quit | Action::PickStatuses) => return ControlFlow::Break(None),
                _ => self.step(action.and_then(|action| action.rows(PAGE)).unwrap_or_default()),
            },
            KeyCode::Char(c) if !control && !key.modifiers.contains(KeyModifiers::ALT) => {
                self.typed.push(c);
                self.narrow(true);
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    /// Begins to look for the values that match the typed text. What does not match a text does not match a `longer` one.
    fn narrow(&mut self, longer: bool) {
        self.cursor = 0;
        let candidates = if longer && self.narrowing.is_none() { self.shown.clone() } else { (0..self.choices.len()).collect() };
        self.narrowing = Some(Narrowing::new(candidates));
        self.advance(Slice::on_key());
    }

    /// Looks on for matching values for a moment. Returns whether work is left.
    pub(super) fn advance(&mut self, mut slice: Slice) -> bool {
        let Self { choices, typed, narrowing, shown, .. } = self;
        let Some(open) = narrowing else { return false };
        if !open.advance(typed, choices, &mut slice) {
            return true;
        }
        *shown = narrowing.take().map_or_else(Vec::new, Narrowing::into_matches);
        self.step(0);
        false
    }

    fn finish_narrowing(&mut self) {
        while self.advance(Slice::of(WHOLE)) {}
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
    use crate::tui::app::Keymap;

    fn open(line: &str) -> Picker {
        let counts = [("Researcher", 9), ("Writer", 5), ("Refund Desk", 2)];
        Picker::new("agent", "runs", counts.map(|(name, count)| (name.to_owned(), count)).into(), line, false)
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
            let key = KeyEvent::new(code, KeyModifiers::NONE);
            last = picker.key(key, Keymap::default().action(key));
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

    #[test]
    fn in_a_list_of_statuses_letters_move_the_cursor() {
        let mut picker = Picker { is_fixed: true, ..open("") };
        let _ = press(&mut picker, "jjk");
        assert_eq!((picker.cursor, picker.typed.as_str(), names(&picker).len()), (1, "", 3));
        let _ = press(&mut picker, "Gx");
        assert_eq!((picker.cursor, names(&picker).len()), (2, 3));
        assert_eq!(press(&mut picker.clone(), "\n"), chosen(&["Refund Desk"]));
        assert_eq!(press(&mut picker, "q"), ControlFlow::Break(None));
    }

    #[test]
    fn a_long_list_is_narrowed_in_slices_and_enter_takes_what_the_whole_text_finds() {
        let names: Vec<(String, u64)> = (0..20_000).map(|number| (format!("agent {number}"), 1)).collect();
        let mut picker = Picker::new("agent", "runs", names, "", false);
        picker.finish_narrowing();
        for c in "19999".chars() {
            picker.typed.push(c);
            picker.narrowing = Some(Narrowing::new((0..picker.choices.len()).collect()));
            assert!(picker.advance(Slice::of(Duration::ZERO)), "more work than a slice has time for");
        }
        assert_eq!(picker.shown().len(), 20_000, "the list stays until the matches are known");
        assert_eq!(press(&mut picker.clone(), "\n"), chosen(&["agent 19999"]));
        while picker.advance(Slice::of(Duration::ZERO)) {}
        assert_eq!(picker.shown().next().map(|choice| choice.value.as_str()), Some("agent 19999"));
    }
}
