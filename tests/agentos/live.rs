//! A real AgentOS: what it tells is what its database holds, as far as it tells it.
//!
//! Needs a Python with `tests/agno/requirements.txt`, named by `AGNO_TOP_AGNO_PYTHON`.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use agno_top::model::SpanId;
use agno_top::sources::{ReadLimits, State};
use rusqlite::Connection;
use serde_json::Value;

use super::Source;
use super::real::{Process, models, python};

/// What a trace has in both; AgentOS tells no cost and no parts of tokens, and the names of agents are those in the names of their spans.
const LISTED: [&str; 15] = [
    "trace_id",
    "name",
    "root",
    "status",
    "start",
    "end",
    "duration_ms",
    "spans",
    "errors",
    "failed_steps",
    "failed",
    "session",
    "user",
    "input_tokens",
    "output_tokens",
];

/// What a span has in both.
const SHOWN: [&str; 15] = [
    "trace_id",
    "span_id",
    "parent_id",
    "name",
    "kind",
    "status",
    "failed",
    "start",
    "end",
    "duration_ms",
    "model",
    "tool",
    "session",
    "input_tokens",
    "output_tokens",
];

/// The trace whose root is in another program.
const REMOTE: &str = "cccccccccccccccccccccccccccccccc";

struct AgentOs {
    process: Process,
    url: String,
    output: BufReader<std::process::ChildStdout>,
}

impl AgentOs {
    fn start(python: &std::ffi::OsStr, database: &Path, models: &str, key: Option<&str>) -> Self {
        Self::start_at("0", python, database, models, key)
    }

    fn start_at(port: &str, python: &std::ffi::OsStr, database: &Path, models: &str, key: Option<&str>) -> Self {
        let mut command = Command::new(python);
        command.env("AGENTOS_PORT", port);
        command.arg("tests/agentos/app.py").arg(database).arg(models).args(key).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = Process(command.spawn().unwrap());
        let output = BufReader::new(process.0.stdout.take().unwrap());
        let mut started = Self { process, url: String::new(), output };
        let port: u16 = started.line().parse().unwrap();
        started.url = format!("http://127.0.0.1:{port}");
        started
    }

    /// Returns the next line that is not a message of Agno's; panics when the program ends.
    fn line(&mut self) -> String {
        loop {
            let mut line = String::new();
            let read = self.output.read_line(&mut line).unwrap();
            assert!(read > 0, "the program ended: install tests/agno/requirements.txt again?");
            let line = line.trim();
            if line.parse::<u16>().is_ok() || line == "\"done\"" {
                return line.to_owned();
            }
        }
    }

    /// Runs the agents.
    fn run(&mut self) {
        self.process.0.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
        assert_eq!(self.line(), "\"done\"");
    }
}

/// Returns what a command prints about a source, by a key of its lines.
fn told(arguments: &[&str], source: &str, by: &str) -> BTreeMap<String, Value> {
    let home = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_agno-top")).args(arguments).arg(source).env("HOME", home.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut told = BTreeMap::new();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let value: Value = serde_json::from_str(line).unwrap();
        told.insert(value[by].as_str().unwrap().to_owned(), value);
    }
    told
}

fn compare(one: &Value, other: &Value, fields: &[&str]) {
    for field in fields {
        assert!(one.get(*field).is_some(), "there is no {field} in {one}");
        // AgentOS leaves the output of failed steps out, which says why more exactly than "run status: error".
        assert_eq!(one[field], other[field], "{field} of {} {}", one["trace_id"], one["name"]);
    }
}

