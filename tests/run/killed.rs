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
        let output = run(directory.path(), &python, &["die", &address, QUESTION, signal, "0"]);
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
fn a_tool_that_was_killed_took_at_least_the_time_until_its_process_ended() {
    let Some(python) = python() else { return };
    let (_server, address) = models(&python);
    let directory = tempfile::tempdir().unwrap();
    let output = run(directory.path(), &python, &["die", &address, QUESTION, "9", "1.5"]);
    assert_eq!(output.status.code(), Some(128 + 9), "{}", String::from_utf8_lossy(&output.stderr));
    let connection = Connection::open(directory.path().join("seen.db")).unwrap();
    let sql = "SELECT min(duration_ms), max(duration_ms) FROM agno_spans WHERE name = ?1";
    let times = |name: &str| connection.query_row(sql, [name], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))).unwrap();
    let (tool, run) = (times("look_up").0, times("Clerk.run").1);
    // A heartbeat comes every five seconds: the end of the connection told it.
    assert!(tool >= 1490 && run >= tool, "{tool} ms, {run} ms");
    let command = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_agno-top"));
        let output = command.args(arguments).current_dir(directory.path()).env("XDG_CONFIG_HOME", directory.path()).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let trace: Value = serde_json::from_str(&command(&["why", "last", "--json", "seen.db"])).unwrap();
    assert_eq!(trace["critical_path"][0]["name"], "tool look_up", "{trace}");
    assert!(trace["findings"][0]["sentence"].as_str().unwrap().starts_with("tool look_up was cut after at least "), "{trace}");
    let shown = command(&["show", "last", "seen.db"]);
    let line = shown.lines().find(|line| line.contains("⚙ look_up")).unwrap_or(&shown);
    assert!(line.contains('≥') && shown.matches('≥').count() >= 2, "the tool and its run: {shown}");
    let report = command(&["export", "last", "seen.db", "--format", "markdown"]);
    assert!(report.contains("- took: ≥") && report.contains("tool look_up  ≥"), "{report}");
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
