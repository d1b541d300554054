//! Checks of settings that need more than the configuration: themes, URLs, regular expressions.

use crate::config::{Config, ConfigError, theme_directory};
use crate::export::Redactor;
use crate::model::nearest;
use crate::sources::otlp;
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
        let overrides = Overrides { file: Some("/dev/null".into()), flags, ..Overrides::default() };
        check(&Config::load(overrides).unwrap()).unwrap_err().to_string()
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
