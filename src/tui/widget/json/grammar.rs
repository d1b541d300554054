//! The grammar of JSON and Python's `repr`. Truncated values are valid, since values are often cut.

use super::scan::{Scanner, Token, TokenKind, is_closed};

/// The state of the parser, with a byte for each open bracket.
#[derive(Clone, Debug, Default)]
pub(super) struct Grammar {
    open: Vec<u8>,
    state: State,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// At the beginning.
    #[default]
    Start,
    /// After an opening bracket or a comma.
    Element,
    /// After a colon or an equals sign.
    Bound,
    /// After a value.
    Value(Last),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Last {
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
    /// Consumes the next token; returns `None` on a syntax error.
    pub(super) fn step(&mut self, token: Token<'_>) -> Option<()> {
        self.state = match (token.kind, self.state) {
            (TokenKind::Open, state) => {
                let bracket = token.text.as_bytes()[0];
                let is_call = bracket == b'(' && token.is_adjacent && state == State::Value(Last::Name);
                let is_further_value = self.open.is_empty() && state == State::Value(Last::Brackets);
                if matches!(state, State::Value(_)) && !is_call && !is_further_value {
                    return None;
                }
                self.open.push(bracket);
                State::Element
            }
            (TokenKind::Close, State::Element | State::Value(_)) if self.is_closed_by(token.text) => {
                self.open.pop();
                State::Value(Last::Brackets)
            }
            (TokenKind::Comma, State::Value(_)) if !self.open.is_empty() => {
                self.set_bound(false);
                State::Element
            }
            (TokenKind::Colon, State::Value(_)) if self.open.last() == Some(&b'{') => {
                self.set_bound(true);
                State::Bound
            }
            (TokenKind::Equals, State::Value(Last::Name)) if self.bracket() == Some(b'(') => {
                self.set_bound(true);
                State::Bound
            }
            (TokenKind::Close | TokenKind::Comma | TokenKind::Colon | TokenKind::Equals, _) | (_, State::Value(_)) => return None,
            (TokenKind::String, _) if self.open.is_empty() && !is_closed(token.text) => return None,
            (TokenKind::Word, _) if !is_keyword(token.text) => State::Value(Last::Name),
            (TokenKind::String | TokenKind::Number | TokenKind::Word | TokenKind::Opaque, _) => State::Value(Last::Scalar),
        };
        Some(())
    }

    /// Whether the tokens are a value: there is one, and it is more than a single name.
    pub(super) fn is_value(&self) -> bool {
        self.state != State::Start && !(self.state == State::Value(Last::Name) && self.open.is_empty())
    }

    /// Returns the number of open brackets.
    pub(super) fn depth(&self) -> usize {
        self.open.len()
    }

    fn bracket(&self) -> Option<u8> {
        self.open.last().map(|byte| byte & !BOUND)
    }

    fn is_closed_by(&self, close: &str) -> bool {
        matches!((self.bracket(), close), (Some(b'{'), "}") | (Some(b'['), "]") | (Some(b'('), ")"))
    }

    fn set_bound(&mut self, bound: bool) {
        if let Some(open) = self.open.last_mut() {
            *open = *open & !BOUND | if bound { BOUND } else { 0 };
        }
    }
}

/// Whether a text is JSON or a `repr`, perhaps truncated.
pub(super) fn is_value(text: &str) -> bool {
    let mut grammar = Grammar::default();
    let is_valid = Scanner::new(text).all(|token| token.ok().and_then(|token| grammar.step(token)).is_some());
    is_valid && grammar.is_value()
}

/// Whether a word is a literal.
fn is_keyword(word: &str) -> bool {
    matches!(word, "true" | "false" | "null" | "True" | "False" | "None" | "NaN" | "nan" | "inf" | "-inf" | "Infinity" | "-Infinity")
}

#[cfg(test)]
mod tests;
