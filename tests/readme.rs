//! README shows what the program prints.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod stage;

use std::fmt::Write;
use std::path::Path;

use agno_top::keymap::ENTRIES;
use agno_top::model::time::{parse, to_isoformat};
use serde_json::{Map, Value};
use stage::{NOW, Stage};

const README: &str = include_str!("../README.md");

#[test]
fn readme_lists_the_keys_as_the_program_has_them() {
    let mut table = String::from("| keys | what they do | name |\n|---|---|---|\n");
    for entry in ENTRIES {
        let keys: Vec<String> = entry.keys.iter().map(|key| format!("`{}`", key.replace('|', "\\|"))).collect();
        let _ = writeln!(table, "| {} | {} | {} |", keys.join(" "), entry.help, entry.name);
    }
    assert!(README.contains(&table), "put this table into README.md:\n{table}");
}

/// The commands in the fenced block that begins with `$ agno-top list`, each with the output that README shows.
fn command_outputs() -> Vec<(&'static str, String)> {
    let block = README.split("```text\n").find(|block| block.starts_with("$ agno-top list")).unwrap().split("```").next().unwrap();
    let commands = block.split("$ agno-top ").skip(1).map(|part| part.split_once('\n').unwrap());
    commands.map(|(command, output)| (command, output.trim_end().to_owned() + "\n")).collect()
}

/// Runs a command in a directory where `traces.db` is the fixture that Agno wrote.
fn run(arguments: &str) -> String {
    let directory = tempfile::tempdir().unwrap();
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/agno-3.1.10.sqlite");
    std::fs::copy(fixture, directory.path().join("traces.db")).unwrap();
    let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_agno-top"));
    command.args(arguments.split_whitespace()).current_dir(directory.path()).env("TZ", "UTC");
    command.env("XDG_STATE_HOME", directory.path()).env("XDG_CONFIG_HOME", directory.path());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Removes the column `BEGAN` of `list`, whose times carry a date on any other day.
fn without_began(table: &str) -> String {
    let Some(start) = table.lines().next().and_then(|heading| heading.find("STATUS")) else { return table.to_owned() };
    table.lines().fold(String::new(), |text, line| text + &line[start..] + "\n")
}

/// Whether two lines are equal, or `shown` is cut with `…` as it is in a terminal.
fn is_shown(shown: &str, printed: &str) -> bool {
    shown.strip_suffix('…').map_or(shown == printed, |start| printed.starts_with(start))
}

#[test]
fn readme_shows_the_output_of_the_commands() {
    let outputs = command_outputs();
    assert_eq!(outputs.len(), 4);
    for (command, shown) in outputs {
        let (shown, printed) = (without_began(&shown), without_began(&run(command)));
        let is_equal = shown.lines().count() == printed.lines().count()
            && shown.lines().zip(printed.lines()).all(|(shown, printed)| is_shown(shown, printed));
        assert!(is_equal, "README shows for `agno-top {command}`\n{shown}\nbut it prints\n{printed}");
    }
}

/// Writes the first 21 seconds of the demo into a database, so that they end at [`NOW`].
fn write_demo(path: &Path) {
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.execute_batch(include_str!("../assets/demo.sql")).unwrap();
    let writes: Vec<Map<String, Value>> =
        include_str!("../assets/demo.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let starts = writes.iter().filter(|write| write["table"] == "agno_spans").map(|write| write["row"]["start_time"].as_str().unwrap());
    let shift = NOW - 21_000_000_000 - starts.map(|start| parse(start.as_bytes()).unwrap()).min().unwrap();
    for write in writes.iter().filter(|write| write["at_ms"].as_u64().unwrap() <= 21_000) {
        let row = write["row"].as_object().unwrap();
        let columns: Vec<&str> = row.keys().map(String::as_str).collect();
        let placeholders = vec!["?"; columns.len()].join(", ");
        let table = write["table"].as_str().unwrap();
        let values = row.iter().map(|(column, value)| match value {
            Value::String(text) if ["start_time", "end_time", "created_at"].contains(&column.as_str()) => {
                to_isoformat(parse(text.as_bytes()).unwrap() + shift).into()
            }
            Value::String(text) => text.clone().into(),
            Value::Number(number) => number.as_i64().map_or_else(|| number.as_f64().unwrap().into(), rusqlite::types::Value::from),
            Value::Null => rusqlite::types::Value::Null,
            other => other.to_string().into(),
        });
        let statement = format!("INSERT OR REPLACE INTO {table} ({}) VALUES ({placeholders})", columns.join(", "));
        connection.execute(&statement, rusqlite::params_from_iter(values)).unwrap();
    }
}

/// Replaces times of day, which depend on the time zone.
fn without_times(text: &str) -> String {
    regex::Regex::new(r"\b\d\d:\d\d:\d\d\b").unwrap().replace_all(text, "hh:mm:ss").into_owned()
}

#[test]
fn readme_shows_the_screen_of_the_demo() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("demo.db");
    write_demo(&path);
    let mut stage = Stage::open(&path, (120, 36));
    "demo".clone_into(&mut stage.app.sources[0].name);
    // Unfolds the team, and returns to the newest trace.
    stage.keys("jjjjjjlg");
    let screen: String = stage.text().lines().map(|line| line.trim_matches('"').trim_end().to_owned() + "\n").collect();
    let shown = README.split("```text\n").nth(1).unwrap().split("```").next().unwrap();
    assert!(without_times(shown) == without_times(&screen), "put this screen into README.md:\n{screen}");
}
