//! The filter line: parsed once, matched against rows.
//!
//! Words are joined by AND. `-` negates a word, `|` separates alternative values, quotes keep blanks and make a value match exactly, `*`
//! matches any text, and `/…/` is a regular expression. A word without a field is a fuzzy search in name, agent, model, tool and the
//! beginning of the input.
//!
//! Rows do not hold payloads. Conditions on payloads become a [`PayloadQuery`] ([`Query::payload_query`]), which sources run;
//! [`Matcher::add_payload_match`] takes the results. Which calls a cache missed is told by [`Matcher::add_miss`].

mod edit;
mod error;
mod fields;
mod lexer;
mod matcher;
mod parse;
mod record;
#[cfg(test)]
mod tests;
mod time;

pub use edit::{exact, quote, values_of, with_values};
pub use error::{ParseError, ParseErrorKind};
pub use fields::{FIELDS, KINDS, STATUSES};
pub use lexer::{CursorContext, cursor_context};
pub use matcher::Matcher;
pub use record::Record;

use crate::model::payload_query::{Comparison, Condition};
use crate::model::{Nanos, Pattern, PayloadQuery, SpanType};
use crate::store::{RunStatus, Totals};
pub use time::DAY_WORDS;
use time::TimeBound;

/// A parsed filter. The empty one matches every row.
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
    Bare(Vec<BareWord>),
    Text(TextField, Vec<Pattern>),
    Status(Vec<RunStatus>),
    SpanType(Vec<SpanType>),
    /// Severities of log records, from the first to the last.
    Level(Vec<(u8, u8)>),
    /// Prefixes of trace ids as hex digits.
    Trace(Vec<String>),
    Number(NumberField, Comparison, i64),
    /// A score of the run, of the evaluations of a name or a kind.
    Score(Option<Box<str>>, ScoreTest),
    /// The status of an approval of the run.
    Approval(Vec<Pattern>),
    Since(TimeBound),
    Until(TimeBound),
    Payload(Condition),
    /// Whether the cache missed the call; with `None`, either, if it is known. Rows do not tell: [`Matcher::add_miss`] does.
    Miss(Option<bool>),
}

impl Test {
    fn is_tokens(&self) -> bool {
        matches!(self, Self::Number(NumberField::Tokens | NumberField::Input | NumberField::Output, ..))
    }

    fn is_amount(&self) -> bool {
        self.is_tokens() || matches!(self, Self::Number(NumberField::Cost, ..))
    }
}

/// A word without a field.
#[derive(Clone, Debug, PartialEq)]
enum BareWord {
    Fuzzy(String),
    Pattern(Pattern),
}

/// A condition on a score.
#[derive(Clone, Copy, Debug, PartialEq)]
enum ScoreTest {
    Compares(Comparison, f64),
    /// Whether the run passed; with `None`, any.
    Passed(Option<bool>),
}

/// A text of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TextField {
    Name,
    Agent,
    Model,
    Provider,
    Tool,
    Session,
    User,
    Service,
    Error,
    /// The error message of a failed row, normalized: `*` replaces what varies.
    Failure,
    /// The name of a log record's event.
    Event,
    /// The body of a log record.
    Log,
}

/// A number of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NumberField {
    /// Nanoseconds.
    Duration,
    /// Nanoseconds in which no child ran.
    OwnTime,
    /// Input and output tokens.
    Tokens,
    Input,
    Output,
    /// Billionths of a dollar.
    Cost,
    /// The part of the input from the provider's cache, in hundredths of a percent.
    Cached,
    /// The part of the model's context window that the input takes, in hundredths of a percent.
    Context,
    /// Nanoseconds to the first token.
    FirstToken,
    /// Output tokens per second.
    Speed,
}

