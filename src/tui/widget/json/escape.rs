//! Escapes in quoted strings, decoded where that makes them easier to read.

use std::borrow::Cow;

use crate::format::safe;
use crate::model::json::unicode_escape;

/// Decodes line breaks, tabs and letters (`\n`, `\t`, `\u00e9`) in a string token. Quotes, backslashes and characters that cannot be
/// shown stay escaped.
pub(super) fn decode(string: &str) -> Cow<'_, str> {
    let Some(mut slash) = memchr::memchr(b'\\', string.as_bytes()) else { return Cow::Borrowed(string) };
    let mut text = String::with_capacity(string.len());
    let mut rest = string;
    loop {
        text.push_str(&rest[..slash]);
        rest = &rest[slash..];
        rest = &rest[decode_escape(rest, &mut text)..];
        let Some(next) = memchr::memchr(b'\\', rest.as_bytes()) else { break };
        slash = next;
    }
    text.push_str(rest);
    Cow::Owned(text)
}

/// Appends the meaning of the escape at the beginning of `rest`; returns the length of the escape in bytes.
fn decode_escape(rest: &str, text: &mut String) -> usize {
    let plain = match rest.as_bytes().get(1) {
        Some(b'n') => "\n",
        Some(b't') => "    ",
        Some(b'/') => "/",
        Some(b'r') if rest[2..].starts_with("\\n") => "",
        Some(b'u') => {
            if let Some((c, length)) = unicode_escape(rest.as_bytes()) {
                push_char(c, &rest[..length], text);
                return length;
            }
            "\\u"
        }
        _ => {
            // The character behind the backslash belongs to it: it may be another backslash.
            let length = rest.chars().take(2).map(char::len_utf8).sum();
            text.push_str(&rest[..length]);
            return length;
        }
    };
    text.push_str(plain);
    2
}

/// Appends a character if it can be shown, else its escape. Emoji joiners and variation selectors are dropped.
fn push_char(c: char, escape: &str, text: &mut String) {
    if matches!(c, '"' | '\'' | '\\') || (c.is_ascii() && c.is_control()) {
        text.push_str(escape);
    } else if !matches!(c, '\u{200d}' | '\u{fe0f}') {
        // A combining mark needs a letter before it to count as safe.
        let mut shown = String::from("a");
        shown.push(c);
        text.push_str(if safe(&shown) == shown { &shown[1..] } else { escape });
    }
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn readable_characters_are_decoded() {
        for (string, text) in [
            (r#""plain""#, r#""plain""#),
            (r#""a\nb\r\nc\td""#, "\"a\nb\nc    d\""),
            (r#""caf\u00e9 \u65e5\u672c \ud83c\udf89""#, "\"café 日本 🎉\""),
            (r#""\u0928\u092e\u0938\u094d\u0924\u0947""#, "\"नमस्ते\""),
            (r#""https:\/\/x""#, "\"https://x\""),
            (r#""\u2764\ufe0f""#, "\"❤\""),
        ] {
            assert_eq!(decode(string), text);
        }
    }

    #[test]
    fn other_characters_stay_escaped() {
        for string in [
            r#""a\"b\\n\\""#,
            r#""\u001b[31m""#,
            r#""\u202e""#,
            r#""\u0022\u005c""#,
            r#""\ud83c""#,
            r#""\ud83cx\udf89""#,
            r#""\u12""#,
            r#""\u00zz""#,
            r"'\x1b\é'",
            r#""\ud83c\ud83c""#,
            "\"\\",
            "\"\\u",
            r#""\r""#,
            r#""\u0000""#,
            r#""\u000a""#,
        ] {
            assert_eq!(decode(string), string);
        }
    }
}
