//! The command palette: all actions, found by some letters of their names.

use std::cmp::Reverse;
use std::ops::ControlFlow;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use fuzzy_matcher::FuzzyMatcher;
use fuzzy_matcher::skim::SkimMatcherV2;
use tui_input::Input;

use super::text_input;
use crate::keymap::{Action, ENTRIES, Entry};

/// An action that matches the typed text.
#[derive(Clone, Debug)]
pub struct PaletteMatch {
    /// The action.
    pub entry: &'static Entry,
    /// The indices of the matching characters in its name.
    pub matched: Vec<usize>,
}

/// The open palette.
#[derive(Clone, Debug)]
pub struct Palette {
    /// The typed text.
    pub input: Input,
    /// The matching actions, the best first.
    pub matches: Vec<PaletteMatch>,
    /// The index of the match under the cursor.
    pub cursor: usize,
}

impl Default for Palette {
    fn default() -> Self {
        Self { input: Input::default(), matches: find(""), cursor: 0 }
    }
}

impl Palette {
    /// Handles a key. Breaks if the palette closes, with the action to perform unless the user cancels.
    pub fn key(&mut self, key: KeyEvent) -> ControlFlow<Option<Action>> {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Esc => return ControlFlow::Break(None),
            KeyCode::Enter => {
                if let Some(found) = self.matches.get(self.cursor) {
                    return ControlFlow::Break(Some(found.entry.action));
                }
            }
            KeyCode::Backspace if self.input.value().is_empty() => return ControlFlow::Break(None),
            KeyCode::Down | KeyCode::Tab => self.step(1),
            KeyCode::Up | KeyCode::BackTab => self.step(-1),
            KeyCode::Char('n') if control => self.step(1),
            KeyCode::Char('p') if control => self.step(-1),
            KeyCode::PageDown => self.step(10),
            KeyCode::PageUp => self.step(-10),
            _ => {
                if text_input::handle_key(&mut self.input, key) {
                    self.search();
                }
            }
        }
        ControlFlow::Continue(())
    }

    /// Inserts pasted text. Returns a message for the user if it is cut.
    pub fn paste(&mut self, text: &str) -> Option<String> {
        let cut = text_input::paste(&mut self.input, text);
        self.search();
        cut
    }

    /// Moves the cursor to an item, or to the last.
    pub fn go_to(&mut self, item: usize) {
        self.cursor = item.min(self.matches.len().saturating_sub(1));
    }

    /// Moves the cursor, stopping at the ends.
    pub fn step(&mut self, by: isize) {
        self.go_to(self.cursor.saturating_add_signed(by));
    }

    fn search(&mut self) {
        (self.matches, self.cursor) = (find(self.input.value().trim()), 0);
    }
}

/// Returns the actions whose names contain these letters in order, then those whose help lines do.
fn find(typed: &str) -> Vec<PaletteMatch> {
    if typed.is_empty() {
        return ENTRIES.iter().map(|entry| PaletteMatch { entry, matched: Vec::new() }).collect();
    }
    let fuzzy = SkimMatcherV2::default().ignore_case();
    let typed = typed.replace(' ', "-");
    let rate = |entry: &'static Entry| {
        if let Some((score, matched)) = fuzzy.fuzzy_indices(entry.name, &typed) {
            return Some(((true, score, Reverse(entry.name.len())), PaletteMatch { entry, matched }));
        }
        let score = fuzzy.fuzzy_match(entry.help, &typed.replace('-', " "))?;
        Some(((false, score, Reverse(0)), PaletteMatch { entry, matched: Vec::new() }))
    };
    let mut matches: Vec<_> = ENTRIES.iter().filter_map(rate).collect();
    matches.sort_by_key(|(rank, _)| Reverse(*rank));
    matches.into_iter().map(|(_, found)| found).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(keys: &str) -> Palette {
        let mut palette = Palette::default();
        for c in keys.chars() {
            assert_eq!(palette.key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE)), ControlFlow::Continue(()));
        }
        palette
    }

    #[test]
    fn letters_find_actions_by_name_then_by_help() {
        let first = |keys: &str| typed(keys).matches.first().map(|found| found.entry.name);
        assert_eq!(first("nxer"), Some("next-error"));
        assert_eq!(first("Next Err"), Some("next-error"));
        assert_eq!(first("quit"), Some("quit"));
        assert_eq!(first("unmark"), Some("clear-marks"));
        assert_eq!(first("zzzz"), None);
        assert_eq!(typed("").matches.len(), ENTRIES.len());
    }

    #[test]
    fn enter_performs_the_action_under_the_cursor() {
        let mut palette = typed("error");
        let press = |palette: &mut Palette, code| palette.key(KeyEvent::new(code, KeyModifiers::NONE));
        let _ = press(&mut palette, KeyCode::Down);
        assert_eq!(press(&mut palette, KeyCode::Enter), ControlFlow::Break(Some(palette.matches[1].entry.action)));
        assert_eq!(press(&mut typed("zzzz"), KeyCode::Enter), ControlFlow::Continue(()), "there is nothing to do");
        assert_eq!(press(&mut palette, KeyCode::Esc), ControlFlow::Break(None));
        assert_eq!(press(&mut typed(""), KeyCode::Backspace), ControlFlow::Break(None));
    }
}
