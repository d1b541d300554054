//! The settings in force, as a configuration file that says where each value comes from.

use std::fmt::Write;

use toml::{Table, Value};

use super::Config;
use super::definition::{SETTINGS, Settings};
use super::layer::{Layer, Origin};
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

/// What the names of secret parameters of database URLs hold. Those of web addresses may all be secret.
const SECRET_PARAMETERS: [&str; 5] = ["pass", "pwd", "secret", "token", "key"];

/// Removes passwords and keys from URLs: of the user part, the password; of a web address also the name of the user, which may be a token.
fn without_passwords(value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(without_passwords).collect::<Vec<_>>().into(),
        Value::String(text) => {
            let Some((scheme, rest)) = text.split_once("://") else { return Value::String(text) };
            let is_web = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
            let (place, query) = rest.split_once('?').map_or((rest, None), |(place, query)| (place, Some(query)));
            // A password may hold a slash and an at sign; hosts hold neither.
            let end = if is_web { place.find('/').unwrap_or(place.len()) } else { place.len() };
            let (authority, path) = place.split_at(end);
            let authority = match authority.rsplit_once('@') {
                Some((_, host)) if is_web => format!("***@{host}"),
                Some((user, host)) => user.split_once(':').map_or_else(|| authority.to_owned(), |(user, _)| format!("{user}:***@{host}")),
                None => authority.to_owned(),
            };
            let hide = |parameter: &str| match parameter.split_once('=') {
                Some((name, _)) if is_web || SECRET_PARAMETERS.iter().any(|secret| name.contains(secret)) => format!("{name}=***"),
                None if is_web => "***".to_owned(),
                _ => parameter.to_owned(),
            };
            let query = query.map(|query| format!("?{}", query.split('&').map(hide).collect::<Vec<_>>().join("&"))).unwrap_or_default();
            Value::String(format!("{scheme}://{authority}{path}{query}"))
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_show_no_secret() {
        for (url, shown) in [
            ("http://u:pw@h:1/x?key=q&a", "http://***@h:1/x?key=***&***"),
            ("https://token@h", "https://***@h"),
            ("https://u:p@w@h/x", "https://***@h/x"),
            ("postgres://u:p/w@h/d?sslmode=require&password=q", "postgres://u:***@h/d?sslmode=require&password=***"),
            ("postgres://u@h/d", "postgres://u@h/d"),
            ("http://h:4318", "http://h:4318"),
            ("tmp/a@b.db", "tmp/a@b.db"),
        ] {
            assert_eq!(without_passwords(Value::from(url)).as_str(), Some(shown));
        }
    }
}
