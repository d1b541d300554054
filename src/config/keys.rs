//! The table `[keys]`: actions with the names of their keys.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, Serializer};
use toml::Spanned;

use super::ConfigError;
use super::layer::Place;
use crate::keymap::{Keymap, KeymapError};

/// Names of actions with names of keys, each with its place in the file.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct Keys(BTreeMap<Spanned<String>, Vec<Spanned<String>>>);

impl Keys {
    /// Binds them beside what is bound. An error names the line.
    pub(super) fn bind(&self, place: &Place, keymap: &mut Keymap) -> Result<(), ConfigError> {
        keymap.bind(&self.bindings()).map_err(|KeymapError { action, key, message }| {
            let at = self.0.iter().nth(action).map(|(name, keys)| key.and_then(|key| keys.get(key)).unwrap_or(name).span().start);
            ConfigError::Wrong { place: place.name(at), what: message }
        })
    }

    /// Names without their places.
    fn bindings(&self) -> Vec<(String, Vec<String>)> {
        self.0.iter().map(|(name, keys)| (name.get_ref().clone(), keys.iter().map(|key| key.get_ref().clone()).collect())).collect()
    }
}

impl Serialize for Keys {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.bindings())
    }
}
