//! Actions, keys, and the keys that each action is bound to.

mod action;
mod key;

use crossterm::event::KeyEvent;

pub use action::{Action, ENTRIES, Entry, GROUPS};
pub use key::Key;

use crate::model::nearest;

/// The keys of every action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keymap {
    /// In the order of [`ENTRIES`].
    keys: Vec<Vec<Key>>,
}

/// Names of actions with names of keys; an empty list leaves the action without a key.
pub type Bindings = [(String, Vec<String>)];

/// An invalid binding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeymapError {
    /// The index of the action in the [`Bindings`].
    pub action: usize,
    /// The index of the key in the action's list; `None` if the action itself is wrong.
    pub key: Option<usize>,
    /// What is wrong and how to correct it.
    pub message: String,
}

impl Default for Keymap {
    fn default() -> Self {
        let keys = |keys: &[&str]| keys.iter().filter_map(|key| key.parse().ok()).collect();
        Self { keys: ENTRIES.iter().map(|entry| keys(entry.keys)).collect() }
    }
}

impl Keymap {
    /// Replaces the keys of some actions. A key can belong to one action only.
    pub fn bind(&mut self, bindings: &Bindings) -> Result<(), KeymapError> {
        let mut changed = Vec::new();
        for (action, (name, keys)) in bindings.iter().enumerate() {
            let error = |key, message| KeymapError { action, key, message };
            let index = ENTRIES.iter().position(|entry| entry.name == name).ok_or_else(|| error(None, unknown_action(name)))?;
            let parse = |(at, key): (usize, &String)| key.parse().map_err(|message| error(Some(at), message));
            self.keys[index] = keys.iter().enumerate().map(parse).collect::<Result<_, _>>()?;
            if self.keys[index].is_empty() && ENTRIES[index].action == Action::Quit {
                return Err(error(None, "quit needs a key".to_owned()));
            }
            changed.push(index);
        }
        for (action, &index) in changed.iter().enumerate() {
            for (at, key) in self.keys[index].iter().enumerate() {
                if self.keys[index][..at].contains(key) {
                    return Err(KeymapError { action, key: Some(at), message: format!("{key} is listed twice") });
                }
                if let Some(other) = (0..ENTRIES.len()).find(|&other| other != index && self.keys[other].contains(key)) {
                    let (name, other) = (ENTRIES[index].name, ENTRIES[other].name);
                    let message = format!(
                        "{key} is already bound to {other}; bind {other} to another key or to none ({other} = []), or choose another key for {name}"
                    );
                    return Err(KeymapError { action, key: Some(at), message });
                }
            }
        }
        Ok(())
    }

    /// Returns the action that a key is bound to.
    #[must_use]
    pub fn action(&self, key: KeyEvent) -> Option<Action> {
        let key = Key::pressed(key);
        ENTRIES.iter().zip(&self.keys).find(|(_, keys)| keys.contains(&key)).map(|(entry, _)| entry.action)
    }

    /// Returns the keys of an action in order of preference.
    #[must_use]
    pub fn keys(&self, action: Action) -> &[Key] {
        &self.keys[action as usize]
    }

    /// Returns the names of an action's keys, separated by spaces; empty if it has none.
    #[must_use]
    pub fn names(&self, action: Action) -> String {
        self.keys(action).iter().map(Key::to_string).collect::<Vec<_>>().join(" ")
    }

    /// Returns the shortest name of an action's keys, or `:` and the action's name if it has no key.
    #[must_use]
    pub fn hint(&self, action: Action) -> String {
        let shortest = self.keys(action).iter().map(|key| key.short()).min_by_key(|short| short.chars().count());
        shortest.unwrap_or_else(|| format!(":{}", ENTRIES[action as usize].name))
    }
}

fn unknown_action(name: &str) -> String {
    match nearest(name, ENTRIES.iter().map(|entry| entry.name)) {
        Some(known) => format!("unknown action {name:?}; did you mean {known:?}?"),
        None => format!("unknown action {name:?}; actions: {}", ENTRIES.iter().map(|entry| entry.name).collect::<Vec<_>>().join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossterm::event::{KeyCode, KeyModifiers};

    fn bind(bindings: &[(&str, &[&str])]) -> Result<Keymap, KeymapError> {
        let owned: Vec<_> =
            bindings.iter().map(|(name, keys)| ((*name).to_owned(), keys.iter().map(|key| (*key).to_owned()).collect())).collect();
        let mut keymap = Keymap::default();
        keymap.bind(&owned).map(|()| keymap)
    }

    fn action(keymap: &Keymap, c: char) -> Option<Action> {
        keymap.action(KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE))
    }

    #[test]
    fn bindings_replace_the_default_keys() {
        let keymap = bind(&[("next-error", &["x", "Ctrl-n"]), ("export", &["e"]), ("help", &[])]).unwrap();
        assert_eq!((action(&keymap, 'x'), action(&keymap, 'e')), (Some(Action::NextError), Some(Action::Export)));
        assert_eq!(keymap.action(KeyEvent::new(KeyCode::Char('n'), KeyModifiers::CONTROL)), Some(Action::NextError));
        assert_eq!(action(&keymap, '?'), None);
        assert_eq!((keymap.names(Action::NextError).as_str(), keymap.hint(Action::Help).as_str()), ("x Ctrl-n", ":help"));
    }

    #[test]
    fn invalid_bindings_are_reported_with_their_index() {
        let error = |bindings: &[(&str, &[&str])]| {
            let KeymapError { action, key, message } = bind(bindings).unwrap_err();
            (action, key, message)
        };
        assert_eq!(
            error(&[("up", &["k"]), ("next-eror", &["e"])]),
            (1, None, "unknown action \"next-eror\"; did you mean \"next-error\"?".to_owned())
        );
        assert_eq!(
            error(&[("up", &["k", "e"])]),
            (0, Some(1), "e is already bound to next-error; bind next-error to another key or to none (next-error = []), or choose another key for up".to_owned())
        );
        assert_eq!(error(&[("up", &["k", "Q", "Q"])]), (0, Some(2), "Q is listed twice".to_owned()));
        assert_eq!(error(&[("up", &["Ctrl-j"])]).1, Some(0));
        assert_eq!(error(&[("quit", &[])]), (0, None, "quit needs a key".to_owned()));
    }

    #[test]
    fn default_keys_have_canonical_names() {
        for entry in ENTRIES {
            for key in entry.keys {
                assert_eq!(key.parse::<Key>().unwrap().to_string(), *key, "{}", entry.name);
            }
        }
    }
}
