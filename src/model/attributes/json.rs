//! Values and attributes as JSON.

use std::fmt;

use serde::ser::{Serialize, Serializer};

use super::{Attribute, Value};

/// Attributes as a JSON object: `{"name": value}`, with values as [`Value::to_json`] writes them.
#[derive(Clone, Copy, Debug)]
pub struct AttributeMap<'a>(pub &'a [Attribute]);

impl AttributeMap<'_> {
    /// Returns the object on one line.
    #[must_use]
    pub fn to_json(self) -> String {
        to_string(&self)
    }
}

/// Serializes a type whose serialization can't fail.
pub(super) fn to_string(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

impl Serialize for AttributeMap<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_none(),
            Self::Bool(flag) => serializer.serialize_bool(*flag),
            Self::Int(number) => serializer.serialize_i64(*number),
            Self::Float(number) => match non_finite_name(*number) {
                Some(name) => serializer.serialize_str(name),
                None => serializer.serialize_f64(*number),
            },
            Self::Text(text) => serializer.serialize_str(text),
            Self::Bytes(bytes) => serializer.collect_str(&Hex(bytes)),
            Self::List(items) => serializer.collect_seq(items),
            Self::Map(entries) => AttributeMap(entries).serialize(serializer),
        }
    }
}

/// Returns the name of a number that JSON can't express, as protobuf's JSON mapping defines it:
/// <https://protobuf.dev/programming-guides/json/>.
pub(crate) fn non_finite_name(number: f64) -> Option<&'static str> {
    if number.is_nan() {
        Some("NaN")
    } else if number == f64::INFINITY {
        Some("Infinity")
    } else if number == f64::NEG_INFINITY {
        Some("-Infinity")
    } else {
        None
    }
}

struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
