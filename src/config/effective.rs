//! The settings as they are in force, as a configuration file that says where each value comes from.

use std::collections::HashMap;
use std::fmt::Write;
use std::path::Path;

use toml::{Table, Value};

use super::layer::{Layer, Place};
use super::{ConfigError, KEYS, directory, layers};
use crate::cli::Cli;
use crate::keymap::ENTRIES;

/// Settings that may be secret as a whole.
const SECRET: [&str; 2] = ["otlp_token", "forward_headers"];

/// The settings for this command line as TOML, each with its origin, and where the configuration file is or would be.
pub fn effective(cli: &Cli) -> Result<String, ConfigError> {
    written(cli, directory().as_deref(), |name| std::env::var_os(name))
}

pub(super) fn written(
    cli: &Cli,
    directory: Option<&Path>,
    environment: impl Fn(&str) -> Option<std::ffi::OsString>,
) -> Result<String, ConfigError> {
    // What can't be in force is an error here, too.
    super::layered(cli, directory, &environment)?;
    let layers = layers(cli, directory, environment)?;
    let mut said: HashMap<String, (Value, String)> = HashMap::new();
    let mut keys: HashMap<String, (Value, String)> = HashMap::new();
    for (place, layer) in &layers {
        for (key, value) in table(place, layer)? {
            match value {
                Value::Table(bound) if key == "keys" => keys.extend(bound.into_iter().map(|(name, value)| (name, (value, origin(place))))),
                value => drop(said.insert(key, (value, origin(place)))),
            }
        }
    }
    let mut text = head(cli, directory, &layers);
    let defaults: Table = DEFAULTS.parse().unwrap_or_default();
    let line = |text: &mut String, key: &str, said: Option<(Value, String)>, default: Option<Value>| {
        if let Some((value, origin)) = said.or_else(|| default.map(|default| (default, "default".to_owned()))) {
            let _ = writeln!(text, "{key} = {value}  # {origin}");
        }
    };
    for &key in KEYS.iter().filter(|key| **key != "keys") {
        match said.remove(key) {
            Some((value, origin)) if SECRET.contains(&key) && !is_empty(&value) => {
                let _ = writeln!(text, "# {key} is set and not shown  # {origin}");
            }
            said => line(&mut text, key, said.map(|(value, origin)| (without_passwords(value), origin)), defaults.get(key).cloned()),
        }
    }
    text.push_str("\n[keys]\n");
    for entry in ENTRIES {
        line(&mut text, entry.name, keys.remove(entry.name), Some(entry.keys.iter().copied().map(Value::from).collect::<Vec<_>>().into()));
    }
    Ok(text)
}

/// Every key with its default; a test holds it to be so.
const DEFAULTS: &str = include_str!("../../config.toml.example");

fn table(place: &Place, layer: &Layer) -> Result<Table, ConfigError> {
    Table::try_from(layer).map_err(|error| ConfigError::Wrong { place: place.name(None), what: error.to_string() })
}

fn head(cli: &Cli, directory: Option<&Path>, layers: &[(Place, Layer)]) -> String {
    let read = layers.iter().find_map(|(place, _)| if let Place::File(path, _) = place { Some(path.as_path()) } else { None });
    let usual = directory.map(|directory| directory.join(super::FILE));
    let path = cli.options.config.as_deref().or(usual.as_deref());
    let file = match (read, path) {
        (Some(path), _) => path.display().to_string(),
        (None, Some(path)) => format!("{} (not there)", path.display()),
        (None, None) => "none, since there is no home directory".to_owned(),
    };
    let file = crate::format::safe(&file).into_owned();
    format!("# The settings of agno-top as they are in force, and where each comes from.\n# Configuration file: {file}\n\n")
}

fn origin(place: &Place) -> String {
    match place {
        Place::File(..) => "file".to_owned(),
        Place::Variable(name) => name.clone(),
        Place::Flags => "flag".to_owned(),
    }
}

fn is_empty(value: &Value) -> bool {
    value.as_str().is_some_and(str::is_empty) || value.as_array().is_some_and(Vec::is_empty)
}

/// URLs without the passwords in them.
fn without_passwords(value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(without_passwords).collect::<Vec<_>>().into(),
        Value::String(text) => {
            let Some((scheme, rest)) = text.split_once("://") else { return Value::String(text) };
            let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
            let authority = match authority.rsplit_once('@').and_then(|(user, host)| Some((user.split_once(':')?.0, host))) {
                Some((user, host)) => format!("{user}:***@{host}"),
                None => authority.to_owned(),
            };
            let path = match path.split_once("password=") {
                Some((before, after)) => format!("{before}password=***{}", after.find('&').map_or("", |end| &after[end..])),
                None => path.to_owned(),
            };
            Value::String(format!("{scheme}://{authority}{path}"))
        }
        other => other,
    }
}
