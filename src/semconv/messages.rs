//! The conversation of a model call, from any convention.

mod events;
mod flat;
mod parts;

use super::json_schema;
use super::keys::{Field, OUTPUT, TOOL_ARGUMENTS, TOOL_RESULT};
use super::preview::PREVIEW_WINDOW;
use super::values::{self, get, get_by_end};
use crate::model::json::{Scalar, chars};
use crate::model::{Attribute, Payload, Value};

/// The most characters of a location; longer ones are embedded data.
const MAX_LOCATION: usize = 2000;

/// The beginnings of the keys of numbered input messages.
const NUMBERED_INPUT: [&str; 2] = ["llm.input_messages.", "gen_ai.prompt."];

/// Longer messages are not parsed for a row's preview.
pub(super) const MAX_MESSAGES_CHARS: usize = 1 << 18;

/// The input and output messages of a model call.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Conversation {
    /// The messages of the system, the user, the assistant and tools, oldest first.
    pub input: Vec<Message>,
    /// The model's response.
    pub output: Vec<Message>,
}

/// One message.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Message {
    /// The role: `system`, `user`, `assistant`, `tool` or another one.
    pub role: String,
    /// The text. Parts that are not text appear as a description in brackets.
    pub text: String,
    /// The model's reasoning, if recorded.
    pub reasoning: String,
    /// The tools that the message calls.
    pub tool_calls: Vec<ToolCall>,
    /// The id of the call that a tool's message answers.
    pub tool_call_id: Option<String>,
    /// The name of the sender, if recorded: on a tool's message, the tool.
    pub name: String,
}

impl Message {
    /// Whether the message is more than a role. The result of a call may be empty.
    fn is_stated(&self) -> bool {
        !self.text.is_empty() || !self.reasoning.is_empty() || !self.tool_calls.is_empty() || self.tool_call_id.is_some()
    }
}

/// A model's request to call a tool.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ToolCall {
    /// The id of the call; empty if not recorded.
    pub id: String,
    /// The name of the tool.
    pub name: String,
    /// The arguments, usually JSON text.
    pub arguments: String,
}

/// Returns the conversation in a span's attributes, else in its events, else in its input and output if these are messages.
#[must_use]
pub fn conversation(payload: &Payload) -> Conversation {
    let Conversation { mut input, mut output } = messages(&payload.attributes);
    if input.is_empty() && output.is_empty() {
        Conversation { input, output } = events::read(payload);
        input.retain(Message::is_stated);
        output.retain(Message::is_stated);
    }
    // Instructions alone are no question: it may stand in the input.
    if input.iter().all(|message| message.role == "system")
        && let Some(value) = self::input(&payload.attributes)
    {
        let mut question = parts::read_if_messages(value, "user");
        if question.iter().any(|message| message.role == "system") {
            input.clear();
        }
        if let (true, false, Value::Text(text)) = (question.is_empty(), input.is_empty(), value) {
            question.push(parts::text_message("user", text.clone()));
        }
        input.append(&mut question);
    }
    if output.is_empty() {
        output = output_of(payload).map(|value| parts::read_if_messages(value, "assistant")).unwrap_or_default();
        // The output state of a graph includes its input messages.
        let is_same = |(one, other): &(&Message, &Message)| (&one.role, &one.text) == (&other.role, &other.text);
        if input.len() < output.len() && input.iter().zip(&output).all(|pair| is_same(&pair)) {
            output.drain(..input.len());
        }
    }
    Conversation { input, output }
}

/// Returns the conversation in a span's attributes; empty if there is none.
#[must_use]
pub fn messages(attributes: &[Attribute]) -> Conversation {
    let numbered = |prefixes: &[&str]| prefixes.iter().find_map(|prefix| stated(flat::read(attributes, prefix)));
    let json = |keys: &[&str], role: &str| keys.iter().find_map(|key| stated(parts::read(get(attributes, key)?, role)));
    let input = numbered(&NUMBERED_INPUT).unwrap_or_else(|| {
        let mut input = json(Field::Messages.keys(), "user").unwrap_or_default();
        if let Some(instructions) = get(attributes, "gen_ai.system_instructions")
            && !input.iter().any(|message| message.role == "system")
        {
            input.splice(0..0, parts::instructions(instructions));
        }
        input
    });
    let answer = || stated(parts::answer(get(attributes, "ai.response.text"), get(attributes, "ai.response.toolCalls")));
    let output = numbered(&["llm.output_messages.", "gen_ai.completion."])
        .or_else(|| json(&["gen_ai.output.messages", "gen_ai.completion", "gcp.vertex.agent.llm_response"], "assistant"))
        .or_else(answer);
    Conversation { input, output: output.unwrap_or_default() }
}

/// Whether the first messages of a conversation are missing: SDKs that limit the number of attributes drop the oldest.
#[must_use]
pub fn lacks_first_messages(attributes: &[Attribute]) -> bool {
    NUMBERED_INPUT.iter().find_map(|prefix| flat::first_number(attributes, prefix)).is_some_and(|first| first > 0)
}

