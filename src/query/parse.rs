//! The terms of a filter line: fields, values and comparisons.

use super::error::{ParseError, ParseErrorKind};
use super::fields::{FORMER_TIME, KINDS, LOG_FIELDS, STATUSES};
use super::lexer::{Operator, Value, Word, words};
use super::time::TimeBound;
use super::{BareWord, Comparison, Condition, NumberField, Pattern, Query, ScoreTest, Term, Test, TextField};
use crate::model::Value::Text;
use crate::model::duration;
use crate::model::log::LEVELS;
use crate::model::payload_query::{Fact, FactTest};
use crate::semconv::{self, PARAMETERS, find_parameter, finish_reason};

/// The attribute that holds the id of Agno's run.
const RUN_ATTRIBUTE: &str = "agno.run.id";

/// The attribute of a resource that names the machine.
const HOST_ATTRIBUTE: &str = "host.name";

/// The units of counts.
const COUNT_UNITS: [(&str, f64); 4] = [("k", 1e3), ("m", 1e6), ("g", 1e9), ("", 1.0)];

/// Why a model stopped.
const FINISH: Fact = Fact { name: "finish", words: &semconv::FINISH_WORDS, read: |attributes, _| finish_reason(attributes).map(Text) };

type Parsed<T> = Result<T, ParseErrorKind>;

impl std::str::FromStr for Query {
    type Err = ParseError;

    fn from_str(line: &str) -> Result<Self, ParseError> {
        terms(words(line)?)
    }
}

impl Query {
    /// Parses a filter of spans. Fields of log records are errors, as no span would match them.
    pub fn parse_of_spans(line: &str) -> Result<Self, ParseError> {
        let words = words(line)?;
        refuse_log_fields(&words)?;
        terms(words)
    }

    /// Parses a condition of spans that must be able to hold: a status may stand alone, and other words without a field are errors, as
    /// searches in names they would seldom match. So are values that no text equals.
    pub fn parse_condition(line: &str) -> Result<Self, ParseError> {
        let mut words = words(line)?;
        refuse_log_fields(&words)?;
        refuse_impossible_values(&words)?;
        if words.is_empty() {
            return Err(ParseError::new(0, ParseErrorKind::NotACondition(String::new())));
        }
        // A comparison without a field tells more than the word before it.
        for word in words.iter().filter(|word| word.is_plain()) {
            each(&word.values, bare_word)?;
        }
        for word in words.iter_mut().filter(|word| word.is_plain()) {
            let is_status = |value: &Value| STATUSES.iter().any(|(name, _)| name.eq_ignore_ascii_case(&value.text()));
            if !word.values.iter().all(is_status) {
                let text = word.values.iter().map(Value::text).collect::<Vec<_>>().join("|");
                return Err(ParseError::new(word.at + usize::from(word.negated), ParseErrorKind::NotACondition(text)));
            }
            word.field = Some("status".to_owned());
        }
        terms(words)
    }
}

fn refuse_log_fields(words: &[Word]) -> Result<(), ParseError> {
    let is_of_logs = |field: &&String| LOG_FIELDS.iter().any(|known| known.eq_ignore_ascii_case(field));
    match words.iter().find_map(|word| Some((word, word.field.as_ref().filter(is_of_logs)?))) {
        Some((word, field)) => Err(ParseError::new(word.at + usize::from(word.negated), ParseErrorKind::OnlyOfLogs(field.clone()))),
        None => Ok(()),
    }
}

/// Refuses empty quotes, and values in quotes that are no quotes here, as a shell or an editor makes them.
fn refuse_impossible_values(words: &[Word]) -> Result<(), ParseError> {
    for (word, value) in words.iter().flat_map(|word| word.values.iter().map(move |value| (word, value))) {
        let text = value.text();
        if text.is_empty() && word.operator != Operator::NotEqual {
            let name = word.field.as_deref().unwrap_or("\"\"");
            return Err(ParseError::new(value.at, ParseErrorKind::MissingValue(name.to_owned())));
        }
        if !value.is_quoted && !value.is_regex && text.starts_with(['\'', '‘', '’', '“', '”', '`']) {
            return Err(ParseError::new(value.at, ParseErrorKind::OtherQuotes(text)));
        }
    }
    Ok(())
}

