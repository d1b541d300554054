//! The filter line: parsed once, matched against rows.
//!
//! Words are joined by AND, `-` negates, `|` inside a value is OR, quotes keep blanks and mean the whole value, `*` stands for anything,
//! `/…/` is a regular expression. A bare word is fuzzy over name, agent, model, tool and the beginning of the input. What a row does not
//! hold is looked for in payloads, elsewhere: [`Query::probe`] says what, and [`Matcher::found`] is told where it is.

mod edit;
mod lexer;
mod matcher;
mod parse;
#[cfg(test)]
mod tests;
mod time;

pub use edit::{quoted, values_of, with_values};
pub use lexer::{CursorContext, ParseError, place_of};
pub use matcher::Matcher;
pub use parse::{FIELDS, KINDS, STATUSES};

use crate::model::payload_query::{Comparison, Condition};
use crate::model::{Nanos, Pattern, PayloadQuery, SpanType};
use crate::store::RunStatus;
use time::Moment;

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
    Bare(Vec<Bare>),
    Text(Field, Vec<Pattern>),
    Status(Vec<RunStatus>),
    Kind(Vec<SpanType>),
    /// Beginnings of trace ids, as hex digits.
    Trace(Vec<String>),
    Number(Measure, Comparison, i64),
    Since(Moment),
    Until(Moment),
    Payload(Condition),
}

/// A bare word.
#[derive(Clone, Debug, PartialEq)]
enum Bare {
    Fuzzy(String),
    Like(Pattern),
}

/// A text that a row has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Name,
    Agent,
    Model,
    Provider,
    Tool,
    Session,
    User,
    Error,
    /// The same of what failed, with a `*` for what varies.
    Failure,
}

/// A number that a row has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Measure {
    /// Nanoseconds from its start to its end.
    Duration,
    /// Of these, those in which none of its children ran.
    Own,
    /// Tokens in and out.
    Tokens,
    Input,
    Output,
    /// Billionths of a dollar.
    Cost,
}

impl Query {
    /// Whether everything passes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Whether only failed spans pass.
    #[must_use]
    pub fn wants_errors(&self) -> bool {
        self.terms.iter().any(|term| !term.negated && term.test == Test::Status(vec![RunStatus::Error]))
    }

    /// Whether rows alone can't tell what passes: payloads have to be searched.
    #[must_use]
    pub fn needs_payloads(&self) -> bool {
        self.terms.iter().any(|term| matches!(term.test, Test::Payload(_)))
    }

    /// What a span's payload must hold; everything if the query asks for nothing in payloads.
    #[must_use]
    pub fn probe(&self) -> PayloadQuery {
        PayloadQuery::new(self.terms.iter().filter_map(|term| match &term.test {
            Test::Payload(sought) => Some((term.negated, sought.clone())),
            _ => None,
        }))
    }

    /// Whether a search through payloads for the one finds what one for the other would.
    #[must_use]
    pub fn asks_the_same_of_payloads(&self, other: &Self) -> bool {
        let payload = |term: &&Term| matches!(term.test, Test::Payload(_) | Test::Since(_) | Test::Until(_));
        self.terms.iter().filter(payload).eq(other.terms.iter().filter(payload))
    }

    /// The earliest and the latest start of a span that can pass at `now`; `None` where there is no such bound.
    #[must_use]
    pub fn bounds(&self, now: Nanos) -> (Option<Nanos>, Option<Nanos>) {
        let wanted = || self.terms.iter().filter(|term| !term.negated).map(|term| &term.test);
        let since = wanted().filter_map(|test| if let Test::Since(moment) = test { Some(moment.at(now)) } else { None }).max();
        let until = wanted().filter_map(|test| if let Test::Until(moment) = test { Some(moment.at(now)) } else { None }).min();
        (since, until)
    }
}
