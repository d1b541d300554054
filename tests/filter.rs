//! Filters as a user types them, on a real database.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod stage;

use agno_top::query::Query;
use agno_top::tui::app::{Action, Effect};
use serde_json::{Value, json};
use stage::{NOW, Stage, fixture};

fn open() -> Stage {
    Stage::open(&fixture("agno-3.1.10.sqlite"), (120, 36))
}

/// Returns the names of the completions.
fn completions(stage: &mut Stage) -> Vec<String> {
    stage.text();
    stage.app.editor.as_ref().expect("a line").completions.list.iter().map(|offer| offer.name.clone()).collect()
}

fn line(stage: &Stage) -> &str {
    stage.app.editor.as_ref().expect("a line").input.value()
}

/// Types a filter, waits until all payloads are searched, and returns the number of traces shown.
fn traces(stage: &mut Stage, filter: &str) -> usize {
    stage.keys(&format!("/<Ctrl-u>{filter}<Enter>"));
    stage.wait(|stage| stage.app.search_progress().is_none());
    stage.app.tree.len()
}

#[test]
fn fields_and_values_are_completed() {
    let mut stage = open();
    stage.keys("/");
    assert_eq!(completions(&mut stage), [""; 0], "no completions for an empty line");
    stage.keys("<Tab>");
    assert!(completions(&mut stage).len() > 20 && line(&stage).is_empty(), "the fields, of which none is chosen");
    stage.keys("<Tab>");
    assert!(line(&stage).ends_with(':'), "{}", line(&stage));
    stage.keys("<Ctrl-u>");
    stage.keys("st");
    assert_eq!(completions(&mut stage), ["status"]);
    stage.keys("<Tab>");
    assert_eq!(line(&stage), "status:");
    assert_eq!(completions(&mut stage).len(), 6, "every status, by number of rows");
    stage.keys("er<Tab>");
    assert_eq!(line(&stage), "status:error");
    assert_eq!(completions(&mut stage), [""; 0], "a complete value");
    stage.keys(" -agent:customer<Tab>");
    assert_eq!(line(&stage), "status:error -agent:\"Customer Service Agent\"");
    stage.keys("|<Tab>");
    let all = completions(&mut stage);
    assert!(all.len() > 3 && line(&stage).ends_with(&format!("|\"{}\"", all[0])), "{} of {all:?}", line(&stage));
    stage.keys("<Tab><Down><BackTab>");
    assert!(line(&stage).ends_with(&format!("|\"{}\"", all[1])), "{} of {all:?}", line(&stage));
    assert!(stage.app.parse_error.is_none());
    stage.keys("<Ctrl-u>since:yes<Tab>");
    assert_eq!(line(&stage), "since:yesterday");
    stage.keys("<Ctrl-u>attr.llm.model<Tab>");
    assert!(line(&stage).starts_with("attr.llm.model"), "{}", line(&stage));
}

#[test]
fn an_incomplete_value_is_not_shown_as_an_error_until_it_is_applied() {
    let mut stage = open();
    for typed in ["status:", "model:", "kind:to", "agent:x|"] {
        stage.keys(&format!("/<Ctrl-u>{typed}"));
        let count = completions(&mut stage).len();
        assert!(count > 0 && stage.app.parse_error.is_some() && !stage.text().contains("✗ at "), "{typed}: {count}");
        // After Enter, the error shows.
        stage.keys("<Enter>");
        assert!(stage.app.editor.is_some() && !stage.text().contains("tool  "), "{typed}");
        let message = stage.text().lines().last().map(str::to_owned).expect("a line");
        assert!(message.contains(" at "), "{typed}: {message}");
    }
    // An error elsewhere in the line shows at once.
    stage.keys("<Ctrl-u>dur:long kind:t");
    assert!(stage.text().contains("expected a comparison") && !completions(&mut stage).is_empty());
}

#[test]
fn completions_show_above_the_line() {
    let mut stage = open();
    stage.keys("/kind:model agent:<Tab>");
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"\b\d\d:\d\d:\d\d\b", "hh:mm:ss");
    settings.bind(|| insta::assert_snapshot!(stage.text()));
}

