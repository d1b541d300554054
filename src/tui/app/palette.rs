//! The command palette: all actions, found by some letters of their names.

mod search;

use std::ops::ControlFlow;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use tui_input::Input;

use super::text_input;
use crate::keymap::{Action, Entry};
pub use search::synonyms;
use search::{find, reason_for_nothing};

/// An action that matches the typed text.
#[derive(Clone, Debug)]
pub struct PaletteMatch {
    /// The action.
    pub entry: &'static Entry,
    /// The indices of the matching characters in its name.
    pub matched: Vec<usize>,
    /// The other word for it that the typed text begins, if its name does not.
    pub synonym: Option<&'static str>,
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
    /// Whether actions of the demo are offered.
    is_demo: bool,
}

impl Palette {
    /// Opens the palette with all actions, or without those of the demo.
    #[must_use]
    pub fn new(is_demo: bool) -> Self {
        Self { input: Input::default(), matches: find("", is_demo), cursor: 0, is_demo }
    }

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

    /// Returns why no action matches.
    #[must_use]
    pub fn reason_for_nothing(&self) -> &'static str {
        reason_for_nothing(self.input.value().trim())
    }

    fn search(&mut self) {
        (self.matches, self.cursor) = (find(self.input.value().trim(), self.is_demo), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(keys: &str) -> Palette {
        let mut palette = Palette::new(false);
        for c in keys.chars() {
            assert_eq!(palette.key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE)), ControlFlow::Continue(()));
        }
        palette
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
