//! The settings in force, as a configuration file that says where each value comes from.

use std::fmt::Write;

use toml::{Table, Value};

use super::Config;
use super::definition::{SETTINGS, Settings};
use super::layer::{Layer, Origin};
use super::url::hide_secrets;
use crate::keymap::ENTRIES;

impl Config {
    /// Returns the settings in force as TOML, each with its origin, and the path of the configuration file. Secrets are left out.
    #[must_use]
    pub fn effective(&self) -> String {
        let mut text = self.head();
        let defaults = Table::try_from(Settings::default()).unwrap_or_default();
        for setting in SETTINGS.iter().filter(|setting| setting.key != "keys") {
            let layer = self.layers.iter().rev().find(|layer| layer.values.contains_key(setting.key));
            let value = layer.map_or(&defaults, |layer| &layer.values).get(setting.key);
            let Some(value) = value else { continue };
            let origin = layer.map_or("default", Layer::label);
            let _ = if setting.syntax.is_secret() && !is_empty(value) {
                writeln!(text, "# {} is set and not shown  # {origin}", setting.key)
            } else {
                writeln!(text, "{} = {}  # {origin}", setting.key, without_passwords(value.clone()))
            };
        }
        text.push_str("\n[keys]\n");
        for entry in ENTRIES {
            let bound = |layer: &Layer| layer.values.get("keys").and_then(|keys| keys.get(entry.name)).cloned();
            let layered = self.layers.iter().rev().find_map(|layer| Some((bound(layer)?, layer.label())));
            let default = || (entry.keys.iter().copied().map(Value::from).collect::<Vec<_>>().into(), "default");
            let (keys, origin) = layered.unwrap_or_else(default);
            let _ = writeln!(text, "{} = {keys}  # {origin}", entry.name);
        }
        text
    }

    fn head(&self) -> String {
        let is_read = self.layers.iter().any(|layer| matches!(layer.origin, Origin::File(..)));
        let file = match &self.file {
            Some(path) if is_read => path.display().to_string(),
            Some(path) => format!("{} (does not exist)", path.display()),
            None => "none, since there is no home directory".to_owned(),
        };
        let file = crate::format::safe(&file).into_owned();
        format!("# The settings of agno-top in force, and the origin of each value.\n# Configuration file: {file}\n\n")
    }
}

impl Layer {
    fn label(&self) -> &str {
        match &self.origin {
            Origin::File(..) => "file",
            Origin::Variable(name) => name,
            Origin::Flags => "flag",
        }
    }
}

fn is_empty(value: &Value) -> bool {
    value.as_str().is_some_and(str::is_empty) || value.as_array().is_some_and(Vec::is_empty)
}

/// Removes passwords and keys from URLs.
fn without_passwords(value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(without_passwords).collect::<Vec<_>>().into(),
        Value::String(text) => Value::String(hide_secrets(&text)),
        other => other,
    }
}
