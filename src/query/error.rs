//! What can be wrong with a filter line.

use super::fields::{FIELDS, STATUSES, SYNONYMS};
use crate::model::{PatternError, nearest};

/// An error in a filter line, with its position.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct ParseError {
    /// The position in the line, in characters.
    pub at: usize,
    /// What is wrong there.
    pub kind: ParseErrorKind,
}

impl ParseError {
    pub(super) fn new(at: usize, kind: impl Into<ParseErrorKind>) -> Self {
        Self { at, kind: kind.into() }
    }
}

/// What is wrong with a filter line. `Display` says it to the user.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ParseErrorKind {
    /// A field without a value.
    #[error("{0}: needs a value")]
    MissingValue(String),
    /// A `-` without a word.
    #[error("a word is missing after -")]
    MissingWord,
    /// A `|` without a value on one side.
    #[error("a value is missing beside |")]
    MissingAlternative,
    /// A quote without its end.
    #[error("this quote is not closed")]
    UnclosedQuote,
    /// A regular expression without its end.
    #[error("this regular expression does not end with / (put a value that begins with / in quotes)")]
    UnclosedRegex,
    /// An unknown field, with the most similar known one.
    #[error("{}", unknown_field(name, *suggestion))]
    UnknownField {
        /// The name in the line.
        name: String,
        /// A known field with a similar name.
        suggestion: Option<&'static str>,
    },
    /// `score.` without a name.
    #[error("expected the name or the kind of an evaluation after score., such as score.accuracy:<5")]
    MissingScore,
    /// `attr.` without a name.
    #[error("expected an attribute's name after attr., such as attr.llm.system:openai")]
    MissingAttribute,
    /// A comparison without a field.
    #[error("{0} has no field; write it after one: cost>0.01")]
    ComparisonWithoutField(String),
    /// A comparison of a field that is no number.
    #[error("{0} is no number; write {0}:VALUE")]
    NotNumeric(String),
    /// A `-` before `!=`.
    #[error("- and != together are hard to read; write {0}=VALUE")]
    DoubleNegation(String),
    /// A condition that is empty, or a word without a field where a condition must be meant.
    #[error("{}", not_a_condition(.0))]
    NotACondition(String),
    /// A field of log records in a filter of spans.
    #[error("only log records have {0}, and no span would match; agno-top logs --filter takes it")]
    OnlyOfLogs(String),
    /// A value in quotes of another kind.
    #[error("quotes are written \": {0:?} would be searched with its quotes")]
    OtherQuotes(String),
    /// Several values for a field that takes one.
    #[error("this field takes one value")]
    SeveralValues,
    /// A value of another form than the field expects.
    #[error("expected {expected}, found {found:?}")]
    Unexpected {
        /// The expected form, with an example.
        expected: &'static str,
        /// The value in the line.
        found: String,
    },
    /// A time that is not one of the words for days.
    #[error("{found:?} is no time; did you mean {suggestion}?")]
    UnknownDay {
        /// The value in the line.
        found: String,
        /// The word with a similar name.
        suggestion: &'static str,
    },
    /// A value that is not one of the field's names.
    #[error("no {field} is called {found:?}; there are {known}")]
    UnknownName {
        /// The field.
        field: &'static str,
        /// The value in the line.
        found: String,
        /// The known names, joined by commas.
        known: String,
    },
    /// A value that cannot be searched for.
    #[error(transparent)]
    Pattern(#[from] PatternError),
}

impl ParseErrorKind {
    pub(super) fn unexpected(expected: &'static str, found: impl Into<String>) -> Self {
        Self::Unexpected { expected, found: found.into() }
    }

    /// The error for a field that does not exist.
    pub(super) fn unknown_field(name: &str) -> Self {
        Self::UnknownField { name: name.to_owned(), suggestion: suggestion(name) }
    }
}

/// Returns the field that a name most likely means: a part of it that is a field or a word for one, as in `total_cost`, or the most similar one.
pub(super) fn suggestion(name: &str) -> Option<&'static str> {
    let named = |part: &str| {
        let known = FIELDS.iter().map(|(field, _)| (*field, *field)).chain(SYNONYMS);
        known.into_iter().find(|(word, _)| word.eq_ignore_ascii_case(part)).map(|(_, field)| field)
    };
    parts(name).find_map(named).or_else(|| nearest(name, FIELDS.iter().map(|(field, _)| *field)))
}

/// Splits a name into its words: `total_cost`, `cost.usd`, `totalCost`.
fn parts(name: &str) -> impl Iterator<Item = &str> {
    let is_start = |at: usize, c: char| c.is_ascii_uppercase() && name[..at].ends_with(|before: char| before.is_ascii_lowercase());
    let mut cuts: Vec<usize> =
        name.char_indices().filter(|&(at, c)| !c.is_ascii_alphanumeric() || is_start(at, c)).map(|(at, _)| at).collect();
    cuts.push(name.len());
    let starts: Vec<usize> = std::iter::once(0).chain(cuts.iter().copied()).collect();
    starts.into_iter().zip(cuts).map(|(start, end)| name[start..end].trim_matches(|c: char| !c.is_ascii_alphanumeric()))
}

fn not_a_condition(word: &str) -> String {
    if word.is_empty() {
        return "the condition is empty".to_owned();
    }
    let statuses: Vec<&str> = STATUSES.iter().map(|(name, _)| *name).collect();
    format!("{word:?} is neither a status ({}) nor a comparison; to search names, write name:{word}", statuses.join(", "))
}

fn unknown_field(name: &str, suggestion: Option<&str>) -> String {
    let attribute = if name.contains('.') { format!("; an attribute is written attr.{name}") } else { String::new() };
    match suggestion {
        Some("attr.") => format!("no field is called {name:?}; write attr.NAME:value for an attribute"),
        Some(field) => format!("no field is called {name:?}; did you mean {field}?{}", attribute.replacen("; an", " An", 1)),
        None if !attribute.is_empty() => format!("no field is called {name:?}{attribute}"),
        None => format!("no field is called {name:?}; there are {}", FIELDS.map(|(field, _)| field).join(", ")),
    }
}
