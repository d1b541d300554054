//! The source does not disturb the agent.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::watch::{Watch, everything, names};
use crate::writer::{Writer, spans};

#[test]
fn a_write_ahead_log_is_read_and_not_changed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("traces.db");
    let mut writer = Writer::wal(&path);
    writer.run(&spans(1, 1001));
    let before = everything(dir.path());
    assert_eq!(before.len(), 3);
    let mut watch = Watch::new(&path);
    watch.until_spans(1000);
    watch.until_watching();
    assert!(watch.payload(7).is_ok());
    assert_eq!(everything(dir.path()), before);
    writer.run(&spans(1001, 1002));
    watch.until_spans(1001);
    // Between two looks no other process has the file open, so that a writer can remove the log.
    writer.close();
    let is_removed = |_| {
        Writer::open(&path, "BEGIN IMMEDIATE; COMMIT").close();
        names(dir.path()) == ["traces.db"]
    };
    assert!((0..100).any(is_removed), "{:?}", names(dir.path()));
    let before = everything(dir.path());
    assert!(watch.payload(1001).is_ok());
    watch.end();
    let mut watch = Watch::new(&path);
    watch.until_spans(1001);
    watch.until_watching();
    watch.end();
    assert_eq!(everything(dir.path()), before);
}

#[test]
fn a_rollback_journal_is_read_and_not_changed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("traces.db");
    let mut writer = Writer::rollback(&path);
    writer.run(&spans(1, 1001));
    let before = everything(dir.path());
    let mut watch = Watch::new(&path);
    watch.until_spans(1000);
    watch.until_watching();
    assert!(watch.payload(7).is_ok());
    assert_eq!(everything(dir.path()), before);
    // An unfinished write does not prevent reading.
    writer.run(&format!("BEGIN IMMEDIATE; {}", spans(1001, 1002)));
    assert!(watch.payload(8).is_ok());
    writer.run("COMMIT");
    watch.until_spans(1001);
}

#[test]
fn a_writer_without_timeout_never_fails_with_a_log() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("traces.db");
    let mut writer = Writer::wal(&path);
    writer.run(&spans(1, 20_001));
    let mut watch = Watch::new(&path);
    for number in 20_001..20_301 {
        writer.run(&spans(number, number + 1));
    }
    watch.until_spans(20_300);
}

#[test]
fn a_writer_with_a_short_timeout_never_fails_with_a_journal() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("traces.db");
    let mut writer = Writer::rollback(&path);
    writer.run("PRAGMA busy_timeout = 2000; PRAGMA synchronous = OFF");
    writer.run(&spans(1, 20_001));
    let mut watch = Watch::new(&path);
    for number in 20_001..20_301 {
        writer.run(&spans(number, number + 1));
    }
    watch.until_spans(20_300);
}

#[test]
fn the_log_of_a_killed_writer_is_read_and_not_changed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("traces.db");
    let mut writer = Writer::wal(&path);
    writer.run(&spans(1, 101));
    drop(writer);
    let before = everything(dir.path());
    assert_eq!(before.len(), 3);
    let mut watch = Watch::new(&path);
    watch.until_spans(100);
    watch.until_watching();
    assert_eq!(everything(dir.path()), before);
    let mut writer = Writer::open(&path, "SELECT 1");
    writer.run(&spans(101, 102));
    watch.until_spans(101);
    writer.close();
    // A poll in this very moment makes the writer leave its log; another writer then removes it.
    let is_removed = (0..100).any(|_| {
        let is_removed = names(dir.path()) == ["traces.db"];
        if !is_removed {
            Writer::open(&path, "SELECT 1").close();
        }
        is_removed
    });
    assert!(is_removed, "{:?}", names(dir.path()));
}

#[test]
fn a_log_without_its_index_is_reported_and_not_changed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("traces.db");
    let mut writer = Writer::wal(&path);
    writer.run(&spans(1, 101));
    drop(writer);
    fs::remove_file(dir.path().join("traces.db-shm")).unwrap();
    let before = everything(dir.path());
    let mut watch = Watch::new(&path);
    watch.until_message("traces.db-wal holds rows that only a program with write access can apply");
    assert_eq!(everything(dir.path()), before);
    Writer::open(&path, "SELECT count(*) FROM agno_spans").close();
    watch.until_spans(100);
}

#[test]
fn an_interrupted_write_is_reported_and_not_changed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("traces.db");
    let mut writer = Writer::rollback(&path);
    writer.run(&spans(1, 2001));
    // More than the cache holds, so that it is written to the file before the commit.
    writer.run(&format!("PRAGMA cache_size = 1; BEGIN; UPDATE agno_spans SET name = 'x'; {}", spans(2001, 9001)));
    drop(writer);
    assert_eq!(names(dir.path()), ["traces.db", "traces.db-journal"]);
    let before = everything(dir.path());
    let mut watch = Watch::new(&path);
    watch.until_message("left in the middle of a write");
    assert_eq!(everything(dir.path()), before);
    Writer::open(&path, "SELECT count(*) FROM agno_spans").close();
    watch.until_spans(2000);
}

#[test]
fn a_locked_file_is_reported_and_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("traces.db");
    let mut writer = Writer::rollback(&path);
    writer.run(&spans(1, 3));
    writer.run("BEGIN EXCLUSIVE");
    let mut watch = Watch::new(&path);
    watch.until_message("is locked by another program");
    writer.run("COMMIT");
    watch.until_spans(2);
    watch.until_watching();
}

#[test]
fn watching_creates_no_file_at_any_time() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("traces.db");
    let mut writer = Writer::wal(&path);
    writer.run(&spans(1, 30_001));
    writer.close();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let seen = scope.spawn(|| {
            let mut seen = std::collections::BTreeSet::new();
            while !done.load(Ordering::Relaxed) {
                seen.extend(fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()));
            }
            seen
        });
        let mut watch = Watch::new(&path);
        watch.until_spans(30_000);
        watch.until_watching();
        assert!(watch.payload(5).is_ok());
        watch.end();
        done.store(true, Ordering::Relaxed);
        assert_eq!(seen.join().unwrap(), ["traces.db".into()].into());
    });
}
