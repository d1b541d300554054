//! Groups of span types are defined in `model`; no other code lists their members.

#![allow(clippy::expect_used, reason = "a test ends where it cannot go on")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use agno_top::model::SpanType;
use regex::Regex;

/// A method of [`SpanType`] that defines a group, by name.
type Group = (&'static str, fn(SpanType) -> bool);

/// The groups.
const GROUPS: [Group; 3] =
    [("is_agentic", SpanType::is_agentic), ("calls_model", SpanType::calls_model), ("calls_tool", SpanType::calls_tool)];

fn rust_files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("src can be read").map(|entry| entry.expect("an entry of src")) {
        let path = entry.path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The text between the innermost braces around `at`.
fn block(text: &str, at: usize) -> &str {
    let mut depth = 0_i32;
    let start = text[..at].char_indices().rev().find_map(|(index, c)| {
        depth += i32::from(c == '}') - i32::from(c == '{');
        (depth < 0).then_some(index)
    });
    let mut depth = 0_i32;
    let end = text[at..].char_indices().find_map(|(index, c)| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        (depth < 0).then_some(at + index)
    });
    &text[start.unwrap_or(0)..end.unwrap_or(text.len())]
}

/// The variants that a text names.
fn variants(text: &str) -> BTreeSet<SpanType> {
    let name = Regex::new(r"SpanType::(\w+)").expect("a valid pattern");
    let names: Vec<&str> = name.captures_iter(text).filter_map(|found| Some(found.get(1)?.as_str())).collect();
    SpanType::ALL.into_iter().filter(|kind| names.contains(&format!("{kind:?}").as_str())).collect()
}

/// The lists of span types in a source text that repeat a group or a part of one. A match over all types is a table, not a list.
fn repeated_groups(text: &str) -> Vec<(String, &'static str)> {
    let list = Regex::new(r"SpanType::\w+(?:\s*[|,]\s*(?:crate::model::)?SpanType::\w+)+").expect("a valid pattern");
    let mut found = Vec::new();
    for list in list.find_iter(text) {
        let members = variants(list.as_str());
        let group = GROUPS.iter().find(|(_, contains)| members.len() > 1 && members.iter().all(|&kind| contains(kind)));
        if let Some((method, _)) = group
            && variants(block(text, list.start())).len() < SpanType::ALL.len()
        {
            found.push((list.as_str().to_owned(), *method));
        }
    }
    found
}

#[test]
fn no_code_lists_the_members_of_a_group() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    rust_files(&root.join("src"), &mut files);
    let mut wrong = Vec::new();
    for path in files {
        let text = fs::read_to_string(&path).expect("a source file can be read");
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        if path.ends_with("tests.rs") {
            continue;
        }
        for (list, method) in repeated_groups(code) {
            wrong.push(format!("{}: {list}: use SpanType::{method}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "lists of span types:\n{}", wrong.join("\n"));
}

#[test]
fn a_list_is_found_in_each_form() {
    for text in [
        "fn f(t: SpanType) -> bool { matches!(t, SpanType::Agent | SpanType::Team | SpanType::Workflow) }",
        "fn f(t: SpanType) -> bool { matches!(t, SpanType::Model\n    | SpanType::Embedding) }",
        "const RUNS: &[SpanType] = &[SpanType::Agent, SpanType::Team];",
    ] {
        assert_eq!(repeated_groups(text).len(), 1, "{text}");
    }
    for text in ["matches!(t, SpanType::Tool | SpanType::Model)", "match t { SpanType::Agent => 1, SpanType::Team => 2, _ => 3 }"] {
        assert!(repeated_groups(text).is_empty(), "{text}");
    }
}