fn terms(words: Vec<Word>) -> Result<Query, ParseError> {
    let mut terms = Vec::with_capacity(words.len());
    for word in words {
        push_terms(word, &mut terms)?;
    }
    Ok(Query { terms })
}

/// Appends the terms of a word: one, or two for `!=`, which needs a value that is known and another one.
fn push_terms(word: Word, terms: &mut Vec<Term>) -> Result<(), ParseError> {
    let Word { at, negated, field, mut values, operator, .. } = word;
    let at = at + usize::from(negated);
    let Some(field) = field else {
        terms.push(Term { negated, test: Test::Bare(each(&values, bare_word)?) });
        return Ok(());
    };
    if operator == Operator::NotEqual {
        if negated {
            return Err(ParseError::new(at, ParseErrorKind::DoubleNegation(field)));
        }
        let known = field_test(&field, at, &[Value::any(at)]);
        // Other fields are always known.
        terms.extend(known.ok().map(|test| Term { negated: false, test }));
    }
    if operator != Operator::Colon {
        // Equality is of the whole value, as in quotes.
        values.iter_mut().filter(|value| !value.is_regex).for_each(|value| value.is_quoted = true);
    }
    terms.push(Term { negated: negated != (operator == Operator::NotEqual), test: field_test(&field, at, &values)? });
    Ok(())
}

fn field_test(field: &str, at: usize, values: &[Value]) -> Result<Test, ParseError> {
    let lower = field.to_ascii_lowercase();
    if lower.starts_with("attr.") {
        return attribute(&field["attr.".len()..], at, values).map(Test::Payload);
    }
    if let Some(name) = lower.strip_prefix("param.") {
        return parameter(name, at, values).map(Test::Payload);
    }
    if lower == "score" || lower.starts_with("score.") {
        return score(lower.strip_prefix("score."), at, values);
    }
    let text = |field| Ok(Test::Text(field, each(values, pattern)?));
    let number = |measure, parse: fn(&str) -> Parsed<i64>| {
        let (comparison, number) = comparison(values)?;
        let number = parse(number).map_err(|kind| ParseError::new(values[0].at, kind))?;
        Ok(Test::Number(measure, comparison, number))
    };
    match lower.as_str() {
        "name" => text(TextField::Name),
        "agent" => text(TextField::Agent),
        "model" => text(TextField::Model),
        "provider" => text(TextField::Provider),
        "tool" => text(TextField::Tool),
        "session" => text(TextField::Session),
        "user" => text(TextField::User),
        "service" => text(TextField::Service),
        "error" => text(TextField::Error),
        "failure" => text(TextField::Failure),
        "status" => each(values, |value| named(value, "status", &STATUSES)).map(Test::Status),
        "kind" => each(values, |value| named(value, "kind", &KINDS)).map(|kinds| Test::SpanType(kinds.concat())),
        "trace" => each(values, id_prefix).map(Test::Trace),
        "time" | FORMER_TIME => number(NumberField::Duration, nanoseconds),
        "self" => number(NumberField::OwnTime, nanoseconds),
        "tokens" => number(NumberField::Tokens, count),
        "in" => number(NumberField::Input, count),
        "out" => number(NumberField::Output, count),
        "cost" => number(NumberField::Cost, nano_usd),
        "cached" => number(NumberField::Cached, percent),
        "context" => number(NumberField::Context, percent),
        "ttft" => number(NumberField::FirstToken, nanoseconds),
        "speed" => number(NumberField::Speed, count),
        "finish" => each(values, pattern).map(|patterns| Test::Payload(Condition::Fact(FINISH, FactTest::Matches(patterns)))),
        "miss" => yes_or_no(values).map(Test::Miss),
        "since" => time_bound(values, false).map(Test::Since),
        "until" => time_bound(values, true).map(Test::Until),
        "text" => each(values, part).map(|patterns| Test::Payload(Condition::Text(patterns))),
        "approval" => each(values, pattern).map(Test::Approval),
        "level" => each(values, levels).map(Test::Level),
        "event" => text(TextField::Event),
        "log" => Ok(Test::Text(TextField::Log, each(values, part)?)),
        "run" => each(values, prefix).and_then(|patterns| attribute_named(RUN_ATTRIBUTE, at, patterns)),
        "host" => each(values, pattern).and_then(|patterns| attribute_named(HOST_ATTRIBUTE, at, patterns)),
        _ => Err(ParseError::new(at, ParseErrorKind::unknown_field(field))),
    }
}

