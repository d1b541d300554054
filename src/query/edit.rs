//! Lines that are changed by the program: the values of one field, and the rest kept as it was typed.

use super::lexer::words;

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
    // Of these the words are known, and no other holds one of them.
    let is_word = matches!(field, "status" | "kind");
    let values: Vec<String> = values.iter().map(|value| if is_word { value.clone() } else { quoted(value) }).collect();
    with(line, field, (!values.is_empty()).then(|| values.join("|")))
}

/// A value as it stands in a line to be matched whole.
#[must_use]
pub fn quoted(value: &str) -> String {
    let escaped =
        value.chars().fold(String::new(), |text, c| if "\"\\*".contains(c) { text + "\\" } else { text } + c.encode_utf8(&mut [0; 4]));
    format!("\"{escaped}\"")
}

fn with(line: &str, field: &str, value: Option<String>) -> String {
    let characters: Vec<char> = line.chars().collect();
    let others = words(line).unwrap_or_default().into_iter().filter(|word| word.negated || word.field.as_deref() != Some(field));
    let mut kept: Vec<String> = others.map(|word| characters[word.at..word.end].iter().collect()).collect();
    kept.extend(value.map(|value| format!("{field}:{value}")));
    kept.join(" ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::query::Query;

    #[test]
    fn values_are_set_and_found_again() {
        let line = with_values("refund agent:old dur:>2s", "agent", &["Support Agent".to_owned(), "writer".to_owned()]);
        assert_eq!(line, "refund dur:>2s agent:\"Support Agent\"|\"writer\"");
        assert_eq!(values_of(&line, "agent"), ["Support Agent", "writer"]);
        assert_eq!(with_values(&line, "agent", &[]), "refund dur:>2s");
        assert_eq!(with_values("", "failure", &["after * ms".to_owned()]), "failure:\"after \\* ms\"");
        assert_eq!(with_values("x", "status", &["error".to_owned(), "lost".to_owned()]), "x status:error|lost");
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
