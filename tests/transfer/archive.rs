//! The commands `archive`, `prune` and `restore` on SQLite databases.

use std::path::Path;

use rusqlite::Connection;

use super::{database, program};

/// Returns every row of a table with every column, in the order of its id. Texts need not be UTF-8.
fn rows(path: &Path, table: &str, id: &str) -> Vec<Vec<String>> {
    let connection = Connection::open(path).unwrap();
    let mut statement = connection.prepare(&format!("SELECT * FROM {table} ORDER BY {id}")).unwrap();
    let columns = statement.column_count();
    let row = |row: &rusqlite::Row<'_>| (0..columns).map(|at| Ok(format!("{:?}", row.get_ref(at)?))).collect();
    statement.query_map([], row).unwrap().collect::<Result<_, _>>().unwrap()
}

fn tables(path: &Path) -> [Vec<Vec<String>>; 2] {
    [rows(path, "agno_traces", "trace_id"), rows(path, "agno_spans", "span_id")]
}

fn change(path: &Path, sql: &str) {
    Connection::open(path).unwrap().execute_batch(sql).unwrap();
}

fn count(path: &Path, sql: &str) -> i64 {
    Connection::open(path).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
}

/// Runs the program in a directory. Returns its exit code and what it wrote to standard error.
fn run(directory: &Path, arguments: &[&str]) -> (i32, String) {
    let output = program(arguments).current_dir(directory).assert().stdout("").get_output().clone();
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn archive_delete_and_restore_is_a_round_trip_in_every_column() {
    let directory = tempfile::tempdir().unwrap();
    let path = database(directory.path());
    // Values that no format but the database's own has, in a column that agno-top does not know.
    change(
        &path,
        "ALTER TABLE agno_spans ADD COLUMN extra; UPDATE agno_spans SET extra = CASE rowid % 6 WHEN 0 THEN x'00ff' WHEN 1 THEN 1e999 \
         WHEN 2 THEN 0.1 WHEN 3 THEN 9223372036854775807 WHEN 4 THEN CAST(x'ff41' AS TEXT) ELSE NULL END; \
         PRAGMA foreign_keys = OFF; DELETE FROM agno_traces WHERE trace_id = (SELECT max(trace_id) FROM agno_traces)",
    );
    let before = tables(&path);
    let list = |source: &str| {
        let output = program(&["list", source, "--json"]).current_dir(directory.path()).assert().success().get_output().stdout.clone();
        String::from_utf8(output).unwrap().replace(source, "SOURCE")
    };
    let listed = list("traces.db");
    let (code, message) = run(directory.path(), &["archive", "--older-than", "0s", "-o", "old.jsonl.zst", "--delete"]);
    assert_eq!(code, 0, "{message}");
    assert!(message.contains("archived 11 traces with 75 spans") && message.contains("deleted 75 spans of 11 traces"), "{message}");
    assert!(message.ends_with("traces.db keeps its size and fills it again; with --vacuum it gets smaller\n"), "{message}");
    assert_eq!(tables(&path), [Vec::<Vec<String>>::new(), Vec::new()]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = directory.path().join("old.jsonl.zst").metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    // An archive is opened like any file of spans.
    assert_eq!(list("old.jsonl.zst"), listed);
    for (to, message) in
        [("traces.db", "restored 75 spans of 11 traces"), ("traces.db", "restored 0 spans of 0 traces; 75 spans there before")]
    {
        let (code, printed) = run(directory.path(), &["restore", "old.jsonl.zst", "--to", to]);
        assert!(code == 0 && printed.contains(message), "{printed}");
        assert_eq!(tables(&path), before);
    }
}

#[test]
fn only_old_traces_that_match_are_archived() {
    let directory = tempfile::tempdir().unwrap();
    let path = database(directory.path());
    let failed = count(&path, "SELECT count(DISTINCT trace_id) FROM agno_spans WHERE status_code = 'ERROR'");
    let archive = |arguments: &[&str]| run(directory.path(), &[&["archive", "traces.db", "-o", "a.jsonl.zst"], arguments].concat());
    let (code, message) = archive(&["--older-than", "2020-01-01"]);
    assert!(code == 0 && message.contains("no such traces in traces.db"), "{message}");
    let before = tables(&path);
    let (code, message) = run(directory.path(), &["archive", "traces.db", "--older-than", "0s", "--dry-run"]);
    assert!(code == 0 && message.contains("would archive 11 traces"), "a trial needs no file: {message}");
    let (code, message) = archive(&["--older-than", "0s", "--filter", "status:error", "--dry-run"]);
    assert!(code == 0 && message.contains(&format!("would archive {failed} traces with ")), "{message}");
    assert_eq!(tables(&path), before);
    assert!(!directory.path().join("a.jsonl.zst").exists());
    // The failed runs have steps that succeeded, too.
    let (code, message) = archive(&["--older-than", "0s", "--filter", "-status:error", "--dry-run"]);
    assert!(code == 0 && message.contains(&format!("would archive {} traces with ", 11 - failed)), "{message}");
    let (code, message) = archive(&["--older-than", "0s", "--filter", "-status:error -tool:get_weather status:error", "--dry-run"]);
    assert!(code == 0 && message.contains("no such traces in traces.db"), "{message}");
    // One trace more than max_spans lets a screen hold.
    let (code, message) = archive(&["--older-than", "0s", "--max-spans", "1", "--filter", "-agent:nobody"]);
    assert!(code == 0 && message.contains("archived 11 traces with 75 spans") && message.contains("they stay in traces.db"), "{message}");
    assert_eq!(tables(&path), before, "without --delete nothing is deleted");
}

#[test]
fn traces_that_wait_for_an_approval_stay() {
    let directory = tempfile::tempdir().unwrap();
    let path = database(directory.path());
    change(
        &path,
        "CREATE TABLE IF NOT EXISTS agno_approvals (id VARCHAR, run_id VARCHAR, status VARCHAR); DELETE FROM agno_approvals; \
         INSERT INTO agno_approvals (id, run_id, status) SELECT run_id, run_id, iif(rowid % 2, 'pending', 'approved') FROM agno_traces \
         WHERE run_id IS NOT NULL",
    );
    let waiting = count(&path, "SELECT count(*) FROM agno_traces t JOIN agno_approvals a USING (run_id) WHERE a.status = 'pending'");
    assert!(waiting > 0);
    let (code, message) = run(directory.path(), &["prune", "--older-than", "0s", "--yes"]);
    assert!(code == 0 && message.contains("left alone: still running, or waiting for a person"), "{message}");
    assert_eq!(count(&path, "SELECT count(*) FROM agno_traces"), waiting);
}

#[test]
fn old_log_records_and_metrics_are_pruned_with_the_traces() {
    let directory = tempfile::tempdir().unwrap();
    let path = database(directory.path());
    let now = chrono::Utc::now().timestamp_nanos_opt().unwrap();
    for table in ["agno_top_logs", "agno_top_metrics"] {
        // More than one transaction takes.
        let old = format!(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 700) INSERT INTO {table} SELECT i, x'' FROM n;"
        );
        change(
            &path,
            &format!(
                "CREATE TABLE IF NOT EXISTS {table} (received_at BIGINT NOT NULL, body BLOB NOT NULL); DELETE FROM {table}; {old} \
                 INSERT INTO {table} VALUES ({now}, x'')"
            ),
        );
    }
    let rows = || ["agno_top_logs", "agno_top_metrics"].map(|table| count(&path, &format!("SELECT count(*) FROM {table}")));
    let prune = |arguments: &[&str]| run(directory.path(), &[&["prune", "--older-than", "1h"], arguments].concat());
    let (code, message) = prune(&["--dry-run"]);
    assert!(code == 0 && message.contains("and 700 recorded requests of logs and 700 of metrics"), "{message}");
    assert_eq!(prune(&["--yes", "--filter", "agent:nobody"]).0, 0);
    assert_eq!(rows(), [701, 701], "a filter chooses traces");
    let (code, message) = prune(&["--yes"]);
    assert!(code == 0 && message.contains("deleted 700 recorded requests of logs and 700 of metrics"), "{message}");
    assert_eq!(rows(), [1, 1]);
    assert_eq!(prune(&["--yes"]).0, 0, "nothing is left");
}

#[test]
fn a_trace_that_changed_after_it_was_archived_is_not_deleted() {
    let directory = tempfile::tempdir().unwrap();
    let path = database(directory.path());
    let archive = |arguments: &[&str]| {
        run(directory.path(), &[&["archive", "traces.db", "--older-than", "0s", "-o", "a.jsonl.zst"], arguments].concat())
    };
    assert_eq!(archive(&[]).0, 0);
    // Interrupted in the middle of the deletion; an agent goes on with one trace, and changes another.
    change(
        &path,
        "DELETE FROM agno_spans WHERE trace_id = (SELECT min(trace_id) FROM agno_traces); DELETE FROM agno_traces WHERE trace_id = (SELECT \
         min(trace_id) FROM agno_traces); INSERT INTO agno_spans SELECT 'ffffffffffffffff', trace_id, NULL, 'late', span_kind, status_code, \
         NULL, start_time, end_time, 1, attributes, created_at FROM agno_spans WHERE trace_id = (SELECT max(trace_id) FROM agno_traces) LIMIT 1; \
         UPDATE agno_traces SET name = 'renamed' WHERE trace_id = (SELECT max(trace_id) FROM agno_traces WHERE trace_id < (SELECT \
         max(trace_id) FROM agno_traces))",
    );
    let (code, message) = archive(&["--delete"]);
    assert!(code == 2 && message.contains("a.jsonl.zst exists") && message.contains("--resume"), "{message}");
    let (code, message) = archive(&["--delete", "--resume"]);
    assert!(code == 0 && message.contains("2 traces changed meanwhile and stay in traces.db"), "{message}");
    assert!(message.contains(" from traces.db"), "{message}");
    assert_eq!(count(&path, "SELECT count(*) FROM agno_traces"), 2);
    assert_eq!(count(&path, "SELECT count(*) FROM agno_spans WHERE span_id = 'ffffffffffffffff'"), 1);
}

#[test]
fn a_damaged_archive_deletes_and_restores_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = database(directory.path());
    let archive = directory.path().join("a.jsonl.zst");
    let delete = ["archive", "traces.db", "--older-than", "0s", "-o", "a.jsonl.zst", "--delete", "--resume"];
    let (code, _) = run(directory.path(), &["archive", "traces.db", "--older-than", "0s", "-o", "a.jsonl.zst"]);
    assert_eq!(code, 0);
    let (before, whole) = (tables(&path), std::fs::read(&archive).unwrap());
    let text = zstd::decode_all(&whole[..]).unwrap();
    let lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
    let without = |skipped: usize| {
        let kept: Vec<u8> = lines.iter().enumerate().filter(|(at, _)| *at != skipped).flat_map(|(_, line)| line.iter().copied()).collect();
        zstd::encode_all(&kept[..], 1).unwrap()
    };
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 0x10;
    for damaged in
        [whole[..whole.len() - 5].to_vec(), flipped, without(0), without(3), without(lines.len() - 1), Vec::new(), b"{}\n".to_vec()]
    {
        std::fs::write(&archive, damaged).unwrap();
        for command in [&delete[..], &["restore", "a.jsonl.zst", "--to", "new.db"]] {
            let (code, message) = run(directory.path(), command);
            assert!(code == 1 && (message.contains("damaged") || message.contains("a.jsonl.zst: ")), "{message}");
            assert_eq!(tables(&path), before);
            assert!(!directory.path().join("new.db").exists());
        }
    }
}

