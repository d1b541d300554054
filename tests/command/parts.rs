//! Traces that belong together, and runs that leaked into a trace: every command says what its numbers cover.

use serde_json::Value;

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
