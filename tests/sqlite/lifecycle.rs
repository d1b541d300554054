//! The life of a file: missing, empty, incomplete, deleted, recreated, replaced, damaged.

use std::fs;

use agno_top::model::Origin;
use agno_top::sources::State;

use crate::watch::{Watch, names};
use crate::writer::{SCHEMA, Writer, spans};

#[test]
fn a_file_is_created_step_by_step() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("tmp/traces.db");
    let mut watch = Watch::new(&path);
    watch.until_message("traces.db does not exist yet; Agno creates it with the first trace");
    fs::create_dir(dir.path().join("tmp")).unwrap();
    fs::write(&path, "").unwrap();
    watch.until_message("traces.db is empty");
    let mut writer = Writer::open(&path, "PRAGMA journal_mode = WAL; CREATE TABLE agno_sessions (a); CREATE TABLE other (a)");
    watch.until_message(
        "has no table agno_spans yet; Agno creates it with the first trace (it has agno_sessions, other; --spans-table names another)",
    );
    writer.run(SCHEMA);
    watch.until_watching();
    writer.run(&spans(1, 3));
    watch.until_spans(2);
    assert!(watch.spans.values().all(|span| span.origin == Origin::Live));
}

#[test]
fn the_first_rows_of_a_created_file_are_live() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("traces.db");
    let mut watch = Watch::new(&path);
    watch.until_message("does not exist yet");
    let _writer = Writer::open(&path, &format!("BEGIN; {SCHEMA}; {}; COMMIT", spans(1, 3)));
    watch.until_spans(2);
    assert!(watch.spans.values().all(|span| span.origin == Origin::Live));
}

#[test]
fn the_file_is_deleted_and_comes_back() {
    for open in [Writer::wal, Writer::rollback] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("traces.db");
        let mut writer = open(&path);
        writer.run(&spans(1, 11));
        let mut watch = Watch::new(&path);
        watch.until_spans(10);
        // The agent still has the deleted file open.
        for name in names(dir.path()) {
            fs::remove_file(dir.path().join(name)).unwrap();
        }
        watch.until_message("was deleted; waiting for it to come back");
        assert_eq!(watch.payload(3), Err(format!("{} was deleted; waiting for it to come back", path.display())));
        drop(writer);
        let mut writer = open(&path);
        writer.run(&spans(101, 111));
        watch.until_spans(20);
        assert!(watch.payload(3).unwrap_err().starts_with("this span is no longer in "));
        assert!(watch.payload(103).is_ok());
        writer.run(&spans(111, 112));
        watch.until_spans(21);
    }
}

#[test]
fn the_file_is_replaced_between_two_polls() {
    let dir = tempfile::tempdir().unwrap();
    let (path, next) = (dir.path().join("traces.db"), dir.path().join("next.db"));
    let mut writer = Writer::rollback(&path);
    writer.run(&spans(1, 1001));
    writer.close();
    let mut watch = Watch::new(&path);
    watch.until_spans(1000);
    let mut writer = Writer::rollback(&next);
    writer.run(&spans(2001, 3501));
    writer.close();
    fs::rename(&next, &path).unwrap();
    watch.until_spans(2500);
    let mut writer = Writer::open(&path, "SELECT 1");
    writer.run(&spans(4001, 4002));
    watch.until_spans(2501);
}

#[test]
fn the_file_is_emptied() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("traces.db");
    let mut writer = Writer::rollback(&path);
    writer.run(&spans(1, 11));
    writer.close();
    let mut watch = Watch::new(&path);
    watch.until_spans(10);
    fs::File::create(&path).unwrap();
    watch.until_message("is empty");
    let mut writer = Writer::rollback(&path);
    writer.run(&spans(21, 31));
    watch.until_spans(20);
}

#[test]
fn the_table_is_dropped_and_created_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("traces.db");
    let mut writer = Writer::wal(&path);
    writer.run(&spans(1, 11));
    let mut watch = Watch::new(&path);
    watch.until_spans(10);
    writer.run("DROP TABLE agno_spans; DROP TABLE agno_traces");
    watch.until_message("has no table agno_spans yet");
    writer.run(SCHEMA);
    writer.run(&spans(21, 31));
    watch.until_spans(20);
    assert!(watch.spans.values().all(|span| span.times == 1));
}

