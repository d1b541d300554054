//! Matching records that are not spans, such as series of metrics. What a filter asks only of spans is left aside.

use std::borrow::Cow;

use super::matcher::has_prefix;
use super::{BareWord, Query, Test, TextField};
use crate::model::payload_query::{Condition, number, value_text};
use crate::model::{Attribute, Nanos, TraceId};
use crate::semconv;

/// What a filter can ask of a record.
pub trait Record {
    /// Returns the name.
    fn name(&self) -> &str;

    /// Returns the name of the service that sent it; empty if unknown.
    fn service(&self) -> &str;

    /// Returns further texts that words without a field search.
    fn texts(&self) -> impl Iterator<Item = &str>;

    /// Returns the attributes, those of its own first.
    fn attributes(&self) -> impl Iterator<Item = &Attribute>;

    /// Returns the time that `since:` and `until:` compare.
    fn time(&self) -> Nanos;

    /// Returns the severity number of a log record, 0 if it states none; `None` if this is no log record.
    fn level(&self) -> Option<u8> {
        None
    }

    /// Returns the body of a log record; `None` if this is no log record.
    fn body(&self) -> Option<&str> {
        None
    }

    /// Returns the trace of a log record, if it names one; the outer `None` if this is no log record.
    fn trace(&self) -> Option<Option<TraceId>> {
        None
    }
}

impl Query {
    /// Returns whether every word of the filter that can be asked of a record holds for it at `now`.
    #[must_use]
    pub fn matches_record(&self, record: &impl Record, now: Nanos) -> bool {
        self.terms.iter().all(|term| holds(&term.test, record, now).is_none_or(|holds| holds != term.negated))
    }

    /// Returns whether the filter asks what log records do not have.
    #[must_use]
    pub fn asks_of_other_than_logs(&self) -> bool {
        self.terms.iter().any(|term| is_of_spans(&term.test) && !is_of_logs(&term.test))
    }

    /// Returns whether the filter asks what only spans or log records have.
    #[must_use]
    pub fn asks_of_spans(&self) -> bool {
        self.terms.iter().any(|term| is_of_spans(&term.test))
    }
}

/// Whether log records have what the test asks.
fn is_of_logs(test: &Test) -> bool {
    matches!(test, Test::Level(_) | Test::Trace(_) | Test::Text(TextField::Event | TextField::Log, _))
}

fn is_of_spans(test: &Test) -> bool {
    match test {
        Test::Bare(_) | Test::Since(_) | Test::Until(_) => false,
        Test::Text(field, _) => matches!(field, TextField::Error | TextField::Failure | TextField::Event | TextField::Log),
        Test::Payload(condition) => matches!(condition, Condition::Fact(..)),
        Test::Status(_)
        | Test::SpanType(_)
        | Test::Trace(_)
        | Test::Number(..)
        | Test::Score(..)
        | Test::Approval(_)
        | Test::Level(_)
        | Test::Miss(_) => true,
    }
}

/// Returns whether the test holds; `None` if it is one of spans.
fn holds(test: &Test, record: &impl Record, now: Nanos) -> Option<bool> {
    match test {
        Test::Level(ranges) => return record.level().map(|level| ranges.iter().any(|(first, last)| (first..=last).contains(&&level))),
        Test::Text(TextField::Event, patterns) => {
            return record.level().map(|_| patterns.iter().any(|pattern| pattern.matches(record.name())));
        }
        Test::Text(TextField::Log, patterns) => {
            return record.body().map(|body| patterns.iter().any(|pattern| pattern.matches(body)));
        }
        Test::Trace(prefixes) => {
            return record.trace().map(|trace| trace.is_some_and(|trace| prefixes.iter().any(|prefix| has_prefix(trace, prefix))));
        }
        _ if is_of_spans(test) => return None,
        _ => {}
    }
    Some(match test {
        Test::Bare(words) => {
            let mut texts = [record.name(), record.service()].into_iter().chain(record.texts());
            texts.any(|text| {
                words.iter().any(|word| match word {
                    BareWord::Fuzzy(word) => contains(text, word),
                    BareWord::Pattern(pattern) => pattern.matches(text),
                })
            })
        }
        Test::Text(TextField::Name, patterns) => patterns.iter().any(|pattern| pattern.matches(record.name())),
        Test::Text(TextField::Service, patterns) => patterns.iter().any(|pattern| pattern.matches(record.service())),
        Test::Text(field, patterns) => {
            let stated = record.attributes().filter(|(key, _)| semconv::is_key_of(key, field_name(*field)));
            let mut texts = stated.map(|(_, value)| value_text(value));
            texts.any(|text| patterns.iter().any(|pattern| pattern.matches(&text)))
        }
        Test::Since(bound) => record.time() >= bound.at(now),
        Test::Until(bound) => record.time() <= bound.at(now),
        Test::Payload(Condition::Text(patterns)) => {
            let texts = record.attributes().flat_map(|(key, value)| [Cow::Borrowed(key.as_str()), value_text(value)]);
            let own = [Some(record.name()), record.body()].into_iter().flatten().map(Cow::Borrowed);
            let mut texts = own.chain(texts);
            texts.any(|text| patterns.iter().any(|pattern| pattern.matches(&text)))
        }
        Test::Payload(Condition::Attribute(name, patterns)) => {
            let mut named = record.attributes().filter(|(key, _)| name.matches(key));
            named.any(|(_, value)| patterns.iter().any(|pattern| pattern.matches(&value_text(value))))
        }
        Test::Payload(Condition::Number(name, comparison, limit)) => {
            let mut named = record.attributes().filter(|(key, _)| name.matches(key));
            named.any(|(_, value)| number(value).is_some_and(|number| comparison.holds(&number, limit)))
        }
        _ => return None,
    })
}

/// Returns the name of a field whose value an attribute states.
fn field_name(field: TextField) -> &'static str {
    match field {
        TextField::Agent => "agent",
        TextField::Model => "model",
        TextField::Provider => "provider",
        TextField::Tool => "tool",
        TextField::Session => "session",
        TextField::User => "user",
        TextField::Name | TextField::Service | TextField::Error | TextField::Failure | TextField::Event | TextField::Log => "",
    }
}

/// Whether a text contains a word in any case.
fn contains(text: &str, word: &str) -> bool {
    if text.is_ascii() && word.is_ascii() {
        return word.is_empty() || text.as_bytes().windows(word.len()).any(|part| part.eq_ignore_ascii_case(word.as_bytes()));
    }
    text.to_lowercase().contains(&word.to_lowercase())
}
