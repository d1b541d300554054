//! What is looked for in payloads: texts anywhere, and attributes by name.

use std::borrow::Cow;

use regex::bytes::{Regex, RegexBuilder};

use super::json::{self, Scalar};
use super::pattern::{Pattern, escaped, stands_for_itself};
use super::{Attribute, Payload, Value};

/// How two numbers are compared.
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
}

impl Comparison {
    /// Whether the left number is so to the right one.
    #[must_use]
    pub fn holds<T: PartialOrd>(self, left: &T, right: &T) -> bool {
        match self {
            Self::Less => left < right,
            Self::AtMost => left <= right,
            Self::More => left > right,
            Self::AtLeast => left >= right,
        }
    }
}

/// Something that a payload has or has not.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// One of these, in the name or the value of an attribute or an event, or in the status message.
    Text(Vec<Pattern>),
    /// An attribute whose name matches, of the span, its events or its resource, with one of these values.
    Attribute(Pattern, Vec<Pattern>),
    /// An attribute whose name matches, with such a number.
    Number(Pattern, Comparison, f64),
}

/// A search through payloads: everything that is sought must be there, and what is negated must not.
#[derive(Clone, Debug, Default)]
pub struct PayloadQuery {
    terms: Vec<Term>,
}

#[derive(Clone, Debug)]
struct Term {
    negated: bool,
    sought: Condition,
    /// What lies in the bytes of every payload that has it, in whatever encoding; `None` if nothing is sure to.
    sign: Option<Regex>,
    /// Where the sign is found in JSON, the payload has it.
    sure: bool,
}

impl PayloadQuery {
    /// A probe for all of these, each negated or not.
    #[must_use]
    pub fn new(sought: impl IntoIterator<Item = (bool, Condition)>) -> Self {
        Self { terms: sought.into_iter().map(|(negated, sought)| Term::new(negated, sought)).collect() }
    }

    /// Whether nothing is sought.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Whether the payload has what is sought.
    #[must_use]
    pub fn holds(&self, payload: &Payload) -> bool {
        self.terms.iter().all(|term| term.sought.is_in(payload) != term.negated)
    }

    /// The same for a payload of attributes as a JSON object and a status message.
    #[must_use]
    pub fn holds_in_json(&self, attributes: &[u8], status_message: &[u8]) -> bool {
        self.terms.iter().all(|term| term.is_in_json(attributes, status_message) != term.negated)
    }

    /// Whether a payload that lies in these pieces, as JSON or as protobuf, can have what is sought.
    #[must_use]
    pub fn may_lie_in(&self, pieces: &[&[u8]]) -> bool {
        let signed = |sign: &Regex| pieces.iter().any(|bytes| sign.is_match(bytes));
        self.terms.iter().all(|term| term.negated || term.sign.as_ref().is_none_or(signed))
    }

    /// Texts of which the attributes or the status message of whatever has what is sought hold, for each entry, one at least. Case does
    /// not count. For databases, which look for texts faster than they hand them out.
    #[must_use]
    pub fn required_substrings(&self) -> Vec<Vec<&str>> {
        self.terms.iter().filter(|term| !term.negated).filter_map(|term| term.sought.clues()).collect()
    }
}

impl Term {
    fn new(negated: bool, sought: Condition) -> Self {
        let sign =
            sought.prefilter().and_then(|sign| RegexBuilder::new(&sign).case_insensitive(true).dot_matches_new_line(true).build().ok());
        let sure =
            matches!(&sought, Condition::Text(patterns) if patterns.iter().all(|pattern| matches!(pattern.parts(), [one] if is_sure(one))));
        Self { negated, sought, sign, sure }
    }

    fn is_in_json(&self, attributes: &[u8], status_message: &[u8]) -> bool {
        let Some(sign) = &self.sign else { return self.sought.is_in_json(attributes, status_message) };
        if self.sure
            && let Some(found) = sign.find(attributes)
        {
            return !ends_in_escape(&attributes[..found.start()]) || self.sought.is_in_json(attributes, status_message);
        }
        // A status message is no JSON.
        let there = !self.sure && sign.is_match(attributes);
        (there || !status_message.is_empty()) && self.sought.is_in_json(if there { attributes } else { b"null" }, status_message)
    }
}

/// Whether what follows may belong to an escape that begins here: `\n`, or `\u00e9` with its six bytes.
fn ends_in_escape(json: &[u8]) -> bool {
    let backslashes = json.iter().rev().take_while(|byte| **byte == b'\\').count();
    backslashes % 2 == 1 || json[json.len().saturating_sub(5)..].windows(2).any(|pair| pair == b"\\u")
}

