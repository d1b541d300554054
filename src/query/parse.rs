//! From the filter line to a [`Query`].

use super::{Comparison, Field, Pattern, Query, Term, Test};
use crate::model::Kind;
use crate::store::Standing;

/// What is wrong with a filter line, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Mistake {
    /// The place in the line, in characters from its beginning.
    pub at: usize,
    /// What is wrong there and what was expected.
    pub message: String,
}

/// Fields that a filter line knows, for messages.
const FIELDS: &str = "status, kind, agent, model, tool, name, session, user, dur, tokens";

/// One word of the line, quotes resolved.
#[derive(Debug, Default)]
struct Word {
    at: usize,
    /// Where it ends, in characters.
    end: usize,
    negated: bool,
    field: Option<String>,
    /// The alternatives, with whether any of their characters was quoted.
    values: Vec<(String, bool)>,
}

impl std::str::FromStr for Query {
    type Err = Mistake;

    fn from_str(line: &str) -> Result<Self, Mistake> {
        words(line)?.into_iter().map(term).collect::<Result<_, _>>().map(|terms| Self { terms })
    }
}

fn words(line: &str) -> Result<Vec<Word>, Mistake> {
    let mut words = Vec::new();
    let mut word: Option<Word> = None;
    let mut quoted: Option<usize> = None;
    for (at, c) in line.chars().enumerate() {
        if let Some(word) = word.as_mut().filter(|_| quoted.is_some() || !c.is_whitespace()) {
            word.end = at + 1;
        }
        if let Some(start) = quoted {
            if c == '"' {
                quoted = None;
            } else if let Some(value) = word.as_mut().and_then(|word| word.values.last_mut()) {
                value.0.push(c);
            } else {
                return Err(Mistake { at: start, message: "a quote outside a word".to_owned() });
            }
            continue;
        }
        if c.is_whitespace() {
            words.extend(word.take());
            continue;
        }
        let fresh = word.is_none();
        let current = word.get_or_insert_with(|| Word { at, end: at + 1, values: vec![Default::default()], ..Word::default() });
        let Some(value) = current.values.last_mut() else { continue };
        match c {
            '-' if fresh => current.negated = true,
            '"' => {
                quoted = Some(at);
                value.1 = true;
            }
            ':' if current.field.is_none() && !value.1 && !value.0.is_empty() => current.field = Some(std::mem::take(&mut value.0)),
            '|' if current.field.is_some() => current.values.push(Default::default()),
            _ => value.0.push(c),
        }
    }
    if let Some(at) = quoted {
        return Err(Mistake { at, message: "this quote is not closed".to_owned() });
    }
    words.extend(word);
    Ok(words)
}

fn term(word: Word) -> Result<Term, Mistake> {
    let Word { at, negated, field, values, .. } = word;
    let mistake = |message: String| Mistake { at, message };
    let Some(field) = field else {
        let text = values.into_iter().map(|(text, _)| text).collect::<String>();
        return if text.is_empty() {
            Err(mistake("a word is missing after -".to_owned()))
        } else {
            Ok(Term { negated, test: Test::Fuzzy(text) })
        };
    };
    if values.iter().any(|(value, quoted)| value.is_empty() && !quoted) {
        return Err(mistake(format!("{field}: needs a value")));
    }
    let text = |field| Test::Text(field, values.iter().map(|(value, quoted)| pattern(value, *quoted)).collect());
    let checked = match field.to_ascii_lowercase().as_str() {
        "name" => text(Field::Name),
        "agent" => text(Field::Agent),
        "model" => text(Field::Model),
        "tool" => text(Field::Tool),
        "session" => text(Field::Session),
        "user" => text(Field::User),
        "status" => Test::Status(each(&values, standing).map_err(mistake)?),
        "kind" => Test::Kind(each(&values, kind).map_err(mistake)?.concat()),
        "dur" => {
            let (comparison, number) = comparison(&values).map_err(mistake)?;
            Test::Duration(comparison, duration(number).map_err(mistake)?)
        }
        "tokens" => {
            let (comparison, number) = comparison(&values).map_err(mistake)?;
            Test::Tokens(comparison, count(number).map_err(mistake)?)
        }
        _ => return Err(mistake(format!("no field is called {field:?}; there are {FIELDS}"))),
    };
    Ok(Term { negated, test: checked })
}

fn each<T>(values: &[(String, bool)], read: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    values.iter().map(|(value, _)| read(&value.to_ascii_lowercase())).collect()
}

fn pattern(value: &str, quoted: bool) -> Pattern {
    let value = value.to_lowercase();
    if quoted {
        Pattern::Whole(value)
    } else if value.contains('*') {
        Pattern::Parts(value.split('*').map(str::to_owned).collect())
    } else {
        Pattern::Part(value)
    }
}

fn standing(value: &str) -> Result<Standing, String> {
    Ok(match value {
        "error" => Standing::Error,
        "running" => Standing::Running,
        "lost" => Standing::Lost,
        "ok" => Standing::Ok,
        _ => return Err(format!("no status is called {value:?}; there are error, running, lost, ok")),
    })
}

