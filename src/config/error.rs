//! Why the configuration can't be used.

use std::path::PathBuf;

use super::definition::SETTINGS;
use crate::keymap::ENTRIES;

/// Why the configuration can't be used. The message says where and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file named on the command line can't be read.
    #[error("can't read the configuration file {}: {error}{}", path.display(), hint(error))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why it can't be read.
        error: std::io::Error,
    },
    /// A key or a value is wrong.
    #[error("{place}: {message}")]
    Invalid {
        /// `config.toml, line 3`, or the name of an environment variable.
        place: String,
        /// What is wrong and what to do.
        message: String,
    },
}

/// Returns how to write a file that is missing.
fn hint(error: &std::io::Error) -> &'static str {
    if error.kind() == std::io::ErrorKind::NotFound { "; agno-top config --init writes it" } else { "" }
}

/// Says where a setting belongs that stands among the keys of actions, or the other way around; empty if it does not. `table` is the table
/// that `name` was found in, if any.
pub(super) fn misplaced(table: Option<&str>, name: &str) -> String {
    let (is_setting, is_action) = (SETTINGS.iter().any(|setting| setting.key == name), ENTRIES.iter().any(|entry| entry.name == name));
    match table {
        Some("keys") if is_setting => format!("; this is in [keys]: the setting {name} belongs above the first [heading]"),
        None if is_action && !is_setting => format!("; the key of {name} belongs below [keys]"),
        _ => String::new(),
    }
}

/// Improves serde's message about an unknown key, "unknown field `x`, expected one of `y`, `z`", by naming the nearest key, and that about a
/// text in place of a list, by leaving out the text, which may be a URL or a header with a secret, and that about a number, by naming its range.
///
/// `key` is what the line of the error begins with, for an error of a key that stands twice or in the wrong table.
pub(super) fn explain(message: &str, key: &str) -> String {
    if message.starts_with("duplicate key") {
        return format!("{key} stands here for the second time; write it once");
    }
    if message.contains("expected a key, such as") {
        return format!("{}{}", message.trim_end(), misplaced(Some("keys"), key));
    }
    if message.starts_with("invalid type: string") && message.trim_end().ends_with("expected a sequence") {
        return "this is a list, which is written in [ and ]".to_owned();
    }
    if let Some(value) = message.trim_end().strip_suffix("expected a nonzero u32") {
        return format!("{value}expected a whole number from 1 to {}", u32::MAX);
    }
    let mut names = message.split('`').skip(1).step_by(2);
    let (true, Some(unknown)) = (message.starts_with("unknown field"), names.next()) else { return message.trim_end().to_owned() };
    let known: Vec<&str> = names.collect();
    let place = misplaced(None, unknown);
    if !place.is_empty() {
        return format!("unknown key {unknown:?}{place}");
    }
    match crate::model::nearest(unknown, known.iter().copied()) {
        Some(key) => format!("unknown key {unknown:?}; did you mean {key:?}?"),
        None => format!("unknown key {unknown:?}; keys: {}", known.join(", ")),
    }
}
