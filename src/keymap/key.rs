//! Keys and their names.

use std::fmt;
use std::str::FromStr;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::model::nearest;

/// A key with its modifiers. Its name looks like `q`, `Q`, `Ctrl-d`, `Alt-Enter`, `Space` or `F5`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    code: KeyCode,
    modifiers: KeyModifiers,
}

/// Keys that are named by a word instead of a character.
const NAMED: [(&str, KeyCode); 16] = [
    ("Space", KeyCode::Char(' ')),
    ("Enter", KeyCode::Enter),
    ("Tab", KeyCode::Tab),
    ("Shift-Tab", KeyCode::BackTab),
    ("Esc", KeyCode::Esc),
    ("Backspace", KeyCode::Backspace),
    ("Delete", KeyCode::Delete),
    ("Insert", KeyCode::Insert),
    ("Up", KeyCode::Up),
    ("Down", KeyCode::Down),
    ("Left", KeyCode::Left),
    ("Right", KeyCode::Right),
    ("PageUp", KeyCode::PageUp),
    ("PageDown", KeyCode::PageDown),
    ("Home", KeyCode::Home),
    ("End", KeyCode::End),
];

/// The highest function key that terminals send.
const LAST_FUNCTION: u8 = 12;

/// Characters that, together with Ctrl, terminals send as another key.
const ALIASES: [(char, &str); 5] = [('h', "Backspace"), ('i', "Tab"), ('j', "Enter"), ('m', "Enter"), ('[', "Esc")];

const MODIFIERS: [(&str, KeyModifiers); 2] = [("Ctrl-", KeyModifiers::CONTROL), ("Alt-", KeyModifiers::ALT)];

impl Key {
    /// Returns the key of a terminal event. Shift counts only as part of a character and of Tab.
    #[must_use]
    pub fn pressed(event: KeyEvent) -> Self {
        let modifiers = event.modifiers & (KeyModifiers::CONTROL | KeyModifiers::ALT);
        let code = match event.code {
            KeyCode::Char(c) if modifiers.contains(KeyModifiers::CONTROL) => KeyCode::Char(c.to_ascii_lowercase()),
            code => code,
        };
        Self { code, modifiers }
    }

    /// Whether a line editor uses the key.
    #[must_use]
    pub fn is_input(self) -> bool {
        self.modifiers.is_empty() && !matches!(self.code, KeyCode::F(_))
    }

    /// Returns the shortest name for hints: `↑`, `⏎`, `esc`, `q`, `^d`.
    #[must_use]
    pub fn short(self) -> String {
        let name = match self.code {
            KeyCode::Up => "↑".to_owned(),
            KeyCode::Down => "↓".to_owned(),
            KeyCode::Left => "←".to_owned(),
            KeyCode::Right => "→".to_owned(),
            KeyCode::Enter => "⏎".to_owned(),
            KeyCode::PageUp => "PgUp".to_owned(),
            KeyCode::PageDown => "PgDn".to_owned(),
            KeyCode::Char(' ') | KeyCode::Esc | KeyCode::Tab => Self { modifiers: KeyModifiers::NONE, ..self }.to_string().to_lowercase(),
            _ if self.modifiers.is_empty() => self.to_string(),
            _ => Self { modifiers: KeyModifiers::NONE, ..self }.to_string(),
        };
        let control = if self.modifiers.contains(KeyModifiers::CONTROL) { "^" } else { "" };
        let alt = if self.modifiers.contains(KeyModifiers::ALT) { "Alt-" } else { "" };
        format!("{control}{alt}{name}")
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, modifier) in MODIFIERS {
            if self.modifiers.contains(modifier) {
                f.write_str(name)?;
            }
        }
        match (NAMED.iter().find(|(_, code)| *code == self.code), self.code) {
            (Some((name, _)), _) => f.write_str(name),
            (None, KeyCode::Char(c)) => write!(f, "{c}"),
            (None, KeyCode::F(number)) => write!(f, "F{number}"),
            (None, other) => write!(f, "{other:?}"),
        }
    }
}

impl FromStr for Key {
    type Err = String;

