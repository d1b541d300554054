//! Traces of MLflow 2 and 3, as `Trace.to_json()` and the download of its page write them:
//! `{"info": {"trace_metadata": {…}, "tags": {…}}, "data": {"spans": […]}}`.
//!
//! The spans are [records](super::record) whose attributes are JSON as text, with ids in base64 (MLflow 3) or hex digits after `0x`
//! (MLflow 2): <https://mlflow.org/docs/latest/genai/tracing/concepts/trace/>.

use super::fields::Fields;
use crate::model::json::{parse, parse_value};
use crate::model::{Attribute, Value};
use crate::otlp::encode::SpanData;

/// What a trace states beside its spans.
#[derive(Debug, Default)]
pub(super) struct Info {
    /// The metadata of the trace, among them the session and the user.
    metadata: Vec<Attribute>,
    /// The tags that are attributes of the resource.
    resource: Vec<Attribute>,
}

impl Info {
    /// Reads the object `info`. What it lacks is empty.
    pub(super) fn read(text: &[u8]) -> Self {
        let object = parse(text).unwrap_or_default();
        let fields = Fields(&object);
        let metadata = fields.get(&["trace_metadata", "request_metadata"]);
        let is_of_trace = |name: &str| matches!(name, "mlflow.trace.session" | "mlflow.trace.user");
        let texts = |attributes: &[Attribute], is_wanted: &dyn Fn(&str) -> bool| -> Vec<Attribute> {
            attributes.iter().filter(|(name, value)| is_wanted(name) && matches!(value, Value::Text(_))).cloned().collect()
        };
        Self {
            metadata: texts(Fields::of(metadata).0, &is_of_trace),
            resource: texts(fields.object("tags").0, &|name| name.starts_with("service.")),
        }
    }

    /// Decodes the attributes of a span, and adds what the trace states about it.
    pub(super) fn complete(&self, mut span: SpanData) -> SpanData {
        for (_, value) in &mut span.payload.attributes {
            if let Value::Text(text) = value {
                // Lists and maps stay text, as the frameworks that trace to MLflow send them.
                match parse_value(text.as_bytes()) {
                    Ok(Value::List(items)) if items.iter().any(|item| matches!(item, Value::List(_) | Value::Map(_))) => {}
                    Ok(Value::Map(_)) | Err(_) => {}
                    Ok(decoded) => *value = decoded,
                }
            }
        }
        if span.parent.is_none() {
            for (name, value) in &self.metadata {
                if !span.payload.attributes.iter().any(|(other, _)| other == name) {
                    span.payload.attributes.push((name.clone(), value.clone()));
                }
            }
        }
        if span.payload.resource.is_empty() {
            span.payload.resource.clone_from(&self.resource);
        }
        span
    }
}
