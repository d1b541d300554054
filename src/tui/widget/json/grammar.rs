//! The grammar of JSON and Python's `repr`. Truncated values are valid, since values are often cut.

use super::Shape;
use super::scan::{Scanner, Token, TokenKind, is_closed};

/// The tokens are neither JSON nor a `repr`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SyntaxError;

/// The state of the parser, with a byte for each open bracket.
#[derive(Clone, Debug, Default)]
pub(super) struct Grammar {
    open: Vec<u8>,
    state: State,
    python: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// At the beginning.
    #[default]
    Start,
    /// After an opening bracket.
    Opened,
    /// After a comma.
    Comma,
    /// After a colon or an equals sign.
    Bound,
    /// After a value.
    Value(Last),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Last {
    /// A string in double quotes.
    Text,
    /// A name other than a keyword.
    Name,
    /// Any other scalar.
    Scalar,
    /// A bracketed value.
    Brackets,
}

/// Set in a bracket's byte while the current element has a key: after a colon or an equals sign.
const BOUND: u8 = 0x80;

impl Grammar {
    /// Consumes the next token.
    pub(super) fn step(&mut self, token: Token<'_>) -> Result<(), SyntaxError> {
        match token.kind {
            TokenKind::Open => self.open(token)?,
            TokenKind::Close => self.close(token)?,
            TokenKind::Comma => {
                if !matches!(self.state, State::Value(_)) || self.open.is_empty() {
                    return Err(SyntaxError);
                }
                self.python |= self.bracket() == Some(b'{') && self.is_key();
                self.unbind();
                self.state = State::Comma;
            }
            TokenKind::Colon => {
                let State::Value(last) = self.state else { return Err(SyntaxError) };
                if self.bracket() != Some(b'{') || !self.is_key() {
                    return Err(SyntaxError);
                }
                self.python |= last != Last::Text;
                self.bind();
            }
            TokenKind::Equals => {
                if self.state != State::Value(Last::Name) || self.bracket() != Some(b'(') {
                    return Err(SyntaxError);
                }
                self.bind();
            }
            TokenKind::String | TokenKind::Number | TokenKind::Word | TokenKind::Opaque => self.scalar(token)?,
        }
        Ok(())
    }

    /// Returns the syntax of the text after its last token.
    pub(super) fn finish(&self) -> Shape {
        match self.state {
            State::Start => Shape::Plain,
            State::Value(Last::Name) if self.open.is_empty() => Shape::Plain,
            _ if self.python => Shape::Repr,
            _ => Shape::Json,
        }
    }

    /// Returns the number of open brackets.
    pub(super) fn depth(&self) -> usize {
        self.open.len()
    }

    fn bracket(&self) -> Option<u8> {
        self.open.last().map(|byte| byte & !BOUND)
    }

    fn open(&mut self, token: Token<'_>) -> Result<(), SyntaxError> {
        let bracket = token.text.as_bytes()[0];
        let call = bracket == b'(' && token.is_adjacent && self.state == State::Value(Last::Name);
        let follows = self.open.is_empty() && self.state == State::Value(Last::Brackets);
        if matches!(self.state, State::Value(_)) && !call && !follows {
            return Err(SyntaxError);
        }
        self.python |= bracket == b'(';
        self.open.push(bracket);
        self.state = State::Opened;
        Ok(())
    }

    fn close(&mut self, token: Token<'_>) -> Result<(), SyntaxError> {
        let expected = match self.bracket() {
            Some(b'{') => "}",
            Some(b'[') => "]",
            Some(b'(') => ")",
            _ => return Err(SyntaxError),
        };
        if token.text != expected || self.state == State::Bound {
            return Err(SyntaxError);
        }
        self.python |= self.state == State::Comma || (expected == "}" && self.is_key() && self.state != State::Opened);
        self.open.pop();
        self.state = State::Value(Last::Brackets);
        Ok(())
    }

    fn scalar(&mut self, token: Token<'_>) -> Result<(), SyntaxError> {
        if matches!(self.state, State::Value(_)) {
            return Err(SyntaxError);
        }
        let last = match token.kind {
            TokenKind::String if token.text.starts_with('"') => Last::Text,
            TokenKind::Word if !is_keyword(token.text) => Last::Name,
            _ => Last::Scalar,
        };
        if token.kind == TokenKind::String && self.open.is_empty() && !is_closed(token.text) {
            return Err(SyntaxError);
        }
        self.python |= match token.kind {
            TokenKind::Number => false,
            TokenKind::Word => !matches!(token.text, "true" | "false" | "null"),
            _ => last != Last::Text,
        };
        self.state = State::Value(last);
        Ok(())
    }

    /// Whether the current element of the innermost brackets has no key yet, so that it can be one.
    fn is_key(&self) -> bool {
        self.open.last().is_some_and(|byte| byte & BOUND == 0)
    }

    fn bind(&mut self) {
        if let Some(open) = self.open.last_mut() {
            *open |= BOUND;
        }
        self.state = State::Bound;
    }

    fn unbind(&mut self) {
        if let Some(open) = self.open.last_mut() {
            *open &= !BOUND;
        }
    }
}

/// Detects the syntax of `text`.
pub(super) fn shape(text: &str) -> Shape {
    let mut grammar = Grammar::default();
    for token in Scanner::new(text) {
        if token.ok().and_then(|token| grammar.step(token).ok()).is_none() {
            return Shape::Plain;
        }
    }
    grammar.finish()
}

/// Whether a word is a literal.
fn is_keyword(word: &str) -> bool {
    matches!(word, "true" | "false" | "null" | "True" | "False" | "None" | "NaN" | "nan" | "inf" | "-inf" | "Infinity" | "-Infinity")
}

#[cfg(test)]
mod tests;
