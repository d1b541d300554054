//! The beginning of a text, for a row.

use crate::model::json::{self, Scalar, decode_letters};
use crate::model::{Batch, Text};

/// The most bytes of a span's input that its row keeps.
pub const INPUT_PREVIEW: usize = 120;

/// The most bytes of a span's error text that its row keeps, whatever the source.
pub const ERROR_PREVIEW: usize = 240;

/// The most characters of a text that a preview is made from. A source may cut longer texts before it builds a row.
pub const PREVIEW_WINDOW: usize = 2048;

/// Copies the first `N` bytes of a text into the batch, with white space collapsed as by [`beginning`].
pub fn preview<const N: usize>(text: Scalar<'_>, batch: &mut Batch) -> Text {
    match ascii_beginning(text, &mut [0; N]) {
        Some(ascii) => batch.intern(ascii),
        None => batch.intern_chars(beginning(json::chars(text), N)),
    }
}

/// Returns the beginning of a text, at most `bytes` long in UTF-8, without leading or trailing white space and with each other run of
/// white space collapsed into one blank. Letters that are escaped in JSON (`\u00e9`) are decoded. Reads at most [`PREVIEW_WINDOW`]
/// characters.
pub fn beginning(chars: impl Iterator<Item = char>, bytes: usize) -> impl Iterator<Item = char> {
    let mut chars = chars.take(PREVIEW_WINDOW).skip_while(|char| char.is_whitespace()).peekable();
    let is_json = chars.peek().is_some_and(|first| u8::try_from(*first).is_ok_and(begins_json));
    let mut chars = decode_letters(chars, is_json).peekable();
    let mut left = bytes;
    std::iter::from_fn(move || {
        let mut char = chars.next()?;
        if char.is_whitespace() {
            while chars.next_if(|next| next.is_whitespace()).is_some() {}
            chars.peek()?;
            char = ' ';
        }
        left = left.checked_sub(char.len_utf8())?;
        Some(char)
    })
    .fuse()
}

/// Returns the [`beginning`] of a text of printable ASCII and white space, ten times faster; `None` for any other text. The result lies in
/// `out` if it is not a part of the text.
fn ascii_beginning<'a, const N: usize>(text: Scalar<'a>, out: &'a mut [u8; N]) -> Option<&'a str> {
    let (mut rest, has_escapes) = match text {
        Scalar::Text(raw) => (raw, false),
        Scalar::Escaped(raw) => (raw, true),
        _ => return None,
    };
    let head = &rest[..rest.len().min(N)];
    if is_collapsed(head, has_escapes) {
        return std::str::from_utf8(head).ok().filter(|head| !may_have_letters(head));
    }
    let (mut length, mut blank, mut left) = (0, false, PREVIEW_WINDOW);
    while let [first, after @ ..] = rest
        && left > 0
    {
        rest = after;
        left -= 1;
        let byte = match (first, after) {
            (b'\\', [letter, after @ ..]) if has_escapes => {
                rest = after;
                match letter {
                    b'n' | b't' | b'r' => b'\n',
                    b'"' | b'\\' | b'/' => *letter,
                    _ => return None,
                }
            }
            (b'\\', []) if has_escapes => return None,
            (first, _) => *first,
        };
        match byte {
            b' ' | b'\t'..=b'\r' => blank = length > 0,
            b'!'..=b'~' => {
                if std::mem::take(&mut blank) && length < N {
                    out[length] = b' ';
                    length += 1;
                }
                let Some(slot) = out.get_mut(length) else { break };
                *slot = byte;
                length += 1;
            }
            _ => return None,
        }
    }
    std::str::from_utf8(&out[..length]).ok().filter(|text| !may_have_letters(text))
}

/// Whether a text that begins so may be JSON.
fn begins_json(first: u8) -> bool {
    matches!(first, b'{' | b'[' | b'"')
}

