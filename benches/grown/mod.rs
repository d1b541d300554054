//! A database of 300,000 spans, multiplied from a fixture once and kept in `target/tmp`.

#![allow(missing_docs, dead_code, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};

use agno_top::model::SourceId;
use agno_top::model::time::now;
use agno_top::sources::sqlite::{Tables, start};
use agno_top::sources::{Handle, State, Update, UpdateSender};
use agno_top::store::{Limits, Store};
use agno_top::tui::app::{App, SourceView};
use rusqlite::Connection;
use tokio::sync::mpsc::Receiver;

pub const SPANS: u64 = 300_000;

/// Returns the path of the database, and creates it if it does not exist. Each copy of the fixture has its own ids and later times.
pub fn grown() -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let path = dir.join(format!("grown-{SPANS}.sqlite"));
    if path.exists() {
        return path;
    }
    let partial = dir.join("grown.partial");
    let _ = std::fs::remove_file(&partial);
    std::fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/agno-3.1.10.sqlite"), &partial).unwrap();
    let database = Connection::open(&partial).unwrap();
    database
        .execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF; CREATE TEMP TABLE seed AS SELECT * FROM agno_spans; BEGIN")
        .unwrap();
    let sql = "INSERT INTO agno_spans SELECT printf('%08x', ?1) || substr(span_id, 9), printf('%08x', ?1) || substr(trace_id, 9),
        CASE WHEN parent_span_id IS NULL THEN NULL ELSE printf('%08x', ?1) || substr(parent_span_id, 9) END, name, span_kind, status_code,
        status_message, strftime('%Y-%m-%dT%H:%M:%f', start_time, ?2) || '000+00:00', strftime('%Y-%m-%dT%H:%M:%f', end_time, ?2) || '000+00:00',
        duration_ms, attributes, created_at FROM seed ORDER BY rowid";
    let mut copies = database.prepare(sql).unwrap();
    for copy in 1..SPANS / 75 {
        copies.execute((copy as i64, format!("+{} seconds", copy * 10))).unwrap();
    }
    drop(copies);
    database.execute_batch("COMMIT").unwrap();
    drop(database);
    std::fs::rename(&partial, &path).unwrap();
    path
}

/// Starts the source.
pub fn open(path: &Path) -> (Handle, Receiver<Update>) {
    let (updates, inbox) = tokio::sync::mpsc::channel(16);
    (start(path.to_owned(), Tables::default(), u64::MAX, UpdateSender::new(SourceId(0), updates)).unwrap(), inbox)
}

/// Reads the database into an app and a store. `after_batch` is called after each batch; reading ends when it returns false.
pub fn read(path: &Path, mut after_batch: impl FnMut(&mut App, &mut Store) -> bool) -> (App, Store) {
    let (handle, mut inbox) = open(path);
    let views = vec![SourceView::new("grown")];
    let (mut app, mut store) = (App::new(views, true, now()), Store::new(Limits::default()));
    loop {
        match inbox.blocking_recv().unwrap() {
            Update::Batch(batch) => {
                app.receive(&mut store, batch, now());
                if !after_batch(&mut app, &mut store) {
                    break;
                }
            }
            Update::State(_, State::Watching { .. }) => break,
            _ => {}
        }
    }
    drop(handle);
    (app, store)
}
