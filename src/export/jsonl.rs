//! A span a line: the fields of its [`SpanRecord`], then everything else that it bears.

use std::io::{self, Write};

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::record::rfc3339;
use super::{Exported, Form, SpanRecord, TraceRecord};
use crate::model::{Attribute, Event, Link, SpanKind, Value};

#[derive(Debug)]
pub(super) struct Jsonl;

impl<W: Write> Form<W> for Jsonl {
    fn trace(&mut self, _: &TraceRecord, _: &mut W) -> io::Result<()> {
        Ok(())
    }

    fn span(&mut self, span: &Exported, out: &mut W) -> io::Result<()> {
        serde_json::to_writer(&mut *out, &Line::of(span))?;
        out.write_all(b"\n")
    }

    fn finish(&mut self, _: &mut W) -> io::Result<()> {
        Ok(())
    }
}

/// A line. What follows the events is left out where the span has none of it.
#[derive(serde::Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    record: &'a SpanRecord,
    attributes: Map<'a>,
    events: Vec<EventRecord<'a>>,
    /// `UNSET`, `OK` or `ERROR`, as its sender set it.
    status_code: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    status_message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    span_kind: Option<&'static str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    trace_state: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    links: Vec<LinkRecord<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<ScopeRecord<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource: Option<Map<'a>>,
}

/// An event as records hold it.
#[derive(serde::Serialize)]
pub struct EventRecord<'a> {
    name: &'a str,
    time: String,
    attributes: Map<'a>,
}

impl<'a> EventRecord<'a> {
    /// An event.
    #[must_use]
    pub fn of(event: &'a Event) -> Self {
        Self { name: &event.name, time: rfc3339(event.time), attributes: Map(&event.attributes) }
    }
}

#[derive(serde::Serialize)]
struct LinkRecord<'a> {
    trace_id: String,
    span_id: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    trace_state: &'a str,
    attributes: Map<'a>,
}

#[derive(serde::Serialize)]
struct ScopeRecord<'a> {
    name: &'a str,
    version: &'a str,
    attributes: Map<'a>,
}

impl<'a> Line<'a> {
    fn of(span: &'a Exported) -> Self {
        let payload = &span.payload;
        let (name, version) = &payload.scope;
        let scope = ScopeRecord { name, version, attributes: Map(&payload.scope_attributes) };
        Self {
            record: &span.record,
            attributes: Map(&payload.attributes),
            events: payload.events.iter().map(EventRecord::of).collect(),
            status_code: span.status.name(),
            status_message: &payload.status_message,
            span_kind: (payload.span_kind != SpanKind::Unspecified).then(|| payload.span_kind.name()),
            trace_state: &payload.trace_state,
            links: payload.links.iter().map(link).collect(),
            scope: (!name.is_empty() || !version.is_empty() || !payload.scope_attributes.is_empty()).then_some(scope),
            resource: (!payload.resource.is_empty()).then_some(Map(&payload.resource)),
        }
    }
}

fn link(link: &Link) -> LinkRecord<'_> {
    LinkRecord {
        trace_id: link.trace.to_string(),
        span_id: link.span.to_string(),
        trace_state: &link.trace_state,
        attributes: Map(&link.attributes),
    }
}

/// Attributes as a JSON object. Bytes become hex digits, a number that JSON can't write becomes text.
#[derive(Clone, Copy, Debug)]
pub struct Map<'a>(pub &'a [Attribute]);

impl Serialize for Map<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in self.0 {
            map.serialize_entry(name, &Json(value))?;
        }
        map.end()
    }
}

struct Json<'a>(&'a Value);

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Null => serializer.serialize_none(),
            Value::Bool(truth) => serializer.serialize_bool(*truth),
            Value::Int(number) => serializer.serialize_i64(*number),
            Value::Float(number) if number.is_finite() => serializer.serialize_f64(*number),
            Value::Float(number) => serializer.collect_str(number),
            Value::Text(text) => serializer.serialize_str(text),
            Value::Bytes(bytes) => serializer.collect_str(&format_args!("{}", Hex(bytes))),
            Value::List(items) => serializer.collect_seq(items.iter().map(Json)),
            Value::Map(entries) => Map(entries).serialize(serializer),
        }
    }
}

struct Hex<'a>(&'a [u8]);

impl std::fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