#[test]
fn what_can_not_be_done_is_refused_before_anything_is_written() {
    let directory = tempfile::tempdir().unwrap();
    let path = database(directory.path());
    std::fs::write(directory.path().join("there.zst"), "mine").unwrap();
    let before = tables(&path);
    let refused = |arguments: &[&str], code: i32, message: &str| {
        let outcome = run(directory.path(), arguments);
        assert!(outcome.0 == code && outcome.1.contains(message), "{arguments:?}: {outcome:?}");
        assert_eq!(tables(&path), before);
        assert_eq!(std::fs::read(directory.path().join("there.zst")).unwrap(), b"mine");
    };
    let old = ["--older-than", "0s"];
    refused(&[&["archive", "traces.db", "-o", "-"], &old[..]].concat(), 2, "not written to standard output");
    refused(&[&["archive", "traces.db", "-o", "there.zst"], &old[..]].concat(), 2, "there.zst exists");
    refused(&[&["archive", "traces.db", "-o", "/dev/null"], &old[..]].concat(), 2, "/dev/null exists");
    refused(&[&["archive", "traces.db", "-o", "no/such/a.zst"], &old[..]].concat(), 1, "can't write no/such/a.zst");
    refused(&["archive", "traces.db", "-o", "a.zst"], 2, "--older-than");
    refused(&[&["archive", "traces.db", "-o", "a.zst", "--redact"], &old[..]].concat(), 2, "--redact");
    refused(&[&["archive", "missing.db", "-o", "a.zst"], &old[..]].concat(), 1, "missing.db");
    refused(&[&["prune", "traces.db"], &old[..]].concat(), 2, "add --yes");
    refused(&["restore", "traces.db", "--to", "new.db"], 1, "not an archive of agno-top");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 2, "nothing was created");
}

