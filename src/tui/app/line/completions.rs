//! Completions: the names of fields, and the values that occur in the store.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::Duration;

use tui_input::Input;

use super::values::{Fitting, Values};
use crate::model::sort;
use crate::query::{DAY_WORDS, FIELDS, cursor_context, exact};
use crate::semconv::{PARAMETERS, row_keys};
use crate::store::Store;
use crate::tui::slices::Slice;

/// A possible completion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// The field or the value, not yet safe for a terminal.
    pub name: String,
    /// How often the value occurs.
    pub count: Option<u64>,
    /// A description of the field.
    pub help: &'static str,
    /// The text to insert.
    text: String,
}

/// The completions at the cursor.
#[derive(Debug, Default)]
pub struct Completions {
    /// The completions, the most likely first.
    pub list: Vec<Completion>,
    /// The index of the completion in the line, while the user cycles.
    pub chosen: Option<usize>,
    /// Where completions begin in the line, in characters.
    pub start: usize,
    /// How many completions there are beside those in the list.
    pub unlisted: usize,
    /// The line and the cursor that `list` was computed for.
    computed_for: Option<(String, usize)>,
    /// The line and the cursor for which fitting values are looked for.
    fitting: Option<((String, usize), Fitting)>,
    /// Values by field, counted once while the editor is open.
    values: HashMap<String, Values>,
}

/// A slice of time in which any list is completed.
const WHOLE: Duration = Duration::from_secs(60);

impl Completions {
    /// Looks for the completions at the cursor for a moment. Before the first character of a word there are none unless `is_requested`. Returns
    /// whether work is left; until it is done, the list shows what fitted before.
    pub(super) fn refresh(&mut self, store: &Store, input: &Input, is_requested: bool, slice: &mut Slice) -> bool {
        let line = (input.value().to_owned(), input.cursor());
        if self.chosen.is_some() || (self.computed_for.as_ref() == Some(&line) && !(is_requested && self.list.is_empty())) {
            self.fitting = None;
            return false;
        }
        let context = cursor_context(input.value(), input.cursor());
        if self.start != context.at {
            self.list.clear();
        }
        self.start = context.at;
        (self.list, self.unlisted) = match context.field.map(|field| field.to_ascii_lowercase()) {
            None if context.typed.is_empty() && !is_requested => (Vec::new(), 0),
            None => (fields(&context.typed), 0),
            Some(field) if matches!(field.as_str(), "since" | "until") => (days(&context.typed), 0),
            Some(field) => match self.look_for_values(store, &field, &context.typed, &line, slice) {
                Some(found) => found,
                None => return true,
            },
        };
        (self.fitting, self.computed_for) = (None, Some(line));
        false
    }

    /// Looks for values of a field. Returns the first ones and the number of the others; `None` if work is left.
    fn look_for_values(
        &mut self,
        store: &Store,
        field: &str,
        typed: &str,
        line: &(String, usize),
        slice: &mut Slice,
    ) -> Option<(Vec<Completion>, usize)> {
        let values = match self.values.entry(field.to_owned()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => match Values::new(new.key()) {
                Some(values) => new.insert(values),
                None => return Some((Vec::new(), 0)),
            },
        };
        let fitting = self.fitting.take().filter(|(known, _)| known == line);
        let (_, fitting) = self.fitting.insert(fitting.unwrap_or_else(|| (line.clone(), Fitting::new(typed))));
        if !values.advance(store, slice) || !fitting.advance(values, slice) {
            return None;
        }
        let list: Vec<Completion> = fitting
            .list(values)
            .map(|(name, count)| Completion { name: name.to_owned(), count: Some(count), help: "", text: exact(field, name) })
            .collect();
        let unlisted = if list.is_empty() { 0 } else { fitting.count - list.len() };
        Some((list, unlisted))
    }

    /// Looks for all completions at the cursor.
    pub(super) fn finish(&mut self, store: &Store, input: &Input) {
        while self.refresh(store, input, true, &mut Slice::of(WHOLE)) {}
    }

    /// Whether fitting values are still being looked for.
    #[must_use]
    pub fn is_searching(&self) -> bool {
        self.fitting.is_some()
    }

    /// Whether the user cycles through the completions.
    pub(super) fn is_cycling(&self) -> bool {
        self.chosen.is_some()
    }

    /// Hides the completions until the line changes.
    pub(super) fn close(&mut self, input: &Input) {
        self.list.clear();
        (self.chosen, self.fitting) = (None, None);
        self.computed_for = Some((input.value().to_owned(), input.cursor()));
    }

    /// Whether nothing is listed, since the user has not begun a word.
    pub(super) fn awaits_word(&self, input: &Input) -> bool {
        self.list.is_empty() && input.value().chars().take(input.cursor()).last().is_none_or(char::is_whitespace)
    }

    /// Accepts the completion in the line.
    pub(super) fn accept(&mut self) {
        self.chosen = None;
    }

    /// Puts the next completion into the line, or the previous one. Returns whether the line has changed.
    pub(super) fn cycle(&mut self, input: &mut Input, forward: bool) -> bool {
        let count = self.list.len();
        if count == 0 {
            return false;
        }
        let next = match (self.chosen, forward) {
            (None, true) => 0,
            (None, false) => count - 1,
            (Some(at), true) => (at + 1) % count,
            (Some(at), false) => (at + count - 1) % count,
        };
        let text = &self.list[next].text;
        let before: String = input.value().chars().take(self.start).collect();
        let after: String = input.value().chars().skip(input.cursor()).collect();
        let cursor = self.start + text.chars().count();
        *input = Input::new(format!("{before}{text}{after}")).with_cursor(cursor);
        // After the only completion, the word that follows can be completed.
        self.chosen = (count > 1).then_some(next);
        true
    }
}

/// Returns the fields and attributes whose names begin with `typed`.
fn fields(typed: &str) -> Vec<Completion> {
    let typed = typed.to_ascii_lowercase();
    if let Some(name) = typed.strip_prefix("attr.") {
        let completion = |name: &str| Completion { name: format!("attr.{name}"), count: None, help: "", text: format!("attr.{name}:") };
        return row_keys().filter(|known| known.starts_with(name)).map(completion).collect();
    }
    if let Some(name) = typed.strip_prefix("param.") {
        let names = PARAMETERS.iter().map(|parameter| parameter.name).filter(|known| known.starts_with(name));
        return names
            .map(|name| Completion { name: format!("param.{name}"), count: None, help: "", text: format!("param.{name}:") })
            .collect();
    }
    let completion = |(name, help): &(&str, &'static str)| {
        let colon = if name.ends_with('.') { "" } else { ":" };
        Completion { name: (*name).to_owned(), count: None, help, text: format!("{name}{colon}") }
    };
    FIELDS.iter().filter(|(name, _)| name.starts_with(&typed)).map(completion).collect()
}

/// Returns the days that contain the typed text.
fn days(typed: &str) -> Vec<Completion> {
    let typed = typed.to_lowercase();
    let mut days: Vec<&str> = DAY_WORDS.iter().copied().filter(|word| word.contains(&typed)).collect();
    sort::by_key(&mut days, |word| !word.starts_with(&typed));
    // A complete word needs no completion.
    if days == [typed.as_str()] {
        days.clear();
    }
    days.into_iter().map(|word| Completion { name: word.to_owned(), count: None, help: "", text: word.to_owned() }).collect()
}
