//! The lexer of filter lines: words, fields, values, quotes and escapes.

use super::error::{ParseError, ParseErrorKind};

/// Numeric fields: the colon before a comparison is optional.
const NUMERIC_FIELDS: [&str; 6] = ["dur", "self", "tokens", "in", "out", "cost"];

/// A word of the line. Positions are in characters.
#[derive(Debug, Default)]
pub(super) struct Word {
    pub(super) at: usize,
    pub(super) end: usize,
    pub(super) negated: bool,
    pub(super) field: Option<String>,
    /// The alternatives, at least one.
    pub(super) values: Vec<Value>,
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
        word.field = self.field();
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

    /// Reads a field: a name before a colon, or the name of a numeric field before a comparison.
    fn field(&mut self) -> Option<String> {
        if self.peek() == Some('/') {
            return None;
        }
        let is_end = |c: &&char| c.is_whitespace() || matches!(c, ':' | '"' | '|' | '<' | '>');
        let length = self.chars[self.at..].iter().position(|c| is_end(&c))?;
        let end = self.at + length;
        let name: String = self.chars[self.at..end].iter().collect();
        let lower = name.to_ascii_lowercase();
        let is_field = match self.chars[end] {
            ':' => length > 0,
            '<' | '>' => NUMERIC_FIELDS.contains(&lower.as_str()) || lower.starts_with("attr."),
            _ => false,
        };
        if !is_field {
            return None;
        }
        self.at = end + usize::from(self.chars[end] == ':');
        Some(name)
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
            '|' if field.is_some() => {
                at = n + 1;
                typed.clear();
            }
            _ => typed.push(c),
        }
    }
    CursorContext { at, field, typed }
}
