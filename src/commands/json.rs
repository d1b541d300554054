//! JSON as it is written for other programs: an object a line.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

/// Writes `value` as one line.
pub(crate) fn line(out: &mut impl Write, record: &impl Serialize) -> io::Result<()> {
    value(out, record)?;
    out.write_all(b"\n")
}

/// Writes a value. What a terminal might obey is written as an escape, which is the same JSON.
pub(crate) fn value(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    value.serialize(&mut Serializer::with_formatter(&mut *out, Safe)).map_err(io::Error::from)
}

/// Compact, with every character escaped that is no plain part of a line: controls beyond ASCII, and what changes the direction or the
/// place of others. ASCII's controls are always escaped.
struct Safe;

impl Formatter for Safe {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, out: &mut W, fragment: &str) -> io::Result<()> {
        escape(fragment, out)
    }
}

/// Writes a text with what a terminal might obey as JSON's escapes, but for ASCII's controls.
pub(super) fn escape<W: ?Sized + Write>(text: &str, out: &mut W) -> io::Result<()> {
    // Nearly all is plain.
    if text.bytes().fold(true, |plain, byte| plain & (b' '..=b'~').contains(&byte)) {
        return out.write_all(text.as_bytes());
    }
    let mut written = 0;
    for (at, c) in text.char_indices().filter(|(_, c)| is_unsafe(*c)) {
        out.write_all(&text.as_bytes()[written..at])?;
        for unit in c.encode_utf16(&mut [0; 2]) {
            write!(out, "\\u{unit:04x}")?;
        }
        written = at + c.len_utf8();
    }
    out.write_all(&text.as_bytes()[written..])
}

fn is_unsafe(c: char) -> bool {
    matches!(
        c,
        '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(text: &str) -> String {
        let mut out = Vec::new();
        line(&mut out, &text).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_a_terminal_might_obey_is_escaped() {
        assert_eq!(written("a\u{9b}2J\u{202e}\u{e0041}\u{1b}é✗"), "\"a\\u009b2J\\u202e\\udb40\\udc41\\u001bé✗\"\n");
    }

    proptest! {
        #[test]
        fn it_is_the_same_json_on_one_line(text in ".*") {
            let line = written(&text);
            prop_assert_eq!(line.matches('\n').count(), 1);
            prop_assert_eq!(serde_json::from_str::<String>(&line).unwrap(), text);
        }
    }
}
