//! Conditions on payloads: texts anywhere, and attributes by name.
//!
//! Payloads are searched in their encoded form where that is possible. A [`PayloadQuery`] therefore has several levels: substrings for a
//! database, words for an index of encoded bytes, a regular expression over these, and the exact test of a decoded payload.

mod word;

use std::borrow::Cow;

use regex::bytes::{Regex, RegexBuilder};

use super::json::{self, Scalar};
use super::pattern::{Pattern, is_never_escaped, json_regex};
use super::{Attribute, Payload, Value};
pub use word::Word;

/// A comparison of two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    More,
    /// `>=`
    AtLeast,
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
}

impl Comparison {
    /// Returns whether the comparison holds for `left` and `right`.
    #[must_use]
    pub fn holds<T: PartialOrd>(self, left: &T, right: &T) -> bool {
        match self {
            Self::Less => left < right,
            Self::AtMost => left <= right,
            Self::More => left > right,
            Self::AtLeast => left >= right,
            Self::Equal => left == right,
            Self::NotEqual => left != right,
        }
    }
}

/// A condition on a payload.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// One of the patterns matches a name or a value of an attribute, also of the resource, the name of an event, or the status message.
    Text(Vec<Pattern>),
    /// One of the patterns matches the value of an attribute whose name matches: of the span, its events, its links or its resource.
    Attribute(Pattern, Vec<Pattern>),
    /// The comparison holds for the number in an attribute whose name matches.
    Number(Pattern, Comparison, f64),
    /// The test holds for a fact that the span's attributes state together.
    Fact(Fact, FactTest),
}

/// A test of a fact.
#[derive(Clone, Debug, PartialEq)]
pub enum FactTest {
    /// One of the patterns matches.
    Matches(Vec<Pattern>),
    /// The comparison holds for the number.
    Compares(Comparison, f64),
}

impl FactTest {
    fn holds(&self, value: &Value) -> bool {
        match self {
            Self::Matches(patterns) => patterns.iter().any(|pattern| pattern.matches(&value_text(value))),
            Self::Compares(comparison, limit) => number(value).is_some_and(|number| comparison.holds(&number, limit)),
        }
    }
}

/// A fact that is read from all attributes of a span, as several of them may state it.
#[derive(Clone, Debug)]
pub struct Fact {
    /// The name, which identifies the fact.
    pub name: &'static str,
    /// Texts of which one is in every payload that states the fact.
    pub words: &'static [&'static str],
    /// Reads the fact of this name; `None` if it is not stated.
    pub read: fn(&[Attribute], &str) -> Option<Value>,
}

impl PartialEq for Fact {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Fact {
    fn value(&self, attributes: &[Attribute]) -> Option<Value> {
        (self.read)(attributes, self.name)
    }
}

/// A conjunction of conditions, each of which may be negated. The empty query matches every payload.
#[derive(Clone, Debug, Default)]
pub struct PayloadQuery {
    terms: Vec<Term>,
}

#[derive(Clone, Debug)]
struct Term {
    negated: bool,
    condition: Condition,
    /// Matches the bytes of every payload that meets the condition, in JSON and in protobuf; `None` if there is no such expression.
    prefilter: Option<Regex>,
    /// The words of which `prefilter` finds all, of one of these lists.
    words: Vec<Vec<Word>>,
    /// Whether a match of `prefilter` in JSON means that the payload meets the condition.
    is_exact: bool,
}

impl PayloadQuery {
    /// Returns a query for conditions, each with whether it is negated.
    #[must_use]
    pub fn new(conditions: impl IntoIterator<Item = (bool, Condition)>) -> Self {
        Self { terms: conditions.into_iter().map(|(negated, condition)| Term::new(negated, condition)).collect() }
    }

    /// Returns whether the payload matches.
    #[must_use]
    pub fn matches(&self, payload: &Payload) -> bool {
        self.terms.iter().all(|term| term.condition.matches(payload) != term.negated)
    }

    /// Returns whether a payload matches that consists of attributes, as a JSON object, and a status message.
    #[must_use]
    pub fn matches_json(&self, attributes: &[u8], status_message: &[u8]) -> bool {
        self.terms.iter().all(|term| term.matches_json(attributes, status_message) != term.negated)
    }

