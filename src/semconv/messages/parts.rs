//! Messages as JSON: OpenTelemetry's `parts`, OpenAI's and Anthropic's `content`, the AI SDK's prompts.

use super::{Message, ToolCall};
use crate::model::{Attribute, Value, json};
use crate::semconv::values::plain;

/// Reads messages from a list, a single message, a map with `messages`, or JSON text of any of these. Other text is one message of the
/// given role.
pub(super) fn read(value: &Value, role: &str) -> Vec<Message> {
    match value {
        Value::Text(text) => match nested(text) {
            Some(value) => read(&value, role),
            None => vec![text_message(role, text.clone())],
        },
        // LangChain records a list of messages for each prompt.
        Value::List(items) => items.iter().flat_map(|item| read(item, role)).collect(),
        Value::Map(map) => match (get(map, &["messages"]), get(map, &["prompt"])) {
            (Some(messages), _) | (None, Some(messages)) if get(map, &["role"]).is_none() => {
                let system = get(map, &["system"]).map(|system| text_message("system", plain(system)));
                system.into_iter().chain(read(messages, role)).collect()
            }
            _ => message(map, role),
        },
        _ => Vec::new(),
    }
}

/// Reads messages from a value that is certainly messages: JSON in which every item has a role, or a type of LangChain.
pub(super) fn read_if_messages(value: &Value, role: &str) -> Vec<Message> {
    match value {
        Value::Text(text) => nested(text).map(|value| read_if_messages(&value, role)).unwrap_or_default(),
        Value::Map(map) if get(map, &["role"]).is_none() => {
            get(map, &["messages"]).map_or_else(Vec::new, |value| read_if_messages(value, role))
        }
        other if is_messages(other) => read(other, role),
        _ => Vec::new(),
    }
}

/// Whether every item has a role or a type of LangChain.
fn is_messages(value: &Value) -> bool {
    match value {
        Value::List(items) => !items.is_empty() && items.iter().all(is_messages),
        Value::Map(map) => get(map, &["role"]).is_some() || langchain(map).is_some(),
        _ => false,
    }
}

/// Returns the role and the content of a message that LangChain serialized: `{"type": "human", "data": {…}}`, or as constructor arguments.
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

/// Reads the system's message from `gen_ai.system_instructions`: a list of parts.
pub(super) fn instructions(value: &Value) -> Option<Message> {
    let mut message = text_message("system", String::new());
    content(&mut message, &mut Vec::new(), parsed(value).as_ref().unwrap_or(value));
    (!message.text.is_empty()).then_some(message)
}

/// Reads the AI SDK's response: a text and a list of tool calls in separate attributes.
pub(super) fn answer(text: Option<&Value>, calls: Option<&Value>) -> Vec<Message> {
    let mut message = text_message("assistant", text.map(plain).unwrap_or_default());
    message.tool_calls = tool_calls(calls);
    if message.text.is_empty() && message.tool_calls.is_empty() { Vec::new() } else { vec![message] }
}

/// Returns a value, or the list or object that it holds as JSON text.
pub(super) fn parsed(value: &Value) -> Option<Value> {
    if let Value::Text(text) = value { nested(text) } else { Some(value.clone()) }
}

/// Parses a text that is a JSON list or object.
fn nested(text: &str) -> Option<Value> {
    text.trim_start().starts_with(['[', '{']).then(|| json::parse_value(text.as_bytes()).ok()).flatten()
}

fn text_message(role: &str, text: String) -> Message {
    Message { role: role.to_owned(), text, ..Message::default() }
}

/// Reads a message. The results of several tools in one message become one message each, before its other content.
fn message(map: &[Attribute], role: &str) -> Vec<Message> {
    if let Some((role, inner)) = langchain(map).filter(|_| get(map, &["role"]).is_none()) {
        return message(inner, role);
    }
    let mut message = text_message(&get(map, &["role"]).map_or_else(|| role.to_owned(), plain), String::new());
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
    for call in tool_calls(get(map, &["tool_calls"])) {
        // Some programs record a call among the parts and again beside them.
        if call.id.is_empty() || message.tool_calls.iter().all(|other| other.id != call.id) {
            message.tool_calls.push(call);
        }
    }
    let has_content = !message.text.is_empty() || !message.reasoning.is_empty() || !message.tool_calls.is_empty();
    if has_content || results.is_empty() {
        results.push(message);
    }
    results
}

fn content(message: &mut Message, results: &mut Vec<Message>, value: &Value) {
    match value {
        Value::List(parts) => parts.iter().for_each(|part| content(message, results, part)),
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

/// Reads the result of a tool from a part of a message.
fn result(part: &[Attribute]) -> Message {
    let value = get(part, &["response", "result", "output", "content"]);
    let text = match value {
        // The AI SDK wraps the result: {"type": "text", "value": …}.
        Some(Value::Map(map)) => get(map, &["value"]).or(value).map(plain).unwrap_or_default(),
        // Anthropic records a list of text parts.
        Some(list @ Value::List(parts)) if parts.iter().all(|part| matches!(part, Value::Map(part) if get(part, &["text"]).is_some())) => {
            let mut message = Message::default();
            content(&mut message, &mut Vec::new(), list);
            message.text
        }
        other => other.map(plain).unwrap_or_default(),
    };
    Message {
        tool_call_id: get(part, &["id", "toolCallId", "tool_use_id", "call_id"]).map(plain),
        name: get(part, &["name", "toolName"]).map(plain).unwrap_or_default(),
        ..text_message("tool", text)
    }
}

/// Describes an image, a sound or a file: its type, and its location or size.
fn media(kind: &str, part: &[Attribute]) -> String {
    let location = match get(part, &["image_url", "url", "uri", "source", "file", "image", "data", "content"]) {
        Some(Value::Map(inner)) => get(inner, &["url", "data"]),
        other => other,
    };
    let media_type = get(part, &["mime_type", "media_type", "mediaType"]).map_or_else(|| kind.to_owned(), plain);
    match location {
        Some(Value::Text(location)) => super::describe_media(&media_type, location),
        _ => format!("[{media_type}]"),
    }
}

/// Reads a list of tool calls, or JSON text of one.
fn tool_calls(value: Option<&Value>) -> Vec<ToolCall> {
    let Some(Value::List(calls)) = value.and_then(parsed) else { return Vec::new() };
    calls.iter().filter_map(|call| if let Value::Map(call) = call { Some(tool_call(call)) } else { None }).collect()
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

/// Returns the first of the named members that is not null.
fn get<'a>(map: &'a [Attribute], names: &[&str]) -> Option<&'a Value> {
    names.iter().find_map(|name| map.iter().find(|(other, value)| other == name && *value != Value::Null)).map(|(_, value)| value)
}

fn append(text: &mut String, more: &str) {
    if !text.is_empty() && !more.is_empty() {
        text.push('\n');
    }
    text.push_str(more);
}
