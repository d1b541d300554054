//! From the filter line to a [`Query`].

use super::lexer::{ParseError, Value, Word, words};
use super::time::Moment;
use super::{Bare, Comparison, Condition, Field, Measure, Pattern, Query, Term, Test};
use crate::model::{SpanType, duration, nearest};
use crate::store::RunStatus;

/// Every field with what it asks for, as a person reads it. `attr.` goes on with an attribute's name.
pub const FIELDS: [(&str, &str); 23] = [
    ("status", "error, running, lost or ok"),
    ("kind", "agent, team, workflow, step, model, tool, …"),
    ("agent", "the agent's name"),
    ("model", "the model"),
    ("tool", "the tool"),
    ("name", "the span's name"),
    ("error", "the status message"),
    ("failure", "the same, * for what varies"),
    ("session", "the session"),
    ("user", "the user"),
    ("provider", "who serves the model"),
    ("dur", "how long: >2s, <150ms"),
    ("self", "the same without children"),
    ("tokens", "in and out: >5k"),
    ("in", "tokens in"),
    ("out", "tokens out"),
    ("cost", "dollars: >0.01"),
    ("since", "begun since: 15m, 2026-11-22"),
    ("until", "begun until"),
    ("trace", "the trace id's beginning"),
    ("run", "the run id's beginning"),
    ("text", "anywhere in the payload"),
    ("attr.", "an attribute: attr.NAME:value"),
];

/// Every status by name.
pub const STATUSES: [(&str, RunStatus); 4] =
    [("error", RunStatus::Error), ("running", RunStatus::Running), ("lost", RunStatus::Lost), ("ok", RunStatus::Ok)];

/// Every kind by name; several kinds may share a name.
pub const KINDS: [(&str, &[SpanType]); 10] = [
    ("agent", &[SpanType::Agent]),
    ("team", &[SpanType::Team]),
    ("workflow", &[SpanType::Workflow]),
    ("step", &[SpanType::Step]),
    ("model", &[SpanType::Model]),
    ("tool", &[SpanType::Tool]),
    ("retriever", &[SpanType::Retriever, SpanType::Reranker]),
    ("embedding", &[SpanType::Embedding]),
    ("guardrail", &[SpanType::Guardrail]),
    ("other", &[SpanType::Other, SpanType::Evaluator, SpanType::Prompt]),
];

/// The attribute that holds the id of Agno's run.
const RUN: &str = "agno.run.id";

impl std::str::FromStr for Query {
    type Err = ParseError;

    fn from_str(line: &str) -> Result<Self, ParseError> {
        words(line)?.into_iter().map(term).collect::<Result<_, _>>().map(|terms| Self { terms })
    }
}

fn term(word: Word) -> Result<Term, ParseError> {
    let Word { at, negated, field, values, .. } = word;
    let at = at + usize::from(negated);
    let Some(field) = field else {
        return Ok(Term { negated, test: Test::Bare(each(&values, bare)?) });
    };
    let lower = field.to_ascii_lowercase();
    if lower.starts_with("attr.") {
        return attribute(&field["attr.".len()..], at, &values).map(|sought| Term { negated, test: Test::Payload(sought) });
    }
    let like = |field| Ok(Test::Text(field, each(&values, pattern)?));
    let number = |measure, read: fn(&str) -> Result<i64, String>| {
        let (comparison, number) = comparison(&values)?;
        let number = read(number).map_err(|message| ParseError::new(values[0].at, message))?;
        Ok(Test::Number(measure, comparison, number))
    };
    let test = match lower.as_str() {
        "name" => like(Field::Name),
        "agent" => like(Field::Agent),
        "model" => like(Field::Model),
        "provider" => like(Field::Provider),
        "tool" => like(Field::Tool),
        "session" => like(Field::Session),
        "user" => like(Field::User),
        "error" => like(Field::Error),
        "failure" => like(Field::Failure),
        "status" => each(&values, |value| named(value, "status", &STATUSES)).map(Test::Status),
        "kind" => each(&values, |value| named(value, "kind", &KINDS)).map(|kinds| Test::Kind(kinds.concat())),
        "trace" => each(&values, id).map(Test::Trace),
        "dur" => number(Measure::Duration, nanoseconds),
        "self" => number(Measure::Own, nanoseconds),
        "tokens" => number(Measure::Tokens, count),
        "in" => number(Measure::Input, count),
        "out" => number(Measure::Output, count),
        "cost" => number(Measure::Cost, money),
        "since" => moment(&values, false).map(Test::Since),
        "until" => moment(&values, true).map(Test::Until),
        "text" => each(&values, part).map(|patterns| Test::Payload(Condition::Text(patterns))),
        "run" => each(&values, beginning).and_then(|patterns| {
            let name = Pattern::whole(&[RUN.to_owned()]).map_err(|message| ParseError::new(at, message))?;
            Ok(Test::Payload(Condition::Attribute(name, patterns)))
        }),
        _ => Err(ParseError::new(at, unknown(&field))),
    };
    test.map(|test| Term { negated, test })
}

/// What to say of a field that there is not.
fn unknown(field: &str) -> String {
    match nearest(field, FIELDS.iter().map(|(name, _)| *name)) {
        Some("attr.") => format!("no field is called {field:?}; an attribute is asked for as attr.NAME:value"),
        Some(name) => format!("no field is called {field:?}; did you mean {name}?"),
        None => format!("no field is called {field:?}; there are {}", FIELDS.map(|(name, _)| name).join(", ")),
    }
}

