//! What real coding agents sent, told by spans, by log events and by both, compared with the ledger of the model they called.
//!
//! A corpus is a folder of `tests/fixtures/coding`: the request bodies in order, named `NNNN.SIGNAL.pb` or `.json`, and `truth.json`, the
//! ledger. `visible` holds what is stated of it, where that is less, and `spans_only` what the spans alone state where logs state more.

#![allow(clippy::expect_used, clippy::panic, reason = "a test ends where it cannot go on, and says where it is")]

mod stage;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use agno_top::model::price::Prices;
use agno_top::model::{SourceId, SpanType};
use agno_top::sources::{Update, UpdateSender, otlp};
use agno_top::store::{By, Limits, RowIx, Store};
use agno_top::tui::app::{Sorting, TraceTree};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::logs::v1::{ResourceLogs, ScopeLogs};
use prost::Message;
use serde_json::Value;
use stage::{NOW, fixture};

/// Which bodies of a corpus to send, and in which order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Spans,
    Logs,
    AsSent,
    LogsFirst,
    SpansFirst,
    /// The last body first.
    Backwards,
}

fn bodies(corpus: &Path, told: Told) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(corpus).expect("a corpus").map(|entry| entry.expect("an entry").path());
    let is = |path: &Path, signal: &str| path.file_name().is_some_and(|name| name.to_string_lossy().contains(signal));
    let mut bodies: Vec<PathBuf> = entries.filter(|path| is(path, ".traces.") || is(path, ".logs.")).collect();
    bodies.sort();
    match told {
        Told::Spans => bodies.retain(|path| is(path, ".traces.")),
        Told::Logs => bodies.retain(|path| is(path, ".logs.")),
        Told::AsSent => {}
        Told::LogsFirst => bodies.sort_by_key(|path| !is(path, ".logs.")),
        Told::SpansFirst => bodies.sort_by_key(|path| is(path, ".logs.")),
        Told::Backwards => bodies.reverse(),
    }
    bodies
}

/// The body of a request.
#[derive(Clone, Debug)]
struct Body {
    /// The name of its file, which tells the signal and the encoding.
    name: String,
    bytes: Vec<u8>,
}

impl Body {
    fn read(path: &Path) -> Self {
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        Self { name, bytes: std::fs::read(path).expect("a body") }
    }

    /// Returns a body for each log record; of other signals, the body itself.
    fn records(&self) -> Vec<Self> {
        if !self.name.contains(".logs.") {
            return vec![self.clone()];
        }
        let request: ExportLogsServiceRequest = if self.name.contains(".json") {
            serde_json::from_slice(&self.bytes).expect("OTLP/JSON")
        } else {
            ExportLogsServiceRequest::decode(self.bytes.as_slice()).expect("OTLP")
        };
        let mut records = Vec::new();
        for resource in request.resource_logs {
            for scope in &resource.scope_logs {
                for record in &scope.log_records {
                    let scope_logs = vec![ScopeLogs { log_records: vec![record.clone()], ..scope.clone() }];
                    let request = ExportLogsServiceRequest { resource_logs: vec![ResourceLogs { scope_logs, ..resource.clone() }] };
                    records.push(Self { name: "record.logs.pb".to_owned(), bytes: request.encode_to_vec() });
                }
            }
        }
        records
    }
}

fn post(address: SocketAddr, Body { name, bytes: body }: &Body) {
    let signal = if name.contains(".traces.") { "traces" } else { "logs" };
    let kind = if name.contains(".json") { "application/json" } else { "application/x-protobuf" };
    let encoding = if name.contains(".gz") { "gzip" } else { "identity" };
    let mut stream = TcpStream::connect(address).expect("a connection");
    let head = format!(
        "POST /v1/{signal} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {kind}\r\ncontent-encoding: {encoding}\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200"), "{name}: {answer}");
}

fn receive(paths: &[PathBuf]) -> Store {
    receive_bodies(&paths.iter().map(|path| Body::read(path)).collect::<Vec<_>>())
}

fn receive_bodies(bodies: &[Body]) -> Store {
    let (updates, mut inbox) = tokio::sync::mpsc::channel(1024);
    let options = otlp::Options { grpc: None, http: "127.0.0.1:0".parse().ok(), ..otlp::Options::default() };
    let listening = otlp::start(options, UpdateSender::new(SourceId(0), updates)).expect("a listener");
    let address = *listening.addresses.first().expect("an address");
    let mut store = Store::new(Limits::default());
    store.set_prices(Arc::new(Prices::bundled()));
    for body in bodies {
        post(address, body);
        // Acknowledged spans are in the channel.
        while let Ok(update) = inbox.try_recv() {
            if let Update::Batch(batch) = update {
                store.apply(&batch, NOW);
            }
        }
    }
    store
}

struct Corpus {
    name: String,
    path: PathBuf,
    truth: Value,
}