    /// Parses a name. Case matters only for single characters without Ctrl.
    fn from_str(text: &str) -> Result<Self, String> {
        let (mut rest, mut modifiers) = (text, KeyModifiers::NONE);
        while let Some((name, modifier)) =
            MODIFIERS.iter().find(|(name, _)| rest.len() > name.len() && starts_with_ignoring_case(rest, name))
        {
            modifiers |= *modifier;
            rest = &rest[name.len()..];
        }
        let mut chars = rest.chars();
        let code = match (chars.next(), chars.next()) {
            (Some(c), None) if !c.is_control() && c != ' ' => KeyCode::Char(c),
            _ => named_code(rest).ok_or_else(|| unknown_key(text))?,
        };
        let key = Self::pressed(KeyEvent::new(code, modifiers));
        match ALIASES.iter().find(|(c, _)| modifiers.contains(KeyModifiers::CONTROL) && key.code == KeyCode::Char(*c)) {
            Some((_, sent)) => Err(format!("terminals send {key} as {sent}; bind another key")),
            None => Ok(key),
        }
    }
}

fn starts_with_ignoring_case(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

fn named_code(name: &str) -> Option<KeyCode> {
    let function = name.strip_prefix(['F', 'f']).and_then(|number| number.parse().ok());
    let function = function.filter(|number| (1..=LAST_FUNCTION).contains(number)).map(KeyCode::F);
    function.or_else(|| NAMED.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, code)| *code))
}

fn unknown_key(text: &str) -> String {
    if let Some(c) = text.strip_prefix("Shift-").filter(|rest| rest.chars().count() == 1) {
        return format!("{text:?} is written {:?}", c.to_uppercase());
    }
    match nearest(text, NAMED.map(|(name, _)| name)) {
        Some(name) => format!("no key is called {text:?}; did you mean {name:?}?"),
        None => format!(
            "no key is called {text:?}; use a character, {} or F1 to F{LAST_FUNCTION}, with Ctrl- or Alt- before it",
            NAMED.map(|(name, _)| name).join(", ")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_and_print_the_same() {
        for name in
            ["q", "Q", "?", "-", "é", "Ctrl-d", "Alt-x", "Ctrl-Alt-k", "Space", "Ctrl-Space", "Shift-Tab", "F12", "Alt-Enter", "Ctrl--"]
        {
            assert_eq!(name.parse::<Key>().unwrap().to_string(), name);
        }
        for (name, written) in [("ctrl-D", "Ctrl-d"), ("pagedown", "PageDown"), ("ALT-f3", "Alt-F3"), ("Alt-X", "Alt-X")] {
            assert_eq!(name.parse::<Key>().unwrap().to_string(), written);
        }
    }

    #[test]
    fn unknown_keys_get_a_suggestion_or_the_list() {
        let error = |name: &str| name.parse::<Key>().unwrap_err();
        assert_eq!(error("Entr"), "no key is called \"Entr\"; did you mean \"Enter\"?");
        assert_eq!(error("Shift-x"), "\"Shift-x\" is written \"X\"");
        assert!(error("F13").starts_with("no key is called \"F13\"; use a character, Space, "));
        assert_eq!(error("ctrl-M"), "terminals send Ctrl-m as Enter; bind another key");
        for name in ["", " ", "Ctrl-", "ab", "\u{1b}", "F0", "Ctrl-i", "Ctrl-["] {
            assert!(name.parse::<Key>().is_err(), "{name:?}");
        }
    }

    #[test]
    fn terminal_events_have_names() {
        let name = |code, modifiers| Key::pressed(KeyEvent::new(code, modifiers)).to_string();
        assert_eq!(name(KeyCode::Char('G'), KeyModifiers::SHIFT), "G");
        assert_eq!(name(KeyCode::Char('D'), KeyModifiers::CONTROL | KeyModifiers::SHIFT), "Ctrl-d");
        assert_eq!(name(KeyCode::BackTab, KeyModifiers::SHIFT), "Shift-Tab");
        assert_eq!(name(KeyCode::Up, KeyModifiers::SHIFT), "Up");
    }

    #[test]
    fn short_names_use_symbols() {
        let short = |name: &str| name.parse::<Key>().unwrap().short();
        assert_eq!(
            ["Up", "Enter", "Esc", "Space", "G", "Ctrl-d", "Alt-x", "F5"].map(short),
            ["↑", "⏎", "esc", "space", "G", "^d", "Alt-x", "F5"]
        );
    }
}
