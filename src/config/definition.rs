//! Every setting, defined once: its key, type, default and documentation, how text is read as its value, and its flag.
//!
//! The configuration file, the environment, the flags, `agno-top config` and `config.toml.example` all follow from this definition.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::key_names::KeyNames;
use super::values::{Bytes, Dollars, Header, ListenAddress, ListenMode, LogLevel};
use crate::model::price::FlatPrice;
use crate::settings::{Columns, Measure};

/// A setting's key, documentation and flag. Its value is the field of [`Settings`] with the same name.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The key in the file. In capitals, after `AGNO_TOP_`, it is the name of the environment variable.
    pub key: &'static str,
    /// The comment in `config.toml.example`; the first paragraph is also the help of the flag.
    pub doc: &'static str,
    /// How the text of an environment variable or a flag becomes a value.
    pub syntax: Syntax,
    /// Which subcommands use the setting.
    pub scope: Scope,
    /// The flag; `None` if there is none.
    pub flag: Option<Flag>,
}

/// How the text of an environment variable or a flag becomes a value of TOML.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syntax {
    /// As it is.
    Text,
    /// As it is, but not empty; never shown.
    Secret,
    /// A whole number.
    Integer,
    /// US dollars, with or without `$`.
    Dollars,
    /// `1`, `true`, `yes`, `on` and their opposites.
    Bool,
    /// Separated by white space.
    Words,
    /// Separated by commas, since an item may hold spaces; never shown.
    SecretList,
    /// One per line, since an item may hold spaces.
    Lines,
    /// Joined as in `PATH`, or one URL.
    Paths,
    /// TOML itself.
    Toml,
}

impl Syntax {
    /// Whether the value may be secret as a whole.
    #[must_use]
    pub fn is_secret(self) -> bool {
        matches!(self, Self::Secret | Self::SecretList)
    }
}

/// Which subcommands use a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All that read sources.
    All,
    /// All that read databases, which the demo does not.
    Database,
    /// All that print for users.
    Output,
    /// The screen.
    Screen,
    /// Those that listen for OTLP.
    Listener,
}

/// A setting's flag.
#[derive(Clone, Copy, Debug)]
pub enum Flag {
    /// Takes a value: the flag's name, the value's name.
    Value(&'static str, &'static str),
    /// Takes one of these values: the flag's name, the value's name, the values.
    Choice(&'static str, &'static str, &'static [&'static str]),
    /// Takes a value, and can be repeated to build a list.
    List(&'static str, &'static str),
    /// Sets a boolean to the value: the flag's name, its help, the value.
    Switch(&'static str, &'static str, bool),
}