fn corpora() -> Vec<Corpus> {
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(fixture("coding")).expect("corpora").map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    let read = |path: PathBuf| Corpus {
        name: path.file_name().expect("a name").to_string_lossy().into_owned(),
        truth: serde_json::from_slice(&std::fs::read(path.join("truth.json")).expect("truth")).expect("JSON"),
        path,
    };
    paths.into_iter().map(read).collect()
}

impl Corpus {
    /// Returns a number of the ledger, or what is visible of it.
    fn number(&self, name: &str, told: Told) -> u64 {
        let visible = if told == Told::Spans { self.truth["spans_only"][name].as_u64() } else { None };
        visible.or(self.truth["visible"][name].as_u64()).or(self.truth[name].as_u64()).unwrap_or_default()
    }

    /// Returns what is wrong with the store.
    fn check(&self, told: Told, store: &Store) -> Vec<String> {
        let all = store.all();
        let (mut calls, mut failed) = (0, 0);
        for (_, group) in store.stats().groups(By::Model) {
            (calls, failed) = (calls + u64::from(group.calls), failed + u64::from(group.failed));
        }
        let tools: BTreeMap<String, u64> =
            store.stats().groups(By::Tool).map(|(name, group)| (store.text(name).to_owned(), u64::from(group.calls))).collect();
        let stated: BTreeMap<String, u64> = serde_json::from_value(self.truth["tool_calls"].clone()).expect("tools");
        let mut wrong = Vec::new();
        for (name, found, expected) in [
            ("llm_calls", calls, self.number("llm_calls", told)),
            ("failed calls", failed, 0),
            ("failed steps", u64::from(all.failed), 0),
            ("input_tokens", all.input, self.number("input_tokens", told)),
            ("cached_tokens", all.cache_read, self.number("cached_tokens", told)),
            ("cache_write_tokens", all.cache_write, self.number("cache_write_tokens", told)),
            ("output_tokens", all.output, self.number("output_tokens", told)),
            ("reasoning_tokens", all.reasoning, self.number("reasoning_tokens", told)),
        ] {
            if found != expected {
                wrong.push(format!("{} by {told:?}: {name} {found}, not {expected}", self.name));
            }
        }
        if tools != stated {
            wrong.push(format!("{} by {told:?}: tools {tools:?}, not {stated:?}", self.name));
        }
        if let Some(cost) = self.truth["stated_cost_in_logs"].as_f64().filter(|_| told != Told::Spans) {
            let found = all.cost().unwrap_or_default() as f64 / 1e9;
            if (found - cost).abs() > 1e-7 {
                wrong.push(format!("{} by {told:?}: cost {found}, not {cost}", self.name));
            }
        }
        wrong
    }
}

/// Whether a corpus has a body of a signal.
fn has(corpus: &Corpus, told: Told) -> bool {
    !bodies(&corpus.path, told).is_empty()
}

