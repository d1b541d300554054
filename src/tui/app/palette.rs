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

    /// Returns why no action matches.
    #[must_use]
    pub fn reason_for_nothing(&self) -> &'static str {
        reason_for_nothing(self.input.value().trim())
    }

    fn search(&mut self) {
        (self.matches, self.cursor) = (find(self.input.value().trim()), 0);
    }
}

/// The actions that an empty palette lists first.
const FIRST: [Action; 17] = [
    Action::Filter,
    Action::NextError,
    Action::ErrorsOnly,
    Action::Detail,
    Action::Compare,
    Action::Export,
    Action::ViewTraces,
    Action::ViewSessions,
    Action::ViewAgents,
    Action::ViewModels,
    Action::ViewTools,
    Action::ViewErrors,
    Action::SortBy,
    Action::Follow,
    Action::Theme,
    Action::Sources,
    Action::Help,
];

/// Words that users type for actions with other names.
const SYNONYMS: &[(Action, &[&str])] = &[
    (Action::Filter, &["search", "find", "grep", "query", "where"]),
    (Action::NextError, &["failure", "problem"]),
    (Action::ErrorsOnly, &["failed"]),
    (Action::Detail, &["open", "prompt", "messages", "conversation", "input", "output", "show", "enter"]),
    (Action::Compare, &["diff", "versus"]),
    (Action::Export, &["save", "download", "write", "share", "csv", "markdown"]),
    (Action::SortBy, &["order", "slow", "slowest", "expensive", "longest"]),
    (Action::Fold, &["collapse", "close"]),
    (Action::Unfold, &["expand"]),
    (Action::FoldAll, &["collapse-all", "expand-all"]),
    (Action::Measure, &["cost", "tokens", "price", "chart"]),
    (Action::CriticalPath, &["bottleneck"]),
    (Action::ZoomReset, &["fit"]),
    (Action::ViewSessions, &["conversations", "chats", "users"]),
    (Action::ViewAgents, &["latency", "percentiles", "statistics"]),
    (Action::Ordinary, &["hide", "hidden", "requests"]),
    (Action::Mark, &["select", "tag"]),
    (Action::Copy, &["clipboard", "yank"]),
    (Action::CopySpan, &["json", "raw"]),
    (Action::Pause, &["stop", "freeze", "hold"]),
    (Action::Follow, &["live", "newest", "latest", "tail"]),
    (Action::Theme, &["color", "colour", "dark", "light"]),
    (Action::Sources, &["database", "server", "ports", "connections"]),
    (Action::Help, &["keys", "shortcuts", "legend", "symbols", "manual"]),
    (Action::Quit, &["exit", "leave"]),
];

/// Words that ask for what no action does.
const DELETION: [&str; 2] = ["delete", "remove"];

/// Returns why no action matches.
fn reason_for_nothing(typed: &str) -> &'static str {
    let typed = typed.to_lowercase();
    if typed.len() > 2 && DELETION.iter().any(|word| word.starts_with(&typed)) {
        "nothing on this screen deletes traces"
    } else {
        "no such action"
    }
}

/// Returns all actions, the first ones in the order of [`FIRST`].
fn all() -> Vec<PaletteMatch> {
    let mut entries: Vec<&Entry> = ENTRIES.iter().collect();
    entries.sort_by_key(|entry| FIRST.iter().position(|first| *first == entry.action).unwrap_or(FIRST.len()));
    entries.into_iter().map(|entry| PaletteMatch { entry, matched: Vec::new() }).collect()
}

/// Returns the actions whose names or synonyms begin with the typed text, then those whose names contain its letters in order, then those
/// whose help lines do.
fn find(typed: &str) -> Vec<PaletteMatch> {
    if typed.is_empty() {
        return all();
    }
    let fuzzy = SkimMatcherV2::default().ignore_case();
    let typed = typed.replace(' ', "-");
    let is_deletion = reason_for_nothing(&typed) != reason_for_nothing("");
    let prefix = typed.to_lowercase();
    let is_synonym = |action| {
        let words = SYNONYMS.iter().find(|(known, _)| *known == action).map_or(&[][..], |(_, words)| words);
        prefix.len() > 1 && words.iter().any(|word| word.starts_with(&prefix))
    };
    let rate = |entry: &'static Entry| {
        let is_synonym = is_synonym(entry.action);
        let tier = if is_synonym || entry.name.starts_with(&prefix) { 2 } else { 1 };
        if let Some((score, matched)) = fuzzy.fuzzy_indices(entry.name, &typed).filter(|_| !is_deletion) {
            return Some(((tier, score, Reverse(entry.name.len())), PaletteMatch { entry, matched }));
        }
        if is_synonym {
            return Some(((2, 0, Reverse(entry.name.len())), PaletteMatch { entry, matched: Vec::new() }));
        }
        let score = fuzzy.fuzzy_match(entry.help, &typed.replace('-', " ")).filter(|_| !is_deletion)?;
        Some(((0, score, Reverse(0)), PaletteMatch { entry, matched: Vec::new() }))
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
    fn synonyms_find_actions_first() {
        let first = |keys: &str| typed(keys).matches.first().map(|found| found.entry.name);
        for (words, name) in [
            ("search", "filter"),
            ("find", "filter"),
            ("diff", "compare"),
            ("save", "export"),
            ("prompt", "detail"),
            ("color", "theme"),
            ("collapse", "fold"),
            ("slow", "sort-by"),
            ("exit", "quit"),
            ("EXPAND", "unfold"),
        ] {
            assert_eq!(first(words), Some(name), "{words}");
        }
        for entry in ENTRIES {
            assert_eq!(first(entry.name), Some(entry.name), "a name comes before synonyms");
        }
    }

    #[test]
    fn nothing_deletes() {
        for words in ["delete", "Remove", "del"] {
            let palette = typed(words);
            assert!(palette.matches.is_empty(), "{words}");
            assert!(palette.reason_for_nothing().contains("deletes"), "{words}");
        }
        assert_eq!(typed("zzzz").reason_for_nothing(), "no such action");
    }

    #[test]
    fn an_empty_palette_begins_with_what_users_look_for() {
        let palette = typed("");
        assert_eq!(palette.matches.iter().map(|found| found.entry.action).take(FIRST.len()).collect::<Vec<_>>(), FIRST);
        assert_eq!(palette.matches.len(), ENTRIES.len());
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
