//! Real Agno behind a real LiteLLM proxy, both sending their spans: each call counts once, in the trace of its agent, also if it failed or
//! was answered from the proxy's cache.
//!
//! `AGNO_TOP_LITELLM_PYTHON` names a Python with `tests/litellm/requirements.txt`, `AGNO_TOP_AGNO_PYTHON` one with
//! `tests/agno/requirements.txt`. Without the first the test is skipped.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test fails by panicking and speaks to the user who runs it")]

#[path = "agno/mod.rs"]
mod real;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use agno_top::model::SourceId;
use agno_top::model::price::Prices;
use agno_top::sources::{Update, UpdateSender, otlp};
use agno_top::store::{By, Limits, Store, Totals};
use real::{Process, python};
use tokio::sync::mpsc::Receiver;

/// How long the proxy may take to start.
const TIMEOUT: Duration = Duration::from_secs(120);

/// How long the proxy may take to send its spans.
const PATIENCE: Duration = Duration::from_secs(20);

/// The proxy accepts no short key.
const KEY: &str = "sk-a-key-for-this-test-only-0123456789abcdef";

/// The agents in `agents.py` and the calls with an answer that each makes.
const AGENTS: [(&str, u32); 6] =
    [("Tool User", 3), ("Fallback", 1), ("Claude Behind", 1), ("Slow Reader", 1), ("Asks Twice", 2), ("Unlucky", 0)];

/// The failed calls: the attempt before the fallback, and the one of the agent "Unlucky".
const FAILED: u32 = 2;

/// A port that nothing listens on now.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn wait<T>(what: &str, mut poll: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = poll() {
            return found;
        }
        assert!(started.elapsed() < TIMEOUT, "{what} took too long");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Starts the proxy in front of the model server; its spans go to `listener`. Returns it and its address.
fn start_proxy(python: &OsStr, directory: &Path, models: &str, listener: SocketAddr, version: Version) -> (Process, String) {
    let unreachable = free_port();
    let config = format!(
        r#"{{"model_list": [
            {{"model_name": "gpt-4o-mini", "litellm_params": {{"model": "openai/gpt-4o-mini", "api_base": "{models}/v1", "api_key": "none"}}}},
            {{"model_name": "claude-sonnet-4-5", "litellm_params": {{"model": "anthropic/claude-sonnet-4-5", "api_base": "{models}", "api_key": "none"}}}},
            {{"model_name": "primary", "litellm_params": {{"model": "openai/gpt-4o", "api_base": "http://127.0.0.1:{unreachable}/v1", "api_key": "none"}}}}
        ], "litellm_settings": {{"callbacks": ["otel"], "num_retries": 0, "cache": true, "cache_params": {{"type": "local"}}, "fallbacks": [{{"primary": ["gpt-4o-mini"]}}]}}}}"#
    );
    std::fs::write(directory.join("config.yaml"), config).unwrap();
    let port = free_port().to_string();
    let mut proxy = Command::new(Path::new(python).with_file_name("litellm"));
    proxy.args(["--config", "config.yaml", "--host", "127.0.0.1", "--port", &port]).current_dir(directory);
    proxy.env("LITELLM_MASTER_KEY", KEY).env("LITELLM_LOCAL_MODEL_COST_MAP", "True").env("OTEL_BSP_SCHEDULE_DELAY", "100");
    proxy.env("OTEL_EXPORTER", "otlp_http").env("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf");
    proxy.env("OTEL_ENDPOINT", format!("http://{listener}/v1/traces")).env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{listener}"));
    if version == Version::V2 {
        proxy.env("LITELLM_OTEL_V2", "true");
    }
    let log = std::fs::File::create(directory.join("log")).unwrap();
    let process = Process(proxy.stdout(log.try_clone().unwrap()).stderr(log).stdin(Stdio::null()).spawn().unwrap());
    let address = format!("http://127.0.0.1:{port}");
    let is_alive = || ureq::get(format!("{address}/health/liveliness")).call().ok();
    wait("the start of the proxy", is_alive);
    (process, address)
}

/// The form of LiteLLM's spans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    V1,
    V2,
}

/// Puts what has arrived into the store.
fn take(updates: &mut Receiver<Update>, store: &mut Store) {
    while let Ok(update) = updates.try_recv() {
        if let Update::Batch(batch) = update {
            store.apply(&batch, i64::MAX / 2);
        }
    }
}

fn tokens(totals: &Totals) -> [u64; 3] {
    [totals.input, totals.cache_read, totals.output]
}

