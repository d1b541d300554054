//! Which key does what: the table of actions with what the configuration says about it.

use crossterm::event::KeyEvent;

use super::Action;
use super::action::ENTRIES;
use super::key::Key;

/// The keys of every action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keymap {
    /// In the order of [`ENTRIES`].
    keys: Vec<Vec<Key>>,
}

/// What the configuration says: names of actions with names of keys, none to leave an action without a key.
pub type Bindings = [(String, Vec<String>)];

/// Why a binding can't be; `action` and `key` say which, by their places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeymapError {
    /// Which of the actions.
    pub action: usize,
    /// Which of its keys; `None`: the action itself is wrong.
    pub key: Option<usize>,
    /// What is wrong, and what would be right.
    pub what: String,
}

impl Default for Keymap {
    fn default() -> Self {
        let keys = |keys: &[&str]| keys.iter().filter_map(|key| key.parse().ok()).collect();
        Self { keys: ENTRIES.iter().map(|entry| keys(entry.keys)).collect() }
    }
}

impl Keymap {
    /// Gives actions other keys than they have. A key that is taken from no action can't be given to another.
    pub fn bind(&mut self, bindings: &Bindings) -> Result<(), KeymapError> {
        let mut places = Vec::new();
        for (action, (name, keys)) in bindings.iter().enumerate() {
            let wrong = |key, what| KeymapError { action, key, what };
            let place = ENTRIES.iter().position(|entry| entry.name == name).ok_or_else(|| wrong(None, unknown(name)))?;
            let read = |(at, key): (usize, &String)| key.parse().map_err(|what| wrong(Some(at), what));
            self.keys[place] = keys.iter().enumerate().map(read).collect::<Result<_, _>>()?;
            if self.keys[place].is_empty() && ENTRIES[place].action == Action::Quit {
                return Err(wrong(None, "quit needs a key".to_owned()));
            }
            places.push(place);
        }
        for (action, &place) in places.iter().enumerate() {
            for (at, key) in self.keys[place].iter().enumerate() {
                if self.keys[place][..at].contains(key) {
                    return Err(KeymapError { action, key: Some(at), what: format!("{key} stands twice") });
                }
                if let Some(other) = (0..ENTRIES.len()).find(|&other| other != place && self.keys[other].contains(key)) {
                    let (name, other) = (ENTRIES[place].name, ENTRIES[other].name);
                    let what = format!(
                        "{key} is bound to {other} already; free it by another key for {other}, or none ({other} = []), or choose another for {name}"
                    );
                    return Err(KeymapError { action, key: Some(at), what });
                }
            }
        }
        Ok(())
    }

    /// The action that a key is bound to.
    #[must_use]
    pub fn action(&self, key: KeyEvent) -> Option<Action> {
        let key = Key::pressed(key);
        ENTRIES.iter().zip(&self.keys).find(|(_, keys)| keys.contains(&key)).map(|(entry, _)| entry.action)
    }

    /// The keys of an action, the first before others.
    #[must_use]
    pub fn keys(&self, action: Action) -> &[Key] {
        ENTRIES.iter().position(|entry| entry.action == action).map_or(&[], |place| &self.keys[place])
    }

    /// An action's keys by name, with blanks between; empty if it has none.
    #[must_use]
    pub fn names(&self, action: Action) -> String {
        self.keys(action).iter().map(Key::to_string).collect::<Vec<_>>().join(" ")
    }

    /// What a hint calls an action's key: the shortest, the first of equals, `:` and the action's name if it has none.
    #[must_use]
    pub fn hint(&self, action: Action) -> String {
        let shortest = self.keys(action).iter().map(|key| key.short()).min_by_key(|short| short.chars().count());
        shortest.unwrap_or_else(|| {
            ENTRIES.iter().find(|entry| entry.action == action).map_or(String::new(), |entry| format!(":{}", entry.name))
        })
    }
}

fn unknown(name: &str) -> String {
    let near = |known: &&str| strsim::damerau_levenshtein(known, name);
    let nearest = ENTRIES.iter().map(|entry| entry.name).min_by_key(near);
    match nearest.filter(|known| near(known) <= 1 + name.len() / 2) {
        Some(known) => format!("unknown action {name:?}; did you mean {known:?}?"),
        None => format!("unknown action {name:?}; there are {}", ENTRIES.iter().map(|entry| entry.name).collect::<Vec<_>>().join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossterm::event::{KeyCode, KeyModifiers};

    fn bound(bindings: &[(&str, &[&str])]) -> Result<Keymap, KeymapError> {
        let owned: Vec<_> =
            bindings.iter().map(|(name, keys)| ((*name).to_owned(), keys.iter().map(|key| (*key).to_owned()).collect())).collect();
        let mut keymap = Keymap::default();
        keymap.bind(&owned).map(|()| keymap)
    }

    fn action(keymap: &Keymap, c: char) -> Option<Action> {
        keymap.action(KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE))
    }

    #[test]
    fn an_action_has_the_keys_that_it_is_given_and_no_other() {
        let keymap = bound(&[("next-error", &["x", "Ctrl-n"]), ("export", &["e"]), ("help", &[])]).unwrap();
        assert_eq!((action(&keymap, 'x'), action(&keymap, 'e')), (Some(Action::NextError), Some(Action::Export)));
        assert_eq!(keymap.action(KeyEvent::new(KeyCode::Char('n'), KeyModifiers::CONTROL)), Some(Action::NextError));
        assert_eq!(action(&keymap, '?'), None);
        assert_eq!((keymap.names(Action::NextError).as_str(), keymap.hint(Action::Help).as_str()), ("x Ctrl-n", ":help"));
    }

    #[test]
    fn what_cannot_be_bound_is_named_with_its_place() {
        let wrong = |bindings: &[(&str, &[&str])]| {
            let KeymapError { action, key, what } = bound(bindings).unwrap_err();
            (action, key, what)
        };
        assert_eq!(
            wrong(&[("up", &["k"]), ("next-eror", &["e"])]),
            (1, None, "unknown action \"next-eror\"; did you mean \"next-error\"?".to_owned())
        );
        assert_eq!(
            wrong(&[("up", &["k", "e"])]),
            (0, Some(1), "e is bound to next-error already; free it by another key for next-error, or none (next-error = []), or choose another for up".to_owned())
        );
        assert_eq!(wrong(&[("up", &["k", "K", "K"])]), (0, Some(2), "K stands twice".to_owned()));
        assert_eq!(wrong(&[("up", &["Ctrl-j"])]).1, Some(0));
        assert_eq!(wrong(&[("quit", &[])]), (0, None, "quit needs a key".to_owned()));
    }

    #[test]
    fn the_table_names_keys_that_there_are() {
        for entry in ENTRIES {
            for key in entry.keys {
                assert_eq!(key.parse::<Key>().unwrap().to_string(), *key, "{}", entry.name);
            }
        }
    }
}
