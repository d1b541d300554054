//! A recording, read again: the same numbers as from what was sent.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use serde_json::{Map, Value};

use crate::listener::Listener;
use crate::record::recording;

/// Returns the requests of a corpus in the order in which they were sent.
fn requests(path: &Path) -> Vec<PathBuf> {
    let is_request = |path: &PathBuf| path.to_string_lossy().contains(".pb");
    let entries =
        if path.is_dir() { std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect() } else { vec![path.to_owned()] };
    let mut requests: Vec<PathBuf> = entries.into_iter().filter(is_request).collect();
    requests.sort();
    requests
}

/// Returns the traces that `list --json` prints, by id.
fn list(directory: &Path, sources: &[String]) -> BTreeMap<String, Map<String, Value>> {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_agno-top"));
    command.args(["list", "--json", "--all"]).args(sources).current_dir(directory);
    let output = command.env("XDG_STATE_HOME", directory).env("XDG_CONFIG_HOME", directory).output().unwrap();
    let line = |line: &str| {
        let mut trace: Map<String, Value> = serde_json::from_str(line).unwrap();
        // Agno's table has microseconds.
        for field in ["source", "start", "end", "duration_ms"] {
            trace.remove(field);
        }
        (trace["trace_id"].to_string(), trace)
    };
    String::from_utf8(output.stdout).unwrap().lines().map(line).collect()
}

#[test]
fn a_recording_has_the_numbers_of_what_was_sent() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let corpora = ["frameworks", "failures", "usage", "counting"].map(|group| std::fs::read_dir(fixtures.join(group)).unwrap());
    let directory = tempfile::tempdir().unwrap();
    let (mut sent, mut recorded) = (Vec::new(), Vec::new());
    for (number, corpus) in corpora.into_iter().flatten().map(|entry| entry.unwrap().path()).enumerate() {
        let requests = requests(&corpus);
        if requests.is_empty() {
            continue;
        }
        sent.push(format!("{number}.pb"));
        recorded.push(format!("{number}.db"));
        let listener = Listener::with(recording(&directory.path().join(&recorded[recorded.len() - 1])), 4096);
        let mut bodies = Vec::new();
        for request in requests {
            let mut body = std::fs::read(&request).unwrap();
            if request.extension().is_some_and(|extension| extension == "gz") {
                let packed = std::mem::take(&mut body);
                GzDecoder::new(&packed[..]).read_to_end(&mut body).unwrap();
            }
            assert_eq!(listener.post(&body).status, 200, "{}", request.display());
            bodies.extend(body);
        }
        std::fs::write(directory.path().join(&sent[sent.len() - 1]), bodies).unwrap();
    }
    let (sent, recorded) = (list(directory.path(), &sent), list(directory.path(), &recorded));
    for (id, trace) in &sent {
        // A span that has not ended is not recorded.
        if trace["status"] != "running" && trace["status"] != "lost" {
            assert_eq!(recorded.get(id), Some(trace));
        }
    }
    let failed = recorded.values().filter(|trace| trace["failed"] == true).count();
    assert!(recorded.len() > 350 && failed > 20, "{} traces, {failed} failed", recorded.len());
}

#[test]
fn a_call_of_an_agent_and_its_gateway_counts_once_in_a_recording() {
    let span = |id: &str, parent: &str, name: &str, times: (u64, u64), attributes: &str| {
        let (trace, [start, end]) = (&id[..1].repeat(32), [times.0, times.1].map(|millis| (1_795_900_000_000 + millis) * 1_000_000));
        format!(
            r#"{{"traceId":"{trace}","spanId":"{id}","parentSpanId":"{parent}","name":"{name}","startTimeUnixNano":"{start}","endTimeUnixNano":"{end}","attributes":[{attributes}]}}"#
        )
    };
    let text = |key: &str, value: &str| format!(r#"{{"key":"{key}","value":{{"stringValue":"{value}"}}}}"#);
    let call = format!(
        r#"{},{},{{"key":"gen_ai.usage.input_tokens","value":{{"intValue":"777"}}}},{{"key":"gen_ai.usage.output_tokens","value":{{"intValue":"10"}}}}"#,
        text("gen_ai.operation.name", "chat"),
        text("gen_ai.request.model", "gpt-4o-mini")
    );
    let agent = text("gen_ai.operation.name", "invoke_agent");
    let spans = [
        ("app", "sdk", span("1000000000000001", "", "invoke_agent", (0, 9000), &agent)),
        ("app", "sdk", span("1000000000000002", "1000000000000001", "chat", (10, 8000), &call)),
        ("proxy", "gateway", span("2000000000000003", "", "request", (110, 1200), &call)),
    ];
    let groups = spans.map(|(service, scope, span)| {
        let resource = text("service.name", service);
        format!(r#"{{"resource":{{"attributes":[{resource}]}},"scopeSpans":[{{"scope":{{"name":"{scope}"}},"spans":[{span}]}}]}}"#)
    });
    let body = format!(r#"{{"resourceSpans":[{}]}}"#, groups.join(","));
    let directory = tempfile::tempdir().unwrap();
    let listener = Listener::with(recording(&directory.path().join("recorded.db")), 64);
    assert_eq!(listener.client().post("/v1/traces", &[("content-type", "application/json")], body.as_bytes()).status, 200);
    std::fs::write(directory.path().join("sent.json"), body).unwrap();
    let [sent, recorded] = ["sent.json", "recorded.db"].map(|source| list(directory.path(), &[source.to_owned()]));
    assert_eq!(sent, recorded);
    let facts: Vec<_> = recorded.values().map(|trace| (trace["agent"].as_str(), trace["input_tokens"].as_u64())).collect();
    assert_eq!(facts, [(Some("app"), Some(777)), (None, None)]);
}