fn kind(value: &str) -> Result<Vec<Kind>, String> {
    Ok(match value {
        "agent" => vec![Kind::Agent],
        "team" => vec![Kind::Team],
        "workflow" => vec![Kind::Workflow],
        "step" | "chain" => vec![Kind::Step],
        "model" | "llm" => vec![Kind::Model],
        "tool" => vec![Kind::Tool],
        "retriever" => vec![Kind::Retriever, Kind::Reranker],
        "embedding" => vec![Kind::Embedding],
        "guardrail" => vec![Kind::Guardrail],
        "other" => vec![Kind::Other, Kind::Evaluator, Kind::Prompt],
        _ => {
            let known = "agent, team, workflow, step, model, tool, retriever, embedding, guardrail, other";
            return Err(format!("no kind is called {value:?}; there are {known}"));
        }
    })
}

fn comparison(values: &[(String, bool)]) -> Result<(Comparison, &str), String> {
    let [(value, _)] = values else { return Err("a comparison takes one value".to_owned()) };
    let forms = [(">=", Comparison::AtLeast), ("<=", Comparison::AtMost), (">", Comparison::More), ("<", Comparison::Less)];
    forms
        .into_iter()
        .find_map(|(sign, comparison)| value.strip_prefix(sign).map(|number| (comparison, number)))
        .ok_or_else(|| format!("expected a comparison such as >2, found {value:?}"))
}

fn duration(value: &str) -> Result<i64, String> {
    let units = [("ms", 1e6), ("us", 1e3), ("µs", 1e3), ("ns", 1.0), ("s", 1e9), ("m", 60e9), ("h", 3600e9), ("", 1e9)];
    scaled(value, &units, "2s, 150ms or 1m").map(|nanos| nanos as i64)
}

fn count(value: &str) -> Result<u64, String> {
    scaled(value, &[("k", 1e3), ("m", 1e6), ("", 1.0)], "500, 5k or 1m").map(|count| count as u64)
}

fn scaled(value: &str, units: &[(&str, f64)], examples: &str) -> Result<f64, String> {
    let value = value.to_ascii_lowercase();
    let read =
        |(unit, scale): &(&str, f64)| value.strip_suffix(unit).and_then(|number| number.parse::<f64>().ok()).map(|number| number * scale);
    let number = units.iter().find_map(read).filter(|number| number.is_finite() && *number >= 0.0);
    number.ok_or_else(|| format!("{value:?} is no number such as {examples}"))
}

/// The values that a line asks of a field, unless negated.
#[must_use]
pub fn values_of(line: &str, field: &str) -> Vec<String> {
    let words = words(line).unwrap_or_default();
    let asked = words.into_iter().filter(|word| !word.negated && word.field.as_deref() == Some(field));
    asked.flat_map(|word| word.values).map(|(value, _)| value).collect()
}

/// The line with `field` asked for exactly these values; with none, the field is not asked for.
#[must_use]
pub fn with_values(line: &str, field: &str, values: &[String]) -> String {
    let characters: Vec<char> = line.chars().collect();
    let others = words(line).unwrap_or_default().into_iter().filter(|word| word.negated || word.field.as_deref() != Some(field));
    let mut kept: Vec<String> = others.map(|word| characters[word.at..word.end].iter().collect()).collect();
    if !values.is_empty() {
        let values: Vec<String> = values.iter().map(|value| quoted(value)).collect();
        kept.push(format!("{field}:{}", values.join("|")));
    }
    kept.join(" ")
}

/// A value as it stands in a line to be matched whole. A quote can't be written, so a name that holds one is matched by its parts.
fn quoted(value: &str) -> String {
    if value.contains('"') {
        value.split('"').map(|part| part.replace(|c: char| c.is_whitespace() || c == '|', "*")).collect::<Vec<_>>().join("*")
    } else if value.chars().all(|c| c.is_ascii_lowercase()) {
        value.to_owned()
    } else {
        format!("\"{value}\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn mistake(line: &str) -> (usize, String) {
        line.parse::<Query>().map_or_else(|mistake| (mistake.at, mistake.message), |_| (0, String::new()))
    }

    #[test]
    fn a_mistake_is_named_with_its_place() {
        assert_eq!(mistake("ok colour:red"), (3, format!("no field is called \"colour\"; there are {FIELDS}")));
        assert_eq!(mistake("status:bad").1, "no status is called \"bad\"; there are error, running, lost, ok");
        assert_eq!(mistake("dur:2s").1, "expected a comparison such as >2, found \"2s\"");
        assert_eq!(mistake("dur:>x").1, "\"x\" is no number such as 2s, 150ms or 1m");
        assert_eq!(mistake("a \"b"), (2, "this quote is not closed".to_owned()));
        assert_eq!(mistake("agent:").1, "agent: needs a value");
    }

    #[test]
    fn values_are_set_and_found_again() {
        let line = with_values("refund agent:old dur:>2s", "agent", &["Support Agent".to_owned(), "writer".to_owned()]);
        assert_eq!(line, "refund dur:>2s agent:\"Support Agent\"|writer");
        assert_eq!(values_of(&line, "agent"), ["Support Agent", "writer"]);
        assert_eq!(with_values(&line, "agent", &[]), "refund dur:>2s");
        assert!(with_values("", "agent", &["say \"hi\"|".to_owned()]).parse::<Query>().is_ok());
    }

    proptest! {
        #[test]
        fn no_line_breaks_the_parser(line in ".*", field in "[a-z]{1,8}", value in ".*") {
            let _ = line.parse::<Query>();
            let _ = with_values(&line, &field, &[value]);
        }

        #[test]
        fn a_value_without_quotes_comes_back(value in "[^\"]{1,20}") {
            let line = with_values("word", "agent", std::slice::from_ref(&value));
            prop_assert_eq!(values_of(&line, "agent"), [value]);
        }
    }
}
