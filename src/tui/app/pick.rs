//! A list of values to filter by. Typed text narrows it, except the short list of statuses.

mod gather;
mod narrow;
#[cfg(test)]
mod tests;

use std::cmp::Ordering;
use std::ops::ControlFlow;
use std::time::Duration;

use super::trash::Items;
use super::{Action, Slice};
use crate::query::values_of;
use crate::store::{By, Store};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use gather::Gathering;
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
#[derive(Debug, Default)]
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
    /// Values that are still being collected.
    gathering: Option<Gathering>,
    /// The values of the field in the filter line.
    filtered: Vec<String>,
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
    /// Lists agents (with teams and workflows) by their runs, or models or tools by their calls.
    #[must_use]
    pub fn labels(store: &Store, line: &str, by: By) -> Self {
        let (field, counted) = match by {
            By::Agent => ("agent", "runs"),
            By::Model => ("model", "calls"),
            By::Tool => ("tool", "calls"),
        };
        Self::default().gather(store, line, (field, counted), Gathering::Labels(by, 0))
    }

    /// Lists sessions by their traces.
    #[must_use]
    pub fn sessions(store: &Store, line: &str) -> Self {
        Self::default().gather(store, line, ("session", "traces"), Gathering::sessions(store))
    }

    /// Lists statuses by their traces.
    #[must_use]
    pub fn statuses(store: &Store, line: &str) -> Self {
        let picker = Self { is_fixed: true, ..Self::default() };
        picker.gather(store, line, ("status", "traces"), Gathering::Statuses(None, Default::default()))
    }

    /// Takes itself apart, to be freed in slices.
    pub(super) fn into_items(self) -> impl Iterator<Item = Items> {
        let choices: Items = Box::new(self.choices.into_iter().map(drop));
        self.gathering.map(Gathering::into_items).into_iter().chain([choices])
    }

    /// Whether typed text narrows the list.
    #[must_use]
    pub fn takes_text(&self) -> bool {
        !self.is_fixed
    }

    fn gather(self, store: &Store, line: &str, (field, counted): (&'static str, &'static str), gathering: Gathering) -> Self {
        let mut picker = Self { field, counted, gathering: Some(gathering), filtered: values_of(line, field), ..self };
        picker.advance(store, Slice::on_key());
        picker
    }

    /// Adds values with their counts.
    fn add(&mut self, counts: Vec<(String, u64)>) {
        for (value, count) in counts {
            let is_selected = self.filtered.iter().any(|selected| selected.eq_ignore_ascii_case(&value));
            self.selected += usize::from(is_selected);
            let place = if self.is_fixed { self.choices.len() } else { 0 };
            self.choices.push(Choice { is_selected, was_selected: is_selected, place, value, count });
        }
    }

    /// Whether values are still being collected.
    #[must_use]
    pub fn is_gathering(&self) -> bool {
        self.gathering.is_some()
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
            KeyCode::Enter => return ControlFlow::Break(Some(self.take_values())),
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
        if self.is_gathering() {
            return;
        }
        let candidates = if longer && self.narrowing.is_none() { self.shown.clone() } else { (0..self.choices.len()).collect() };
        self.narrowing = Some(Narrowing::new(candidates));
        self.advance_narrowing(&mut Slice::on_key());
    }

    /// Collects values and looks for those that match for a moment. Returns whether work is left.
    pub(super) fn advance(&mut self, store: &Store, mut slice: Slice) -> bool {
        if let Some(mut gathering) = self.gathering.take() {
            let mut found = Vec::new();
            let is_done = gathering.advance(store, &mut found, &mut slice);
            self.add(found);
            if !is_done {
                self.gathering = Some(gathering);
                return true;
            }
            self.narrowing = Some(Narrowing::new((0..self.choices.len()).collect()));
        }
        self.advance_narrowing(&mut slice)
    }

    /// Collects all values.
    pub(super) fn finish_gathering(&mut self, store: &Store) {
        while self.is_gathering() {
            self.advance(store, Slice::of(WHOLE));
        }
    }

    /// Looks on for matching values. Returns whether work is left.
    fn advance_narrowing(&mut self, slice: &mut Slice) -> bool {
        let Self { choices, typed, narrowing, shown, .. } = self;
        let Some(open) = narrowing else { return false };
        if !open.advance(typed, choices, slice) {
            return true;
        }
        *shown = narrowing.take().map_or_else(Vec::new, Narrowing::into_matches);
        self.step(0);
        false
    }

    fn finish_narrowing(&mut self) {
        while self.advance_narrowing(&mut Slice::of(WHOLE)) {}
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
    fn take_values(&mut self) -> Vec<String> {
        if !self.is_touched {
            let was_selected = self.shown.get(self.cursor).is_some_and(|&at| self.choices[at].is_selected);
            self.choices.iter_mut().for_each(|choice| choice.is_selected = false);
            if !was_selected {
                self.toggle();
            }
        }
        let selected = self.choices.iter_mut().filter(|choice| choice.is_selected);
        selected.map(|choice| std::mem::take(&mut choice.value)).collect()
    }
}
