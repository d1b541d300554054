//! Attributes and scalars of OTLP/JSON.

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use opentelemetry_proto::tonic::common::v1::{self as proto, ArrayValue, KeyValueList, any_value};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::model::attributes::{MAX_NESTING, TOO_DEEP};
use crate::otlp::encode::key_value;

const BASE64: GeneralPurpose =
    GeneralPurpose::new(&alphabet::STANDARD, GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent));

/// A `KeyValue`.
#[derive(Deserialize)]
pub(super) struct KeyValue<'a> {
    key: Option<String>,
    #[serde(borrow)]
    value: Option<AnyValue<'a>>,
}

/// An `AnyValue`; at most one field is set.
#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"), rename_all = "camelCase")]
#[allow(clippy::struct_field_names, reason = "these are the keys of the value")]
pub(super) struct AnyValue<'a> {
    #[serde(alias = "string_value")]
    string_value: Option<String>,
    #[serde(alias = "bool_value")]
    bool_value: Option<&'a RawValue>,
    #[serde(alias = "int_value")]
    int_value: Option<&'a RawValue>,
    #[serde(alias = "double_value")]
    double_value: Option<&'a RawValue>,
    #[serde(alias = "bytes_value")]
    bytes_value: Option<String>,
    // Kept as text, so that the parser does not recurse: `decode` counts the nesting.
    #[serde(alias = "array_value")]
    array_value: Option<&'a RawValue>,
    #[serde(alias = "kvlist_value")]
    kvlist_value: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Values<T> {
    values: Option<Vec<T>>,
}

/// Decodes the attributes of a span, an event, a link, a resource or a scope. Errors name the attribute.
pub(super) fn attributes(attributes: Option<Vec<KeyValue<'_>>>) -> Result<Vec<proto::KeyValue>, String> {
    let decode_one = |KeyValue { key, value }: KeyValue<'_>| {
        let key = key.unwrap_or_default();
        match decode(value, 0) {
            Ok(value) => Ok(key_value(key, value)),
            Err(error) => Err(format!("attribute {:?}: {error}", brief(&key))),
        }
    };
    attributes.unwrap_or_default().into_iter().map(decode_one).collect()
}

/// Decodes a value that is not inside a list or a map.
pub(super) fn value(value: Option<AnyValue<'_>>) -> Result<proto::AnyValue, String> {
    decode(value, 0)
}

/// Decodes a value inside `depth` lists and maps; what is nested deeper than [`MAX_NESTING`] is cut.
fn decode(value: Option<AnyValue<'_>>, depth: usize) -> Result<proto::AnyValue, String> {
    let Some(value) = value else { return Ok(proto::AnyValue::default()) };
    let value = if let Some(text) = value.string_value {
        Some(any_value::Value::StringValue(text))
    } else if let Some(raw) = value.bool_value {
        Some(any_value::Value::BoolValue(unquoted(raw).parse().map_err(|_| not_a(raw, "true or false"))?))
    } else if let Some(raw) = value.int_value {
        Some(any_value::Value::IntValue(integer(unquoted(raw)).ok_or_else(|| not_a(raw, "a whole number of 64 bits"))?))
    } else if let Some(raw) = value.double_value {
        // Rust parses the names that OTLP/JSON gives to non-finite numbers: `NaN`, `Infinity`, `-Infinity`.
        Some(any_value::Value::DoubleValue(unquoted(raw).parse().map_err(|_| not_a(raw, "a number"))?))
    } else if let Some(text) = value.bytes_value {
        Some(any_value::Value::BytesValue(base64(&text)?))
    } else if (value.array_value.is_some() || value.kvlist_value.is_some()) && depth == MAX_NESTING {
        Some(any_value::Value::StringValue(TOO_DEEP.to_owned()))
    } else if let Some(raw) = value.array_value {
        let list: Values<AnyValue<'_>> = parse(raw.get())?;
        let values = list.values.unwrap_or_default().into_iter().map(|item| decode(Some(item), depth + 1));
        Some(any_value::Value::ArrayValue(ArrayValue { values: values.collect::<Result<_, _>>()? }))
    } else if let Some(raw) = value.kvlist_value {
        let list: Values<KeyValue<'_>> = parse(raw.get())?;
        let entries = list.values.unwrap_or_default().into_iter();
        let values = entries.map(|KeyValue { key, value }| Ok(key_value(key.unwrap_or_default(), decode(value, depth + 1)?)));
        Some(any_value::Value::KvlistValue(KeyValueList { values: values.collect::<Result<_, String>>()? }))
    } else {
        None
    };
    Ok(proto::AnyValue { value })
}

/// Decodes base64 in either alphabet, with or without padding.
pub(super) fn base64(text: &str) -> Result<Vec<u8>, String> {
    BASE64.decode(text.replace('-', "+").replace('_', "/")).map_err(|error| format!("invalid base64: {error}"))
}

/// Parses a 64-bit integer, also one that a writer of doubles wrote: `5.0`, `5e3`.
pub(super) fn integer(text: &str) -> Option<i64> {
    /// The end of the integers that a double holds exactly.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    text.parse()
        .ok()
        .or_else(|| text.parse::<f64>().ok().filter(|float| float.fract() == 0.0 && float.abs() <= EXACT).map(|float| float as i64))
}

/// Parses JSON. The error has no position: it would be one within an excerpt.
pub(crate) fn parse<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| error.to_string().split(" at line ").next().unwrap_or_default().to_owned())
}

/// Returns a number or a name without its quotes.
pub(super) fn unquoted(raw: &RawValue) -> &str {
    raw.get().trim_matches('"')
}

fn not_a(raw: &RawValue, what: &str) -> String {
    format!("{} is not {what}", brief(raw.get()))
}

/// Returns the beginning of a text, for an error message.
pub(crate) fn brief(text: &str) -> String {
    let cut = text.char_indices().nth(40).map_or(text.len(), |(at, _)| at);
    if cut == text.len() { text.to_owned() } else { format!("{}…", &text[..cut]) }
}