#[test]
fn tables_that_refer_to_traces_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = database(directory.path());
    change(&path, "CREATE TABLE notes (id INTEGER, about VARCHAR REFERENCES agno_traces (trace_id) ON DELETE CASCADE)");
    let before = tables(&path);
    for arguments in [&["archive", "-o", "a.zst", "--delete", "--older-than", "0s"][..], &["prune", "--yes", "--older-than", "0s"]] {
        let (code, message) = run(directory.path(), arguments);
        assert!(code == 1 && message.contains("rows of notes refer to traces"), "{message}");
        assert_eq!(tables(&path), before);
    }
    assert!(!directory.path().join("a.zst").exists());
}

#[test]
fn the_file_becomes_smaller_unless_a_program_writes() {
    let directory = tempfile::tempdir().unwrap();
    let path = database(directory.path());
    let size = || path.metadata().unwrap().len();
    let before = size();
    let prune = ["prune", "--older-than", "0s", "--yes", "--vacuum", "--filter"];
    let agent = Connection::open(&path).unwrap();
    agent.execute_batch("PRAGMA journal_mode = WAL; BEGIN; SELECT count(*) FROM agno_spans").unwrap();
    let (code, message) = run(directory.path(), &[&prune[..], &["status:error"]].concat());
    assert!(code == 1 && message.contains("so that it keeps its size"), "{message}");
    agent.execute_batch("COMMIT").unwrap();
    drop(agent);
    let (code, message) = run(directory.path(), &[&prune[..], &["-agent:nobody"]].concat());
    assert_eq!(code, 0, "{message}");
    assert!(!message.contains("--vacuum"), "{message}");
    assert!(size() < before / 2, "{} of {before}", size());
    let integrity: String = Connection::open(&path).unwrap().query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(integrity, "ok");
}

