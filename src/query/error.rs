//! What can be wrong with a filter line.

use super::fields::FIELDS;
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
    /// `attr.` without a name.
    #[error("expected an attribute's name after attr., such as attr.llm.system:openai")]
    MissingAttribute,
    /// A comparison without a field.
    #[error("{0} has no field; write the comparison after a field: cost:>0.01")]
    ComparisonWithoutField(String),
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
        let suggestion = nearest(name, FIELDS.iter().map(|(field, _)| *field));
        Self::UnknownField { name: name.to_owned(), suggestion }
    }
}

fn unknown_field(name: &str, suggestion: Option<&str>) -> String {
    match suggestion {
        Some("attr.") => format!("no field is called {name:?}; write attr.NAME:value for an attribute"),
        Some(field) => format!("no field is called {name:?}; did you mean {field}?"),
        None => format!("no field is called {name:?}; there are {}", FIELDS.map(|(field, _)| field).join(", ")),
    }
}
