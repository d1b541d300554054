use proptest::prelude::*;
use serde_json::Value;

use super::{append_arguments, document, is_value};
use crate::tui::widget::text::{Document, TextRole};

fn lines(document: &Document) -> Vec<String> {
    (0..document.lines()).map(|line| format!("{}{}", " ".repeat(document.indent(line)), document.line_text(line))).collect()
}

fn laid_out(text: &str) -> String {
    lines(&document(text)).join("\n")
}

#[test]
fn objects_are_indented() {
    let text = r#"{"role":"user","tags":["a","b"],"usage":{"in":12,"out":null},"none":{},"empty":[]}"#;
    let expected = r#"{
  "role": "user",
  "tags": ["a", "b"],
  "usage": {
    "in": 12,
    "out": null
  },
  "none": {},
  "empty": []
}"#;
    assert_eq!(laid_out(text), expected);
    assert_eq!(laid_out(expected), expected);
}

#[test]
fn repr_is_indented_like_json() {
    let text = "{'at': datetime.datetime(2024, 1, 2, 3, 4), 'ok': True, 'pair': (1, 'b'), 'who': <Role.USER: 'user'>, 'm': Message(role='user', parts=[{'a': 1}])}";
    let expected = "{
  'at': datetime.datetime(2024, 1, 2, 3, 4),
  'ok': True,
  'pair': (1, 'b'),
  'who': <Role.USER: 'user'>,
  'm': Message(
    role='user',
    parts=[
      {
        'a': 1
      }
    ]
  )
}";
    assert_eq!(laid_out(text), expected);
}

#[test]
fn long_lists_have_one_element_per_line_unless_they_are_numbers() {
    let words = format!("[{}]", [r#""some words""#; 10].join(","));
    assert_eq!(document(&words).lines(), 12);
    let numbers = format!("[{}]", vec!["-0.125"; 1536].join(","));
    let document = document(&numbers);
    assert_eq!(document.lines(), 1);
    assert_eq!(document.segments(0).count(), 3);
    assert_eq!(laid_out(r#"["two\nlines"]"#), "[\n  \"two\n    lines\"\n]");
}

#[test]
fn tokens_have_their_roles() {
    let document = document(r#"{"a": "b", "c": [1, true]}"#);
    let roles = |line| document.segments(line).map(|(text, role)| (text.to_owned(), role)).collect::<Vec<_>>();
    let piece = |text: &str, role| (text.to_owned(), role);
    assert_eq!(
        roles(1),
        [piece(r#""a""#, TextRole::Key), piece(": ", TextRole::Punct), piece(r#""b""#, TextRole::String), piece(",", TextRole::Punct)]
    );
    assert!(roles(2).contains(&piece("1", TextRole::Number)) && roles(2).contains(&piece("true", TextRole::Keyword)));
}

#[test]
fn line_breaks_in_strings_are_decoded() {
    assert_eq!(laid_out(r#"{"text": "one\ntwo\tthree"}"#), "{\n  \"text\": \"one\n    two    three\"\n}");
}

#[test]
fn a_string_that_holds_json_stays_a_string() {
    let text = r#"{"arguments": "{\"a\": 1}"}"#;
    assert_eq!(laid_out(text), "{\n  \"arguments\": \"{\\\"a\\\": 1}\"\n}");
}

#[test]
fn several_values_are_on_lines_of_their_own() {
    assert_eq!(laid_out("{}\n[1]\n[2]"), "{}\n[1]\n[2]");
    assert_eq!(laid_out("{\"a\":1}{\"b\":2}"), "{\n  \"a\": 1\n}\n{\n  \"b\": 2\n}");
}

#[test]
fn a_truncated_value_is_laid_out() {
    assert_eq!(laid_out(r#"{"a": [1, 2], "b": {"c": "unfin"#), "{\n  \"a\": [1, 2],\n  \"b\": {\n    \"c\": \"unfin");
}

#[test]
fn plain_text_is_unchanged() {
    assert_eq!(laid_out("[INFO] started\n  twice"), "[INFO] started\n  twice");
    assert_eq!(laid_out("\x1b[31mred\x1b[0m {\u{202e}"), "red {");
    assert_eq!(laid_out(""), "");
}

#[test]
fn deep_nesting_costs_no_stack() {
    let deep = "[".repeat(100_000);
    assert!(is_value(&deep));
    assert_eq!(document(&deep).lines(), 100_000);
    let closed = format!("{}{}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
    assert!(!is_value(&closed));
    assert!(is_value(&format!("{deep}{}", "]".repeat(100_000))));
}

#[test]
fn arguments_are_on_one_line() {
    let arguments = |text: &str| {
        let mut document = Document::new();
        append_arguments(&mut document, text);
        lines(&document).join("\n")
    };
    assert_eq!(arguments(r#"{"member_id": "researcher", "n": [1, {"a": 2}]}"#), r#"member_id: "researcher", n: [1, {a: 2}]"#);
    assert_eq!(arguments("{'a': 'x\\ny'}"), "a: 'x\\ny'");
    assert_eq!(arguments("{}"), "");
    assert_eq!(arguments("[1]"), "[1]");
    assert_eq!(arguments("free text"), "free text");
}

fn without_blanks(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_filter("finite", |n| n.is_finite()).prop_map(Value::from),
        "[ -!#-\\[\\]-~é日]{0,90}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 60, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::from),
            prop::collection::vec(("[a-z:,{]{0,8}", inner), 0..8).prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn valid_json_keeps_every_character(value in value(), pretty in any::<bool>()) {
        let text = if pretty { format!("{value:#}") } else { value.to_string() };
        prop_assert!(is_value(&text));
        let document = document(&text);
        let shown: String = (0..document.lines()).map(|line| document.line_text(line)).collect();
        prop_assert_eq!(without_blanks(&shown), without_blanks(&text));
    }

    #[test]
    fn the_layout_keeps_the_meaning(value in value()) {
        let text = value.to_string();
        let [before, after] = [&text, &laid_out(&text)].map(|text| serde_json::from_str::<Value>(text).unwrap());
        prop_assert_eq!(before, after);
    }

    #[test]
    fn truncated_json_is_never_plain(value in value(), cut in any::<prop::sample::Index>()) {
        let text = value.to_string();
        let at = (0..=cut.index(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap();
        if at > 0 && text.starts_with(['{', '[']) {
            prop_assert!(is_value(&text[..at]));
        }
    }

    #[test]
    fn nothing_panics(text in any::<String>(), tokens in "[\\[\\]{}()\"':,=<>a1 \\\\nu\n-]{0,60}") {
        let _ = document(&text);
        let _ = document(&tokens);
        append_arguments(&mut Document::new(), &tokens);
        append_arguments(&mut Document::new(), &format!("{{{tokens}}}"));
    }
}
