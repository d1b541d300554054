//! The time from an agent's commit to the drawn row, with a database of 300 000 spans, in both journal modes of SQLite.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod grown;

use std::path::Path;
use std::time::{Duration, Instant};

use agno_top::model::time::now;
use agno_top::sources::{State, Update};
use agno_top::store::{Limits, Store};
use agno_top::tui::app::{App, SourceView};
use agno_top::tui::view::{self, HitMap, PaneLayout};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::layout::Rect;
use rusqlite::Connection;

/// The size of the screen.
const AREA: Rect = Rect::new(0, 0, 200, 60);

const SAMPLES: u64 = 300;

/// Writes a span as Agno does: one row in one transaction.
fn write(agent: &Connection, at: u64) {
    agent
        .execute(
            "INSERT INTO agno_spans SELECT printf('%016x', ?1), printf('%032x', ?1), NULL, name, span_kind, status_code, status_message,
                strftime('%Y-%m-%dT%H:%M:%f+00:00'), strftime('%Y-%m-%dT%H:%M:%f+00:00'), 1, attributes, created_at
             FROM agno_spans WHERE rowid = 2",
            [0x7000_0000_0000_0000_i64 + at as i64],
        )
        .unwrap();
}

fn measure(path: &Path, mode: &str) {
    let agent = Connection::open(path).unwrap();
    agent.busy_timeout(Duration::from_secs(5)).unwrap();
    agent.pragma_update(None, "journal_mode", mode).unwrap();
    agent.pragma_update(None, "synchronous", "NORMAL").unwrap();
    agent.pragma_update(None, "foreign_keys", "OFF").unwrap();
    let (_source, mut updates) = grown::open(path);
    let views = vec![SourceView::new("grown")];
    let (mut app, mut store) = (App::new(views, true, now()), Store::new(Limits::default()));
    let mut terminal = Terminal::new(TestBackend::new(200, 60)).unwrap();
    app.tree.set_height(PaneLayout::new(AREA, app.focus).trace_lines());
    while !matches!(updates.blocking_recv().unwrap(), Update::State(_, State::Watching { .. })) {}
    let (mut hits, mut times) = (HitMap::default(), Vec::new());
    for at in 0..SAMPLES {
        // Agents do not write in sync with the reader.
        std::thread::sleep(Duration::from_micros(17_000 + at * 7919 % 23_000));
        write(&agent, at);
        let committed = Instant::now();
        while store.trace_count() as u64 <= at {
            if let Update::Batch(batch) = updates.blocking_recv().unwrap() {
                app.receive(&mut store, batch, now());
            }
        }
        view::prepare_frame(&mut app, &mut store, AREA);
        terminal.draw(|frame| view::draw(frame, &app, &store, &mut hits)).unwrap();
        times.push(committed.elapsed());
    }
    times.sort_unstable();
    let percentile = |percent: usize| times[times.len() * percent / 100];
    eprintln!("{mode}: commit to frame, median {:?}, 99th percentile {:?}", percentile(50), percentile(99));
}

fn main() {
    let copy = grown::grown().with_file_name("latency.sqlite");
    for mode in ["WAL", "DELETE"] {
        std::fs::copy(grown::grown(), &copy).unwrap();
        measure(&copy, mode);
        for suffix in ["", "-wal", "-shm", "-journal"] {
            let _ = std::fs::remove_file(format!("{}{suffix}", copy.display()));
        }
    }
}
