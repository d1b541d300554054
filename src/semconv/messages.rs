//! A model call's conversation, put together again from whichever convention holds it.

mod events;
mod flat;
mod parts;

use super::keys::{Field, OUTPUT};
use super::values;
use crate::model::json::{self, Scalar, chars, unescape};
use crate::model::{Attribute, Payload, Value};

/// Longer messages are not parsed for a row's preview.
pub(super) const MAX_MESSAGES_CHARS: usize = 1 << 18;

/// What went into a model call and what came out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Conversation {
    /// The system's, user's, assistant's and tools' messages, oldest first.
    pub input: Vec<Message>,
    /// The model's answer.
    pub output: Vec<Message>,
}

/// One message.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Message {
    /// `system`, `user`, `assistant`, `tool`, or what else it says.
    pub role: String,
    /// What it says; parts that are no text are named in brackets.
    pub text: String,
    /// What the model thought before it answered, where it says.
    pub reasoning: String,
    /// The tools that it calls.
    pub tool_calls: Vec<ToolCall>,
    /// Which call a tool's message answers.
    pub tool_call_id: Option<String>,
    /// Who speaks, where the message says so: on a tool's message, the tool.
    pub name: String,
}

/// A model's wish to call a tool.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ToolCall {
    /// The call's id; empty if not stated.
    pub id: String,
    /// The tool.
    pub name: String,
    /// The arguments, mostly JSON text.
    pub arguments: String,
}

/// The conversation that a span holds, in its attributes or else in its events; what only its input and output tell is taken from there
/// if they are messages.
#[must_use]
pub fn conversation(payload: &Payload) -> Conversation {
    let Conversation { mut input, mut output } = messages(&payload.attributes);
    if input.is_empty() && output.is_empty() {
        Conversation { input, output } = events::read(payload);
    }
    // A graph's instrumentation names the role of what it was given, and no more.
    if input.iter().all(|message| message.text.is_empty() && message.tool_calls.is_empty()) {
        input.clear();
    }
    if input.is_empty() {
        input = self::input(&payload.attributes).map(|value| parts::read_if_messages(value, "user")).unwrap_or_default();
    }
    if output.is_empty() {
        output = self::output(&payload.attributes).map(|value| parts::read_if_messages(value, "assistant")).unwrap_or_default();
        // A graph's state holds what was said before, too.
        let same = |(one, other): &(&Message, &Message)| (&one.role, &one.text) == (&other.role, &other.text);
        if input.len() < output.len() && input.iter().zip(&output).all(|pair| same(&pair)) {
            output.drain(..input.len());
        }
    }
    Conversation { input, output }
}

/// The conversation that a span's attributes hold; empty if they hold none.
#[must_use]
pub fn messages(attributes: &[Attribute]) -> Conversation {
    let mut input = first_filled([flat::openinference(attributes, "llm.input_messages."), flat::numbered(attributes, "gen_ai.prompt.")]);
    if input.is_empty() {
        input = Field::Messages.keys().iter().find_map(|name| filled(parts::read(get(attributes, name)?, "user"))).unwrap_or_default();
        if let Some(instructions) = get(attributes, "gen_ai.system_instructions")
            && !input.iter().any(|message| message.role == "system")
        {
            input.splice(0..0, parts::instructions(instructions));
        }
    }
    let mut output =
        first_filled([flat::openinference(attributes, "llm.output_messages."), flat::numbered(attributes, "gen_ai.completion.")]);
    if output.is_empty() {
        output = ["gen_ai.output.messages", "gen_ai.completion"]
            .iter()
            .find_map(|name| filled(parts::read(get(attributes, name)?, "assistant")))
            .or_else(|| filled(parts::answer(get(attributes, "ai.response.text"), get(attributes, "ai.response.toolCalls"))))
            .unwrap_or_default();
    }
    Conversation { input, output }
}

/// The value to show as a span's input.
#[must_use]
pub fn input(attributes: &[Attribute]) -> Option<&Value> {
    Field::Input.keys().iter().chain(Field::Messages.keys()).find_map(|name| get(attributes, name))
}

/// The value to show as a span's output.
#[must_use]
pub fn output(attributes: &[Attribute]) -> Option<&Value> {
    OUTPUT.iter().find_map(|name| get(attributes, name))
}

/// The name of the tool that the span ran, if it ran one.
#[must_use]
pub fn tool(attributes: &[Attribute]) -> Option<&str> {
    Field::Tool.keys().iter().find_map(|name| match get(attributes, name)? {
        Value::Text(name) => Some(name.as_str()),
        _ => None,
    })
}

/// What the user said last, if the text is messages as JSON.
pub(super) fn last_question(text: Scalar<'_>) -> Option<String> {
    if values::is_longer(text, MAX_MESSAGES_CHARS) {
        return None;
    }
    let text = match text {
        Scalar::Escaped(raw) => unescape(raw),
        text => chars(text).collect(),
    };
    let value = json::parse_value(text.as_bytes()).ok()?;
    parts::read(&value, "user")
        .into_iter()
        .rev()
        .find(|message| message.role == "user" && !message.text.is_empty())
        .map(|message| message.text)
}

/// A picture or a file at `place`, in words; one that lies in the text itself by its size.
fn named(kind: &str, place: &str) -> String {
    let inline = place.strip_prefix("data:").and_then(|data| data.split_once(','));
    let (kind, inline) = match inline {
        Some((head, data)) => (head.split(';').next().unwrap_or(kind), Some(data)),
        // Base64 without a word before it: a place is short, or has a scheme.
        None => (kind, Some(place).filter(|place| place.len() > 2000)),
    };
    match inline {
        Some(data) => format!("[{kind}, {} kB]", (data.len() * 3 / 4).div_ceil(1000)),
        None => format!("[{kind} {place}]"),
    }
}

/// The named attribute, unless it states nothing.
fn get<'a>(attributes: &'a [Attribute], name: &str) -> Option<&'a Value> {
    let (_, value) = attributes.iter().rev().find(|(other, _)| other == name)?;
    (!matches!(value, Value::Null) && !matches!(value, Value::Text(text) if text.is_empty())).then_some(value)
}

fn filled(messages: Vec<Message>) -> Option<Vec<Message>> {
    (!messages.is_empty()).then_some(messages)
}

fn first_filled(choices: [Vec<Message>; 2]) -> Vec<Message> {
    choices.into_iter().find(|messages| !messages.is_empty()).unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
