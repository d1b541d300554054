//! Attribute values, whichever type a sender gives them.

use std::borrow::Cow;

use super::keys::has_end;
use crate::model::json::{self, Scalar, chars};
use crate::model::usage::{MAX_COUNT, known_count};
use crate::model::{Attribute, Value};

/// The most bytes that an escaped character takes: a surrogate pair.
const MAX_ESCAPE: usize = 12;

/// The most characters of a number as text.
const MAX_NUMBER: usize = 40;

/// Reads a number of tokens. Returns `None` for a negative number, a fraction, a number beyond
/// [`MAX_COUNT`](crate::model::usage::MAX_COUNT), or no number.
pub(super) fn count(value: Scalar<'_>) -> Option<u32> {
    if let Scalar::Int(number) = value {
        return known_count(u64::try_from(number).ok()?);
    }
    let number = number(value)?;
    let is_count = number.fract() == 0.0 && (0.0..=f64::from(MAX_COUNT)).contains(&number);
    is_count.then_some(number as u32)
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
        Scalar::Text(_) | Scalar::Escaped(_) if is_longer(value, MAX_NUMBER) => None,
        Scalar::Text(_) | Scalar::Escaped(_) => chars(value).collect::<String>().trim().parse().ok(),
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
    !matches!(value, Value::Null) && !matches!(value, Value::Text(text) if text.is_empty() || text == REDACTED)
}

/// Returns a text as it is, and other values as JSON.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_json(),
    }
}

/// What coding agents write in place of a text that they keep to themselves.
const REDACTED: &str = "<REDACTED>";

/// Whether the value is an empty text, one that was withheld, or null.
pub(super) fn is_empty(value: Scalar<'_>) -> bool {
    match value {
        Scalar::Text(text) => text.is_empty() || text == REDACTED.as_bytes(),
        Scalar::Other(json) => json.is_empty() || json == b"null",
        _ => false,
    }
}

/// Whether the value is a word that programs write for a name that they do not know.
pub(super) fn is_placeholder(value: Scalar<'_>) -> bool {
    let (Scalar::Text(raw) | Scalar::Escaped(raw)) = value else { return false };
    // Names are mostly longer.
    if raw.len() > 11 {
        return false;
    }
    let word = raw.trim_ascii_start().trim_ascii_end();
    let word = word.strip_prefix(b"\\").unwrap_or(word);
    let word = word.strip_prefix(b"\"").and_then(|word| word.strip_suffix(b"\"")).unwrap_or(word);
    let word = word.strip_suffix(b"\\").unwrap_or(word);
    word.is_empty() || [&b"none"[..], b"null", b"unknown", b"undefined", b"n/a"].iter().any(|other| word.eq_ignore_ascii_case(other))
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

/// Parses a list or a map of at most `max` characters, in JSON or as Python prints it.
pub(super) fn parse_printed(value: Scalar<'_>, max: usize) -> Option<Value> {
    let json = parse(value, max);
    if json.is_some() || is_longer(value, max) {
        return json;
    }
    json::parse_value(unprinted(chars(value)).as_bytes()).ok()
}

/// Returns lists, maps and texts as JSON that Python printed: in single quotes, with `None`, `True` and `False`.
pub(super) fn unprinted(text: impl Iterator<Item = char>) -> String {
    let (mut json, mut word, mut quote) = (String::new(), String::new(), None);
    let mut text = text.peekable();
    while let Some(c) = text.next() {
        match (quote, c) {
            (None, c) if c.is_ascii_alphabetic() => {
                word.push(c);
                if text.peek().is_none_or(|next| !next.is_ascii_alphabetic()) {
                    json.push_str(match word.as_str() {
                        "None" => "null",
                        "True" => "true",
                        "False" => "false",
                        other => other,
                    });
                    word.clear();
                }
            }
            (None, '\'' | '"') => {
                quote = Some(c);
                json.push('"');
            }
            (None, '(') => json.push('['),
            (None, ')') => json.push(']'),
            (Some(open), c) if c == open => {
                quote = None;
                json.push('"');
            }
            (Some(_), '"') => json.push_str("\\\""),
            (Some(_), '\\') => match text.next() {
                Some('\'') => json.push('\''),
                // Python has escapes of two digits.
                Some('x') => json.push_str("\\u00"),
                next => json.extend(['\\'].into_iter().chain(next)),
            },
            (_, c) => json.push(c),
        }
    }
    json
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
    fn a_count_is_a_whole_number_below_two_to_the_31st() {
        let text = |text: &'static str| count(Scalar::Text(text.as_bytes()));
        for (value, expected) in [
            (count(Scalar::Int(0)), Some(0)),
            (count(Scalar::Int(2_147_483_647)), Some(MAX_COUNT)),
            (count(Scalar::Int(2_147_483_648)), None),
            (count(Scalar::Int(4_000_000_000)), None),
            (count(Scalar::Int(i64::MAX)), None),
            (count(Scalar::Int(-1)), None),
            (count(Scalar::Float(12.0)), Some(12)),
            (count(Scalar::Float(12.5)), None),
            (count(Scalar::Float(-3.0)), None),
            (count(Scalar::Float(f64::NAN)), None),
            (count(Scalar::Float(f64::INFINITY)), None),
            (count(Scalar::Float(2_147_483_648.0)), None),
            (count(Scalar::Bool(true)), None),
            (text("1000"), Some(1000)),
            (text(" 3.0 "), Some(3)),
            (text("1e3"), Some(1000)),
            (text("2.5"), None),
            (text("-1"), None),
            (text("4000000000"), None),
            (text("12 tokens"), None),
            (text("inf"), None),
            (text(""), None),
            (text("12                                                                  !"), None),
            (text("10000000000000000000000000000000000000000000000000000000000000000000"), None),
        ] {
            assert_eq!(value, expected);
        }
    }

    #[test]
    fn placeholders_are_no_names() {
        for text in ["none", "None", "NULL", "unknown", "undefined", "n/a", "", "  ", "\"none\"", "\"\""] {
            assert!(is_placeholder(Scalar::Text(text.as_bytes())), "{text}");
        }
        assert!(is_placeholder(Scalar::Escaped(br#"\"unknown\""#)));
        for text in ["gpt-4o", "none-1", "o1", "nonesuch", "unknown-model"] {
            assert!(!is_placeholder(Scalar::Text(text.as_bytes())), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn a_count_reads_the_same_from_every_type(number in proptest::prelude::any::<i64>(), fraction in 1u32..1000) {
            let expected = u32::try_from(number).ok().filter(|number| *number <= MAX_COUNT);
            proptest::prop_assert_eq!(count(Scalar::Int(number)), expected);
            proptest::prop_assert_eq!(count(Scalar::Text(number.to_string().as_bytes())), expected);
            proptest::prop_assert_eq!(count(Scalar::Float(number as f64)), expected);
            let broken = format!("{}.{fraction:03}", number % 1_000_000);
            proptest::prop_assert_eq!(count(Scalar::Text(broken.as_bytes())), None);
        }

        #[test]
        fn no_text_is_read_as_a_number_that_it_does_not_state(text in "[ 0-9eE+.,-]{0,60}") {
            if let Some(number) = count(Scalar::Text(text.as_bytes())) {
                proptest::prop_assert_eq!(text.trim().parse::<f64>().ok(), Some(f64::from(number)));
            }
        }
    }

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
