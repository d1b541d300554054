//! A span's attributes and events as JSON.

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::export::record::rfc3339;
use crate::model::{Attribute, Event, Payload, Value};

/// What `--payload` adds to a span; null if the payload could not be read.
#[derive(serde::Serialize)]
pub(super) struct PayloadRecord<'a> {
    attributes: Option<Bag<'a>>,
    events: Option<Vec<EventRecord<'a>>>,
}

impl<'a> PayloadRecord<'a> {
    pub(super) fn new(payload: Option<&'a Payload>) -> Self {
        let attributes = payload.map(|payload| Bag(&payload.attributes));
        Self { attributes, events: payload.map(|payload| payload.events.iter().map(EventRecord).collect()) }
    }
}

/// Attributes as an object. Of a name that comes twice the first counts, as everywhere.
struct Bag<'a>(&'a [Attribute]);

struct EventRecord<'a>(&'a Event);

/// A value in JSON's own types; bytes are hex digits, a number that JSON can't write is text.
struct Plain<'a>(&'a Value);

struct Hex<'a>(&'a [u8]);

impl std::fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl Serialize for Bag<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seen = std::collections::HashSet::new();
        serializer.collect_map(self.0.iter().filter(|(name, _)| seen.insert(name)).map(|(name, value)| (name, Plain(value))))
    }
}

impl Serialize for EventRecord<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Event { name, time, attributes } = self.0;
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("name", name)?;
        map.serialize_entry("time", &rfc3339(*time))?;
        map.serialize_entry("attributes", &Bag(attributes))?;
        map.end()
    }
}

impl Serialize for Plain<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(flag) => serializer.serialize_bool(*flag),
            Value::Int(number) => serializer.serialize_i64(*number),
            Value::Float(number) if number.is_finite() => serializer.serialize_f64(*number),
            Value::Float(number) => serializer.collect_str(number),
            Value::Text(text) => serializer.serialize_str(text),
            Value::Bytes(bytes) => serializer.collect_str(&Hex(bytes)),
            Value::List(items) => serializer.collect_seq(items.iter().map(Plain)),
            Value::Map(map) => Bag(map).serialize(serializer),
        }
    }
}
