//! A conversation: who says what, which tools are called with what, and what they return.

use std::borrow::Cow;

use super::Glyphs;
use super::json;
use super::text::{Document, TextRole};
use crate::format::{pad_right, safe};

/// Cells of the column that says who speaks, with the blank behind it.
const COLUMN: usize = 11;
/// A result in JSON that is longer than this is laid out over several lines.
const SHORT: usize = 120;

/// What one side says at one time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message<'a> {
    /// Who speaks: `system`, `user`, `assistant`, `tool`.
    pub role: Cow<'a, str>,
    /// What is said, in order.
    pub parts: Vec<Part<'a>>,
}

/// A piece of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// Text.
    Text(Cow<'a, str>),
    /// What a model thinks before it speaks.
    Thought(Cow<'a, str>),
    /// A tool is called.
    Call {
        /// The tool's name.
        name: Cow<'a, str>,
        /// Its arguments, as they lie in the attribute.
        arguments: Cow<'a, str>,
    },
    /// A tool has returned.
    Result {
        /// The tool's name, if it is known.
        name: Option<Cow<'a, str>>,
        /// What it returned, as it lies in the attribute.
        value: Cow<'a, str>,
    },
    /// A picture, a sound or a file stands here: what it is, in a few words.
    Media(Cow<'a, str>),
    /// Something went wrong.
    Error(Cow<'a, str>),
}

/// The conversation laid out: roles in a column at the left, text beside it.
#[must_use]
pub fn document(messages: &[Message<'_>], glyphs: Glyphs) -> Document {
    let mut document = Document::new();
    for message in messages {
        let mut label = Some(message.role.as_ref());
        for part in &message.parts {
            begin(&mut document, label.take());
            part.write(&mut document, glyphs);
        }
        if label.is_some() {
            begin(&mut document, label);
        }
    }
    document
}

/// Begins a line under the text column, with who speaks if that is said here.
fn begin(document: &mut Document, label: Option<&str>) {
    match label {
        Some(label) => {
            document.line(0, COLUMN);
            document.push(&pad_right(&safe(label), COLUMN - 1), TextRole::Label);
            document.push(" ", TextRole::Plain);
        }
        None => document.line(COLUMN, COLUMN),
    }
}

impl Part<'_> {
    fn write(&self, document: &mut Document, glyphs: Glyphs) {
        let (to, from) = if glyphs == Glyphs::Ascii { ("-> ", "<- ") } else { ("→ ", "← ") };
        match self {
            Self::Text(text) => value(document, text.trim_end(), TextRole::Plain),
            Self::Thought(text) => document.push(text.trim_end(), TextRole::Faint),
            Self::Error(text) => document.push(text.trim_end(), TextRole::Error),
            Self::Media(what) => document.push(&format!("[{what}]"), TextRole::Faint),
            Self::Call { name, arguments } => {
                document.push(to, TextRole::Punct);
                document.push(&safe(name), TextRole::Call);
                document.push("(", TextRole::Punct);
                json::append_arguments(document, arguments);
                document.push(")", TextRole::Punct);
            }
            Self::Result { name, value: returned } => {
                document.push(from, TextRole::Punct);
                if let Some(name) = name {
                    document.push(&safe(name), TextRole::Call);
                    document.push(": ", TextRole::Punct);
                }
                value(document, returned.trim(), TextRole::String);
            }
        }
    }
}

/// Text, or, if it is long and begins with a bracket, the value that it is.
fn value(document: &mut Document, text: &str, role: TextRole) {
    if text.len() > SHORT && text.starts_with(['{', '[']) {
        json::append(document, text, COLUMN);
    } else {
        document.push(text, role);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Message, Part, document};
    use crate::tui::widget::Glyphs;
    use crate::tui::widget::text::{Document, TextRole};

    fn say<'a>(role: &'a str, parts: Vec<Part<'a>>) -> Message<'a> {
        Message { role: role.into(), parts }
    }

    fn lines(document: &Document) -> Vec<String> {
        (0..document.lines()).map(|line| format!("{}{}", " ".repeat(document.indent(line)), document.line_text(line))).collect()
    }

    fn call<'a>(name: &'a str, arguments: &'a str) -> Part<'a> {
        Part::Call { name: name.into(), arguments: arguments.into() }
    }

    #[test]
    fn a_conversation_reads_like_one() {
        let messages = [
            say("system", vec![Part::Text("You are the leader of a team\nof two\n".into())]),
            say("user", vec![Part::Text("Write a report about AI".into()), Part::Media("image/png, 1.2 MB".into())]),
            say(
                "assistant",
                vec![
                    Part::Thought("Hm.".into()),
                    call("delegate_task_to_member", r#"{"member_id": "researcher", "task": "Collect facts"}"#),
                    call("now", ""),
                ],
            ),
            say("tool", vec![Part::Result { name: Some("now".into()), value: "12:00".into() }, Part::Error("timed out".into())]),
            say("assistant", Vec::new()),
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
        assert_eq!(lines(&document(&messages, Glyphs::Unicode)), expected);
        assert_eq!(lines(&document(&messages, Glyphs::Ascii))[6], "           -> now()");
    }

    #[test]
    fn roles_are_labels_of_one_width() {
        let shown = document(&[say("日本語日本語", vec![Part::Text("x".into())]), say("", vec![Part::Text("y".into())])], Glyphs::Unicode);
        assert_eq!(lines(&shown), ["日本語日…  x", "           y"]);
        assert_eq!(shown.segments(0).next(), Some(("日本語日… ", TextRole::Label)));
    }

    #[test]
    fn a_long_result_in_json_is_laid_out_beneath() {
        let value = format!(r#"{{"found": "{}", "n": 1}}"#, "x".repeat(150));
        let shown = lines(&document(&[say("tool", vec![Part::Result { name: None, value: value.into() }])], Glyphs::Unicode));
        assert_eq!(shown[0], "tool       ← {");
        assert!(shown[1].starts_with(r#"             "found": "xxx"#));
        assert_eq!(shown[2..], [r#"             "n": 1"#, "           }"]);
    }

    proptest! {
        #[test]
        fn anything_can_be_said(role in any::<String>(), text in any::<String>(), name in any::<String>(), arguments in "[{}\\[\\]\"':,a1\n ]{0,40}") {
            let parts = vec![
                Part::Text(text.clone().into()),
                Part::Call { name: name.clone().into(), arguments: arguments.into() },
                Part::Result { name: Some(name.into()), value: text.into() },
            ];
            let shown = document(&[Message { role: role.into(), parts }], Glyphs::Unicode);
            prop_assert!(shown.lines() >= 3);
            prop_assert!(lines(&shown).iter().all(|line| !line.contains(char::is_control)));
        }
    }
}
