//! Sets up other programs so that they send to agno-top: what to set, where, and how to change their files with care.

mod agents;
mod change;
mod json_text;
mod mcp;
mod once;
mod toml_text;
mod write;

use std::path::{Path, PathBuf};

use serde_json::Value;

pub use agents::{AgentName, content_command, plan, spans_advice};
pub use change::changed_lines;
pub use mcp::{McpClient, mcp_plan};
pub use once::{Once, agent_of, once};
pub use write::{WriteError, write};

/// The most bytes of a configuration file.
const MAX_SIZE: u64 = 16 << 20;

/// What sets a program up.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// The file that holds the settings, if any.
    pub file: Option<PathBuf>,
    /// The settings of the file.
    pub settings: Vec<Setting>,
    /// Variables that only the environment can hold, with their values.
    pub variables: Vec<(&'static str, String)>,
    /// What the user should know.
    pub notes: Vec<&'static str>,
}

/// Where the user's files are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// The home directory.
    pub home: PathBuf,
    /// `CLAUDE_CONFIG_DIR`, if set.
    pub claude: Option<PathBuf>,
    /// `CODEX_HOME`, if set.
    pub codex: Option<PathBuf>,
    /// `XDG_CONFIG_HOME`, if set.
    pub config: Option<PathBuf>,
}

/// A setting of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// The names of the objects or tables around it, and its own.
    pub path: &'static [&'static str],
    /// The value.
    pub value: Value,
    /// What to do about another value.
    pub rule: Rule,
}

/// What to do about a value that a file already has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Set the value.
    Set,
    /// Keep any other value.
    IfAbsent,
    /// Another value sends elsewhere, and is never replaced.
    Endpoint,
    /// Another endpoint in this place would win. It is only looked at.
    OtherEndpoint,
    /// A list of exporters: one that names OTLP stays, and one that names others is never replaced.
    Exporter,
}

/// Why a file is not changed.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// It can't be read.
    #[error("{0}: {1}")]
    Unreadable(PathBuf, std::io::Error),
    /// It is not of its format.
    #[error("{0} is left as it is: {1}")]
    Invalid(PathBuf, String),
    /// It sends elsewhere.
    #[error(
        "{0} already sends to {1}, and is left as it is. To send to both, start agno-top with --forward {1} and change that setting to {2} yourself"
    )]
    Elsewhere(PathBuf, String, String),
    /// It exports in another way.
    #[error("{0} already exports to {1}, and is left as it is: change that setting yourself")]
    OtherExporter(PathBuf, String),
}

/// A change of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// The text of the file; empty if there is none.
    pub before: String,
    /// The text that it should have.
    pub after: String,
}

/// A text of settings that keeps its comments and its order.
trait Document: Sized {
    fn parse(text: &str) -> Result<Self, String>;
    /// Returns the value at a path.
    fn get(&self, path: &[&str]) -> Option<Value>;
    /// Sets the value at a path.
    fn set(&mut self, path: &[&str], value: &Value) -> Result<(), String>;
    fn into_text(self) -> String;
}

impl Plan {
    /// Returns the settings alone, as a new file would hold them; empty without settings.
    #[must_use]
    pub fn text(&self) -> String {
        let settings: Vec<Setting> = self.settings.iter().filter(|setting| setting.rule != Rule::OtherEndpoint).cloned().collect();
        let path = self.file.clone().unwrap_or_default();
        if settings.is_empty() {
            return String::new();
        }
        edit(&path, "", &settings).unwrap_or_default()
    }

    /// Reads the file and returns its change; `None` without a file or settings.
    ///
    /// # Errors
    ///
    /// If the file can't be read or parsed, or sends elsewhere.
    pub fn edit(&self) -> Result<Option<Edit>, SetupError> {
        let Some(path) = self.file.as_ref().filter(|_| !self.settings.is_empty()) else { return Ok(None) };
        let before = match crate::regular_file::read_to_string(path, MAX_SIZE) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(SetupError::Unreadable(path.clone(), error)),
        };
        let after = edit(path, &before, &self.settings)?;
        Ok(Some(Edit { before, after }))
    }
}

/// Returns the text of a file with the settings in it.
fn edit(path: &Path, before: &str, settings: &[Setting]) -> Result<String, SetupError> {
    if path.extension().is_some_and(|extension| extension == "toml") {
        apply::<toml_text::Toml>(path, before, settings)
    } else {
        apply::<json_text::Json>(path, before, settings)
    }
}

fn apply<D: Document>(path: &Path, before: &str, settings: &[Setting]) -> Result<String, SetupError> {
    let invalid = |error: String| SetupError::Invalid(path.to_owned(), error);
    let mut document = D::parse(before).map_err(invalid)?;
    let endpoint = |value: &Value| {
        let mut texts = Vec::new();
        collect_texts(value, &mut texts);
        texts.into_iter().find(|text| text.contains("://")).unwrap_or_else(|| value.to_string())
    };
    let ours = settings.iter().find(|setting| setting.rule == Rule::Endpoint).map(|setting| endpoint(&setting.value)).unwrap_or_default();
    for setting in settings {
        let current = document.get(setting.path);
        let is_set = match (setting.rule, &current) {
            (Rule::OtherEndpoint, Some(Value::String(text))) if text.is_empty() => continue,
            (Rule::OtherEndpoint, Some(other)) => {
                let other = endpoint(other);
                let rest = normal(&other).strip_prefix(&normal(&ours)).map(str::to_owned);
                if rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/')) {
                    continue;
                }
                return Err(elsewhere(path, &other, ours));
            }
            (Rule::OtherEndpoint, None) => continue,
            (Rule::Endpoint, Some(Value::String(text))) if text.is_empty() || text == "none" => false,
            (Rule::Endpoint, Some(other)) => {
                let (other, own) = (endpoint(other), endpoint(&setting.value));
                if normal(&other) != normal(&own) {
                    return Err(elsewhere(path, &other, own));
                }
                true
            }
            (Rule::Exporter, Some(Value::String(list))) => match list.trim() {
                "" | "none" => false,
                list if list.split(',').any(|name| name.trim() == "otlp") => true,
                list => return Err(SetupError::OtherExporter(path.to_owned(), list.to_owned())),
            },
            (Rule::IfAbsent, Some(_)) => true,
            (_, Some(current)) => *current == setting.value,
            (_, None) => false,
        };
        if !is_set {
            document.set(setting.path, &setting.value).map_err(invalid)?;
        }
    }
    Ok(document.into_text())
}

/// Returns an address so that two names of the same place are equal.
fn normal(url: &str) -> String {
    url.trim_end_matches('/').replacen("://localhost", "://127.0.0.1", 1)
}

fn elsewhere(path: &Path, other: &str, own: String) -> SetupError {
    if other.contains("://") {
        SetupError::Elsewhere(path.to_owned(), without_secrets(other), own)
    } else {
        SetupError::OtherExporter(path.to_owned(), other.trim_matches('"').to_owned())
    }
}

fn collect_texts(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::String(text) => texts.push(text.clone()),
        Value::Array(values) => values.iter().for_each(|value| collect_texts(value, texts)),
        Value::Object(map) => map.values().for_each(|value| collect_texts(value, texts)),
        _ => {}
    }
}

/// Returns an address without a user and a password in it, or what follows its path.
fn without_secrets(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let host = authority.rsplit('@').next().unwrap_or_default();
    let path = path.split(['?', '#']).next().unwrap_or_default();
    format!("{scheme}://{host}{path}")
}

#[cfg(test)]
mod tests;
