//! The layout of a conversation: roles, texts, tool calls and their results.

use std::borrow::Cow;

use super::json;
use super::text::{Document, TextRole};
use crate::format::{pad_right, safe};
use crate::model::json::decode_letters;

/// Cells of the column with the roles, with the blank after it.
const ROLE_WIDTH: usize = 11;
/// The largest size, in bytes, of a JSON result on one line.
const MAX_INLINE: usize = 120;

/// A message of a conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message<'a> {
    /// The role: `system`, `user`, `assistant` or `tool`.
    pub role: Cow<'a, str>,
    /// The parts, in order.
    pub parts: Vec<Part<'a>>,
}

/// A part of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// Text.
    Text(Cow<'a, str>),
    /// The reasoning of a model.
    Thought(Cow<'a, str>),
    /// A tool call.
    Call {
        /// The tool's name.
        name: Cow<'a, str>,
        /// The arguments, as the attribute holds them.
        arguments: Cow<'a, str>,
    },
    /// The result of a tool call.
    Result {
        /// The tool's name, if known.
        name: Option<Cow<'a, str>>,
        /// The returned value, as the attribute holds it.
        value: Cow<'a, str>,
    },
    /// A short description of a picture, sound or file.
    Media(Cow<'a, str>),
    /// An error message.
    Error(Cow<'a, str>),
}

/// Lays out a conversation: roles in a column at the left, text beside them.
#[must_use]
pub fn document(messages: &[Message<'_>]) -> Document {
    let mut document = Document::new();
    for message in messages {
        let mut label = Some(message.role.as_ref());
        for part in &message.parts {
            begin_line(&mut document, label.take());
            part.write(&mut document);
        }
        if label.is_some() {
            begin_line(&mut document, label);
        }
    }
    document
}

/// Begins a line of the text column, with the role before it if there is one.
fn begin_line(document: &mut Document, label: Option<&str>) {
    match label {
        Some(label) => {
            document.begin_line(0, ROLE_WIDTH);
            document.push(&pad_right(&safe(label), ROLE_WIDTH - 1), TextRole::Label);
            document.push(" ", TextRole::Plain);
        }
        None => document.begin_line(ROLE_WIDTH, ROLE_WIDTH),
    }
}

impl Part<'_> {
    fn write(&self, document: &mut Document) {
        match self {
            Self::Text(text) => append_value(document, text.trim_end(), TextRole::Plain),
            Self::Thought(text) => document.push(text.trim_end(), TextRole::Faint),
            Self::Error(text) => document.push(text.trim_end(), TextRole::Error),
            Self::Media(what) => document.push(&format!("[{what}]"), TextRole::Faint),
            Self::Call { name, arguments } => {
                document.push("→ ", TextRole::Punct);
                document.push(&safe(name), TextRole::Call);
                document.push("(", TextRole::Punct);
                json::append_arguments(document, arguments);
                document.push(")", TextRole::Punct);
            }
            Self::Result { name, value: returned } => {
                document.push("← ", TextRole::Punct);
                if let Some(name) = name {
                    document.push(&safe(name), TextRole::Call);
                    document.push(": ", TextRole::Punct);
                }
                append_value(document, returned.trim(), TextRole::String);
            }
        }
    }
}

/// Appends text; long text that begins with a bracket is laid out as a value. In a short one the escaped letters are decoded.
fn append_value(document: &mut Document, text: &str, role: TextRole) {
    let is_value = text.starts_with(['{', '[']);
    if is_value && text.len() > MAX_INLINE {
        json::append(document, text, ROLE_WIDTH);
    } else if is_value && text.contains("\\u") {
        document.push(&decode_letters(text.chars(), true).collect::<String>(), role);
    } else {
        document.push(text, role);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Message, Part, document};
    use crate::tui::widget::text::{Document, TextRole};

    fn message<'a>(role: &'a str, parts: Vec<Part<'a>>) -> Message<'a> {
        Message { role: role.into(), parts }
    }

    fn lines(document: &Document) -> Vec<String> {
        (0..document.lines()).map(|line| format!("{}{}", " ".repeat(document.indent(line)), document.line_text(line))).collect()
    }

    fn call<'a>(name: &'a str, arguments: &'a str) -> Part<'a> {
        Part::Call { name: name.into(), arguments: arguments.into() }
    }

    #[test]
    fn roles_texts_and_calls_are_laid_out() {
        let messages = [
            message("system", vec![Part::Text("You are the leader of a team\nof two\n".into())]),
            message("user", vec![Part::Text("Write a report about AI".into()), Part::Media("image/png, 1.2 MB".into())]),
            message(
                "assistant",
                vec![
                    Part::Thought("Hm.".into()),
                    call("delegate_task_to_member", r#"{"member_id": "researcher", "task": "Collect facts"}"#),
                    call("now", ""),
                ],
            ),
            message("tool", vec![Part::Result { name: Some("now".into()), value: "12:00".into() }, Part::Error("timed out".into())]),
            message("assistant", Vec::new()),
        ];
        let expected = [
            "system     You are the leader of a team",
            "           of two",
            "user       Write a report about AI",
            "           [image/png, 1.2 MB]",
            "assistant  Hm.",
            r#"           → delegate_task_to_member(member_id: "researcher", task: "Collect facts")"#,
            "           → now()",
            "tool       ← now: 12:00",
            "           timed out",
            "assistant  ",
        ];
        assert_eq!(lines(&document(&messages)), expected);
    }

    #[test]
    fn roles_are_padded_labels() {
        let shown = document(&[message("日本語日本語", vec![Part::Text("x".into())]), message("", vec![Part::Text("y".into())])]);
        assert_eq!(lines(&shown), ["日本語日…  x", "           y"]);
        assert_eq!(shown.segments(0).next(), Some(("日本語日… ", TextRole::Label)));
    }

    #[test]
    fn escaped_letters_of_a_short_value_are_decoded() {
        let result = Part::Result { name: None, value: r#"{"hits": ["\u4ea7\u54c1", "\u0022\n"]}"#.into() };
        let shown = lines(&document(&[message("tool", vec![result])]));
        assert_eq!(shown, [r#"tool       ← {"hits": ["产品", "\u0022\n"]}"#]);
    }

    #[test]
    fn a_long_json_result_spans_several_lines() {
        let value = format!(r#"{{"found": "{}", "n": 1}}"#, "x".repeat(150));
        let shown = lines(&document(&[message("tool", vec![Part::Result { name: None, value: value.into() }])]));
        assert_eq!(shown[0], "tool       ← {");
        assert!(shown[1].starts_with(r#"             "found": "xxx"#));
        assert_eq!(shown[2..], [r#"             "n": 1"#, "           }"]);
    }

    proptest! {
        #[test]
        fn any_text_is_laid_out_safely(role in any::<String>(), text in any::<String>(), name in any::<String>(), arguments in "[{}\\[\\]\"':,a1\n ]{0,40}") {
            let parts = vec![
                Part::Text(text.clone().into()),
                Part::Call { name: name.clone().into(), arguments: arguments.into() },
                Part::Result { name: Some(name.into()), value: text.into() },
            ];
            let shown = document(&[Message { role: role.into(), parts }]);
            prop_assert!(shown.lines() >= 3);
            prop_assert!(lines(&shown).iter().all(|line| !line.contains(char::is_control)));
        }
    }
}
