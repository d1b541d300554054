//! Lines that are changed by the program: the values of one field, and the rest kept as it was typed.

use super::word::words;

/// The values that a line asks of a field, unless negated; `*` stands for a gap.
#[must_use]
pub fn values_of(line: &str, field: &str) -> Vec<String> {
    let words = words(line).unwrap_or_default();
    let asked = words.into_iter().filter(|word| !word.negated && word.field.as_deref() == Some(field));
    asked.flat_map(|word| word.values).map(|value| value.text()).collect()
}

/// The line with `field` asked for exactly these values; with none, the field is not asked for.
#[must_use]
pub fn with_values(line: &str, field: &str, values: &[String]) -> String {
    let values: Vec<String> = values.iter().map(|value| quoted(std::slice::from_ref(value))).collect();
    with(line, field, (!values.is_empty()).then(|| values.join("|")))
}

/// The line with `field` asked for a whole text of which only these parts are known, in order, with anything between them.
#[must_use]
pub fn with_parts(line: &str, field: &str, parts: &[String]) -> String {
    with(line, field, (!parts.is_empty()).then(|| quoted(parts)))
}

/// A value as it stands in a line to be matched whole.
#[must_use]
pub fn quoted_value(value: &str) -> String {
    quoted(&[value.to_owned()])
}

fn with(line: &str, field: &str, value: Option<String>) -> String {
    let characters: Vec<char> = line.chars().collect();
    let others = words(line).unwrap_or_default().into_iter().filter(|word| word.negated || word.field.as_deref() != Some(field));
    let mut kept: Vec<String> = others.map(|word| characters[word.at..word.end].iter().collect()).collect();
    kept.extend(value.map(|value| format!("{field}:{value}")));
    kept.join(" ")
}

/// A value as it stands in a line to be matched whole.
fn quoted(parts: &[String]) -> String {
    if let [word] = parts
        && !word.is_empty()
        && word.chars().all(|c| c.is_ascii_lowercase())
    {
        return word.clone();
    }
    let escaped = |part: &String| {
        part.chars().fold(String::new(), |text, c| if "\"\\*".contains(c) { text + "\\" } else { text } + c.encode_utf8(&mut [0; 4]))
    };
    format!("\"{}\"", parts.iter().map(escaped).collect::<Vec<_>>().join("*"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::query::Query;

    #[test]
    fn values_are_set_and_found_again() {
        let line = with_values("refund agent:old dur:>2s", "agent", &["Support Agent".to_owned(), "writer".to_owned()]);
        assert_eq!(line, "refund dur:>2s agent:\"Support Agent\"|writer");
        assert_eq!(values_of(&line, "agent"), ["Support Agent", "writer"]);
        assert_eq!(with_values(&line, "agent", &[]), "refund dur:>2s");
        assert_eq!(with_parts("", "error", &["after ".to_owned(), " ms \"*\"".to_owned()]), "error:\"after * ms \\\"\\*\\\"\"");
    }

    proptest! {
        #[test]
        fn every_value_comes_back(value in "\\PC{0,20}", other in ".{1,9}") {
            let values = [value, other];
            let line = with_values("word -agent:x", "agent", &values);
            prop_assert_eq!(values_of(&line, "agent"), values);
            prop_assert!(line.parse::<Query>().is_ok());
        }
    }
}
