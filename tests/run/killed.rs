//! Real Agno in processes that are killed: nothing that has ended is lost, and what was open is recorded as cut.

use std::path::Path;
use std::process::Command;

use rusqlite::Connection;
use serde_json::Value;

use crate::providers::{QUESTION, run};
use crate::real::{models, python};

/// Returns what `list --json` says of a recording: the status, the name and the spans of each trace.
fn listed(directory: &Path) -> Vec<(String, String, u64)> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_agno-top"));
    let output = command.args(["list", "--json", "seen.db"]).current_dir(directory).env("XDG_CONFIG_HOME", directory).output().unwrap();
    let text = |trace: &Value, key: &str| trace[key].as_str().unwrap_or_default().to_owned();
    let read = |line: &str| {
        let trace: Value = serde_json::from_str(line).unwrap();
        (text(&trace, "status"), text(&trace, "name"), trace["spans"].as_u64().unwrap())
    };
    let mut traces: Vec<_> = String::from_utf8(output.stdout).unwrap().lines().map(read).collect();
    traces.sort();
    traces
}

#[test]
fn what_a_killed_process_did_is_recorded_with_its_root_and_its_tool_cut() {
    let Some(python) = python() else { return };
    let (_server, address) = models(&python);
    for (signal, code) in [("9", 128 + 9), ("15", 128 + 15)] {
        let directory = tempfile::tempdir().unwrap();
        // It kills itself at the beginning of its first tool: no thread of its own could send anything any more.
        let output = run(directory.path(), &python, &["die", &address, QUESTION, signal]);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{told}");
        assert!(told.starts_with("agno-top: 1 trace, 1 cut, "), "{told}");
        assert_eq!(listed(directory.path()), [("cut".to_owned(), "Clerk.run".to_owned(), 3)]);
        let connection = Connection::open(directory.path().join("seen.db")).unwrap();
        let cut = "SELECT group_concat(name) FROM (SELECT name FROM agno_spans WHERE attributes LIKE '%agno_top.span.cut%' ORDER BY name)";
        let cut: String = connection.query_row(cut, [], |row| row.get(0)).unwrap();
        assert_eq!(cut, "Clerk.run,look_up");
        let pending: i64 =
            connection.query_row("SELECT count(*) FROM agno_spans WHERE attributes LIKE '%pending%'", [], |row| row.get(0)).unwrap();
        assert_eq!(pending, 0);
    }
}

#[test]
fn workers_that_are_killed_after_their_last_result_lose_nothing() {
    let Some(python) = python() else { return };
    let (_server, address) = models(&python);
    let directory = tempfile::tempdir().unwrap();
    let output = run(directory.path(), &python, &["pool", &address, QUESTION]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(told.starts_with("agno-top: 4 traces, "), "{told}");
    let names: Vec<(String, String)> = listed(directory.path()).into_iter().map(|(status, name, _)| (status, name)).collect();
    assert_eq!(names, ["Clerk", "One", "Three", "Two"].map(|name| ("ok".to_owned(), format!("{name}.run"))));
}
