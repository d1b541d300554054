//! The tokenizer for JSON and Python's `repr`.

use std::ops::Range;

/// The kind of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// `{`, `[` or `(`.
    Open,
    /// `}`, `]` or `)`.
    Close,
    Comma,
    Colon,
    Equals,
    /// A string with its quotes and prefix; the closing quote is missing if the text ends before it.
    String,
    Number,
    /// A keyword or a dotted name.
    Word,
    /// `<…>`.
    Opaque,
}

/// A token of the text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'a> {
    pub(super) kind: TokenKind,
    pub(super) text: &'a str,
    /// Whether it follows the previous token without blanks.
    pub(super) is_adjacent: bool,
}

/// The next character begins no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotJson;

pub(super) struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// Continues after a token that ended at the byte `at`.
    pub(super) fn resume(text: &'a str, at: usize) -> Self {
        Self { text, at }
    }

    /// Returns the offset of the next byte.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Returns the unread text.
    pub(super) fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Returns the next byte that is not whitespace.
    pub(super) fn peek(&self) -> Option<u8> {
        self.rest().bytes().find(|byte| !byte.is_ascii_whitespace())
    }
}

impl<'a> Iterator for Scanner<'a> {
    type Item = Result<Token<'a>, NotJson>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest();
        let bytes = rest.as_bytes();
        let blank = bytes.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        let bytes = &bytes[blank..];
        let (kind, length) = match *bytes.first()? {
            b'{' | b'[' | b'(' => (TokenKind::Open, 1),
            b'}' | b']' | b')' => (TokenKind::Close, 1),
            b',' => (TokenKind::Comma, 1),
            b':' => (TokenKind::Colon, 1),
            b'=' => (TokenKind::Equals, 1),
            quote @ (b'"' | b'\'') => (TokenKind::String, string(bytes, 0, quote)),
            b'-' | b'0'..=b'9' => number_or_word(bytes),
            b'<' => match opaque(bytes) {
                Some(length) => (TokenKind::Opaque, length),
                None => return Some(Err(NotJson)),
            },
            byte if is_word_byte(byte) => word_or_string(bytes),
            _ => return Some(Err(NotJson)),
        };
        let Range { start, end } = blank..blank + length;
        self.at += end;
        Some(Ok(Token { kind, text: &rest[start..end], is_adjacent: blank == 0 }))
    }
}

/// Whether a string token has its closing quote.
pub(super) fn is_closed(string: &str) -> bool {
    let Some(open) = string.find(['"', '\'']) else { return false };
    let body = &string.as_bytes()[open + 1..];
    let Some((&last, inner)) = body.split_last() else { return false };
    let slashes = inner.iter().rev().take_while(|&&byte| byte == b'\\').count();
    last == string.as_bytes()[open] && slashes.is_multiple_of(2)
}

/// Returns the end of the string whose opening quote is at `open`.
fn string(bytes: &[u8], open: usize, quote: u8) -> usize {
    let mut at = open + 1;
    while let Some(step) = bytes.get(at..).and_then(|rest| memchr::memchr2(quote, b'\\', rest)) {
        at += step + 1;
        if bytes[at - 1] == quote {
            return at;
        }
        // The further bytes of an escaped character are neither a quote nor a backslash.
        at += 1;
    }
    bytes.len()
}

fn number_or_word(bytes: &[u8]) -> (TokenKind, usize) {
    let digits = |from: usize| bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let sign = usize::from(bytes[0] == b'-');
    let mut at = sign + digits(sign);
    if at > sign && bytes.get(at) == Some(&b'.') {
        at += 1 + digits(at + 1);
    }
    if at > sign && matches!(bytes.get(at), Some(b'e' | b'E')) {
        let sign = at + 1 + usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        let exponent = if sign <= bytes.len() { digits(sign) } else { 0 };
        // A number may be truncated, too.
        at = if exponent > 0 || sign == bytes.len() { sign + exponent } else { at };
    }
    match bytes.get(at) {
        Some(&byte) if is_word_byte(byte) || byte == b'-' => (TokenKind::Word, at + word(&bytes[at..])),
        _ if at == sign => (TokenKind::Word, at.max(1)),
        _ => (TokenKind::Number, at),
    }
}