#[test]
fn an_empty_line_shows_examples_that_are_valid() {
    let mut stage = open();
    stage.keys("/");
    let screen = stage.text();
    let examples: Vec<&str> = screen
        .lines()
        .skip_while(|line| !line.contains(" Examples "))
        .skip(1)
        .map_while(|line| line.trim_matches(['"', '│', ' ']).split("  ").next().filter(|text| !text.starts_with('╰')))
        .collect();
    assert_eq!(examples.len(), 4, "{screen}");
    for example in examples {
        assert!(example.parse::<Query>().is_ok_and(|query| !query.is_empty()), "{example}");
    }
    stage.keys("r");
    assert!(!stage.text().contains(" Examples "));
}

#[test]
fn earlier_lines_are_recalled() {
    let mut stage = open();
    let effects = stage.keys("/status:error<Enter>");
    assert_eq!(effects, [Effect::Remember("status:error".to_owned())]);
    stage.keys("/<Ctrl-u>kind:tool<Enter><Esc>/dra");
    stage.keys("<Up>");
    assert_eq!(line(&stage), "kind:tool");
    stage.keys("<Up><Up>");
    assert_eq!(line(&stage), "status:error", "there is no earlier line");
    stage.text();
    assert_eq!(stage.app.filter, "status:error", "a recalled line filters at once");
    stage.keys("<Down><Down>");
    assert_eq!(line(&stage), "dra");
}

#[test]
fn words_of_the_line_are_edited_as_in_a_shell() {
    let mut stage = open();
    stage.keys("/status:error kind:tool<Ctrl-w>");
    assert_eq!(line(&stage), "status:error ");
    stage.keys("<Ctrl-a>x <Ctrl-e>kind:llm");
    assert_eq!(line(&stage), "x status:error kind:llm");
    stage.keys("<Ctrl-u>");
    assert_eq!(line(&stage), "");
}

#[test]
fn payloads_are_searched_and_matches_are_highlighted() {
    let mut stage = open();
    let all = stage.app.tree.len();
    let some = traces(&mut stage, "text:lisbon");
    assert!(0 < some && some < all, "{some} of {all}");
    assert!(!stage.text().contains("searching"));
    stage.keys("n");
    let row = stage.app.tree.cursor().expect("a match");
    assert!(stage.app.tree.is_match(row));
    let models = traces(&mut stage, "text:lisbon kind:model");
    assert!(0 < models && models <= some, "{models} of {some}");
    assert_eq!(traces(&mut stage, "text:lisbon kind:model -text:lisbon"), 0);
    assert_eq!(traces(&mut stage, "attr.llm.system:nobody"), 0);
    stage.keys("<Esc>");
    assert_eq!(stage.app.tree.len(), all);
}

