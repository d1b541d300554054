//! The filter line: parsed once, matched against rows.
//!
//! Words are joined by AND, `-` negates, `|` inside a value is OR, quotes keep blanks and mean the whole value. A bare word is fuzzy over
//! name, agent, model, tool and the beginning of the input.

mod matcher;
mod parse;

pub use matcher::Matcher;
pub use parse::{Mistake, values_of, with_values};

use crate::model::{Kind, Nanos};
use crate::store::Standing;

/// A filter. The empty one lets everything through.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Query {
    terms: Vec<Term>,
}

/// One word of the line.
#[derive(Clone, Debug, PartialEq)]
struct Term {
    negated: bool,
    test: Test,
}

#[derive(Clone, Debug, PartialEq)]
enum Test {
    Fuzzy(String),
    Text(Field, Vec<Pattern>),
    Status(Vec<Standing>),
    Kind(Vec<Kind>),
    Duration(Comparison, Nanos),
    Tokens(Comparison, u64),
}

/// A text that a row has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Name,
    Agent,
    Model,
    Tool,
    Session,
    User,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Less,
    AtMost,
    More,
    AtLeast,
}

impl Comparison {
    fn holds<T: PartialOrd>(self, left: &T, right: &T) -> bool {
        match self {
            Self::Less => left < right,
            Self::AtMost => left <= right,
            Self::More => left > right,
            Self::AtLeast => left >= right,
        }
    }
}

/// A text to look for, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Pattern {
    /// The whole text.
    Whole(String),
    /// A part of it.
    Part(String),
    /// The parts between the `*`s, in order; the ends are anchored.
    Parts(Vec<String>),
}

impl Pattern {
    fn matches(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        match self {
            Self::Whole(whole) => text == *whole,
            Self::Part(part) => text.contains(part.as_str()),
            Self::Parts(parts) => wildcard(parts, &text),
        }
    }
}

fn wildcard(parts: &[String], text: &str) -> bool {
    let [first, middle @ .., last] = parts else { return false };
    let Some(mut rest) = text.strip_prefix(first.as_str()) else { return false };
    for part in middle {
        let Some(at) = rest.find(part.as_str()) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last.as_str())
}

impl Query {
    /// Whether everything passes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }
}
