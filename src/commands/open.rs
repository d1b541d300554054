//! Opens sources and the OTLP listener.

use std::collections::HashSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use eyre::{Context, Report};
use tokio::sync::mpsc::channel;

use super::{UsageError, print_message};
use crate::config::{Config, ListenMode};
use crate::metrics::MetricLimits;
use crate::model::SourceId;
use crate::sources::{self, Handle, Hub, ReadLimits, UpdateSender, otlp};
use crate::store::{Limits, Store};

/// The part of the memory limit for log records that belong to spans: one in this many bytes.
const EVENTS_SHARE: u64 = 16;

/// The part of the memory limit for metrics: one in this many bytes.
const METRICS_SHARE: u64 = 16;

/// The part of the memory limit for log records: one in this many bytes.
const LOGS_SHARE: u64 = 8;

/// How to open sources.
#[derive(Clone, Copy, Debug)]
pub(super) struct OpenOptions {
    /// What to read of existing spans.
    pub(super) limits: ReadLimits,
    /// Whether only numbers and names are needed.
    pub(super) numbers_only: bool,
    /// Updates that may wait to be received; a source that is faster waits.
    pub(super) capacity: usize,
    /// Whether to listen for OTLP as the configuration says.
    pub(super) listener: Listener,
}

/// Whether to listen for OTLP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Listener {
    /// Never.
    Off,
    /// On both addresses, since the command does nothing else.
    Always,
    /// As configured, beside sources that the user named.
    BesideSources,
    /// As configured; the user named no source.
    Alone,
}

impl Listener {
    /// Returns the listener for the sources that the user named.
    pub(super) fn beside(sources: &[PathBuf]) -> Self {
        if sources.is_empty() { Self::Alone } else { Self::BesideSources }
    }
}

/// Running sources.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) hub: Hub,
    /// The addresses that are listened on.
    pub(super) addresses: Vec<SocketAddr>,
    /// The listener's warnings for the user.
    pub(super) warnings: Vec<String>,
}

/// Opens the sources at `paths`, and the listener.
pub(super) fn open(paths: &[PathBuf], config: &Config, options: OpenOptions) -> Result<Opened, Report> {
    check_key(paths, config)?;
    let (updates, received) = channel(options.capacity);
    let updates = UpdateSender::new(SourceId(0), updates);
    let open = |(id, path): (usize, &PathBuf)| open_source(id, path, config, options, &updates);
    let mut handles = paths.iter().enumerate().map(open).collect::<Result<Vec<_>, _>>()?;
    let (mut addresses, mut warnings) = (Vec::new(), Vec::new());
    if let Some(listening) = listen(paths, options.listener, config, &updates)? {
        (addresses, warnings) = (listening.addresses, listening.warnings);
        handles.push(listening.handle);
    }
    Ok(Opened { hub: Hub::new(handles, received), addresses, warnings })
}

/// Stops the sources and prints their warnings.
pub(super) fn stop(hub: Hub) {
    for warning in hub.stop() {
        print_message(&warning);
    }
}

/// Returns an empty store with the configured limits.
pub(super) fn store(config: &Config) -> Store {
    let stale = i64::from(config.stale_seconds.get()) * 1_000_000_000;
    Store::new(Limits {
        spans: config.max_spans.get() as usize,
        bytes: config.max_memory.0 - event_bytes(config) - metric_limits(config).bytes - log_bytes(config) as u64,
        stale,
    })
}

/// Returns the most bytes of memory for log records.
pub(super) fn log_bytes(config: &Config) -> usize {
    usize::try_from(config.max_memory.0 / LOGS_SHARE).unwrap_or(usize::MAX)
}

/// Returns the limits of metrics.
pub(super) fn metric_limits(config: &Config) -> MetricLimits {
    MetricLimits { bytes: config.max_memory.0 / METRICS_SHARE, ..MetricLimits::default() }
}

/// Returns the part of the memory limit for log records that belong to spans.
fn event_bytes(config: &Config) -> u64 {
    (config.max_memory.0 / EVENTS_SHARE).min(otlp::MAX_EVENT_BYTES as u64)
}

/// Returns the paths that the user named without duplicates, or the sources found here if there are none.
pub(super) fn paths(named: &[PathBuf], config: &Config) -> Vec<PathBuf> {
    if named.is_empty() { discover(config) } else { without_duplicates(named) }
}

