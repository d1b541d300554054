//! The help: its scroll position, and a search in its lines.

use crossterm::event::{KeyCode, KeyEvent};
use tui_input::Input;

use super::{Action, text_input};

/// The open help.
#[derive(Clone, Debug, Default)]
pub struct Help {
    /// The first line on the screen.
    pub scroll: usize,
    /// The text that the lines must contain, while the user searches.
    pub search: Option<Input>,
}

impl Help {
    /// Handles a key of the search. Returns whether it is one.
    pub(super) fn key(&mut self, key: KeyEvent, action: Option<Action>) -> bool {
        let Some(input) = &mut self.search else {
            if action == Some(Action::Filter) {
                *self = Self { scroll: 0, search: Some(Input::default()) };
                return true;
            }
            return false;
        };
        match key.code {
            KeyCode::Esc => self.search = None,
            KeyCode::Backspace if input.value().is_empty() => self.search = None,
            KeyCode::Enter => {}
            KeyCode::Up | KeyCode::Down | KeyCode::PageUp | KeyCode::PageDown => return false,
            _ if text_input::handle_key(input, key) => self.scroll = 0,
            _ => {}
        }
        true
    }

    /// Returns the text to search for, in lower case; empty without a search.
    #[must_use]
    pub fn searched(&self) -> String {
        self.search.as_ref().map_or_else(String::new, |input| input.value().trim().to_lowercase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossterm::event::KeyModifiers;

    #[test]
    fn letters_search_only_after_the_filter_key() {
        let mut help = Help { scroll: 3, search: None };
        let mut press = |code, action| help.key(KeyEvent::new(code, KeyModifiers::NONE), action);
        assert!(!press(KeyCode::Char('j'), Some(Action::Down)));
        assert!(press(KeyCode::Char('/'), Some(Action::Filter)));
        assert!(press(KeyCode::Char('J'), None));
        assert!(!press(KeyCode::Down, Some(Action::Down)), "arrows scroll");
        assert_eq!((help.searched().as_str(), help.scroll), ("j", 0));
        assert!(help.key(KeyEvent::new(KeyCode::Esc, KeyModifiers::NONE), Some(Action::Back)));
        assert!(help.search.is_none());
        assert!(!help.key(KeyEvent::new(KeyCode::Esc, KeyModifiers::NONE), Some(Action::Back)), "the second closes the help");
    }
}
