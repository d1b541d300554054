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
            _ => message(map, role),
        },
        _ => Vec::new(),
    }
}

/// Reads messages from a value only if it can be nothing else: JSON in which everything has a role, or a type as `LangChain` gives it.
pub(super) fn read_if_messages(value: &Value, role: &str) -> Vec<Message> {
    match value {
        Value::Text(text) => nested(text).map(|value| read_if_messages(&value, role)).unwrap_or_default(),
        Value::Map(map) if get(map, &["role"]).is_none() => {
            get(map, &["messages"]).map_or_else(Vec::new, |value| read_if_messages(value, role))
        }
        other if speaks(other) => read(other, role),
        _ => Vec::new(),
    }
}

fn speaks(value: &Value) -> bool {
    match value {
        Value::List(items) => !items.is_empty() && items.iter().all(speaks),
        Value::Map(map) => get(map, &["role"]).is_some() || langchain(map).is_some(),
        _ => false,
    }
}

/// The role and the inside of a message as `LangChain` serializes it: `{"type": "human", "data": {…}}`, or as a constructor's arguments.
fn langchain(map: &[Attribute]) -> Option<(&'static str, &[Attribute])> {
    let Some(Value::Map(inner)) = get(map, &["data", "kwargs"]) else { return None };
    let role = match get(inner, &["type"]).or_else(|| get(map, &["type"])) {
        Some(Value::Text(kind)) => match kind.trim_end_matches("MessageChunk") {
            "human" | "Human" => "user",
            "ai" | "AI" => "assistant",
            "system" => "system",
            "tool" => "tool",
            _ => return None,
        },
        _ => return None,
    };
    Some((role, inner))
}

/// The system's message, from `gen_ai.system_instructions`: a list of parts.
pub(super) fn instructions(value: &Value) -> Option<Message> {
    let parsed = match value {
        Value::Text(text) => nested(text),
        _ => None,
    };
    let mut message = said("system", String::new());
    content(&mut message, &mut Vec::new(), parsed.as_ref().unwrap_or(value));
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

/// A message. What several tools returned in one message is one message each, before the rest of it.
fn message(map: &[Attribute], role: &str) -> Vec<Message> {
    if let Some((role, inner)) = langchain(map).filter(|_| get(map, &["role"]).is_none()) {
        return message(inner, role);
    }
    let mut message = said(&get(map, &["role"]).map_or_else(|| role.to_owned(), plain), String::new());
    message.tool_call_id = get(map, &["tool_call_id"]).map(plain);
    if message.tool_call_id.is_some() || message.role == "tool" {
        message.name = get(map, &["name", "tool_name"]).map(plain).unwrap_or_default();
    }
    let mut results = Vec::new();
    for name in ["parts", "content", "reasoning_content", "text"] {
        match get(map, &[name]) {
            Some(value) if name == "reasoning_content" => append(&mut message.reasoning, &plain(value)),
            Some(value) => content(&mut message, &mut results, value),
            None => {}
        }
    }
    let parsed = match get(map, &["tool_calls"]) {
        Some(Value::Text(text)) => nested(text),
        other => other.cloned(),
    };
    if let Some(Value::List(calls)) = parsed {
        for call in calls.iter().filter_map(|call| if let Value::Map(call) = call { Some(tool_call(call)) } else { None }) {
            // Some say the same call among the parts and beside them.
            if call.id.is_empty() || message.tool_calls.iter().all(|other| other.id != call.id) {
                message.tool_calls.push(call);
            }
        }
    }
    let says_more = !message.text.is_empty() || !message.reasoning.is_empty() || !message.tool_calls.is_empty();
    if says_more || results.is_empty() {
        results.push(message);
    }
    results
}

fn content(message: &mut Message, results: &mut Vec<Message>, value: &Value) {
    match value {
        Value::List(parts) => {
            for part in parts {
                match part {
                    Value::Map(part) => self::part(message, results, part),
                    other => append(&mut message.text, &plain(other)),
                }
            }
        }
        Value::Map(part) => self::part(message, results, part),
        other => append(&mut message.text, &plain(other)),
    }
}

fn part(message: &mut Message, results: &mut Vec<Message>, part: &[Attribute]) {
    let kind = get(part, &["type"]).map(plain).unwrap_or_default();
    match kind.as_str() {
        "tool_call" | "tool-call" | "tool_use" | "function_call" => message.tool_calls.push(tool_call(part)),
        "tool_call_response" | "tool-result" | "tool_result" | "function_call_output" => results.push(result(part)),
        "reasoning" | "thinking" => {
            append(&mut message.reasoning, &get(part, &["content", "text", "thinking"]).map(plain).unwrap_or_default());
        }
        _ => match get(part, &["content", "text"]) {
            Some(text) if !matches!(kind.as_str(), "blob" | "image" | "audio") => append(&mut message.text, &plain(text)),
            _ if kind.is_empty() => append(&mut message.text, &Value::Map(part.to_vec()).to_json()),
            _ => append(&mut message.text, &media(&kind, part)),
        },
    }
}

/// What a tool returned, as a part of a message.
fn result(part: &[Attribute]) -> Message {
    let value = get(part, &["response", "result", "output", "content"]);
    let text = match value {
        // The AI SDK wraps a result: {"type": "text", "value": …}.
        Some(Value::Map(map)) => get(map, &["value"]).or(value).map(plain).unwrap_or_default(),
        // Anthropic lists parts of text.
        Some(Value::List(parts)) if parts.iter().all(|part| matches!(part, Value::Map(part) if get(part, &["text"]).is_some())) => {
            let mut message = Message::default();
            for part in parts {
                content(&mut message, &mut Vec::new(), part);
            }
            message.text
        }
        other => other.map(plain).unwrap_or_default(),
    };
    Message {
        tool_call_id: get(part, &["id", "toolCallId", "tool_use_id", "call_id"]).map(plain),
        name: get(part, &["name", "toolName"]).map(plain).unwrap_or_default(),
        ..said("tool", text)
    }
}

/// A picture, a sound or a file in words: what it is, and where it lies or how large it is.
fn media(kind: &str, part: &[Attribute]) -> String {
    let place = match get(part, &["image_url", "url", "uri", "source", "file", "image", "data", "content"]) {
        Some(Value::Map(inner)) => get(inner, &["url", "data"]),
        other => other,
    };
    let what = get(part, &["mime_type", "media_type", "mediaType"]).map_or_else(|| kind.to_owned(), plain);
    match place {
        Some(Value::Text(place)) => super::named(&what, place),
        _ => format!("[{what}]"),
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
