//! Messages as JSON: OpenTelemetry's `parts`, OpenAI's, Anthropic's and Gemini's requests and responses, the prompts of the AI SDK and
//! Genkit, LangChain's objects.

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
        Value::List(items) if let Some(message) = pair(items) => vec![message],
        // LangChain records a list of messages for each prompt.
        Value::List(items) => items.iter().flat_map(|item| read(item, role)).collect(),
        Value::Map(map) => match Envelope::of(map) {
            Some(Envelope { system, messages }) => {
                system.into_iter().chain(messages.into_iter().flat_map(|message| read(message, role))).collect()
            }
            None => message(map, role),
        },
        _ => Vec::new(),
    }
}

/// What a request or a response has around its messages.
struct Envelope<'a> {
    system: Option<Message>,
    messages: Vec<&'a Value>,
}

impl<'a> Envelope<'a> {
    /// Returns the messages in an object; `None` if it is a message itself.
    fn of(map: &'a [Attribute]) -> Option<Self> {
        if get(map, &["role"]).is_some() {
            return None;
        }
        // The items of a list under one name, and in each the value under others.
        let each = |list: &str, inner: &[&str]| match get(map, &[list]) {
            Some(Value::List(items)) => {
                Some(items.iter().filter_map(|item| if let Value::Map(item) = item { get(item, inner) } else { None }).collect())
            }
            _ => None,
        };
        if let Some(messages) = get(map, &["messages", "prompt"]) {
            let system = get(map, &["system"]).map(|system| text_message("system", plain(system)));
            return Some(Self { system, messages: vec![messages] });
        }
        // Gemini's request.
        if let Some(contents @ Value::List(_)) = get(map, &["contents"]) {
            let config = if let Some(Value::Map(config)) = get(map, &["config"]) { config } else { map };
            let instruction = get(config, &["systemInstruction", "system_instruction"]);
            return Some(Self { system: instruction.and_then(instructions), messages: vec![contents] });
        }
        let messages: Option<Vec<&Value>> = match get(map, &["content", "message"]) {
            // Gemini's response, as the Agent Development Kit records it.
            Some(content @ Value::Map(inner)) if get(inner, &["parts", "role"]).is_some() => Some(vec![content]),
            // The responses of OpenAI and Gemini; Genkit's candidates are messages.
            _ => each("choices", &["message"]).or_else(|| each("candidates", &["content", "message"])).or_else(|| generations(map)),
        };
        messages.map(|messages| Self { system: None, messages })
    }
}

/// Returns the messages in LangChain's answer of a chat model, which has a list of generations for each prompt.
fn generations(map: &[Attribute]) -> Option<Vec<&Value>> {
    let Some(Value::List(prompts)) = get(map, &["generations"]) else { return None };
    let items =
        prompts.iter().flat_map(|prompt| if let Value::List(items) = prompt { items.as_slice() } else { std::slice::from_ref(prompt) });
    Some(items.filter_map(|item| if let Value::Map(item) = item { get(item, &["message"]) } else { None }).collect())
}

/// Reads messages from a value that is certainly messages: JSON in which every item has a role, or a type of LangChain.
pub(super) fn read_if_messages(value: &Value, role: &str) -> Vec<Message> {
    match value {
        Value::Text(text) => nested(text).map(|value| read_if_messages(&value, role)).unwrap_or_default(),
        other if is_messages(other) => read(other, role),
        Value::Map(map) => {
            let Some(Envelope { system, messages }) = Envelope::of(map) else { return Vec::new() };
            let messages: Vec<Message> = messages.into_iter().flat_map(|message| read_if_messages(message, role)).collect();
            if messages.is_empty() { messages } else { system.into_iter().chain(messages).collect() }
        }
        _ => Vec::new(),
    }
}

/// Reads a message that is a role and a text, as graphs take them: `["user", "Weather?"]`.
fn pair(items: &[Value]) -> Option<Message> {
    let [Value::Text(role), Value::Text(text)] = items else { return None };
    let role = match role.as_str() {
        "human" | "user" => "user",
        "ai" | "assistant" => "assistant",
        "system" => "system",
        _ => return None,
    };
    Some(text_message(role, text.clone()))
}

/// Whether every item has a role or a type of LangChain.
fn is_messages(value: &Value) -> bool {
    match value {
        Value::List(items) => pair(items).is_some() || (!items.is_empty() && items.iter().all(is_messages)),
        Value::Map(map) => get(map, &["role"]).is_some() || langchain(map).is_some(),
        _ => false,
    }
}

