//! OTLP/JSON, as <https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding> has it: ids in hex, 64-bit numbers as text.

use std::collections::HashMap;
use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::Exported;
use crate::model::{Attribute, Event, Nanos, Status, Value};

/// `SPAN_KIND_INTERNAL`: what Agno says of all its spans.
const INTERNAL: u8 = 1;

/// Writes `spans` as one trace export request. Spans with equal resource and scope share a group, in the order of their first.
///
/// OTLP has no time before 1970: such a time becomes 0.
pub fn write(spans: &[Exported], out: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, &Request(&group(spans)))?;
    out.write_all(b"\n")
}

struct Group<'a> {
    resource: &'a [Attribute],
    scopes: Vec<ScopeGroup<'a>>,
}

struct ScopeGroup<'a> {
    scope: &'a (String, String),
    spans: Vec<&'a Exported>,
}

fn group(spans: &[Exported]) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut last: Option<usize> = None;
    for span in spans {
        let (resource, scope) = (&span.payload.resource, &span.payload.scope);
        let at = match last {
            Some(at) if groups[at].resource == resource => at,
            // Values have no order and no hash of their own; their text has both.
            _ => *places.entry(serde_json::to_string(&Attributes(resource)).unwrap_or_default()).or_insert_with(|| {
                groups.push(Group { resource, scopes: Vec::new() });
                groups.len() - 1
            }),
        };
        last = Some(at);
        let scopes = &mut groups[at].scopes;
        match scopes.iter_mut().find(|group| group.scope == scope) {
            Some(group) => group.spans.push(span),
            None => scopes.push(ScopeGroup { scope, spans: vec![span] }),
        }
    }
    groups
}

struct Request<'a>(&'a [Group<'a>]);

impl Serialize for Request<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        object(serializer, |map| map.serialize_entry("resourceSpans", self.0))
    }
}

impl Serialize for Group<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        object(serializer, |map| {
            map.serialize_entry("resource", &Bag(self.resource))?;
            map.serialize_entry("scopeSpans", &self.scopes)
        })
    }
}

impl Serialize for ScopeGroup<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        object(serializer, |map| {
            map.serialize_entry("scope", &Scope(self.scope))?;
            map.serialize_entry("spans", &self.spans)
        })
    }
}

struct Scope<'a>(&'a (String, String));

impl Serialize for Scope<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (name, version) = self.0;
        object(serializer, |map| {
            map.serialize_entry("name", name)?;
            map.serialize_entry("version", version)
        })
    }
}

impl Serialize for Exported {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        object(serializer, |map| {
            map.serialize_entry("traceId", &self.trace.to_string())?;
            map.serialize_entry("spanId", &self.id.to_string())?;
            if let Some(parent) = self.parent {
                map.serialize_entry("parentSpanId", &parent.to_string())?;
            }
            map.serialize_entry("name", &self.name)?;
            map.serialize_entry("kind", &INTERNAL)?;
            map.serialize_entry("startTimeUnixNano", &nanos(self.start))?;
            if let Some(end) = self.end {
                map.serialize_entry("endTimeUnixNano", &nanos(end))?;
            }
            map.serialize_entry("attributes", &Attributes(&self.payload.attributes))?;
            map.serialize_entry("events", &Events(&self.payload.events))?;
            map.serialize_entry("status", &StatusOf(self))
        })
    }
}

fn nanos(time: Nanos) -> String {
    time.max(0).to_string()
}

struct StatusOf<'a>(&'a Exported);

impl Serialize for StatusOf<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let code: u8 = match self.0.status {
            Status::Unset => 0,
            Status::Ok => 1,
            Status::Error => 2,
        };
        object(serializer, |map| {
            map.serialize_entry("code", &code)?;
            map.serialize_entry("message", &self.0.payload.status_message)
        })
    }
}

struct Events<'a>(&'a [Event]);

impl Serialize for Events<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(OneEvent))
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
