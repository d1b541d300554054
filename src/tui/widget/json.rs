//! Pretty-prints attribute values: JSON, Python's `repr`, or plain text.
//!
//! Tokens are laid out in order, without a syntax tree: nesting costs no stack, and a value may be truncated anywhere.

mod escape;
mod grammar;
mod lazy_tail;
mod scan;

use std::borrow::Cow;

use super::text::{Document, TextRole};
use crate::format::safe_lines;
use grammar::{Grammar, is_value};
pub use lazy_tail::{LazyTail, open};
use scan::{Scanner, Token, TokenKind};

/// Cells by which the content of brackets is indented.
const INDENT: usize = 2;
/// The largest size, in bytes, of a list on one line.
const MAX_INLINE: usize = 72;

/// Lays out a value: the content of brackets is indented by two cells, line breaks in strings are decoded, plain text is unchanged.
#[must_use]
pub fn document(text: &str) -> Document {
    let mut document = Document::new();
    append(&mut document, text, 0);
    document
}

/// The largest size, in bytes, of a value that is parsed where it is one of many; its own page parses it whole.
const MAX_NESTED: usize = 256 << 10;

/// Appends a value to the last line of `document`; further lines are indented by at least `base` cells.
pub(super) fn append(document: &mut Document, text: &str, base: usize) {
    let text = safe_lines(text);
    // Only the end shows whether the text is a value; laying it out meanwhile avoids a second pass.
    let checkpoint = document.checkpoint();
    if (base > 0 && text.len() > MAX_NESTED) || lay_out(document, &text, base).is_none() {
        document.rewind(checkpoint);
        document.push_safe(&text, TextRole::Plain);
    }
}

/// Lays out the tokens of a text; returns `None` if it is no value.
fn lay_out(document: &mut Document, text: &str, base: usize) -> Option<()> {
    if document.lines() == 0 {
        document.begin_line(base, base + INDENT);
    }
    let mut layout = Layout { scanner: Scanner::new(text), grammar: Grammar::default(), document, base, flat: Flat::No, has_tokens: false };
    while let Some(token) = layout.scanner.next() {
        layout.token(token.ok()?)?;
    }
    layout.grammar.is_value().then_some(())
}

/// Appends the arguments of a call to the last line of `document`: `name: value, name: value`, without the braces of the object.
pub(super) fn append_arguments(document: &mut Document, text: &str) {
    let text = safe_lines(text);
    let braced = text.trim_start().starts_with('{') && text.trim_end().ends_with('}');
    if !braced || text.len() > MAX_NESTED || !is_value(&text) {
        document.push_safe(&text, TextRole::Plain);
        return;
    }
    let body = text.trim();
    let mut scanner = Scanner::new(&body[1..body.len() - 1]);
    while let Some(Ok(token)) = scanner.next() {
        match token.kind {
            TokenKind::String if scanner.peek() == Some(b':') => document.push_safe(unquoted(token.text), TextRole::Key),
            TokenKind::String => document.push(&escape::decode(token.text).replace('\n', "\\n"), TextRole::String),
            TokenKind::Comma => document.push_safe(", ", TextRole::Punct),
            TokenKind::Colon => document.push_safe(": ", TextRole::Punct),
            _ => document.push_safe(token.text, role(token)),
        }
    }
}

/// Returns the content of a text that is a single JSON string; any other text unchanged.
#[must_use]
pub fn string(text: &str) -> Cow<'_, str> {
    let trimmed = text.trim();
    let one = trimmed.len() >= 2
        && trimmed.starts_with('"')
        && Scanner::new(trimmed).next().is_some_and(|token| token.is_ok_and(|token| token.text == trimmed));
    if one { Cow::Owned(unquoted(&escape::decode(trimmed)).to_owned()) } else { Cow::Borrowed(text) }
}

/// Whether the open brackets keep their content on one line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Flat {
    #[default]
    No,
    Short,
    /// Numbers only: one segment, since there may be very many.
    Numbers,
}

