//! What the user writes: the configuration file, variables of the environment, a theme, a list of prices.

use std::str::from_utf8;

use crate::config::{Config, SETTINGS};
use crate::format;
use crate::model::price::Prices;
use crate::tui::theme::Themes;

/// Reads any text as each of them. Zero bytes separate the configuration file and the variables; the first byte of a variable chooses its
/// setting.
///
/// # Panics
///
/// If an error is empty, or if `agno-top config` prints settings that it does not read as the same ones.
pub fn configuration(bytes: &[u8]) {
    let Ok(text) = from_utf8(bytes) else { return };
    let mut pieces = text.split('\0');
    let file = pieces.next().unwrap_or_default();
    let variables: Vec<(String, &str)> = pieces.filter_map(variable).collect();
    let value = |name: &str| variables.iter().find(|(variable, _)| variable == name).map(|(_, value)| (*value).into());
    match Config::from_text(file, value) {
        Ok(config) => {
            let shown = config.effective();
            let again = Config::from_text(&shown, |_| None).unwrap_or_else(|error| panic!("{error}\n{shown}"));
            assert_eq!(without_origins(&shown), without_origins(&again.effective()));
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    if let Err(error) = Themes::default().with_text(file) {
        assert!(!error.is_empty());
    }
    if let Err(error) = Prices::bundled().with_list(file.as_bytes()) {
        let message = error.to_string();
        assert!(!message.is_empty() && !format::safe_lines(&message).is_empty());
    }
}

fn variable(piece: &str) -> Option<(String, &str)> {
    let (setting, value) = piece.split_at_checked(1)?;
    let setting = SETTINGS.get(usize::from(setting.as_bytes()[0]) % SETTINGS.len())?;
    Some((format!("AGNO_TOP_{}", setting.key.to_uppercase()), value))
}

/// Returns the lines of `agno-top config` without comments, which name the origins, and without secrets, which are not shown.
fn without_origins(shown: &str) -> Vec<&str> {
    let is_secret = |line: &str| SETTINGS.iter().any(|setting| setting.syntax.is_secret() && line.split(' ').next() == Some(setting.key));
    let values = shown.lines().map(|line| line.rsplit_once("  # ").map_or(line, |(value, _)| value));
    values.filter(|line| !line.starts_with('#') && !is_secret(line)).collect()
}