#[test]
fn calls_match_the_ledger_whether_spans_or_log_events_or_both_tell_them() {
    let mut wrong = Vec::new();
    let mut checked = 0;
    for corpus in corpora() {
        let tells_calls = corpus.name != "opencode";
        let ways: &[Told] = match (has(&corpus, Told::Spans), has(&corpus, Told::Logs) && tells_calls) {
            (true, true) => &[Told::Spans, Told::Logs, Told::AsSent, Told::LogsFirst, Told::SpansFirst],
            (true, false) => &[Told::Spans, Told::AsSent],
            (false, _) => &[Told::Logs],
        };
        for told in ways {
            wrong.extend(corpus.check(*told, &receive(&bodies(&corpus.path, *told))));
            checked += 1;
        }
    }
    assert!(checked > 20, "{checked}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// All that is known of the spans, a line for each.
fn lines(store: &Store) -> Vec<String> {
    let line = |row: RowIx| {
        let data = store.row(row);
        let parent = data.parent().map(|parent| store.row(parent).id);
        let [name, label, input, error, session] =
            [data.name, data.label, data.input, data.error, store.session(row)].map(|text| store.text(text));
        let place = format!("{} {} below {parent:?}", store.trace(data.trace()).id, data.id);
        let known = format!("{:?} {} {} {:?} {:?}", data.phase, data.start, data.end, store.run_status(row), store.usage(row));
        format!("{name} [{label}] {place}: {known} {input:?} {error:?} {session:?} counts: {}", !store.is_duplicate(row))
    };
    let mut lines: Vec<String> = store.rows().map(line).collect();
    lines.sort();
    lines
}

/// Returns how two lists of lines differ, or an empty text.
fn difference(expected: &[String], found: &[String]) -> String {
    let lacks = |of: &[String], line: &&String| !of.contains(line);
    let missing = expected.iter().filter(|line| lacks(found, line)).map(|line| format!("- {line}"));
    let added = found.iter().filter(|line| lacks(expected, line)).map(|line| format!("+ {line}"));
    missing.chain(added).take(8).collect::<Vec<_>>().join("\n")
}

/// Puts items into an order that a number decides.
fn shuffle<T>(items: &mut [T], mut seed: u64) {
    for last in (1..items.len()).rev() {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        items.swap(last, (seed >> 33) as usize % (last + 1));
    }
}

#[test]
fn records_in_any_order_and_sent_again_tell_the_same() {
    let mut checked = 0;
    for corpus in corpora() {
        for told in [Told::Logs, Told::AsSent] {
            let whole: Vec<Body> = bodies(&corpus.path, told).iter().map(|path| Body::read(path)).collect();
            if corpus.name == "opencode" || !whole.iter().any(|body| body.name.contains(".logs.")) {
                continue;
            }
            let expected = lines(&receive_bodies(&whole));
            let mut records: Vec<Body> = whole.iter().flat_map(Body::records).collect();
            for seed in 0..6 {
                match seed {
                    0 => {}
                    5 => records = whole.iter().flat_map(Body::records).rev().collect(),
                    _ => shuffle(&mut records, seed),
                }
                let again: Vec<Body> = records.iter().chain(&whole).cloned().collect();
                for (what, bodies) in [("once", &records), ("and again", &again)] {
                    let found = lines(&receive_bodies(bodies));
                    let difference = difference(&expected, &found);
                    assert_eq!(difference, "", "{} by {told:?}, order {seed}, {what}", corpus.name);
                }
            }
            checked += 1;
        }
    }
    assert!(checked >= 9, "{checked}");
}

#[test]
fn a_turn_is_one_run_and_has_no_rows_of_log_events_beside_its_spans() {
    for (name, agent) in [("claude-code", "claude-code"), ("codex", "codex_exec"), ("qwen-code", "qwen-code")] {
        let corpus = fixture(&format!("coding/{name}"));
        for told in [Told::Logs, Told::AsSent, Told::LogsFirst, Told::SpansFirst, Told::Backwards] {
            let store = receive(&bodies(&corpus, told));
            let runs: Vec<(String, u32)> =
                store.stats().groups(By::Agent).map(|(name, group)| (store.text(name).to_owned(), group.calls)).collect();
            assert_eq!(runs, [(agent.to_owned(), 1)], "{name} by {told:?}");
            let running = store.running().count();
            assert_eq!(running, 0, "{name} by {told:?} runs");
            let tools = store.rows().filter(|&row| store.row(row).span_type == SpanType::Tool);
            let made = tools.filter(|&row| store.row(row).is_from_log()).count();
            assert_eq!(made, usize::from(told == Told::Logs), "{name} by {told:?}");
        }
    }
}

#[test]
fn the_traces_of_a_turn_are_one_line_named_after_its_prompt() {
    for told in [Told::AsSent, Told::LogsFirst, Told::SpansFirst] {
        let store = receive(&bodies(&fixture("coding/gemini-cli-logs"), told));
        let mains: Vec<_> = store.traces().filter(|&trace| !store.is_part(trace)).collect();
        assert_eq!((mains.len(), store.traces().count()), (1, 3), "{told:?}");
        let totals = store.group_totals(mains[0]);
        assert_eq!((totals.input, totals.output, totals.tools), (1400, 130, 1), "{told:?}");
        let lead = store.row(store.lead(mains[0]).expect("a turn"));
        assert_eq!(store.text(lead.input), "Say hello with the shell, then tell the weather.", "{told:?}");
    }
}

#[test]
fn a_call_whose_span_names_no_model_is_one_of_the_model_of_its_turn() {
    let store = receive(&bodies(&fixture("coding/codex"), Told::Spans));
    let models: Vec<(String, u32, u64)> =
        store.stats().groups(By::Model).map(|(name, group)| (store.text(name).to_owned(), group.calls, group.usage.input)).collect();
    assert_eq!(models, [("gpt-5-mini".to_owned(), 2, 2000)]);
}

#[test]
fn a_turn_of_codex_fits_on_a_screen() {
    let store = receive(&bodies(&fixture("coding/codex"), Told::AsSent));
    let mut tree = TraceTree::default();
    tree.set_height(40);
    tree.sort(&store, Sorting::default(), NOW);
    tree.unfold(&store);
    let (lines, _) = tree.window(&store, 40);
    let names: Vec<&str> = lines.iter().map(|line| line.row().map_or("internal", |row| store.text(store.row(row).name))).collect();
    assert_eq!(names, ["turn/start", "session_task.turn", "chat gpt-5-mini", "exec_command", "chat gpt-5-mini", "internal"]);
    let trace = store.row(tree.cursor().expect("a trace")).trace();
    let folded = tree.folded_spans(&store, trace);
    assert_eq!(folded.internal + folded.retold + 5, u64::from(store.trace(trace).counts().spans), "every span is shown or counted");
}
