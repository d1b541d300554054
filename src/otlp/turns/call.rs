//! The span of a call, as one event tells it.

use std::borrow::Cow;

use super::writer::{SpanHead, Writer, push_encoded, push_fact, push_name};
use super::{Record, trace_id};
use crate::model::json::Scalar;
use crate::model::{LogNote, Nanos, SpanId, Status};
use crate::semconv::log_events::{self, EventAttribute, Fact, FactValue, LOG_EVENT_KEY, LOG_NOTE_KEY, Told};

/// The message of a tool call that was refused.
pub(super) const REFUSED: &str = "permission denied";

/// Writes the span of a call that belongs to no turn.
pub(super) fn alone(record: &Record<'_, '_>, buffer: &mut Vec<u8>, writer: &mut Writer) {
    if !matches!(record.told, Told::Call | Told::Details | Told::FailedCall | Told::Tool) {
        return;
    }
    let start = record.time.saturating_sub(log_events::duration(record.attributes).unwrap_or_default());
    let trace = record.trace.unwrap_or_else(|| trace_id(record.hash));
    let (status, message) = outcome(record);
    let first_token = first_token(log_events::first_token(record.attributes), 0);
    buffer.clear();
    encode(record, buffer);
    let head = SpanHead {
        trace,
        id: SpanId::from_hash(record.hash),
        parent: record.span.filter(|_| record.trace.is_some()),
        start: start.max(1),
        end: Some(record.time),
        status,
        message: &message,
    };
    writer.push(&record.origin, head, buffer, first_token);
}

/// Returns how a call ended, as an event tells it, and why.
pub(super) fn outcome<'a>(record: &Record<'_, 'a>) -> (Status, Cow<'a, str>) {
    match record.told {
        Told::ToolRefused => (Status::Error, REFUSED.into()),
        Told::FailedCall => (Status::Error, log_events::error_text(record.attributes)),
        Told::Tool if log_events::success(record.attributes) == Some(false) => (Status::Error, log_events::error_text(record.attributes)),
        _ => (Status::Unset, Cow::Borrowed("")),
    }
}

/// Appends the name and the attributes of a call.
pub(super) fn encode(record: &Record<'_, '_>, out: &mut Vec<u8>) {
    let attributes = record.attributes;
    let is_tool = matches!(record.told, Told::ToolBegins | Told::ToolRefused | Told::Tool);
    let (verb, titled, facts) = if is_tool {
        ("execute_tool", "gen_ai.tool.name", log_events::tool_facts(attributes))
    } else {
        ("chat", "gen_ai.response.model", log_events::model_facts(attributes))
    };
    // Of a tool, that would be the answer that asked for it.
    let attempt = if record.told == Told::FailedCall { log_events::attempt(&record.name, attributes) } else { None };
    let is_fact = |key: &[u8]| {
        (is_tool && key == b"response_id")
            || (attempt.is_some() && key == b"attempt")
            || facts.iter().any(|(name, _)| name.as_bytes() == key)
    };
    match facts.iter().find(|(key, _)| *key == titled) {
        Some((_, FactValue::Text(title))) => push_name([verb, " ", title], out),
        _ => push_name([verb, "", ""], out),
    }
    for attribute in kept(record).filter(|attribute| !is_fact(attribute.key)) {
        push_encoded(attribute.encoded, out);
    }
    for (key, value) in &facts {
        push_fact(key, value, out);
    }
    if let Some(attempt) = attempt.and_then(|attempt| i64::try_from(attempt).ok()) {
        push_fact("attempt", &FactValue::Int(attempt), out);
    }
    push_fact(LOG_EVENT_KEY, &FactValue::Text(Cow::Borrowed(&record.name)), out);
}

/// Returns what a span says beside the facts of other conventions.
pub(super) fn note(note: LogNote) -> Option<Fact<'static>> {
    Some(note.text()).filter(|text| !text.is_empty()).map(|text| (LOG_NOTE_KEY, FactValue::Text(text.into())))
}

/// Returns the time to the first token, which counts from an event if the call began before it.
pub(super) fn first_token(first_token: Option<Nanos>, until_event: Nanos) -> Option<Fact<'static>> {
    let seconds = first_token?.saturating_add(until_event) as f64 / 1e9;
    Some(("gen_ai.response.time_to_first_chunk", FactValue::Float(seconds)))
}

/// Returns the attributes of a record without those whose text is left out.
pub(super) fn kept<'r, 'a>(record: &Record<'r, 'a>) -> impl Iterator<Item = &'r EventAttribute<'a>> {
    let attributes = record.attributes.all().iter();
    attributes.filter(|attribute| !matches!(attribute.value, Ok(Scalar::Text(text)) if log_events::is_left_out(text)))
}
