//! Escapes in strings, undone where that makes them easier to read.

use std::borrow::Cow;

use crate::format::safe;

/// `string` with its line breaks, tabs and letters as such (`\n`, `\t`, `\u00e9`). Quotes and backslashes stay escaped, and so does
/// whatever could not be shown.
pub(super) fn decoded(string: &str) -> Cow<'_, str> {
    let Some(mut slash) = memchr::memchr(b'\\', string.as_bytes()) else { return Cow::Borrowed(string) };
    let mut text = String::with_capacity(string.len());
    let mut rest = string;
    loop {
        text.push_str(&rest[..slash]);
        rest = &rest[slash..];
        rest = &rest[escape(rest, &mut text)..];
        let Some(next) = memchr::memchr(b'\\', rest.as_bytes()) else { break };
        slash = next;
    }
    text.push_str(rest);
    Cow::Owned(text)
}

/// Writes what the escape at the beginning of `rest` means, and says how long it is.
fn escape(rest: &str, text: &mut String) -> usize {
    let plain = match rest.as_bytes().get(1) {
        Some(b'n') => "\n",
        Some(b't') => "    ",
        Some(b'/') => "/",
        Some(b'r') if rest[2..].starts_with("\\n") => "",
        Some(b'u') => {
            if let Some((c, length)) = unicode(rest) {
                return letter(&rest[..length], c, text);
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

/// Writes a character if it can be shown, else its escape; what merely joins or varies emoji is left out.
fn letter(escaped: &str, c: char, text: &mut String) -> usize {
    if matches!(c, '"' | '\'' | '\\') || (c.is_ascii() && c.is_control()) {
        text.push_str(escaped);
    } else if !matches!(c, '\u{200d}' | '\u{fe0f}') {
        // A mark is judged on the letter that it would sit on.
        let mut shown = String::from("a");
        shown.push(c);
        text.push_str(if safe(&shown) == shown { &shown[1..] } else { escaped });
    }
    escaped.len()
}

/// The character of `\u0041`, or of two such halves, and the length of the escape.
fn unicode(rest: &str) -> Option<(char, usize)> {
    let unit = |at: usize| {
        let digits = rest.get(at..at + 6)?.strip_prefix("\\u")?;
        digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, 16).ok())?
    };
    let first = unit(0)?;
    if let Some(c) = char::from_u32(first) {
        return Some((c, 6));
    }
    let second = unit(6).filter(|second| (0xdc00..0xe000).contains(second) && first < 0xdc00)?;
    char::from_u32(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)).map(|c| (c, 12))
}

#[cfg(test)]
mod tests {
    use super::decoded;

    #[test]
    fn what_reads_better_is_decoded() {
        for (string, text) in [
            (r#""plain""#, r#""plain""#),
            (r#""a\nb\r\nc\td""#, "\"a\nb\nc    d\""),
            (r#""caf\u00e9 \u65e5\u672c \ud83c\udf89""#, "\"café 日本 🎉\""),
            (r#""\u0928\u092e\u0938\u094d\u0924\u0947""#, "\"नमस्ते\""),
            (r#""https:\/\/x""#, "\"https://x\""),
            (r#""\u2764\ufe0f""#, "\"❤\""),
        ] {
            assert_eq!(decoded(string), text);
        }
    }

    #[test]
    fn what_cannot_be_shown_stays_escaped() {
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
            assert_eq!(decoded(string), string);
        }
    }
}
