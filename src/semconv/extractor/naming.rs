//! The name of an agent, from the keys that state one down to the name of the service.

use super::Extractor;
use super::metadata::Metadata;
use crate::model::json::{Scalar, chars};
use crate::model::{Naming, SpanType};
use crate::semconv::keys::Field;
use crate::semconv::{kinds, span_names};

/// What OpenTelemetry's SDKs call a service without a name, with or without the name of its program.
const UNKNOWN_SERVICE: &[u8] = b"unknown_service";

/// The hex digits at the end of an id that Agno makes up.
const ID_DIGITS: usize = 8;

/// The most characters of an id that is examined.
const MAX_ID: usize = 64;

/// Whether the value of a key of [`Field::Agent`] is an id that Agno made up for an agent without a name, such as `crisp-wright-b8a512be`: two
/// words and eight hex digits, others in each process.
pub(super) fn is_generated_id(rank: u8, value: Scalar<'_>) -> bool {
    let is_id = || Field::Agent.keys().get(usize::from(rank)).is_some_and(|key| key.ends_with("id"));
    let (Scalar::Text(raw) | Scalar::Escaped(raw)) = value else { return false };
    is_id() && is_generated(raw)
}

fn is_generated(id: &[u8]) -> bool {
    let mut words = id.split(|byte| *byte == b'-');
    let is_word = |word: Option<&[u8]>| word.is_some_and(|word| !word.is_empty() && word.iter().all(u8::is_ascii_lowercase));
    let is_hex = |word: &[u8]| word.len() == ID_DIGITS && word.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    id.len() <= MAX_ID && is_word(words.next()) && is_word(words.next()) && words.next().is_some_and(is_hex) && words.next().is_none()
}

impl<'a> Extractor<'a> {
    /// Returns the name of an agent, a team or a workflow, and how it is known. `name` is the span's name.
    pub(super) fn agent_name<'t>(&self, span_type: SpanType, name: &'t str, metadata: &'t Metadata) -> (Option<Scalar<'t>>, Naming)
    where
        'a: 't,
    {
        let entity = || if self.has_agent_entity() { self.text(Field::EntityName) } else { None };
        // Some programs call the function that they trace by its place in the program: `session.llm`.
        let is_place = |text: &Scalar<'_>| matches!(text, Scalar::Text(raw) if std::str::from_utf8(raw).is_ok_and(kinds::is_operation));
        let function = || self.text(Field::Function).filter(|text| !is_place(text));
        let stated = self.text(Field::Agent).or_else(|| self.text(Field::Entity)).or_else(function);
        let stated = stated.or_else(|| self.text(Field::GraphAgent));
        if let Some(stated) = stated.or_else(|| metadata.agent.as_deref().map(text)).or_else(entity) {
            return (Some(stated), Naming::Stated);
        }
        if [Field::AgentId, Field::TeamId].iter().any(|field| self.has(*field)) {
            return (Some(self.title(name)), Naming::GeneratedId);
        }
        let title = span_names::title(name);
        let is_named = title != name && kinds::call_in_name(name).is_none() && !kinds::is_operation(title);
        // OpenInference has no names for operations: such a span is named by its title.
        let is_title = || self.has_openinference_kind() || !kinds::is_operation(name);
        let naming = if is_named || span_type != SpanType::Agent { Naming::Stated } else { Naming::None };
        let shown = if is_named || is_title() && !span_names::is_prefix(name) { Some(self.title(name)) } else { self.seen.service };
        (shown.filter(|text| !matches!(text, Scalar::Text(raw) if raw.is_empty() || raw.starts_with(UNKNOWN_SERVICE))), naming)
    }

    /// Whether the span belongs to an entity that is an agent.
    pub(super) fn has_agent_entity(&self) -> bool {
        self.text(Field::EntityType).is_some_and(|entity| chars(entity).eq("agent".chars()))
    }

    /// Returns the name in a span name, or the whole one. A template's place for a name is filled.
    pub(super) fn title<'t>(&self, name: &'t str) -> Scalar<'t>
    where
        'a: 't,
    {
        let value = if name.contains("{name") { self.text(Field::Name) } else { None };
        value.unwrap_or_else(|| text(span_names::title(name)))
    }
}

fn text(text: &str) -> Scalar<'_> {
    Scalar::Text(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_agno_makes_up_are_no_names() {
        for id in ["crisp-wright-b8a512be", "zesty-euler-ff10ef23"] {
            assert!(is_generated(id.as_bytes()), "{id}");
        }
        for id in
            ["only-id", "weather-agent", "crisp-wright-B8A512BE", "crisp-wright-b8a512b", "a-b-c-b8a512be", "-x-b8a512be", "b8a512be", ""]
        {
            assert!(!is_generated(id.as_bytes()), "{id}");
        }
        let keys = Field::Agent.keys();
        let rank = |key| keys.iter().position(|other| *other == key).unwrap() as u8;
        let id = text("crisp-wright-b8a512be");
        assert!(is_generated_id(rank("agno.agent.id"), id) && !is_generated_id(rank("agent.name"), id));
    }
}