/// Returns [`paths`], or none if no database is found here and the user asked to listen for OTLP.
pub(super) fn watched_paths(named: &[PathBuf], config: &Config) -> Vec<PathBuf> {
    let listens = !matches!(config.otlp, ListenMode::Auto | ListenMode::No);
    if named.is_empty() && listens { find(config) } else { paths(named, config) }
}

/// Returns the databases in the working directory, else the one in `DATABASE_URL` (a convention of web frameworks), else the one that
/// Agno's documentation uses.
fn discover(config: &Config) -> Vec<PathBuf> {
    let found = find(config);
    if found.is_empty() { vec![PathBuf::from("tmp/traces.db")] } else { found }
}

/// Returns the databases in the working directory, else the one in `DATABASE_URL`.
fn find(config: &Config) -> Vec<PathBuf> {
    let here = Path::new(".");
    let found = sources::discover::discover(here, &tables(config));
    if found.is_empty() {
        let named = std::env::var("DATABASE_URL").ok().filter(|url| sources::postgres::is_url(url));
        return named.map(PathBuf::from).into_iter().collect();
    }
    found.into_iter().map(|path| path.strip_prefix(here).map(Path::to_owned).unwrap_or(path)).collect()
}

/// Returns where a source is, for the user: the absolute path of a file; of a database server its name, which holds no password.
pub(super) fn place(path: &Path, name: &str) -> String {
    let is_url = path.to_str().is_some_and(|text| text.contains("://"));
    if is_url { name.to_owned() } else { std::path::absolute(path).map_or_else(|_| name.to_owned(), |path| path.display().to_string()) }
}

fn without_duplicates(paths: &[PathBuf]) -> Vec<PathBuf> {
    let mut seen = HashSet::new();
    paths.iter().filter(|path| seen.insert(path.canonicalize().unwrap_or_else(|_| (*path).clone()))).cloned().collect()
}

fn tables(config: &Config) -> sources::sqlite::Tables {
    sources::sqlite::Tables { spans: config.spans_table.clone(), traces: config.traces_table.clone() }
}

/// Returns where Agno's tables are in a database.
pub(super) fn location(config: &Config) -> sources::postgres::Location {
    sources::postgres::Location { schema: config.schema.clone(), tables: tables(config) }
}

fn open_source(id: usize, path: &Path, config: &Config, options: OpenOptions, updates: &UpdateSender) -> Result<Handle, Report> {
    let OpenOptions { limits, numbers_only, .. } = options;
    let mut sender = update_sender(id, updates)?;
    sender.numbers_only = numbers_only;
    if let Some(url) = path.to_str().filter(|path| sources::postgres::is_url(path)) {
        // The URL may hold a password, so the message leaves it out.
        return sources::postgres::start_with(url, location(config), limits, sender).wrap_err("can't watch the PostgreSQL database");
    }
    if let Some(url) = path.to_str().filter(|path| sources::agentos::is_url(path)) {
        let key = Some(config.agentos_key.as_str()).filter(|key| !key.is_empty());
        if let Some(warning) = sources::agentos::exposed_key(url, key) {
            print_message(&warning);
        }
        return sources::agentos::start(url, key, limits, sender).wrap_err("can't watch the AgentOS");
    }
    if let Some(url) = path.to_str().filter(|path| sources::clickhouse::is_url(path)) {
        return sources::clickhouse::start_with(url, tables(config), limits, sender).wrap_err("can't watch the ClickHouse database");
    }
    if let Some(url) = path.to_str().filter(|path| sources::mysql::is_url(path)) {
        return sources::mysql::start_with(url, location(config), limits, sender).wrap_err("can't watch the MySQL or MariaDB database");
    }
    if let Some(message) = path.to_str().filter(|_| !path.exists()).and_then(refuse_url) {
        return Err(Report::new(UsageError(message)));
    }
    let handle = if sources::file::is_file(path) {
        sources::file::start_with(path.to_owned(), &tables(config), sender)
    } else {
        sources::sqlite::start_with(path.to_owned(), tables(config), limits, sender)
    };
    handle.wrap_err_with(|| format!("can't watch {}", path.display()))
}

/// Refuses one key for several servers: each would learn that of the others.
fn check_key(paths: &[PathBuf], config: &Config) -> Result<(), UsageError> {
    let urls = paths.iter().filter_map(|path| path.to_str()).filter(|path| sources::agentos::is_url(path));
    let origins: HashSet<String> = urls.filter_map(sources::agentos::origin_without_key).collect();
    if config.agentos_key.is_empty() || origins.len() < 2 {
        return Ok(());
    }
    Err(UsageError(
        "agentos_key is the key of one AgentOS; with several, put each key into its URL (https://:KEY@host) in sources".to_owned(),
    ))
}

