//! Attributes: names with typed values.

mod json;

use std::collections::{HashMap, HashSet};

pub use json::AttributeMap;
pub(crate) use json::non_finite_name;

/// A name and its value.
pub type Attribute = (String, Value);

/// Whether an attribute with this name says whose a record or a series is, rather than what happened.
#[must_use]
pub fn is_identity(name: &str) -> bool {
    let last = name.rsplit(['.', '_']).next().unwrap_or(name).to_ascii_lowercase();
    ["id", "uuid", "guid", "email"].contains(&last.as_str())
}

/// How deep lists and maps are read inside one another; what is nested deeper is replaced by [`TOO_DEEP`].
///
/// Other readers limit nesting, too. `prost` reads 100 nested messages: a map takes 3 of them, and the value of an event's attribute is the
/// 6th. `serde_json` reads 127 nested containers: a map takes 4 of them in OTLP/JSON, and the value of an event's attribute is the 12th.
pub const MAX_NESTING: usize = 28;

/// Replaces a list or a map that is nested deeper than [`MAX_NESTING`].
pub const TOO_DEEP: &str = "(nested too deep)";

/// The value of an attribute, in OTLP's types.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// No value.
    #[default]
    Null,
    /// A boolean.
    Bool(bool),
    /// A 64-bit integer.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// Text as it was received: not yet safe for a terminal.
    Text(String),
    /// Raw bytes.
    Bytes(Vec<u8>),
    /// A list.
    List(Vec<Value>),
    /// Names and values, in order.
    Map(Vec<Attribute>),
}

impl Value {
    /// Returns the value as JSON on one line. Bytes become hex digits; a non-finite number becomes its name as text: `"NaN"`, `"Infinity"`,
    /// `"-Infinity"`.
    ///
    /// ```
    /// use agno_top::model::Value;
    ///
    /// let value = Value::List(vec![Value::Int(1), Value::Bytes(vec![0, 255]), Value::Float(f64::NAN)]);
    /// assert_eq!(value.to_json(), r#"[1,"00ff","NaN"]"#);
    /// ```
    #[must_use]
    pub fn to_json(&self) -> String {
        json::to_string(self)
    }

    /// Returns the bytes on the heap behind the value.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        match self {
            Self::Null | Self::Bool(_) | Self::Int(_) | Self::Float(_) => 0,
            Self::Text(text) => text.capacity(),
            Self::Bytes(bytes) => bytes.capacity(),
            Self::List(values) => values.capacity() * size_of::<Self>() + values.iter().map(Self::heap_bytes).sum::<usize>(),
            Self::Map(attributes) => heap_bytes(attributes),
        }
    }
}

/// Returns the bytes on the heap behind attributes.
#[must_use]
pub fn heap_bytes(attributes: &Vec<Attribute>) -> usize {
    let behind = attributes.iter().map(|(name, value)| name.capacity() + value.heap_bytes());
    attributes.capacity() * size_of::<Attribute>() + behind.sum::<usize>()
}

/// Leaves one attribute of each name: the value of the last one, in the place of the first one, as a map has it. OTLP requires names to be
/// unique; of a sender that breaks the rule, the last value counts everywhere.
///
/// ```
/// use agno_top::model::{Value, attributes::keep_last};
///
/// let mut attributes = ["a", "b", "a"].map(|name| (name.to_owned(), Value::Null)).to_vec();
/// attributes[2].1 = Value::Bool(true);
/// keep_last(&mut attributes);
/// assert_eq!(attributes, [("a".to_owned(), Value::Bool(true)), ("b".to_owned(), Value::Null)]);
/// ```
pub fn keep_last(attributes: &mut Vec<Attribute>) {
    let mut names = HashSet::with_capacity(attributes.len());
    if attributes.iter().all(|(name, _)| names.insert(name.as_str())) {
        return;
    }
    let mut places = HashMap::with_capacity(attributes.len());
    let mut unique: Vec<Attribute> = Vec::with_capacity(attributes.len());
    for (name, value) in attributes.drain(..) {
        if let Some(&place) = places.get(&name) {
            let (_, earlier): &mut Attribute = &mut unique[place];
            *earlier = value;
        } else {
            places.insert(name.clone(), unique.len());
            unique.push((name, value));
        }
    }
    *attributes = unique;
}

#[cfg(test)]
mod tests {
    use super::Value;
    use crate::model::json;

    #[test]
    fn json_is_read_back() {
        let value = Value::Map(vec![
            ("a \"b\"\\\n\u{1}é".to_owned(), Value::List(vec![Value::Int(-1), Value::Float(2.0), Value::Null, Value::Bool(true)])),
            (String::new(), Value::Map(vec![("x".to_owned(), Value::Text("\t\r\u{1f600}".to_owned()))])),
        ]);
        assert_eq!(json::parse_value(value.to_json().as_bytes()), Ok(value));
        assert_eq!(Value::Bytes(vec![0, 255]).to_json(), "\"00ff\"");
        assert_eq!(Value::Float(f64::NAN).to_json(), "\"NaN\"");
        assert_eq!(Value::Float(f64::NEG_INFINITY).to_json(), "\"-Infinity\"");
    }
}
