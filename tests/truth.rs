//! What real frameworks sent, counted as the program counts it, against what their providers' ledgers say.
//!
//! A corpus is a folder of `tests/fixtures/frameworks`: the bodies in the order in which they came, a database where the framework wrote
//! one, and `truth.json`. Its `by_trace` is the ledger's; `untold` holds what of that no span tells (below zero: what a span tells beyond
//! it), and `visible` the sums of what plain attributes tell. In those of `tests/fixtures/told-twice` two or three instruments tell of the
//! same calls.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "a test ends where it cannot go on, and says where it is")]

mod stage;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use agno_top::model::{SourceId, SpanType, Status, TraceId};
use agno_top::sources::{Update, UpdateSender, otlp};
use agno_top::store::{By, Limits, RowIx, Store, Totals, TraceIx};
use serde_json::Value;
use stage::{NOW, Stage, fixture};

/// Names of numbers in the ledger, and of fields in what the program writes as JSON.
const TOKENS: [&str; 5] = ["input_tokens", "cached_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens"];

/// What no span of a trace tells as the ledger does, where the corpus does not say so itself: by corpus and trace.
const UNTOLD: [(&str, &str, &str); 4] = [
    // What a streamed call used is written when it is over, in a trace of its own.
    (
        "logfire-pending",
        "01a20207f6b5c2e9da39b8436374fabd",
        r#"{"input_tokens": 1000, "cached_tokens": 800, "output_tokens": 50, "reasoning_tokens": 30}"#,
    ),
    (
        "logfire-pending",
        "01a20207f6febb88b05e6db90a55a249",
        r#"{"input_tokens": -1000, "cached_tokens": -800, "output_tokens": -50, "reasoning_tokens": -30}"#,
    ),
    // A span names the agent that is handed to, and not the tool by which the model asks for that.
    ("openai-agents", "3251aa297bc531224b05aa04e341d8c8", r#"{"tools": {"handoff to Billing Agent": 1}}"#),
    // The model asks for a tool to give its answer by, which nobody runs.
    ("pydantic-ai", "4099b2f10867648b12c9378bce040b65", r#"{"tools": {"get_weather": 1}}"#),
];

/// Tokens out that a corpus tells of beyond its ledger.
const BEYOND: [(&str, i64); 3] = [
    // No span tells of what Gemini thought.
    ("agno-and-openinference", -180),
    // OpenLLMetry counts one token more of a stream of Anthropic's, and of two such calls its span is the one that counts.
    ("openinference-and-openllmetry", 2),
    ("openinference-and-openllmetry-apart", 2),
];

struct Corpus {
    name: String,
    truth: Value,
    /// Whether the truth tells trace by trace what is untold.
    is_told_by_trace: bool,
    /// The bodies, inflated where they are kept packed.
    bodies: Vec<PathBuf>,
    wrong: Vec<String>,
    /// Where inflated bodies lie.
    room: tempfile::TempDir,
}

fn corpora(folder: &str) -> Vec<Corpus> {
    let entries = std::fs::read_dir(fixture(folder)).expect("corpora");
    let mut corpora: Vec<Corpus> = entries.map(|entry| Corpus::open(&entry.expect("an entry").path())).collect();
    corpora.sort_by(|one, other| one.name.cmp(&other.name));
    assert!(corpora.len() >= 8, "corpora are missing");
    corpora
}

fn number(value: &Value, name: &str) -> u64 {
    value[name].as_u64().unwrap_or_else(|| panic!("{name} in {value}"))
}

fn counts(totals: &Totals) -> [u64; 5] {
    [totals.input, totals.cache_read, totals.cache_write, totals.output, totals.reasoning]
}

impl Corpus {
    fn open(folder: &Path) -> Self {
        let room = tempfile::tempdir().expect("room");
        let mut bodies = Vec::new();
        for entry in std::fs::read_dir(folder).expect("a corpus") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            if !name.starts_with(|first: char| first.is_ascii_digit()) {
                continue;
            }
            bodies.push(match name.strip_suffix(".gz") {
                None => path,
                Some(inner) => {
                    let mut body = Vec::new();
                    let packed = std::fs::File::open(&path).expect("a body");
                    flate2::read::GzDecoder::new(packed).read_to_end(&mut body).expect("a packed body");
                    let inflated = room.path().join(inner);
                    std::fs::write(&inflated, body).expect("room");
                    inflated
                }
            });
        }
        bodies.sort_by_key(|path| path.file_name().map(std::ffi::OsStr::to_owned));
        let text = std::fs::read_to_string(folder.join("truth.json")).expect("a truth");
        let mut truth: Value = serde_json::from_str(&text).expect("a truth is JSON");
        let is_told_by_trace = truth["untold"].is_object();
        let name = folder.file_name().expect("a name").to_string_lossy().into_owned();
        for (_, trace, untold) in UNTOLD.iter().filter(|(corpus, ..)| *corpus == name) {
            truth["untold"][*trace] = serde_json::from_str(untold).expect("JSON");
        }
        Self { name, truth, is_told_by_trace, bodies, wrong: Vec::new(), room }
    }

    fn expect(&mut self, what: &str, found: u64, expected: &RangeInclusive<u64>) {
        if !expected.contains(&found) {
            self.wrong.push(format!("{}: {what} {found}, not {expected:?}", self.name));
        }
    }

    /// What the spans of a trace tell of a number in the ledger.
    fn told(&self, trace: &str, name: &str) -> RangeInclusive<u64> {
        let stated = &self.truth["by_trace"][trace];
        // Tokens of embeddings are no model's in the ledger.
        let embedded = match (name, stated["embedding_tokens"].as_u64()) {
            ("input_tokens", Some(tokens)) => tokens,
            ("input_tokens", None) if stated["llm_calls"] == 0 => self.truth["embedding_tokens"].as_u64().unwrap_or_default(),
            _ => 0,
        };
        let all = stated[name].as_u64().unwrap_or_default() + embedded;
        if let Some(untold) = self.truth["untold"][trace][name].as_i64() {
            let told = all.checked_add_signed(-untold).expect("no more than all is untold");
            return told..=told;
        }
        let visible = self.truth["visible"][name].as_u64();
        let hidden = !self.is_told_by_trace && visible.is_some_and(|visible| visible < number(&self.truth, name));
        if hidden || embedded > 0 { 0..=all } else { all..=all }
    }

    fn check(&mut self, store: &Store, from: &str) {
        // What plain attributes tell, or better, up to what the ledger says.
        for (name, found) in TOKENS.iter().zip(counts(store.all())) {
            let visible = number(&self.truth["visible"], name);
            let embedded = self.truth["embedding_tokens"].as_u64().filter(|_| *name == "input_tokens").unwrap_or_default();
            self.expect(&format!("{name} from {from}"), found, &(visible..=number(&self.truth, name).max(visible) + embedded));
        }
        let unfinished = number(&self.truth, "unfinished_spans");
        let all = store.all();
        // A parent that is named and never came is as one that runs.
        let missing = number(&self.truth, "missing_parents");
        self.expect(&format!("running from {from}"), u64::from(all.running + all.lost), &(unfinished + missing..=unfinished + missing));
        for (name, found) in [
            ("errors", u64::from(all.errors)),
            // The ledger's spans are those that ended.
            ("spans", u64::from(all.spans) - unfinished),
            ("traces", store.trace_count() as u64),
        ] {
            let stated = number(&self.truth, name);
            self.expect(&format!("{name} from {from}"), found, &(stated..=stated));
        }
        let traces: Vec<String> = self.truth["by_trace"].as_object().expect("traces").keys().cloned().collect();
        for id in traces {
            let trace = TraceId::parse(id.as_bytes()).and_then(|id| store.find_trace(id)).expect("every trace is held");
            self.check_trace(store, trace, &id, from);
        }
    }

    fn check_trace(&mut self, store: &Store, trace: TraceIx, id: &str, from: &str) {
        let totals = store.totals_of(trace);
        let place = format!("of {} {id} from {from}", self.truth["by_trace"][id]["root"]);
        for (name, found) in TOKENS.iter().zip(counts(&totals)) {
            let told = self.told(id, name);
            self.expect(&format!("{name} {place}"), found, &told);
        }
        let stated = &self.truth["by_trace"][id];
        let (spans, errors) = (number(stated, "spans"), stated["errors"].as_u64().unwrap_or_default());
        let unfinished = stated["unfinished_spans"].as_u64().unwrap_or_default();
        self.expect(&format!("spans {place}"), u64::from(totals.spans) - unfinished, &(spans..=spans));
        self.expect(&format!("errors {place}"), u64::from(totals.errors), &(errors..=errors));
        let stats = store.stats_of(trace);
        let embeddings = kinds(store, trace).filter(|kind| *kind == SpanType::Embedding).count() as u64;
        let (calls, failed) =
            stats.groups(By::Model).fold((0, 0), |(calls, failed), (_, group)| (calls + group.calls, failed + group.errors));
        let told = self.told(id, "llm_calls");
        self.expect(&format!("llm_calls {place}"), u64::from(calls) - embeddings, &told);
        let told = self.told(id, "llm_calls_failed");
        self.expect(&format!("llm_calls_failed {place}"), u64::from(failed), &told);
        let tools: BTreeMap<&str, u64> = stats.groups(By::Tool).map(|(name, group)| (store.text(name), u64::from(group.calls))).collect();
        let stated: BTreeMap<&str, u64> = self.truth["untold"][id]["tools"]
            .as_object()
            .or(self.truth["by_trace"][id]["tools"].as_object())
            .into_iter()
            .flatten()
            .map(|(name, count)| (name.as_str(), count.as_u64().expect("a count")))
            .collect();
        if tools != stated {
            self.wrong.push(format!("{}: tools {place} {tools:?}, not {stated:?}", self.name));
        }
    }

    /// Of a corpus in which calls are told of twice: that each counts once.
    fn check_told_twice(&mut self, store: &Store, from: &str) {
        assert!(store.all().duplicates > 0, "{}", self.name);
        let embedded = |name| self.truth[name].as_u64().unwrap_or_default();
        let (calls, tokens) = (number(&self.truth, "llm_calls_ok") + embedded("embedding_calls"), embedded("embedding_tokens"));
        self.expect(&format!("calls from {from}"), store.all().calls.into(), &(calls..=calls));
        let beyond = BEYOND.iter().find(|(corpus, _)| *corpus == self.name).map_or(0, |(_, beyond)| *beyond);
        for (name, found) in TOKENS.iter().zip(counts(store.all())) {
            let stated = number(&self.truth, name);
            let told = match *name {
                "input_tokens" => stated + tokens,
                "output_tokens" => stated.checked_add_signed(beyond).expect("a count"),
                _ => stated,
            };
            // Of what was thought, most who tell of a call say nothing.
            let least = if *name == "reasoning_tokens" { 0 } else { told };
            self.expect(&format!("{name} from {from}"), found, &(least..=told));
        }
    }

    /// What the program itself writes of the bodies.
    fn check_program(&mut self) {
        let lines = |arguments: &[&str]| -> Vec<Value> {
            let mut command = assert_cmd::Command::cargo_bin("agno-top").expect("the program");
            let command = command.args(arguments).arg("--json").args(&self.bodies).env("XDG_CONFIG_HOME", self.room.path());
            let output = command.output().expect("output").stdout;
            String::from_utf8(output).expect("text").lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
        };
        let (list, models, tools) = (lines(&["list"]), lines(&["stats", "--by", "model"]), lines(&["stats", "--by", "tool"]));
        for record in &list {
            let id = record["trace_id"].as_str().expect("an id").to_owned();
            for name in TOKENS {
                let told = self.told(&id, name);
                self.expect(&format!("{name} of {id} in list"), record[name].as_u64().unwrap_or_default(), &told);
            }
        }
        for name in TOKENS {
            let all: u64 = list.iter().filter_map(|record| record[name].as_u64()).sum();
            let by_model: u64 = models.iter().filter_map(|record| record[name].as_u64()).sum();
            self.expect(&format!("{name} by model"), by_model, &(all..=all));
        }
        let called: BTreeMap<String, u64> =
            tools.iter().filter_map(|record| Some((record["key"].as_str()?.to_owned(), record["calls"].as_u64()?))).collect();
        let mut expected: BTreeMap<String, u64> = BTreeMap::new();
        for (id, stated) in self.truth["by_trace"].as_object().expect("traces") {
            let tools = self.truth["untold"][id]["tools"].as_object().or(stated["tools"].as_object());
            for (name, count) in tools.into_iter().flatten() {
                *expected.entry(name.clone()).or_default() += count.as_u64().expect("a count");
            }
        }
        if called != expected {
            self.wrong.push(format!("{}: tools {called:?}, not {expected:?}", self.name));
        }
    }
}

/// What every span of a trace does.
fn kinds(store: &Store, trace: TraceIx) -> impl Iterator<Item = SpanType> {
    let mut open: Vec<RowIx> = store.trace(trace).roots().to_vec();
    std::iter::from_fn(move || {
        let row = open.pop()?;
        open.extend(store.children(row));
        Some(store.row(row).span_type)
    })
}

/// Posts a body as it is; the answer's status.
fn post(address: SocketAddr, path: &Path) -> u16 {
    let body = std::fs::read(path).expect("a body");
    let kind = if path.extension().is_some_and(|extension| extension == "json") { "application/json" } else { "application/x-protobuf" };
    let mut stream = TcpStream::connect(address).expect("a connection");
    let length = body.len();
    let head = format!(
        "POST /v1/traces HTTP/1.1\r\nhost: localhost\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body)).expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status")
}

/// What the program holds after the framework sent everything, and the ids of answers that spans of model calls bear.
fn received(corpus: &Corpus) -> (Store, BTreeMap<String, usize>) {
    let mut answers = BTreeMap::new();
    let (updates, mut inbox) = tokio::sync::mpsc::channel(1024);
    let any = "127.0.0.1:0".parse().ok();
    let options = otlp::Options { grpc: None, http: any, ..otlp::Options::default() };
    let listening = otlp::start(options, UpdateSender::new(SourceId(0), updates)).expect("a listener");
    let address = *listening.addresses.first().expect("an address");
    let mut store = Store::new(Limits::default());
    for body in &corpus.bodies {
        assert_eq!(post(address, body), 200, "{}", body.display());
        // What was acknowledged is in the channel.
        while let Ok(update) = inbox.try_recv() {
            if let Update::Batch(batch) = update {
                for span in batch.spans.iter().filter(|span| span.facts.span_type == SpanType::Model && span.status != Status::Error) {
                    *answers.entry(batch.text(span.facts.response).to_owned()).or_default() += 1;
                }
                store.apply(&batch, NOW);
            }
        }
    }
    (store, answers)
}

fn none_wrong(corpora: &[Corpus]) {
    let wrong: Vec<&str> = corpora.iter().flat_map(|corpus| corpus.wrong.iter().map(String::as_str)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn agno_s_databases_add_up() {
    let mut corpora = corpora("frameworks");
    let mut databases = 0;
    for corpus in &mut corpora {
        let database = fixture(&format!("frameworks/{}/traces.sqlite", corpus.name));
        if database.exists() {
            databases += 1;
            corpus.check(&Stage::open(&database, (120, 36)).store, "SQLite");
        }
    }
    assert!(databases >= 3);
    none_wrong(&corpora);
}

#[test]
fn what_frameworks_send_adds_up() {
    let mut corpora = corpora("frameworks");
    for corpus in &mut corpora {
        let (store, _) = received(corpus);
        corpus.check(&store, "OTLP");
    }
    none_wrong(&corpora);
}

#[test]
fn what_the_program_writes_adds_up() {
    let mut corpora = corpora("frameworks");
    for corpus in &mut corpora {
        corpus.check_program();
    }
    none_wrong(&corpora);
}

/// Calls that a framework, its instrumentation and the provider's own library tell of side by side or in traces of their own.
#[test]
fn who_tells_of_a_call_again_names_the_same_answer() {
    for corpus in corpora("told-twice") {
        let (_, mut answers) = received(&corpus);
        let nameless = answers.remove("").unwrap_or_default();
        println!("{}: {nameless} without; {answers:?}", corpus.name);
        let again = answers.values().filter(|count| **count > 1).count();
        assert!(again >= 3 && answers.len() as u64 <= number(&corpus.truth, "llm_calls_ok"), "{}: {again} {answers:?}", corpus.name);
    }
}

#[test]
fn a_call_told_twice_counts_once() {
    let mut corpora = corpora("told-twice");
    for corpus in &mut corpora {
        let (store, _) = received(corpus);
        corpus.check_told_twice(&store, "OTLP");
        corpus.bodies.reverse();
        let (store, _) = received(corpus);
        corpus.check_told_twice(&store, "OTLP, the last first");
    }
    none_wrong(&corpora);
}
