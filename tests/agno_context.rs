//! The contexts of real runs of Agno: a model server that caches by true prefix answers, and the program says what its cache did.
//!
//! Needs a Python with `tests/agno/requirements.txt`, named by `AGNO_TOP_AGNO_PYTHON`; without it the test is skipped, and fails in CI.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "agno/mod.rs"]
mod real;

use std::ffi::OsStr;
use std::process::Command;

use serde_json::{Value, json};

/// A run: its agent, and what must be said of its calls: number, `cache`, `cause`, `change`, and the message or tool with the character.
type Run = (&'static str, Vec<(usize, &'static str, Option<&'static str>, Option<&'static str>, Value)>);

fn runs() -> Vec<Run> {
    let changed = |at, change, place| (at, "miss", Some("changed"), Some(change), place);
    let dated =
        |cache, at| (1..4).map(|call| (call, cache, Some("changed"), Some("message_changed"), json!({"message": 0, "at": at}))).collect();
    let missed = |at, cause| vec![(at, "miss", Some(cause), None, json!({}))];
    vec![
        ("Raw healthy", vec![]),
        ("Raw dated", dated("miss", "It is 10:0".len())),
        ("Raw compacted", vec![changed(3, "compacted", json!({"message": 2}))]),
        ("Gpt healthy", vec![]),
        ("Claude healthy", vec![]),
        // Agno's instrumentation of OpenAI's class states cached tokens only where there are any, and here are none.
        ("Gpt dated", dated("not_reported", 100 + "It is 10:0".len())),
        ("Claude dated", dated("miss", 100 + "It is 10:0".len())),
        ("Claude reordered", vec![changed(2, "tools_reordered", json!({"tool": "translate"}))]),
        ("Gpt redescribed", vec![changed(2, "tool_changed", json!({"tool": "translate"}))]),
        ("Gpt added", vec![changed(2, "tool_added", json!({"tool": "escalate"}))]),
        ("Claude edited", vec![changed(3, "message_changed", json!({"message": 3, "at": 0}))]),
        ("Gpt removed", vec![changed(3, "messages_dropped", json!({"message": 2}))]),
        ("Gpt paused", missed(2, "expired")),
        ("Gpt switched", missed(2, "model")),
        ("Claude forgotten", missed(1, "provider")),
        ("Claude short", vec![(1, "too_short", None, None, json!({})), (2, "too_short", None, None, json!({}))]),
        ("Gpt many", vec![]),
    ]
}

/// The answers: three calls of a tool, then a text. One run meets an empty cache at its second call, and one waits before its third.
fn script(runs: &[Run]) -> Value {
    let turns = |name: &str| {
        let call = |at: usize| {
            let later = if at == 2 && name.ends_with("paused") { 400 } else { 0 };
            json!({"call": [["look_up", {"name": format!("Ada {at}")}]], "forget": at == 1 && name.ends_with("forgotten"), "later": later})
        };
        json!([call(0), call(1), call(2), {"say": "A mathematician."}])
    };
    let of_runs = runs.iter().map(|(name, _)| json!({"when": name, "turns": turns(name)}));
    let chat = json!({"when": "Chat", "turns": [{"say": "She wrote the first program. ".repeat(20)}]});
    of_runs.chain([chat]).collect()
}