/// Whether a text that is found in JSON as it is can only lie in a string.
fn is_sure(text: &str) -> bool {
    let mut alphanumeric = false;
    text.chars().all(|c| {
        alphanumeric |= c.is_ascii_alphanumeric();
        stands_for_itself(c) && !"{}[]:,".contains(c)
    }) && alphanumeric
        && text.trim() == text
}

/// Whether a text may be how a number, a truth or nothing is written, which other encodings don't write as text.
fn may_be_scalar(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    lower.chars().all(|c| c.is_ascii_digit() || ".+-eianfx".contains(c))
        || ["true", "false", "null"].iter().any(|word| word.contains(&*lower))
}

impl Condition {
    /// An expression for bytes that must be there.
    fn prefilter(&self) -> Option<String> {
        match self {
            Self::Text(patterns) => patterns.iter().map(sign).collect::<Option<Vec<_>>>().map(|signs| signs.join("|")),
            Self::Attribute(name, _) | Self::Number(name, ..) => sign(name),
        }
    }

    /// Texts of which one must be there: the longest stretch of each alternative that is written in one way only.
    fn clues(&self) -> Option<Vec<&str>> {
        match self {
            Self::Text(patterns) => patterns.iter().map(clue).collect(),
            Self::Attribute(name, _) | Self::Number(name, ..) => clue(name).map(|clue| vec![clue]),
        }
    }

    fn is_in(&self, payload: &Payload) -> bool {
        let events = payload.events.iter().flat_map(|event| &event.attributes);
        let links = payload.links.iter().flat_map(|link| &link.attributes);
        let mut attributes = payload.attributes.iter().chain(events).chain(links);
        match self {
            Self::Text(patterns) => {
                let holds = |text: &str| patterns.iter().any(|pattern| pattern.is_within(text));
                let mut names = payload.events.iter().map(|event| &event.name).chain([&payload.status_message]);
                attributes.any(|(name, value)| holds(name) || holds(&written(value))) || names.any(|name| holds(name))
            }
            // What the program says of itself stands with every span: it is only asked for by name.
            Self::Attribute(name, values) => attributes.chain(&payload.resource).any(|(other, value): &Attribute| {
                let found = || {
                    let text = written(value);
                    values.iter().any(|pattern| pattern.matches(&text))
                };
                name.matches(other) && found()
            }),
            Self::Number(name, comparison, limit) => {
                let found = |(other, value): &Attribute| {
                    name.matches(other) && number(value).is_some_and(|number| comparison.holds(&number, limit))
                };
                attributes.chain(&payload.resource).any(found)
            }
        }
    }

    fn is_in_json(&self, attributes: &[u8], status_message: &[u8]) -> bool {
        let mut found = false;
        let outcome = json::scan(attributes, |name, value| {
            if found {
                return;
            }
            let name = String::from_utf8_lossy(name);
            found = match self {
                Self::Text(patterns) => {
                    let text = as_text(value);
                    patterns.iter().any(|pattern| pattern.is_within(&name) || pattern.is_within(&text))
                }
                Self::Attribute(wanted, values) => {
                    wanted.matches(&name) && {
                        let text = as_text(value);
                        values.iter().any(|pattern| pattern.matches(&text))
                    }
                }
                Self::Number(wanted, comparison, limit) => {
                    wanted.matches(&name)
                        && match value {
                            Scalar::Int(number) => comparison.holds(&(number as f64), limit),
                            Scalar::Float(number) => comparison.holds(&number, limit),
                            other => as_text(other).trim().parse().is_ok_and(|number: f64| comparison.holds(&number, limit)),
                        }
                }
            };
        });
        let Self::Text(patterns) = self else { return found && outcome.is_ok() };
        let holds = |text: &[u8]| {
            let text = String::from_utf8_lossy(text);
            patterns.iter().any(|pattern| pattern.is_within(&text))
        };
        // What is no JSON is shown as text.
        found || holds(status_message) || (outcome.is_err() && holds(attributes))
    }
}

/// An expression for bytes that must be there where the pattern matches. How a list or a map is
/// written differs by encoding.
fn sign(pattern: &Pattern) -> Option<String> {
    let pieces =
        pattern.parts().iter().flat_map(|part| part.split(['{', '}', '[', ']', ',', ':'])).map(|piece| piece.trim_matches([' ', '"']));
    let pieces: Vec<&str> = pieces.filter(|piece| !piece.is_empty()).collect();
    let sure = !pieces.is_empty() && !pieces.iter().any(|piece| may_be_scalar(piece));
    sure.then(|| pieces.iter().map(|piece| escaped(piece)).collect::<Vec<_>>().join(".*"))
}