#[test]
fn what_agentos_tells_is_what_its_database_holds() {
    let Some(python) = python() else { return };
    let (_models, models) = models(&python);
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("os.db");
    let mut agentos = AgentOs::start(&python, &database, &models, None);
    let mut source = Source::open(&agentos.url, None, ReadLimits::of(1_000_000));
    source.until_watching();
    agentos.run();
    let stored = || -> (u64, u64) {
        let connection = Connection::open(&database).unwrap();
        let count = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap() as u64;
        (count("SELECT count(*) FROM agno_traces"), count(&format!("SELECT count(*) FROM agno_spans WHERE trace_id <> '{REMOTE}'")))
    };
    // The spans come live: those of the user's requests, and a row for the trace whose root is elsewhere.
    source.until("the spans", |source| source.spans() == stored().1 + 1);
    assert_eq!(stored().0, 8, "one trace for each of the user's requests, none for those of agno-top");
    assert_eq!(source.store.trace_count(), 8);

    let database = database.to_str().unwrap();
    let [mut ours, mut theirs] = [database, &agentos.url].map(|place| told(&["list", "--json", "--all"], place, "trace_id"));
    assert!(ours.remove(REMOTE).is_some());
    let remote = theirs.remove(REMOTE).unwrap();
    assert_eq!((&remote["spans"], &remote["input_tokens"]), (&Value::from(1), &Value::Null));
    assert_eq!(ours.len(), theirs.len());
    for (id, ours) in &ours {
        let theirs = &theirs[id];
        compare(ours, theirs, &LISTED);
        assert_eq!(theirs["cost_usd"], Value::Null);
        let name = |value: &Value| value["agent"].as_str().unwrap_or_default().replace('_', " ");
        assert_eq!(name(ours), name(theirs));
        let spans = |place: &str| -> BTreeMap<String, Value> {
            let shown = told(&["show", "--json", id], place, "trace_id");
            let spans = shown[id]["spans"].as_array().unwrap();
            spans.iter().map(|span| (span["span_id"].as_str().unwrap().to_owned(), span.clone())).collect()
        };
        let (ours, theirs) = (spans(database), spans(&agentos.url));
        assert_eq!(ours.keys().collect::<Vec<_>>(), theirs.keys().collect::<Vec<_>>());
        for (id, span) in &ours {
            compare(span, &theirs[id], &SHOWN);
        }
    }
    // Inputs and outputs, to the character.
    let attributes = |place: &str| told(&["export", "--format", "jsonl", "-o", "-"], place, "span_id");
    let (ours, theirs) = (attributes(database), attributes(&agentos.url));
    let mut compared = 0;
    for (id, span) in theirs.iter().filter(|(_, span)| span["trace_id"] != REMOTE) {
        for key in ["input.value", "output.value"] {
            let told = &span["attributes"][key];
            // Of a step that failed it tells the error instead of the output.
            if !told.is_null() {
                assert_eq!(told, &ours[id]["attributes"][key], "{key} of {}", span["name"]);
                compared += 1;
            }
        }
        assert!(SpanId::parse(id.as_bytes()).is_some());
    }
    assert!(compared > 30, "{compared} texts");
}

#[test]
fn a_restart_is_told_and_loses_and_repeats_nothing() {
    let Some(python) = python() else { return };
    let (_models, models) = models(&python);
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("os.db");
    let mut agentos = AgentOs::start(&python, &database, &models, None);
    let mut source = Source::open(&agentos.url, None, ReadLimits::of(1_000_000));
    let stored = || -> u64 {
        let connection = Connection::open(&database).unwrap();
        let sql = format!("SELECT count(*) FROM agno_spans WHERE trace_id <> '{REMOTE}'");
        connection.query_row(&sql, [], |row| row.get::<_, i64>(0)).unwrap() as u64
    };
    source.until_watching();
    for runs in 1..3 {
        agentos.run();
        // It ends at once, and what it stored last is read from the next one.
        drop(agentos.process);
        source.until("it fails", |source| matches!(source.states.last(), Some(State::Failing(why)) if why.contains("nothing listens")));
        agentos = AgentOs::start_at(agentos.url.rsplit(':').next().unwrap(), &python, &database, &models, None);
        source.until_watching();
        // One row stands for the trace whose root is elsewhere.
        source.until("the spans", |source| source.spans() == stored() + 1);
        assert_eq!(source.store.trace_count(), 7 * runs + 1);
    }
    assert!(source.sent.iter().filter(|((trace, _), _)| trace.to_string() != REMOTE).all(|(_, times)| *times == 1), "{:?}", source.sent);
}

#[test]
fn a_real_key_is_asked_for_and_used() {
    let Some(python) = python() else { return };
    let (_models, models) = models(&python);
    let directory = tempfile::tempdir().unwrap();
    let agentos = AgentOs::start(&python, &directory.path().join("os.db"), &models, Some("s3cret"));
    let message = Source::open(&agentos.url, None, ReadLimits::of(10)).failure();
    assert!(message.contains(" asks for a key (401: Authorization header required)"), "{message}");
    let message = Source::open(&agentos.url, Some("wrong"), ReadLimits::of(10)).failure();
    assert!(message.contains(" refuses the key (401: Invalid authentication token)"), "{message}");
    Source::open(&agentos.url, Some("s3cret"), ReadLimits::of(10)).until_watching();
    let message = Source::open(&format!("{}?db_id=none", agentos.url), Some("s3cret"), ReadLimits::of(10)).failure();
    assert!(message.ends_with(": there is no database of that name; there are traces"), "{message}");
}
