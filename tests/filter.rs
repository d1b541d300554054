//! Filters as a user types them, on a real database.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod stage;

use agno_top::query::Query;
use agno_top::tui::app::Effect;
use stage::{Stage, fixture};

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
