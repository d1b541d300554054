//! Decodes attributes: `KeyValue` and `AnyValue` of `opentelemetry/proto/common/v1/common.proto`.

use super::wire::{DecodeError, FieldValue, Fields, exact_length_delimited};
use crate::model::attributes::{MAX_NESTING, TOO_DEEP, keep_last};
use crate::model::json::Scalar;
use crate::model::{Attribute, Value};

/// Returns the key of a `KeyValue` and its encoded value.
#[inline]
pub(crate) fn key_value(message: &[u8]) -> Result<(&[u8], &[u8]), DecodeError> {
    // As every SDK encodes it: the key, the value, nothing else.
    if let [0x0a, length @ 0..0x80, rest @ ..] = message
        && let Some((key, [0x12, rest @ ..])) = rest.split_at_checked(usize::from(*length))
        && let Some(value) = exact_length_delimited(rest)
    {
        return Ok((key, value));
    }
    any_key_value(message)
}

/// Returns the same of a message whose fields may be in any order, repeated or unknown.
#[cold]
fn any_key_value(message: &[u8]) -> Result<(&[u8], &[u8]), DecodeError> {
    let (mut key, mut value) = (&[][..], &[][..]);
    let mut fields = Fields(message);
    while let Some((number, field)) = fields.next()? {
        match number {
            1 => key = field.bytes()?,
            2 => value = field.bytes()?,
            _ => {}
        }
    }
    Ok((key, value))
}

/// An `AnyValue` whose lists and maps are not decoded.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ShallowValue<'a> {
    /// Text, a number or a boolean; bytes and an empty value are null.
    Scalar(Scalar<'a>),
    /// `ArrayValue` or `KeyValueList`.
    Nested,
}

/// Decodes an `AnyValue` without its lists and maps.
#[inline]
pub(crate) fn decode_shallow(message: &[u8]) -> Result<ShallowValue<'_>, DecodeError> {
    if let [0x0a, rest @ ..] = message
        && let Some(text) = exact_length_delimited(rest)
    {
        return Ok(ShallowValue::Scalar(Scalar::Text(text)));
    }
    decode_shallow_other(message)
}

/// Decodes an `AnyValue` that is more or other than one text.
#[inline(never)]
fn decode_shallow_other(message: &[u8]) -> Result<ShallowValue<'_>, DecodeError> {
    const NULL: ShallowValue<'static> = ShallowValue::Scalar(Scalar::Other(b"null"));
    let mut value = NULL;
    let mut fields = Fields(message);
    while let Some((number, field)) = fields.next()? {
        value = match number {
            1 => ShallowValue::Scalar(Scalar::Text(field.bytes()?)),
            2 => ShallowValue::Scalar(Scalar::Bool(field.varint()? != 0)),
            3 => ShallowValue::Scalar(Scalar::Int(field.varint()? as i64)),
            4 => ShallowValue::Scalar(Scalar::Float(f64::from_bits(field.fixed64()?))),
            5 | 6 => field.bytes().map(|_| ShallowValue::Nested)?,
            7 => field.bytes().map(|_| NULL)?,
            _ => continue,
        };
    }
    Ok(value)
}

/// Decodes an `AnyValue`.
pub(crate) fn decode(message: &[u8]) -> Result<Value, DecodeError> {
    decode_nested(message, 0)
}

/// Decodes a value inside `depth` lists and maps; what is nested deeper than [`MAX_NESTING`] is cut.
fn decode_nested(message: &[u8], depth: usize) -> Result<Value, DecodeError> {
    let mut value = Value::Null;
    let mut fields = Fields(message);
    while let Some((number, field)) = fields.next()? {
        value = match number {
            1 => Value::Text(decode_text(field)?),
            2 => Value::Bool(field.varint()? != 0),
            3 => Value::Int(field.varint()? as i64),
            4 => Value::Float(f64::from_bits(field.fixed64()?)),
            5 | 6 if depth == MAX_NESTING => Value::Text(TOO_DEEP.to_owned()),
            5 => Value::List(decode_list(field.bytes()?, depth + 1)?),
            6 => Value::Map(decode_map(field.bytes()?, depth + 1)?),
            7 => Value::Bytes(field.bytes()?.to_vec()),
            _ => continue,
        };
    }
    Ok(value)
}

fn decode_list(message: &[u8], depth: usize) -> Result<Vec<Value>, DecodeError> {
    let mut list = Vec::new();
    let mut fields = Fields(message);
    while let Some(field) = fields.find(1)? {
        list.push(decode_nested(field.bytes()?, depth)?);
    }
    Ok(list)
}

fn decode_map(message: &[u8], depth: usize) -> Result<Vec<Attribute>, DecodeError> {
    let mut map = Vec::new();
    let mut fields = Fields(message);
    while let Some(field) = fields.find(1)? {
        let (key, value) = key_value(field.bytes()?)?;
        map.push((String::from_utf8_lossy(key).into_owned(), decode_nested(value, depth)?));
    }
    keep_last(&mut map);
    Ok(map)
}

/// Decodes a `KeyValue`. The text of an invalid value says so: the row of the span was built without decoding it.
pub(crate) fn decode_attribute(message: &[u8]) -> Result<Attribute, DecodeError> {
    let (key, value) = key_value(message)?;
    let value = decode(value).unwrap_or_else(|error| Value::Text(format!("(can't be read: {error})")));
    Ok((String::from_utf8_lossy(key).into_owned(), value))
}

/// Decodes the text of a field. Bytes that are not UTF-8 become U+FFFD.
pub(crate) fn decode_text(field: FieldValue<'_>) -> Result<String, DecodeError> {
    Ok(String::from_utf8_lossy(field.bytes()?).into_owned())
}
