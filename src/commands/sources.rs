//! From what the command line names to sources that run.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use color_eyre::eyre::{Context, Report};
use tokio::sync::mpsc::Sender;

use super::print_message;
use crate::config::{Config, Listen, OtlpConfig};
use crate::model::{Nanos, SourceId};
use crate::sources::{self, Handle, Hub, Update, UpdateSender, otlp};

/// Batches that may wait between the sources and who reads them.
pub const WAITING: usize = 16;

/// How much of what is there already a source gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadLimits {
    /// At most so many spans, the newest.
    pub limit: u64,
    /// Spans that began before are not wanted; a source may give them all the same.
    pub since: Option<Nanos>,
    /// Nothing but numbers and names is wanted.
    pub numbers_only: bool,
}

/// What is named, each file once; if nothing is, what is found.
#[must_use]
pub fn paths(named: &[PathBuf], config: &Config) -> Vec<PathBuf> {
    if named.is_empty() { found(config) } else { once(named) }
}

/// The databases in the working directory, or the one that the environment names as web frameworks have it, or the one that Agno's
/// documentation names, to wait for.
fn found(config: &Config) -> Vec<PathBuf> {
    let here = Path::new(".");
    let found = sources::discover::discover(here, &tables(config));
    if found.is_empty() {
        let named = std::env::var("DATABASE_URL").ok().filter(|url| sources::postgres::is_url(url));
        return vec![PathBuf::from(named.as_deref().unwrap_or("tmp/traces.db"))];
    }
    found.into_iter().map(|path| path.strip_prefix(here).map(Path::to_owned).unwrap_or(path)).collect()
}

/// Paths without those that lead to a file named before: following one file twice would only cost.
fn once(paths: &[PathBuf]) -> Vec<PathBuf> {
    let mut seen = HashSet::new();
    paths.iter().filter(|path| seen.insert(path.canonicalize().unwrap_or_else(|_| (*path).clone()))).cloned().collect()
}

fn tables(config: &Config) -> sources::sqlite::Tables {
    sources::sqlite::Tables { spans: config.spans_table.clone(), traces: config.traces_table.clone() }
}

/// Starts reading `path` as the source with the number `at`.
pub fn open(at: usize, path: &Path, config: &Config, extent: ReadLimits, updates: &Sender<Update>) -> Result<Handle, Report> {
    let ReadLimits { limit, since, numbers_only } = extent;
    let outlet = UpdateSender { numbers_only, ..outlet(at, updates)? };
    if let Some(url) = path.to_str().filter(|path| sources::postgres::is_url(path)) {
        let place = sources::postgres::Location { schema: config.schema.clone(), tables: tables(config) };
        // The URL may hold a password, which must not be told.
        return sources::postgres::start_since(url, place, limit, since, outlet).wrap_err("can't watch the PostgreSQL database");
    }
    let handle = if sources::file::is_file(path) {
        sources::file::start(path.to_owned(), outlet)
    } else {
        sources::sqlite::start_since(path.to_owned(), tables(config), limit, since, outlet)
    };
    handle.wrap_err_with(|| format!("can't start watching {}", path.display()))
}

/// Starts to listen for OTLP as the source behind those at `paths`, if that is wanted; `alone` if none of them is named.
pub fn listen(paths: &[PathBuf], alone: bool, config: &Config, updates: &Sender<Update>) -> Result<Option<otlp::Listening>, Report> {
    let (by_grpc, by_http) = config.otlp.listen.protocols(alone);
    if !by_grpc && !by_http {
        return Ok(None);
    }
    let OtlpConfig { grpc, http, token, allow_origins, max_body, record, forward, forward_headers, .. } = config.otlp.clone();
    let options = otlp::Options {
        grpc: by_grpc.then_some(grpc),
        http: by_http.then_some(http),
        token: (!token.is_empty()).then_some(token),
        origins: allow_origins,
        max_body: usize::try_from(max_body).unwrap_or(usize::MAX),
        record: (!record.as_os_str().is_empty()).then(|| (record, tables(config))),
        forward,
        forward_headers,
        limits: otlp::ConnectionLimits::default(),
    };
    let mut listening = otlp::start(options, outlet(paths.len(), updates)?).wrap_err("can't listen for OTLP")?;
    // With nothing else there is nothing to wait for: whoever asked to listen did not ask for a database that may come.
    let is_there = |path: &PathBuf| path.exists() || path.to_str().is_some_and(sources::postgres::is_url);
    let is_only = alone && config.otlp.listen != Listen::Auto && !paths.iter().any(is_there);
    if is_only && listening.addresses.is_empty() && !listening.failed.is_empty() {
        return Err(Report::new(listening.failed.swap_remove(0)));
    }
    Ok(Some(listening))
}

/// Stops the sources and prints their warnings.
pub fn stop(hub: Hub) {
    hub.stop().iter().for_each(|warning| print_message(warning));
}

fn outlet(at: usize, updates: &Sender<Update>) -> Result<UpdateSender, Report> {
    Ok(UpdateSender::new(SourceId(u16::try_from(at).wrap_err("too many sources")?), updates.clone()))
}
