//! Settings: built in < configuration file < environment < flags.

mod effective;
mod keys;
mod layer;
#[cfg(test)]
mod tests;
mod values;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use etcetera::BaseStrategy;
use serde::{Deserialize, Serialize};
use tracing::level_filters::LevelFilter;

use crate::cli::Cli;
use crate::keymap::Keymap;
use crate::model::price::{FlatPrice, Prices};
use crate::settings::{Budget, Columns, Measure};
use crate::sources::otlp;
use crate::tui::theme;
pub use effective::effective;
use layer::{Layer, Place};
pub use values::{Listen, parse_address, parse_bytes, parse_dollars, parse_header};

/// Every key, as the file and (in capitals, with the prefix) the environment have it.
const KEYS: &[&str] = &[
    "sources",
    "spans_table",
    "traces_table",
    "schema",
    "max_spans",
    "max_memory",
    "stale_seconds",
    "follow",
    "columns",
    "bar",
    "theme",
    "ascii",
    "mouse",
    "log_level",
    "otlp",
    "grpc",
    "http",
    "otlp_token",
    "allow_origins",
    "max_body",
    "record",
    "forward",
    "forward_headers",
    "redact_patterns",
    "budget_cost",
    "budget_tokens",
    "budget_cost_total",
    "budget_tokens_total",
    "prices_file",
    "prices",
    "keys",
];

/// How the program runs. `config.toml.example` explains each setting.
#[derive(Clone, Debug, PartialEq)]
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
    /// Bytes of memory for spans and their payloads.
    pub max_memory: u64,
    /// Seconds of silence after which a running span counts as lost.
    pub stale_seconds: u32,
    /// Whether the cursor moves with the newest trace.
    pub follow: bool,
    /// The columns of numbers beside the traces.
    pub columns: Columns,
    /// What bars measure at first.
    pub bar: Measure,
    /// The theme's name.
    pub theme: String,
    /// Whether only ASCII characters are drawn.
    pub ascii: bool,
    /// Whether the mouse is listened to.
    pub mouse: bool,
    /// What goes into the log file.
    pub log_level: LogLevel,
    /// Listening for spans.
    pub otlp: OtlpConfig,
    /// Regular expressions of what exports leave out beside what they leave out anyway.
    pub redact_patterns: Vec<String>,
    /// What a trace may use.
    pub budget: Budget,
    /// What all traces together may use.
    pub total_budget: Budget,
    /// A price list that goes before the one that comes with the program; empty: none.
    pub prices_file: PathBuf,
    /// Own prices by model, which go before both.
    pub prices: BTreeMap<String, FlatPrice>,
    /// Which key does what.
    pub keymap: Keymap,
}

/// How spans are listened for.
#[derive(Clone, PartialEq, Eq)]
pub struct OtlpConfig {
    /// Whether to listen, and how.
    pub listen: Listen,
    /// The address for gRPC.
    pub grpc: SocketAddr,
    /// The address for HTTP.
    pub http: SocketAddr,
    /// The token that every request must bear; empty: none.
    pub token: String,
    /// Origins of web pages that may send; `*` stands for all.
    pub allow_origins: Vec<String>,
    /// The largest request, in bytes.
    pub max_body: u64,
    /// The SQLite file that what arrives is written into; empty: none.
    pub record: PathBuf,
    /// Endpoints that requests are passed on to.
    pub forward: Vec<String>,
    /// Headers for these.
    pub forward_headers: Vec<(String, String)>,
}

impl Default for OtlpConfig {
    fn default() -> Self {
        Self {
            listen: Listen::default(),
            grpc: otlp::GRPC,
            http: otlp::HTTP,
            token: String::new(),
            allow_origins: Vec::new(),
            max_body: otlp::MAX_BODY as u64,
            record: PathBuf::new(),
            forward: Vec::new(),
            forward_headers: Vec::new(),
        }
    }
}

/// Leaves out what may be secret.
impl std::fmt::Debug for OtlpConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { listen, grpc, http, max_body, record, .. } = self;
        let mut debug = f.debug_struct("OtlpConfig");
        debug.field("listen", listen).field("grpc", grpc).field("http", http).field("max_body", max_body).field("record", record);
        debug.finish_non_exhaustive()
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            sources: Vec::new(),
            spans_table: "agno_spans".to_owned(),
            traces_table: "agno_traces".to_owned(),
            schema: "ai".to_owned(),
            max_spans: 1_000_000,
            max_memory: 1 << 30,
            stale_seconds: 60,
            follow: true,
            columns: Columns::default(),
            bar: Measure::default(),
            theme: "auto".to_owned(),
            ascii: false,
            mouse: true,
            log_level: LogLevel::Info,
            otlp: OtlpConfig::default(),
            redact_patterns: Vec::new(),
            budget: Budget::default(),
            total_budget: Budget::default(),
            prices_file: PathBuf::new(),
            prices: BTreeMap::new(),
            keymap: Keymap::default(),
        }
    }
}

/// How much goes into the log file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, ValueEnum)]
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
    layered(cli, directory().as_deref(), |name| std::env::var_os(name))
}

/// The name of the configuration file in its directory.
const FILE: &str = "config.toml";

/// The user's directory for the configuration file and own themes; `None` where there is no home.
fn directory() -> Option<PathBuf> {
    etcetera::choose_base_strategy().ok().map(|base| base.config_dir().join("agno-top"))
}

/// Returns the user's directory of themes; `None` if there is no home directory.
#[must_use]
pub fn theme_directory() -> Option<PathBuf> {
    directory().as_deref().map(themes)
}

/// The directory of own themes in the user's.
fn themes(directory: &Path) -> PathBuf {
    directory.join("themes")
}

impl Config {
    /// Every price there is, and why the file of prices can't be used, if it can't. Takes a twentieth of a second.
    #[must_use]
    pub fn load_prices(&self) -> (Prices, Option<String>) {
        let path = &self.prices_file;
        let read = || std::fs::read(path).map_err(|error| error.to_string()).and_then(|json| Prices::bundled().with_list(&json));
        let (prices, trouble) = if path.as_os_str().is_empty() {
            (Prices::bundled(), None)
        } else {
            match read() {
                Ok(prices) => (prices, None),
                Err(error) => (Prices::bundled(), Some(format!("can't use the prices of {}: {error}", path.display()))),
            }
        };
        (prices.with_flat(self.prices.clone()), trouble)
    }
}

fn layered(cli: &Cli, directory: Option<&Path>, environment: impl Fn(&str) -> Option<OsString>) -> Result<Config, ConfigError> {
    let mut config = Config::default();
    let themes = theme::names(directory.map(themes).as_deref());
    for (place, layer) in layers(cli, directory, environment)? {
        layer.apply(&place, &themes, &mut config)?;
    }
    Ok(config)
}

/// What is said in each place, what goes before other places last.
fn layers(cli: &Cli, directory: Option<&Path>, environment: impl Fn(&str) -> Option<OsString>) -> Result<Vec<(Place, Layer)>, ConfigError> {
    let default_file = directory.map(|directory| directory.join(FILE));
    let mut layers: Vec<_> = Layer::file(cli.options.config.as_deref(), default_file.as_deref())?.into_iter().collect();
    layers.extend(Layer::environment(environment)?);
    layers.push((Place::Flags, Layer::flags(cli)));
    Ok(layers)
}
