//! Conversations in numbered attributes.

use std::collections::BTreeMap;

use super::{Message, ToolCall};
use crate::model::Attribute;
use crate::semconv::values::plain;

/// A message whose attributes arrive in any order.
#[derive(Default)]
struct Draft {
    message: Message,
    calls: BTreeMap<u32, ToolCall>,
    contents: BTreeMap<u32, Content>,
}

/// A part of a message whose attributes arrive in any order.
#[derive(Default)]
struct Content {
    kind: String,
    text: String,
    /// The location of an image, a sound or a file, or its data.
    location: String,
    mime_type: String,
    /// What is said in a sound.
    transcript: String,
}

/// Reads `PREFIX N.message.*` (OpenInference), or `PREFIX N.*` (OpenLLMetry and older versions of OpenTelemetry GenAI).
pub(super) fn read(attributes: &[Attribute], prefix: &str) -> Vec<Message> {
    let mut drafts: BTreeMap<u32, Draft> = BTreeMap::new();
    for (name, value) in attributes {
        if let Some((number, member)) = split_number(name, prefix) {
            drafts.entry(number).or_default().add(member.strip_prefix("message.").unwrap_or(member), plain(value));
        }
    }
    drafts.into_values().map(Draft::finish).collect()
}

/// Returns the lowest number of the messages, of which 0 is the first.
pub(super) fn first_number(attributes: &[Attribute], prefix: &str) -> Option<u32> {
    attributes.iter().filter_map(|(name, _)| split_number(name, prefix)).map(|(number, _)| number).min()
}

/// Splits `PREFIX N.member` into the number and the member.
fn split_number<'a>(name: &'a str, prefix: &str) -> Option<(u32, &'a str)> {
    let (number, member) = name.strip_prefix(prefix)?.split_once('.')?;
    Some((number.parse().ok()?, member))
}

fn call(call: &mut ToolCall, member: &str, value: String) {
    match member {
        "id" => call.id = value,
        "function.name" | "name" => call.name = value,
        "function.arguments" | "arguments" => call.arguments = value,
        _ => {}
    }
}

impl Content {
    fn add(&mut self, member: &str, value: String) {
        match member {
            "text" => self.text = value,
            "type" => self.kind = value,
            _ => match member.rsplit('.').next().unwrap_or_default() {
                "url" | "file_id" => self.location = value,
                "mime_type" => self.mime_type = value,
                "transcript" => self.transcript = value,
                _ => {}
            },
        }
    }

    /// Returns the text, or a description of what is no text, with what is said in it.
    fn finish(self) -> String {
        if !self.text.is_empty() {
            return self.text;
        }
        let kind = if self.mime_type.is_empty() { self.kind } else { self.mime_type };
        let described = match (self.location.as_str(), kind.as_str()) {
            ("", "" | "text") => String::new(),
            ("", kind) => format!("[{kind}]"),
            (location, kind) => super::describe_media(if kind.is_empty() { "file" } else { kind }, location),
        };
        [described, self.transcript].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n")
    }
}

impl Draft {
    fn add(&mut self, member: &str, value: String) {
        match member {
            "role" => self.message.role = value,
            "content" => self.message.text = value,
            "tool_call_id" => self.message.tool_call_id = Some(value),
            "name" => self.message.name = value,
            "function_call_name" => self.calls.entry(0).or_default().name = value,
            "function_call_arguments_json" => self.calls.entry(0).or_default().arguments = value,
            _ => {
                if let Some((number, member)) = split_number(member, "tool_calls.") {
                    call(self.calls.entry(number).or_default(), member.strip_prefix("tool_call.").unwrap_or(member), value);
                } else if let Some((number, member)) = split_number(member, "contents.") {
                    self.contents.entry(number).or_default().add(member.strip_prefix("message_content.").unwrap_or(member), value);
                }
            }
        }
    }

    fn finish(self) -> Message {
        let mut message = self.message;
        message.tool_calls = self.calls.into_values().collect();
        if message.text.is_empty() {
            let texts = self.contents.into_values().map(Content::finish).filter(|text| !text.is_empty());
            message.text = texts.collect::<Vec<_>>().join("\n");
        }
        message
    }
}