/// Generates [`Settings`], their defaults, and [`SETTINGS`].
macro_rules! settings {
    ($($(#[doc = $doc:literal])+ $key:ident: $type:ty = $default:expr, $syntax:ident, $scope:ident $(, $flag:expr)?;)+) => {
        /// The value of every setting.
        #[derive(Clone, PartialEq, Deserialize, Serialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct Settings {
            $(
                // Plain text, not Markdown.
                #[doc = "```text"]
                $(#[doc = $doc])+
                #[doc = "```"]
                pub $key: $type,
            )+
        }

        impl Default for Settings {
            fn default() -> Self {
                Self { $($key: $default,)+ }
            }
        }

        /// Every setting, in the order of `config.toml.example`.
        pub const SETTINGS: &[Setting] = &[$(Setting {
            key: stringify!($key),
            doc: concat!($($doc, "\n"),+),
            syntax: Syntax::$syntax,
            scope: Scope::$scope,
            flag: flag!($($flag)?),
        },)+];
    };
}

macro_rules! flag {
    () => {
        None
    };
    ($flag:expr) => {
        Some($flag)
    };
}

settings! {
    /// Sources to read if the command line names none
    ///
    /// SQLite databases, URLs of PostgreSQL (keep passwords in ~/.pgpass instead), ClickHouse or AgentOS (http://HOST:7777), files of spans. If this is empty too: the databases with
    /// Agno's tables in the current directory and its tmp, else a PostgreSQL database named by DATABASE_URL, else tmp/traces.db.
    /// (AGNO_TOP_SOURCES: paths joined by ":", or one URL)
    sources: Vec<PathBuf> = Vec::new(), Paths, All;

    /// Key of the AgentOS that is read, or @FILE that holds it
    ///
    /// It goes to this server only. With several, put each key into its URL: https://:KEY@HOST in sources. Empty: none.
    agentos_key: String = String::new(), Secret, All;

    /// Table of the spans, as in Agno's spans_table=
    spans_table: String = "agno_spans".to_owned(), Text, Database, Flag::Value("spans-table", "NAME");

    /// Table of the traces, as in Agno's traces_table=
    traces_table: String = "agno_traces".to_owned(), Text, Database, Flag::Value("traces-table", "NAME");

    /// Schema of both tables in a PostgreSQL database, as in Agno's db_schema=
    schema: String = "ai".to_owned(), Text, Database, Flag::Value("schema", "NAME");

    /// Spans to hold in memory; beyond it, the oldest finished traces are dropped
    ///
    /// A span takes about 200 bytes.
    max_spans: NonZeroU32 = NonZeroU32::MIN.saturating_add(999_999), Integer, All, Flag::Value("max-spans", "N");

    /// Memory for spans and OTLP payloads, such as 512M; beyond it, the oldest finished traces are dropped
    ///
    /// The program itself takes some 50 MB beside it.
    max_memory: Bytes = Bytes(1 << 30), Text, All, Flag::Value("max-memory", "BYTES");

    /// Seconds without news after which a running span is shown as lost
    stale_seconds: NonZeroU32 = NonZeroU32::MIN.saturating_add(59), Integer, All, Flag::Value("stale", "SECONDS");

    /// Move the cursor to each new trace
    follow: bool = true, Bool, Screen, Flag::Switch("no-follow", "Do not move the cursor to new traces", false);

    /// Columns beside the traces, where there is room: began (in a pane of 106 columns or more), time, tokens, cost, service; of model calls also cached, context, ttft, speed; of runs score
    ///
    /// (AGNO_TOP_COLUMNS: separated by spaces)
    columns: Columns = Columns::default(), Words, Screen;

    /// What the bars show at first: time, own (time without children), tokens or cost
    bar: Measure = Measure::Time, Text, Screen;

    /// Theme: auto, dark, light, high-contrast, 16-colour, or the name of your own
    ///
    /// NAME is the file themes/NAME.toml beside this one. auto is dark or light, as the terminal's background is (else as COLORFGBG says), or
    /// 16-colour in a terminal with no more colours. NO_COLOR=1 removes the colours of any theme.
    theme: String = "auto".to_owned(), Text, Screen, Flag::Value("theme", "NAME");

    /// Draw with ASCII characters only
    ///
    /// For terminals and fonts without box drawing characters.
    ascii: bool = false, Bool, Output, Flag::Switch("ascii", "Draw with ASCII characters only", true);

    /// Use the mouse: clicks and the wheel
    ///
    /// The terminal's own selection then needs Shift.
    mouse: bool = true, Bool, Screen, Flag::Switch("no-mouse", "Leave the mouse to the terminal", false);

    /// Show the state in the terminal's title: runs that wait for a person, failed runs, cost
    title: bool = true, Bool, Screen, Flag::Switch("no-title", "Leave the terminal's title alone", false);

    /// Answer agno-top mcp about what the screen shows, on a socket that only you can open
    ///
    /// A coding agent can then ask what you look at, and about what the screen received over OTLP.
    socket: bool = true, Bool, Screen, Flag::Switch("no-socket", "Do not answer agno-top mcp about what the screen shows", false);

    /// Detail of the log file: off, error, warn, info, debug or trace
    ///
    /// The file is ~/.local/state/agno-top/agno-top.log.
    log_level: LogLevel = LogLevel::Info, Text, All, Flag::Choice("log-level", "LEVEL", &["off", "error", "warn", "info", "debug", "trace"]);

    /// Whether to listen for OTLP (OpenTelemetry Protocol): yes, no, auto, grpc or http
    ///
    /// auto: only if no source is named. grpc, http: this protocol always, the other only if no source is named.
    otlp: ListenMode = ListenMode::Auto, Text, Listener;

    /// Address for OTLP over gRPC, ADDRESS:PORT or PORT; as a flag it also turns gRPC on
    ///
    /// 127.0.0.1 is reachable from this machine only; other addresses are open to other machines.
    grpc: ListenAddress = ListenAddress::local(4317), Text, Listener, Flag::Value("grpc", "ADDR");

    /// Address for OTLP over HTTP, ADDRESS:PORT or PORT; as a flag it also turns HTTP on
    http: ListenAddress = ListenAddress::local(4318), Text, Listener, Flag::Value("http", "ADDR");

    /// Token that every OTLP request must carry: Authorization: Bearer TOKEN, or @FILE that holds it
    ///
    /// Empty: none. A file or the environment hides it from other users of the machine, a flag does not.
    otlp_token: String = String::new(), Secret, Listener, Flag::Value("otlp-token", "TOKEN");

    /// Origins of web pages that may send, such as http://localhost:3000; * allows all
    ///
    /// (AGNO_TOP_ALLOW_ORIGINS: separated by spaces)
    allow_origins: Vec<String> = Vec::new(), Words, Listener, Flag::List("allow-origin", "ORIGIN");

    /// Largest OTLP request, both compressed and decompressed
    max_body: Bytes = Bytes(16 << 20), Text, Listener, Flag::Value("max-body", "BYTES");

    /// SQLite file to write received spans to, in Agno's schema; created if missing
    ///
    /// Empty: none.
    record: PathBuf = PathBuf::new(), Text, Listener, Flag::Value("record", "FILE");

    /// OTLP/HTTP endpoints to forward every request to, at URL/v1/traces and so on; @FILE holds a URL
    ///
    /// A file or the environment hides a password in it from other users of the machine, a flag does not.
    /// (AGNO_TOP_FORWARD: separated by spaces)
    forward: Vec<String> = Vec::new(), Words, Listener, Flag::List("forward", "URL");

    /// Headers of forwarded requests, as NAME=VALUE or NAME=@FILE
    ///
    /// (AGNO_TOP_FORWARD_HEADERS: separated by commas)
    forward_headers: Vec<Header> = Vec::new(), SecretList, Listener, Flag::List("forward-header", "NAME=VALUE");

    /// Regular expressions of text to hide in exports with --redact, besides what it always hides
    ///
    /// (AGNO_TOP_REDACT_PATTERNS: one per line)
    redact_patterns: Vec<String> = Vec::new(), Lines, All;

    /// US dollars a trace may cost; above it the trace is flagged and the bell rings once
    ///
    /// 0: no limit, as for the other budgets.
    budget_cost: Dollars = Dollars(0), Dollars, Screen, Flag::Value("budget-cost", "USD");

    /// Tokens a trace may use; above it the trace is flagged and the bell rings once
    budget_tokens: u64 = 0, Integer, Screen, Flag::Value("budget-tokens", "N");

    /// US dollars all traces together may cost; above it the bell rings once
    budget_cost_total: Dollars = Dollars(0), Dollars, Screen, Flag::Value("budget-cost-total", "USD");

    /// Tokens all traces together may use; above it the bell rings once
    budget_tokens_total: u64 = 0, Integer, Screen, Flag::Value("budget-tokens-total", "N");

    /// Price list in the schema of genai-prices, consulted before the built-in list
    ///
    /// See prices/data.json in github.com/pydantic/genai-prices. Empty: none.
    prices_file: PathBuf = PathBuf::new(), Text, All, Flag::Value("prices", "FILE");

    /// Prices by model, in US dollars per million tokens, consulted before every list
    ///
    /// "my-model" = { input = 0.5, output = 1.5, cache_read = 0.05 }; cache_read and cache_write are optional.
    /// (AGNO_TOP_PRICES: a table, {"my-model" = { … }})
    prices: BTreeMap<String, FlatPrice> = BTreeMap::new(), Toml, All;

    /// Keys by action
    ///
    /// A key or a list replaces the keys of an action; an empty list leaves the action to the palette (:). A key is a character or Space,
    /// Enter, Tab, Shift-Tab, Esc, Backspace, Delete, Insert, Up, Down, Left, Right, PageUp, PageDown, Home, End, F1 to F12, with Ctrl- or Alt- before it.
    /// (AGNO_TOP_KEYS: a table, {quit = "Q"})
    keys: BTreeMap<String, KeyNames> = BTreeMap::new(), Toml, Screen;
}

/// Hides the values, of which some are secret.
impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings").finish_non_exhaustive()
    }
}
