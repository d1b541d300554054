//! What counts as failed, paused or cut, in what frameworks sent.

use std::io::Read;

use serde_json::{Value, json};

use super::{Program, fixture};

fn list(path: &std::path::Path, arguments: &[&str]) -> Vec<Value> {
    let program = Program::empty();
    program.objects(&[&["list", "--json", path.to_str().unwrap()], arguments].concat())
}

/// Status, spans with an error status, failed steps, and whether the trace failed.
fn verdict(trace: &Value) -> Value {
    json!([trace["status"], trace["errors"], trace["failed_steps"], trace["failed"]])
}

#[test]
fn a_failure_without_an_error_status_counts_once() {
    for (name, expected) in [
        ("ok-with-exception.pb", json!(["error", 0, 1, true])),
        ("finish-reason-error.pb", json!(["error", 1, 1, true])),
        ("interrupt.pb", json!(["paused", 1, 0, false])),
    ] {
        let path = fixture("failures").join(name);
        assert_eq!(list(&path, &[]).iter().map(verdict).collect::<Vec<_>>(), [expected], "{name}");
    }
    let path = fixture("failures").join("ok-with-exception.pb");
    let program = Program::empty();
    let path = path.to_str().unwrap();
    assert_eq!(program.run(&["list", path, "--fail-on", "error"]).status.code(), Some(3));
    let tool = &program.objects(&["stats", "--json", "--by", "tool", path])[0];
    assert_eq!(json!([tool["calls"], tool["errors"], tool["failed_steps"], tool["failed"]]), json!([1, 1, 1, true]));
    let error = &program.objects(&["stats", "--json", "--by", "error", path])[0];
    assert!(error["key"].as_str().unwrap().starts_with("tool refund_order: Error: payment gateway refused"), "{error}");
    assert!(program.text(&["list", path]).contains("refund_flow  Error: payment gateway refused refund of order 12345"));
    let model = &program.objects(&["stats", "--json", "--by", "model", fixture("failures/finish-reason-error.pb").to_str().unwrap()])[0];
    assert_eq!(json!([model["failed"], model["errors"]]), json!([true, 1]));
}

/// Returns the names of the first root spans with this status, the earliest first, from the database and from OTLP.
fn with_status(corpus: &str, status: &str) -> [Vec<String>; 2] {
    let folder = fixture("frameworks").join(corpus);
    let names = |traces: &[Value]| traces.iter().rev().map(|trace| trace["name"].as_str().unwrap().to_owned()).collect();
    let filter = ["--filter", status];
    let database = list(&folder.join("traces.sqlite"), &filter);
    // Concatenated requests are one request.
    let mut paths: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.to_string_lossy().contains(".pb"));
    paths.sort();
    let mut joined = Vec::new();
    for path in paths {
        let packed = std::fs::read(&path).unwrap();
        if path.extension().is_some_and(|end| end == "gz") {
            flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut joined).unwrap();
        } else {
            joined.extend(packed);
        }
    }
    let program = Program::empty();
    std::fs::write(program.path("joined.pb"), joined).unwrap();
    let sent = program.run(&["list", "--json", "joined.pb", "--filter", status]).stdout;
    let sent: Vec<Value> = String::from_utf8(sent).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    [names(&database), names(&sent)]
}

#[test]
fn runs_of_agno_that_were_cut_are_told_by_database_and_otlp() {
    let expected = [
        "Cut_In_Model.arun",
        "Cut_In_Tool.arun",
        "Cut_In_Nested.arun",
        "Cut_Team.arun",
        // Its model call was cut.
        "Closed_Stream.arun",
        "Closed_Sync_Stream.run",
        "Cut_Flow.arun",
        "Exiter.run",
    ];
    assert_eq!(with_status("agno-abort", "status:cut"), [expected; 2]);
}

#[test]
fn a_paused_run_of_agno_waits_until_it_is_continued() {
    let path = fixture("frameworks/agno-hitl/traces.sqlite");
    assert!(list(&path, &[]).iter().all(|trace| trace["status"] == "ok"), "every run was continued");
    let copy = Program::empty();
    std::fs::copy(&path, copy.path("traces.db")).unwrap();
    let database = rusqlite::Connection::open(copy.path("traces.db")).unwrap();
    database.execute("DELETE FROM agno_spans WHERE name IN ('Careful_input.continue_run', 'Careful_Team.continue_run')", ()).unwrap();
    drop(database);
    let paused = copy.objects(&["list", "--json", "traces.db", "--filter", "status:paused"]);
    assert_eq!(paused.iter().map(|trace| trace["name"].as_str().unwrap()).collect::<Vec<_>>(), ["Careful_Team.run", "Careful_input.run"]);
}

#[test]
fn a_run_failed_if_a_step_in_it_did_wherever_it_is_shown() {
    let path = fixture("frameworks/agno-claude/traces.sqlite");
    let (program, path) = (Program::empty(), path.to_str().unwrap());
    let agents = program.objects(&["stats", "--json", "--by", "agent", path]);
    let agent = agents.iter().find(|agent| agent["key"] == "Refund Agent").unwrap();
    assert_eq!(json!([agent["calls"], agent["failed"]]), json!([1, true]));
    let failed = program.objects(&["list", "--json", "--filter", "agent:\"Refund Agent\" kind:agent status:error", path]);
    assert_eq!(failed.len(), 1);
    let trace = &program.objects(&["show", "--json", failed[0]["trace_id"].as_str().unwrap(), path])[0];
    assert_eq!(json!([trace["status"], trace["spans"][0]["status"], trace["spans"][0]["failed"]]), json!(["error", "error", true]));
}