/// Every model call in the store, a line each.
fn reports(store: &Store) -> String {
    let calls = store.rows().filter(|&row| store.row(row).span_type.calls_model());
    let line = |row| {
        let data = store.row(row);
        let tokens = store.usage(row).map(|usage| (usage.input, usage.output));
        let [name, model, error] = [data.name, data.label, data.error].map(|text| store.text(text));
        let times = [data.start, data.end].map(|time| time / 1_000_000 % 1_000_000);
        format!("{times:?} {name} {model} {tokens:?} duplicate: {} {} {error}\n", store.is_duplicate(row), store.service(row))
    };
    calls.map(line).collect()
}

fn count_calls_behind(version: Version) {
    let Some(litellm) = std::env::var_os("AGNO_TOP_LITELLM_PYTHON").filter(|path| !path.is_empty()) else {
        eprintln!("skipped: AGNO_TOP_LITELLM_PYTHON does not name a Python with LiteLLM (see CONTRIBUTING.md)");
        return;
    };
    let Some(python) = python() else { return };
    let directory = tempfile::tempdir().unwrap();
    let ledger = directory.path().join("ledger.jsonl");
    let (_models, models) = real::models_with(&python, &[OsStr::new("--ledger"), ledger.as_os_str()]);
    let (sender, mut updates) = tokio::sync::mpsc::channel(1024);
    let options = otlp::Options { grpc: None, http: "127.0.0.1:0".parse().ok(), ..otlp::Options::default() };
    let listener = otlp::start(options, UpdateSender::new(SourceId(0), sender)).unwrap();
    let address = *listener.addresses.first().unwrap();
    let (_proxy, gateway) = start_proxy(&litellm, directory.path(), &models, address, version);

    let mut store = Store::new(Limits::default());
    store.set_prices(Arc::new(Prices::bundled()));
    let mut agents = Command::new(&python);
    agents.args(["tests/litellm/agents.py", &format!("{gateway}/v1"), KEY, &format!("http://{address}/v1/traces")]);
    let mut agents = Process(agents.stdout(Stdio::null()).spawn().unwrap());
    let status = wait("the agents", || {
        take(&mut updates, &mut store);
        agents.0.try_wait().unwrap()
    });
    assert!(status.success());

    let ledger = std::fs::read_to_string(&ledger).unwrap();
    let mut calls: Vec<serde_json::Value> = ledger.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(calls.len(), 7, "{ledger}");
    // The gateway answered the last call again from its cache, with the same id.
    calls.push(calls.last().unwrap().clone());
    // Each call is reported by the agent and by the proxy, which sends its spans later.
    let written = Instant::now();
    // So is one failed call. The second form has no span for an answer from the cache.
    let duplicates = calls.len() + usize::from(version == Version::V1);
    while (store.all().duplicates as usize) < duplicates && written.elapsed() < PATIENCE {
        take(&mut updates, &mut store);
        std::thread::sleep(Duration::from_millis(100));
    }
    let log = || std::fs::read_to_string(directory.path().join("log")).unwrap_or_default();
    assert_eq!(store.all().duplicates as usize, duplicates, "{}\n{}", reports(&store), log());
    let sum = |name: &str| calls.iter().map(|call| call[name].as_u64().unwrap()).sum::<u64>();
    let expected = ["input_tokens", "cached_tokens", "output_tokens"].map(sum);
    assert_eq!(tokens(store.all()), expected, "{ledger}");
    assert_eq!(store.all().calls as usize, calls.len());
    assert_eq!(store.all().priced as usize, calls.len(), "each call has a cost");

    let (called, failed) =
        store.stats().groups(By::Model).fold((0, 0), |(calls, failed), (_, group)| (calls + group.calls, failed + group.failed));
    assert_eq!((called as usize, failed, store.all().failed), (calls.len() + FAILED as usize, FAILED, FAILED));
    let groups = store.stats().groups(By::Agent);
    let by_agent: BTreeMap<&str, u32> = groups.map(|(name, group)| (store.text(name), group.usage.calls)).collect();
    assert_eq!(by_agent, BTreeMap::from(AGENTS));
}

#[test]
fn a_call_through_litellm_counts_once_for_its_agent() {
    count_calls_behind(Version::V1);
}

#[test]
fn a_call_through_litellm_with_its_second_form_of_spans_counts_once_for_its_agent() {
    count_calls_behind(Version::V2);
}
