//! The contexts of real runs of Agno: a model server that caches by true prefix answers, and the program says what its cache did.
//!
//! Needs a Python with `tests/agno/requirements.txt`, named by `AGNO_TOP_AGNO_PYTHON`; without it the test is skipped, and fails in CI.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "agno/mod.rs"]
mod real;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::process::Command;

use serde_json::{Value, json};

/// The answers: three calls of a tool, then a text. The second run of each model meets an empty cache at its second call.
fn script() -> Value {
    let turns = |forgets: bool| {
        let call = |at: usize| json!({"call": [["look_up", {"name": format!("Ada {at}")}]], "forget": forgets && at == 1});
        json!([call(0), call(1), call(2), {"say": "A mathematician."}])
    };
    json!([{"when": "A healthy run", "turns": turns(false)}, {"when": "A forgotten run", "turns": turns(true)}])
}

#[test]
fn real_runs_are_told_why_the_cache_missed() {
    let Some(python) = real::python() else { return };
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    std::fs::write(path("script.json"), script().to_string()).unwrap();
    let ledger = path("ledger.jsonl");
    let (_server, address) = real::models_with_own_script(
        &python,
        &path("script.json"),
        &[OsStr::new("--prefix-cache"), OsStr::new("--ledger"), ledger.as_os_str()],
    );
    let status = Command::new(&python).arg("tests/agno/context.py").arg(path("agno.db")).arg(address).status().unwrap();
    assert!(status.success());
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_agno-top"));
        command.args(arguments).arg(path("agno.db")).env("XDG_CONFIG_HOME", path("config")).env("XDG_STATE_HOME", path("state"));
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>()
    };
    let entries = std::fs::read_to_string(&ledger).unwrap();
    let entries: Vec<Value> = entries.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let traces = run(&["list", "--json"]);
    assert_eq!((traces.len(), entries.len()), (4, 16));
    let mut reused: BTreeMap<bool, u64> = BTreeMap::new();
    for trace in &traces {
        let shown = run(&["show", "--json", trace["trace_id"].as_str().unwrap()]).remove(0);
        let name = trace["agent"].as_str().unwrap();
        let of_run = &shown["spans"][0]["context"];
        let expected = u64::from(name.ends_with("forgotten"));
        assert_eq!((&of_run["calls"], &of_run["misses"]), (&json!(4), &json!(expected)), "{name}: {of_run}");
        assert_eq!(of_run["unused_tools"], json!(["translate"]), "{name}");
        *reused.entry(name.starts_with("Claude")).or_default() += of_run["reused_tokens"].as_u64().unwrap();
        for span in shown["spans"].as_array().unwrap().iter().filter(|span| span["kind"] == "model") {
            let context = &span["context"];
            let parts = context["estimated_tokens"].as_object().unwrap();
            assert!(["system", "tools", "new_message"].iter().all(|part| parts[*part].as_u64().unwrap() > 0), "{name}: {context}");
            let is_provider = context["cause"] == "provider" && context["cache"] == "miss";
            assert!(context["cause"].is_null() || expected == 1 && is_provider, "{name}: {context}");
        }
    }
    for (is_claude, reused) in reused {
        let of_model = entries.iter().filter(|entry| entry["model"].as_str().unwrap().starts_with("claude") == is_claude);
        assert_eq!(of_model.map(|entry| entry["cached_tokens"].as_u64().unwrap()).sum::<u64>(), reused);
    }
}
