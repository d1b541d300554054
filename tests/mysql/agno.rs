//! Real Agno writes one scenario into several stores: each tells the same.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::postgres;
use crate::real::{models, models_with_script, python};
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

#[test]
fn accuracy_tests_that_agno_keeps_are_shown_with_the_runs() {
    let (Some(server), Some(python)) = (Server::shared(), python()) else { return };
    let (_models, address) = models_with_script(&python, Path::new("tests/agno/beside.json"));
    let url = server.url(LOGIN, "mysql");
    let done = Command::new(python).args(["tests/agno/beside.py", &url, &address]).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let traces = list(&url, "beside");
    let of = |agent: &str| traces.iter().filter(|trace| trace["agent"] == agent).collect::<Vec<_>>();
    let scores: Vec<_> = of("Counter").iter().map(|trace| trace["scores"][0]["score"].as_f64()).collect();
    assert_eq!(scores, [Some(4.0); 2]);
}
