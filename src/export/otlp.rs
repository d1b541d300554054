//! OTLP/JSON, as <https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding> has it: ids in hex, 64-bit numbers as text.

use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{Exported, Form, TraceRecord};
use crate::model::{Attribute, Dropped, Event, Link, Nanos, Payload, Value};

/// One trace export request, written as its spans come: neighbours with equal resource and scope share a group.
///
/// OTLP has no time before 1970: such a time becomes 0.
#[derive(Debug, Default)]
pub(super) struct Otlp {
    /// The resource and scope of the groups that are open.
    open: Option<Payload>,
}

impl<W: Write> Form<W> for Otlp {
    fn trace(&mut self, _: &TraceRecord, _: &mut W) -> io::Result<()> {
        Ok(())
    }

    fn span(&mut self, span: &Exported, out: &mut W) -> io::Result<()> {
        let payload = &span.payload;
        match &self.open {
            Some(open) if open.resource == payload.resource && same_scope(open, payload) => out.write_all(b",")?,
            Some(open) if open.resource == payload.resource => {
                out.write_all(b"]},")?;
                open_scope(payload, out)?;
            }
            open => {
                out.write_all(if open.is_some() { b"]}]}," } else { b"{\"resourceSpans\":[" })?;
                out.write_all(b"{\"resource\":")?;
                serde_json::to_writer(&mut *out, &Bag(&payload.resource))?;
                out.write_all(b",\"scopeSpans\":[")?;
                open_scope(payload, out)?;
            }
        }
        if self.open.as_ref().is_none_or(|open| open.resource != payload.resource || !same_scope(open, payload)) {
            self.open = Some(shared(payload));
        }
        serde_json::to_writer(&mut *out, span)?;
        Ok(())
    }

    fn finish(&mut self, out: &mut W) -> io::Result<()> {
        out.write_all(if self.open.is_some() { b"]}]}]}\n" } else { b"{\"resourceSpans\":[]}\n" })
    }
}

/// Resource and scope of a payload alone.
pub(super) fn shared(payload: &Payload) -> Payload {
    let Payload { resource, scope, scope_attributes, .. } = payload;
    Payload { resource: resource.clone(), scope: scope.clone(), scope_attributes: scope_attributes.clone(), ..Payload::default() }
}

pub(super) fn same_scope(one: &Payload, other: &Payload) -> bool {
    one.scope == other.scope && one.scope_attributes == other.scope_attributes
}

fn open_scope(payload: &Payload, out: &mut impl Write) -> io::Result<()> {
    out.write_all(b"{\"scope\":")?;
    serde_json::to_writer(&mut *out, &Scope(payload))?;
    out.write_all(b",\"spans\":[")
}

struct Scope<'a>(&'a Payload);

impl Serialize for Scope<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (name, version) = &self.0.scope;
        object(serializer, |map| {
            map.serialize_entry("name", name)?;
            map.serialize_entry("version", version)?;
            filled(map, "attributes", &self.0.scope_attributes, Attributes)
        })
    }
}

impl Serialize for Exported {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (record, payload) = (&self.record, &self.payload);
        object(serializer, |map| {
            map.serialize_entry("traceId", &record.trace_id.to_string())?;
            map.serialize_entry("spanId", &record.span_id.to_string())?;
            if !payload.trace_state.is_empty() {
                map.serialize_entry("traceState", &payload.trace_state)?;
            }
            if let Some(parent) = record.parent_id {
                map.serialize_entry("parentSpanId", &parent.to_string())?;
            }
            map.serialize_entry("name", &record.name)?;
            map.serialize_entry("kind", &payload.span_kind.code())?;
            map.serialize_entry("startTimeUnixNano", &nanos(record.start))?;
            if let Some(end) = record.end {
                map.serialize_entry("endTimeUnixNano", &nanos(end))?;
            }
            map.serialize_entry("attributes", &Attributes(&payload.attributes))?;
            filled(map, "events", &payload.events, |events| Each(events, OneEvent))?;
            filled(map, "links", &payload.links, |links| Each(links, OneLink))?;
            let Dropped { attributes, events, links } = payload.dropped;
            for (name, count) in [("droppedAttributesCount", attributes), ("droppedEventsCount", events), ("droppedLinksCount", links)] {
                if count > 0 {
                    map.serialize_entry(name, &count)?;
                }
            }
            map.serialize_entry("status", &StatusOf(self))
        })
    }
}

