//! Checks of settings and words that need more than the command line and the configuration: themes, URLs, regular expressions, files.

use std::path::PathBuf;

use super::UsageError;
use crate::cli;
use crate::config::{Config, ConfigError, theme_directory};
use crate::export::Redactor;
use crate::model::nearest;
use crate::sources::{self, otlp};
use crate::tui::theme;

/// Checks the theme's name, the URLs to forward to, and the patterns to redact. The error names the origin of the value.
pub(super) fn check(config: &Config) -> Result<(), ConfigError> {
    let themes = theme::names(theme_directory().as_deref());
    if !themes.contains(&config.theme) {
        return Err(config.error("theme", None, unknown_theme(&config.theme, &themes)));
    }
    for (index, url) in config.forward.iter().enumerate() {
        otlp::check_url(url).map_err(|error| config.error("forward", Some(index), error.to_string()))?;
    }
    for (index, pattern) in config.redact_patterns.iter().enumerate() {
        Redactor::check(pattern).map_err(|message| config.error("redact_patterns", Some(index), message))?;
    }
    Ok(())
}

/// Words that users type for commands with other names.
const OTHER_WORDS: [(&[&str], &str); 5] = [
    (&["find", "grep"], "search"),
    (&["diff"], "compare"),
    (&["delete", "remove", "clean"], "prune"),
    (&["version"], "--version"),
    (&["check", "status"], "doctor"),
];

/// Refuses a source that is more likely a command: a word that is no path, no URL and no file.
pub(super) fn check_words(sources: &[PathBuf]) -> Result<(), UsageError> {
    let is_word = |text: &str| !text.contains(['.', '/', '\\']);
    let words = sources.iter().filter(|source| !source.exists()).filter_map(|source| source.to_str());
    let words = words.filter(|text| !sources::is_url(text));
    let Some(word) = words.into_iter().find(|text| is_word(text)) else { return Ok(()) };
    let command = cli::command();
    let known = || nearest(word, command.get_subcommands().map(clap::Command::get_name));
    let other = OTHER_WORDS.iter().find(|(words, _)| words.contains(&word)).map(|(_, name)| *name);
    let hint = match other.or_else(known) {
        Some(name) => format!("did you mean {name}?"),
        None => format!("a new file is named ./{word}, and agno-top --help lists the commands"),
    };
    Err(UsageError(format!("no such command or file: {word}; {hint}")))
}

fn unknown_theme(name: &str, themes: &[String]) -> String {
    match nearest(name, themes.iter().map(String::as_str)) {
        Some(theme) => format!("unknown theme {name:?}; did you mean {theme:?}?"),
        None => format!("unknown theme {name:?}; themes: {}", themes.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Overrides;

    fn error(flags: toml::Table) -> String {
        let file = tempfile::NamedTempFile::new().unwrap();
        let overrides = Overrides { file: Some(file.path().to_owned()), flags, ..Overrides::default() };
        check(&Config::load(overrides).unwrap()).unwrap_err().to_string()
    }

    #[test]
    fn a_word_that_is_neither_a_command_nor_a_file_is_refused() {
        let check = |word: &str| check_words(&[PathBuf::from(word)]).map_err(|error| error.to_string());
        assert_eq!(check("lsit"), Err("no such command or file: lsit; did you mean list?".to_owned()));
        assert_eq!(check("grep"), Err("no such command or file: grep; did you mean search?".to_owned()));
        assert!(check("traces").unwrap_err().starts_with("no such command or file: traces; a new file is named ./traces"));
        for source in ["new.db", "./lsit", "tmp/traces", "a\\b", "postgres://h/d", "src"] {
            assert_eq!(check(source), Ok(()), "{source}");
        }
    }

    #[test]
    fn values_that_can_not_be_used_are_reported_with_their_origin() {
        assert_eq!(error(toml::toml! { theme = "drak" }), "command line: unknown theme \"drak\"; did you mean \"dark\"?");
        let all = "auto, dark, light, high-contrast, 16-colour";
        assert_eq!(error(toml::toml! { theme = "solarized" }), format!("command line: unknown theme \"solarized\"; themes: {all}"));
        assert!(error(toml::toml! { forward = ["http://a", "b"] }).starts_with("command line: \"b\" is"));
        assert!(error(toml::toml! { redact_patterns = ["a", "("] }).starts_with("command line: \"(\" is"));
    }
}
