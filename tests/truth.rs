//! What real frameworks sent, counted as the program counts it, against what their providers' ledgers say.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "a test ends where it cannot go on, and says where it is")]

mod stage;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};

use agno_top::model::SourceId;
use agno_top::source::{Outlet, Update, otlp};
use agno_top::store::{Limits, Store, Totals};
use serde_json::Value;
use stage::{NOW, Stage, fixture};

/// The ledger's totals as far as the spans' plain attributes can tell them.
fn truth(framework: &str) -> Value {
    let text = std::fs::read_to_string(fixture(&format!("frameworks/{framework}/truth.json"))).expect("a truth");
    serde_json::from_str(&text).expect("a truth is JSON")
}

fn number(value: &Value, name: &str) -> u64 {
    value[name].as_u64().unwrap_or_else(|| panic!("{name} in {value}"))
}

fn check(store: &Store, truth: &Value) {
    let totals: &Totals = store.all();
    let visible = &truth["visible"];
    for (name, found) in [
        ("input_tokens", totals.input),
        ("cached_tokens", totals.cache_read),
        ("cache_write_tokens", totals.cache_write),
        ("output_tokens", totals.output),
    ] {
        assert_eq!(found, number(visible, name), "{name}");
    }
    for (name, found) in [("errors", u64::from(totals.errors)), ("spans", u64::from(totals.spans)), ("traces", store.trace_count() as u64)]
    {
        assert_eq!(found, number(truth, name), "{name}");
    }
    for (id, stated) in truth["by_trace"].as_object().expect("traces") {
        let trace = agno_top::model::TraceId::parse(id.as_bytes()).and_then(|id| store.find_trace(id)).expect("every trace is held");
        let found = store.trace(trace).totals();
        assert_eq!(u64::from(found.spans), number(stated, "spans"), "spans of {id}");
        assert_eq!(u64::from(found.errors), number(stated, "errors"), "errors of {id}");
    }
}

#[test]
fn agno_s_databases_add_up() {
    for framework in ["agno-claude", "agno-openai-responses", "agno-team-workflow"] {
        let stage = Stage::open(&fixture(&format!("frameworks/{framework}/traces.sqlite")), (120, 36));
        println!("{framework}: {:?}", stage.store.all());
        check(&stage.store, &truth(framework));
    }
}

/// The bodies that a framework sent, in order of arrival.
fn bodies(framework: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(fixture(&format!("frameworks/{framework}"))).expect("a corpus");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let is_body = |path: &PathBuf| path.file_stem().is_some_and(|stem| stem.to_string_lossy().bytes().all(|byte| byte.is_ascii_digit()));
    let mut bodies: Vec<PathBuf> = paths.filter(is_body).collect();
    bodies.sort_unstable();
    bodies
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

/// What the program holds after the framework sent everything.
fn received(framework: &str) -> Store {
    let (updates, mut inbox) = tokio::sync::mpsc::channel(1024);
    let any = "127.0.0.1:0".parse().ok();
    let options = otlp::Options { grpc: None, http: any, ..otlp::Options::default() };
    let listening = otlp::start(options, Outlet { id: SourceId(0), updates }).expect("a listener");
    let address = *listening.addresses.first().expect("an address");
    let mut store = Store::new(Limits::default());
    for body in bodies(framework) {
        assert_eq!(post(address, &body), 200, "{}", body.display());
        // What was acknowledged is in the channel.
        while let Ok(update) = inbox.try_recv() {
            if let Update::Batch(batch) = update {
                store.apply(&batch, NOW);
            }
        }
    }
    store
}

#[test]
fn what_frameworks_send_adds_up() {
    let mut wrong = Vec::new();
    for framework in [
        "agno-claude",
        "agno-openai-responses",
        "agno-team-workflow",
        "langgraph",
        "logfire-pending",
        "openai-agents",
        "openllmetry",
        "pydantic-ai",
        "vercel-ai-5",
    ] {
        let store = received(framework);
        let (all, truth) = (store.all(), truth(framework));
        for (name, found) in [
            ("input_tokens", all.input),
            ("cached_tokens", all.cache_read),
            ("cache_write_tokens", all.cache_write),
            ("output_tokens", all.output),
            ("reasoning_tokens", all.reasoning),
        ] {
            let visible = number(&truth["visible"], name);
            // Better than the plain attributes tell is right too, up to what the ledger says.
            if !(visible..=number(&truth, name).max(visible)).contains(&found) {
                wrong.push(format!("{framework}: {name} {found}, not {visible}"));
            }
        }
        assert_eq!(u64::from(all.running + all.lost), number(&truth, "unfinished_spans"), "{framework}: what never ended");
        // The ledger's spans are those that ended.
        let ended = u64::from(all.spans) - number(&truth, "unfinished_spans");
        for (name, found) in [("errors", u64::from(all.errors)), ("spans", ended), ("traces", store.trace_count() as u64)] {
            if found != number(&truth, name) {
                wrong.push(format!("{framework}: {name} {found}, not {}", number(&truth, name)));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
