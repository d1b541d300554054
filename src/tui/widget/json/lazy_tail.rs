//! The tail of a long value, laid out only as far as the user scrolls: the first screen of five megabytes costs no more than that of
//! five hundred kilobytes.

use std::borrow::Cow;

use super::grammar::Grammar;
use super::scan::{Scanner, TokenKind};
use super::{Flat, INDENT, Layout, document, escape};
use crate::format::safe_lines;
use crate::tui::widget::text::{Document, TextRole};

/// Bytes that one step lays out.
pub(super) const SLICE: usize = 256 << 10;

/// The part of a value that is not laid out yet.
#[derive(Clone, Debug)]
pub struct LazyTail {
    /// The whole value, made safe.
    text: String,
    /// The next byte to lay out.
    at: usize,
    grammar: Grammar,
    flat: Flat,
    has_tokens: bool,
    /// The end of a long string that is partly laid out.
    string_end: Option<usize>,
    /// Whether the rest is plain text.
    is_plain: bool,
}

/// Lays out a value as [`document`] does, or only the beginning of a long one. After a syntax error the rest is plain text.
#[must_use]
pub fn open(text: &str) -> (Document, Option<LazyTail>) {
    if text.len() <= 2 * SLICE {
        return (document(text), None);
    }
    let text = safe_lines(text).into_owned();
    let mut tail =
        LazyTail { text, at: 0, grammar: Grammar::default(), flat: Flat::No, has_tokens: false, string_end: None, is_plain: false };
    let mut document = Document::new();
    document.begin_line(0, INDENT);
    tail.lay_out(&mut document);
    if tail.is_plain {
        // A syntax error in the first step: lay it out as plain text from the beginning.
        document = Document::new();
        tail.at = 0;
        tail.lay_out(&mut document);
    }
    let more = tail.at < tail.text.len();
    (document, more.then_some(tail))
}

impl LazyTail {
    /// Lays out the next part; returns whether anything is left.
    pub fn lay_out(&mut self, document: &mut Document) -> bool {
        let until = self.at + SLICE;
        while self.at < self.text.len().min(until) {
            if self.is_plain {
                let end = boundary(&self.text, until);
                document.push_safe(&self.text[self.at..end], TextRole::Plain);
                self.at = end;
            } else if let Some(end) = self.string_end {
                self.string_part(document, until, end);
            } else {
                self.tokens(document, until);
            }
        }
        if document.omitted_bytes() > 0 {
            // The document is full and says so.
            self.at = self.text.len();
        }
        self.at < self.text.len()
    }

    fn tokens(&mut self, document: &mut Document, until: usize) {
        let (grammar, scanner) = (std::mem::take(&mut self.grammar), Scanner::resume(&self.text, self.at));
        let mut layout = Layout { scanner, grammar, document, base: 0, flat: self.flat, has_tokens: self.has_tokens };
        while layout.scanner.at() < until {
            self.at = layout.scanner.at();
            let Some(token) = layout.scanner.next() else {
                self.at = self.text.len();
                break;
            };
            let end = layout.scanner.at();
            match token {
                Ok(token) if token.text.len() > SLICE => {
                    self.is_plain = token.kind != TokenKind::String || layout.grammar.step(token).is_none();
                    (self.string_end, self.at) = ((!self.is_plain).then_some(end), end - token.text.len());
                    layout.has_tokens = true;
                    break;
                }
                token => self.is_plain = token.ok().and_then(|token| layout.token(token)).is_none(),
            }
            if self.is_plain {
                break;
            }
            self.at = end;
        }
        (self.flat, self.has_tokens) = (layout.flat, layout.has_tokens);
        self.grammar = layout.grammar;
    }

    fn string_part(&mut self, document: &mut Document, until: usize, end: usize) {
        let cut = cut_outside_escape(&self.text[..end], self.at, until);
        match escape::decode(&self.text[self.at..cut]) {
            Cow::Borrowed(text) => document.push_safe(text, TextRole::String),
            Cow::Owned(text) => document.push(&text, TextRole::String),
        }
        self.at = cut;
        self.string_end = Some(end).filter(|&end| cut < end);
    }
}

