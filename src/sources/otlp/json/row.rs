//! From a decoded span to its row.

use super::span::Decoded;
use crate::model::json::Scalar;
use crate::model::{Attribute, Batch, Payload, PayloadRef, Value};
use crate::semconv::{SpanBuilder, SpanHeader};

/// Appends the row of a span to the batch.
///
/// A record that only says that another span began becomes that span's row, still running.
pub(in crate::sources) fn push(batch: &mut Batch, decoded: &Decoded, address: PayloadRef) {
    let payload = &decoded.payload;
    let nested: Vec<String> = payload.attributes.iter().map(|(_, value)| nested(value)).collect();
    let mut builder = SpanBuilder::default();
    builder.name(decoded.name.as_bytes());
    builder.status(decoded.status, payload.status_message.as_bytes());
    if let Some(message) = exception_message(payload) {
        builder.exception(message.as_bytes());
    }
    for ((key, value), nested) in payload.attributes.iter().zip(&nested) {
        builder.attribute(key.as_bytes(), scalar(value, nested));
    }
    let scope = Some(payload.scope.0.as_str()).filter(|scope| !scope.is_empty());
    let Decoded { trace, id, parent, start, end, .. } = *decoded;
    let span = builder.build(SpanHeader { trace, id, parent, start, end }, scope, address, batch);
    batch.spans.push(span);
}

/// Returns the message of the last exception event.
fn exception_message(payload: &Payload) -> Option<&str> {
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
