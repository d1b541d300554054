//! Attribute values, whichever type a sender gives them.

use std::borrow::Cow;

use super::keys::has_end;
use crate::model::json::{self, Scalar, chars};
use crate::model::{Attribute, Value};

/// The most bytes that an escaped character takes: a surrogate pair.
const MAX_ESCAPE: usize = 12;

/// The most characters of a number as text.
const MAX_NUMBER: usize = 40;

/// Reads a number of tokens. Returns `None` for a negative number, a number beyond [`u32`], or no number.
pub(super) fn count(value: Scalar<'_>) -> Option<u32> {
    if let Scalar::Int(number) = value {
        return u32::try_from(number).ok();
    }
    let number = number(value)?.round();
    (0.0..=f64::from(u32::MAX)).contains(&number).then_some(number as u32)
}

/// Reads dollars or seconds, in billionths. Returns `None` for a negative amount, an amount beyond a billion, or no number.
pub(super) fn billionths(value: Scalar<'_>) -> Option<i64> {
    let amount = number(value)?;
    (0.0..=1e9).contains(&amount).then(|| (amount * 1e9).round() as i64)
}

fn number(value: Scalar<'_>) -> Option<f64> {
    match value {
        Scalar::Int(number) => Some(number as f64),
        Scalar::Float(number) => Some(number),
        Scalar::Text(_) | Scalar::Escaped(_) => chars(value).take(MAX_NUMBER).collect::<String>().trim().parse().ok(),
        Scalar::Bool(_) | Scalar::Other(_) => None,
    }
}

/// Borrows a decoded number or text; `None` for other values.
pub(super) fn scalar(value: &Value) -> Option<Scalar<'_>> {
    match value {
        Value::Int(number) => Some(Scalar::Int(*number)),
        Value::Float(number) => Some(Scalar::Float(*number)),
        Value::Text(text) => Some(Scalar::Text(text.as_bytes())),
        _ => None,
    }
}

/// Returns the value of an attribute, unless it is null or empty.
pub(super) fn get<'a>(attributes: &'a [Attribute], key: &str) -> Option<&'a Value> {
    let (_, value) = attributes.iter().rev().find(|(other, _)| other == key)?;
    is_stated(value).then_some(value)
}

/// Returns the value of the last attribute whose key ends so, under any prefix, unless it is null or empty.
pub(super) fn get_by_end<'a>(attributes: &'a [Attribute], end: &str) -> Option<&'a Value> {
    let (_, value) = attributes.iter().rev().find(|(key, value)| has_end(key.as_bytes(), end) && is_stated(value))?;
    Some(value)
}

fn is_stated(value: &Value) -> bool {
    !matches!(value, Value::Null) && !matches!(value, Value::Text(text) if text.is_empty())
}

/// Returns a text as it is, and other values as JSON.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_json(),
    }
}

/// Whether the value is an empty text or null.
pub(super) fn is_empty(value: Scalar<'_>) -> bool {
    matches!(value, Scalar::Text(b"") | Scalar::Other(b"null" | b""))
}

/// Parses the JSON in a text, a list or a map of at most `max` characters.
pub(super) fn parse(value: Scalar<'_>, max: usize) -> Option<Value> {
    let (Scalar::Text(raw) | Scalar::Escaped(raw) | Scalar::Other(raw)) = value else { return None };
    if is_longer(value, max) {
        return None;
    }
    let text = if let Scalar::Escaped(raw) = value { Cow::Owned(json::unescape(raw).into_bytes()) } else { Cow::Borrowed(raw) };
    json::parse_value(&text).ok()
}

/// Whether a text, or the JSON of a list or a map, has more than `max` characters, however it is escaped.
pub(super) fn is_longer(value: Scalar<'_>, max: usize) -> bool {
    let (Scalar::Text(raw) | Scalar::Escaped(raw) | Scalar::Other(raw)) = value else { return false };
    // Most values are so short or so long that their bytes tell.
    raw.len() > max && (raw.len() > max.saturating_mul(MAX_ESCAPE) || chars(value).nth(max).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_counted_however_they_are_escaped() {
        for text in ["ab", "é谢", r"\u00e9\u8c22", r"\ud83d\ude00\n"] {
            let value = Scalar::Escaped(text.as_bytes());
            assert!(is_longer(value, 1) && !is_longer(value, 2), "{text}");
        }
        assert!(is_longer(Scalar::Text(br"\n"), 1));
        assert!(!is_longer(Scalar::Int(12345), 1));
    }
}
