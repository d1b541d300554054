//! Indexing a large database, compared with SQLite adding up the lengths of the attributes.
//!
//! Also measures `list --json`, the time to the first frame and the memory per span.

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

/// Adds up the lengths of all attributes with SQLite alone.
fn sum_of_lengths(path: &Path) -> i64 {
    let database = Connection::open_with_flags(path, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    database.query_row("SELECT sum(length(attributes)) FROM agno_spans", [], |row| row.get(0)).unwrap()
}

/// Reads all spans and drops them: the cost of the source.
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

/// Reads until the first frame.
fn first_frame(path: &Path) {
    let mut terminal = Terminal::new(TestBackend::new(200, 60)).unwrap();
    read(path, |app, store| {
        terminal.draw(|frame| view::draw(frame, app, store, &mut HitMap::default())).unwrap();
        false
    });
}

/// Runs `list --json` in a process of its own.
fn list(path: &Path) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_agno-top"));
    let status = command.args(["list", "--json", "--log-level", "off"]).arg(path).stdout(Stdio::null()).status().unwrap();
    assert!(status.success());
}

/// Returns the resident memory of this process in bytes; 0 if unknown.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or_default() * 4096
}

/// Prints the memory per span of the store and the app. Runs first, before the allocator can reuse memory, and excludes the memory of the
/// source and the batches.
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
    let spans = u64::from(store.all().spans);
    eprintln!("memory: {} bytes per span ({spans} spans)", (resident() - before) / spans);
}

fn index(criterion: &mut Criterion) {
    let path = grown();
    memory(&path);
    let (start, length) = (Instant::now(), sum_of_lengths(&path));
    eprintln!("{SPANS} spans, {:.0} MB of attributes, lengths summed in {:?}", length as f64 / 1e6, start.elapsed());
    let mut group = criterion.benchmark_group("index");
    group.sample_size(10).measurement_time(Duration::from_secs(8)).warm_up_time(Duration::from_secs(1));
    group.bench_function("sum of lengths", |bench| bench.iter(|| sum_of_lengths(&path)));
    group.bench_function("source", |bench| bench.iter(|| assert_eq!(drain(&path), SPANS as usize)));
    group.bench_function("source and store", |bench| bench.iter_with_large_drop(|| read(&path, |_, _| true)));
    group.bench_function("list --json", |bench| bench.iter(|| list(&path)));
    group.bench_function("first frame", |bench| bench.iter(|| first_frame(&path)));
    group.finish();
}

criterion_group!(benches, index);
criterion_main!(benches);