/// Whether the beginning of a text may be JSON with escaped letters.
fn may_have_letters(beginning: &str) -> bool {
    let bytes = beginning.as_bytes();
    bytes.first().copied().is_some_and(begins_json)
        && memchr::memchr_iter(b'\\', bytes).any(|at| bytes.get(at + 1).is_none_or(|next| *next == b'u'))
}

/// Whether a text is ASCII in which nothing is escaped or to be collapsed. It has no early exit, so that the compiler vectorizes it.
fn is_collapsed(text: &[u8], has_escapes: bool) -> bool {
    let ([b'!'..=b'~', after @ ..], [.., b'!'..=b'~']) = (text, text) else { return false };
    // Without escapes, a byte that is not printable anyway stands in for the backslash.
    let escape = if has_escapes { b'\\' } else { 0 };
    let is_special = |byte: u8| u8::from(!matches!(byte, b' '..=b'~')) | u8::from(byte == escape);
    let special = text.iter().fold(0, |special, byte| special | is_special(*byte));
    let double_blank = text.iter().zip(after).fold(0, |found, (left, right)| found | u8::from(*left == b' ') & u8::from(*right == b' '));
    special | double_blank == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::json::chars;

    #[test]
    fn a_beginning_ends_at_a_character() {
        let short = |text: &str, bytes| beginning(text.chars(), bytes).collect::<String>();
        assert_eq!(short("  two\n\n\t words ", 120), "two words");
        assert_eq!(short("谢谢", 5), "谢");
        assert_eq!(short("a谢b", 2), "a");
        assert_eq!(short(" \n ", 9), "");
        assert_eq!(short(r#" {"q": "\u5317\u4eac\u7684"}"#, 13), r#"{"q": "北京"#);
        assert_eq!(short(r"C:\users \u5317", 120), r"C:\users \u5317");
    }

    #[test]
    fn letters_are_decoded_in_json_however_it_is_stored() {
        let mut batch = Batch::default();
        for text in [Scalar::Text(br#"["\u5317"]"#), Scalar::Escaped(br#"[\"\\u5317\"]"#), Scalar::Other(br#"["\u5317"]"#)] {
            let short = preview::<INPUT_PREVIEW>(text, &mut batch);
            assert_eq!(batch.text(short), r#"["北"]"#);
        }
    }

    #[test]
    fn a_text_is_read_no_further_than_the_window() {
        for (pad, expected) in [(PREVIEW_WINDOW - 1, "a"), (PREVIEW_WINDOW, "")] {
            for (blank, letter) in [(" ", "a"), ("\u{a0}", "a"), ("\\n", "a")] {
                let text = format!("{}{letter}", blank.repeat(pad));
                let mut batch = Batch::default();
                let short = preview::<INPUT_PREVIEW>(Scalar::Escaped(text.as_bytes()), &mut batch);
                assert_eq!(batch.text(short), expected, "{pad} {blank:?}");
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn the_fast_path_gives_the_same(text in r#"[ a-c\\\n\u{e9}\u{1}"nu/]{0,6}([ -~]{0,140}|.{0,140}| {2000,2100})[ \na\\]{0,3}"#) {
            for raw in [Scalar::Text(text.as_bytes()), Scalar::Escaped(text.as_bytes())] {
                if let Some(ascii) = ascii_beginning(raw, &mut [0; INPUT_PREVIEW]) {
                    proptest::prop_assert_eq!(ascii, beginning(chars(raw), INPUT_PREVIEW).collect::<String>());
                }
            }
        }

        #[test]
        fn ascii_takes_the_fast_path(text in "[ -~\n\t]{0,200}") {
            let may_be_escaped = text.trim_start().starts_with(['{', '[', '"']) && text.contains('\\');
            proptest::prop_assert!(may_be_escaped || ascii_beginning(Scalar::Text(text.as_bytes()), &mut [0; INPUT_PREVIEW]).is_some());
        }
    }
}
