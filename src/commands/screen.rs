//! The screen.

use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;

use eyre::{Context, Report, bail};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use super::Outcome;
use super::open::{self, Listener, OpenOptions};
use crate::config::{self, Config};
use crate::demo::{self, Demo};
use crate::logs::LogStore;
use crate::metrics::MetricStore;
use crate::model::Nanos;
use crate::model::price::Prices;
use crate::model::time::now;
use crate::sources::{Hub, ReadLimits};
use crate::tui::app::{App, Budgets, History, SourceView, Tour};
use crate::tui::event_loop::{self, End};
use crate::tui::history;
use crate::tui::input::Inputs;
use crate::tui::terminal::{Modes, Screen};
use crate::tui::theme::{Background, ColorSupport, Themes};

/// Updates that may wait for the screen.
const CAPACITY: usize = 16;

/// Shows the sources, or the demo, until the user quits.
pub(super) fn run(config: &Config, is_demo: bool) -> Result<Outcome, Report> {
    if !std::io::stdout().is_terminal() || !std::io::stdin().is_terminal() {
        bail!("standard input or output is not a terminal (agno-top list, show, stats and tail need none)");
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut session, mut demo) = open_session(config, is_demo)?;
    session.service = service(config, &runtime, is_demo);
    let (mut screen, mut inputs) = take_terminal(config, &session)?;
    loop {
        let end = runtime.block_on(event_loop::run(&mut screen, &mut inputs, &mut session));
        if !matches!(end, Ok(End::Replay)) {
            drop(screen);
            open::stop(session.sources);
            return end.map(|_| Outcome::Done);
        }
        let (themes, service) = (session.app.themes, session.service);
        open::stop(session.sources);
        // The next recording has a database of its own.
        drop(demo);
        (session, demo) = open_session(config, is_demo)?;
        (session.app.themes, session.service) = (themes, service);
    }
}

/// Returns what answers `agno-top mcp` about the screen, if anything does.
#[cfg_attr(not(unix), allow(unused_variables, reason = "other systems have no such sockets"))]
pub(super) fn service(config: &Config, runtime: &Runtime, is_demo: bool) -> Option<Box<dyn event_loop::Service>> {
    #[cfg(unix)]
    return super::mcp::serve(config, runtime.handle(), is_demo);
    #[cfg(not(unix))]
    None
}

/// Takes over the terminal, for a session.
pub(super) fn take_terminal(config: &Config, session: &event_loop::Session) -> Result<(Screen, Inputs), Report> {
    // The Linux console has no title.
    let has_title = std::env::var("TERM").is_ok_and(|term| term != "linux" && term != "dumb");
    let asks_background = session.app.themes.follows_background();
    let modes = Modes { mouse: config.mouse, asks_background, title: config.title && has_title };
    let screen = Screen::enter(modes).wrap_err("can't take over the terminal")?;
    let inputs = Inputs::start()?;
    #[cfg(debug_assertions)]
    crate::panic_hook::rehearse();
    Ok((screen, inputs))
}

/// Opens the sources, or the demo, for the screen.
fn open_session(config: &Config, is_demo: bool) -> Result<(event_loop::Session, Option<Demo>), Report> {
    let demo = if is_demo { Some(demo::start().wrap_err("can't prepare the demo")?) } else { None };
    let (paths, listener) = match &demo {
        Some(demo) => (vec![demo.path.clone()], Listener::BesideSources),
        None => (open::watched_paths(&config.sources, config), Listener::beside(&config.sources)),
    };
    let limits = ReadLimits::of(config.max_spans.get().into());
    let hub = open::open(&paths, config, OpenOptions { limits, numbers_only: false, capacity: CAPACITY, listener })?.hub;
    let mut views: Vec<SourceView> = hub.sources().iter().map(|source| SourceView::new(&source.name)).collect();
    // A listener comes after the paths.
    for (view, path) in views.iter_mut().zip(&paths) {
        view.place = open::place(path, &view.name);
    }
    let mut session = session(hub, views, config)?;
    if let Some(demo) = &demo {
        let app = &mut session.app;
        "demo".clone_into(&mut app.sources[0].name);
        app.tour = Some(Tour::default());
        session.is_over = demo.is_over.clone();
    }
    Ok((session, demo))
}

/// Returns a session of sources.
pub(super) fn session(hub: Hub, views: Vec<SourceView>, config: &Config) -> Result<event_loop::Session, Report> {
    let directory = std::env::current_dir().wrap_err("can't read the working directory")?;
    let mut app = App::new(views, config.follow, now());
    app.logs = LogStore::new(open::log_bytes(config));
    app.metrics = MetricStore::new(open::metric_limits(config));
    configure(&mut app, config, now());
    app.history = History::new(history::load());
    let redact_patterns = config.redact_patterns.clone();
    let prices = load_prices(config.clone())?;
    let (store, is_over) = (open::store(config), Arc::default());
    Ok(event_loop::Session { app, store, sources: hub, directory, redact_patterns, prices, program: None, service: None, is_over })
}

/// Applies the settings that concern the screen. Reports an unusable theme file on the screen.
fn configure(app: &mut App, config: &Config, now: Nanos) {
    let colors = ColorSupport::detect(|name| std::env::var(name).ok());
    let (mut themes, warnings) = Themes::load(&config.theme, config::theme_directory().as_deref(), colors);
    if let Some(background) = Background::detect(|name| std::env::var(name).ok()) {
        themes.set_background(background);
    }
    for warning in &warnings {
        tracing::warn!(warning, "theme");
    }
    if let Some(warning) = warnings.into_iter().next() {
        app.show_message(warning, true, now);
    }
    app.config_file = config.path().map_or_else(String::new, |path| home_relative(path, etcetera::home_dir().ok().as_deref()));
    (app.themes, app.keymap, app.ascii) = (themes, config.keymap.clone(), config.ascii);
    (app.columns, app.tree.measure) = (config.columns.clone(), config.bar);
    app.budgets = Budgets::new(config.budget(), config.total_budget());
}

/// Returns a path for the user, with `~` for the home directory.
fn home_relative(path: &Path, home: Option<&Path>) -> String {
    let rest = home.filter(|home| home.parent().is_some()).and_then(|home| path.strip_prefix(home).ok());
    rest.map_or_else(|| path.display().to_string(), |rest| Path::new("~").join(rest).display().to_string())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_short_below_the_home_directory_only() {
        let path = Path::new("/home/ann/.config/agno-top/config.toml");
        let text = |home: Option<&str>| home_relative(path, home.map(Path::new));
        assert_eq!(text(Some("/home/ann")), "~/.config/agno-top/config.toml");
        for home in [None, Some("/"), Some("/home/an"), Some("/root")] {
            assert_eq!(text(home), "/home/ann/.config/agno-top/config.toml");
        }
    }
}