/// Writes a list that holds something.
fn filled<'a, M: SerializeMap, T, L: Serialize>(
    map: &mut M,
    name: &str,
    list: &'a [T],
    form: impl Fn(&'a [T]) -> L,
) -> Result<(), M::Error> {
    if list.is_empty() { Ok(()) } else { map.serialize_entry(name, &form(list)) }
}

fn nanos(time: Nanos) -> String {
    time.max(0).to_string()
}

struct StatusOf<'a>(&'a Exported);

impl Serialize for StatusOf<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        object(serializer, |map| {
            map.serialize_entry("code", &self.0.status.code())?;
            map.serialize_entry("message", &self.0.payload.status_message)
        })
    }
}

/// A list, each of whose items is written as the function says.
struct Each<'a, T, F>(&'a [T], F);

impl<'a, T, I: Serialize, F: Fn(&'a T) -> I> Serialize for Each<'a, T, F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(&self.1))
    }
}

struct OneLink<'a>(&'a Link);

impl Serialize for OneLink<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        object(serializer, |map| {
            map.serialize_entry("traceId", &self.0.trace.to_string())?;
            map.serialize_entry("spanId", &self.0.span.to_string())?;
            map.serialize_entry("traceState", &self.0.trace_state)?;
            map.serialize_entry("attributes", &Attributes(&self.0.attributes))
        })
    }
}

struct OneEvent<'a>(&'a Event);

impl Serialize for OneEvent<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        object(serializer, |map| {
            map.serialize_entry("timeUnixNano", &nanos(self.0.time))?;
            map.serialize_entry("name", &self.0.name)?;
            map.serialize_entry("attributes", &Attributes(&self.0.attributes))
        })
    }
}

/// `{"attributes": […]}`: a resource.
struct Bag<'a>(&'a [Attribute]);

impl Serialize for Bag<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        object(serializer, |map| map.serialize_entry("attributes", &Attributes(self.0)))
    }
}

struct Attributes<'a>(&'a [Attribute]);

impl Serialize for Attributes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(KeyValue))
    }
}

struct KeyValue<'a>(&'a Attribute);

impl Serialize for KeyValue<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        object(serializer, |map| {
            map.serialize_entry("key", &self.0.0)?;
            map.serialize_entry("value", &AnyValue(&self.0.1))
        })
    }
}

struct AnyValue<'a>(&'a Value);

impl Serialize for AnyValue<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        object(serializer, |map| match self.0 {
            Value::Null => Ok(()),
            Value::Bool(value) => map.serialize_entry("boolValue", value),
            Value::Int(value) => map.serialize_entry("intValue", &value.to_string()),
            Value::Float(value) if value.is_finite() => map.serialize_entry("doubleValue", value),
            // JSON has no such numbers; protobuf's mapping to JSON gives them names.
            Value::Float(value) if value.is_nan() => map.serialize_entry("doubleValue", "NaN"),
            Value::Float(value) => map.serialize_entry("doubleValue", if *value > 0.0 { "Infinity" } else { "-Infinity" }),
            Value::Text(value) => map.serialize_entry("stringValue", value),
            Value::Bytes(value) => map.serialize_entry("bytesValue", &BASE64.encode(value)),
            Value::List(values) => map.serialize_entry("arrayValue", &List(values)),
            Value::Map(entries) => map.serialize_entry("kvlistValue", &KeyValueList(entries)),
        })
    }
}

struct List<'a>(&'a [Value]);

impl Serialize for List<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        object(serializer, |map| map.serialize_entry("values", &self.0.iter().map(AnyValue).collect::<Vec<_>>()))
    }
}

struct KeyValueList<'a>(&'a [Attribute]);

impl Serialize for KeyValueList<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        object(serializer, |map| map.serialize_entry("values", &Attributes(self.0)))
    }
}

fn object<S: Serializer>(serializer: S, fill: impl FnOnce(&mut S::SerializeMap) -> Result<(), S::Error>) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(None)?;
    fill(&mut map)?;
    map.end()
}