/// Returns the first byte at or after `until` that is not inside an escape; `from` must not be inside one.
fn cut_outside_escape(text: &str, from: usize, until: usize) -> usize {
    let mut at = from;
    while let Some(offset) = text.as_bytes().get(at..until.min(text.len())).and_then(|rest| memchr::memchr(b'\\', rest)) {
        at += offset;
        let long = |at: usize| text.get(at..at + 2) == Some("\\u");
        let length = match (long(at), long(at + 6)) {
            (true, true) => 12,
            (true, false) => 6,
            _ => 2,
        };
        at = boundary(text, at + length);
    }
    boundary(text, at.max(until))
}

/// Returns the first character boundary at or after `at`.
fn boundary(text: &str, at: usize) -> usize {
    (at..text.len()).find(|&at| text.is_char_boundary(at)).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Lays out everything; returns the lines with their roles.
    fn all_lines((mut document, tail): (Document, Option<LazyTail>)) -> Vec<String> {
        if let Some(mut tail) = tail {
            while tail.lay_out(&mut document) {}
        }
        lines(&document)
    }

    fn lines(document: &Document) -> Vec<String> {
        (0..document.lines()).map(|line| format!("{} {:?}", document.indent(line), document.segments(line).collect::<Vec<_>>())).collect()
    }

    fn filled(item: &str, bytes: usize) -> String {
        let items = vec![item; bytes / item.len() + 1];
        format!("[{}]", items.join(", "))
    }

    #[test]
    fn only_the_beginning_of_a_long_value_is_laid_out() {
        let item = r#"{"id": 1, "name": "customer", "tags": ["a", "b"]}"#;
        for text in [
            filled(item, 5 << 20),
            filled(item, 5 << 20).replace('"', "'"),
            format!(r#"{{"data": "{}"}}"#, "line\\nline \\u00e9 ".repeat(300_000)),
            "a word and another ".repeat(300_000),
            "QUJD".repeat(1_300_000),
        ] {
            let (document, tail) = open(&text);
            let laid_out: usize = (0..document.lines()).map(|line| document.line_text(line).len()).sum();
            assert!((SLICE / 4..SLICE * 2).contains(&laid_out), "{laid_out} bytes of {:?}", &text[..20]);
            let tail = tail.unwrap_or_else(|| panic!("more of {:?}", &text[..20]));
            assert!(tail.at < SLICE * 2);
        }
    }

    #[test]
    fn steps_give_the_same_layout() {
        for text in [
            filled(r#"{"id": 1, "name": "a\u00e9\nb", "tags": ["a", "b"]}"#, 1 << 20),
            filled("Message(role='user', parts=[1, 2, None])", 1 << 20),
            filled("1.5", 1 << 20),
            format!(r#"{{"data": "{}", "more": [1, {{}}]}}"#, "é\\nline \\ud83d\\ude00".repeat(60_000)),
            "a word, é and another\n".repeat(60_000),
        ] {
            let one_by_one = all_lines(open(&text));
            let at_once = lines(&document(&text));
            assert_eq!(one_by_one.len(), at_once.len());
            assert!(one_by_one == at_once, "{:?}", one_by_one.iter().zip(&at_once).find(|(one, other)| one != other));
        }
    }

    #[test]
    fn the_rest_after_a_syntax_error_is_text() {
        let text = format!("{} and words", filled("{\"a\": 1}", 2 * SLICE));
        let shown = all_lines(open(&text));
        assert!(shown.last().is_some_and(|line| line.contains(" and words")), "{:?}", shown.last());
        assert!(shown.len() > 1000);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn no_text_is_lost(item in "[{}\\[\\]a1\"'\\\\, é:]{1,60}") {
            let text = item.repeat(2 * SLICE / item.len() + 2000);
            let letters = |text: &str| text.matches('1').count();
            let shown: usize = all_lines(open(&text)).iter().map(|line| letters(&line[line.find('[').unwrap_or(0)..])).sum();
            prop_assert!(shown >= letters(&text));
        }
    }
}
