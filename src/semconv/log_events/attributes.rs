//! The attributes of an event, read where they are encoded.

use std::borrow::Cow;

use super::is_left_out;
use crate::model::Value;
use crate::model::json::Scalar;
use crate::semconv::key_table::{KeyTable, is_same};

/// The keys that state facts.
const KEYS: [&str; 68] = [
    "arguments",
    "attempt",
    "cache_creation_1h_tokens",
    "cache_creation_5m_tokens",
    "cache_creation_tokens",
    "cache_read_tokens",
    "cache_write_token_count",
    "cached_content_token_count",
    "cached_token_count",
    "call_id",
    "conversation.id",
    "conversation_id",
    "cost_usd",
    "decision",
    "duration_ms",
    "error",
    "error.message",
    "error_message",
    "event.kind",
    "full_command",
    "function_args",
    "function_name",
    "gen_ai.conversation.id",
    "gen_ai.provider.name",
    "gen_ai.request.model",
    "gen_ai.response.id",
    "gen_ai.response.model",
    "gen_ai.tool.call.arguments",
    "gen_ai.tool.call.id",
    "gen_ai.tool.call.result",
    "gen_ai.tool.name",
    "gen_ai.usage.cache_creation.input_tokens",
    "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.output_tokens",
    "gen_ai.usage.reasoning.output_tokens",
    "hook_event",
    "http.response.status_code",
    "http.status_code",
    "input_token_count",
    "input_tokens",
    "model",
    "output",
    "output_token_count",
    "output_tokens",
    "prompt",
    "prompt.id",
    "prompt_id",
    "prompt_text",
    "query_source",
    "reasoning_token_count",
    "response",
    "response_id",
    "response_text",
    "session.id",
    "session_id",
    "source",
    "status",
    "status_code",
    "success",
    "thoughts_token_count",
    "tool_input",
    "tool_name",
    "tool_output",
    "tool_parameters",
    "tool_use_id",
    "total_token_count",
    "ttft_ms",
];

static TABLE: KeyTable<256> = KeyTable::new(&KEYS);

/// A key that states a fact.
#[derive(Clone, Copy)]
pub(super) struct Key(u8);

impl Key {
    /// Returns the key of this name, which must be one of [`KEYS`].
    pub(super) const fn named(name: &str) -> Self {
        let mut at = 0;
        while !is_same(KEYS[at].as_bytes(), name.as_bytes()) {
            at += 1;
        }
        Self(at as u8)
    }
}

/// The keys of these names, which the compiler looks up.
macro_rules! keys {
    [$($name:literal),+ $(,)?] => { const { &[$(Key::named($name)),+] } };
}
pub(super) use keys;

/// An attribute of an event.
#[derive(Debug)]
pub struct EventAttribute<'a> {
    /// Its key, not checked to be UTF-8.
    pub key: &'a [u8],
    /// Its value; a list or a map as JSON text.
    pub value: Result<Scalar<'a>, String>,
    /// The whole attribute as it is encoded, for who copies it.
    pub encoded: &'a [u8],
}

/// The attributes of an event.
#[derive(Debug)]
pub struct EventAttributes<'a> {
    all: Vec<EventAttribute<'a>>,
    /// For each key its last attribute, counted from 1; 0 if there is none.
    places: [u16; KEYS.len()],
}

impl Default for EventAttributes<'_> {
    fn default() -> Self {
        Self { all: Vec::with_capacity(24), places: [0; KEYS.len()] }
    }
}

impl<'a> EventAttributes<'a> {
    /// Forgets all attributes, for those of another event.
    pub fn clear(&mut self) {
        self.all.clear();
        self.places = [0; KEYS.len()];
    }

    /// Adds an attribute.
    pub fn push(&mut self, attribute: EventAttribute<'a>) {
        let key = TABLE.find(attribute.key);
        self.all.push(attribute);
        // Of more attributes than that, the others state nothing.
        if let (Some(key), Ok(place)) = (key, u16::try_from(self.all.len())) {
            self.places[usize::from(key)] = place;
        }
    }

    /// Returns all attributes in their order.
    #[must_use]
    pub fn all(&self) -> &[EventAttribute<'a>] {
        &self.all
    }

    fn get(&self, key: Key) -> Option<&EventAttribute<'a>> {
        self.all.get(usize::from(self.places[usize::from(key.0)]).checked_sub(1)?)
    }
}

/// Returns the text of the first of these keys that states one; a value in JSON for what is no text.
pub(super) fn text<'a>(attributes: &EventAttributes<'a>, keys: &[Key]) -> Option<Cow<'a, str>> {
    let stated = |key: &Key| match &attributes.get(*key)?.value {
        Ok(Scalar::Text(text)) => {
            Some(String::from_utf8_lossy(text)).filter(|text| !text.trim().is_empty() && !is_left_out(text.as_bytes()))
        }
        Ok(Scalar::Int(number)) => Some(number.to_string().into()),
        Ok(Scalar::Float(number)) => Some(Value::Float(*number).to_json().into()),
        Ok(Scalar::Bool(flag)) => Some(Cow::Borrowed(if *flag { "true" } else { "false" })),
        Ok(Scalar::Escaped(_) | Scalar::Other(_)) => None,
        Err(json) => Some(json.clone().into()),
    };
    keys.iter().find_map(stated)
}

/// Returns the number of the first of these keys that states one, also as text.
pub(super) fn number(attributes: &EventAttributes<'_>, keys: &[Key]) -> Option<f64> {
    let stated = |key: &Key| match attributes.get(*key)?.value {
        Ok(Scalar::Int(number)) => Some(number as f64),
        Ok(Scalar::Float(number)) => Some(number),
        Ok(Scalar::Text(text)) => std::str::from_utf8(text).ok()?.trim().parse().ok(),
        _ => None,
    };
    keys.iter().find_map(stated).filter(|number: &f64| number.is_finite())
}

/// Returns a count, which is a whole number from 0.
pub(super) fn count(attributes: &EventAttributes<'_>, keys: &[Key]) -> Option<u64> {
    let is_count = |number: &f64| (0.0..=f64::from(u32::MAX)).contains(number) && number.fract() == 0.0;
    keys.iter().find_map(|key| number(attributes, &[*key]).filter(is_count)).map(|number| number as u64)
}