/// Creates a database of 2000 traces with 10 spans each.
fn large(path: &Path) {
    std::fs::copy(super::fixture("agno-3.1.10.sqlite"), path).unwrap();
    change(
        path,
        "PRAGMA foreign_keys = OFF; DELETE FROM agno_spans; DELETE FROM agno_traces; WITH RECURSIVE n(i) AS (SELECT 10 UNION ALL SELECT i + 1 FROM n WHERE i < 20009) \
         INSERT INTO agno_spans SELECT printf('%016x', i), printf('%032x', i / 10), NULL, 'span ' || i, 'INTERNAL', 'OK', NULL, \
         '2026-11-22T05:59:04.229975+00:00', '2026-11-22T05:59:05+00:00', 770, json_object('input.value', 'input ' || i), '2026-11-22' FROM n; \
         INSERT INTO agno_traces SELECT trace_id, 'trace', 'OK', min(start_time), max(end_time), 1, NULL, NULL, NULL, NULL, NULL, NULL, \
         '2026-11-22' FROM agno_spans GROUP BY trace_id",
    );
}

#[test]
fn a_killed_archive_or_deletion_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("traces.db");
    let (archive, rest) = (directory.path().join("a.jsonl.zst"), directory.path().join("rest.db"));
    large(&path);
    let before = tables(&path);
    let spans = || count(&path, "SELECT count(*) FROM agno_spans");
    let command = ["archive", "traces.db", "--older-than", "0s", "-o", "a.jsonl.zst", "--delete"];
    let has_temporary_file =
        || std::fs::read_dir(directory.path()).unwrap().any(|entry| entry.unwrap().file_name().to_string_lossy().contains(".tmp"));
    // Killed while it writes the archive, and while it deletes.
    let moments: [&dyn Fn() -> bool; 2] = [&has_temporary_file, &|| archive.exists() && spans() < 20_000];
    for has_come in moments {
        let mut program = std::process::Command::new(assert_cmd::cargo::cargo_bin("agno-top"));
        let mut child = program.args(command).current_dir(directory.path()).stderr(std::process::Stdio::null()).spawn().unwrap();
        while !has_come() && child.try_wait().unwrap().is_none() {}
        child.kill().unwrap();
        child.wait().unwrap();
        if !archive.exists() {
            assert_eq!(tables(&path), before);
            continue;
        }
        // What the database has lost is in the archive.
        std::fs::copy(&path, &rest).unwrap();
        let (code, message) = run(directory.path(), &["restore", "a.jsonl.zst", "--to", "rest.db"]);
        assert_eq!(code, 0, "{message}");
        assert_eq!(tables(&rest), before);
    }
    let (code, message) = run(directory.path(), &[&command[..], &["--resume"]].concat());
    assert_eq!((code, spans()), (0, 0), "{message}");
    let (code, message) = run(directory.path(), &["restore", "a.jsonl.zst", "--to", "traces.db"]);
    assert_eq!(code, 0, "{message}");
    assert_eq!(tables(&path), before);
}