/// Returns the attribute value to show as a span's input.
#[must_use]
pub fn input(attributes: &[Attribute]) -> Option<&Value> {
    let exact = || Field::Input.keys().iter().find_map(|key| get(attributes, key));
    // Some programs record the schema of the arguments under this key.
    let parameters = || {
        let stated = Field::ToolParameters.keys().iter().find_map(|key| get(attributes, key));
        stated.filter(|value| !json_schema::is_in_value(value))
    };
    let messages = || Field::Messages.keys().iter().find_map(|key| get(attributes, key));
    exact().or_else(|| get_by_end(attributes, TOOL_ARGUMENTS)).or_else(parameters).or_else(messages)
}

/// Returns the attribute value to show as a span's output.
fn output(attributes: &[Attribute]) -> Option<&Value> {
    OUTPUT.iter().find_map(|key| get(attributes, key)).or_else(|| get_by_end(attributes, TOOL_RESULT))
}

/// Returns the output of a span, also where it stands in an event: coding agents add a tool's output as `tool.output`.
#[must_use]
pub fn output_of(payload: &Payload) -> Option<&Value> {
    let in_event =
        || payload.events.iter().rev().find(|event| event.name == "tool.output").and_then(|event| get(&event.attributes, "output"));
    output(&payload.attributes).or_else(in_event)
}

/// Returns the name of the tool that the span ran.
#[must_use]
pub fn tool(attributes: &[Attribute]) -> Option<&str> {
    Field::Tool.keys().iter().find_map(|key| if let Value::Text(name) = get(attributes, key)? { Some(name.as_str()) } else { None })
}

/// Returns the name of the machine that sent a span, from its resource.
#[must_use]
pub fn host(resource: &[Attribute]) -> Option<&str> {
    if let Value::Text(name) = get(resource, "host.name")? { Some(name) } else { None }
}

/// Returns the text of the user's last message, if `text` is messages in JSON.
pub(super) fn last_question(text: Scalar<'_>) -> Option<String> {
    let is_question = |message: &Message| message.role == "user" && !message.text.is_empty();
    parts::read(&values::parse(text, MAX_MESSAGES_CHARS)?, "user").into_iter().rfind(is_question).map(|message| message.text)
}

/// Returns the text of the first message that has one.
pub(super) fn first_text(messages: &Value) -> Option<String> {
    parts::read(messages, "assistant").into_iter().map(|message| message.text).find(|text| !text.is_empty())
}

/// Names under which programs state a question alone.
const QUESTION: [&str; 5] = ["input", "inputs", "question", "query", "prompt"];

/// The depth to which an input is searched for its question.
const MAX_QUESTION_DEPTH: usize = 4;

/// Returns the question in an input that is JSON: the text of the user's last message in messages, the text that stands alone under a name
/// such as `input`, or a text in quotes. `None` for any other input, which is best shown as it is.
pub(super) fn question_in_input(input: Scalar<'_>) -> Option<String> {
    let (Scalar::Text(raw) | Scalar::Escaped(raw) | Scalar::Other(raw)) = input else { return None };
    let mentions_a_sign = || {
        let beginning: String = chars(input).take(PREVIEW_WINDOW).collect();
        QUESTION_SIGNS.iter().any(|word| beginning.contains(word))
    };
    let is_text = matches!((raw, input), ([b'"', .., b'"'], _) | ([b'\\', b'"', .., b'"'], Scalar::Escaped(_)));
    let may_be = is_text || (matches!(raw.first(), Some(b'{' | b'[')) && mentions_a_sign());
    if !may_be {
        return None;
    }
    question(&values::parse(input, MAX_MESSAGES_CHARS)?, MAX_QUESTION_DEPTH)
}

/// Words of which one is in the beginning of messages or of a question.
pub(super) const QUESTION_SIGNS: [&str; 7] = ["role", "messages", "contents", "input", "question", "query", "prompt"];

fn question(value: &Value, depth: usize) -> Option<String> {
    let is_question = |message: &Message| message.role == "user" && !message.text.is_empty();
    match value {
        Value::Text(text) => match parts::parsed(value) {
            Some(inner) => depth.checked_sub(1).and_then(|depth| question(&inner, depth)),
            None => Some(text.clone()).filter(|text| !text.is_empty()),
        },
        other => match parts::read_if_messages(other, "user").into_iter().rfind(is_question) {
            Some(message) => Some(message.text),
            None => match other {
                Value::Map(map) => match map.as_slice() {
                    [(name, inner)] if QUESTION.contains(&name.as_str()) => depth.checked_sub(1).and_then(|depth| question(inner, depth)),
                    _ => None,
                },
                _ => None,
            },
        },
    }
}

/// Describes an image or a file at `location`, a URL or a path. Embedded data is described by its size.
fn describe_media(kind: &str, location: &str) -> String {
    let inline = location.strip_prefix("data:").and_then(|data| data.split_once(','));
    let (kind, inline) = match inline {
        Some((head, data)) => (head.split(';').next().unwrap_or(kind), Some(data)),
        // Base64 without a prefix: a location is short.
        None => (kind, Some(location).filter(|location| location.len() > MAX_LOCATION)),
    };
    match inline {
        Some(data) => format!("[{kind}, {} kB]", (data.len() * 3 / 4).div_ceil(1000)),
        None => format!("[{kind} {location}]"),
    }
}

/// Returns the messages that state something; `None` if none does. Some instrumentations record the roles of messages only.
fn stated(mut messages: Vec<Message>) -> Option<Vec<Message>> {
    messages.retain(Message::is_stated);
    (!messages.is_empty()).then_some(messages)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
