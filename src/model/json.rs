//! Attributes as JSON text: a scan that visits the top level without building values, and a full parser, on one grammar.
//!
//! The grammar is JSON with the extensions that Python's `json` reads and writes: `NaN`, `Infinity`, lone surrogates (read as U+FFFD) and
//! control characters in strings. This dialect, and the speed of scanning a database, are the reasons for an own parser.

mod cursor;
mod escape;
mod quotes;
mod values;

use super::attributes::{Attribute, MAX_NESTING, TOO_DEEP, Value, keep_last};
use cursor::{Cursor, Token};
pub use escape::{chars, decode_letters, unescape, unicode_escape};
pub use values::{entries, fields, items, values};

/// A value in a JSON text, not decoded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scalar<'a> {
    /// Text without escapes. Not checked to be UTF-8.
    Text(&'a [u8]),
    /// Text with escapes: the bytes between the quotes.
    Escaped(&'a [u8]),
    /// An integer.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// A bool.
    Bool(bool),
    /// Null, a list or a map as JSON text.
    Other(&'a [u8]),
}

/// Why a text is not a JSON object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} at byte {at}")]
pub struct JsonError {
    /// The position of the error in bytes.
    pub at: usize,
    /// What is wrong.
    pub what: &'static str,
}

/// Visits the names and values at the top level of a JSON object in order. `null` counts as an empty object.
///
/// # Errors
///
/// Returns an error for invalid JSON. The values visited before are then meaningless.
pub fn scan<'a>(text: &'a [u8], mut visit: impl FnMut(&[u8], Scalar<'a>)) -> Result<(), JsonError> {
    let mut cursor = Cursor::new(text);
    object(&mut cursor, |cursor, key| {
        let value = match cursor.token()? {
            Token::Scalar(scalar) => scalar,
            Token::List(from) | Token::Map(from) => {
                cursor.skip_rest()?;
                Scalar::Other(cursor.since(from))
            }
        };
        match key {
            Scalar::Escaped(key) => visit(unescape(key).as_bytes(), value),
            Scalar::Text(key) => visit(key, value),
            _ => {}
        }
        Ok(())
    })
}

/// Parses a JSON object. `null` is an empty object; integers outside `i64` become floats; values nested deeper than [`MAX_NESTING`] are cut.
pub fn parse(text: &[u8]) -> Result<Vec<Attribute>, JsonError> {
    parse_to_depth(text, MAX_NESTING)
}

/// Parses a JSON object whose values are nested at most `depth` lists and maps deep; deeper values are cut.
pub fn parse_to_depth(text: &[u8], depth: usize) -> Result<Vec<Attribute>, JsonError> {
    let mut cursor = Cursor::new(text);
    let mut attributes = Vec::new();
    object(&mut cursor, |cursor, key| {
        attributes.push((owned(key), value(cursor, depth)?));
        Ok(())
    })?;
    keep_last(&mut attributes);
    Ok(attributes)
}

/// Parses any JSON value, as [`parse`] does.
pub fn parse_value(text: &[u8]) -> Result<Value, JsonError> {
    let mut cursor = Cursor::new(text);
    let value = value(&mut cursor, MAX_NESTING)?;
    cursor.end()?;
    Ok(value)
}

fn object<'a>(
    cursor: &mut Cursor<'a>,
    mut each: impl FnMut(&mut Cursor<'a>, Scalar<'a>) -> Result<(), JsonError>,
) -> Result<(), JsonError> {
    match cursor.token()? {
        Token::Map(_) => {
            while let Some(key) = cursor.key()? {
                each(cursor, key)?;
            }
        }
        Token::Scalar(Scalar::Other(_)) => {}
        _ => return Err(JsonError { at: 0, what: "not an object" }),
    }
    cursor.end()
}

/// Parses a value; `depth` is how deep lists and maps may still be nested.
fn value(cursor: &mut Cursor<'_>, depth: usize) -> Result<Value, JsonError> {
    Ok(match cursor.token()? {
        Token::Scalar(Scalar::Int(number)) => Value::Int(number),
        Token::Scalar(Scalar::Float(number)) => Value::Float(number),
        Token::Scalar(Scalar::Bool(flag)) => Value::Bool(flag),
        Token::Scalar(Scalar::Other(_)) => Value::Null,
        Token::Scalar(text) => Value::Text(owned(text)),
        Token::List(_) | Token::Map(_) if depth == 0 => {
            cursor.skip_rest()?;
            Value::Text(TOO_DEEP.to_owned())
        }
        Token::List(_) => {
            let mut list = Vec::new();
            while cursor.item()? {
                list.push(value(cursor, depth - 1)?);
            }
            Value::List(list)
        }
        Token::Map(_) => {
            let mut map = Vec::new();
            while let Some(key) = cursor.key()? {
                map.push((owned(key), value(cursor, depth - 1)?));
            }
            keep_last(&mut map);
            Value::Map(map)
        }
    })
}

fn owned(text: Scalar<'_>) -> String {
    match text {
        Scalar::Escaped(raw) => unescape(raw),
        Scalar::Text(raw) => String::from_utf8_lossy(raw).into_owned(),
        _ => String::new(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests;
