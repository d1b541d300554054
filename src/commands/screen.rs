//! The screen.

use std::io::IsTerminal;

use color_eyre::eyre::{Context, Report, bail};
use tokio::sync::oneshot;

use super::Outcome;
use super::open::{self, Listener, OpenOptions};
use crate::config::{self, Config};
use crate::demo;
use crate::model::Nanos;
use crate::model::price::Prices;
use crate::model::time::now;
use crate::sources::ReadLimits;
use crate::tui::app::{App, Budgets, History, SourceView};
use crate::tui::event_loop;
use crate::tui::history;
use crate::tui::terminal::Screen;
use crate::tui::theme::{ColorSupport, Themes};

/// Updates that may wait for the screen.
const CAPACITY: usize = 16;

/// Shows the sources, or the demo, until the user quits.
pub(super) fn run(config: &Config, is_demo: bool) -> Result<Outcome, Report> {
    if !std::io::stdout().is_terminal() || !std::io::stdin().is_terminal() {
        bail!("standard input or output is not a terminal (agno-top list, show, stats and tail need none)");
    }
    let demo = if is_demo { Some(demo::start().wrap_err("can't prepare the demo")?) } else { None };
    let directory = std::env::current_dir().wrap_err("can't read the working directory")?;
    let (paths, listener) = match &demo {
        Some(demo) => (vec![demo.path.clone()], Listener::BesideSources),
        None => (open::paths(&config.sources, config), Listener::beside(&config.sources)),
    };
    let limits = ReadLimits::of(config.max_spans.get().into());
    let hub = open::open(&paths, config, OpenOptions { limits, numbers_only: false, capacity: CAPACITY, listener })?.hub;
    let views = hub.sources().iter().map(|source| SourceView::new(&source.name)).collect();
    let mut app = App::new(views, config.follow, now());
    configure(&mut app, config, now());
    app.history = History::new(history::load());
    if demo.is_some() {
        "demo".clone_into(&mut app.sources[0].name);
    }
    let mut session = event_loop::Session {
        app,
        store: open::store(config),
        sources: hub,
        directory,
        redact_patterns: config.redact_patterns.clone(),
        prices: load_prices(config.clone())?,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut screen = Screen::enter(config.mouse).wrap_err("can't take over the terminal")?;
    #[cfg(debug_assertions)]
    crate::panic_hook::rehearse();
    let outcome = runtime.block_on(event_loop::run(&mut screen, &mut session));
    drop(screen);
    open::stop(session.sources);
    outcome.map(|()| Outcome::Done)
}

/// Applies the settings that concern the screen. Reports an unusable theme file on the screen.
fn configure(app: &mut App, config: &Config, now: Nanos) {
    let colors = ColorSupport::detect(|name| std::env::var(name).ok());
    let (themes, warnings) = Themes::load(&config.theme, config::theme_directory().as_deref(), colors);
    for warning in &warnings {
        tracing::warn!(warning, "theme");
    }
    if let Some(warning) = warnings.into_iter().next() {
        app.show_message(warning, true, now);
    }
    (app.themes, app.keymap, app.ascii) = (themes, config.keymap.clone(), config.ascii);
    (app.columns, app.tree.measure) = (config.columns.clone(), config.bar);
    app.budgets = Budgets::new(config.budget(), config.total_budget());
}

/// Loads the prices on a thread of its own, so that the first traces show at once.
fn load_prices(config: Config) -> std::io::Result<oneshot::Receiver<(Prices, Option<String>)>> {
    let (sender, receiver) = oneshot::channel();
    std::thread::Builder::new().name("prices".to_owned()).spawn(move || {
        let (prices, result) = config.load_prices();
        // The screen may be gone by now.
        drop(sender.send((prices, result.err())));
    })?;
    Ok(receiver)
}
