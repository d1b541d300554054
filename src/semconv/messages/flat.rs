//! Conversations in numbered attributes.

use std::collections::BTreeMap;

use super::{Message, ToolCall};
use crate::model::{Attribute, Value};

/// A message whose attributes arrive in any order.
#[derive(Default)]
struct Draft {
    message: Message,
    calls: BTreeMap<u32, ToolCall>,
    contents: BTreeMap<u32, String>,
}

/// Reads `PREFIX N.message.*` (OpenInference).
pub(super) fn openinference(attributes: &[Attribute], prefix: &str) -> Vec<Message> {
    collect(attributes, prefix, |draft, member, value| {
        let Some(member) = member.strip_prefix("message.") else { return };
        match member {
            "role" => draft.message.role = value,
            "content" => draft.message.text = value,
            "tool_call_id" => draft.message.tool_call_id = Some(value),
            "name" => draft.message.name = value,
            "function_call_name" => draft.calls.entry(0).or_default().name = value,
            "function_call_arguments_json" => draft.calls.entry(0).or_default().arguments = value,
            _ => {
                if let Some((number, member)) = split_number(member, "tool_calls.") {
                    call(draft.calls.entry(number).or_default(), member.strip_prefix("tool_call.").unwrap_or(member), value);
                } else if let Some((number, member)) = split_number(member, "contents.") {
                    content(draft.contents.entry(number).or_default(), member.strip_prefix("message_content.").unwrap_or(member), value);
                }
            }
        }
    })
}

/// Reads `PREFIX N.role`, `.content`, `.tool_calls.M.*` (OpenLLMetry and older versions of OpenTelemetry GenAI).
pub(super) fn numbered(attributes: &[Attribute], prefix: &str) -> Vec<Message> {
    collect(attributes, prefix, |draft, member, value| match member {
        "role" => draft.message.role = value,
        "content" => draft.message.text = value,
        "tool_call_id" => draft.message.tool_call_id = Some(value),
        "name" => draft.message.name = value,
        _ => {
            if let Some((number, member)) = split_number(member, "tool_calls.") {
                call(draft.calls.entry(number).or_default(), member, value);
            }
        }
    })
}

fn collect(attributes: &[Attribute], prefix: &str, mut each: impl FnMut(&mut Draft, &str, String)) -> Vec<Message> {
    let mut drafts: BTreeMap<u32, Draft> = BTreeMap::new();
    for (name, value) in attributes {
        if let Some((number, member)) = split_number(name, prefix) {
            each(drafts.entry(number).or_default(), member, text(value));
        }
    }
    drafts.into_values().map(Draft::finish).collect()
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

fn content(content: &mut String, member: &str, value: String) {
    match member {
        "text" => *content = value,
        _ if member.ends_with("url") => *content = super::describe_media(content.trim_matches(['[', ']']), &value),
        "type" if value != "text" && content.is_empty() => *content = format!("[{value}]"),
        _ => {}
    }
}

fn text(value: &Value) -> String {
    super::parts::plain(value)
}

impl Draft {
    fn finish(self) -> Message {
        let mut message = self.message;
        message.tool_calls = self.calls.into_values().collect();
        if message.text.is_empty() {
            message.text = self.contents.into_values().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n");
        }
        message
    }
}
