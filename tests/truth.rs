//! The program's counts of what real frameworks sent, compared with the ledgers of the model providers.
//!
//! A corpus is a folder of `tests/fixtures/frameworks`: the request bodies in order, a database if the framework wrote one, and `truth.json`.
//! Its `by_trace` is the ledger; `untold` holds what no span reports of it (negative: what spans report beyond it), and `visible` the sums
//! that plain attributes state. `status` of a trace is given where it differs from that of its spans. In the corpora of `tests/fixtures/told-twice` two or three instrumentations report the same calls.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "a test ends where it cannot go on, and says where it is")]

mod stage;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use agno_top::model::price::Prices;
use agno_top::model::{SourceId, SpanType, Status, TraceId};
use agno_top::sources::{Update, UpdateSender, otlp};
use agno_top::store::{By, Limits, RowIx, Store, Totals, TraceIx};
use serde_json::Value;
use stage::{NOW, Stage, fixture};

/// The token counts in the ledger and in the JSON output of the program.
const TOKENS: [&str; 5] = ["input_tokens", "cached_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens"];

/// What no span of a trace reports of the ledger, in addition to `untold` in the corpus: by corpus and trace.
const UNREPORTED: [(&str, &str, &str); 5] = [
    // The call failed before it reached the provider.
    ("litellm", "f0bc32d8d219fdd0469233e1f342d271", r#"{"llm_calls": -1, "llm_calls_failed": -1}"#),
    // The usage of a streamed call is recorded at its end, in a trace of its own.
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
    // A span of a handoff names the agent and not the tool that the model called.
    ("openai-agents", "3251aa297bc531224b05aa04e341d8c8", r#"{"tools": {"handoff to Billing Agent": 1}}"#),
    // The model returns its output by calling a tool that is never run.
    ("pydantic-ai", "4099b2f10867648b12c9378bce040b65", r#"{"tools": {"get_weather": 1}}"#),
];

/// The output tokens that a corpus reports beyond its ledger.
const EXCESS_OUTPUT: [(&str, i64); 4] = [
    // No span reports Gemini's reasoning tokens.
    ("agno-and-openinference", -180),
    // OpenLLMetry leaves Gemini's reasoning out of the output, and what else its total holds is not told: the output is at least the rest.
    ("openllmetry", -60),
    // OpenLLMetry counts one token too many for a stream of Anthropic, and in two calls its span is the primary one.
    ("openinference-and-openllmetry", 2),
    ("openinference-and-openllmetry-apart", 2),
];

struct Corpus {
    name: String,
    truth: Value,
    /// Whether the corpus lists what is not reported by trace.
    lists_unreported: bool,
    /// The request bodies, decompressed.
    bodies: Vec<PathBuf>,
    wrong: Vec<String>,
    /// The folder of decompressed bodies.
    decompressed: tempfile::TempDir,
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
        let decompressed = tempfile::tempdir().expect("decompressed");
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
                    let inflated = decompressed.path().join(inner);
                    std::fs::write(&inflated, body).expect("decompressed");
                    inflated
                }
            });
        }
        bodies.sort_by_key(|path| path.file_name().map(std::ffi::OsStr::to_owned));
        let text = std::fs::read_to_string(folder.join("truth.json")).expect("a truth");
        let mut truth: Value = serde_json::from_str(&text).expect("a truth is JSON");
        let lists_unreported = truth["untold"].is_object();
        let name = folder.file_name().expect("a name").to_string_lossy().into_owned();
        for (_, trace, untold) in UNREPORTED.iter().filter(|(corpus, ..)| *corpus == name) {
            truth["untold"][*trace] = serde_json::from_str(untold).expect("JSON");
        }
        Self { name, truth, lists_unreported, bodies, wrong: Vec::new(), decompressed }
    }

    fn expect(&mut self, what: &str, found: u64, expected: &RangeInclusive<u64>) {
        if !expected.contains(&found) {
            self.wrong.push(format!("{}: {what} {found}, not {expected:?}", self.name));
        }
    }

    /// Returns the part of a number in the ledger that the spans of a trace report.
    fn reported(&self, trace: &str, name: &str) -> RangeInclusive<u64> {
        let stated = &self.truth["by_trace"][trace];
        // The ledger counts the tokens of embeddings separately.
        let embedded = match (name, stated["embedding_tokens"].as_u64()) {
            ("input_tokens", Some(tokens)) => tokens,
            ("input_tokens", None) if stated["llm_calls"] == 0 => self.truth["embedding_tokens"].as_u64().unwrap_or_default(),
            _ => 0,
        };
        let all = stated[name].as_u64().unwrap_or_default() + embedded;
        if let Some(untold) = self.truth["untold"][trace][name].as_i64() {
            let reported = all.checked_add_signed(-untold).expect("at most everything is unreported");
            return reported..=reported;
        }
        let visible = self.truth["visible"][name].as_u64();
        // Less is visible where the corpus lists nothing, or where no attribute of it states any.
        let hidden = visible.is_some_and(|visible| visible < number(&self.truth, name) && (visible == 0 || !self.lists_unreported));
        if hidden || embedded > 0 { 0..=all } else { all..=all }
    }

    fn check(&mut self, store: &Store, from: &str) {
        // At least what plain attributes state, at most the ledger.
        for (name, found) in TOKENS.iter().zip(counts(store.all())) {
            let visible = number(&self.truth["visible"], name);
            let embedded = self.truth["embedding_tokens"].as_u64().filter(|_| *name == "input_tokens").unwrap_or_default();
            self.expect(&format!("{name} from {from}"), found, &(visible..=number(&self.truth, name).max(visible) + embedded));
        }
        let unfinished = number(&self.truth, "unfinished_spans");
        let all = store.all();
        // A missing parent counts as running.
        let missing = number(&self.truth, "missing_parents");
        self.expect(&format!("running from {from}"), u64::from(all.running + all.lost), &(unfinished + missing..=unfinished + missing));
        for (name, found) in [
            ("errors", u64::from(all.errors)),
            // The ledger counts spans that ended.
            ("spans", u64::from(all.spans) - unfinished),
            ("traces", store.trace_count() as u64),
        ] {
            let stated = number(&self.truth, name);
            self.expect(&format!("{name} from {from}"), found, &(stated..=stated));
        }
        // The ledger's calls at the prices of `genai-prices`, rounded per call to a billionth of a dollar.
        if let Some(cost) = self.truth["cost"].as_f64() {
            let expected = (cost * 1e9).round() as u64;
            let found = all.cost().and_then(|cost| u64::try_from(cost).ok()).unwrap_or_default();
            self.expect(&format!("cost from {from}"), found, &(expected - 100..=expected + 100));
        }
        self.check_agents(store, from);
        let traces: Vec<String> = self.truth["by_trace"].as_object().expect("traces").keys().cloned().collect();
        for id in traces {
            let trace = TraceId::parse(id.as_bytes()).and_then(|id| store.find_trace(id)).expect("every trace is held");
            self.check_trace(store, trace, &id, from);
        }
    }

    /// Checks whose the calls and the tokens are.
    fn check_agents(&mut self, store: &Store, from: &str) {
        let Some(agents) = self.truth["by_agent"].as_object().cloned() else { return };
        for (agent, stated) in &agents {
            let group = store.stats().groups(By::Agent).find(|(name, _)| store.text(*name) == agent).map(|(_, group)| group.usage);
            let usage = group.unwrap_or_default();
            for (name, found) in [
                ("llm_calls", u64::from(usage.calls)),
                ("input_tokens", usage.input),
                ("cached_tokens", usage.cache_read),
                ("cache_write_tokens", usage.cache_write),
                ("output_tokens", usage.output),
            ] {
                let stated = stated[name].as_u64().unwrap_or_default();
                self.expect(&format!("{name} of the agent {agent} from {from}"), found, &(stated..=stated));
            }
        }
    }

    /// Returns the part of a number in the ledger that the spans of several traces report.
    fn reported_by(&self, traces: &[String], name: &str) -> RangeInclusive<u64> {
        let all: Vec<_> = traces.iter().map(|trace| self.reported(trace, name)).collect();
        all.iter().map(RangeInclusive::start).sum()..=all.iter().map(RangeInclusive::end).sum()
    }

    fn check_trace(&mut self, store: &Store, trace: TraceIx, id: &str, from: &str) {
        let totals = store.totals_of(trace);
        let origin = format!("of {} {id} from {from}", self.truth["by_trace"][id]["root"]);
        for (name, found) in TOKENS.iter().zip(counts(&totals)) {
            let reported = self.reported(id, name);
            self.expect(&format!("{name} {origin}"), found, &reported);
        }
        let stated = &self.truth["by_trace"][id];
        let status = stated["status"].as_str().unwrap_or_default().to_owned();
        let (spans, errors) = (number(stated, "spans"), stated["errors"].as_u64().unwrap_or_default());
        let unfinished = stated["unfinished_spans"].as_u64().unwrap_or_default();
        self.expect(&format!("spans {origin}"), u64::from(totals.spans) - unfinished, &(spans..=spans));
        self.expect(&format!("errors {origin}"), u64::from(totals.errors), &(errors..=errors));
        let sums = store.stats_of(trace);
        // Statistics include the traces that go on with this one.
        let group: Vec<String> = store.group(trace).map(|trace| store.trace(trace).id.to_string()).collect();
        let span_types = store.group(trace).flat_map(|trace| span_types(store, trace));
        let embeddings = span_types.filter(|kind| *kind == SpanType::Embedding).count() as u64;
        let (calls, failed) =
            sums.groups(By::Model).fold((0, 0), |(calls, failed), (_, group)| (calls + group.calls, failed + group.failed));
        let found = format!("{:?}", store.trace(trace).run_status()).to_lowercase();
        if !status.is_empty() && found != status {
            self.wrong.push(format!("{}: status {origin} {found}, not {status}", self.name));
        }
        let reported = self.reported_by(&group, "llm_calls");
        self.expect(&format!("llm_calls {origin}"), u64::from(calls) - embeddings, &reported);
        let reported = self.reported_by(&group, "llm_calls_failed");
        self.expect(&format!("llm_calls_failed {origin}"), u64::from(failed), &reported);
        let tools: BTreeMap<&str, u64> = sums.groups(By::Tool).map(|(name, group)| (store.text(name), u64::from(group.calls))).collect();
        let mut stated: BTreeMap<&str, u64> = BTreeMap::new();
        for id in &group {
            let tools = self.truth["untold"][id]["tools"].as_object().or(self.truth["by_trace"][id]["tools"].as_object());
            for (name, count) in tools.into_iter().flatten() {
                *stated.entry(name).or_default() += count.as_u64().expect("a count");
            }
        }
        if tools != stated {
            self.wrong.push(format!("{}: tools {origin} {tools:?}, not {stated:?}", self.name));
        }
    }

    /// Checks that calls reported twice count once.
    fn check_duplicates(&mut self, store: &Store, from: &str) {
        assert!(store.all().duplicates > 0, "{}", self.name);
        let embedded = |name| self.truth[name].as_u64().unwrap_or_default();
        let (calls, tokens) = (number(&self.truth, "llm_calls_ok") + embedded("embedding_calls"), embedded("embedding_tokens"));
        self.expect(&format!("calls from {from}"), store.all().calls.into(), &(calls..=calls));
        let beyond = EXCESS_OUTPUT.iter().find(|(corpus, _)| *corpus == self.name).map_or(0, |(_, beyond)| *beyond);
        for (name, found) in TOKENS.iter().zip(counts(store.all())) {
            let stated = number(&self.truth, name);
            let expected = match *name {
                "input_tokens" => stated + tokens,
                "output_tokens" => stated.checked_add_signed(beyond).expect("a count"),
                _ => stated,
            };
            // Most instrumentations do not report reasoning tokens.
            let least = if *name == "reasoning_tokens" { 0 } else { expected };
            self.expect(&format!("{name} from {from}"), found, &(least..=expected));
        }
    }

    /// Checks the output of the program for the bodies.
    fn check_program(&mut self) {
        let lines = |arguments: &[&str]| -> Vec<Value> {
            let mut command = assert_cmd::Command::cargo_bin("agno-top").expect("the program");
            let command = command.args(arguments).arg("--json").args(&self.bodies).env("XDG_CONFIG_HOME", self.decompressed.path());
            let output = command.output().expect("output").stdout;
            String::from_utf8(output).expect("text").lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
        };
        let (list, models, tools) = (lines(&["list"]), lines(&["stats", "--by", "model"]), lines(&["stats", "--by", "tool"]));
        for record in &list {
            let id = record["trace_id"].as_str().expect("an id").to_owned();
            let others = record["other_traces"].as_array().expect("a list").iter().map(|id| id.as_str().expect("an id").to_owned());
            let group: Vec<String> = others.chain([id.clone()]).collect();
            for name in TOKENS {
                let reported = self.reported_by(&group, name);
                self.expect(&format!("{name} of {id} in list"), record[name].as_u64().unwrap_or_default(), &reported);
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

/// Returns the type of every span of a trace.
fn span_types(store: &Store, trace: TraceIx) -> impl Iterator<Item = SpanType> {
    let mut open: Vec<RowIx> = store.trace(trace).roots().to_vec();
    std::iter::from_fn(move || {
        let row = open.pop()?;
        open.extend(store.children(row));
        Some(store.row(row).span_type)
    })
}

/// Posts a body and returns the status of the response.
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

/// Receives all bodies. Returns the store, and how often each response id occurs on model calls.
fn receive(corpus: &Corpus) -> (Store, BTreeMap<String, usize>) {
    let mut answers = BTreeMap::new();
    let (updates, mut inbox) = tokio::sync::mpsc::channel(1024);
    let any = "127.0.0.1:0".parse().ok();
    let options = otlp::Options { grpc: None, http: any, ..otlp::Options::default() };
    let listening = otlp::start(options, UpdateSender::new(SourceId(0), updates)).expect("a listener");
    let address = *listening.addresses.first().expect("an address");
    let mut store = Store::new(Limits::default());
    store.set_prices(Arc::new(Prices::bundled()));
    for body in &corpus.bodies {
        assert_eq!(post(address, body), 200, "{}", body.display());
        // Acknowledged spans are in the channel.
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

fn assert_correct(corpora: &[Corpus]) {
    let wrong: Vec<&str> = corpora.iter().flat_map(|corpus| corpus.wrong.iter().map(String::as_str)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn databases_of_agno_match_the_ledger() {
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
    assert_correct(&corpora);
}

#[test]
fn spans_of_frameworks_match_the_ledger() {
    let mut corpora = corpora("frameworks");
    for corpus in &mut corpora {
        let (store, _) = receive(corpus);
        corpus.check(&store, "OTLP");
    }
    assert_correct(&corpora);
}

#[test]
fn the_output_of_the_program_matches_the_ledger() {
    let mut corpora = corpora("frameworks");
    for corpus in &mut corpora {
        corpus.check_program();
    }
    assert_correct(&corpora);
}

/// Calls that a framework, its instrumentation and the provider's library report in one trace or in separate ones.
#[test]
fn duplicates_of_a_call_have_the_same_response_id() {
    for corpus in corpora("told-twice") {
        let (_, mut answers) = receive(&corpus);
        let nameless = answers.remove("").unwrap_or_default();
        println!("{}: {nameless} without; {answers:?}", corpus.name);
        let again = answers.values().filter(|count| **count > 1).count();
        assert!(again >= 3 && answers.len() as u64 <= number(&corpus.truth, "llm_calls_ok"), "{}: {again} {answers:?}", corpus.name);
    }
}

#[test]
fn a_call_reported_twice_counts_once() {
    let mut corpora = corpora("told-twice");
    for corpus in &mut corpora {
        let (store, _) = receive(corpus);
        corpus.check_duplicates(&store, "OTLP");
        corpus.bodies.reverse();
        let (store, _) = receive(corpus);
        corpus.check_duplicates(&store, "OTLP, the last first");
    }
    assert_correct(&corpora);
}
