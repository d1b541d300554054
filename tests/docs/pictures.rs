//! The pictures of the documents are drawn by the program.

use std::io::{BufRead, BufReader};
use std::path::Path;

use agno_top::model::time::{parse, to_isoformat};
use agno_top::tui::theme::{ColorSupport, Themes};
use flate2::read::GzDecoder;
use ratatui::buffer::Buffer;
use serde_json::{Map, Value};

use crate::root;
use crate::stage::{NOW, Stage};
use crate::svg::{Frame, svg};

/// The themes that the pictures are drawn in.
const THEMES: [&str; 2] = ["dark", "light"];

/// Draws a moment of the demo, after some keys were pressed, in each of the themes.
fn draw(size: (u16, u16), milliseconds: u64, keys: &str) -> [Buffer; 2] {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("demo.db");
    write_demo(&path, milliseconds);
    let mut stage = Stage::open(&path, size);
    "demo".clone_into(&mut stage.app.sources[0].name);
    stage.keys(keys);
    THEMES.map(|theme| {
        stage.app.themes = Themes::load(theme, None, ColorSupport::True).0;
        stage.buffer()
    })
}

/// Writes the beginning of the demo's recording into a database, so that it ends at [`NOW`].
fn write_demo(path: &Path, milliseconds: u64) {
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.execute_batch(include_str!("../../assets/demo.sql")).unwrap();
    connection.execute_batch("BEGIN").unwrap();
    let recording = BufReader::new(GzDecoder::new(&include_bytes!("../../assets/demo.jsonl.gz")[..]));
    let writes: Vec<Map<String, Value>> = recording.lines().map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
    let starts = writes.iter().filter(|write| write["table"] == "agno_spans").map(|write| write["row"]["start_time"].as_str().unwrap());
    let begin = starts.map(|start| parse(start.as_bytes()).unwrap()).min().unwrap();
    let shift = NOW - i64::try_from(milliseconds).unwrap() * 1_000_000 - begin;
    for write in writes.iter().filter(|write| write["at_ms"].as_u64().unwrap() <= milliseconds) {
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
    connection.execute_batch("COMMIT").unwrap();
}

/// Replaces times of day, which depend on the time zone.
fn without_times(text: &str) -> String {
    regex::Regex::new(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d|\b\d\d:\d\d:\d\d\b").unwrap().replace_all(text, "hh:mm:ss").into_owned()
}

/// Compares a picture with the file in both themes, or writes the files if the environment says so.
fn check(name: &str, title: &str, size: (u16, u16), scenes: &[(u64, &str, u32)]) {
    let mut pictures = THEMES.map(|_| Vec::new());
    for &(moment, keys, milliseconds) in scenes {
        for (frames, buffer) in pictures.iter_mut().zip(draw(size, moment, keys)) {
            frames.push(Frame { buffer, milliseconds });
        }
    }
    for (theme, frames) in THEMES.iter().zip(&pictures) {
        let drawn = svg(frames, title);
        let path = root().join(format!("docs/src/images/{name}-{theme}.svg"));
        if std::env::var_os("AGNO_TOP_WRITE_DOCS").is_some() {
            std::fs::write(&path, drawn).unwrap();
            continue;
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        let is_same = without_times(&kept) == without_times(&drawn);
        assert!(is_same, "{} shows an older screen; AGNO_TOP_WRITE_DOCS=1 cargo test --test docs draws it again", path.display());
    }
}

/// Unfolds the team, and returns to the newest trace.
const TEAM: &str = "jjjjjjlg";

#[test]
fn the_demo_moves() {
    let title = "agno-top in a terminal: traces of agents with bars, tokens and cost, then an error, the errors, and the agents";
    let mut scenes: Vec<(u64, &str, u32)> = (0..10).map(|second| (12_000 + second * 1_000, "", 700)).collect();
    scenes.extend([(21_000, "e", 2_000), (21_000, "e<Enter>", 3_000), (21_000, "6", 2_500), (21_000, "3", 2_500), (21_000, TEAM, 3_000)]);
    check("demo", title, (120, 34), &scenes);
}

#[test]
fn the_traces_are_shown() {
    check("traces", "The traces: a tree with bars, tokens and cost, and the overview of a run", (120, 34), &[(21_000, TEAM, 0)]);
}

#[test]
fn messages_are_shown() {
    let keys = "/agent:refund kind:model<Enter>ljjjjj<Enter><Enter>]]";
    check("messages", "The messages of a model call: roles, tool calls and their results", (110, 18), &[(30_000, keys, 0)]);
}

#[test]
fn errors_are_shown() {
    check("errors", "The errors, grouped by their message", (120, 26), &[(60_000, "6", 0)]);
}

#[test]
fn a_comparison_is_shown() {
    check("compare", "Two runs side by side, with what differs underlined", (110, 20), &[(60_000, "/agent:support<Enter>mjd", 0)]);
}
