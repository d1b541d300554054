//! A pull parser over a JSON text.

use super::quotes::{End, Quotes};
use super::{JsonError, Scalar};

/// The maximum nesting, one bit per level in [`Cursor::open`]. Deeper lists and maps can only be skipped.
const MAX_DEPTH: usize = 127;

/// The start of a value.
pub(super) enum Token<'a> {
    /// A complete scalar.
    Scalar(Scalar<'a>),
    /// A list that starts at this byte; continue with [`Cursor::item`].
    List(usize),
    /// A map that starts at this byte; continue with [`Cursor::key`].
    Map(usize),
}

pub(super) struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
    /// One bit per open list (0) or map (1), the innermost lowest.
    open: u128,
    depth: usize,
    /// Whether a list or map was just opened, so that no comma is expected.
    is_first: bool,
    quotes: Quotes,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0, open: 0, depth: 0, is_first: false, quotes: Quotes::new(text) }
    }

    /// Returns the text from a byte to the cursor.
    pub(super) fn since(&self, from: usize) -> &'a [u8] {
        self.text.get(from..self.at).unwrap_or_default()
    }

    /// Whether nothing but blanks follows.
    pub(super) fn is_at_end(&mut self) -> bool {
        self.peek().is_none()
    }

    /// Fails if anything but blanks follows.
    pub(super) fn end(&mut self) -> Result<(), JsonError> {
        if self.is_at_end() { Ok(()) } else { self.error("text after the end") }
    }

    /// Reads a scalar, or enters a list or a map.
    #[inline]
    pub(super) fn token(&mut self) -> Result<Token<'a>, JsonError> {
        let from = self.skip_blanks();
        match self.text.get(from) {
            Some(b'"') => Ok(Token::Scalar(self.string()?)),
            Some(b'{') => self.enter(1).map(|()| Token::Map(from)),
            Some(b'[') => self.enter(0).map(|()| Token::List(from)),
            Some(b't') => self.word(b"true", Scalar::Bool(true)),
            Some(b'f') => self.word(b"false", Scalar::Bool(false)),
            Some(b'n') => self.word(b"null", Scalar::Other(b"null")),
            Some(b'N') => self.word(b"NaN", Scalar::Float(f64::NAN)),
            Some(b'I') => self.word(b"Infinity", Scalar::Float(f64::INFINITY)),
            Some(b'-') if self.text.get(from + 1) == Some(&b'I') => self.word(b"-Infinity", Scalar::Float(f64::NEG_INFINITY)),
            Some(b'-' | b'0'..=b'9') => self.number().map(Token::Scalar),
            Some(_) => self.error("expected a value"),
            None => self.error("the text ends too early"),
        }
    }

    /// Reads the next key of the innermost map and its colon. At the end of the map, leaves it and returns `None`.
    #[inline]
    pub(super) fn key(&mut self) -> Result<Option<Scalar<'a>>, JsonError> {
        if !self.has_next(b'}')? {
            return Ok(None);
        }
        if self.peek() != Some(b'"') {
            return self.error("expected a key");
        }
        let key = self.string()?;
        if self.peek() != Some(b':') {
            return self.error("expected a colon");
        }
        self.at += 1;
        Ok(Some(key))
    }

    /// Returns whether the innermost list has another item; otherwise leaves the list.
    pub(super) fn item(&mut self) -> Result<bool, JsonError> {
        self.has_next(b']')
    }

    /// Skips and validates the rest of the innermost list or map.
    pub(super) fn skip_rest(&mut self) -> Result<(), JsonError> {
        let outside = self.depth - 1;
        while self.depth > outside {
            let has_next = if self.open & 1 == 1 { self.key()?.is_some() } else { self.item()? };
            if has_next && self.depth == MAX_DEPTH && matches!(self.peek(), Some(b'{' | b'[')) {
                self.skip_brackets()?;
            } else if has_next {
                self.token()?;
            }
        }
        Ok(())
    }

    /// Skips a list or a map by its brackets, without validating its contents.
    #[cold]
    fn skip_brackets(&mut self) -> Result<(), JsonError> {
        let mut open = 0_usize;
        loop {
            match self.text.get(self.at) {
                Some(b'"') => {
                    self.string()?;
                    continue;
                }
                Some(b'[' | b'{') => open += 1,
                Some(b']' | b'}') => open -= 1,
                Some(_) => {}
                None => return self.error("the text ends too early"),
            }
            self.at += 1;
            if open == 0 {
                return Ok(());
            }
        }
    }

    fn has_next(&mut self, close: u8) -> Result<bool, JsonError> {
        let is_first = std::mem::take(&mut self.is_first);
        match self.peek() {
            Some(byte) if byte == close => {
                self.at += 1;
                self.open >>= 1;
                self.depth -= 1;
                Ok(false)
            }
            Some(b',') if !is_first => {
                self.at += 1;
                Ok(true)
            }
            Some(_) if is_first => Ok(true),
            Some(_) => self.error("expected a comma"),
            None => self.error("the text ends too early"),
        }
    }

    fn enter(&mut self, map: u128) -> Result<(), JsonError> {
        if self.depth == MAX_DEPTH {
            return self.error("lists and maps nested too deep");
        }
        self.at += 1;
        self.depth += 1;
        self.open = self.open << 1 | map;
        self.is_first = true;
        Ok(())
    }

    /// Skips blanks and returns the position of the cursor.
    #[inline]
    pub(super) fn skip_blanks(&mut self) -> usize {
        while let Some(b' ' | b'\n' | b'\t' | b'\r') = self.text.get(self.at) {
            self.at += 1;
        }
        self.at
    }

    #[inline]
    fn peek(&mut self) -> Option<u8> {
        let at = self.skip_blanks();
        self.text.get(at).copied()
    }

    fn word(&mut self, word: &[u8], scalar: Scalar<'a>) -> Result<Token<'a>, JsonError> {
        if !self.text.get(self.at..).is_some_and(|rest| rest.starts_with(word)) {
            return self.error("expected a value");
        }
        self.at += word.len();
        Ok(Token::Scalar(scalar))
    }

    /// Reads a string. The cursor must be at its opening quote.
    #[inline]
    fn string(&mut self) -> Result<Scalar<'a>, JsonError> {
        let from = self.at + 1;
        let End { at, has_escapes } = self.quotes.end(self.text, from)?;
        self.at = at + 1;
        let raw = self.text.get(from..at).unwrap_or_default();
        Ok(if has_escapes { Scalar::Escaped(raw) } else { Scalar::Text(raw) })
    }

    fn number(&mut self) -> Result<Scalar<'a>, JsonError> {
        let from = self.at;
        if self.text.get(self.at) == Some(&b'-') {
            self.at += 1;
        }
        let starts_with_zero = self.text.get(self.at) == Some(&b'0');
        if self.digits()? > 1 && starts_with_zero {
            return self.error("a number with a leading zero");
        }
        let mut is_integer = true;
        if self.text.get(self.at) == Some(&b'.') {
            is_integer = false;
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.text.get(self.at) {
            is_integer = false;
            self.at += 1;
            if let Some(b'+' | b'-') = self.text.get(self.at) {
                self.at += 1;
            }
            self.digits()?;
        }
        let text = std::str::from_utf8(self.since(from)).unwrap_or_default();
        let int = if is_integer { text.parse().ok() } else { None };
        Ok(int.map_or_else(|| Scalar::Float(text.parse().unwrap_or(f64::NAN)), Scalar::Int))
    }

    fn digits(&mut self) -> Result<usize, JsonError> {
        let from = self.at;
        while self.text.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        if self.at == from { self.error("a number without digits") } else { Ok(self.at - from) }
    }

    fn error<T>(&self, what: &'static str) -> Result<T, JsonError> {
        Err(JsonError { at: self.at, what })
    }
}
