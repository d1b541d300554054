//! Two traces beside each other.

use super::Program;

#[test]
fn two_traces_are_compared_in_one_sentence_and_step_by_step() {
    let program = Program::new();
    let listed = program.objects(&["list", "--json", "traces.db"]);
    let number = |trace: &serde_json::Value, field: &str| trace[field].as_f64();
    // Two runs of the same agent.
    let same = |one: &&serde_json::Value, other: &serde_json::Value| one["name"] == other["name"] && one["trace_id"] != other["trace_id"];
    let (one, other) = listed.iter().find_map(|one| Some((one, listed.iter().find(|other| same(other, one))?))).unwrap();
    let [first, second] = [one, other].map(|trace| trace["trace_id"].as_str().unwrap());
    let record = program.objects(&["compare", first, "--json", second, "traces.db"]).remove(0);
    assert!(record["a"]["start"].as_str() <= record["b"]["start"].as_str(), "A is the earlier run");
    let times = ["a", "b"].map(|side| number(&record[side], "duration_ms").unwrap());
    let word = if times[1] < times[0] { "faster" } else { "slower" };
    assert!(record["sentence"].as_str().unwrap().starts_with("B is ") && record["sentence"].as_str().unwrap().contains(word), "{record}");
    let steps = record["steps"].as_array().unwrap();
    let of = |side: &str| steps.iter().filter(|step| !step[side].is_null()).count() as u64;
    assert_eq!([of("a"), of("b")].map(Some), ["a", "b"].map(|side| record[side]["spans"].as_u64()), "every step stands on its side");
    let differing = steps.iter().filter(|step| !step["differs"].as_array().unwrap().is_empty()).count() as u64;
    assert_eq!(record["differing_steps"], differing);

    assert!(program.text(&["compare", second, first, "traces.db", "--ascii"]).is_ascii());
    let text = program.text(&["compare", second, first, "traces.db"]);
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with(&format!("A  {}", record["a"]["trace_id"].as_str().unwrap())), "{text}");
    assert!(lines[2].starts_with(record["sentence"].as_str().unwrap()) && lines[2].contains(&format!("{differing} of ")), "{text}");
    assert_eq!(lines.len(), 5 + steps.len(), "{text}");
}

#[test]
fn what_names_no_two_traces_is_refused() {
    let program = Program::new();
    for (words, message) in [
        (&["a35b", "traces.db"][..], "two trace ids"),
        (&["a35b", "zz", "traces.db"], "two trace ids"),
        (&["a35b", "f1da", "bcc8", "traces.db"], "two traces at a time"),
        (&["a35b", "a35b", "traces.db"], "name two traces"),
    ] {
        let output = program.run(&[&["compare"], words].concat());
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), error.contains(message)), (Some(2), true), "{words:?}: {error}");
    }
    let output = program.run(&["compare", "a35b", "abcd", "traces.db"]);
    assert_eq!(output.status.code(), Some(1));
}
