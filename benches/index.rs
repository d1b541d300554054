//! Indexing a large database: the source's whole way, against SQLite merely adding up the length of what it reads.
//!
//! The data is the fixture, grown to 300 000 spans once, in `target/tmp`.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use agno_top::model::SourceId;
use agno_top::source::sqlite::{Tables, start};
use agno_top::source::{Outlet, State, Update};
use criterion::{Criterion, criterion_group, criterion_main};
use rusqlite::Connection;

const SPANS: u64 = 300_000;

/// The grown database. Trace and span ids are salted with the copy's number; times move on with it.
fn grown() -> PathBuf {
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

fn bare(path: &Path) -> i64 {
    let database = Connection::open_with_flags(path, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    database.query_row("SELECT sum(length(attributes)) FROM agno_spans", [], |row| row.get(0)).unwrap()
}

/// Reads until the source has read everything, or one batch.
fn read(path: &Path, one: bool) -> usize {
    let (updates, mut inbox) = tokio::sync::mpsc::channel(64);
    let handle = start(path.to_owned(), Tables::default(), u64::MAX, Outlet { id: SourceId(0), updates }).unwrap();
    let mut spans = 0;
    loop {
        match inbox.blocking_recv().unwrap() {
            Update::Batch(batch) => {
                spans += batch.spans.len();
                if one {
                    break;
                }
            }
            Update::State(_, State::Watching { .. }) => break,
            Update::State(_, State::Loading { .. }) => {}
            other => panic!("{other:?}"),
        }
    }
    drop(handle);
    spans
}

fn index(criterion: &mut Criterion) {
    let path = grown();
    let (begun, length) = (Instant::now(), bare(&path));
    eprintln!("{SPANS} spans, {:.0} MB of attributes; first reading {:?}", length as f64 / 1e6, begun.elapsed());
    let mut group = criterion.benchmark_group("index");
    group.sample_size(10).measurement_time(Duration::from_secs(8)).warm_up_time(Duration::from_secs(1));
    group.bench_function("sum of lengths", |bench| bench.iter(|| bare(&path)));
    group.bench_function("source", |bench| bench.iter(|| assert_eq!(read(&path, false), SPANS as usize)));
    group.bench_function("first batch", |bench| bench.iter(|| read(&path, true)));
    group.finish();
}

criterion_group!(benches, index);
criterion_main!(benches);
