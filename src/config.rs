//! Settings: built in < configuration file < environment < flags.

#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use etcetera::BaseStrategy;
use serde::Deserialize;
use tracing::level_filters::LevelFilter;

use crate::cli::Cli;

/// What the environment's names for keys begin with: `AGNO_TOP_MAX_SPANS` sets `max_spans`.
const PREFIX: &str = "AGNO_TOP_";

/// Every key, as the file and (in capitals, with the prefix) the environment have it.
const KEYS: [&str; 9] = ["sources", "spans_table", "traces_table", "schema", "max_spans", "stale_seconds", "follow", "ascii", "log_level"];

/// How the program runs. `config.toml.example` explains each setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// What is watched; if nothing is named, the databases of Agno that are found here.
    pub sources: Vec<PathBuf>,
    /// The table that holds spans.
    pub spans_table: String,
    /// The table that holds traces.
    pub traces_table: String,
    /// The schema that holds both in a PostgreSQL database.
    pub schema: String,
    /// Spans held in memory.
    pub max_spans: u32,
    /// Seconds of silence after which a running span counts as lost.
    pub stale_seconds: u32,
    /// Whether the cursor moves with the newest trace.
    pub follow: bool,
    /// Whether only ASCII characters are drawn.
    pub ascii: bool,
    /// What goes into the log file.
    pub log_level: LogLevel,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            sources: Vec::new(),
            spans_table: "agno_spans".to_owned(),
            traces_table: "agno_traces".to_owned(),
            schema: "ai".to_owned(),
            max_spans: 1_000_000,
            stale_seconds: 60,
            follow: true,
            ascii: false,
            log_level: LogLevel::Info,
        }
    }
}

/// How much goes into the log file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Nothing; no file is made.
    Off,
    /// What failed.
    Error,
    /// Also what was left out or tried again.
    Warn,
    /// Also what was opened and closed.
    Info,
    /// Also each batch.
    Debug,
    /// Everything.
    Trace,
}

impl From<LogLevel> for LevelFilter {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Off => Self::OFF,
            LogLevel::Error => Self::ERROR,
            LogLevel::Warn => Self::WARN,
            LogLevel::Info => Self::INFO,
            LogLevel::Debug => Self::DEBUG,
            LogLevel::Trace => Self::TRACE,
        }
    }
}

/// Why the settings can't be used. The message says where and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file that was asked for can't be read.
    #[error("can't read the configuration file {}: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// A key or a value is wrong.
    #[error("{place}: {what}")]
    Wrong {
        /// Where: `config.toml, line 3`, or an environment variable's name.
        place: String,
        /// What.
        what: String,
    },
}

/// The settings for this command line, with the user's configuration file and the process's environment.
pub fn load(cli: &Cli) -> Result<Config, ConfigError> {
    let file = etcetera::choose_base_strategy().ok().map(|base| base.config_dir().join("agno-top").join("config.toml"));
    layered(cli, file.as_deref(), |name| std::env::var_os(name))
}

fn layered(cli: &Cli, default_file: Option<&Path>, environment: impl Fn(&str) -> Option<OsString>) -> Result<Config, ConfigError> {
    let layers = [Layer::file(cli.options.config.as_deref(), default_file)?, Layer::environment(environment)?, Layer::flags(cli)];
    let mut config = Config::default();
    for layer in layers {
        layer.apply(&mut config);
    }
    Ok(config)
}

/// What one place says; `None` where it says nothing.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Layer {
    sources: Option<Vec<PathBuf>>,
    spans_table: Option<String>,
    traces_table: Option<String>,
    schema: Option<String>,
    max_spans: Option<std::num::NonZeroU32>,
    stale_seconds: Option<std::num::NonZeroU32>,
    follow: Option<bool>,
    ascii: Option<bool>,
    log_level: Option<LogLevel>,
}

