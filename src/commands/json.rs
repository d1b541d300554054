//! JSON for other programs, one object per line.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

/// Writes `record` as one line.
pub(crate) fn line(out: &mut impl Write, record: &impl Serialize) -> io::Result<()> {
    value(out, record)?;
    out.write_all(b"\n")
}

/// Writes a value. Characters that could control a terminal are escaped, which is the same JSON.
pub(crate) fn value(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    value.serialize(&mut Serializer::with_formatter(&mut *out, SafeFormatter)).map_err(io::Error::from)
}

/// Compact JSON with escapes for control characters beyond ASCII and for characters that reorder or hide others. `serde_json` escapes ASCII
/// control characters itself.
struct SafeFormatter;

impl Formatter for SafeFormatter {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, out: &mut W, fragment: &str) -> io::Result<()> {
        escape(fragment, out)
    }
}

/// Writes text with JSON escapes for characters beyond ASCII that could control a terminal.
pub(super) fn escape<W: ?Sized + Write>(text: &str, out: &mut W) -> io::Result<()> {
    // Most text is plain ASCII.
    if text.bytes().fold(true, |is_plain, byte| is_plain & (b' '..=b'~').contains(&byte)) {
        return out.write_all(text.as_bytes());
    }
    let mut written = 0;
    for (index, c) in text.char_indices().filter(|(_, c)| is_unsafe(*c)) {
        out.write_all(&text.as_bytes()[written..index])?;
        for unit in c.encode_utf16(&mut [0; 2]) {
            write!(out, "\\u{unit:04x}")?;
        }
        written = index + c.len_utf8();
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
    fn control_characters_are_escaped() {
        assert_eq!(written("a\u{9b}2J\u{202e}\u{e0041}\u{1b}é✗"), "\"a\\u009b2J\\u202e\\udb40\\udc41\\u001bé✗\"\n");
    }

    proptest! {
        #[test]
        fn escaped_text_is_equal_json_on_one_line(text in ".*") {
            let line = written(&text);
            prop_assert_eq!(line.matches('\n').count(), 1);
            prop_assert_eq!(serde_json::from_str::<String>(&line).unwrap(), text);
        }
    }
}
