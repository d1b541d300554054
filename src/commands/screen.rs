//! The screen.

use std::io::IsTerminal;
use std::path::PathBuf;

use color_eyre::eyre::{Context, Report, bail};
use tokio::sync::{mpsc::channel, oneshot};

use super::{Outcome, sources};
use crate::cli::{Cli, Command};
use crate::config::{self, Config};
use crate::model::Nanos;
use crate::model::price::Prices;
use crate::sources::Hub;
use crate::store::{Limits, Store};
use crate::tui::app::{App, Budgets, History, SourceView};
use crate::tui::event_loop;
use crate::tui::history;
use crate::tui::terminal::Screen;
use crate::tui::theme::{ColorSupport, Themes};
use crate::{demo, log};

/// Shows the sources, or the demo, until somebody quits.
pub(super) fn run(cli: &Cli, config: &Config) -> Result<Outcome, Report> {
    if !std::io::stdout().is_terminal() || !std::io::stdin().is_terminal() {
        bail!("needs a terminal to draw on; standard input or output is none (agno-top list, show, stats and tail need none)");
    }
    // Without a log the program runs as well.
    let _ = log::start(config.log_level);
    let demo = match cli.command {
        Some(Command::Demo) => Some(demo::start().wrap_err("can't prepare the demo")?),
        _ => None,
    };
    let directory = std::env::current_dir().wrap_err("can't tell the working directory")?;
    let paths = match &demo {
        Some(demo) => vec![demo.path.clone()],
        None => sources::paths(&config.sources, config),
    };
    let (updates, received) = channel(sources::WAITING);
    let extent = sources::ReadLimits { limit: u64::from(config.max_spans), since: None, numbers_only: false };
    let open = |(at, path)| sources::open(at, path, config, extent, &updates);
    let mut handles = paths.iter().map(PathBuf::as_path).enumerate().map(open).collect::<Result<Vec<_>, _>>()?;
    // Without a word about it, the listener comes where no source is named.
    let alone = config.sources.is_empty() && demo.is_none();
    handles.extend(sources::listen(&paths, alone, config, &updates)?.map(|listening| listening.handle));
    let views = handles.iter().map(|source| SourceView::new(&source.name)).collect();
    let mut app = App::new(views, config.follow, event_loop::now());
    configure(&mut app, config, event_loop::now());
    app.history = History::new(history::load());
    if demo.is_some() {
        "demo".clone_into(&mut app.sources[0].name);
    }
    let mut session = event_loop::Session {
        app,
        store: Store::new(limits(config)),
        sources: Hub::new(handles, received),
        directory,
        redact_patterns: config.redact_patterns.clone(),
        mouse: config.mouse,
        prices: prices(config.clone())?,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut screen = Screen::take(config.mouse).wrap_err("can't take over the terminal")?;
    #[cfg(debug_assertions)]
    crate::panic_hook::rehearse();
    let outcome = runtime.block_on(event_loop::run(&mut screen.terminal, &mut session));
    drop(screen);
    sources::stop(session.sources);
    outcome.map(|()| Outcome::Done)
}

/// Applies the settings that concern the screen. Reports an unusable theme file on the screen.
fn configure(app: &mut App, config: &Config, now: Nanos) {
    let colors = ColorSupport::of(|name| std::env::var(name).ok());
    let (themes, warnings) = Themes::load(&config.theme, config::theme_directory().as_deref(), colors);
    for warning in &warnings {
        tracing::warn!(warning, "theme");
    }
    if let Some(warning) = warnings.into_iter().next() {
        app.show_message(warning, true, now);
    }
    (app.themes, app.keymap, app.ascii) = (themes, config.keymap.clone(), config.ascii);
    (app.columns, app.tree.measure) = (config.columns.clone(), config.bar);
    app.budgets = Budgets::new(config.budget, config.total_budget);
}

/// Reads the prices while the first traces are shown already.
fn prices(config: Config) -> std::io::Result<oneshot::Receiver<(Prices, Option<String>)>> {
    let (sender, receiver) = oneshot::channel();
    // Whoever waited for them may be gone when they are read.
    std::thread::Builder::new().name("prices".to_owned()).spawn(move || drop(sender.send(config.load_prices())))?;
    Ok(receiver)
}

/// What bounds the store.
pub(super) fn limits(config: &Config) -> Limits {
    let stale = i64::from(config.stale_seconds) * 1_000_000_000;
    Limits { spans: config.max_spans as usize, bytes: config.max_memory, stale }
}
