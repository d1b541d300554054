//! Editing a filter line: reads or replaces the values of one field and keeps the other words as typed.

use super::lexer::words;

/// Returns the values of a field, without those of negated words. `*` matches any text.
#[must_use]
pub fn values_of(line: &str, field: &str) -> Vec<String> {
    let words = words(line).unwrap_or_default();
    let of_field = words.into_iter().filter(|word| !word.excludes() && word.field.as_deref() == Some(field));
    of_field.flat_map(|word| word.values).map(|value| value.text()).collect()
}

/// Returns the line with exactly these values for `field`; without values, the field is removed.
#[must_use]
pub fn with_values(line: &str, field: &str, values: &[String]) -> String {
    let values: Vec<String> = values.iter().map(|value| exact(field, value)).collect();
    let characters: Vec<char> = line.chars().collect();
    let others = words(line).unwrap_or_default().into_iter().filter(|word| word.excludes() || word.field.as_deref() != Some(field));
    let mut kept: Vec<String> = others.map(|word| characters[word.at..word.end].iter().collect()).collect();
    if !values.is_empty() {
        kept.push(format!("{field}:{}", values.join("|")));
    }
    kept.join(" ")
}

/// Returns a value of a field as it is written in a line, so that it matches exactly.
#[must_use]
pub fn exact(field: &str, value: &str) -> String {
    // These fields have fixed names, which need no quotes.
    if matches!(field, "status" | "kind") { value.to_owned() } else { quote(value) }
}

/// Quotes a value, so that it matches exactly.
#[must_use]
pub fn quote(value: &str) -> String {
    let escaped =
        value.chars().fold(String::new(), |text, c| if "\"\\*".contains(c) { text + "\\" } else { text } + c.encode_utf8(&mut [0; 4]));
    format!("\"{escaped}\"")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::query::Query;

    #[test]
    fn values_are_set_and_read() {
        let line = with_values("refund agent:old dur:>2s", "agent", &["Support Agent".to_owned(), "writer".to_owned()]);
        assert_eq!(line, "refund dur:>2s agent:\"Support Agent\"|\"writer\"");
        assert_eq!(values_of(&line, "agent"), ["Support Agent", "writer"]);
        assert_eq!(with_values(&line, "agent", &[]), "refund dur:>2s");
        assert_eq!(with_values("", "failure", &["after * ms".to_owned()]), "failure:\"after \\* ms\"");
        assert_eq!(with_values("x", "status", &["error".to_owned(), "lost".to_owned()]), "x status:error|lost");
    }

    proptest! {
        #[test]
        fn every_value_survives_a_round_trip(value in "\\PC{0,20}", other in ".{1,9}") {
            let values = [value, other];
            let line = with_values("word -agent:x", "agent", &values);
            prop_assert_eq!(values_of(&line, "agent"), values);
            prop_assert!(line.parse::<Query>().is_ok());
        }
    }
}
