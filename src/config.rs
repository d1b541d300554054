//! Settings: built in < configuration file < environment < flags.

#[cfg(test)]
mod tests;
mod values;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use etcetera::BaseStrategy;
use serde::Deserialize;
use tracing::level_filters::LevelFilter;

use crate::cli::{Cli, OtlpOptions};
use crate::source::otlp;
use values::{Address, Bytes, Header, Listen};
pub use values::{parse_address, parse_bytes, parse_header};

/// What the environment's names for keys begin with: `AGNO_TOP_MAX_SPANS` sets `max_spans`.
const PREFIX: &str = "AGNO_TOP_";

/// Every key, as the file and (in capitals, with the prefix) the environment have it.
const KEYS: [&str; 19] = [
    "sources",
    "spans_table",
    "traces_table",
    "schema",
    "max_spans",
    "max_memory",
    "stale_seconds",
    "follow",
    "ascii",
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
];

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
    /// Bytes of memory for spans and their payloads.
    pub max_memory: u64,
    /// Seconds of silence after which a running span counts as lost.
    pub stale_seconds: u32,
    /// Whether the cursor moves with the newest trace.
    pub follow: bool,
    /// Whether only ASCII characters are drawn.
    pub ascii: bool,
    /// What goes into the log file.
    pub log_level: LogLevel,
    /// Listening for spans.
    pub otlp: OtlpConfig,
}

/// How spans are listened for.
#[derive(Clone, PartialEq, Eq)]
pub struct OtlpConfig {
    /// Whether to listen; `None`: only if no source is named.
    pub listen: Option<bool>,
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
            listen: None,
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
            ascii: false,
            log_level: LogLevel::Info,
            otlp: OtlpConfig::default(),
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
    max_memory: Option<Bytes>,
    stale_seconds: Option<std::num::NonZeroU32>,
    follow: Option<bool>,
    ascii: Option<bool>,
    log_level: Option<LogLevel>,
    otlp: Option<Listen>,
    grpc: Option<Address>,
    http: Option<Address>,
    otlp_token: Option<String>,
    allow_origins: Option<Vec<String>>,
    max_body: Option<Bytes>,
    record: Option<PathBuf>,
    forward: Option<Vec<String>>,
    forward_headers: Option<Vec<Header>>,
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
            max_memory: options.max_memory.map(Bytes),
            stale_seconds: options.stale.and_then(std::num::NonZeroU32::new),
            follow: options.no_follow.then_some(false),
            ascii: options.ascii.then_some(true),
            log_level: options.log_level,
            otlp: listen(&options.otlp),
            grpc: options.otlp.grpc.map(Address),
            http: options.otlp.http.map(Address),
            otlp_token: options.otlp.otlp_token.clone(),
            allow_origins: said(&options.otlp.allow_origin),
            max_body: options.otlp.max_body.map(Bytes),
            record: options.otlp.record.clone(),
            forward: said(&options.otlp.forward),
            forward_headers: said(&options.otlp.forward_header).map(|headers| headers.into_iter().map(Header).collect()),
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
        set(&mut config.max_memory, self.max_memory.map(|Bytes(bytes)| bytes));
        set(&mut config.stale_seconds, self.stale_seconds.map(Into::into));
        set(&mut config.follow, self.follow);
        set(&mut config.ascii, self.ascii);
        set(&mut config.log_level, self.log_level);
        let otlp = &mut config.otlp;
        set(&mut otlp.listen, self.otlp.map(Listen::choice));
        set(&mut otlp.grpc, self.grpc.map(|Address(address)| address));
        set(&mut otlp.http, self.http.map(|Address(address)| address));
        set(&mut otlp.token, self.otlp_token);
        set(&mut otlp.allow_origins, self.allow_origins);
        set(&mut otlp.max_body, self.max_body.map(|Bytes(bytes)| bytes));
        set(&mut otlp.record, self.record);
        set(&mut otlp.forward, self.forward);
        set(&mut otlp.forward_headers, self.forward_headers.map(|headers| headers.into_iter().map(|Header(header)| header).collect()));
    }
}

/// Whether flags say that there is to be listened; an address asks for it too.
fn listen(flags: &OtlpOptions) -> Option<Listen> {
    if flags.no_otlp {
        return Some(Listen::No);
    }
    (flags.otlp || flags.grpc.is_some() || flags.http.is_some()).then_some(Listen::Yes)
}

fn said<T: Clone>(list: &[T]) -> Option<Vec<T>> {
    (!list.is_empty()).then(|| list.to_vec())
}

/// A variable's text as the value that its key wants; text where it reads as nothing else, so that the error quotes it.
fn typed(key: &str, text: &str) -> toml::Value {
    match key {
        // A URL holds the colons that stand between paths.
        "sources" if text.contains("://") => vec![toml::Value::from(text)].into(),
        "sources" => {
            std::env::split_paths(text).map(|path| toml::Value::String(path.to_string_lossy().into_owned())).collect::<Vec<_>>().into()
        }
        // As OTEL_EXPORTER_OTLP_HEADERS has them, since a value may hold blanks.
        "forward_headers" => text.split(',').map(|item| toml::Value::String(item.to_owned())).collect::<Vec<_>>().into(),
        "allow_origins" | "forward" => text.split_whitespace().map(|item| toml::Value::String(item.to_owned())).collect::<Vec<_>>().into(),
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
