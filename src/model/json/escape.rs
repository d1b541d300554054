//! Decoding the escapes of JSON strings.

use std::collections::VecDeque;

use super::Scalar;

/// Decodes the text between the quotes of a JSON string. Invalid escapes remain as they are; lone surrogates and bytes that are not UTF-8
/// become U+FFFD.
#[must_use]
pub fn unescape(raw: &[u8]) -> String {
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        let (plain, escaped) = rest.split_at(at);
        text.push_str(&String::from_utf8_lossy(plain));
        let (char, len) = escape(escaped);
        text.push(char);
        rest = escaped.get(len..).unwrap_or_default();
    }
    text.push_str(&String::from_utf8_lossy(rest));
    text
}

/// Decodes a text lazily, so that reading its beginning does not cost its length. Yields nothing for other scalars.
pub fn chars(text: Scalar<'_>) -> impl Iterator<Item = char> + '_ {
    let (mut rest, escapes) = match text {
        Scalar::Escaped(raw) => (raw, true),
        Scalar::Text(raw) | Scalar::Other(raw) => (raw, false),
        _ => (&[][..], false),
    };
    std::iter::from_fn(move || {
        let first = *rest.first()?;
        let (char, len) = match first {
            b'\\' if escapes => escape(rest),
            0..=0x7f => (char::from(first), 1),
            _ => decode(rest, first),
        };
        rest = rest.get(len..).unwrap_or_default();
        Some(char)
    })
}

fn decode(bytes: &[u8], first: u8) -> (char, usize) {
    let len = match first {
        0xc0..=0xdf => 2,
        0xe0..=0xef => 3,
        _ => 4,
    };
    let char = bytes.get(..len).and_then(|bytes| std::str::from_utf8(bytes).ok()).and_then(|text| text.chars().next());
    char.map_or((char::REPLACEMENT_CHARACTER, 1), |char| (char, len))
}

/// Decodes the escapes `\uXXXX` in a text that is JSON itself: letters become readable, and everything else stays as it is. Quotes,
/// backslashes and control characters stay escaped, so that the text remains JSON. A text that is no JSON is returned as it is.
pub fn decode_letters(text: impl Iterator<Item = char>, is_json: bool) -> impl Iterator<Item = char> {
    /// The characters of an escaped surrogate pair without the first backslash.
    const AHEAD: usize = 11;
    let mut text = text.fuse();
    let mut ahead: VecDeque<char> = VecDeque::new();
    // Whether the next character belongs to a backslash before it.
    let mut is_escaped = false;
    std::iter::from_fn(move || {
        let next = ahead.pop_front().or_else(|| text.next())?;
        if !is_json || std::mem::take(&mut is_escaped) || next != '\\' {
            return Some(next);
        }
        is_escaped = true;
        while ahead.len() < AHEAD
            && (ahead.is_empty() || ahead[0] == 'u')
            && let Some(more) = text.next()
        {
            ahead.push_back(more);
        }
        if ahead.front() != Some(&'u') {
            return Some(next);
        }
        let escape: String = std::iter::once(next).chain(ahead.iter().copied()).collect();
        match unicode_escape(escape.as_bytes()) {
            Some((letter, length)) if !letter.is_control() && !matches!(letter, '"' | '\\') => {
                is_escaped = false;
                ahead.drain(..length - 1);
                Some(letter)
            }
            _ => Some(next),
        }
    })
}

/// Decodes the escape at the start of `bytes`. Returns its character and its length in bytes.
fn escape(bytes: &[u8]) -> (char, usize) {
    let char = match bytes.get(1) {
        Some(b'n') => '\n',
        Some(b't') => '\t',
        Some(b'r') => '\r',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'u') => return unicode(bytes),
        Some(&same @ (b'"' | b'\\' | b'/')) => char::from(same),
        Some(_) | None => return ('\\', 1),
    };
    (char, 2)
}

fn unicode(bytes: &[u8]) -> (char, usize) {
    unicode_escape(bytes).unwrap_or(match hex(bytes.get(2..6)) {
        Some(_) => (char::REPLACEMENT_CHARACTER, 6),
        None => ('\\', 1),
    })
}

/// Decodes the escape `\uXXXX`, or the two escapes of a surrogate pair, at the beginning of `bytes`; returns the character and the
/// length of its escape in bytes. `None` for anything else, including a lone surrogate.
#[must_use]
pub fn unicode_escape(bytes: &[u8]) -> Option<(char, usize)> {
    let unit = |at: usize| bytes.get(at..at + 2).filter(|prefix| *prefix == b"\\u").and_then(|_| hex(bytes.get(at + 2..at + 6)));
    let first = unit(0)?;
    if let Some(c) = char::from_u32(first) {
        return Some((c, 6));
    }
    let second = unit(6).filter(|second| (0xdc00..0xe000).contains(second) && first < 0xdc00)?;
    char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00)).map(|c| (c, 12))
}

fn hex(digits: Option<&[u8]>) -> Option<u32> {
    digits?.iter().try_fold(0, |sum, digit| Some(sum << 4 | char::from(*digit).to_digit(16)?))
}
