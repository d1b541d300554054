//! Sums over spans that report a call twice, below another call, or as a running total.

#![allow(clippy::expect_used, reason = "a test ends where it cannot go on")]

use serde_json::Value;

/// Returns the JSON lines that the program prints for a file of `tests/fixtures/counting`.
fn lines(file: &str, arguments: &[&str]) -> Vec<Value> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = format!("{}/tests/fixtures/counting/{file}", env!("CARGO_MANIFEST_DIR"));
    let mut command = assert_cmd::Command::cargo_bin("agno-top").expect("the program");
    let output = command.args(arguments).args(["--json", &path]).env("XDG_CONFIG_HOME", folder.path()).output().expect("output");
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// Returns input tokens, output tokens and millionths of a dollar by trace or group, in the order of `key`.
#[expect(clippy::type_complexity, reason = "the columns of one table")]
fn sums(file: &str, arguments: &[&str], key: &str) -> Vec<(String, Option<u64>, Option<u64>, Option<i64>)> {
    let sum = |line: Value| {
        let cost = line["cost_usd"].as_f64().map(|cost| (cost * 1e6).round() as i64);
        (line[key].as_str().unwrap_or_default().to_owned(), line["input_tokens"].as_u64(), line["output_tokens"].as_u64(), cost)
    };
    let mut sums: Vec<_> = lines(file, arguments).into_iter().map(sum).collect();
    sums.sort();
    sums
}

fn named(name: &str, input: u64, output: u64, cost: i64) -> (String, Option<u64>, Option<u64>, Option<i64>) {
    (name.to_owned(), Some(input), Some(output), Some(cost))
}

#[test]
fn a_span_with_two_ids_counts_once() {
    assert_eq!(sums("span-with-two-ids.jsonl", &["stats", "--by", "model"], "key"), [named("gpt-4o", 1000, 100, 3500)]);
}

#[test]
fn what_earlier_runs_of_a_session_used_counts_there() {
    let traces = sums("../usage/strands-unpriced.jsonl", &["list"], "agent");
    assert_eq!(traces, [1, 2, 3].map(|_| named("Helper", 1000, 100, 4500)));
}

#[test]
fn a_call_through_a_gateway_counts_for_its_agent() {
    let file = "gateway-in-its-own-trace.pb";
    assert!(sums(file, &["stats", "--by", "agent"], "key").contains(&named("Weather Agent", 2000, 100, 240)));
    let by_trace = sums(file, &["list"], "agent");
    assert_eq!(by_trace.iter().filter(|trace| trace.1.is_none() && trace.3.is_none()).count(), 2, "{by_trace:?}");
    let matches = lines(file, &["list", "--filter", "agent:Weather cost:>0.0001"]);
    assert_eq!(matches.len(), 1);
}

#[test]
fn a_call_of_another_agent_below_a_call_is_another_call() {
    let agents = sums("call-below-a-call.pb", &["stats", "--by", "agent"], "key");
    assert_eq!(agents.iter().filter(|agent| !agent.0.is_empty()).map(|agent| agent.1).collect::<Vec<_>>(), [Some(1400), Some(1400)]);
}

#[test]
fn a_run_states_more_than_the_calls_below_it() {
    let traces = sums("run-states-more.json", &["list"], "agent");
    assert_eq!(traces.iter().map(|trace| (trace.1, trace.2)).collect::<Vec<_>>(), [(Some(2000), Some(100))]);
}

/// The same runs of agents, traced by OpenInference's instrumentation of Agno, by that and OpenTelemetry's own, and by the latter alone, which
/// reports no model calls.
#[test]
fn runs_that_two_instrumentations_of_agno_report_count_once() {
    let file = |name: &str| format!("../genai-agno/{name}.pb.gz");
    let facts = |name: &str, by: &str| {
        let fact = |line: Value| {
            let fields = ["key", "calls", "errors", "failed_steps", "input_tokens", "cached_tokens", "output_tokens", "cost_usd"];
            fields.map(|field| line[field].clone())
        };
        lines(&file(name), &["stats", "--by", by]).into_iter().map(fact).collect::<Vec<_>>()
    };
    for by in ["agent", "model", "session", "tool"] {
        let (one, both) = (facts("openinference", by), facts("both", by));
        assert!(one.len() > 2 && one == both, "{by}: {one:?} {both:?}");
    }
    let calls = |name: &str| {
        let tools = facts(name, "tool").into_iter().filter(|[key, ..]| !key.is_null());
        tools.map(|[key, calls, errors, failed, ..]| [key, calls, errors, failed]).collect::<Vec<_>>()
    };
    assert_eq!(calls("openinference"), calls("alone"));
    let agents = |name: &str| {
        facts(name, "agent").into_iter().map(|[key, calls, errors, failed, ..]| [key, calls, errors, failed]).collect::<Vec<_>>()
    };
    assert_eq!(agents("openinference"), agents("alone"));
    assert!(agents("alone").iter().any(|[.., errors, _]| *errors == 1), "a run whose answer is an error");
    assert!(facts("alone", "agent").iter().all(|[.., input, _, output, cost]| [input, output, cost].iter().all(|count| count.is_null())));
}

