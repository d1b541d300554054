//! The beginnings of a span's input and output, which the overview shows below its facts.

use std::borrow::Cow;

use crate::format;
use crate::model::json::decode_letters;
use crate::model::{Payload, Value};
use crate::semconv::{self, Message, ToolCall};
use crate::tui::app::value_text;
use crate::tui::widget::json;

/// The longest beginning, in bytes and in lines.
const MAX_BYTES: usize = 1200;
const MAX_LINES: usize = 8;

/// The most bytes of attributes that are read for a preview; the tabs read larger ones when they are opened.
const MAX_READ_BYTES: usize = 256 * 1024;

/// The beginning of a text with its label.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Preview {
    /// What the text is: a role, or `input`, `result` and the like.
    pub(super) label: String,
    /// The beginning of the text, not yet safe for a terminal.
    pub(super) text: String,
    /// The bytes left out.
    pub(super) left_out: usize,
}

/// Returns the input and the output: the arguments and the result of a tool, the last message and the answer of a model call, else the
/// values.
pub(super) fn of(payload: &Payload, is_tool: bool) -> Vec<Preview> {
    let attributes = &payload.attributes;
    let size: usize = attributes.iter().map(|(_, value)| if let Value::Text(text) = value { text.len() } else { 0 }).sum();
    if size > MAX_READ_BYTES {
        let text = format!("{} of attributes; the tabs show them", format::bytes(size as u64));
        return vec![Preview { label: "input".to_owned(), text, left_out: 0 }];
    }
    let values = [semconv::input(attributes), semconv::output_of(payload)].map(|value| value.map(value_text));
    if is_tool || semconv::tool(attributes).is_some() {
        return labelled(["arguments", "result"], values);
    }
    let conversation = semconv::conversation(payload);
    let [asked, answered] = [conversation.input.last(), conversation.output.last()].map(|message| message.map(message_text));
    match (asked, answered) {
        (None, None) => labelled(["input", "output"], values),
        (asked, answered) => {
            let [input, output] = values.map(|value| value.filter(|value| !value.is_empty()));
            let asked = asked.or_else(|| input.map(|text| ("input".to_owned(), text)));
            let answered = answered.or_else(|| output.map(|text| ("output".to_owned(), text)));
            [asked, answered].into_iter().flatten().map(|(label, text)| preview(label, &text)).collect()
        }
    }
}

fn labelled(labels: [&str; 2], values: [Option<String>; 2]) -> Vec<Preview> {
    let all = labels.into_iter().zip(values);
    all.filter_map(|(label, value)| Some(preview(label.to_owned(), &json::string(&value.filter(|value| !value.is_empty())?)))).collect()
}

/// Returns the role and the text of a message, and the tools that it calls.
fn message_text(message: &Message) -> (String, String) {
    let call = |call: &ToolCall| format!("→ {}({})", call.name, readable(&call.arguments));
    let text = Some(message.text.clone()).filter(|text| !text.is_empty());
    (message.role.clone(), text.into_iter().chain(message.tool_calls.iter().map(call)).collect::<Vec<_>>().join("\n"))
}

/// Decodes the escaped letters in a text that is JSON.
fn readable(text: &str) -> Cow<'_, str> {
    let is_escaped = text.starts_with(['{', '[']) && text.contains("\\u");
    if is_escaped { Cow::Owned(decode_letters(text.chars(), true).collect()) } else { Cow::Borrowed(text) }
}

fn preview(label: String, text: &str) -> Preview {
    let text = readable(text.trim());
    let lines = text.match_indices('\n').nth(MAX_LINES - 1).map_or(text.len(), |(at, _)| at);
    let start = beginning(&text, lines.min(MAX_BYTES));
    Preview { label, text: start.to_owned(), left_out: text.len() - start.len() }
}

/// Returns the longest beginning of a text that has at most `bytes` bytes and splits no character.
pub(super) fn beginning(text: &str, bytes: usize) -> &str {
    let end = (0..=bytes.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or_default();
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(attributes: &[(&str, &str)]) -> Payload {
        let attributes = attributes.iter().map(|(name, value)| ((*name).into(), Value::Text((*value).to_owned()))).collect();
        Payload { attributes, ..Payload::default() }
    }

    fn shown(attributes: &[(&str, &str)]) -> Vec<(String, String, usize)> {
        of(&payload(attributes), false).into_iter().map(|preview| (preview.label, preview.text, preview.left_out)).collect()
    }

    fn line(label: &str, text: &str) -> (String, String, usize) {
        (label.to_owned(), text.to_owned(), 0)
    }

    #[test]
    fn a_tool_shows_its_arguments_and_its_result() {
        let tool = [
            ("openinference.span.kind", "TOOL"),
            ("tool.name", "weather"),
            ("input.value", "{\"city\": \"Lisbon\"}"),
            ("output.value", "18C"),
        ];
        assert_eq!(shown(&tool), [line("arguments", "{\"city\": \"Lisbon\"}"), line("result", "18C")]);
    }

    #[test]
    fn letters_are_readable_in_values_and_calls() {
        let tool = [("tool.name", "find"), ("input.value", r#"{"query": "\u5185\u90e8\n"}"#), ("output.value", r"C:\u5185")];
        assert_eq!(shown(&tool), [line("arguments", r#"{"query": "内部\n"}"#), line("result", r"C:\u5185")]);
        let call = [
            ("llm.output_messages.0.message.role", "assistant"),
            ("llm.output_messages.0.message.tool_calls.0.tool_call.function.name", "find"),
            ("llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments", r#"{"query": "\u5185"}"#),
        ];
        assert_eq!(shown(&call), [line("assistant", r#"→ find({"query": "内"})"#)]);
    }

    #[test]
    fn a_model_call_shows_the_last_message_and_the_answer() {
        let call = [
            ("llm.input_messages.0.message.role", "system"),
            ("llm.input_messages.0.message.content", "Be brief."),
            ("llm.input_messages.1.message.role", "user"),
            ("llm.input_messages.1.message.content", "Weather?"),
            ("llm.output_messages.0.message.role", "assistant"),
            ("llm.output_messages.0.message.tool_calls.0.tool_call.function.name", "weather"),
            ("llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments", "{}"),
        ];
        assert_eq!(shown(&call), [line("user", "Weather?"), line("assistant", "→ weather({})")]);
    }

    #[test]
    fn other_spans_show_their_values() {
        assert_eq!(shown(&[("input.value", "\"a b\""), ("output.value", "")]), [line("input", "a b")]);
        assert_eq!(shown(&[]), []);
    }

    #[test]
    fn long_texts_are_cut_and_say_so() {
        let lines = "line\n".repeat(100);
        let [(_, text, left_out)] = &shown(&[("input.value", &lines)])[..] else { panic!("one preview") };
        assert_eq!((text.lines().count(), text.len() + left_out), (MAX_LINES, lines.trim().len()));
        let wide = "é".repeat(2000);
        let [(_, text, left_out)] = &shown(&[("input.value", &wide)])[..] else { panic!("one preview") };
        assert_eq!((text.len(), *left_out), (MAX_BYTES, 2800));
        let huge = "x".repeat(MAX_READ_BYTES + 1);
        assert_eq!(shown(&[("input.value", &huge)]), [line("input", "262 kB of attributes; the tabs show them")]);
    }
}
