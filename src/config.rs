//! The configuration: defaults < configuration file < environment < flags.
//!
//! [`definition`] defines every setting. [`Config::load`] merges the layers and keeps them, so that an error about a value names the file and
//! the line, the environment variable or the command line.

pub mod definition;
mod effective;
mod error;
mod init;
mod key_names;
mod layer;
mod parse;
#[cfg(test)]
mod tests;
pub mod url;
pub mod values;

use std::ffi::OsString;
use std::num::NonZeroU32;
use std::ops::Deref;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;
use toml::Table;

pub use definition::{SETTINGS, Settings};
pub use error::ConfigError;
pub use init::init;
pub use key_names::KeyNames;
use layer::{Layer, Origin};
pub use values::{Header, ListenMode, LogLevel};

use crate::keymap::{Keymap, KeymapError};
use crate::model::price::Prices;
use crate::regular_file;
use crate::settings::Budget;

/// The name of the configuration file in its directory.
const FILE: &str = "config.toml";

/// What the command line sets.
#[derive(Clone, Default, PartialEq)]
pub struct Overrides {
    /// The configuration file to read instead of the user's.
    pub file: Option<PathBuf>,
    /// The sources that are named; empty if none is.
    pub sources: Vec<PathBuf>,
    /// Values by setting, in the types of [`Settings`].
    pub flags: Table,
}

/// Hides the values, of which some are secret.
impl std::fmt::Debug for Overrides {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Overrides").field("file", &self.file).finish_non_exhaustive()
    }
}

/// The settings in force, with their origins.
#[derive(Clone, Debug, Default)]
pub struct Config {
    settings: Settings,
    /// The keys of each action.
    pub keymap: Keymap,
    /// Later layers take precedence.
    layers: Vec<Layer>,
    /// The configuration file, whether it exists or not.
    file: Option<PathBuf>,
}

impl Deref for Config {
    type Target = Settings;

    fn deref(&self) -> &Settings {
        &self.settings
    }
}

/// Returns the user's directory of the configuration file and of themes; `None` if there is no home directory.
fn directory() -> Option<PathBuf> {
    etcetera::choose_base_strategy().ok().map(|base| base.config_dir().join("agno-top"))
}

/// Returns the user's directory of themes; `None` if there is no home directory.
#[must_use]
pub fn theme_directory() -> Option<PathBuf> {
    directory().map(|directory| directory.join("themes"))
}

/// The size limit of a file of prices in bytes.
const MAX_PRICES: u64 = 64 << 20;

impl Config {
    /// Returns the configuration with room for every span of a source.
    #[must_use]
    pub fn without_limits(&self) -> Self {
        let mut config = self.clone();
        config.settings.max_spans = NonZeroU32::MAX;
        config.settings.max_memory = values::Bytes(i64::MAX as u64);
        config
    }

    /// Loads the configuration from the user's file, the process's environment and the command line.
    pub fn load(overrides: Overrides) -> Result<Self, ConfigError> {
        Self::load_from(overrides, directory().as_deref(), |name| std::env::var_os(name))
    }

    fn load_from(
        overrides: Overrides,
        directory: Option<&Path>,
        environment: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, ConfigError> {
        let default = directory.map(|directory| directory.join(FILE));
        let mut layers: Vec<_> = Layer::from_file(overrides.file.as_deref(), default.as_deref())?.into_iter().collect();
        layers.extend(Layer::from_environment(environment)?);
        let mut config = Self::from_layers(layers, overrides, default)?;
        config.read_secrets()?;
        Ok(config)
    }

    /// Reads the text of a configuration file and variables of the environment. Files that secrets name are not read.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) fn from_text(text: &str, environment: impl Fn(&str) -> Option<OsString>) -> Result<Self, ConfigError> {
        let mut layers = vec![Layer::parse(Path::new(FILE), text.to_owned())?];
        layers.extend(Layer::from_environment(environment)?);
        Self::from_layers(layers, Overrides::default(), None)
    }