    /// Returns false only if a payload encoded in these pieces, as JSON or as protobuf, cannot match.
    #[must_use]
    pub fn may_match_bytes(&self, pieces: &[&[u8]]) -> bool {
        let is_found = |prefilter: &Regex| pieces.iter().any(|bytes| prefilter.is_match(bytes));
        self.terms.iter().all(|term| term.negated || term.prefilter.as_ref().is_none_or(is_found))
    }

    /// Returns true only if a payload matches that was encoded in these bytes. Looks at single attributes: `attribute` returns the name and the
    /// text of the one that an offset is in, if it has a text.
    #[must_use]
    pub fn is_met_by_parts<'a>(&self, bytes: &'a [u8], attribute: impl Fn(usize) -> Option<(&'a [u8], &'a [u8])>) -> bool {
        self.terms.iter().all(|term| term.is_met_by_part(bytes, &attribute))
    }

    /// Returns false only if [`Self::may_match_bytes`] does so for the same bytes, of which `may_hold` returns false only if they lack a word.
    #[must_use]
    pub fn may_match_words(&self, mut may_hold: impl FnMut(&Word) -> bool) -> bool {
        let mut may_hold_all = |words: &Vec<Word>| words.iter().all(&mut may_hold);
        self.terms.iter().all(|term| term.negated || term.prefilter.is_none() || term.words.iter().any(&mut may_hold_all))
    }

    /// Returns substrings for a database pre-filter. A row can match only if, for every inner list, its attributes or its status message
    /// contain at least one of the strings (ignoring case).
    #[must_use]
    pub fn required_substrings(&self) -> Vec<Vec<&str>> {
        self.terms.iter().filter(|term| !term.negated).filter_map(|term| term.condition.required_substrings()).collect()
    }
}

impl Term {
    fn new(negated: bool, condition: Condition) -> Self {
        let compile = |regex: String| RegexBuilder::new(&regex).case_insensitive(true).dot_matches_new_line(true).build().ok();
        let prefilter = condition.prefilter().and_then(compile);
        let is_exact_pattern = |pattern: &Pattern| matches!(pattern.parts(), [part] if is_only_in_strings(part));
        let is_exact = matches!(&condition, Condition::Text(patterns) if patterns.iter().all(is_exact_pattern));
        let words = condition.words();
        Self { negated, condition, prefilter, words, is_exact }
    }

    /// Whether the condition is met by the attribute in which the prefilter matches first.
    fn is_met_by_part<'a>(&self, bytes: &'a [u8], attribute: impl Fn(usize) -> Option<(&'a [u8], &'a [u8])>) -> bool {
        let Condition::Text(patterns) = &self.condition else { return false };
        let found = self.prefilter.as_ref().filter(|_| !self.negated).and_then(|prefilter| prefilter.find(bytes));
        found.and_then(|found| attribute(found.start())).is_some_and(|(name, text)| {
            let matches = |text| std::str::from_utf8(text).is_ok_and(|text| any_matches_unescaped(patterns, text));
            matches(name) || matches(text)
        })
    }

    fn matches_json(&self, attributes: &[u8], status_message: &[u8]) -> bool {
        let Some(prefilter) = &self.prefilter else { return self.condition.matches_json(attributes, status_message) };
        if self.is_exact
            && let Some(found) = prefilter.find(attributes)
        {
            return !ends_in_escape(&attributes[..found.start()]) || self.condition.matches_json(attributes, status_message);
        }
        // The status message is plain text, which the prefilter does not cover.
        let is_candidate = !self.is_exact && prefilter.is_match(attributes);
        let attributes = if is_candidate { attributes } else { b"null" };
        (is_candidate || !status_message.is_empty()) && self.condition.matches_json(attributes, status_message)
    }
}

/// Returns whether `json` ends within an escape, such as `\n` or `\u00e9`, that the following bytes may belong to.
fn ends_in_escape(json: &[u8]) -> bool {
    let backslashes = json.iter().rev().take_while(|byte| **byte == b'\\').count();
    backslashes % 2 == 1 || json[json.len().saturating_sub(5)..].windows(2).any(|pair| pair == b"\\u")
}

