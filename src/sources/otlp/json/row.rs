//! From a decoded span to its row.

use super::span::Decoded;
use crate::model::json::Scalar;
use crate::model::{Attribute, Batch, Payload, PayloadRef, Span, Value};
use crate::semconv::{Extractor, PREVIEW, beginning};

/// Appends the row of a span to the batch.
///
/// A record that only says that another span began becomes that span's row, still running.
pub(in crate::sources) fn push(batch: &mut Batch, decoded: &Decoded, address: PayloadRef) {
    let payload = &decoded.payload;
    let nested: Vec<String> = payload.attributes.iter().map(|(_, value)| nested(value)).collect();
    let mut picker = Extractor::default();
    for ((name, value), nested) in payload.attributes.iter().zip(&nested) {
        picker.take(name.as_bytes(), scalar(value, nested));
    }
    let scope = Some(payload.scope.0.as_str()).filter(|scope| !scope.is_empty());
    let (id, parent, end) = match (picker.pending(), decoded.parent) {
        (Some(parent), Some(running)) => (running, parent, None),
        _ => (decoded.id, decoded.parent, decoded.end),
    };
    let error = error(payload).map_or_else(|| picker.error().unwrap_or_default(), ToOwned::to_owned);
    let span = Span {
        trace: decoded.trace,
        id,
        parent,
        start: decoded.start,
        end,
        status: decoded.status,
        name: batch.intern(&decoded.name),
        facts: picker.facts(&decoded.name, scope, batch),
        error: batch.intern_chars(beginning(error.chars(), PREVIEW)),
        payload_ref: address,
        retained_bytes: 0,
    };
    batch.spans.push(span);
}

/// What went wrong: the status message, else what the last exception said.
fn error(payload: &Payload) -> Option<&str> {
    if !payload.status_message.is_empty() {
        return Some(&payload.status_message);
    }
    let exception = payload.events.iter().rfind(|event| event.name == "exception")?;
    exception.attributes.iter().find_map(|(name, value)| match value {
        Value::Text(text) if name == "exception.message" => Some(text.as_str()),
        _ => None,
    })
}

fn scalar<'a>(value: &'a Value, nested: &'a str) -> Scalar<'a> {
    match value {
        Value::Text(text) => Scalar::Text(text.as_bytes()),
        Value::Int(number) => Scalar::Int(*number),
        Value::Float(number) => Scalar::Float(*number),
        Value::Bool(truth) => Scalar::Bool(*truth),
        Value::Null | Value::Bytes(_) => Scalar::Other(b"null"),
        Value::List(_) | Value::Map(_) => Scalar::Other(nested.as_bytes()),
    }
}

/// A list or a map as JSON; empty for everything else.
fn nested(value: &Value) -> String {
    match value {
        Value::List(_) | Value::Map(_) => json(value).to_string(),
        _ => String::new(),
    }
}

fn json(value: &Value) -> serde_json::Value {
    match value {
        Value::Null | Value::Bytes(_) => serde_json::Value::Null,
        Value::Bool(truth) => (*truth).into(),
        Value::Int(number) => (*number).into(),
        Value::Float(number) => (*number).into(),
        Value::Text(text) => text.as_str().into(),
        Value::List(values) => values.iter().map(json).collect(),
        Value::Map(entries) => entries.iter().map(|(name, value): &Attribute| (name.clone(), json(value))).collect(),
    }
}
