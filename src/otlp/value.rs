//! Attributes and their values in protobuf: `KeyValue` and `AnyValue` of `opentelemetry/proto/common/v1/common.proto`.

use super::wire::{DecodeError, Fields, Value as Wire, last};
use crate::model::attributes::{MAX_NESTING, TOO_DEEP, keep_last};
use crate::model::json::Scalar;
use crate::model::{Attribute, Value};

/// A `KeyValue`: its key, and its value still encoded.
#[inline]
pub(crate) fn entry(message: &[u8]) -> Result<(&[u8], &[u8]), DecodeError> {
    // As every SDK writes it: the key, the value, nothing else.
    if let [0x0a, length @ 0..0x80, rest @ ..] = message
        && let Some((key, [0x12, rest @ ..])) = rest.split_at_checked(usize::from(*length))
        && let Some(value) = last(rest)
    {
        return Ok((key, value));
    }
    odd_entry(message)
}

/// An entry with its fields in any order, as often as they like.
#[cold]
fn odd_entry(message: &[u8]) -> Result<(&[u8], &[u8]), DecodeError> {
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

/// What an `AnyValue` holds, without going into lists and maps.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Any<'a> {
    /// Text, a number, a truth, or nothing; bytes count as nothing.
    Scalar(Scalar<'a>),
    /// `ArrayValue` or `KeyValueList`.
    Nested,
}

/// Looks at an `AnyValue`.
#[inline]
pub(crate) fn any(message: &[u8]) -> Result<Any<'_>, DecodeError> {
    if let [0x0a, rest @ ..] = message
        && let Some(text) = last(rest)
    {
        return Ok(Any::Scalar(Scalar::Text(text)));
    }
    other(message)
}

/// Anything but text alone.
#[inline(never)]
fn other(message: &[u8]) -> Result<Any<'_>, DecodeError> {
    let mut any = Any::Scalar(Scalar::Other(b"null"));
    let mut fields = Fields(message);
    while let Some((number, field)) = fields.next()? {
        any = match number {
            1 => Any::Scalar(Scalar::Text(field.bytes()?)),
            2 => Any::Scalar(Scalar::Bool(field.varint()? != 0)),
            3 => Any::Scalar(Scalar::Int(field.varint()? as i64)),
            4 => Any::Scalar(Scalar::Float(f64::from_bits(field.fixed64()?))),
            5 | 6 => field.bytes().map(|_| Any::Nested)?,
            7 => field.bytes().map(|_| Any::Scalar(Scalar::Other(b"null")))?,
            _ => continue,
        };
    }
    Ok(any)
}

/// Reads an `AnyValue` whole.
pub(crate) fn whole(message: &[u8]) -> Result<Value, DecodeError> {
    nested(message, 0)
}

fn nested(message: &[u8], depth: usize) -> Result<Value, DecodeError> {
    let mut value = Value::Null;
    let mut fields = Fields(message);
    while let Some((number, field)) = fields.next()? {
        value = match number {
            1 => Value::Text(text(field)?),
            2 => Value::Bool(field.varint()? != 0),
            3 => Value::Int(field.varint()? as i64),
            4 => Value::Float(f64::from_bits(field.fixed64()?)),
            5 | 6 if depth == MAX_NESTING => Value::Text(TOO_DEEP.to_owned()),
            5 => Value::List(list(field.bytes()?, depth + 1)?),
            6 => Value::Map(map(field.bytes()?, depth + 1)?),
            7 => Value::Bytes(field.bytes()?.to_vec()),
            _ => continue,
        };
    }
    Ok(value)
}

fn list(message: &[u8], depth: usize) -> Result<Vec<Value>, DecodeError> {
    let mut list = Vec::new();
    let mut fields = Fields(message);
    while let Some((number, field)) = fields.next()? {
        if number == 1 {
            list.push(nested(field.bytes()?, depth)?);
        }
    }
    Ok(list)
}

fn map(message: &[u8], depth: usize) -> Result<Vec<Attribute>, DecodeError> {
    let mut map = Vec::new();
    let mut fields = Fields(message);
    while let Some((number, field)) = fields.next()? {
        if number == 1 {
            let (key, value) = entry(field.bytes()?)?;
            map.push((String::from_utf8_lossy(key).into_owned(), nested(value, depth)?));
        }
    }
    keep_last(&mut map);
    Ok(map)
}

/// Reads a `KeyValue` whole.
pub(crate) fn attribute(message: &[u8]) -> Result<Attribute, DecodeError> {
    let (key, value) = entry(message)?;
    // The row was made without looking into this value.
    let value = whole(value).unwrap_or_else(|broken| Value::Text(format!("(can't be read: {broken})")));
    Ok((String::from_utf8_lossy(key).into_owned(), value))
}

/// A field's text. What is not UTF-8 becomes U+FFFD.
pub(crate) fn text(field: Wire<'_>) -> Result<String, DecodeError> {
    Ok(String::from_utf8_lossy(field.bytes()?).into_owned())
}