fn is_plain(c: char) -> bool {
    stands_for_itself(c) && !"%_".contains(c)
}

fn clue(pattern: &Pattern) -> Option<&str> {
    let stretches = pattern.parts().iter().flat_map(|part| part.split(|c| !is_plain(c)));
    stretches.max_by_key(|stretch| stretch.len()).filter(|stretch| stretch.len() > 1)
}

/// A value as it is read: text as it is, anything else as JSON.
fn written(value: &Value) -> Cow<'_, str> {
    if let Value::Text(text) = value { Cow::Borrowed(text) } else { Cow::Owned(value.to_json()) }
}

fn as_text(value: Scalar<'_>) -> Cow<'_, str> {
    match value {
        Scalar::Text(text) | Scalar::Other(text) => String::from_utf8_lossy(text),
        Scalar::Escaped(text) => Cow::Owned(json::unescape(text)),
        Scalar::Int(number) => Cow::Owned(Value::Int(number).to_json()),
        Scalar::Float(number) => Cow::Owned(Value::Float(number).to_json()),
        Scalar::Bool(truth) => Cow::Borrowed(if truth { "true" } else { "false" }),
    }
}

fn number(value: &Value) -> Option<f64> {
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
        Pattern::part(&text.split('*').map(str::to_owned).collect::<Vec<_>>()).unwrap()
    }

    fn text(text: &str) -> PayloadQuery {
        PayloadQuery::new([(false, Condition::Text(vec![pattern(text)]))])
    }

    const JSON: &[u8] =
        br#"{"input.value": "{\"say\": \"\\\"hi\\\" to Gr\\u00f6\u00dfe\", \"n\": 1}", "llm.tokens": 5000, "ok": true, "tags": ["a", "b"],
        "path": "C:\\new\nothing", "agent": "Refund \u8c22"}"#;

    #[test]
    fn escapes_hide_nothing_and_make_nothing_up() {
        let holds = |wanted| text(wanted).holds_in_json(JSON, b"");
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
        for absent in
            ["\"input.value\": \"", "refunds", "u8c22", "8c22", "22", "nnothing", "newn", "nothing", "a\", \"b\"x", "5001", "nnot"]
        {
            assert!(!holds(absent), "{absent}");
        }
    }

    #[test]
    fn attributes_are_found_by_name_and_value() {
        let holds = |name: &str, value: &str| {
            PayloadQuery::new([(false, Condition::Attribute(Pattern::whole(&[name.to_owned()]).unwrap(), vec![pattern(value)]))])
                .holds_in_json(JSON, b"")
        };
        assert!(holds("agent", "refund") && !holds("path", "refund") && !holds("agen", "refund") && holds("OK", "true"));
        let more = |name: &str, limit| {
            PayloadQuery::new([(false, Condition::Number(Pattern::whole(&[name.to_owned()]).unwrap(), Comparison::More, limit))])
                .holds_in_json(JSON, b"")
        };
        assert!(more("llm.tokens", 4999.0) && !more("llm.tokens", 5000.0) && !more("agent", 0.0));
    }

    #[test]
    fn a_status_message_is_no_json() {
        assert!(text("gone").holds_in_json(JSON, b"it is gone") && !text("gone").holds_in_json(JSON, b""));
        let not = PayloadQuery::new([(true, Condition::Text(vec![pattern("gone")])), (false, Condition::Text(vec![pattern("refund")]))]);
        assert!(not.holds_in_json(JSON, b"") && !not.holds_in_json(JSON, b"gone"));
        assert_eq!(not.required_substrings(), [["refund"]]);
    }

    proptest! {
        #[test]
        fn json_is_searched_as_what_it_says(name in "[a-z.]{1,6}", value in "[a-c\"\\\\é\n{}:, 1]{0,12}", wanted in "[a-c\"\\\\é\n{}:, 1n]{1,3}") {
            let payload = Payload { attributes: vec![(name, Value::Text(value))], ..Payload::default() };
            let json = Value::Map(payload.attributes.clone()).to_json();
            let probe = text(&wanted);
            prop_assert_eq!(probe.holds_in_json(json.as_bytes(), b""), probe.holds(&payload));
            prop_assert!(!probe.holds(&payload) || probe.may_lie_in(&[json.as_bytes()]));
        }
    }
}
