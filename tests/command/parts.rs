//! Traces that belong together, and runs that leaked into a trace: every command says what its numbers cover.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use super::{Program, fixture};

fn program(name: &str, as_name: &str) -> Program {
    let program = Program::empty();
    std::fs::copy(fixture(name), program.path(as_name)).unwrap();
    program
}

#[test]
fn every_view_of_a_part_states_the_numbers_of_all() {
    let program = program("groups/turn-in-three-traces.json", "traces.json");
    let list = program.objects(&["list", "--json", "traces.json"]).remove(0);
    assert_eq!((&list["covers_other_traces"], &list["spans"], &list["duration_ms"]), (&true.into(), &4.into(), &530.687_602.into()));
    let numbers = "one of 3 traces of the same run, which are 531ms, 4 spans, 1.4k tokens in and 80 out, $0.00062 together; the others: ";
    for (part, others) in [("ff3c697c", "b5460fd8, 5e27ad4e"), ("5e27ad4e", "ff3c697c, b5460fd8")] {
        for arguments in [
            ["show", part, "traces.json", "--format=text"],
            ["show", part, "traces.json", "--format=compact"],
            ["show", part, "traces.json", "--format=markdown"],
            ["export", part, "traces.json", "--format=html"],
            ["export", part, "traces.json", "--format=markdown"],
        ] {
            let text = program.text(&arguments);
            assert!(text.contains(&format!("{numbers}{others}")), "{arguments:?}: {text}");
        }
        let why = program.text(&["why", part, "traces.json"]);
        assert!(why.split_whitespace().collect::<Vec<_>>().join(" ").contains(&format!("{numbers}{others}")), "{why}");
        let shown = program.objects(&["show", "--json", part, "traces.json"]).remove(0);
        assert_eq!((&shown["covers_other_traces"], shown["other_traces"].as_array().map(Vec::len)), (&false.into(), Some(2)));
    }
}

#[test]
fn a_run_that_leaked_counts_in_the_numbers_and_not_in_the_time() {
    let program = program("frameworks/agno-team-nested/traces.sqlite", "traces.db");
    let text = program.text(&["show", "last", "traces.db"]);
    let covers =
        "1 run began after its parent had ended (it leaked in): tokens and cost include its 4 spans, the time does not (17.9s with them)";
    assert!(text.contains(&format!("\ncovers   {covers}\n")), "{text}");
    let shown = program.objects(&["show", "--json", "last", "traces.db"]).remove(0);
    let leaked = |span: &&Value| span["leaked"] == true;
    let leaked = shown["spans"].as_array().unwrap().iter().find(leaked).unwrap()["start"].clone();
    let why = program.objects(&["why", "--json", "last", "traces.db"]).remove(0);
    let path = why["critical_path"].as_array().unwrap();
    let total: f64 = path.iter().map(|step| step["ms"].as_f64().unwrap()).sum();
    assert!(total <= shown["duration_ms"].as_f64().unwrap() + 0.001, "{total} {why}");
    let late = |step: &&Value| {
        shown["spans"]
            .as_array()
            .unwrap()
            .iter()
            .any(|span| span["span_id"] == step["span_id"] && span["start"].as_str() >= leaked.as_str())
    };
    assert!(path.iter().find(late).is_none(), "{why}");
}

#[test]
fn a_run_that_still_runs_beside_leaked_ones_is_not_in_the_time_of_any_command() {
    let program = Program::empty();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
    // Id, parent, start and end in seconds. The leaked one was cut, and the last one is in a run that has not arrived.
    let spans =
        [(1, 0, "AGENT", 0, 2), (2, 1, "LLM", 0, 1), (3, 1, "AGENT", 3, 5), (4, 9, "LLM", 6, 8)].map(|(id, parent, kind, start, end)| {
            let time = |seconds: u64| (now - (15 - seconds) * 1_000_000_000).to_string();
            json!({
                "traceId": "000000000000000000000000000000a1", "spanId": format!("{id:016x}"),
                "parentSpanId": if parent == 0 { String::new() } else { format!("{parent:016x}") },
                "name": format!("{kind} {id}"), "startTimeUnixNano": time(start), "endTimeUnixNano": time(end),
            "status": { "code": u8::from(id != 3) },
                "attributes": [{ "key": "openinference.span.kind", "value": { "stringValue": kind } }]
            })
        });
    let scope = json!({ "name": "openinference.instrumentation.agno" });
    let file = json!({ "resourceSpans": [{ "scopeSpans": [{ "scope": scope, "spans": spans }] }] });
    std::fs::write(program.path("traces.json"), file.to_string()).unwrap();
    let (list, show) = (program.text(&["list", "traces.json"]), program.text(&["show", "last", "traces.json"]));
    assert!(show.contains("running") && show.contains(", for 2.00s\n"), "{show}");
    let line: Vec<&str> = list.lines().last().unwrap().split_whitespace().collect();
    assert!(line.contains(&"2.00s"), "{list}");
    let why = program.text(&["why", "last", "traces.json"]);
    assert!(why.lines().next().unwrap().ends_with("2.00s") && !why.contains("that has not arrived"), "{why}");
}

#[test]
fn reports_have_a_context_section_and_count_a_call_once() {
    let dspy = program("frameworks/dspy/0001.pb.gz", "traces.pb.gz");
    for arguments in [["show", "last", "traces.pb.gz", "--format=markdown"], ["export", "last", "traces.pb.gz", "--format=markdown"]] {
        let report = dspy.text(&arguments);
        assert_eq!(report.matches("\n### call ").count(), 1, "{report}");
        assert_eq!(report.matches("\n## Context\n").count(), 1, "{report}");
    }
    let shown = dspy.objects(&["show", "--json", "last", "traces.pb.gz"]).remove(0);
    let models: Vec<&Value> = shown["spans"].as_array().unwrap().iter().filter(|span| span["kind"] == "model").collect();
    assert_eq!(models.iter().map(|span| span["duplicate"].as_bool().unwrap()).collect::<Vec<_>>(), [true, false]);
    let unstated = models.iter().find(|span| span["context"]["cache"] == "not_reported");
    assert!(unstated.is_none_or(|span| span["context"]["rebuilt_tokens"].is_null()), "{shown}");
}
