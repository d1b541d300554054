//! A place in a JSON text that moves forward, token by token.

use super::quotes::{End, Quotes};
use super::{JsonError, Scalar};

/// How deep lists and maps are followed, one bit for each in [`Cursor::open`]. Deeper ones can only be skipped.
const DEEPEST: usize = 127;

/// What stands at the cursor.
pub(super) enum Token<'a> {
    /// A value that holds no others.
    Scalar(Scalar<'a>),
    /// A list that began at this byte; [`Cursor::item`] follows.
    List(usize),
    /// A map that began at this byte; [`Cursor::key`] follows.
    Map(usize),
}

pub(super) struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
    /// One bit for each list (0) or map (1) that is open, the innermost lowest.
    open: u128,
    depth: usize,
    /// A list or map was just opened: no comma yet.
    fresh: bool,
    quotes: Quotes,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0, open: 0, depth: 0, fresh: false, quotes: Quotes::new(text) }
    }

    /// The text from the given byte to here.
    pub(super) fn since(&self, from: usize) -> &'a [u8] {
        self.text.get(from..self.at).unwrap_or_default()
    }

    /// Nothing but blanks may follow.
    pub(super) fn end(&mut self) -> Result<(), JsonError> {
        if self.peek().is_some() { self.broken("text after the end") } else { Ok(()) }
    }

    /// Reads a scalar, or goes into a list or map.
    #[inline]
    pub(super) fn token(&mut self) -> Result<Token<'a>, JsonError> {
        let from = self.at_next();
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
            Some(_) => self.broken("no value"),
            None => self.broken("the text ends too early"),
        }
    }

    /// The next key of the innermost map, its colon read; `None` and out of the map at its end.
    #[inline]
    pub(super) fn key(&mut self) -> Result<Option<Scalar<'a>>, JsonError> {
        if !self.more(b'}')? {
            return Ok(None);
        }
        if self.peek() != Some(b'"') {
            return self.broken("no key");
        }
        let key = self.string()?;
        if self.peek() != Some(b':') {
            return self.broken("no colon");
        }
        self.at += 1;
        Ok(Some(key))
    }

    /// Whether the innermost list has another item; out of the list if not.
    pub(super) fn item(&mut self) -> Result<bool, JsonError> {
        self.more(b']')
    }

    /// Skips the rest of the innermost list or map, checking it.
    pub(super) fn skip_rest(&mut self) -> Result<(), JsonError> {
        let outside = self.depth - 1;
        while self.depth > outside {
            let more = if self.open & 1 == 1 { self.key()?.is_some() } else { self.item()? };
            if more && self.depth == DEEPEST && matches!(self.peek(), Some(b'{' | b'[')) {
                self.skip_brackets()?;
            } else if more {
                self.token()?;
            }
        }
        Ok(())
    }

    /// Skips a list or a map by its brackets alone, without checking what is inside.
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
                None => return self.broken("the text ends too early"),
            }
            self.at += 1;
            if open == 0 {
                return Ok(());
            }
        }
    }

    fn more(&mut self, close: u8) -> Result<bool, JsonError> {
        let fresh = std::mem::take(&mut self.fresh);
        match self.peek() {
            Some(byte) if byte == close => {
                self.at += 1;
                self.open >>= 1;
                self.depth -= 1;
                Ok(false)
            }
            Some(b',') if !fresh => {
                self.at += 1;
                Ok(true)
            }
            Some(_) if fresh => Ok(true),
            Some(_) => self.broken("no comma"),
            None => self.broken("the text ends too early"),
        }
    }

    fn enter(&mut self, map: u128) -> Result<(), JsonError> {
        if self.depth == DEEPEST {
            return self.broken("lists and maps nested too deep");
        }
        self.at += 1;
        self.depth += 1;
        self.open = self.open << 1 | map;
        self.fresh = true;
        Ok(())
    }

    /// Where the next byte that is no blank stands.
    #[inline]
    fn at_next(&mut self) -> usize {
        while let Some(b' ' | b'\n' | b'\t' | b'\r') = self.text.get(self.at) {
            self.at += 1;
        }
        self.at
    }

    #[inline]
    fn peek(&mut self) -> Option<u8> {
        let at = self.at_next();
        self.text.get(at).copied()
    }

    fn word(&mut self, word: &[u8], scalar: Scalar<'a>) -> Result<Token<'a>, JsonError> {
        if !self.text.get(self.at..).is_some_and(|rest| rest.starts_with(word)) {
            return self.broken("no value");
        }
        self.at += word.len();
        Ok(Token::Scalar(scalar))
    }

    /// Reads a string; the cursor stands on its opening quote.
    #[inline]
    fn string(&mut self) -> Result<Scalar<'a>, JsonError> {
        let from = self.at + 1;
        let End { at, escaped } = self.quotes.end(self.text, from)?;
        self.at = at + 1;
        let raw = self.text.get(from..at).unwrap_or_default();
        Ok(if escaped { Scalar::Escaped(raw) } else { Scalar::Text(raw) })
    }

    fn number(&mut self) -> Result<Scalar<'a>, JsonError> {
        let from = self.at;
        if self.text.get(self.at) == Some(&b'-') {
            self.at += 1;
        }
        let zero = self.text.get(self.at) == Some(&b'0');
        if self.digits()? > 1 && zero {
            return self.broken("a number with a leading zero");
        }
        let mut whole = true;
        if self.text.get(self.at) == Some(&b'.') {
            whole = false;
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.text.get(self.at) {
            whole = false;
            self.at += 1;
            if let Some(b'+' | b'-') = self.text.get(self.at) {
                self.at += 1;
            }
            self.digits()?;
        }
        let text = std::str::from_utf8(self.since(from)).unwrap_or_default();
        let int = if whole { text.parse().ok() } else { None };
        Ok(int.map_or_else(|| Scalar::Float(text.parse().unwrap_or(f64::NAN)), Scalar::Int))
    }

    fn digits(&mut self) -> Result<usize, JsonError> {
        let from = self.at;
        while self.text.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        if self.at == from { self.broken("a number without digits") } else { Ok(self.at - from) }
    }

    fn broken<T>(&self, what: &'static str) -> Result<T, JsonError> {
        Err(JsonError { at: self.at, what })
    }
}
