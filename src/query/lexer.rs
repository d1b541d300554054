//! The lexer of filter lines: words, fields, values, quotes and escapes.

use super::error::{ParseError, ParseErrorKind, suggestion};
use super::fields::is_field;

/// Numeric fields: the colon before a comparison is optional.
const NUMERIC_FIELDS: [&str; 12] = ["time", "dur", "self", "tokens", "in", "out", "cost", "cached", "context", "ttft", "speed", "score"];

/// A word of the line. Positions are in characters.
#[derive(Debug, Default)]
pub(super) struct Word {
    pub(super) at: usize,
    pub(super) end: usize,
    pub(super) negated: bool,
    pub(super) field: Option<String>,
    /// What is between the field and its values.
    pub(super) operator: Operator,
    /// The alternatives, at least one.
    pub(super) values: Vec<Value>,
}

/// What joins a field and its values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Operator {
    /// `:`, or a comparison, which is part of the value.
    #[default]
    Colon,
    /// `=` or `==`.
    Equal,
    /// `!=`.
    NotEqual,
}

impl Word {
    /// Returns whether the word excludes its values.
    pub(super) fn excludes(&self) -> bool {
        self.negated != (self.operator == Operator::NotEqual)
    }

    /// Returns whether the word is a search for words: without a field, quotes or regular expressions.
    pub(super) fn is_plain(&self) -> bool {
        self.field.is_none() && self.values.iter().all(|value| !value.is_quoted && !value.is_regex)
    }
}

/// One alternative, with quotes and escapes resolved.
#[derive(Clone, Debug, Default)]
pub(super) struct Value {
    pub(super) at: usize,
    /// The parts between the `*`s; one part if there is no `*`.
    pub(super) parts: Vec<String>,
    /// Whether any part was quoted.
    pub(super) is_quoted: bool,
    /// Whether it is a regular expression, which is the only part.
    pub(super) is_regex: bool,
}

impl Value {
    /// Returns a value that every known text matches.
    pub(super) fn any(at: usize) -> Self {
        Self { at, parts: vec![String::new(); 2], ..Self::default() }
    }

    /// Returns the parts joined by `*`.
    pub(super) fn text(&self) -> String {
        self.parts.join("*")
    }

    fn is_missing(&self) -> bool {
        !self.is_quoted && !self.is_regex && self.parts.iter().all(String::is_empty) && self.parts.len() == 1
    }

    fn push(&mut self, c: char) {
        if let Some(part) = self.parts.last_mut() {
            part.push(c);
        }
    }
}

/// Splits a line into words.
pub(super) fn words(line: &str) -> Result<Vec<Word>, ParseError> {
    let mut lexer = Lexer { chars: line.chars().collect(), at: 0 };
    let mut words = Vec::new();
    while lexer.skip_blanks() {
        words.push(lexer.word()?);
    }
    Ok(words)
}

struct Lexer {
    chars: Vec<char>,
    at: usize,
}

impl Lexer {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn eat(&mut self, expected: char) -> bool {
        let is_next = self.peek() == Some(expected);
        self.at += usize::from(is_next);
        is_next
    }

    /// Skips blanks. Returns whether anything follows.
    fn skip_blanks(&mut self) -> bool {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
        self.peek().is_some()
    }

    fn word(&mut self) -> Result<Word, ParseError> {
        let mut word = Word { at: self.at, negated: self.eat('-'), ..Word::default() };
        if let Some((field, operator)) = self.field()? {
            (word.field, word.operator) = (Some(field), operator);
        }
        loop {
            let value = self.value()?;
            if value.is_missing() {
                let kind = match (&word.field, word.values.is_empty()) {
                    (Some(field), true) => ParseErrorKind::MissingValue(field.clone()),
                    (None, true) if word.negated => ParseErrorKind::MissingWord,
                    _ => ParseErrorKind::MissingAlternative,
                };
                return Err(ParseError::new(value.at, kind));
            }
            word.values.push(value);
            if !self.eat('|') {
                break;
            }
        }
        word.end = self.at;
        Ok(word)
    }