#[test]
fn a_file_that_is_not_a_database_is_reported_and_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("traces.db");
    fs::create_dir(&path).unwrap();
    let mut watch = Watch::new(&path);
    watch.until_message("traces.db is a folder");
    fs::remove_dir(&path).unwrap();
    watch.until_message("does not exist yet");
    fs::write(&path, "these are my notes\n".repeat(100)).unwrap();
    watch.until_message("traces.db is not an SQLite database");
    fs::write(&path, "SQLite format 3\0").unwrap();
    watch.until_message("traces.db is not an SQLite database");
    fs::remove_file(&path).unwrap();
    let mut writer = Writer::wal(&path);
    writer.run(&spans(1, 3));
    watch.until_spans(2);
    watch.until_watching();
}

#[test]
fn tables_that_cannot_be_followed_are_reported() {
    for (sql, said) in [
        (
            "CREATE TABLE s (a); CREATE VIEW agno_spans AS SELECT * FROM s",
            "agno_spans in /FILE is a view; name the table behind it with --spans-table",
        ),
        (
            "CREATE TABLE s (span_id, trace_id, parent_span_id, name, status_code, status_message, start_time, end_time, attributes); \
             CREATE VIEW agno_spans AS SELECT *, 1 AS rowid FROM s",
            "agno_spans in /FILE is a view; name the table behind it with --spans-table",
        ),
        (
            "CREATE TABLE agno_spans (span_id TEXT PRIMARY KEY, trace_id, parent_span_id, name, status_code, status_message, start_time, end_time, \
             attributes) WITHOUT ROWID",
            "agno_spans in /FILE is a table without row ids",
        ),
        ("CREATE TABLE agno_spans (span_id, trace_id, parent_id)", "agno_spans in /FILE has no column parent_span_id"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("traces.db");
        let _writer = Writer::open(&path, sql);
        let mut watch = Watch::new(&path);
        watch.until_message(&said.replace("/FILE", &path.display().to_string()));
        assert!(matches!(watch.states.last(), Some(State::Failing(_))));
    }
}

#[test]
fn a_damaged_file_is_reported() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("traces.db");
    let mut writer = Writer::rollback(&path);
    writer.run(&spans(1, 5001));
    writer.close();
    let mut watch = Watch::new(&path);
    watch.until_spans(5000);
    let mut bytes = fs::read(&path).unwrap();
    let (whole, len) = (bytes.clone(), bytes.len());
    bytes[4096..len].fill(0x5a);
    fs::write(&path, &bytes).unwrap();
    watch.until_message("is damaged");
    bytes.truncate(len / 2);
    fs::write(&path, &bytes).unwrap();
    watch.until_message("is damaged");
    fs::write(&path, whole).unwrap();
    watch.until_watching();
    assert_eq!(watch.spans.len(), 5000);
}

#[cfg(unix)]
#[test]
fn an_unreadable_file_is_reported() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("traces.db");
    let mut writer = Writer::rollback(&path);
    writer.run(&spans(1, 3));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o0)).unwrap();
    if fs::File::open(&path).is_ok() {
        // This user is root and may read everything.
        return;
    }
    let mut watch = Watch::new(&path);
    watch.until_message("permission denied");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    watch.until_spans(2);
}

#[test]
fn any_path_works() {
    let dir = tempfile::tempdir().unwrap();
    let mut paths = vec!["a b?c#d%41&mode=rw.db".into(), "file:x.db".into(), "é✓.db".into(), "-.db".into()];
    #[cfg(unix)]
    paths.push(<std::ffi::OsString as std::os::unix::ffi::OsStringExt>::from_vec(b"\xff\xfe.db".to_vec()));
    for name in paths {
        let path = dir.path().join(name);
        let mut writer = Writer::wal(&path);
        writer.run(&spans(1, 3));
        let mut watch = Watch::new(&path);
        watch.until_spans(2);
        writer.close();
        watch.until_watching();
        watch.end();
    }
    #[cfg(unix)]
    {
        let target = dir.path().join("-.db");
        fs::create_dir(dir.path().join("links")).unwrap();
        std::os::unix::fs::symlink(&target, dir.path().join("links/link.db")).unwrap();
        let mut writer = Writer::open(&target, "SELECT 1");
        let mut watch = Watch::new(&dir.path().join("links/link.db"));
        watch.until_spans(2);
        writer.run(&spans(3, 4));
        watch.until_span(3);
        assert_eq!(fs::read_dir(dir.path().join("links")).unwrap().count(), 1);
    }
}