/// Writes runs of three calls, each of an agent: one whose system prompt changes, and one that stays as it is.
fn runs_with_a_miss(path: &std::path::Path) {
    let text = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    let count = |key: &str, value: u64| json!({"key": key, "value": {"intValue": value}});
    let span = |trace: u8, id: u64, name: &str, at: u64, attributes: Value| {
        let parent = if id == 1 { String::new() } else { format!("{:016x}", 1) };
        let start = 1_795_327_100_000_000_000 + at * 1_000_000_000;
        json!({"traceId": format!("{trace:02x}").repeat(16), "spanId": format!("{id:016x}"), "parentSpanId": parent, "name": name,
            "startTimeUnixNano": start.to_string(), "endTimeUnixNano": (start + 900_000_000).to_string(), "attributes": attributes, "status": {}})
    };
    let run = |trace: u8, agent: &str, changes: bool| {
        let kind =
            json!([text("openinference.span.kind", "AGENT"), text("agent.name", agent), text("session.id", &format!("chat with {agent}"))]);
        let call = move |at: u64| {
            let dated = if changes && at == 1 { "It is noon. " } else { "" };
            let system = format!("{dated}{}", "Look at every order with care. ".repeat(300));
            let messages = json!([{"role": "system", "parts": [{"type": "text", "content": system}]},
                {"role": "user", "parts": [{"type": "text", "content": "Where is it?"}]}]);
            let cached = if at == 0 || !dated.is_empty() { 0 } else { 2048 };
            let attributes = json!([
                text("gen_ai.operation.name", "chat"),
                text("gen_ai.response.model", "gpt-4o"),
                text("gen_ai.input.messages", &messages.to_string()),
                count("gen_ai.usage.input_tokens", 2240),
                count("gen_ai.usage.output_tokens", 10),
                count("gen_ai.usage.cache_read.input_tokens", cached)
            ]);
            span(trace, 2 + at, "chat", 10 * u64::from(trace) + at + 1, attributes)
        };
        std::iter::once(span(trace, 1, &format!("{agent}.run"), 10 * u64::from(trace), kind)).chain((0..3).map(call)).collect::<Vec<_>>()
    };
    let spans = [run(1, "Clerk", true), run(2, "Cook", false)].concat();
    std::fs::write(path, json!({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).to_string()).unwrap();
}

#[test]
fn misses_are_searched_for_once_a_filter_asks_for_them() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("runs.json");
    runs_with_a_miss(&path);
    let mut stage = Stage::open(&path, (200, 40));
    stage.keys("3");
    let text = stage.text();
    assert!(text.contains("the filter miss:yes searches for misses") && text.contains("REBUILT"), "{text}");
    stage.keys("1/miss:yes<Enter>");
    assert_eq!((stage.app.survey_progress(), stage.app.tree.len()), (None, 1));
    assert!(stage.text().contains("Clerk") && !stage.text().contains("Cook"), "{}", stage.text());
    stage.keys("l");
    assert!(stage.text().contains("rebuilt 2.2k"), "on the line of the call: {}", stage.text());
    stage.keys("/<Ctrl-u>miss:no<Enter>");
    assert_eq!(stage.app.tree.len(), 2, "the other calls");
    stage.keys("/<Ctrl-u>miss!=yes<Enter>");
    assert_eq!(stage.app.tree.len(), 2, "the same");
    stage.keys("/<Ctrl-u>kind:agent miss!=yes<Enter>");
    assert_eq!(stage.app.tree.len(), 0, "of a run, nothing is known");
    // What was found stays known without the filter.
    for view in ["2j", "3", "4"] {
        stage.keys(&format!("1<Esc>{view}"));
        let text = stage.text();
        let lines: Vec<&str> = text.lines().filter(|line| line.contains("2.2k") && line.contains('$')).collect();
        assert!(!lines.is_empty() && text.contains("rebuilt 2.2k by 1 miss, which cost $0.0028"), "{view}: {text}");
    }
    stage.keys("1<Esc>3j");
    assert!(stage.text().contains("reused 4.1k, no misses"), "{}", stage.text());
}

#[test]
fn a_part_of_a_context_opens() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("runs.json");
    runs_with_a_miss(&path);
    let mut stage = Stage::open(&path, (120, 36));
    stage.keys("/model:gpt-4o<Enter>lj<Enter><Enter>]]]");
    let text = stage.text();
    assert!(text.contains("n chooses a part, ⏎ opens it") && !text.contains("▸"), "{text}");
    stage.keys("n");
    assert!(stage.text().contains("▸ system"), "{}", stage.text());
    stage.keys("N<Enter>");
    let text = stage.text();
    assert!(text.contains("▸ new message") && text.contains("message 1  user") && text.contains("Where is it?"), "{text}");
    stage.keys("<Enter>");
    assert!(!stage.text().contains("message 1  user"), "{}", stage.text());
    stage.keys("][");
    assert!(!stage.text().contains("▸"), "another tab begins anew: {}", stage.text());
}

#[test]
fn a_run_that_was_read_is_not_read_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("runs.json");
    runs_with_a_miss(&path);
    let mut stage = Stage::open(&path, (120, 36));
    stage.keys("g<Enter>]]]");
    assert!(stage.text().contains("contexts       3 calls"), "{}", stage.text());
    let go_to = |stage: &mut Stage, action| {
        stage.app.update(&mut stage.store, action, NOW);
        stage.app.take_context_slices(&stage.store).collect::<Vec<_>>().len()
    };
    stage.keys("J");
    assert!(stage.text().contains("contexts       3 calls"), "{}", stage.text());
    for action in [Action::PreviousTrace, Action::NextTrace, Action::PreviousTrace] {
        assert_eq!(go_to(&mut stage, action), 0, "{action:?}");
        assert!(stage.text().contains("contexts       3 calls"), "{}", stage.text());
    }
}
