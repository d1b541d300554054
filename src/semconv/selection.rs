//! The parts of attributes that a row needs, for a source that can select and cut them before it sends them.
//!
//! A row built from these parts has the same facts as a row built from the whole attributes. PostgreSQL's statements are generated from
//! this list, so that a new key in the conventions needs no change there.

use super::extractor::{ANSWER_WORDS, MAX_MAP_CHARS, MAX_REASON_CHARS, METADATA_WORDS, PROMPT_PREFIX, REASONS};
use super::keys::{ENDS, Field};
use super::messages::{MAX_MESSAGES_CHARS, QUESTION_SIGNS};
use super::preview::{ERROR_PREVIEW, PREVIEW_WINDOW};
use super::response_usage::{MAX_RESPONSE_CHARS, MAX_USAGE_CHARS, USAGE_WORDS};

pub(crate) use super::keys::{
    CALLED_TOOL, INPUT_MESSAGES, MESSAGE_CONTENT, MESSAGE_DIGITS, MESSAGE_ROLE, OUTPUT_MESSAGES, SPAN_KIND_KEY, USER_ROLE, row_keys,
};

/// The keys of token counts that are in no known convention have one of these ends, in any case, and this word before the name unless they
/// have no dot.
pub(crate) use super::token_names::{COUNT_ENDS, USAGE_PREFIX};

/// Returns a regular expression for keys that may state a fact by their ends.
pub(crate) fn end_pattern() -> String {
    let ends: Vec<String> = ENDS.iter().map(|(end, _)| end.replace('.', "\\.")).collect();
    format!("(^|[.:/])({})$", ends.join("|"))
}

/// Values of [`SPAN_KIND_KEY`], in lower case, that make sure that a span is not a tool's.
pub(crate) const OTHER_THAN_TOOL: [&str; 9] =
    ["agent", "chain", "embedding", "evaluator", "guardrail", "llm", "prompt", "reranker", "retriever"];

/// The part of a text that a row needs. Numbers, lists and maps are needed whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// The whole text.
    Whole,
    /// The first [`PREVIEW_WINDOW`] characters.
    Beginning,
    /// The whole text on a tool's span, else the first [`PREVIEW_WINDOW`] characters unless it may be JSON with a question in it.
    Arguments {
        /// The most characters of such JSON.
        max_chars: usize,
        /// Words of which one is in its first [`PREVIEW_WINDOW`] characters, unless it is a text in quotes.
        signs: &'static [&'static str],
    },
    /// As [`Part::Matching`], but what does not match is needed up to a length unless it is JSON, and of a failed span also JSON that may
    /// state a reason.
    Answer {
        /// A prefix that suffices.
        prefix: &'static str,
        /// The most characters.
        max_chars: usize,
        /// Words of which one is enough.
        words: &'static [&'static str],
        /// Characters of a text that does not match and is no JSON.
        otherwise: usize,
        /// The most characters of JSON that states a reason.
        max_reason: usize,
        /// Words of which one is in it.
        reasons: &'static [&'static str],
    },
    /// The whole text if it starts with the prefix, or if it is short enough and contains one of the words.
    Matching {
        /// A prefix that suffices.
        prefix: Option<&'static str>,
        /// The most characters.
        max_chars: usize,
        /// Words of which one is enough; empty if none is needed.
        words: &'static [&'static str],
        /// Characters of a text that does not match. They state nothing.
        otherwise: usize,
    },
}

/// Returns the part of an attribute's value that a row needs.
pub(crate) fn part(key: &str) -> Part {
    let parts = Field::stated_by(key).map(field_part);
    parts.reduce(|one, other| if one == other { one } else { Part::Whole }).unwrap_or(Part::Whole)
}

fn field_part(field: Field) -> Part {
    let matching = |prefix, max_chars, words, otherwise| Part::Matching { prefix, max_chars, words, otherwise };
    match field {
        Field::Error => Part::Beginning,
        Field::Input => Part::Arguments { max_chars: MAX_MESSAGES_CHARS, signs: &QUESTION_SIGNS },
        Field::Messages => matching(None, MAX_MESSAGES_CHARS, &[], PREVIEW_WINDOW),
        // The beginning tells why a run was refused, or that it is paused.
        Field::Response => Part::Answer {
            prefix: PROMPT_PREFIX,
            max_chars: MAX_RESPONSE_CHARS,
            words: &USAGE_WORDS,
            otherwise: ERROR_PREVIEW * 2,
            max_reason: MAX_REASON_CHARS,
            reasons: &REASONS,
        },
        Field::Answer => matching(None, MAX_REASON_CHARS, &ANSWER_WORDS, 1),
        Field::ProviderMetadata => matching(None, MAX_RESPONSE_CHARS, &[], 1),
        Field::UsageDetails | Field::InputDetails | Field::OutputDetails => matching(None, MAX_USAGE_CHARS, &[], 1),
        Field::CostDetails => matching(None, MAX_MAP_CHARS, &["total"], 1),
        Field::Parameters => matching(None, MAX_MAP_CHARS, &["model"], 1),
        Field::Metadata => matching(None, MAX_MAP_CHARS, &METADATA_WORDS, 1),
        _ => Part::Whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SpanType;
    use crate::model::json::Scalar;
    use crate::semconv::kinds;

    #[test]
    fn the_kinds_listed_are_not_tools() {
        for kind in OTHER_THAN_TOOL {
            let span_type = kinds::from_value(Scalar::Text(kind.as_bytes()));
            assert!(span_type.is_some_and(|span_type| span_type != SpanType::Tool), "{kind}");
        }
    }

    #[test]
    fn the_part_depends_on_the_field() {
        assert_eq!([part("session.id"), part("error.type")], [Part::Whole, Part::Beginning]);
        assert!(matches!((part("input.value"), part("output.value")), (Part::Arguments { .. }, Part::Answer { .. })));
        // A key of two fields that need different parts is needed whole.
        for key in row_keys() {
            let parts: Vec<Part> = Field::stated_by(key).map(field_part).collect();
            assert!(parts.contains(&part(key)), "{key}");
        }
    }
}
