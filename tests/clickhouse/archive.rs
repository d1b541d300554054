//! The commands `archive`, `prune` and `restore` on ClickHouse.

use std::path::Path;

use crate::front::{Front, spans};
use crate::program;

/// The start of spans that are old.
const OLD: &str = "toDateTime64('2026-01-01 00:00:00', 6, 'UTC')";

/// Agno's table of traces, which holds a row for each batch of spans; a column that agno-top does not know; and one that is not stored.
fn more(front: &Front, database: &str) {
    front.run(&format!(
        "CREATE TABLE {database}.agno_traces (trace_id String, name String, status LowCardinality(String), start_time DateTime64(6, 'UTC'), \
         end_time DateTime64(6, 'UTC'), duration_ms Int64, run_id Nullable(String), created_at DateTime64(6, 'UTC')) ENGINE = MergeTree PARTITION BY toYYYYMM(start_time) ORDER BY (start_time, trace_id)"
    ));
    for (name, run) in [("span", "NULL"), ("it\\'s \\\\ \\t whole", "'r'")] {
        front.run(&format!(
            "INSERT INTO {database}.agno_traces SELECT DISTINCT trace_id, '{name}', 'OK', toStartOfSecond(min(start_time)), max(end_time), 5, {run}, max(created_at) \
             FROM {database}.agno_spans GROUP BY trace_id"
        ));
    }
    front.run(&format!(
        "ALTER TABLE {database}.agno_spans ADD COLUMN numbers Array(Float64) DEFAULT [0.1, 2], ADD COLUMN size UInt64 MATERIALIZED length(name)"
    ));
}

fn rows(front: &Front, database: &str) -> [String; 2] {
    ["agno_traces", "agno_spans"].map(|table| {
        let order = if table == "agno_spans" { "span_id" } else { "trace_id, name" };
        front.run(&format!("SELECT * FROM {database}.{table} ORDER BY {order}"))
    })
}

fn succeed(directory: &Path, arguments: &[&str]) -> String {
    let output = program(arguments).current_dir(directory).assert().success().get_output().clone();
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn archive_delete_and_restore_is_a_round_trip_in_every_column() {
    let Some(front) = Front::shared() else { return };
    let database = front.agno();
    front.run(&spans(&database, 1, 1500, OLD, 1000));
    // A batch that was sent twice is there twice.
    front.run(&format!("INSERT INTO {database}.agno_spans SELECT * FROM {database}.agno_spans WHERE span_id < '0000000000000010'"));
    more(front, &database);
    let before = rows(front, &database);
    let (directory, url) = (tempfile::tempdir().unwrap(), front.url(&database));
    let archive = ["archive", &url, "--older-than", "0s", "-o", "a.jsonl.zst"];
    let message = succeed(directory.path(), &[&archive[..], &["--delete"]].concat());
    assert!(message.contains("deleted 1,515 spans of 150 traces"), "{message}");
    assert!(rows(front, &database).iter().all(String::is_empty));
    let mutations =
        front.run(&format!("SELECT count(), min(is_done) FROM system.mutations WHERE database = '{database}' AND command LIKE '%DELETE%'"));
    assert_eq!(mutations, "2\t1", "one for each table");
    let restore = ["restore", "a.jsonl.zst", "--to", &url];
    let message = succeed(directory.path(), &restore);
    assert!(message.contains("restored 1,515 spans of 150 traces"), "{message}");
    assert!(rows(front, &database) == before, "a row differs");
    let message = succeed(directory.path(), &restore);
    assert!(message.contains("restored 0 spans of 0 traces; 1,515 spans there before"), "{message}");
    assert!(rows(front, &database) == before, "a row differs");
    // SQLite takes what it has columns for.
    front.run(&format!("ALTER TABLE {database}.agno_spans DROP COLUMN numbers"));
    std::fs::remove_file(directory.path().join("a.jsonl.zst")).unwrap();
    succeed(directory.path(), &archive);
    succeed(directory.path(), &["restore", "a.jsonl.zst", "--to", "copy.db"]);
    let list = |source: &str| {
        let output =
            program(&["list", "--json", "--limit", "500", source]).current_dir(directory.path()).assert().success().get_output().clone();
        String::from_utf8(output.stdout).unwrap()
    };
    let listed = list("copy.db");
    assert_eq!(listed.lines().count(), 150);
    assert_eq!(listed.replace("copy.db", "X"), list(&url).replace(&url.replace(":pa55word", ""), "X"));
}

#[test]
fn new_rows_and_changed_traces_stay_and_what_can_not_be_deleted_is_said() {
    let Some(front) = Front::shared() else { return };
    let database = front.agno();
    front.run(&spans(&database, 1, 40, OLD, 1000));
    let (directory, url) = (tempfile::tempdir().unwrap(), front.url(&database));
    let archive = ["archive", &url, "--older-than", "0s", "-o", "a.jsonl.zst"];
    succeed(directory.path(), &archive);
    // A span of the second trace comes later.
    front.run(&spans(&database, 1015, 1, OLD, 1000).replace("intDiv(number - 1, 10)", "1"));
    let message = succeed(directory.path(), &[&archive[..], &["--delete", "--resume"]].concat());
    assert!(message.contains("deleted 30 spans of 3 traces") && message.contains("1 trace changed meanwhile"), "{message}");
    assert_eq!(front.run(&format!("SELECT count() FROM {database}.agno_spans")), "11");
    let message = succeed(directory.path(), &["prune", &url, "--older-than", "0s", "--yes"]);
    assert!(message.contains("deleted 11 spans of 1 trace"), "{message}");
    let collector = front.collector("Map(LowCardinality(String), String)");
    let output = program(&["prune", &front.url(&collector), "--older-than", "0s", "--yes"]).assert().failure().get_output().clone();
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(message.contains("is a table of the OpenTelemetry collector, which is not archived or pruned here"), "{message}");
}