/// Returns why a URL is no source; `None` for a path. The message leaves the URL out, which may hold a password.
fn refuse_url(text: &str) -> Option<String> {
    let (scheme, _) = text.split_once("://")?;
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    let kind = scheme.split('+').next().filter(|_| is_scheme)?.to_ascii_lowercase();
    let name = match kind.as_str() {
        "sqlite" | "file" => return Some(format!("{scheme}:// is no source; name the file by its path")),
        "redis" | "rediss" => "Redis",
        "mongodb" => "MongoDB",
        "mssql" => "SQL Server",
        "oracle" => "Oracle",
        other => &format!("{other}://"),
    };
    Some(format!(
        "cannot read {name}; name the AgentOS that uses it (agno-top http://localhost:7777), or send OTLP (agno-top --otlp listens for it)"
    ))
}

/// Returns the options of a listener that do not say where it listens, and to whom.
fn listener_options(config: &Config) -> otlp::Options {
    otlp::Options {
        max_body: usize::try_from(config.max_body.0).unwrap_or(usize::MAX),
        max_event_bytes: event_bytes(config) as usize,
        record: (!config.record.as_os_str().is_empty()).then(|| (config.record.clone(), tables(config))),
        forward: config.forward.clone(),
        forward_headers: config.forward_headers.iter().map(|header| (header.name.clone(), header.value.clone())).collect(),
        ..otlp::Options::default()
    }
}

/// Listens on a free port of 127.0.0.1, for who has the token. Everything is also forwarded to `endpoints`, each with headers of its own.
pub(super) fn open_private(
    token: String,
    endpoints: Vec<(String, Vec<(String, String)>)>,
    config: &Config,
    capacity: usize,
) -> Result<Opened, Report> {
    let (updates, received) = channel(capacity);
    let options = otlp::Options {
        grpc: None,
        http: Some((Ipv4Addr::LOCALHOST, 0).into()),
        needs_address: true,
        token: Some(token),
        forward_to: endpoints,
        ..listener_options(config)
    };
    let listening = otlp::start(options, UpdateSender::new(SourceId(0), updates))?;
    let otlp::Listening { handle, addresses, warnings, .. } = listening;
    Ok(Opened { hub: Hub::new(vec![handle], received), addresses, warnings })
}

/// Starts to listen as the source after those at `paths`.
fn listen(paths: &[PathBuf], listener: Listener, config: &Config, updates: &UpdateSender) -> Result<Option<otlp::Listening>, Report> {
    let (grpc, http) = match listener {
        Listener::Off => (false, false),
        Listener::Always => (true, true),
        Listener::BesideSources => config.otlp.protocols(true),
        Listener::Alone => config.otlp.protocols(false),
    };
    if !grpc && !http {
        return Ok(None);
    }
    // Without any other source that exists there is nothing to show: the user asked to listen, not for a database that may appear.
    let exists = |path: &PathBuf| path.exists() || path.to_str().is_some_and(sources::is_url);
    let is_only_source = listener == Listener::Alone && config.otlp != ListenMode::Auto && !paths.iter().any(exists);
    let token = &config.otlp_token;
    let options = otlp::Options {
        grpc: grpc.then_some(config.grpc.0),
        http: http.then_some(config.http.0),
        needs_address: is_only_source,
        token: (!token.is_empty()).then(|| token.clone()),
        origins: config.allow_origins.clone(),
        ..listener_options(config)
    };
    Ok(Some(otlp::start(options, update_sender(paths.len(), updates)?)?))
}

fn update_sender(id: usize, updates: &UpdateSender) -> Result<UpdateSender, Report> {
    Ok(updates.beside(SourceId(u16::try_from(id).wrap_err("too many sources")?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_other_databases_are_refused_without_their_passwords() {
        for (url, start) in [
            ("REDISS://:secret@h", "cannot read Redis; "),
            ("mongodb+srv://u:secret@h", "cannot read MongoDB; "),
            ("couchbase://secret", "cannot read couchbase://; "),
            ("sqlite:///secret.db", "sqlite:// is no source; name the file"),
        ] {
            let message = refuse_url(url).unwrap_or_default();
            assert!(message.starts_with(start) && !message.contains("secret"), "{url}: {message}");
            assert_eq!(message.contains("http://localhost:7777"), message.starts_with("cannot read"), "{url}: {message}");
        }
        assert_eq!([refuse_url("a.db"), refuse_url("/x y://z")], [None, None]);
    }
}
