//! Parses the command line, runs, and tells by the exit code how it went: 0 fine, 1 failed, 2 usage.

use std::collections::HashSet;
use std::io::{IsTerminal, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use agno_top::app::{App, SourceView, run};
use agno_top::cli::{Cli, Command};
use agno_top::config::{self, Config, OtlpConfig};
use agno_top::model::SourceId;
use agno_top::model::price::Prices;
use agno_top::source::{self, Handle, Outlet, Update, otlp};
use agno_top::store::{Limits, Store};
use agno_top::terminal::Screen;
use agno_top::{demo, log, panic};
use clap::Parser;
use color_eyre::eyre::{Context, Report, bail};
use tokio::sync::mpsc::{Sender, channel};
use tokio::sync::oneshot;

/// Batches that may wait between the sources and the screen.
const WAITING: usize = 16;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let config = match config::load(&cli) {
        Ok(config) => config,
        Err(error) => return fail(&Report::new(error), 2),
    };
    panic::install();
    let outcome = catch_unwind(AssertUnwindSafe(|| watch(&cli, &config)));
    match (outcome, panic::message()) {
        (Ok(Ok(())), None) => ExitCode::SUCCESS,
        (Ok(Err(error)), _) => fail(&error, 1),
        (_, message) => fail(&Report::msg(format!("internal error: {}", message.unwrap_or_default())), 1),
    }
}

/// Tells what went wrong once the terminal is a plain one again.
fn fail(error: &Report, code: u8) -> ExitCode {
    // Where standard error is closed there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "agno-top: {error:#}");
    ExitCode::from(code)
}

fn watch(cli: &Cli, config: &Config) -> Result<(), Report> {
    if !std::io::stdout().is_terminal() || !std::io::stdin().is_terminal() {
        bail!("needs a terminal to draw on; standard input or output is none");
    }
    // Without a log the program runs as well.
    let _ = log::start(config.log_level);
    let demo = match cli.command {
        Some(Command::Demo) => Some(demo::start().wrap_err("can't prepare the demo")?),
        None => None,
    };
    let directory = std::env::current_dir().wrap_err("can't tell the working directory")?;
    let paths = match &demo {
        Some(demo) => vec![demo.path.clone()],
        None if config.sources.is_empty() => found(config),
        None => once(&config.sources),
    };
    let (updates, received) = channel(WAITING);
    let mut sources = paths.iter().enumerate().map(|(at, path)| start(at, path, config, &updates)).collect::<Result<Vec<_>, _>>()?;
    // Without a word about it, the listener comes where no source is named.
    let listens = config.otlp.listen.unwrap_or(config.sources.is_empty() && demo.is_none());
    if listens {
        sources.push(listen(sources.len(), config, &updates)?);
    }
    let views = sources.iter().map(|source| SourceView::new(&source.name)).collect();
    let mut app = App::new(views, config.follow, run::now());
    config.prepare(&mut app, run::now());
    if demo.is_some() {
        "demo".clone_into(&mut app.sources[0].name);
    }
    let stale = i64::from(config.stale_seconds) * 1_000_000_000;
    let limits = Limits { spans: config.max_spans as usize, bytes: config.max_memory, stale };
    let mut session = run::Session {
        app,
        store: Store::new(limits),
        sources,
        updates: received,
        directory,
        mouse: config.mouse,
        prices: prices(config.clone())?,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut screen = Screen::take(config.mouse).wrap_err("can't take over the terminal")?;
    #[cfg(debug_assertions)]
    panic::rehearse();
    runtime.block_on(run::run(&mut screen.terminal, &mut session))
}

/// Reads the prices while the first traces are shown already.
fn prices(config: Config) -> std::io::Result<oneshot::Receiver<(Prices, Option<String>)>> {
    let (sender, receiver) = oneshot::channel();
    // Whoever waited for them may be gone when they are read.
    std::thread::Builder::new().name("prices".to_owned()).spawn(move || drop(sender.send(config.load_prices())))?;
    Ok(receiver)
}

fn listen(at: usize, config: &Config, updates: &Sender<Update>) -> Result<Handle, Report> {
    let OtlpConfig { grpc, http, token, allow_origins, max_body, record, forward, forward_headers, .. } = config.otlp.clone();
    let options = otlp::Options {
        grpc: Some(grpc),
        http: Some(http),
        token: (!token.is_empty()).then_some(token),
        origins: allow_origins,
        max_body: usize::try_from(max_body).unwrap_or(usize::MAX),
        record: (!record.as_os_str().is_empty()).then(|| (record, tables(config))),
        forward,
        forward_headers,
    };
    let outlet = Outlet { id: SourceId(u16::try_from(at).wrap_err("too many sources")?), updates: updates.clone() };
    let listening = otlp::start(options, outlet).wrap_err("can't listen for OTLP")?;
    match listening.failed.into_iter().next() {
        // With nothing else to watch there is nothing to wait for.
        Some(error) if at == 0 && listening.addresses.is_empty() => Err(Report::new(error)),
        _ => Ok(listening.handle),
    }
}

/// The databases in the working directory, or the one that the environment names as web frameworks have it, or the one that Agno's
/// documentation names, to wait for.
fn found(config: &Config) -> Vec<PathBuf> {
    let here = Path::new(".");
    let found = source::discover::discover(here, &tables(config));
    if found.is_empty() {
        let named = std::env::var("DATABASE_URL").ok().filter(|url| source::postgres::is_url(url));
        return vec![PathBuf::from(named.as_deref().unwrap_or("tmp/traces.db"))];
    }
    found.into_iter().map(|path| path.strip_prefix(here).map(Path::to_owned).unwrap_or(path)).collect()
}

/// Paths without those that lead to a file named before: following one file twice would only cost.
fn once(paths: &[PathBuf]) -> Vec<PathBuf> {
    let mut seen = HashSet::new();
    paths.iter().filter(|path| seen.insert(path.canonicalize().unwrap_or_else(|_| (*path).clone()))).cloned().collect()
}

fn tables(config: &Config) -> source::sqlite::Tables {
    source::sqlite::Tables { spans: config.spans_table.clone(), traces: config.traces_table.clone() }
}

fn start(at: usize, path: &Path, config: &Config, updates: &Sender<Update>) -> Result<Handle, Report> {
    let id = SourceId(u16::try_from(at).wrap_err("too many sources")?);
    let outlet = Outlet { id, updates: updates.clone() };
    if let Some(url) = path.to_str().filter(|path| source::postgres::is_url(path)) {
        let place = source::postgres::Place { schema: config.schema.clone(), tables: tables(config) };
        // The URL may hold a password, which must not be told.
        return source::postgres::start(url, place, u64::from(config.max_spans), outlet).wrap_err("can't watch the PostgreSQL database");
    }
    let is_file =
        path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json") || extension.eq_ignore_ascii_case("jsonl"));
    let handle = if is_file {
        source::file::start(path.to_owned(), outlet)
    } else {
        source::sqlite::start(path.to_owned(), tables(config), u64::from(config.max_spans), outlet)
    };
    handle.wrap_err_with(|| format!("can't start watching {}", path.display()))
}