/// Returns whether a text that occurs literally in JSON can only be part of a string.
fn is_only_in_strings(text: &str) -> bool {
    let mut has_alphanumeric = false;
    text.chars().all(|c| {
        has_alphanumeric |= c.is_ascii_alphanumeric();
        is_never_escaped(c) && !"{}[]:,".contains(c)
    }) && has_alphanumeric
        && text.trim() == text
}

/// Returns whether a text may be part of a number, a bool or null in JSON. Protobuf does not encode those as text.
fn may_be_scalar(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    lower.chars().all(|c| c.is_ascii_digit() || ".+-eianfx".contains(c))
        || ["true", "false", "null"].iter().any(|word| word.contains(&*lower))
}

impl Condition {
    /// Returns a regular expression that matches the bytes of every payload that meets the condition.
    fn prefilter(&self) -> Option<String> {
        match self {
            Self::Text(patterns) => patterns.iter().map(prefilter).collect::<Option<Vec<_>>>().map(|regexes| regexes.join("|")),
            Self::Attribute(name, _) | Self::Number(name, ..) => prefilter(name),
            Self::Fact(fact, _) => Some(fact.words.iter().map(|word| json_regex(word)).collect::<Vec<_>>().join("|")),
        }
    }

    /// Returns the words that a match of the prefilter holds: all of one of these lists.
    fn words(&self) -> Vec<Vec<Word>> {
        match self {
            Self::Text(patterns) => patterns.iter().map(|pattern| Word::all(&pieces(pattern))).collect(),
            Self::Attribute(name, _) | Self::Number(name, ..) => vec![Word::all(&pieces(name))],
            Self::Fact(fact, _) => fact.words.iter().map(|word| Word::all(&[word])).collect(),
        }
    }

    /// Returns substrings of which every payload that meets the condition contains at least one, or `None`.
    fn required_substrings(&self) -> Option<Vec<&str>> {
        match self {
            Self::Text(patterns) => patterns.iter().map(required_substring).collect(),
            Self::Attribute(name, _) | Self::Number(name, ..) => required_substring(name).map(|text| vec![text]),
            Self::Fact(fact, _) => fact.words.iter().map(|word| plain_part(word)).collect(),
        }
    }

    fn matches(&self, payload: &Payload) -> bool {
        if let Self::Fact(fact, test) = self {
            return fact.value(&payload.attributes).is_some_and(|value| test.holds(&value));
        }
        let events = payload.events.iter().flat_map(|event| &event.attributes);
        let links = payload.links.iter().flat_map(|link| &link.attributes);
        let mut attributes = payload.attributes.iter().chain(events).chain(links).chain(&payload.resource);
        let holds = |(name, value): &Attribute| self.holds(name, || value_text(value), || number(value));
        attributes.any(holds)
            || match self {
                Self::Text(patterns) => {
                    let mut texts = payload.events.iter().map(|event| &event.name).chain([&payload.status_message]);
                    texts.any(|text| any_matches_unescaped(patterns, text))
                }
                Self::Attribute(..) | Self::Number(..) | Self::Fact(..) => false,
            }
    }

    fn matches_json(&self, attributes: &[u8], status_message: &[u8]) -> bool {
        if let Self::Fact(fact, test) = self {
            let value = json::parse(attributes).ok().and_then(|attributes| fact.value(&attributes));
            return value.is_some_and(|value| test.holds(&value));
        }
        let mut found = false;
        let outcome = json::scan(attributes, |name, value| {
            let number = || match value {
                Scalar::Int(number) => Some(number as f64),
                Scalar::Float(number) => Some(number),
                other => scalar_text(other).trim().parse().ok(),
            };
            found = found || self.holds(&String::from_utf8_lossy(name), || scalar_text(value), number);
        });
        let Self::Text(patterns) = self else { return found && outcome.is_ok() };
        let matches = |text: &[u8]| any_matches_unescaped(patterns, &String::from_utf8_lossy(text));
        // Attributes that are not JSON show as text.
        found || matches(status_message) || (outcome.is_err() && matches(attributes))
    }