/// Returns the trees of a recording without times: kinds, names, tokens, costs.
fn trees(recording: &str) -> Vec<String> {
    let path = format!("{}/tests/fixtures/genai-agno/orders/{recording}.pb.gz", env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = assert_cmd::Command::cargo_bin("agno-top").expect("the program");
    command.args(["export", "--format", "markdown", "-o", "-", &path]).env("XDG_CONFIG_HOME", folder.path());
    let text = String::from_utf8(command.output().expect("output").stdout).expect("text");
    let trees = text.split("## Tree\n\n```text\n").skip(1).filter_map(|rest| rest.split("```").next()).flat_map(str::lines);
    let is_time = |word: &str| word.starts_with(|char: char| char.is_ascii_digit()) && word.ends_with('s');
    trees.map(|line| line.split("  ").filter(|part| !is_time(part)).collect::<Vec<_>>().join("  ")).collect()
}

/// Whichever instrumentation of Agno comes first, and whether OpenTelemetry's states what was said: runs of agents, teams and workflows, in one
/// piece, as streams and with asyncio, and runs and tools that fail, have the tree that OpenInference's alone gives.
#[test]
fn two_instrumentations_in_either_order_give_the_tree_of_one() {
    let one = trees("one");
    assert!(one.len() > 90 && one.contains(&"team Little Team".to_owned()), "{one:#?}");
    for order in ["genai-first", "genai-second", "genai-first-with-content", "genai-second-with-content"] {
        assert_eq!(trees(order), one, "{order}");
        for by in ["agent", "model", "tool", "session"] {
            let counts = |name: &str| {
                let mut counts = lines(&format!("../genai-agno/orders/{name}.pb.gz"), &["stats", "--by", by]);
                let fields =
                    ["key", "calls", "errors", "failed_steps", "failed", "input_tokens", "cached_tokens", "output_tokens", "cost_usd"];
                let mut counts: Vec<_> = counts.iter_mut().map(|line| fields.map(|field| line[field].take().to_string())).collect();
                counts.sort();
                counts
            };
            assert_eq!(counts(order), counts("one"), "{order} {by}");
        }
    }
}

#[test]
fn lists_of_steps_leave_out_what_is_told_twice_and_say_so() {
    let trace = lines("../genai-agno/both.pb.gz", &["list"]).into_iter().find(|trace| trace["agent"] == "Async").expect("a trace");
    let id = trace["trace_id"].as_str().expect("an id");
    assert_eq!(lines("../genai-agno/both.pb.gz", &["show", id])[0]["spans"].as_array().map(Vec::len), Some(6), "for programs");
    let path = format!("{}/tests/fixtures/genai-agno/both.pb.gz", env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().expect("a folder");
    // What marks a step of an agent and of a tool in each list.
    for (arguments, agent, tool) in [
        (&["show", "--format", "compact"][..], "\nAsync", "search_database"),
        (&["show"], "\u{25c6} Async", "\u{2699} search_database"),
        (&["show", "--format", "markdown"], "\nagent Async ", "  tool search_database "),
        (&["export", "--format", "html", "-o", "-"], "<span class=\"agent\"", "<span class=\"tool\""),
    ] {
        let mut command = assert_cmd::Command::cargo_bin("agno-top").expect("the program");
        let output = command.args(arguments).args([id, &path]).env("XDG_CONFIG_HOME", folder.path()).output().expect("output");
        let text = String::from_utf8(output.stdout).expect("text");
        assert_eq!([agent, tool].map(|step| text.matches(step).count()), [1, 1], "{arguments:?}: {text}");
        assert!(text.contains("2 spans tell again what those above them tell"), "{arguments:?}: {text}");
    }
}
