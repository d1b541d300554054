//! Real Agno writes one scenario into several stores: each tells the same.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::postgres;
use crate::real::{ABOUT_CONTEXTS, check_stored, models, models_with_script, python, write_contexts};
use crate::server::{LOGIN, Server};

/// Returns what `list --json` says of a source, without its name.
fn list(source: &str, schema: &str) -> Vec<Value> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_agno-top"));
    command
        .args(["list", "--json", "--schema", schema, source])
        .env("XDG_CONFIG_HOME", "/nonexistent")
        .env("XDG_STATE_HOME", std::env::temp_dir());
    let done = command.output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let lines = String::from_utf8(done.stdout).unwrap();
    let mut traces: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for trace in &mut traces {
        trace.as_object_mut().unwrap().remove("source");
    }
    traces
}

#[test]
fn one_scenario_in_each_store_is_told_alike() {
    let (Some(server), Some(postgres), Some(python)) = (Server::shared(), postgres::Server::shared(), python()) else { return };
    let (_models, address) = models(&python);
    let folder = tempfile::tempdir().unwrap();
    let [sqlite, store] = ["agno.db", "store"].map(|name| folder.path().join(name));
    let (schema, url) = ("ai", server.url(LOGIN, "mysql"));
    let other = postgres.url(&postgres.empty_database());
    let mut scenario = Command::new(python);
    scenario.arg("tests/agno/scenario.py").arg(&sqlite).arg(address).args(["--also", &url, "--also", &other, "--also"]).arg(&store);
    let done = scenario.output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let expected = list(sqlite.to_str().unwrap(), schema);
    assert!(expected.len() > 5);
    assert_eq!(list(&url, schema), expected);
    assert_eq!(list(&other, schema), expected);
    assert_eq!(list(Path::new(&store).join("agno_spans.json").to_str().unwrap(), schema), expected);
}

/// Returns the exit code, and what the program prints without the name of the source.
fn answer(source: &str, question: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_agno-top"));
    command.args(question).args(["--schema", "contexts", source]);
    let done = command.env("XDG_CONFIG_HOME", "/nonexistent").env("XDG_STATE_HOME", std::env::temp_dir()).output().unwrap();
    let text = String::from_utf8(done.stdout).unwrap();
    let without = |line: &str| {
        let mut line: Value = serde_json::from_str(line).unwrap();
        line.as_object_mut().unwrap().remove("source");
        line.to_string()
    };
    (done.status.code(), text.lines().map(without).collect::<Vec<_>>().join("\n"))
}

#[test]
fn every_store_tells_the_same_of_contexts() {
    let (Some(server), Some(postgres)) = (Server::shared(), postgres::Server::shared()) else { return };
    let folder = tempfile::tempdir().unwrap();
    let [sqlite, store, file] = ["agno.db", "store", "traces.jsonl"].map(|name| folder.path().join(name).display().to_string());
    let [mysql, other] = [server.url(LOGIN, "mysql"), postgres.url(&postgres.empty_database())];
    if !write_contexts(Path::new(&sqlite), &[&mysql, &other, &store]) {
        return;
    }
    let exported =
        Command::new(env!("CARGO_BIN_EXE_agno-top")).args(["export", &sqlite, "--format", "otlp", "-o", &file]).output().unwrap();
    assert!(exported.status.success(), "{}", String::from_utf8_lossy(&exported.stderr));
    let store = format!("{store}/agno_spans.json");
    for (question, finds) in ABOUT_CONTEXTS {
        let expected = answer(&sqlite, question);
        assert_eq!((expected.0, expected.1.is_empty()), (Some(i32::from(!finds)), !finds), "{question:?}: {}", expected.1);
        for source in [&mysql, &other, &store, &file] {
            assert_eq!(answer(source, question), expected, "{question:?} {source}");
        }
    }
}

#[test]
fn scores_and_sums_that_agno_keeps_are_shown_with_the_runs() {
    let (Some(server), Some(python)) = (Server::shared(), python()) else { return };
    let (_models, address) = models_with_script(&python, Path::new("tests/agno/beside.json"));
    let url = server.url(LOGIN, "mysql");
    let done = Command::new(python).args(["tests/agno/beside.py", &url, &address]).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let traces = list(&url, "beside");
    let of = |agent: &str| traces.iter().filter(|trace| trace["agent"] == agent).collect::<Vec<_>>();
    let scores = |agent: &str| of(agent).iter().map(|trace| trace["scores"][0]["score"].as_f64()).collect::<Vec<_>>();
    assert_eq!((scores("Counter"), scores("Greeter")), (vec![Some(4.0); 2], vec![Some(9.0)]));
    assert_eq!(traces.iter().filter(|trace| !trace["scores"].as_array().unwrap().is_empty()).count(), 3);
    check_stored(&url, &["--schema", "beside"], of("Counter")[0]);
}
