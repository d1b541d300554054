//! The words of a filter line: fields, values, quotes and escapes.

/// What is wrong with a filter line, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ParseError {
    /// The place in the line, in characters from its beginning.
    pub at: usize,
    /// What is wrong there and what was expected.
    pub message: String,
}

impl ParseError {
    pub(super) fn new(at: usize, message: impl Into<String>) -> Self {
        Self { at, message: message.into() }
    }
}

/// Fields whose values are numbers: between them and a comparison the colon may be left out.
const MEASURES: [&str; 6] = ["dur", "self", "tokens", "in", "out", "cost"];

/// One word of the line. Places are in characters from the line's beginning.
#[derive(Debug, Default)]
pub(super) struct Word {
    pub(super) at: usize,
    pub(super) end: usize,
    pub(super) negated: bool,
    pub(super) field: Option<String>,
    /// The alternatives, one at least.
    pub(super) values: Vec<Value>,
}

/// One alternative, quotes and escapes resolved.
#[derive(Clone, Debug, Default)]
pub(super) struct Value {
    pub(super) at: usize,
    /// What stands between the `*`s; one if there is none.
    pub(super) parts: Vec<String>,
    /// Whether any of it was quoted.
    pub(super) quoted: bool,
    /// Whether it is a regular expression, which is its only part.
    pub(super) expression: bool,
}

impl Value {
    /// The value as one text, with `*` for its gaps.
    pub(super) fn text(&self) -> String {
        self.parts.join("*")
    }

    fn is_missing(&self) -> bool {
        !self.quoted && !self.expression && self.parts.iter().all(String::is_empty) && self.parts.len() == 1
    }

    fn push(&mut self, c: char) {
        if let Some(part) = self.parts.last_mut() {
            part.push(c);
        }
    }
}

/// Reads all words, or the first mistake.
pub(super) fn words(line: &str) -> Result<Vec<Word>, ParseError> {
    let mut reader = Lexer { chars: line.chars().collect(), at: 0 };
    let mut words = Vec::new();
    while reader.skip_blanks() {
        words.push(reader.word()?);
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

    fn eat(&mut self, wanted: char) -> bool {
        let there = self.peek() == Some(wanted);
        self.at += usize::from(there);
        there
    }

    /// Whether anything follows.
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
                let message = match (&word.field, word.values.is_empty()) {
                    (Some(field), true) => format!("{field}: needs a value"),
                    (None, true) if word.negated => "a word is missing after -".to_owned(),
                    _ => "a value is missing beside |".to_owned(),
                };
                return Err(ParseError::new(value.at, message));
            }
            word.values.push(value);
            if !self.eat('|') {
                break;
            }
        }
        word.end = self.at;
        Ok(word)
    }

    /// The name before a colon; or before a comparison, where it is the name of what can be compared.
    fn field(&mut self) -> Option<String> {
        if self.peek() == Some('/') {
            return None;
        }
        let stops = |c: &&char| c.is_whitespace() || matches!(c, ':' | '"' | '|' | '<' | '>');
        let length = self.chars[self.at..].iter().position(|c| stops(&c))?;
        let end = self.at + length;
        let name: String = self.chars[self.at..end].iter().collect();
        let lower = name.to_ascii_lowercase();
        let is_field = match self.chars[end] {
            ':' => length > 0,
            '<' | '>' => MEASURES.contains(&lower.as_str()) || lower.starts_with("attr."),
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
            self.expression(&mut value)?;
            return Ok(value);
        }
        while let Some(c) = self.peek().filter(|c| !c.is_whitespace() && *c != '|') {
            self.at += 1;
            match c {
                '"' => self.quoted(&mut value)?,
                '*' => value.parts.push(String::new()),
                '\\' => {
                    let escaped = self.escaped(&['*', '|', '"']);
                    value.push(escaped);
                }
                _ => value.push(c),
            }
        }
        Ok(value)
    }

    /// The rest of a quoted piece.
    fn quoted(&mut self, value: &mut Value) -> Result<(), ParseError> {
        let start = self.at - 1;
        value.quoted = true;
        while let Some(c) = self.peek() {
            self.at += 1;
            match c {
                '"' => return Ok(()),
                '*' => value.parts.push(String::new()),
                '\\' => {
                    let escaped = self.escaped(&['*', '\\', '"']);
                    value.push(escaped);
                }
                _ => value.push(c),
            }
        }
        Err(ParseError::new(start, "this quote is not closed"))
    }

    /// What stands behind a backslash if that is one of these, else the backslash.
    fn escaped(&mut self, special: &[char]) -> char {
        match self.peek().filter(|c| special.contains(c)) {
            Some(c) => {
                self.at += 1;
                c
            }
            None => '\\',
        }
    }

    /// The rest of a regular expression: to a slash with which the value ends.
    fn expression(&mut self, value: &mut Value) -> Result<(), ParseError> {
        let start = self.at - 1;
        value.expression = true;
        while let Some(c) = self.peek() {
            self.at += 1;
            match (c, self.peek()) {
                ('/', None | Some('|')) => return Ok(()),
                ('/', Some(next)) if next.is_whitespace() => return Ok(()),
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
        Err(ParseError::new(start, "this regular expression does not end with / (quotes keep a / as it is)"))
    }
}

/// What stands at a place of a line that is being typed, to be completed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CursorContext {
    /// Where it begins, in characters.
    pub at: usize,
    /// The field whose value it is; `None` for the beginning of a word, which may become a field.
    pub field: Option<String>,
    /// What is typed of it so far, without quotes.
    pub typed: String,
}

/// What is being typed before `cursor`, which counts characters.
#[must_use]
pub fn place_of(line: &str, cursor: usize) -> CursorContext {
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
            ':' if field.is_none() && !typed.is_empty() => {
                (at, field) = (n + 1, Some(std::mem::take(&mut typed)));
            }
            '|' if field.is_some() => {
                at = n + 1;
                typed.clear();
            }
            _ => typed.push(c),
        }
    }
    CursorContext { at, field, typed }
}