/// Returns the names of the files in a folder.
fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
#[cfg(unix)]
fn an_archive_that_a_signal_ends_leaves_nothing() {
    use std::os::unix::process::ExitStatusExt;

    use rustix::process::{Pid, Signal, kill_process};

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("traces.db");
    large(&path);
    let before = tables(&path);
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let mut program = std::process::Command::new(assert_cmd::cargo::cargo_bin("agno-top"));
        program.args(["archive", "traces.db", "--older-than", "0s", "-o", "a.jsonl.zst", "--delete"]).current_dir(directory.path());
        let mut child = program.stderr(std::process::Stdio::null()).spawn().unwrap();
        while !names(directory.path()).iter().any(|name| name.contains(".tmp")) {
            assert_eq!(child.try_wait().unwrap(), None);
        }
        kill_process(Pid::from_child(&child), signal).unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(signal.as_raw()));
        assert_eq!((names(directory.path()), tables(&path)), (vec!["traces.db".to_owned()], before.clone()));
    }
}

#[test]
#[cfg(unix)]
fn what_does_not_fit_on_the_disk_leaves_nothing_and_is_said() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("traces.db");
    large(&path);
    let before = tables(&path);
    let (code, message) = run(directory.path(), &["archive", "traces.db", "--older-than", "0s", "-o", "whole.jsonl.zst"]);
    assert_eq!(code, 0, "{message}");
    for (arguments, expected) in [
        (&["archive", "traces.db", "--older-than", "0s", "-o", "a.jsonl.zst", "--delete"][..], "can't write a.jsonl.zst: File too large"),
        (&["export", "traces.db", "-o", "a.json"], "can't write a.json"),
        (&["restore", "whole.jsonl.zst", "--to", "new.db"], "new.db"),
    ] {
        // A limit on the size of files, in blocks of 512 bytes, ends a write as a full disk does, if its signal is ignored.
        let mut limited = std::process::Command::new("/bin/sh");
        limited.args(["-c", r#"trap '' XFSZ; ulimit -f 32; exec "$@""#, "sh"]).arg(assert_cmd::cargo::cargo_bin("agno-top"));
        let done = limited
            .args(arguments)
            .current_dir(directory.path())
            .env("HOME", "/nonexistent")
            .env("XDG_STATE_HOME", "/nonexistent")
            .output()
            .unwrap();
        let message = String::from_utf8(done.stderr).unwrap();
        assert!(done.status.code() == Some(1) && message.contains(expected), "{arguments:?}: {:?} {message}", done.status);
        assert_eq!(names(directory.path()), ["traces.db", "whole.jsonl.zst"], "{arguments:?}: {message}");
        assert_eq!(tables(&path), before);
    }
}