    /// Reads a field and what follows it: a name before a colon or a sign of equality, or the name of a numeric field before a comparison,
    /// which is left to the value.
    fn field(&mut self) -> Result<Option<(String, Operator)>, ParseError> {
        if self.peek() == Some('/') {
            return Ok(None);
        }
        let is_end = |c: &char| c.is_whitespace() || matches!(c, ':' | '"' | '|' | '<' | '>' | '=' | '!');
        let Some(length) = self.chars[self.at..].iter().position(is_end).filter(|length| *length > 0) else { return Ok(None) };
        let (at, end) = (self.at, self.at + length);
        let name: String = self.chars[at..end].iter().collect();
        let lower = name.to_ascii_lowercase();
        let is_attribute = lower.starts_with("attr.") || lower.starts_with("param.");
        let has_numbers = is_attribute || NUMERIC_FIELDS.contains(&lower.as_str()) || lower.starts_with("score.");
        let next = self.chars.get(end + 1).copied();
        let (operator, length) = match (self.chars[end], next) {
            (':', _) => (Operator::Colon, 1),
            ('<' | '>', _) if has_numbers => (Operator::Colon, 0),
            ('<' | '>', _) if is_field(&lower) => return Err(ParseError::new(at, ParseErrorKind::NotNumeric(name))),
            ('=', Some('=')) => (Operator::Equal, 2),
            ('!', Some('=')) => (Operator::NotEqual, 2),
            // Words may hold a sign of equality; what is almost a field is a mistake.
            ('=', _) if is_attribute || is_field(&lower) || suggestion(&name).is_some() => (Operator::Equal, 1),
            _ => return Ok(None),
        };
        let is_name = |c: char| c.is_ascii_alphanumeric() || "_.*-".contains(c);
        if self.chars[end] != ':' && !is_attribute && !name.chars().all(is_name) {
            return Ok(None);
        }
        self.at = end + length;
        if operator == Operator::Colon || is_attribute || !has_numbers {
            return Ok(Some((name, operator)));
        }
        // The value of a number begins with its comparison.
        self.at = end;
        Ok(Some((name, Operator::Colon)))
    }

    fn value(&mut self) -> Result<Value, ParseError> {
        let mut value = Value { at: self.at, parts: vec![String::new()], ..Value::default() };
        if self.eat('/') {
            self.regex(&mut value)?;
            return Ok(value);
        }
        while let Some(c) = self.peek().filter(|c| !c.is_whitespace() && *c != '|') {
            self.at += 1;
            match c {
                '"' => self.quoted(&mut value)?,
                '*' => value.parts.push(String::new()),
                '\\' => value.push(self.escaped(&['*', '|', '"'])),
                _ => value.push(c),
            }
        }
        Ok(value)
    }

    /// Reads the rest of a quoted part.
    fn quoted(&mut self, value: &mut Value) -> Result<(), ParseError> {
        let start = self.at - 1;
        value.is_quoted = true;
        while let Some(c) = self.peek() {
            self.at += 1;
            match c {
                '"' => return Ok(()),
                '*' => value.parts.push(String::new()),
                '\\' => value.push(self.escaped(&['*', '\\', '"'])),
                _ => value.push(c),
            }
        }
        Err(ParseError::new(start, ParseErrorKind::UnclosedQuote))
    }

    /// Reads the character after a backslash if it is one of `special`; returns the backslash otherwise.
    fn escaped(&mut self, special: &[char]) -> char {
        special.iter().copied().find(|&c| self.eat(c)).unwrap_or('\\')
    }

    /// Reads the rest of a regular expression, up to a slash that ends the value.
    fn regex(&mut self, value: &mut Value) -> Result<(), ParseError> {
        let start = self.at - 1;
        value.is_regex = true;
        while let Some(c) = self.peek() {
            self.at += 1;
            match (c, self.peek()) {
                ('/', next) if next.is_none_or(|next| next == '|' || next.is_whitespace()) => return Ok(()),
                ('\\', Some('/')) => {
                    self.at += 1;
                    value.push('/');
                }
                ('\\', Some(next)) => {
                    self.at += 1;
                    value.push('\\');
                    value.push(next);
                }
                _ => value.push(c),
            }
        }
        Err(ParseError::new(start, ParseErrorKind::UnclosedRegex))
    }
}

/// The value or the field name before the cursor, to be completed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CursorContext {
    /// The position of its start, in characters.
    pub at: usize,
    /// The field of the value; `None` for the start of a word, which may become a field.
    pub field: Option<String>,
    /// The text up to the cursor, without quotes.
    pub typed: String,
}

/// Returns what is being typed before `cursor`, a position in characters. The line need not be valid.
#[must_use]
pub fn cursor_context(line: &str, cursor: usize) -> CursorContext {
    let (mut at, mut field, mut quoted, mut escaped) = (0, None, false, false);
    let mut typed = String::new();
    for (n, c) in line.chars().take(cursor).enumerate() {
        let starts = typed.is_empty() && at == n;
        match c {
            _ if escaped => {
                escaped = false;
                typed.push(c);
            }
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if quoted => typed.push(c),
            _ if c.is_whitespace() => {
                (at, field) = (n + 1, None);
                typed.clear();
            }
            '-' if starts && field.is_none() => at = n + 1,
            ':' if field.is_none() && !typed.is_empty() => (at, field) = (n + 1, Some(std::mem::take(&mut typed))),
            '=' if field.is_none() && is_field(&typed.trim_end_matches('!').to_ascii_lowercase()) => {
                (at, field) = (n + 1, Some(std::mem::take(&mut typed).trim_end_matches('!').to_owned()));
            }
            '=' if starts && field.is_some() => at = n + 1,
            '|' if field.is_some() => {
                at = n + 1;
                typed.clear();
            }
            _ => typed.push(c),
        }
    }
    CursorContext { at, field, typed }
}
