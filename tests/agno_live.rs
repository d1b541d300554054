//! Agno writes to a database while the SQLite source follows it: every span arrives once, as stored.
//!
//! Needs a Python with `tests/agno/requirements.txt`, named by `AGNO_TOP_AGNO_PYTHON`; without it the tests are skipped, and fail in CI.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "a test fails by panicking and speaks to the user who runs it")]

#[path = "agno/mod.rs"]
mod real;

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use agno_top::model::{Batch, Nanos, Origin, SourceId, Span, SpanType, Status};
use agno_top::sources::sqlite::{self, Tables};
use agno_top::sources::{State, Update, UpdateSender};
use chrono::DateTime;
use real::{Process, models, python};
use rusqlite::Connection;
use serde_json::Value;
use tokio::sync::mpsc::Receiver;

/// How long the source may take for the last rows.
const PATIENCE: Duration = Duration::from_secs(10);

/// The spans that the source sent, each with the batch that holds its texts.
#[derive(Default)]
struct Received {
    batches: Vec<Batch>,
    states: Vec<State>,
}

impl Received {
    fn take(&mut self, updates: &mut Receiver<Update>) {
        while let Ok(update) = updates.try_recv() {
            match update {
                Update::Batch(batch) => self.batches.push(batch),
                Update::State(_, state) => self.states.push(state),
                other => panic!("{other:?}"),
            }
        }
    }

    fn spans(&self) -> impl Iterator<Item = (&Batch, &Span)> {
        self.batches.iter().flat_map(|batch| batch.spans.iter().map(move |span| (batch, span)))
    }
}

/// A row of `agno_spans`, read without the code of the program.
struct Row {
    trace: String,
    parent: Option<String>,
    name: String,
    status: String,
    message: Option<String>,
    start: Nanos,
    end: Nanos,
    attributes: Value,
}

/// Reads every file in a directory, by name.
fn files(directory: &Path) -> BTreeMap<OsString, Vec<u8>> {
    let entries = std::fs::read_dir(directory).unwrap().map(Result::unwrap);
    entries.map(|entry| (entry.file_name(), std::fs::read(entry.path()).unwrap())).collect()
}

/// Reads a copy, because any ordinary connection changes the files beside a database in WAL mode.
fn rows(files: &BTreeMap<OsString, Vec<u8>>) -> HashMap<String, Row> {
    let copy = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        std::fs::write(copy.path().join(name), bytes).unwrap();
    }
    let connection = Connection::open(copy.path().join("traces.db")).unwrap();
    let mut statement = connection
        .prepare(
            "SELECT span_id, trace_id, parent_span_id, name, status_code, status_message, start_time, end_time, attributes FROM agno_spans",
        )
        .unwrap();
    let nanos = |text: String| DateTime::parse_from_rfc3339(&text).unwrap().timestamp_nanos_opt().unwrap();
    let rows = statement.query_map([], |row| {
        let [start, end] = [row.get(6)?, row.get(7)?].map(nanos);
        let attributes = serde_json::from_str(&row.get::<_, String>(8)?).unwrap();
        let (trace, parent, name, status, message) = (row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?);
        Ok((row.get(0)?, Row { trace, parent, name, status, message, start, end, attributes }))
    });
    rows.unwrap().map(Result::unwrap).collect()
}