fn each<T>(values: &[Value], read: impl Fn(&Value) -> Result<T, String>) -> Result<Vec<T>, ParseError> {
    values.iter().map(|value| read(value).map_err(|message| ParseError::new(value.at, message))).collect()
}

fn bare(value: &Value) -> Result<Bare, String> {
    let text = value.text();
    if let Some((name, number)) = text.split_once(['<', '>']).filter(|_| !value.quoted && !value.expression) {
        let number = number.trim_start_matches(['=', '$']);
        if number.starts_with(|c: char| c.is_ascii_digit()) && name.is_empty() {
            return Err(format!("{text} stands alone; a comparison stands right behind its field: cost:>0.01"));
        }
        if number.starts_with(|c: char| c.is_ascii_digit()) && name.bytes().all(|byte| byte.is_ascii_alphabetic()) {
            return Err(unknown(name));
        }
    }
    if value.expression || value.quoted || value.parts.len() > 1 { part(value).map(Bare::Like) } else { Ok(Bare::Fuzzy(value.text())) }
}

/// A value of a field: a part of the text, or the whole if it is quoted or has gaps.
fn pattern(value: &Value) -> Result<Pattern, String> {
    if value.quoted || value.parts.len() > 1 { Pattern::whole(&value.parts) } else { part(value) }
}

fn part(value: &Value) -> Result<Pattern, String> {
    if value.expression { Pattern::expression(&value.text()) } else { Pattern::part(&value.parts) }
}

fn beginning(value: &Value) -> Result<Pattern, String> {
    if value.expression {
        return part(value);
    }
    let mut parts = value.parts.clone();
    parts.push(String::new());
    Pattern::whole(&parts)
}

fn id(value: &Value) -> Result<String, String> {
    let id = value.text().to_ascii_lowercase();
    let good = (1..=32).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if good { Ok(id) } else { Err(format!("expected the beginning of a trace's id, in hex digits, found {id:?}")) }
}

fn named<T: Clone>(value: &Value, what: &str, names: &[(&str, T)]) -> Result<T, String> {
    let text = value.text().to_ascii_lowercase();
    let found = names.iter().find(|(name, _)| *name == text || matches!((*name, text.as_str()), ("model", "llm") | ("step", "chain")));
    found.map(|(_, named)| named.clone()).ok_or_else(|| {
        let names: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
        format!("no {what} is called {text:?}; there are {}", names.join(", "))
    })
}

fn moment(values: &[Value], end: bool) -> Result<Moment, ParseError> {
    let value = only(values)?;
    Moment::parse(&value.text(), end).map_err(|message| ParseError::new(value.at, message))
}

fn only(values: &[Value]) -> Result<&Value, ParseError> {
    match values {
        [value] => Ok(value),
        _ => Err(ParseError::new(values.get(1).map_or(0, |value| value.at), "this field takes one value")),
    }
}

/// The sign before a number, if there is one.
fn sign(value: &Value) -> Option<(Comparison, &str)> {
    let [text] = value.parts.as_slice() else { return None };
    let forms = [(">=", Comparison::AtLeast), ("<=", Comparison::AtMost), (">", Comparison::More), ("<", Comparison::Less)];
    forms.into_iter().filter(|_| !value.quoted).find_map(|(sign, comparison)| text.strip_prefix(sign).map(|number| (comparison, number)))
}

fn comparison(values: &[Value]) -> Result<(Comparison, &str), ParseError> {
    let value = only(values)?;
    sign(value).ok_or_else(|| ParseError::new(value.at, format!("expected a comparison such as >2, found {:?}", value.text())))
}

fn attribute(name: &str, at: usize, values: &[Value]) -> Result<Condition, ParseError> {
    if name.is_empty() {
        return Err(ParseError::new(at, "expected an attribute's name after attr., such as attr.llm.system:openai"));
    }
    let parts: Vec<String> = name.split('*').map(str::to_owned).collect();
    let name = Pattern::whole(&parts).map_err(|message| ParseError::new(at, message))?;
    match values {
        [value] if sign(value).is_some() => {
            let (comparison, number) = comparison(values)?;
            let number = scaled(number, &COUNTS, "500, 5k or 0.5").map_err(|message| ParseError::new(value.at, message))?;
            Ok(Condition::Number(name, comparison, number))
        }
        _ => Ok(Condition::Attribute(name, each(values, pattern)?)),
    }
}

const COUNTS: [(&str, f64); 4] = [("k", 1e3), ("m", 1e6), ("g", 1e9), ("", 1.0)];

fn nanoseconds(value: &str) -> Result<i64, String> {
    duration::parse_or_seconds(value).ok_or_else(|| format!("expected a duration such as 2s, 150ms or 1h30m, found {value:?}"))
}

fn count(value: &str) -> Result<i64, String> {
    scaled(value, &COUNTS, "500, 5k or 1.5m").map(|count| count as i64)
}

fn money(value: &str) -> Result<i64, String> {
    let dollars = value.strip_prefix('$').unwrap_or(value);
    scaled(dollars, &[("", 1e9)], "$0.01 or 0.01").map(|billionths| billionths.round() as i64)
}

fn scaled(value: &str, units: &[(&str, f64)], examples: &str) -> Result<f64, String> {
    let lower = value.to_lowercase();
    // Rust reads "inf" and "1e9", too, which nobody means here.
    let plain = |number: &&str| number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let read = |(unit, scale): &(&str, f64)| lower.strip_suffix(unit).filter(plain)?.parse::<f64>().ok().map(|number| number * scale);
    units.iter().find_map(read).ok_or_else(|| format!("expected a number such as {examples}, found {value:?}"))
}
