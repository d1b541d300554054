//! Numbers, whatever they come as.

use crate::model::Value;
use crate::model::json::{Scalar, chars};

/// A count of tokens. What is negative, no number, or beyond four billion is not stated.
pub(super) fn count(value: Scalar<'_>) -> Option<u32> {
    if let Scalar::Int(number) = value {
        return u32::try_from(number).ok();
    }
    let number = number(value)?.round();
    (0.0..=f64::from(u32::MAX)).contains(&number).then_some(number as u32)
}

/// Dollars or seconds in billionths. What is negative, no number, or beyond a billion is not stated.
pub(super) fn billionths(value: Scalar<'_>) -> Option<i64> {
    let amount = number(value)?;
    (0.0..=1e9).contains(&amount).then(|| (amount * 1e9).round() as i64)
}

fn number(value: Scalar<'_>) -> Option<f64> {
    match value {
        Scalar::Int(number) => Some(number as f64),
        Scalar::Float(number) => Some(number),
        Scalar::Text(_) | Scalar::Escaped(_) => chars(value).take(40).collect::<String>().trim().parse().ok(),
        Scalar::Bool(_) | Scalar::Other(_) => None,
    }
}

/// A value as it lies in a text; `None` of what is neither a number nor text.
pub(super) fn scalar(value: &Value) -> Option<Scalar<'_>> {
    match value {
        Value::Int(number) => Some(Scalar::Int(*number)),
        Value::Float(number) => Some(Scalar::Float(*number)),
        Value::Text(text) => Some(Scalar::Text(text.as_bytes())),
        _ => None,
    }
}

/// Whether the value states nothing: empty text or null.
pub(super) fn is_empty(value: Scalar<'_>) -> bool {
    matches!(value, Scalar::Text(b"") | Scalar::Other(b"null" | b""))
}
