//! `agno-top demo --once`: one frame of the demo as text.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;

use eyre::{Report, WrapErr, bail};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::layout::Rect;
use tokio::sync::mpsc::channel;

use super::open;
use super::{Outcome, ignore_broken_pipe};
use crate::config::Config;
use crate::demo;
use crate::format;
use crate::model::SourceId;
use crate::model::time::now;
use crate::sources::sqlite::{self, Tables};
use crate::sources::{State, Update, UpdateSender};
use crate::tui::app::{App, SourceView, Tour};
use crate::tui::view::{self, HitMap};

/// The columns and lines of a screen of unknown size.
const SIZE: (u16, u16) = (120, 36);

/// The most columns and lines.
const MAX_SIZE: u16 = 500;

/// Updates that may wait.
const CAPACITY: usize = 16;

/// Prints the first frame.
pub(super) fn print_once(config: &Config) -> Result<Outcome, Report> {
    let demo = demo::start().wrap_err("can't prepare the demo")?;
    let (sender, mut updates) = channel(CAPACITY);
    let source =
        sqlite::start(demo.path.clone(), Tables::default(), config.max_spans.get().into(), UpdateSender::new(SourceId(0), sender))?;
    let mut app = App::new(vec![SourceView::new("demo")], config.follow, now());
    let mut store = open::store(config);
    store.set_prices(Arc::new(config.load_prices().0));
    (app.ascii, app.columns, app.tour) = (config.ascii, config.columns.clone(), Some(Tour::default()));
    while !matches!(app.sources[0].state, State::Watching { .. }) {
        match updates.blocking_recv() {
            Some(Update::Batch(batch)) => app.receive(&mut store, batch, now()),
            Some(Update::State(_, State::Failing(reason))) => bail!("can't read the demo: {reason}"),
            Some(Update::State(id, state)) => app.source_state(usize::from(id.0), state),
            Some(_) => {}
            None => bail!("the demo ended"),
        }
    }
    let size = size(|name| std::env::var(name).ok());
    let text = frame(&mut app, &mut store, size)?;
    drop(source);
    ignore_broken_pipe(io::stdout().write_all(text.as_bytes()), Outcome::Done)
}

/// Draws a frame in memory. Returns its lines.
fn frame(app: &mut App, store: &mut crate::store::Store, (width, height): (u16, u16)) -> Result<String, Report> {
    while view::prepare_frame(app, store, Rect::new(0, 0, width, height)) {}
    let mut terminal = Terminal::new(TestBackend::new(width, height))?;
    terminal.draw(|frame| view::draw(frame, app, store, &mut HitMap::default()))?;
    let buffer = terminal.backend().buffer();
    let mut text = String::new();
    for y in 0..height {
        let (mut line, mut x) = (String::new(), 0);
        while x < width {
            let symbol = buffer[(x, y)].symbol();
            line.push_str(symbol);
            x += (format::width(symbol) as u16).max(1);
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    Ok(text)
}

/// Returns the size of the terminal, else the one that the environment variables `COLUMNS` and `LINES` say, else [`SIZE`].
fn size(environment: impl Fn(&str) -> Option<String>) -> (u16, u16) {
    let terminal = io::stdout().is_terminal().then(|| crossterm::terminal::size().ok()).flatten().filter(|size| size.0 > 0 && size.1 > 0);
    let variable = |name, default| environment(name).and_then(|text| text.parse().ok()).filter(|count| *count > 0).unwrap_or(default);
    let (width, height) = terminal.unwrap_or_else(|| (variable("COLUMNS", SIZE.0), variable("LINES", SIZE.1)));
    (width.min(MAX_SIZE), height.min(MAX_SIZE))
}