    /// Returns whether an attribute meets the condition; its value is given as text and as number.
    fn holds<'a>(&self, name: &str, text: impl FnOnce() -> Cow<'a, str>, number: impl FnOnce() -> Option<f64>) -> bool {
        match self {
            Self::Text(patterns) => any_matches_unescaped(patterns, name) || any_matches_unescaped(patterns, &text()),
            Self::Attribute(pattern, values) => {
                pattern.matches(name) && {
                    let text = text();
                    values.iter().any(|pattern| pattern.matches(&text))
                }
            }
            Self::Number(pattern, comparison, limit) => {
                pattern.matches(name) && number().is_some_and(|number| comparison.holds(&number, limit))
            }
            // A fact has no attribute of its own.
            Self::Fact(..) => false,
        }
    }
}

fn any_matches_unescaped(patterns: &[Pattern], text: &str) -> bool {
    patterns.iter().any(|pattern| pattern.matches_unescaped(text))
}

/// Returns a regular expression that matches the bytes of every payload with a text that the pattern matches. It omits the punctuation of
/// lists and maps, which differs by encoding.
fn prefilter(pattern: &Pattern) -> Option<String> {
    let pieces = pieces(pattern);
    let is_text = !pieces.is_empty() && !pieces.iter().any(|piece| may_be_scalar(piece));
    is_text.then(|| pieces.iter().map(|piece| json_regex(piece)).collect::<Vec<_>>().join(".*"))
}

/// Returns what remains of a pattern without the punctuation of lists and maps.
fn pieces(pattern: &Pattern) -> Vec<&str> {
    let pieces = pattern.parts().iter().flat_map(|part| part.split(['{', '}', '[', ']', ',', ':']));
    pieces.map(|piece| piece.trim_matches([' ', '"'])).filter(|piece| !piece.is_empty()).collect()
}

/// Returns whether a character is stored unescaped and is not a wildcard of SQL.
fn is_plain(c: char) -> bool {
    is_never_escaped(c) && !"%_".contains(c)
}

/// Returns the longest part of a pattern that every encoding stores literally.
fn required_substring(pattern: &Pattern) -> Option<&str> {
    pattern.parts().iter().filter_map(|part| plain_part(part)).max_by_key(|part| part.len())
}

/// Returns the longest part of a text that every encoding stores literally.
fn plain_part(text: &str) -> Option<&str> {
    text.split(|c| !is_plain(c)).max_by_key(|part| part.len()).filter(|part| part.len() > 1)
}

/// Returns a text as it is and any other value as JSON.
pub(crate) fn value_text(value: &Value) -> Cow<'_, str> {
    if let Value::Text(text) = value { Cow::Borrowed(text) } else { Cow::Owned(value.to_json()) }
}

