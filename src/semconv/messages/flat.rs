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
    contents: BTreeMap<u32, String>,
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
                    content(self.contents.entry(number).or_default(), member.strip_prefix("message_content.").unwrap_or(member), value);
                }
            }
        }
    }

    fn finish(self) -> Message {
        let mut message = self.message;
        message.tool_calls = self.calls.into_values().collect();
        if message.text.is_empty() {
            message.text = self.contents.into_values().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n");
        }
        message
    }
}