#[test]
fn real_runs_are_told_why_the_cache_missed() {
    let Some(python) = real::python() else { return };
    let runs = runs();
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    std::fs::write(path("script.json"), script(&runs).to_string()).unwrap();
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
    assert_eq!(traces.len(), runs.len() + 4);
    for (name, expected) in &runs {
        let trace = traces.iter().find(|trace| trace["agent"] == *name).unwrap();
        let shown = run(&["show", "--json", trace["trace_id"].as_str().unwrap()]).remove(0);
        let spans = shown["spans"].as_array().unwrap();
        let calls: Vec<&Value> = spans.iter().filter(|span| span["kind"] == "model" && span["duplicate"] == false).collect();
        let ledger: Vec<&Value> = entries.iter().filter(|entry| entry["user"].as_str().unwrap().starts_with(name)).collect();
        assert!(calls.len() == ledger.len() && calls.len() >= 4, "{name}: {}", calls.len());
        let of_run = &spans[0]["context"];
        let states_none = expected.iter().any(|(_, cache, ..)| *cache == "not_reported");
        let misses = expected.iter().filter(|(_, cache, ..)| *cache == "miss").count();
        assert_eq!(of_run["misses"], if states_none { Value::Null } else { misses.into() }, "{name}: {of_run}");
        let unused: Vec<String> = match *name {
            "Gpt many" => (0..20).map(|number| format!("tool_{number:02}")).collect(),
            "Gpt added" => vec!["translate".to_owned(), "escalate".to_owned()],
            _ if name.starts_with("Raw") || *name == "Claude short" => vec![],
            _ => vec!["translate".to_owned()],
        };
        assert_eq!(of_run["unused_tools"], json!(unused), "{name}");
        for (at, (call, entry)) in calls.iter().zip(ledger).enumerate() {
            let context = &call["context"];
            let in_call = format!("{name}, call {at}: {context:#}");
            assert_eq!(call["input_tokens"], entry["input_tokens"], "{in_call}");
            let cached = call["cached_tokens"].as_u64().unwrap_or_default();
            assert_eq!(entry["cached_tokens"].as_u64(), Some(cached), "{in_call}");
            let parts = context["estimated_tokens"].as_object().unwrap();
            assert!(["system", "tools", "new_message"].iter().all(|part| parts[*part].as_u64().unwrap() > 0), "{in_call}");
            assert_eq!(
                parts.values().map(|tokens| tokens.as_u64().unwrap()).sum::<u64>(),
                entry["input_tokens"].as_u64().unwrap(),
                "{in_call}"
            );
            let Some((_, cache, cause, change, place)) = expected.iter().find(|(expected, ..)| *expected == at) else {
                // Of some runs an earlier one began like this.
                let first = if name.starts_with("Raw") { "first" } else { "first_of_session" };
                let cache = context["cache"].as_str().unwrap();
                assert!(context["cause"].is_null() && (cache == "hit" || at == 0 && cache == first), "{in_call}");
                continue;
            };
            assert_eq!((context["cache"].as_str(), context["cause"].as_str()), (Some(*cache), *cause), "{in_call}");
            assert!(change.is_none() || context["change"].as_str() == *change, "{in_call}");
            assert!(place.as_object().unwrap().iter().all(|(key, value)| context[key] == *value), "{in_call}");
        }
    }
    // Runs of one session go on where the one before ended. `show` reads a part of the database, `stats` all of it.
    let mut chat: Vec<&Value> = traces.iter().filter(|trace| trace["agent"] == "Chat").collect();
    chat.sort_by_key(|trace| trace["start"].as_str().unwrap());
    let contexts: Vec<Value> = chat
        .iter()
        .map(|trace| {
            let shown = run(&["show", "--json", trace["trace_id"].as_str().unwrap()]).remove(0);
            let calls = shown["spans"].as_array().unwrap().iter().filter(|span| span["kind"] == "model" && span["duplicate"] == false);
            let [call] = calls.collect::<Vec<_>>()[..] else { panic!("{shown:#}") };
            call["context"].clone()
        })
        .collect();
    let told: Vec<_> = contexts.iter().map(|context| (context["cache"].as_str().unwrap(), context["compared_with"].as_str())).collect();
    let session = Some("session");
    assert_eq!(told, [("first_of_session", None), ("hit", session), ("miss", session), ("hit", session)], "{contexts:#?}");
    let changed = ["cause", "change", "message"].map(|field| &contexts[2][field]);
    assert_eq!(changed, [&json!("changed"), &json!("message_changed"), &json!(0)], "{:#}", contexts[2]);
    let groups = run(&["stats", "--json", "--misses", "--by", "agent"]);
    let group = groups.iter().find(|group| group["key"] == "Chat").unwrap();
    assert_eq!((&group["misses"], &group["rebuilt_tokens"]), (&json!(1), &contexts[2]["rebuilt_tokens"]), "{group}");
    let missed = run(&["list", "--json", "--filter", "miss:yes agent:Chat"]);
    assert_eq!(missed.iter().map(|trace| &trace["trace_id"]).collect::<Vec<_>>(), [&chat[2]["trace_id"]]);
}
