//! The settings of one origin: the configuration file, an environment variable, or the flags.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::de::DeTable;
use toml::{Table, Value};

use super::definition::{SETTINGS, Settings, Syntax};
use super::error::{ConfigError, explain};
use crate::regular_file;

/// The prefix of environment variables: `AGNO_TOP_MAX_SPANS` sets `max_spans`.
const PREFIX: &str = "AGNO_TOP_";

/// Where a value comes from.
#[derive(Clone)]
pub(super) enum Origin {
    /// A file, with its text.
    File(PathBuf, String),
    /// The environment variable of this name.
    Variable(String),
    /// The command line.
    Flags,
}

/// The settings of one origin.
#[derive(Clone)]
pub(super) struct Layer {
    pub(super) origin: Origin,
    pub(super) values: Table,
}

impl Origin {
    /// Returns the name of the origin for an error. `offset` is a byte offset in a file.
    pub(super) fn name(&self, offset: Option<usize>) -> String {
        match self {
            Self::File(path, text) => {
                let line = offset.and_then(|offset| text.get(..offset)).map_or(1, |before| before.matches('\n').count() + 1);
                format!("{}, line {line}", path.display())
            }
            Self::Variable(name) => name.clone(),
            Self::Flags => "command line".to_owned(),
        }
    }

    /// Returns the key, or the name of the table, that the line at a byte offset of a file begins with; empty if there is none.
    fn key_at(&self, offset: Option<usize>) -> &str {
        let (Self::File(_, text), Some(offset)) = (self, offset) else { return "" };
        let start = text.get(..offset).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1);
        let line = text[start..].lines().next().unwrap_or_default().trim_start_matches(['[', ' ', '\t']);
        line.split(|c: char| !c.is_alphanumeric() && c != '-' && c != '_').next().unwrap_or_default()
    }
}

/// The size limit of a configuration file in bytes.
const MAX_SIZE: u64 = 1 << 20;

/// Hides the values and the text of the file, of which some are secret.
impl std::fmt::Debug for Layer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Layer").finish_non_exhaustive()
    }
}

impl Layer {
    /// Reads the file `path`, or `default` if it exists.
    pub(super) fn from_file(path: Option<&Path>, default: Option<&Path>) -> Result<Option<Self>, ConfigError> {
        let is_required = path.is_some();
        let Some(path) = path.or(default) else { return Ok(None) };
        match regular_file::read_to_string(path, MAX_SIZE) {
            Ok(text) => Self::parse(path, text).map(Some),
            Err(error) if !is_required && matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
            Err(error) => Err(ConfigError::Unreadable { path: path.to_owned(), error }),
        }
    }

    /// Parses the text of a configuration file.
    pub(super) fn parse(path: &Path, text: String) -> Result<Self, ConfigError> {
        // Parsed as settings first: these errors have a position.
        let values = toml::from_str::<Settings>(&text).and_then(|_| toml::from_str(&text));
        let origin = Origin::File(path.to_owned(), text);
        match values {
            Ok(values) => Ok(Self { origin, values }),
            Err(error) => {
                let place = origin.name(error.span().map(|span| span.start));
                let name = origin.key_at(error.span().map(|span| span.start));
                Err(ConfigError::Invalid { place, message: explain(error.message(), name) })
            }
        }
    }

    /// Reads the variable of each setting, one layer per variable that is set.
    pub(super) fn from_environment(environment: impl Fn(&str) -> Option<OsString>) -> Result<Vec<Self>, ConfigError> {
        let mut layers = Vec::new();
        for setting in SETTINGS {
            let name = format!("{PREFIX}{}", setting.key.to_uppercase());
            let Some(text) = environment(&name).filter(|text| !text.is_empty() || setting.syntax == Syntax::Secret) else { continue };
            let invalid = |message| ConfigError::Invalid { place: name.clone(), message };
            let text = text.into_string().map_err(|_| invalid("it is not UTF-8".to_owned()))?;
            let value = setting.parse(&text).map_err(invalid)?;
            layers.push(Self { origin: Origin::Variable(name), values: Table::from_iter([(setting.key.to_owned(), value)]) });
        }
        Ok(layers)
    }

    /// Whether it sets the key, or the key inside the table `key`.
    pub(super) fn contains(&self, key: &str, inner: Option<&str>) -> bool {
        self.values.get(key).is_some_and(|value| inner.is_none_or(|inner| value.get(inner).is_some()))
    }

    /// Returns the place of a value for an error: `config.toml, line 3` in a file.
    pub(super) fn locate(&self, key: &str, inner: Option<&str>, item: Option<usize>) -> String {
        let offset = match &self.origin {
            Origin::File(_, text) => offset(text, key, inner, item),
            Origin::Variable(_) | Origin::Flags => None,
        };
        self.origin.name(offset)
    }
}

/// Returns the byte offset of a value in the text of a file.
fn offset(text: &str, key: &str, inner: Option<&str>, item: Option<usize>) -> Option<usize> {
    let table = DeTable::parse(text).ok()?;
    let mut value = table.get_ref().get(key)?;
    let mut offset = value.span().start;
    if let Some(inner) = inner {
        let (name, keys) = value.get_ref().as_table()?.get_key_value(inner)?;
        // An error in an action's name belongs to its line, which the key begins.
        (offset, value) = (name.span().start, keys);
    }
    // One value may stand for a list of one.
    let items = value.get_ref().as_array();
    item.zip(items).map_or(Some(offset), |(item, items)| Some(items.get(item)?.span().start))
}

/// Merges layers; later ones take precedence. The table of keys is merged action by action.
pub(super) fn merge(layers: &[Layer]) -> Table {
    let mut merged = Table::new();
    for (key, value) in layers.iter().flat_map(|layer| &layer.values) {
        match (merged.get_mut(key), value) {
            (Some(Value::Table(bindings)), Value::Table(more)) if key == "keys" => bindings.extend(more.clone()),
            _ => drop(merged.insert(key.clone(), value.clone())),
        }
    }
    merged
}

/// Deserializes merged layers, which were checked one by one.
pub(super) fn settings(merged: Table) -> Result<Settings, ConfigError> {
    let invalid = |error: toml::de::Error| ConfigError::Invalid { place: "settings".to_owned(), message: error.message().to_owned() };
    Settings::deserialize(Value::Table(merged)).map_err(invalid)
}
