//! Messages as JSON: OpenTelemetry's `parts`, OpenAI's and Anthropic's `content`, the AI SDK's prompts.

use super::{Message, ToolCall};
use crate::model::{Attribute, Value, json};

/// Reads messages from a list, a single message, a map that holds `messages`, or JSON text of any of these. Text that is no JSON
/// is one message of the given role.
pub(super) fn read(value: &Value, role: &str) -> Vec<Message> {
    match value {
        Value::Text(text) => match nested(text) {
            Some(value) => read(&value, role),
            None => vec![said(role, text.clone())],
        },
        // LangChain lists a list of messages a prompt.
        Value::List(items) => items.iter().flat_map(|item| read(item, role)).collect(),
        Value::Map(map) => match (get(map, &["messages"]), get(map, &["prompt"])) {
            (Some(messages), _) | (None, Some(messages)) if get(map, &["role"]).is_none() => {
                let system = get(map, &["system"]).map(|system| said("system", plain(system)));
                system.into_iter().chain(read(messages, role)).collect()
            }
            _ => vec![message(map, role)],
        },
        _ => Vec::new(),
    }
}

/// The system's message, from `gen_ai.system_instructions`: a list of parts.
pub(super) fn instructions(value: &Value) -> Option<Message> {
    let parsed = match value {
        Value::Text(text) => nested(text),
        _ => None,
    };
    let mut message = said("system", String::new());
    content(&mut message, parsed.as_ref().unwrap_or(value));
    (!message.text.is_empty()).then_some(message)
}

/// The AI SDK's answer: a text and a list of tool calls, apart.
pub(super) fn answer(text: Option<&Value>, calls: Option<&Value>) -> Vec<Message> {
    let mut message = said("assistant", text.map(plain).unwrap_or_default());
    let parsed = match calls {
        Some(Value::Text(text)) => nested(text),
        other => other.cloned(),
    };
    if let Some(Value::List(calls)) = parsed {
        message.tool_calls =
            calls.iter().filter_map(|call| if let Value::Map(call) = call { Some(tool_call(call)) } else { None }).collect();
    }
    if message.text.is_empty() && message.tool_calls.is_empty() { Vec::new() } else { vec![message] }
}

/// A value as text: text as it is, the rest as JSON.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_json(),
    }
}

/// The list or map that a text holds as JSON.
fn nested(text: &str) -> Option<Value> {
    text.trim_start().starts_with(['[', '{']).then(|| json::parse_value(text.as_bytes()).ok()).flatten()
}

fn said(role: &str, text: String) -> Message {
    Message { role: role.to_owned(), text, ..Message::default() }
}

fn message(map: &[Attribute], role: &str) -> Message {
    let mut message = said(&get(map, &["role"]).map_or_else(|| role.to_owned(), plain), String::new());
    message.tool_call_id = get(map, &["tool_call_id"]).map(plain);
    for name in ["parts", "content", "reasoning_content", "text"] {
        match get(map, &[name]) {
            Some(value) if name == "reasoning_content" => append(&mut message.reasoning, &plain(value)),
            Some(value) => content(&mut message, value),
            None => {}
        }
    }
    if let Some(Value::List(calls)) = get(map, &["tool_calls"]) {
        message.tool_calls.extend(calls.iter().filter_map(|call| if let Value::Map(call) = call { Some(tool_call(call)) } else { None }));
    }
    message
}

fn content(message: &mut Message, value: &Value) {
    match value {
        Value::List(parts) => {
            for part in parts {
                match part {
                    Value::Map(part) => self::part(message, part),
                    other => append(&mut message.text, &plain(other)),
                }
            }
        }
        Value::Map(part) => self::part(message, part),
        other => append(&mut message.text, &plain(other)),
    }
}

fn part(message: &mut Message, part: &[Attribute]) {
    let kind = get(part, &["type"]).map(plain).unwrap_or_default();
    match kind.as_str() {
        "tool_call" | "tool-call" | "tool_use" | "function_call" => message.tool_calls.push(tool_call(part)),
        "tool_call_response" | "tool-result" | "tool_result" | "function_call_output" => {
            message.tool_call_id = get(part, &["id", "toolCallId", "tool_use_id", "call_id"]).map(plain);
            let result = get(part, &["response", "result", "output", "content"]);
            // The AI SDK wraps a result: {"type": "text", "value": …}.
            let inner = if let Some(Value::Map(result)) = result { get(result, &["value"]) } else { None };
            append(&mut message.text, &inner.or(result).map(plain).unwrap_or_default());
        }
        "reasoning" | "thinking" => {
            append(&mut message.reasoning, &get(part, &["content", "text", "thinking"]).map(plain).unwrap_or_default());
        }
        _ => match get(part, &["content", "text"]) {
            Some(text) => append(&mut message.text, &plain(text)),
            None if kind.is_empty() => append(&mut message.text, &Value::Map(part.to_vec()).to_json()),
            None => append(&mut message.text, &format!("[{kind}]")),
        },
    }
}

fn tool_call(map: &[Attribute]) -> ToolCall {
    let function = if let Some(Value::Map(function)) = get(map, &["function"]) { function } else { map };
    let text = |map, names| get(map, names).map(plain).unwrap_or_default();
    ToolCall {
        id: text(map, &["id", "toolCallId", "call_id", "tool_call_id"]),
        name: text(function, &["name", "toolName"]),
        arguments: text(function, &["arguments", "input", "args"]),
    }
}

/// The first of the names that is there and not null.
fn get<'a>(map: &'a [Attribute], names: &[&str]) -> Option<&'a Value> {
    names.iter().find_map(|name| map.iter().find(|(other, value)| other == name && *value != Value::Null)).map(|(_, value)| value)
}

fn append(text: &mut String, more: &str) {
    if !text.is_empty() && !more.is_empty() {
        text.push('\n');
    }
    text.push_str(more);
}