fn scalar_text(value: Scalar<'_>) -> Cow<'_, str> {
    match value {
        Scalar::Text(text) | Scalar::Other(text) => String::from_utf8_lossy(text),
        Scalar::Escaped(text) => Cow::Owned(json::unescape(text)),
        Scalar::Int(number) => Cow::Owned(Value::Int(number).to_json()),
        Scalar::Float(number) => Cow::Owned(Value::Float(number).to_json()),
        Scalar::Bool(value) => Cow::Borrowed(if value { "true" } else { "false" }),
    }
}

/// Returns a number, also one that is written as text.
pub(crate) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Int(number) => Some(*number as f64),
        Value::Float(number) => Some(*number),
        Value::Text(text) => text.trim().parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pattern(text: &str) -> Pattern {
        Pattern::substring(&text.split('*').map(str::to_owned).collect::<Vec<_>>()).unwrap()
    }

    fn text(text: &str) -> PayloadQuery {
        PayloadQuery::new([(false, Condition::Text(vec![pattern(text)]))])
    }

    const JSON: &[u8] =
        br#"{"input.value": "{\"say\": \"\\\"hi\\\" to Gr\\u00f6\u00dfe\", \"n\": 1}", "llm.tokens": 5000, "ok": true, "tags": ["a", "b"],
        "path": "C:\\new\nothing", "folder": "C:\\Reports", "agent": "Refund \u8c22"}"#;

    #[test]
    fn escapes_neither_hide_nor_fake_matches() {
        let holds = |wanted| text(wanted).matches_json(JSON, b"");
        for there in [
            "refund",
            "say",
            "\"hi\" to",
            "größe",
            "5000",
            "true",
            "谢",
            "C:\\new",
            "othing",
            "input.value",
            "[\"a\"",
            "ref*谢",
            "refund 谢",
        ] {
            assert!(holds(there), "{there}");
        }
        for absent in [
            "\"input.value\": \"",
            "refunds",
            "C:Reports",
            "u8c22",
            "8c22",
            "22",
            "nnothing",
            "newn",
            "nothing",
            "a\", \"b\"x",
            "5001",
            "nnot",
        ] {
            assert!(!holds(absent), "{absent}");
        }
    }

    #[test]
    fn attributes_match_by_name_and_value() {
        let holds = |name: &str, value: &str| {
            PayloadQuery::new([(false, Condition::Attribute(Pattern::exact(&[name.to_owned()]).unwrap(), vec![pattern(value)]))])
                .matches_json(JSON, b"")
        };
        assert!(holds("agent", "refund") && !holds("path", "refund") && !holds("agen", "refund") && holds("OK", "true"));
        let more = |name: &str, limit| {
            PayloadQuery::new([(false, Condition::Number(Pattern::exact(&[name.to_owned()]).unwrap(), Comparison::More, limit))])
                .matches_json(JSON, b"")
        };
        assert!(more("llm.tokens", 4999.0) && !more("llm.tokens", 5000.0) && !more("agent", 0.0));
    }

    #[test]
    fn texts_are_found_in_the_resource_too() {
        let resource = vec![("deployment.environment".to_owned(), Value::Text("staging".to_owned()))];
        let payload = Payload { resource, ..Payload::default() };
        assert!(text("staging").matches(&payload) && text("environment").matches(&payload) && !text("production").matches(&payload));
    }

    #[test]
    fn a_fact_is_read_from_all_attributes() {
        fn read(attributes: &[Attribute], name: &str) -> Option<Value> {
            attributes.iter().find(|(key, _)| key.ends_with(name)).map(|(_, value)| value.clone())
        }
        let fact = Fact { name: "tokens", words: &["llm.tokens", "x_tokens"], read };
        let matches = |test: FactTest| {
            let query = PayloadQuery::new([(false, Condition::Fact(fact.clone(), test))]);
            let payload = Payload { attributes: json::parse(JSON).unwrap(), ..Payload::default() };
            assert!(query.may_match_bytes(&[JSON]));
            assert!(!query.may_match_bytes(&[b"tokens"]) && !query.matches_json(b"{}", b"tokens"));
            assert_eq!(query.required_substrings(), [["llm.tokens", "tokens"]]);
            assert_eq!(query.matches(&payload), query.matches_json(JSON, b""));
            query.matches(&payload)
        };
        assert!(matches(FactTest::Compares(Comparison::More, 4999.0)) && !matches(FactTest::Compares(Comparison::Less, 5000.0)));
        assert!(matches(FactTest::Matches(vec![pattern("5000")])) && !matches(FactTest::Matches(vec![pattern("5001")])));
    }

    #[test]
    fn the_status_message_is_not_parsed_as_json() {
        assert!(text("gone").matches_json(JSON, b"it is gone") && !text("gone").matches_json(JSON, b""));
        let not = PayloadQuery::new([(true, Condition::Text(vec![pattern("gone")])), (false, Condition::Text(vec![pattern("refund")]))]);
        assert!(not.matches_json(JSON, b"") && !not.matches_json(JSON, b"gone"));
        assert_eq!(not.required_substrings(), [["refund"]]);
    }

    proptest! {
        #[test]
        fn json_matches_like_the_decoded_payload(name in "[a-z.]{1,6}", value in "[a-c\"\\\\é\n{}:, 1]{0,12}", wanted in "[a-c\"\\\\é\n{}:, 1n]{1,3}") {
            let payload = Payload { attributes: vec![(name, Value::Text(value))], ..Payload::default() };
            let json = Value::Map(payload.attributes.clone()).to_json();
            let query = text(&wanted);
            prop_assert_eq!(query.matches_json(json.as_bytes(), b""), query.matches(&payload));
            prop_assert!(!query.matches(&payload) || query.may_match_bytes(&[json.as_bytes()]));
        }
    }
}
