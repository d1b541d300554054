//! Attributes in OTLP/JSON, and the pieces of JSON that all of OTLP is made of.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::model::{Attribute, Value};

/// How deep lists and maps may lie in each other.
const DEPTH: usize = 128;

const BASE64: GeneralPurpose =
    GeneralPurpose::new(&alphabet::STANDARD, GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent));

/// An attribute.
#[derive(Deserialize)]
pub(super) struct KeyValue<'a> {
    key: Option<String>,
    #[serde(borrow)]
    value: Option<AnyValue<'a>>,
}

#[derive(Deserialize)]
pub(super) struct AnyValue<'a> {
    #[serde(rename = "stringValue")]
    text: Option<String>,
    #[serde(rename = "boolValue", borrow)]
    truth: Option<&'a RawValue>,
    #[serde(rename = "intValue", borrow)]
    int: Option<&'a RawValue>,
    #[serde(rename = "doubleValue", borrow)]
    double: Option<&'a RawValue>,
    #[serde(rename = "bytesValue")]
    bytes: Option<String>,
    // Left as text, so that nesting costs no stack in the parser: `value` counts it.
    #[serde(rename = "arrayValue", borrow)]
    list: Option<&'a RawValue>,
    #[serde(rename = "kvlistValue", borrow)]
    map: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Values<T> {
    values: Option<Vec<T>>,
}

/// Attributes that lie `depth` deep in lists and maps.
pub(super) fn attributes(wire: Option<Vec<KeyValue<'_>>>, depth: usize) -> Result<Vec<Attribute>, String> {
    wire.unwrap_or_default()
        .into_iter()
        .map(|entry| {
            let key = entry.key.unwrap_or_default();
            match value(entry.value, depth) {
                Ok(value) => Ok((key, value)),
                Err(error) if depth == 0 => Err(format!("attribute {:?}: {error}", brief(&key))),
                Err(error) => Err(error),
            }
        })
        .collect()
}

pub(super) fn value(wire: Option<AnyValue<'_>>, depth: usize) -> Result<Value, String> {
    let Some(wire) = wire else { return Ok(Value::Null) };
    if let Some(text) = wire.text {
        return Ok(Value::Text(text));
    }
    if let Some(raw) = wire.truth {
        return unquoted(raw).parse().map(Value::Bool).map_err(|_| bad(raw, "true or false"));
    }
    if let Some(raw) = wire.int {
        return whole(unquoted(raw)).map(Value::Int).ok_or_else(|| bad(raw, "a whole number of 64 bits"));
    }
    if let Some(raw) = wire.double {
        return unquoted(raw).parse().map(Value::Float).map_err(|_| bad(raw, "a number"));
    }
    if let Some(text) = wire.bytes {
        return BASE64.decode(text.replace('-', "+").replace('_', "/")).map(Value::Bytes).map_err(|error| format!("bad base64: {error}"));
    }
    if (wire.list.is_some() || wire.map.is_some()) && depth == DEPTH {
        return Err(format!("lists and maps lie more than {DEPTH} deep in each other"));
    }
    if let Some(raw) = wire.list {
        let list: Values<AnyValue<'_>> = read(raw.get())?;
        let values = list.values.unwrap_or_default().into_iter().map(|item| value(Some(item), depth + 1));
        return values.collect::<Result<_, _>>().map(Value::List);
    }
    if let Some(raw) = wire.map {
        let list: Values<KeyValue<'_>> = read(raw.get())?;
        return attributes(list.values, depth + 1).map(Value::Map);
    }
    Ok(Value::Null)
}

/// A whole number, also as some writers have it: `5.0`, `5e3`.
pub(super) fn whole(text: &str) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    text.parse()
        .ok()
        .or_else(|| text.parse::<f64>().ok().filter(|float| float.fract() == 0.0 && float.abs() <= EXACT).map(|float| float as i64))
}

/// Reads JSON; `Err` says what is wrong, without the place.
pub(super) fn read<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, String> {
    // The place in the message would be one in the span's own text, which nobody can look up.
    serde_json::from_str(text).map_err(|error| error.to_string().split(" at line ").next().unwrap_or_default().to_owned())
}

/// A number or a name, with or without quotes.
pub(super) fn unquoted(raw: &RawValue) -> &str {
    raw.get().trim_matches('"')
}

fn bad(raw: &RawValue, what: &str) -> String {
    format!("{} is not {what}", brief(raw.get()))
}

/// The beginning of a text, for a message.
pub(super) fn brief(text: &str) -> String {
    let cut = text.char_indices().nth(40).map_or(text.len(), |(at, _)| at);
    if cut == text.len() { text.to_owned() } else { format!("{}…", &text[..cut]) }
}
