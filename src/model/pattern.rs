//! Text patterns: exact, substring, with wildcards, or a regular expression. Case is ignored unless a regular expression sets `(?-i)`.

use std::fmt::Write as _;

use regex::{Regex, RegexBuilder};

use super::json;

/// The maximum size of a compiled pattern in bytes.
const MAX_COMPILED_SIZE: usize = 4 << 20;

/// The maximum nesting of JSON in JSON strings that is searched.
const MAX_JSON_NESTING: usize = 4;

/// Why a pattern cannot be compiled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// The compiled pattern would exceed the maximum size.
    #[error("this is too long to search for")]
    TooLong,
    /// The regular expression is invalid; holds the reason.
    #[error("invalid regular expression: {0}")]
    InvalidRegex(String),
}

/// A text pattern.
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
    /// Returns a pattern for texts that consist of the parts with any text between them.
    ///
    /// # Errors
    ///
    /// Returns [`PatternError::TooLong`] if the parts are too long.
    pub fn exact(parts: &[String]) -> Result<Self, PatternError> {
        Self::compile(&format!("^(?:{})$", joined(parts)), parts.to_vec())
    }

    /// Whether it is for one text only.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.parts.len() == 1 && self.regex.as_str().starts_with('^')
    }

    /// Returns a pattern for texts that contain the parts with any text between them.
    ///
    /// # Errors
    ///
    /// Returns [`PatternError::TooLong`] if the parts are too long.
    pub fn substring(parts: &[String]) -> Result<Self, PatternError> {
        Self::compile(&joined(parts), parts.to_vec())
    }

    /// Returns a pattern for texts that contain a match of a regular expression.
    ///
    /// # Errors
    ///
    /// Returns an error if the expression is invalid or too large.
    pub fn regex(text: &str) -> Result<Self, PatternError> {
        Self::compile(text, Vec::new())
    }

    fn compile(text: &str, parts: Vec<String>) -> Result<Self, PatternError> {
        let built = RegexBuilder::new(text).case_insensitive(true).dot_matches_new_line(true).size_limit(MAX_COMPILED_SIZE).build();
        match built {
            Ok(regex) => Ok(Self { regex, parts }),
            Err(regex::Error::CompiledTooBig(_)) => Err(PatternError::TooLong),
            Err(error) => {
                // The last line is the reason; the lines before it show the expression.
                let message = error.to_string();
                let reason = message.lines().last().unwrap_or_default().trim_start_matches("error: ");
                Err(PatternError::InvalidRegex(reason.to_owned()))
            }
        }
    }

    /// Returns whether the text matches.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    /// Returns whether the text matches, as it is or with the escapes of JSON strings in it resolved, at any nesting up to a limit.
    #[must_use]
    pub fn matches_unescaped(&self, text: &str) -> bool {
        if self.matches(text) {
            return true;
        }
        let mut text = std::borrow::Cow::Borrowed(text);
        for _ in 0..MAX_JSON_NESTING {
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

    /// Returns the parts, which every matching text contains; empty for a regular expression.
    #[must_use]
    pub fn parts(&self) -> &[String] {
        &self.parts
    }
}

fn joined(parts: &[String]) -> String {
    parts.iter().map(|part| regex::escape(part)).collect::<Vec<_>>().join(".*")
}

/// Returns a regular expression for a text in JSON and in nested JSON strings, where its characters may be escaped.
pub(super) fn json_regex(text: &str) -> String {
    let mut expression = String::new();
    for c in text.chars() {
        if is_never_escaped(c) {
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

/// Returns whether JSON encoders never escape the character.
pub(super) fn is_never_escaped(c: char) -> bool {
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
    fn patterns_match_exactly_in_part_or_with_wildcards() {
        let exact = |pattern: &str, text| Pattern::exact(&parts(pattern)).unwrap().matches(text);
        let substring = |pattern: &str, text| Pattern::substring(&parts(pattern)).unwrap().matches(text);
        assert!(exact("gpt-5", "GPT-5") && !exact("gpt-5", "gpt-5-mini") && exact("gpt*", "gpt-5-mini"));
        assert!(exact("timeout after * ms", "Timeout after 20\n ms") && !exact("a*a", "a"));
        assert!(exact("*", "x") && exact("a.c", "a.c") && !exact("a.c", "abc"));
        assert!(substring("straße", "Die STRAßE dort") && substring("b*d", "abcde") && !substring("d*b", "abcde"));
        let expression = Pattern::regex("^Search_\\d+$").unwrap();
        assert!(expression.matches("search_12") && !expression.matches("research_12"));
        assert!(!Pattern::regex("(?-i)A").unwrap().matches("a"));
    }

    #[test]
    fn an_invalid_pattern_has_a_reason_in_one_line() {
        assert_eq!(Pattern::regex("(a").unwrap_err().to_string(), "invalid regular expression: unclosed group");
        assert_eq!(Pattern::regex("(a{1000}){1000}").unwrap_err(), PatternError::TooLong);
    }

    proptest! {
        #[test]
        fn a_text_is_found_at_any_depth_of_escaping(text in "[ -~é谢😀\n\t\"\\\\/]{1,12}", levels in 0..4) {
            let (mut json, raw) = (format!("before {text} behind"), json_regex(&text));
            for _ in 0..levels {
                json = Value::Text(json).to_json();
            }
            prop_assert!(Pattern::substring(std::slice::from_ref(&text)).unwrap().matches_unescaped(&json));
            let found = regex::bytes::RegexBuilder::new(&raw).case_insensitive(true).build().unwrap();
            prop_assert!(found.is_match(json.as_bytes()), "{} in {}", raw, json);
        }
    }
}