fn attribute_named(name: &str, at: usize, patterns: Vec<Pattern>) -> Result<Test, ParseError> {
    let name = Pattern::exact(&[name.to_owned()]).map_err(|error| ParseError::new(at, error))?;
    Ok(Test::Payload(Condition::Attribute(name, patterns)))
}

/// Parses each value; an error gets the position of its value.
fn each<T>(values: &[Value], parse: impl Fn(&Value) -> Parsed<T>) -> Result<Vec<T>, ParseError> {
    values.iter().map(|value| parse(value).map_err(|kind| ParseError::new(value.at, kind))).collect()
}

fn bare_word(value: &Value) -> Parsed<BareWord> {
    let text = value.text();
    if value.is_regex || value.is_quoted || value.parts.len() > 1 {
        return part(value).map(BareWord::Pattern);
    }
    // A word that looks like a comparison is a typing error, not a search.
    let operand = text.trim_start_matches(['<', '>', '=', '!']);
    let sign = &text[..text.len() - operand.len()];
    if sign.contains(['<', '>', '=']) && (operand.is_empty() || is_amount(operand)) {
        return Err(ParseErrorKind::ComparisonWithoutField(text));
    }
    if let Some((name, number)) = text.split_once(['<', '>'])
        && is_amount(number.trim_start_matches('='))
        && name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'.')
    {
        return Err(ParseErrorKind::unknown_field(name));
    }
    Ok(BareWord::Fuzzy(text))
}

/// Whether a text begins like a number or an amount.
fn is_amount(text: &str) -> bool {
    text.trim_start_matches('$').trim_start_matches('.').starts_with(|c: char| c.is_ascii_digit())
}

/// A pattern for a field: exact if the value is quoted or contains `*`, else a substring.
fn pattern(value: &Value) -> Parsed<Pattern> {
    if value.is_quoted || value.parts.len() > 1 { Ok(Pattern::exact(&value.parts)?) } else { part(value) }
}

/// A pattern for a substring.
fn part(value: &Value) -> Parsed<Pattern> {
    Ok(if value.is_regex { Pattern::regex(&value.text())? } else { Pattern::substring(&value.parts)? })
}

/// A pattern for the beginning of a text.
fn prefix(value: &Value) -> Parsed<Pattern> {
    if value.is_regex {
        return part(value);
    }
    let mut parts = value.parts.clone();
    parts.push(String::new());
    Ok(Pattern::exact(&parts)?)
}

fn id_prefix(value: &Value) -> Parsed<String> {
    let id = value.text().to_ascii_lowercase();
    let is_prefix = (1..=32).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_prefix { Ok(id) } else { Err(ParseErrorKind::unexpected("the first hex digits of a trace id", id)) }
}

fn named<T: Clone>(value: &Value, field: &'static str, names: &[(&str, T)]) -> Parsed<T> {
    let text = value.text().to_ascii_lowercase();
    let is_alias =
        |name: &str| matches!((field, name, text.as_str()), (_, "model", "llm") | (_, "step", "chain") | ("status", "error", "failed"));
    let found = names.iter().find(|(name, _)| *name == text || is_alias(name));
    found.map(|(_, named)| named.clone()).ok_or_else(|| {
        let names: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
        ParseErrorKind::UnknownName { field, found: text.clone(), known: names.join(", ") }
    })
}

