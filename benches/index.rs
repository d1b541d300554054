//! Indexing a large database, against SQLite merely adding up the length of what it reads.
//!
//! Also told: the time to list all traces without a screen, the time to the first frame, and the memory that a span takes.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod grown;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use agno_top::model::time::now;
use agno_top::sources::{State, Update};
use agno_top::store::{Limits, Store};
use agno_top::tui::app::{App, SourceView};
use agno_top::tui::view::{self, HitMap};
use criterion::{Criterion, criterion_group, criterion_main};
use grown::{SPANS, grown, open, read};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use rusqlite::Connection;

fn bare(path: &Path) -> i64 {
    let database = Connection::open_with_flags(path, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    database.query_row("SELECT sum(length(attributes)) FROM agno_spans", [], |row| row.get(0)).unwrap()
}

/// Reads everything and keeps nothing: the source's part.
fn drain(path: &Path) -> usize {
    let (_handle, mut inbox) = open(path);
    let mut spans = 0;
    loop {
        match inbox.blocking_recv().unwrap() {
            Update::Batch(batch) => spans += batch.spans.len(),
            Update::State(_, State::Watching { .. }) => return spans,
            _ => {}
        }
    }
}

/// From nothing to the first frame.
fn first_frame(path: &Path) {
    let mut terminal = Terminal::new(TestBackend::new(200, 60)).unwrap();
    read(path, |app, store| {
        terminal.draw(|frame| view::draw(frame, app, store, &mut HitMap::default())).unwrap();
        false
    });
}

/// `list --json` of everything, by the program itself.
fn list(path: &Path) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_agno-top"));
    let status = command.args(["list", "--json", "--log-level", "off"]).arg(path).stdout(Stdio::null()).status().unwrap();
    assert!(status.success());
}

/// Bytes of this process that are in memory; 0 where the system does not tell.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or_default() * 4096
}

/// Tells what a span takes in the store and the tree: measured first, while the allocator has nothing to give again, and beside the
/// batches, so that what the source's threads need for reading does not count.
fn memory(path: &Path) {
    let (_handle, mut inbox) = open(path);
    let mut batches = Vec::new();
    loop {
        match inbox.blocking_recv().unwrap() {
            Update::Batch(batch) => batches.push(batch),
            Update::State(_, State::Watching { .. }) => break,
            _ => {}
        }
    }
    let (mut app, mut store) = (App::new(vec![SourceView::new("grown")], true, now()), Store::new(Limits::default()));
    let before = resident();
    for batch in &batches {
        app.receive(&mut store, batch.clone(), now());
    }
    let held = u64::from(store.all().spans);
    eprintln!("memory: {} bytes a span ({held} spans)", (resident() - before) / held);
}

fn index(criterion: &mut Criterion) {
    let path = grown();
    memory(&path);
    let (begun, length) = (Instant::now(), bare(&path));
    eprintln!("{SPANS} spans, {:.0} MB of attributes, added up in {:?}", length as f64 / 1e6, begun.elapsed());
    let mut group = criterion.benchmark_group("index");
    group.sample_size(10).measurement_time(Duration::from_secs(8)).warm_up_time(Duration::from_secs(1));
    group.bench_function("sum of lengths", |bench| bench.iter(|| bare(&path)));
    group.bench_function("source", |bench| bench.iter(|| assert_eq!(drain(&path), SPANS as usize)));
    group.bench_function("source and store", |bench| bench.iter_with_large_drop(|| read(&path, |_, _| true)));
    group.bench_function("list --json", |bench| bench.iter(|| list(&path)));
    group.bench_function("first frame", |bench| bench.iter(|| first_frame(&path)));
    group.finish();
}

criterion_group!(benches, index);
criterion_main!(benches);