/// Returns the role and the content of a message that LangChain serialized: `{"type": "human", "data": {…}}`, or as the arguments of a
/// constructor, `{"type": "constructor", "id": ["langchain_core", "messages", "HumanMessage"], "kwargs": {…}}`.
fn langchain(map: &[Attribute]) -> Option<(&'static str, &[Attribute])> {
    let Some(Value::Map(inner)) = get(map, &["data", "kwargs"]) else { return None };
    let class = match get(map, &["id"]) {
        Some(Value::List(path)) => path.last(),
        _ => None,
    };
    let Some(Value::Text(kind)) = class.or_else(|| get(inner, &["type"])).or_else(|| get(map, &["type"])) else { return None };
    let role = match kind.trim_end_matches("Chunk").trim_end_matches("Message") {
        "human" | "Human" => "user",
        "ai" | "AI" => "assistant",
        "system" | "System" => "system",
        "tool" | "Tool" => "tool",
        _ => return None,
    };
    Some((role, inner))
}

/// Reads the system's message from `gen_ai.system_instructions`: a list of parts.
pub(super) fn instructions(value: &Value) -> Option<Message> {
    let mut message = text_message("system", String::new());
    let parsed = parsed(value);
    let parts = match parsed.as_ref().unwrap_or(value) {
        // Gemini's, with its parts.
        Value::Map(map) => get(map, &["parts"]).unwrap_or(value),
        other => other,
    };
    content(&mut message, &mut Vec::new(), parts);
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

pub(super) fn text_message(role: &str, text: String) -> Message {
    Message { role: role.to_owned(), text, ..Message::default() }
}

/// Reads a message. The results of several tools in one message become one message each, before its other content.
fn message(map: &[Attribute], role: &str) -> Vec<Message> {
    if let Some((role, inner)) = langchain(map).filter(|_| get(map, &["role"]).is_none()) {
        return message(inner, role);
    }
    let role = get(map, &["role"]).map_or_else(|| role.to_owned(), plain);
    // Gemini calls the assistant a model.
    let mut message = text_message(if role == "model" { "assistant" } else { &role }, String::new());
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
    if kind.is_empty() && untyped_part(message, results, part) {
        return;
    }
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

/// Reads a part of Gemini or Genkit, whose key tells its type: `{"functionCall": {…}}`, `{"toolRequest": {…}}`. Returns whether it is one.
fn untyped_part(message: &mut Message, results: &mut Vec<Message>, part: &[Attribute]) -> bool {
    let inner = |names: &[&str]| if let Some(Value::Map(inner)) = get(part, names) { Some(inner) } else { None };
    if let Some(call) = inner(&["functionCall", "function_call", "toolRequest"]) {
        message.tool_calls.push(tool_call(call));
    } else if let Some(answer) = inner(&["functionResponse", "function_response", "toolResponse"]) {
        results.push(result(answer));
    } else if let Some(data) = inner(&["inlineData", "inline_data", "fileData", "file_data", "media"]) {
        append(&mut message.text, &media("file", data));
    } else if let (Some(thought), Some(Value::Bool(true))) = (get(part, &["text"]), get(part, &["thought"])) {
        append(&mut message.reasoning, &plain(thought));
    } else if let Some(thought @ Value::Text(_)) = get(part, &["reasoning"]) {
        append(&mut message.reasoning, &plain(thought));
    } else {
        return false;
    }
    true
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
        tool_call_id: get(part, &["id", "toolCallId", "tool_use_id", "call_id", "ref"]).map(plain),
        name: get(part, &["name", "toolName"]).map(plain).unwrap_or_default(),
        ..text_message("tool", text)
    }
}

/// Describes an image, a sound or a file: its type, and its location, id or size. Of a sound, what was said follows.
fn media(kind: &str, part: &[Attribute]) -> String {
    const LOCATIONS: [&str; 8] = ["url", "uri", "fileUri", "file_uri", "data", "file_id", "fileId", "filename"];
    let inner = match get(part, &["image_url", "source", "file", "image", "audio", "input_audio"]) {
        Some(Value::Map(inner)) => Some(inner.as_slice()),
        _ => None,
    };
    let find = |names: &[&str]| inner.and_then(|inner| get(inner, names)).or_else(|| get(part, names));
    let location = find(&LOCATIONS).or_else(|| get(part, &["image_url", "source", "file", "image", "content"]));
    let media_type = find(&["mime_type", "mimeType", "media_type", "mediaType", "contentType"]).map_or_else(|| kind.to_owned(), plain);
    let mut text = match location {
        Some(Value::Text(location)) => super::describe_media(&media_type, location),
        _ => format!("[{media_type}]"),
    };
    append(&mut text, &find(&["transcript"]).map(plain).unwrap_or_default());
    text
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
        id: text(map, &["id", "toolCallId", "call_id", "tool_call_id", "ref"]),
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