/// Parses `yes` or `no`.
/// Parses yes, no, or `*` for either.
fn yes_or_no(values: &[Value]) -> Result<Option<bool>, ParseError> {
    let value = single(values)?;
    match value.text().to_ascii_lowercase().as_str() {
        "yes" | "true" => Ok(Some(true)),
        "no" | "false" => Ok(Some(false)),
        "*" => Ok(None),
        _ => Err(ParseError::new(value.at, ParseErrorKind::unexpected("yes or no", value.text()))),
    }
}

fn time_bound(values: &[Value], is_end: bool) -> Result<TimeBound, ParseError> {
    let value = single(values)?;
    TimeBound::parse(&value.text(), is_end).map_err(|kind| ParseError::new(value.at, kind))
}

fn single(values: &[Value]) -> Result<&Value, ParseError> {
    match values {
        [value] => Ok(value),
        _ => Err(ParseError::new(values.get(1).map_or(0, |value| value.at), ParseErrorKind::SeveralValues)),
    }
}

/// Splits a comparison into its operator and its number; `None` if the value is not a comparison.
fn split_comparison(value: &Value) -> Option<(Comparison, &str)> {
    let [text] = value.parts.as_slice() else { return None };
    let operators = [
        (">=", Comparison::AtLeast),
        ("<=", Comparison::AtMost),
        ("==", Comparison::Equal),
        ("!=", Comparison::NotEqual),
        (">", Comparison::More),
        ("<", Comparison::Less),
        ("=", Comparison::Equal),
    ];
    let mut operators = operators.into_iter().filter(|_| !value.is_quoted);
    operators.find_map(|(operator, comparison)| text.strip_prefix(operator).map(|number| (comparison, number)))
}

fn comparison(values: &[Value]) -> Result<(Comparison, &str), ParseError> {
    let value = single(values)?;
    let unexpected = || ParseError::new(value.at, ParseErrorKind::unexpected("a comparison such as >2", value.text()));
    split_comparison(value).ok_or_else(unexpected)
}

fn attribute(name: &str, at: usize, values: &[Value]) -> Result<Condition, ParseError> {
    if name.is_empty() {
        return Err(ParseError::new(at, ParseErrorKind::MissingAttribute));
    }
    let parts: Vec<String> = name.split('*').map(str::to_owned).collect();
    let name = Pattern::exact(&parts).map_err(|error| ParseError::new(at, error))?;
    Ok(match order(values)? {
        Some((comparison, number)) => Condition::Number(name, comparison, number),
        None => Condition::Attribute(name, each(values, pattern)?),
    })
}

/// A condition on a parameter of a model call.
fn parameter(name: &str, at: usize, values: &[Value]) -> Result<Condition, ParseError> {
    let Some(known) = find_parameter(name) else {
        let known = PARAMETERS.iter().map(|parameter| parameter.name).collect::<Vec<_>>().join(", ");
        return Err(ParseError::new(at, ParseErrorKind::UnknownName { field: "parameter", found: name.to_owned(), known }));
    };
    let fact = Fact { name: known.name, words: known.words, read: semconv::parameter };
    let test = match order(values)? {
        Some((comparison, number)) => FactTest::Compares(comparison, number),
        None => FactTest::Matches(each(values, pattern)?),
    };
    Ok(Condition::Fact(fact, test))
}