fn word_or_string(bytes: &[u8]) -> (TokenKind, usize) {
    let length = word(bytes);
    match bytes.get(length) {
        Some(&quote @ (b'"' | b'\'')) if length <= 2 && bytes[..length].iter().all(|byte| b"bBrRuUfF".contains(byte)) => {
            (TokenKind::String, string(bytes, length, quote))
        }
        _ => (TokenKind::Word, length),
    }
}

fn word(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|&&byte| is_word_byte(byte) || byte == b'-').count()
}

fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.') || !byte.is_ascii()
}

/// Returns the length of a short text from `<` to the matching `>`.
fn opaque(bytes: &[u8]) -> Option<usize> {
    const LONG: usize = 400;
    let mut depth = 0;
    for (at, byte) in bytes.iter().take(LONG).enumerate() {
        match byte {
            b'<' => depth += 1,
            b'>' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at + 1);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{NotJson, Scanner, TokenKind, is_closed};

    fn scan(text: &str) -> Vec<(TokenKind, &str)> {
        Scanner::new(text).map_while(Result::ok).map(|token| (token.kind, token.text)).collect()
    }

    #[test]
    fn json_is_tokenized() {
        use TokenKind::{Close, Colon, Comma, Number, Open, String, Word};
        assert_eq!(
            scan(r#"{"a\"b": -1.5e+3, "c":[true,0]}"#),
            [
                (Open, "{"),
                (String, r#""a\"b""#),
                (Colon, ":"),
                (Number, "-1.5e+3"),
                (Comma, ","),
                (String, r#""c""#),
                (Colon, ":"),
                (Open, "["),
                (Word, "true"),
                (Comma, ","),
                (Number, "0"),
                (Close, "]"),
                (Close, "}"),
            ]
        );
    }

    #[test]
    fn repr_is_tokenized() {
        use TokenKind::{Close, Equals, Number, Opaque, Open, String, Word};
        assert_eq!(scan(r"b'it\'s' u'x'"), [(String, r"b'it\'s'"), (String, "u'x'")]);
        assert_eq!(scan("a.B(c=1)"), [(Word, "a.B"), (Open, "("), (Word, "c"), (Equals, "="), (Number, "1"), (Close, ")")]);
        assert_eq!(scan("<Role.USER: 'user'> <a <b>>"), [(Opaque, "<Role.USER: 'user'>"), (Opaque, "<a <b>>")]);
        assert_eq!(scan("2024-01-01 -inf 1e 0x1f -"), [(Word, "2024-01-01"), (Word, "-inf"), (Word, "1e"), (Word, "0x1f"), (Word, "-")]);
    }

    #[test]
    fn unclosed_strings_reach_the_end() {
        assert_eq!(scan(r#""abc\"#), [(TokenKind::String, r#""abc\"#)]);
        assert!(is_closed(r#""a""#) && is_closed(r#""""#) && is_closed(r"b'\\'"));
        assert!(!is_closed(r#"""#) && !is_closed(r#""a\""#) && !is_closed(r#""a'"#));
    }

    #[test]
    fn other_characters_begin_no_token() {
        assert_eq!(Scanner::new("#").next().map(Result::err), Some(Some(NotJson)));
        assert_eq!(Scanner::new("<p").next().map(Result::err), Some(Some(NotJson)));
    }

    proptest! {
        #[test]
        fn tokens_never_exceed_the_text(text in "[a-z0-9{}\\[\\]()'\":,=<>.\\\\ é-]{0,40}") {
            let read: usize = Scanner::new(&text).map_while(Result::ok).map(|token| token.text.len()).sum();
            prop_assert!(read <= text.len());
        }
    }
}