impl Layer {
    fn file(asked: Option<&Path>, default: Option<&Path>) -> Result<Self, ConfigError> {
        let Some(path) = asked.or(default) else { return Ok(Self::default()) };
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(&text, path),
            Err(error) if asked.is_none() && matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
                Ok(Self::default())
            }
            Err(error) => Err(ConfigError::Unreadable { path: path.to_owned(), error }),
        }
    }

    fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        toml::from_str(text).map_err(|error| {
            let line = error.span().and_then(|span| text.get(..span.start)).map_or(1, |before| before.matches('\n').count() + 1);
            ConfigError::Wrong { place: format!("{}, line {line}", path.display()), what: explain(error.message()) }
        })
    }

    fn environment(environment: impl Fn(&str) -> Option<OsString>) -> Result<Self, ConfigError> {
        let mut table = toml::Table::new();
        for key in KEYS {
            let name = format!("{PREFIX}{}", key.to_uppercase());
            let Some(value) = environment(&name).filter(|value| !value.is_empty()) else { continue };
            let wrong = |what| ConfigError::Wrong { place: name.clone(), what };
            let text = value.to_str().ok_or_else(|| wrong("it is not UTF-8".to_owned()))?;
            let value = typed(key, text);
            // Alone in a table, so that an error is one about this variable.
            let alone = toml::Table::from_iter([(key.to_owned(), value.clone())]);
            alone.try_into::<Self>().map_err(|error| wrong(error.message().to_owned()))?;
            table.insert(key.to_owned(), value);
        }
        table
            .try_into()
            .map_err(|error: toml::de::Error| ConfigError::Wrong { place: "environment".to_owned(), what: error.message().to_owned() })
    }

    fn flags(cli: &Cli) -> Self {
        let options = &cli.options;
        Self {
            sources: (!cli.sources.is_empty()).then(|| cli.sources.clone()),
            spans_table: options.spans_table.clone(),
            traces_table: options.traces_table.clone(),
            schema: options.schema.clone(),
            max_spans: options.max_spans.and_then(std::num::NonZeroU32::new),
            stale_seconds: options.stale.and_then(std::num::NonZeroU32::new),
            follow: options.no_follow.then_some(false),
            ascii: options.ascii.then_some(true),
            log_level: options.log_level,
        }
    }

    fn apply(self, config: &mut Config) {
        fn set<T>(setting: &mut T, said: Option<T>) {
            if let Some(said) = said {
                *setting = said;
            }
        }
        set(&mut config.sources, self.sources);
        set(&mut config.spans_table, self.spans_table);
        set(&mut config.traces_table, self.traces_table);
        set(&mut config.schema, self.schema);
        set(&mut config.max_spans, self.max_spans.map(Into::into));
        set(&mut config.stale_seconds, self.stale_seconds.map(Into::into));
        set(&mut config.follow, self.follow);
        set(&mut config.ascii, self.ascii);
        set(&mut config.log_level, self.log_level);
    }
}

/// A variable's text as the value that its key wants; text where it reads as nothing else, so that the error quotes it.
fn typed(key: &str, text: &str) -> toml::Value {
    match key {
        // A URL holds the colons that stand between paths.
        "sources" if text.contains("://") => vec![toml::Value::from(text)].into(),
        "sources" => {
            std::env::split_paths(text).map(|path| toml::Value::String(path.to_string_lossy().into_owned())).collect::<Vec<_>>().into()
        }
        "max_spans" | "stale_seconds" => text.parse::<i64>().map_or_else(|_| text.into(), Into::into),
        "follow" | "ascii" => match text {
            "1" | "true" | "yes" | "on" => true.into(),
            "0" | "false" | "no" | "off" => false.into(),
            _ => text.into(),
        },
        _ => text.into(),
    }
}

/// An unknown key is answered with the nearest one that there is.
fn explain(message: &str) -> String {
    let Some(unknown) = message.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next()) else {
        return message.trim_end().to_owned();
    };
    let nearest = KEYS.iter().map(|key| (strsim::damerau_levenshtein(unknown, key), key)).min();
    match nearest {
        Some((distance, key)) if distance <= 1 + unknown.len() / 3 => format!("unknown key {unknown:?}; did you mean {key:?}?"),
        _ => format!("unknown key {unknown:?}; there are {}", KEYS.join(", ")),
    }
}