/// A condition on a score.
fn score(name: Option<&str>, at: usize, values: &[Value]) -> Result<Test, ParseError> {
    if name == Some("") {
        return Err(ParseError::new(at, ParseErrorKind::MissingScore));
    }
    let value = single(values)?;
    let error = |kind| ParseError::new(value.at, kind);
    let test = match (value.text().to_ascii_lowercase().as_str(), split_comparison(value)) {
        ("passed", _) => ScoreTest::Passed(Some(true)),
        ("failed", _) => ScoreTest::Passed(Some(false)),
        ("*", _) => ScoreTest::Passed(None),
        (_, Some((comparison, number))) => {
            ScoreTest::Compares(comparison, decimal(number, &[("", 1.0)], "a number such as 5 or 0.5").map_err(error)?)
        }
        _ => return Err(error(ParseErrorKind::unexpected("a comparison such as <5, passed or failed", value.text()))),
    };
    Ok(Test::Score(name.map(Into::into), test))
}

/// Returns the comparison and the number in a value such as `>0.5`; `None` for a value to be matched as text.
fn order(values: &[Value]) -> Result<Option<(Comparison, f64)>, ParseError> {
    let [value] = values else { return Ok(None) };
    let Some((comparison @ (Comparison::More | Comparison::AtLeast | Comparison::Less | Comparison::AtMost), number)) =
        split_comparison(value)
    else {
        return Ok(None);
    };
    let number = decimal(number, &COUNT_UNITS, "a number such as 500, 5k or 0.5").map_err(|kind| ParseError::new(value.at, kind))?;
    Ok(Some((comparison, number)))
}

/// Parses a level, or a comparison with one, as the severities that it includes. A severity that is not stated is in none.
fn levels(value: &Value) -> Parsed<(u8, u8)> {
    const LAST: u8 = 24;
    let text = value.text().to_ascii_lowercase();
    let (comparison, name) = split_comparison(value).map_or((Comparison::Equal, text.as_str()), |(comparison, name)| (comparison, name));
    let name = name.to_ascii_lowercase();
    let known = LEVELS.iter().find(|(level, _)| *level == name || (*level == "warn" && name == "warning"));
    let Some(&(_, first)) = known else {
        let known = LEVELS.map(|(level, _)| level).join(", ");
        return Err(ParseErrorKind::UnknownName { field: "level", found: name, known });
    };
    Ok(match comparison {
        Comparison::Equal => (first, first + 3),
        Comparison::AtLeast => (first, LAST),
        Comparison::More => (first + 4, LAST),
        Comparison::AtMost => (1, first + 3),
        Comparison::Less => (1, first - 1),
        Comparison::NotEqual => return Err(ParseErrorKind::unexpected("a level such as warn or >=warn", text)),
    })
}

fn nanoseconds(value: &str) -> Parsed<i64> {
    duration::parse_or_seconds(value).ok_or_else(|| ParseErrorKind::unexpected("a duration such as 2s, 150ms or 1h30m", value))
}

/// Parses a percentage as hundredths of a percent.
fn percent(value: &str) -> Parsed<i64> {
    decimal(value, &[("%", 100.0), ("", 100.0)], "a percentage such as 50%").map(|share| share.round() as i64)
}

fn count(value: &str) -> Parsed<i64> {
    decimal(value, &COUNT_UNITS, "a number such as 500, 5k or 1.5m").map(|count| count as i64)
}

fn nano_usd(value: &str) -> Parsed<i64> {
    let dollars = value.strip_prefix('$').unwrap_or(value);
    decimal(dollars, &[("", 1e9)], "an amount such as $0.01 or 0.01").map(|nano_usd| nano_usd.round() as i64)
}

/// Parses a decimal number with an optional unit. Unlike `f64::from_str`, it accepts no exponent and no `inf`.
fn decimal(value: &str, units: &[(&str, f64)], expected: &'static str) -> Parsed<f64> {
    let lower = value.to_lowercase();
    let is_plain = |number: &&str| number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let parse = |(unit, scale): &(&str, f64)| lower.strip_suffix(unit).filter(is_plain)?.parse::<f64>().ok().map(|number| number * scale);
    units.iter().find_map(parse).ok_or_else(|| ParseErrorKind::unexpected(expected, value))
}
