//! Fuzzy search: words may omit letters.

use fuzzy_matcher::FuzzyMatcher;
use fuzzy_matcher::skim::SkimMatcherV2;

/// A fuzzy matcher that ignores case.
pub(super) struct Fuzzy(SkimMatcherV2);

impl Default for Fuzzy {
    fn default() -> Self {
        Self(SkimMatcherV2::default().ignore_case())
    }
}

impl Fuzzy {
    /// Returns whether the text contains the word's letters in order and mostly together. A short word scattered over a long text does not
    /// match.
    pub(super) fn matches(&self, text: &str, word: &str) -> bool {
        // The scores of skim for a matching letter and for adjacent ones.
        const MATCH: i64 = 16;
        const ADJACENT: i64 = 4;
        if !has_letters(text.as_bytes(), word) {
            return false;
        }
        let letters = word.chars().count() as i64;
        let min_score = MATCH * letters + ADJACENT * (letters - 1) / 2;
        self.0.fuzzy_match(text, word).is_some_and(|score| score >= min_score)
    }
}

/// Returns whether the text contains the word's letters in order. Much cheaper than a score.
fn has_letters(text: &[u8], word: &str) -> bool {
    let mut remaining = text;
    !word.is_ascii()
        || word.bytes().all(|letter| match memchr::memchr2(letter.to_ascii_lowercase(), letter.to_ascii_uppercase(), remaining) {
            Some(index) => {
                remaining = &remaining[index + 1..];
                true
            }
            None => false,
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_word_may_omit_letters_but_not_scatter() {
        let matches = |text, word| Fuzzy::default().matches(text, word);
        assert!(matches("Customer Service Agent", "service"));
        assert!(matches("Customer Service Agent", "custserv"));
        assert!(matches("search_database", "srchdb"));
        assert!(matches("Find customer John Doe and the weather in Lisbon", "lisbon"));
        assert!(!matches("Find customer John Doe and the weather in Lisbon", "cheese"));
        assert!(!matches("Find customer John Doe and the weather in Lisbon", "idealer"));
        assert!(!matches("Researcher", "writer"));
        assert!(!matches("Customer Service Agent", "err"));
        assert!(matches("payment error", "err"));
    }

    proptest! {
        #[test]
        fn a_text_without_the_letters_never_matches(text in "\\PC{0,30}", word in "[a-zA-Z0-9 ]{1,4}") {
            let scored = Fuzzy::default().0.fuzzy_match(&text, &word).is_some();
            prop_assert!(!scored || has_letters(text.as_bytes(), &word));
        }
    }
}
