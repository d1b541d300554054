//! Every action by name, found by a few of its letters.

use std::cmp::Reverse;

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use fuzzy_matcher::FuzzyMatcher;
use fuzzy_matcher::skim::SkimMatcherV2;
use tui_input::Input;
use tui_input::backend::crossterm::EventHandler;

use crate::keymap::{Action, ENTRIES, Entry};

/// An action that passes what is typed.
#[derive(Clone, Debug)]
pub struct Found {
    /// The action.
    pub entry: &'static Entry,
    /// Which characters of its name were typed.
    pub typed: Vec<usize>,
}

/// The open list.
#[derive(Clone, Debug)]
pub struct Palette {
    /// What is typed.
    pub input: Input,
    /// The actions that pass, the best first.
    pub found: Vec<Found>,
    /// Which of them the cursor is on.
    pub cursor: usize,
}

/// What a key means to the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It stays open.
    Open,
    /// It is left.
    Left,
    /// This is to be done.
    Do(Action),
}

impl Default for Palette {
    fn default() -> Self {
        Self { input: Input::default(), found: find(""), cursor: 0 }
    }
}

impl Palette {
    /// A key was pressed.
    pub fn key(&mut self, key: KeyEvent) -> Answer {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Esc => return Answer::Left,
            KeyCode::Enter => return self.found.get(self.cursor).map_or(Answer::Open, |found| Answer::Do(found.entry.action)),
            KeyCode::Backspace if self.input.value().is_empty() => return Answer::Left,
            KeyCode::Down | KeyCode::Tab => self.step(1),
            KeyCode::Up | KeyCode::BackTab => self.step(-1),
            KeyCode::Char('n') if control => self.step(1),
            KeyCode::Char('p') if control => self.step(-1),
            KeyCode::PageDown => self.step(10),
            KeyCode::PageUp => self.step(-10),
            _ => {
                if self.input.handle_event(&Event::Key(key)).is_some_and(|change| change.value) {
                    self.search();
                }
            }
        }
        Answer::Open
    }

    /// Adds text that was pasted.
    pub fn paste(&mut self, text: &str) {
        for c in text.chars() {
            self.input.handle(tui_input::InputRequest::InsertChar(c));
        }
        self.search();
    }

    /// Moves the cursor to an item, or to the last.
    pub fn go_to(&mut self, item: usize) {
        self.cursor = item.min(self.found.len().saturating_sub(1));
    }

    /// Moves the cursor, stopping at the ends.
    pub fn step(&mut self, by: isize) {
        self.cursor = self.cursor.saturating_add_signed(by).min(self.found.len().saturating_sub(1));
    }

    fn search(&mut self) {
        (self.found, self.cursor) = (find(self.input.value().trim()), 0);
    }
}

/// The actions whose names hold these letters in this order, then those whose help does.
fn find(typed: &str) -> Vec<Found> {
    if typed.is_empty() {
        return ENTRIES.iter().map(|entry| Found { entry, typed: Vec::new() }).collect();
    }
    let matcher = SkimMatcherV2::default().ignore_case();
    let typed = typed.replace(' ', "-");
    let judge = |entry: &'static Entry| {
        if let Some((score, typed)) = matcher.fuzzy_indices(entry.name, &typed) {
            return Some(((true, score, Reverse(entry.name.len())), Found { entry, typed }));
        }
        let score = matcher.fuzzy_match(entry.help, &typed.replace('-', " "))?;
        Some(((false, score, Reverse(0)), Found { entry, typed: Vec::new() }))
    };
    let mut found: Vec<_> = ENTRIES.iter().filter_map(judge).collect();
    found.sort_by_key(|(rank, _)| Reverse(*rank));
    found.into_iter().map(|(_, found)| found).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(keys: &str) -> Palette {
        let mut palette = Palette::default();
        for c in keys.chars() {
            assert_eq!(palette.key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE)), Answer::Open);
        }
        palette
    }

    #[test]
    fn a_few_letters_find_an_action_by_its_name_and_else_by_its_help() {
        let first = |keys: &str| typed(keys).found.first().map(|found| found.entry.name);
        assert_eq!(first("nxer"), Some("next-error"));
        assert_eq!(first("Next Err"), Some("next-error"));
        assert_eq!(first("quit"), Some("quit"));
        assert_eq!(first("unmark"), Some("clear-marks"));
        assert_eq!(first("zzzz"), None);
        assert_eq!(typed("").found.len(), ENTRIES.len());
    }

    #[test]
    fn enter_does_what_the_cursor_is_on() {
        let mut palette = typed("error");
        let press = |palette: &mut Palette, code| palette.key(KeyEvent::new(code, KeyModifiers::NONE));
        press(&mut palette, KeyCode::Down);
        assert_eq!(press(&mut palette, KeyCode::Enter), Answer::Do(palette.found[1].entry.action));
        assert_eq!(press(&mut typed("zzzz"), KeyCode::Enter), Answer::Open, "there is nothing to do");
        assert_eq!(press(&mut palette, KeyCode::Esc), Answer::Left);
        assert_eq!(press(&mut typed(""), KeyCode::Backspace), Answer::Left);
    }
}