    /// Merges the layers and adds what the command line sets. `default` is the path of the user's file.
    fn from_layers(mut layers: Vec<Layer>, overrides: Overrides, default: Option<PathBuf>) -> Result<Self, ConfigError> {
        let Overrides { file, sources, mut flags } = overrides;
        if !sources.is_empty() {
            let shown = sources.iter().map(|path| path.to_string_lossy().into_owned().into());
            flags.insert("sources".to_owned(), shown.collect::<Vec<toml::Value>>().into());
        }
        layers.push(Layer { origin: Origin::Flags, values: flags });
        let mut settings = layer::settings(layer::merge(&layers))?;
        if !sources.is_empty() {
            // A path need not be UTF-8.
            settings.sources = sources;
        }
        let mut config = Self { settings, keymap: Keymap::default(), layers, file: file.or(default) };
        config.bind_keys()?;
        Ok(config)
    }

    /// Replaces `@FILE` in secrets, and in URLs that may hold one, by the text of the file.
    fn read_secrets(&mut self) -> Result<(), ConfigError> {
        let token = values::resolve_secret(&self.otlp_token).map_err(|message| self.error("otlp_token", None, message))?;
        let headers = self.forward_headers.iter().enumerate();
        let resolve =
            |(index, header): (usize, &Header)| header.resolve().map_err(|message| self.error("forward_headers", Some(index), message));
        let headers = headers.map(resolve).collect::<Result<Vec<_>, _>>()?;
        let urls = self.forward.iter().enumerate();
        let resolve =
            |(index, url): (usize, &String)| values::resolve_secret(url).map_err(|message| self.error("forward", Some(index), message));
        let urls = urls.map(resolve).collect::<Result<Vec<_>, _>>()?;
        let key = values::resolve_secret(&self.agentos_key).map_err(|message| self.error("agentos_key", None, message))?;
        self.settings.agentos_key = key;
        (self.settings.otlp_token, self.settings.forward_headers, self.settings.forward) = (token, headers, urls);
        Ok(())
    }

    fn bind_keys(&mut self) -> Result<(), ConfigError> {
        let bindings: Vec<_> = self.settings.keys.iter().map(|(action, keys)| (action.clone(), keys.0.clone())).collect();
        let result = self.keymap.bind(&bindings);
        result.map_err(|KeymapError { action, key, message }| {
            let name = &bindings[action].0;
            self.error_at("keys", Some(name), key, message + &error::misplaced(Some("keys"), name))
        })
    }

    /// Returns the path of the configuration file, whether it exists or not; `None` if there is no home directory.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// Returns an error about the value of a setting, or about one item of it, that names the origin of the value.
    #[must_use]
    pub fn error(&self, key: &str, item: Option<usize>, message: impl Into<String>) -> ConfigError {
        self.error_at(key, None, item, message.into())
    }

    fn error_at(&self, key: &str, inner: Option<&str>, item: Option<usize>, message: String) -> ConfigError {
        let layer = self.layers.iter().rev().find(|layer| layer.contains(key, inner));
        let place = layer.map_or_else(|| "defaults".to_owned(), |layer| layer.locate(key, inner, item));
        ConfigError::Invalid { place, message }
    }

    /// Returns the budget of each trace.
    #[must_use]
    pub fn budget(&self) -> Budget {
        budget(self.budget_cost.0, self.budget_tokens)
    }

    /// Returns the budget of all traces together.
    #[must_use]
    pub fn total_budget(&self) -> Budget {
        budget(self.budget_cost_total.0, self.budget_tokens_total)
    }

    /// Loads all prices, which takes about 50 ms. The error says why the price file can't be used.
    pub fn load_prices(&self) -> (Prices, Result<(), String>) {
        let path = &self.prices_file;
        let read = || {
            let json = regular_file::read(path, MAX_PRICES).map_err(|error| error.to_string())?;
            Prices::bundled().with_list(&json).map_err(|error| error.to_string())
        };
        let list = if path.as_os_str().is_empty() { Ok(Prices::bundled()) } else { read() };
        let (prices, result) = match list {
            Ok(prices) => (prices, Ok(())),
            Err(error) => (Prices::bundled(), Err(format!("can't use the prices of {}: {error}", path.display()))),
        };
        (prices.with_flat(self.prices.clone()), result)
    }
}

/// A limit of zero is no limit.
fn budget(cost: i64, tokens: u64) -> Budget {
    Budget { cost: (cost > 0).then_some(cost), tokens: (tokens > 0).then_some(tokens) }
}
