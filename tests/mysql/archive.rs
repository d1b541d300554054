//! The commands `archive`, `prune` and `restore` on MariaDB.

use std::path::Path;
use std::process::{Command, Output};

use crate::server::{LOGIN, Server, spans};

/// Every column of both tables.
const TABLES: [&str; 2] = ["SELECT * FROM agno_traces ORDER BY trace_id", "SELECT *, HEX(bytes) FROM agno_spans ORDER BY span_id"];

/// A row for each trace as Agno writes it, and columns that agno-top does not know, one of them generated.
const MORE: &str = "CREATE TABLE agno_traces (trace_id VARCHAR(128) PRIMARY KEY, name VARCHAR(255) NOT NULL, status VARCHAR(50) NOT NULL, \
    start_time VARCHAR(128) NOT NULL, end_time VARCHAR(128) NOT NULL, duration_ms BIGINT NOT NULL, run_id VARCHAR(128), created_at VARCHAR(128) NOT NULL); \
    INSERT INTO agno_traces SELECT DISTINCT trace_id, 'it''s \\\\ \"x\"', 'OK', '2026-11-22T05:59:04+00:00', '2026-11-22T05:59:05+00:00', 5, NULL, '2026-11-22' FROM agno_spans; \
    ALTER TABLE agno_spans ADD bytes VARBINARY(8) DEFAULT X'00FF27', ADD half FLOAT DEFAULT 0.1, ADD at TIMESTAMP(6) DEFAULT '2026-01-02 03:04:05.678', \
    ADD size INTEGER GENERATED ALWAYS AS (length(name)) STORED, ADD INDEX (trace_id)";

fn run(directory: &Path, arguments: &[&str]) -> Output {
    let mut program = Command::new(env!("CARGO_BIN_EXE_agno-top"));
    program.env_clear().env("HOME", directory).current_dir(directory).args(arguments).output().unwrap()
}

fn succeed(directory: &Path, arguments: &[&str]) -> String {
    let output = run(directory, arguments);
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{arguments:?}: {message}");
    message
}

#[test]
fn archive_delete_and_restore_is_a_round_trip_in_every_column() {
    let Some(server) = Server::shared() else { return };
    let schema = server.schema();
    server.run(&schema, &format!("{}{MORE}", spans(10..1510, 0)));
    let rows = || TABLES.map(|sql| server.ask(&schema, sql));
    let before = rows();
    let directory = tempfile::tempdir().unwrap();
    let url = server.url(LOGIN, &schema);
    let archive = ["archive", &url, "--schema", &schema, "--older-than", "0s", "-o", "a.jsonl.zst"];
    let message = succeed(directory.path(), &[&archive[..], &["--delete"]].concat());
    assert!(message.contains("deleted 1,500 spans of 150 traces"), "{message}");
    assert!(rows().iter().all(String::is_empty));
    let restore = ["restore", "a.jsonl.zst", "--to", &url, "--schema", &schema];
    let message = succeed(directory.path(), &restore);
    assert!(message.contains("restored 1,500 spans of 150 traces"), "{message}");
    assert!(rows() == before, "a row differs");
    let message = succeed(directory.path(), &restore);
    assert!(message.contains("restored 0 spans of 0 traces; 1,500 spans there before"), "{message}");
    // SQLite takes what it has columns for.
    server.run(&schema, "ALTER TABLE agno_spans DROP size, DROP bytes, DROP half, DROP at");
    std::fs::remove_file(directory.path().join("a.jsonl.zst")).unwrap();
    succeed(directory.path(), &archive);
    succeed(directory.path(), &["restore", "a.jsonl.zst", "--to", "copy.db"]);
    let list = |arguments: &[&str]| {
        let output = run(directory.path(), &[&["list", "--json", "--limit", "500"], arguments].concat());
        String::from_utf8(output.stdout).unwrap()
    };
    let listed = list(&["copy.db"]);
    assert_eq!(listed.lines().count(), 150);
    assert_eq!(
        listed.replace("copy.db", "X"),
        list(&[&url, "--schema", &schema]).replace(&url.replace("+pymysql", "").replace(":p%40ss", ""), "X")
    );
}

#[test]
fn changed_traces_stay_and_missing_rights_are_named() {
    let Some(server) = Server::shared() else { return };
    let schema = server.schema();
    server.run(&schema, &format!("{}{MORE}", spans(0..40, 0)));
    let directory = tempfile::tempdir().unwrap();
    let url = server.url(LOGIN, &schema);
    let archive = ["archive", &url, "--schema", &schema, "--older-than", "0s", "-o", "a.jsonl.zst"];
    succeed(directory.path(), &archive);
    server.run(&schema, "UPDATE agno_spans SET attributes = '{}' WHERE span_id = LPAD('1', 16, '0'); DELETE FROM agno_spans WHERE span_id = LPAD('f', 16, '0')");
    let message = succeed(directory.path(), &[&archive[..], &["--delete", "--resume"]].concat());
    assert!(message.contains("deleted 20 spans of 2 traces") && message.contains("2 traces changed meanwhile"), "{message}");
    server.run(&schema, "CREATE TABLE notes (trace_id VARCHAR(128), FOREIGN KEY (trace_id) REFERENCES agno_traces (trace_id))");
    let prune = |url: &str| run(directory.path(), &["prune", url, "--schema", &schema, "--older-than", "0s", "--yes"]);
    let output = prune(&url);
    assert!(String::from_utf8_lossy(&output.stderr).contains(&format!("rows of {schema}.notes refer to traces")), "{output:?}");
    server.run(&schema, "DROP TABLE notes");
    server.run(
        "mysql",
        &format!("CREATE USER 'archive_reader'@'%' IDENTIFIED BY 'sesame'; GRANT SELECT ON {schema}.* TO 'archive_reader'@'%'"),
    );
    let output = prune(&server.url("archive_reader:sesame", &schema));
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(message.contains("archive_reader may not delete from") && message.contains("GRANT SELECT, DELETE ON"), "{message}");
    assert!(!message.contains("sesame"), "{message}");
    let output = prune(&url);
    assert!(String::from_utf8_lossy(&output.stderr).contains("deleted 19 spans of 2 traces"), "{output:?}");
}
