//! Attributes as a span bears them: a name and a typed value.

use std::fmt::Write as _;

/// A name and its value.
pub type Attribute = (String, Value);

/// An attribute's value, in OTLP's types.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// Nothing.
    #[default]
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// Text, as it came: not yet safe for a terminal.
    Text(String),
    /// Raw bytes.
    Bytes(Vec<u8>),
    /// A list.
    List(Vec<Value>),
    /// Names and values, in order.
    Map(Vec<Attribute>),
}

impl Value {
    /// The value as JSON on one line. Bytes become hex digits; a number that JSON can't write becomes text.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut json = String::new();
        self.write(&mut json);
        json
    }

    fn write(&self, json: &mut String) {
        match self {
            Self::Null => json.push_str("null"),
            Self::Bool(flag) => json.push_str(if *flag { "true" } else { "false" }),
            Self::Int(number) => {
                let _ = write!(json, "{number}");
            }
            Self::Float(number) if number.is_finite() => {
                let _ = write!(json, "{number:?}");
            }
            Self::Float(number) => {
                let _ = write!(json, "\"{number}\"");
            }
            Self::Text(text) => quote(text, json),
            Self::Bytes(bytes) => {
                json.push('"');
                for byte in bytes {
                    let _ = write!(json, "{byte:02x}");
                }
                json.push('"');
            }
            Self::List(items) => {
                json.push('[');
                for (i, item) in items.iter().enumerate() {
                    json.push_str(if i == 0 { "" } else { "," });
                    item.write(json);
                }
                json.push(']');
            }
            Self::Map(map) => {
                json.push('{');
                for (i, (name, value)) in map.iter().enumerate() {
                    json.push_str(if i == 0 { "" } else { "," });
                    quote(name, json);
                    json.push(':');
                    value.write(json);
                }
                json.push('}');
            }
        }
    }
}

fn quote(text: &str, json: &mut String) {
    json.push('"');
    for char in text.chars() {
        match char {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\n' => json.push_str("\\n"),
            '\t' => json.push_str("\\t"),
            '\r' => json.push_str("\\r"),
            control if control < ' ' => {
                let _ = write!(json, "\\u{:04x}", u32::from(control));
            }
            other => json.push(other),
        }
    }
    json.push('"');
}

#[cfg(test)]
mod tests {
    use super::Value;
    use crate::model::json;

    #[test]
    fn json_that_is_written_is_read_again() {
        let value = Value::Map(vec![
            ("a \"b\"\\\n\u{1}é".to_owned(), Value::List(vec![Value::Int(-1), Value::Float(2.0), Value::Null, Value::Bool(true)])),
            (String::new(), Value::Map(vec![("x".to_owned(), Value::Text("\t\r\u{1f600}".to_owned()))])),
        ]);
        assert_eq!(json::parse_value(value.to_json().as_bytes()), Ok(value));
        assert_eq!(Value::Bytes(vec![0, 255]).to_json(), "\"00ff\"");
        assert_eq!(Value::Float(f64::NAN).to_json(), "\"NaN\"");
    }
}