struct Layout<'a, 'd> {
    scanner: Scanner<'a>,
    grammar: Grammar,
    document: &'d mut Document,
    base: usize,
    flat: Flat,
    has_tokens: bool,
}

impl Layout<'_, '_> {
    fn token(&mut self, token: Token<'_>) -> Option<()> {
        let called = token.is_adjacent && self.has_tokens;
        self.grammar.step(token)?;
        match token.kind {
            TokenKind::Open => self.open(token, called),
            TokenKind::Close => {
                if self.flat == Flat::No {
                    self.line();
                }
                self.document.push_safe(token.text, TextRole::Punct);
                self.flat = Flat::No;
            }
            TokenKind::Comma => match self.flat {
                Flat::Numbers => self.document.push_safe(", ", TextRole::Number),
                Flat::Short => self.document.push_safe(", ", TextRole::Punct),
                Flat::No => {
                    self.document.push_safe(",", TextRole::Punct);
                    self.line();
                }
            },
            TokenKind::Colon => self.document.push_safe(": ", TextRole::Punct),
            TokenKind::Equals => self.document.push_safe("=", TextRole::Punct),
            TokenKind::String | TokenKind::Word if matches!(self.scanner.peek(), Some(b':' | b'=')) => {
                self.document.push_safe(token.text, TextRole::Key);
            }
            TokenKind::String => match escape::decode(token.text) {
                Cow::Borrowed(text) => self.document.push_safe(text, TextRole::String),
                Cow::Owned(text) => self.document.push(&text, TextRole::String),
            },
            TokenKind::Number | TokenKind::Word | TokenKind::Opaque => self.document.push_safe(token.text, role(token)),
        }
        self.has_tokens = true;
        Some(())
    }

    fn open(&mut self, token: Token<'_>, called: bool) {
        if self.grammar.depth() == 1 && self.has_tokens && !(called && token.text == "(") {
            self.document.begin_line(self.base, self.base + INDENT);
        }
        self.document.push_safe(token.text, TextRole::Punct);
        self.flat = flat(token.text, self.scanner.rest());
        if self.flat == Flat::No {
            self.line();
        }
    }

    fn line(&mut self) {
        let indent = self.base + self.grammar.depth() * INDENT;
        self.document.begin_line(indent, indent + INDENT);
    }
}

fn role(token: Token<'_>) -> TextRole {
    match token.kind {
        TokenKind::Number => TextRole::Number,
        TokenKind::Word => TextRole::Keyword,
        TokenKind::String => TextRole::String,
        TokenKind::Opaque => TextRole::Faint,
        _ => TextRole::Punct,
    }
}

/// Decides whether the brackets opened before `rest` stay on one line: empty ones, lists of numbers, and short lists and calls without
/// inner brackets.
fn flat(open: &str, rest: &str) -> Flat {
    let bytes = rest.as_bytes();
    let body = bytes.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    if matches!(bytes.get(body), Some(b'}' | b']' | b')')) {
        return Flat::Short;
    }
    if open == "{" {
        return Flat::No;
    }
    let numbers = bytes.iter().position(|byte| !matches!(byte, b'0'..=b'9' | b'.' | b',' | b'+' | b'-' | b'e' | b'E' | b' ' | b'\n'));
    if numbers.is_none_or(|end| bytes[end] == b']') {
        return Flat::Numbers;
    }
    let mut quote = None;
    for (at, &byte) in bytes.iter().enumerate().take(MAX_INLINE) {
        match (quote, byte) {
            (Some(_), b'\\') if bytes.get(at + 1) == Some(&b'n') => return Flat::No,
            (Some(open), byte) if byte == open && bytes[at - 1] != b'\\' => quote = None,
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, b'{' | b'[' | b'(') => return Flat::No,
            (None, b'}' | b']' | b')') => return Flat::Short,
            _ => {}
        }
    }
    Flat::No
}

/// Returns a string token without its prefix and quotes.
fn unquoted(string: &str) -> &str {
    let body = string.trim_start_matches(|c: char| c.is_ascii_alphabetic());
    body.get(1..body.len().saturating_sub(1)).unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