impl Query {
    /// Returns whether every row matches.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Returns the query that a row matches if it matches both.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.terms.extend(other.terms);
        self
    }

    /// Returns whether only failed rows match.
    #[must_use]
    pub fn requires_error(&self) -> bool {
        self.terms.iter().any(|term| !term.negated && term.test == Test::Status(vec![RunStatus::Error]))
    }

    /// Returns a query for each negated word, which matches what the word excludes.
    pub fn negated_words(&self) -> impl Iterator<Item = Self> {
        let negated = self.terms.iter().filter(|term| term.negated);
        negated.map(|term| Self { terms: vec![Term { negated: false, test: term.test.clone() }] })
    }

    /// Returns what may be the reason if nothing matches.
    #[must_use]
    pub fn reasons_for_nothing(&self) -> Vec<&'static str> {
        let mut reasons = Vec::new();
        if self.terms.iter().any(|term| matches!(term.test, Test::Bare(_))) {
            reasons.push("a word alone matches names and the first words of the input; text:WORD searches all payloads");
        }
        let is_whole = |test: &Test| matches!(test, Test::Text(_, patterns) if patterns.iter().any(Pattern::is_whole));
        if self.terms.iter().any(|term| !term.negated && is_whole(&term.test)) {
            reasons.push("= and quotes compare the whole text: agent=ann; a colon finds a part of it: agent:ann");
        }
        if self.terms.len() > 1 {
            reasons.push("one step must match every word: agent:ann status:error finds failed steps of ann, not failed runs with ann");
        }
        reasons
    }

    /// Returns the condition that looks for the first word without a field in payloads, too, in which such a word alone is not searched.
    #[must_use]
    pub fn word_in_payloads(&self) -> Option<String> {
        self.terms.iter().filter(|term| !term.negated).find_map(|term| match &term.test {
            Test::Bare(words) => Some(match words.as_slice() {
                [BareWord::Fuzzy(word)] if word.chars().all(char::is_alphanumeric) => format!("text:{word}"),
                [BareWord::Fuzzy(word)] => format!("text:{}", quote(word)),
                _ => "text:WORD".to_owned(),
            }),
            _ => None,
        })
    }

    /// Returns whether the query has conditions on payloads, which rows do not hold.
    #[must_use]
    pub fn needs_payloads(&self) -> bool {
        self.terms.iter().any(|term| matches!(term.test, Test::Payload(_)))
    }

    /// Returns whether the query asks which calls a cache missed, which the calls of whole runs tell.
    #[must_use]
    pub fn needs_misses(&self) -> bool {
        self.terms.iter().any(|term| matches!(term.test, Test::Miss(_)))
    }

    /// Returns the query without what it asks of caches.
    #[must_use]
    pub fn without_misses(&self) -> Self {
        Self { terms: self.terms.iter().filter(|term| !matches!(term.test, Test::Miss(_))).cloned().collect() }
    }

    /// Returns whether the query compares costs.
    #[must_use]
    pub fn asks_cost(&self) -> bool {
        self.terms.iter().any(|term| matches!(term.test, Test::Number(NumberField::Cost, ..)))
    }

    /// Returns whether the query compares numbers of tokens.
    #[must_use]
    pub fn asks_tokens(&self) -> bool {
        self.terms.iter().any(|term| term.test.is_tokens())
    }

    /// Returns the query without what it asks of costs and tokens.
    #[must_use]
    pub fn without_amounts(&self) -> Self {
        Self { terms: self.terms.iter().filter(|term| !term.test.is_amount()).cloned().collect() }
    }

    /// Returns whether the query asks of costs and tokens only, which sums over traces have, too.
    #[must_use]
    pub fn asks_only_amounts(&self) -> bool {
        !self.terms.is_empty() && self.terms.iter().all(|term| term.test.is_amount())
    }

    /// Returns whether sums match a query that [asks only amounts](Self::asks_only_amounts). Unknown ones match nothing.
    #[must_use]
    pub fn matches_sums(&self, totals: &Totals) -> bool {
        self.terms.iter().all(|term| match &term.test {
            Test::Number(measure, comparison, limit) => {
                matcher::amount(*measure, totals).is_some_and(|sum| comparison.holds(&sum, limit) != term.negated)
            }
            _ => false,
        })
    }

    /// Returns the conditions on payloads.
    #[must_use]
    pub fn payload_query(&self) -> PayloadQuery {
        PayloadQuery::new(self.terms.iter().filter_map(|term| match &term.test {
            Test::Payload(condition) => Some((term.negated, condition.clone())),
            _ => None,
        }))
    }

    /// Returns texts for a database pre-filter. A trace can match only if, for each inner list, the name or the content of one of its spans
    /// contains at least one of the texts (ignoring case). Empty if that is not known of any word.
    #[must_use]
    pub fn required_words(&self) -> Vec<Vec<String>> {
        let words = self.terms.iter().filter(|term| !term.negated).filter_map(|term| match &term.test {
            // Both are stated by a span of the trace, or by one that the trace is a part of; a name may have other blanks and marks there.
            Test::Text(TextField::Agent | TextField::Model, patterns) => patterns.iter().map(plain_word).collect::<Option<Vec<_>>>(),
            _ => None,
        });
        let payload = self.payload_query();
        let in_payloads = payload.required_substrings().into_iter().map(|texts| texts.into_iter().map(str::to_owned).collect());
        words.chain(in_payloads).collect()
    }

    /// Returns the statuses of which every row that matches has one; `None` if it may have any.
    #[must_use]
    pub fn required_statuses(&self) -> Option<&[RunStatus]> {
        let mut tests = self.terms.iter().filter(|term| !term.negated).map(|term| &term.test);
        tests.find_map(|test| if let Test::Status(statuses) = test { Some(statuses.as_slice()) } else { None })
    }

    /// Returns whether both queries have the same results in a search through payloads.
    #[must_use]
    pub fn has_same_payload_search(&self, other: &Self) -> bool {
        let affects_search = |term: &&Term| matches!(term.test, Test::Payload(_) | Test::Since(_) | Test::Until(_));
        self.terms.iter().filter(affects_search).eq(other.terms.iter().filter(affects_search))
    }

    /// Returns how the id of every trace that matches begins, one of these, in lower case; none if it may begin in any way.
    #[must_use]
    pub fn trace_prefixes(&self) -> &[String] {
        let mut tests = self.terms.iter().filter(|term| !term.negated).map(|term| &term.test);
        tests.find_map(|test| if let Test::Trace(prefixes) = test { Some(prefixes.as_slice()) } else { None }).unwrap_or_default()
    }

    /// Returns the earliest and the latest start of a row that can match at `now`; `None` for no bound.
    #[must_use]
    pub fn start_bounds(&self, now: Nanos) -> (Option<Nanos>, Option<Nanos>) {
        let tests = || self.terms.iter().filter(|term| !term.negated).map(|term| &term.test);
        let since = tests().filter_map(|test| if let Test::Since(bound) = test { Some(bound.at(now)) } else { None }).max();
        let until = tests().filter_map(|test| if let Test::Until(bound) = test { Some(bound.at(now)) } else { None }).min();
        (since, until)
    }
}

/// Returns the longest run of letters and digits in every text that the pattern matches; `None` if that is too short to tell anything.
fn plain_word(pattern: &Pattern) -> Option<String> {
    const SHORTEST: usize = 3;
    let runs = pattern.parts().iter().flat_map(|part| part.split(|c: char| !c.is_ascii_alphanumeric()));
    runs.max_by_key(|run| run.len()).filter(|run| run.len() >= SHORTEST).map(str::to_owned)
}
