//! The span of a call, as one event tells it.

use super::{Record, payload, trace_id};
use crate::model::{Attribute, LogNote, Nanos, SpanId, Status, TraceId, Value};
use crate::otlp::encode::SpanData;
use crate::semconv::log_events::{self, LOG_EVENT_KEY, LOG_NOTE_KEY, Told};

/// The message of a tool call that was refused.
pub(super) const REFUSED: &str = "permission denied";

/// Returns the span of a call that belongs to no turn.
pub(super) fn alone(record: &Record<'_>) -> Option<SpanData> {
    if !matches!(record.told, Told::Call | Told::Details | Told::FailedCall | Told::Tool) {
        return None;
    }
    let start = record.time.saturating_sub(log_events::duration(&record.attributes).unwrap_or_default());
    let trace = record.trace.unwrap_or_else(|| trace_id(record.hash));
    let mut span = call(record, start, trace, SpanId::from_hash(record.hash));
    span.parent = record.span.filter(|_| record.trace.is_some());
    state_first_token(&mut span, log_events::first_token(&record.attributes), 0);
    Some(span)
}

/// Returns the span of a call, without its parent.
pub(super) fn call(record: &Record<'_>, start: Nanos, trace: TraceId, id: SpanId) -> SpanData {
    let attributes = &record.attributes;
    let is_tool = matches!(record.told, Told::ToolBegins | Told::ToolRefused | Told::Tool);
    let facts = if is_tool { log_events::tool_attributes(attributes) } else { log_events::model_attributes(attributes) };
    let title = |key: &str| facts.iter().find(|(name, _)| name == key).map(|(_, value)| value);
    let (verb, title) = if is_tool { ("execute_tool", title("gen_ai.tool.name")) } else { ("chat", title("gen_ai.response.model")) };
    let name = if let Some(Value::Text(title)) = title { format!("{verb} {title}") } else { verb.to_owned() };
    let (status, message) = match record.told {
        Told::FailedCall => (Status::Error, log_events::error_text(attributes)),
        Told::ToolRefused => (Status::Error, REFUSED.to_owned()),
        Told::Tool if log_events::success(attributes) == Some(false) => (Status::Error, log_events::error_text(attributes)),
        _ => (Status::Unset, String::new()),
    };
    let mut payload = payload(&record.group);
    payload.status_message = message;
    // Of a tool, that would be the answer that asked for it.
    let attempt = if record.told == Told::FailedCall { log_events::attempt(&record.name, attributes) } else { None };
    let is_fact = |key: &str| {
        (is_tool && key == "response_id") || (attempt.is_some() && key == "attempt") || facts.iter().any(|(name, _)| name == key)
    };
    payload.attributes = kept(attributes).filter(|(key, _)| !is_fact(key)).collect();
    payload.attributes.extend(facts);
    let attempt = attempt.and_then(|attempt| i64::try_from(attempt).ok());
    payload.attributes.extend(attempt.map(|attempt| ("attempt".to_owned(), Value::Int(attempt))));
    payload.attributes.push((LOG_EVENT_KEY.to_owned(), Value::Text(record.name.clone())));
    let end = (record.told != Told::ToolBegins).then_some(record.time);
    SpanData { trace, id, parent: None, start: start.max(1), end, status, name, payload }
}

pub(super) fn note(note: LogNote) -> Option<Attribute> {
    Some(note.text()).filter(|text| !text.is_empty()).map(|text| (LOG_NOTE_KEY.to_owned(), Value::Text(text)))
}

pub(super) fn state_first_token(span: &mut SpanData, first_token: Option<Nanos>, until_event: Nanos) {
    if let Some(first) = first_token {
        let seconds = first.saturating_add(until_event) as f64 / 1e9;
        span.payload.attributes.push(("gen_ai.response.time_to_first_chunk".to_owned(), Value::Float(seconds)));
    }
}

/// Returns the attributes of a record without those whose text is left out.
pub(super) fn kept(attributes: &[Attribute]) -> impl Iterator<Item = Attribute> {
    let is_kept = |(_, value): &&Attribute| !matches!(value, Value::Text(text) if log_events::is_left_out(text));
    attributes.iter().filter(is_kept).cloned()
}
