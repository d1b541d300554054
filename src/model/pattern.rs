//! A text to look for: whole, as a part, with gaps, or a regular expression. Case never counts unless an expression asks for it.

use std::fmt::Write as _;

use regex::{Regex, RegexBuilder};

use super::json;

/// Bytes that a compiled pattern may take.
const LARGEST: usize = 4 << 20;

/// How often JSON may lie in JSON.
const LEVELS: usize = 4;

/// A text to look for.
#[derive(Clone, Debug)]
pub struct Pattern {
    regex: Regex,
    parts: Vec<String>,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.regex.as_str() == other.regex.as_str()
    }
}

impl Pattern {
    /// The parts with anything between them, and nothing before or behind. An error says that they are too long.
    pub fn whole(parts: &[String]) -> Result<Self, String> {
        Self::compile(&format!("^(?:{})$", joined(parts)), parts.to_vec())
    }

    /// The parts with anything between them, anywhere in a text. An error says that they are too long.
    pub fn part(parts: &[String]) -> Result<Self, String> {
        Self::compile(&joined(parts), parts.to_vec())
    }

    /// A regular expression, found anywhere in a text. An error says what is wrong with it.
    pub fn expression(text: &str) -> Result<Self, String> {
        Self::compile(text, Vec::new())
    }

    fn compile(text: &str, parts: Vec<String>) -> Result<Self, String> {
        let built = RegexBuilder::new(text).case_insensitive(true).dot_matches_new_line(true).size_limit(LARGEST).build();
        match built {
            Ok(regex) => Ok(Self { regex, parts }),
            Err(regex::Error::CompiledTooBig(_)) => Err("this is too long to look for".to_owned()),
            Err(error) => {
                let words = error.to_string();
                let last = words.lines().last().unwrap_or_default();
                Err(format!("no regular expression: {}", last.trim_start_matches("error: ")))
            }
        }
    }

    /// Whether the text is one, or holds one.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    /// Whether the text holds one, be it behind the escapes of JSON in it.
    #[must_use]
    pub fn is_within(&self, text: &str) -> bool {
        if self.matches(text) {
            return true;
        }
        let mut text = std::borrow::Cow::Borrowed(text);
        for _ in 0..LEVELS {
            if memchr::memchr(b'\\', text.as_bytes()).is_none() {
                return false;
            }
            text = json::unescape(text.as_bytes()).into();
            if self.matches(&text) {
                return true;
            }
        }
        false
    }

    /// The texts that must all be there; none of an expression.
    #[must_use]
    pub fn parts(&self) -> &[String] {
        &self.parts
    }
}

fn joined(parts: &[String]) -> String {
    parts.iter().map(|part| regex::escape(part)).collect::<Vec<_>>().join(".*")
}

/// An expression for a text as it may lie in JSON, and in JSON in JSON: with its characters escaped in any way.
pub(super) fn escaped(text: &str) -> String {
    let mut expression = String::new();
    for c in text.chars() {
        if stands_for_itself(c) {
            expression.push_str(&regex::escape(c.encode_utf8(&mut [0; 4])));
            continue;
        }
        let _ = write!(expression, "(?:\\\\*{}", regex::escape(c.encode_utf8(&mut [0; 4])));
        match c {
            '\n' => expression.push_str("|\\\\+n"),
            '\r' => expression.push_str("|\\\\+r"),
            '\t' => expression.push_str("|\\\\+t"),
            '\u{8}' => expression.push_str("|\\\\+b"),
            '\u{c}' => expression.push_str("|\\\\+f"),
            _ => {}
        }
        for same in std::iter::once(c).chain(c.to_lowercase()).chain(c.to_uppercase()) {
            expression.push('|');
            for unit in same.encode_utf16(&mut [0; 2]) {
                let _ = write!(expression, "\\\\+u{unit:04x}");
            }
        }
        expression.push(')');
    }
    expression
}

/// Whether no writer of JSON escapes the character.
pub(super) fn stands_for_itself(c: char) -> bool {
    c.is_ascii_alphanumeric() || (c.is_ascii() && !c.is_ascii_control() && !"\"\\/<>&'".contains(c))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::Value;

    fn parts(text: &str) -> Vec<String> {
        text.split('*').map(str::to_owned).collect()
    }

    #[test]
    fn a_text_is_whole_or_a_part_or_has_gaps() {
        let whole = |pattern: &str, text| Pattern::whole(&parts(pattern)).unwrap().matches(text);
        let part = |pattern: &str, text| Pattern::part(&parts(pattern)).unwrap().matches(text);
        assert!(whole("gpt-5", "GPT-5") && !whole("gpt-5", "gpt-5-mini") && whole("gpt*", "gpt-5-mini"));
        assert!(whole("timeout after * ms", "Timeout after 20\n ms") && !whole("a*a", "a"));
        assert!(whole("*", "x") && whole("a.c", "a.c") && !whole("a.c", "abc"));
        assert!(part("straße", "Die STRAßE dort") && part("b*d", "abcde") && !part("d*b", "abcde"));
        let expression = Pattern::expression("^Search_\\d+$").unwrap();
        assert!(expression.matches("search_12") && !expression.matches("research_12"));
        assert!(!Pattern::expression("(?-i)A").unwrap().matches("a"));
    }

    #[test]
    fn an_expression_that_is_none_says_why_in_a_line() {
        assert_eq!(Pattern::expression("(a").unwrap_err(), "no regular expression: unclosed group");
        assert_eq!(Pattern::expression("(a{1000}){1000}").unwrap_err(), "this is too long to look for");
    }

    proptest! {
        #[test]
        fn a_text_is_found_however_deep_it_is_escaped(text in "[ -~é谢😀\n\t\"\\\\/]{1,12}", levels in 0..4) {
            let (mut json, raw) = (format!("before {text} behind"), escaped(&text));
            for _ in 0..levels {
                json = Value::Text(json).to_json();
            }
            prop_assert!(Pattern::part(std::slice::from_ref(&text)).unwrap().is_within(&json));
            let found = regex::bytes::RegexBuilder::new(&raw).case_insensitive(true).build().unwrap();
            prop_assert!(found.is_match(json.as_bytes()), "{} in {}", raw, json);
        }
    }
}