fn follow_real_agno(python: &OsString, flags: &[&str]) {
    let (_server, address) = models(python);
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("traces.db");
    let (sender, mut updates) = tokio::sync::mpsc::channel(16);
    let handle = sqlite::start(database.clone(), Tables::default(), 1_000_000, UpdateSender::new(SourceId(0), sender)).unwrap();
    let mut scenario = Command::new(python);
    scenario.arg("tests/agno/scenario.py").arg(&database).arg(address).args(flags).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut scenario = Process(scenario.spawn().unwrap());
    let mut stderr = scenario.0.stderr.take().unwrap();
    let said = std::thread::spawn(move || std::io::read_to_string(&mut stderr).unwrap());

    let mut received = Received::default();
    let status = loop {
        received.take(&mut updates);
        if let Some(status) = scenario.0.try_wait().unwrap() {
            break status;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    assert!(status.success(), "{}", said.join().unwrap());
    assert!(received.spans().count() > 0, "spans arrive while Agno runs");

    let left_by_agno = files(directory.path());
    let rows = rows(&left_by_agno);
    let written = Instant::now();
    while received.spans().count() < rows.len() && written.elapsed() < PATIENCE {
        received.take(&mut updates);
        std::thread::sleep(Duration::from_millis(5));
    }
    // Duplicates would arrive within this time.
    std::thread::sleep(Duration::from_millis(500));
    received.take(&mut updates);
    drop((handle, updates));

    assert!(rows.len() > 40, "{} spans were stored", rows.len());
    compare(&received, rows);
    assert!(matches!(received.states.first(), Some(State::Waiting(_))), "{:?}", received.states);
    assert_eq!(received.states.last(), Some(&State::Watching { left_out: 0 }));
    std::thread::sleep(Duration::from_millis(300));
    // Agno does not close its database, so that the write-ahead log remains.
    assert!(left_by_agno == files(directory.path()), "the source changed no byte, and left nothing beside the database");
}

fn compare(received: &Received, mut rows: HashMap<String, Row>) {
    for (batch, span) in received.spans() {
        assert_eq!((batch.origin, batch.skipped.len()), (Origin::Live, 0));
        let id = span.id.to_string();
        let Some(row) = rows.remove(&id) else { panic!("{id} ({}) came twice, or is not in the database", batch.text(span.name)) };
        assert_eq!(span.trace.to_string(), row.trace);
        assert_eq!(span.parent.map(|parent| parent.to_string()), row.parent);
        assert_eq!(batch.text(span.name), row.name);
        assert_eq!((span.start, span.end), (row.start, Some(row.end)), "{}", row.name);
        let status =
            [("OK", Status::Ok), ("ERROR", Status::Error), ("UNSET", Status::Unset)].into_iter().find(|(code, _)| row.status == *code);
        assert_eq!(Some(span.status), status.map(|(_, status)| status), "{}", row.name);
        let message = row.message.unwrap_or_default();
        // Agno's own text says less than the output, which the row states instead.
        let is_unspecific = message.starts_with("run status:");
        // A row keeps the beginning on one line.
        assert!(
            is_unspecific || message.split_whitespace().eq(batch.text(span.error).split_whitespace()),
            "{message:?} {:?}",
            batch.text(span.error)
        );
        compare_facts(batch, span, &row.name, &row.attributes);
    }
    assert!(rows.is_empty(), "never came: {:?}", rows.values().map(|row| &row.name).collect::<Vec<_>>());
}

fn compare_facts(batch: &Batch, span: &Span, name: &str, attributes: &Value) {
    let text = |names: &[&str]| names.iter().find_map(|name| attributes[name].as_str()).unwrap_or_default();
    let count = |names: &[&str]| names.iter().find_map(|name| attributes[name].as_u64()).map(|count| count as u32);
    let kinds: &[SpanType] = match text(&["openinference.span.kind"]) {
        "AGENT" => &[SpanType::Agent, SpanType::Team],
        "LLM" => &[SpanType::Model],
        "TOOL" => &[SpanType::Tool],
        "CHAIN" => &[SpanType::Workflow, SpanType::Step],
        _ => &[SpanType::Model, SpanType::Other],
    };
    let facts = &span.facts;
    assert!(kinds.contains(&facts.span_type), "{name}: {:?}", facts.span_type);
    assert_eq!(batch.text(facts.session), text(&["session.id"]), "{name}");
    assert_eq!(batch.text(facts.model), text(&["llm.model_name", "gen_ai.response.model"]), "{name}");
    if facts.span_type == SpanType::Agent || facts.span_type == SpanType::Team {
        assert_eq!(batch.text(facts.agent), text(&["agent.name", "graph.node.name"]), "{name}");
    }
    if facts.span_type == SpanType::Tool {
        assert_eq!(batch.text(facts.tool), text(&["tool.name"]), "{name}");
    }
    let usage = facts.usage.unwrap_or_default();
    let cached = count(&["llm.token_count.prompt_details.cache_read", "gen_ai.usage.cache_read.input_tokens"]);
    let input = count(&["llm.token_count.prompt", "gen_ai.usage.input_tokens"]);
    // For Anthropic Agno records the input without cached tokens.
    let apart = if text(&["llm.provider"]) == "Anthropic" { cached.unwrap_or(0) } else { 0 };
    assert_eq!(usage.input, input.map(|input| input + apart), "{name}");
    assert_eq!(usage.output, count(&["llm.token_count.completion", "gen_ai.usage.output_tokens"]), "{name}");
    assert_eq!(usage.cache_read, cached, "{name}");
}

#[test]
fn spans_written_one_by_one_arrive_once_and_complete() {
    if let Some(python) = python() {
        follow_real_agno(&python, &[]);
    }
}

#[test]
fn spans_written_in_batches_arrive_once_and_complete() {
    if let Some(python) = python() {
        follow_real_agno(&python, &["--batch"]);
    }
}
