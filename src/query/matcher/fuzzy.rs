//! Words that may leave out letters.

use fuzzy_matcher::FuzzyMatcher;
use fuzzy_matcher::skim::SkimMatcherV2;

/// A fuzzy matcher for which case does not count.
pub(super) struct Fuzzy(SkimMatcherV2);

impl Default for Fuzzy {
    fn default() -> Self {
        Self(SkimMatcherV2::default().ignore_case())
    }
}

impl Fuzzy {
    /// Fuzzy, but not so fuzzy that a short word is found scattered over any long text: gaps must not outweigh what fits together.
    pub(super) fn is_like(&self, text: &str, word: &str) -> bool {
        const MATCH: i64 = 16;
        const IN_A_ROW: i64 = 4;
        if !has_letters(text.as_bytes(), word) {
            return false;
        }
        let letters = word.chars().count() as i64;
        let least = MATCH * letters + IN_A_ROW * (letters - 1) / 2;
        self.0.fuzzy_match(text, word).is_some_and(|score| score >= least)
    }
}

/// Whether the word's letters lie in the text, in their order; cheaper by far than to tell how well.
fn has_letters(text: &[u8], word: &str) -> bool {
    let mut rest = text;
    !word.is_ascii()
        || word.bytes().all(|letter| match memchr::memchr2(letter.to_ascii_lowercase(), letter.to_ascii_uppercase(), rest) {
            Some(at) => {
                rest = &rest[at + 1..];
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
    fn a_word_may_leave_out_letters_but_not_scatter() {
        let like = |text, word| Fuzzy::default().is_like(text, word);
        assert!(like("Customer Service Agent", "service"));
        assert!(like("Customer Service Agent", "custserv"));
        assert!(like("search_database", "srchdb"));
        assert!(like("Find customer John Doe and the weather in Lisbon", "lisbon"));
        assert!(!like("Find customer John Doe and the weather in Lisbon", "cheese"));
        assert!(!like("Find customer John Doe and the weather in Lisbon", "idealer"));
        assert!(!like("Researcher", "writer"));
        assert!(!like("Customer Service Agent", "err"));
        assert!(like("payment error", "err"));
    }

    proptest! {
        #[test]
        fn a_word_without_its_letters_is_never_like(text in "\\PC{0,30}", word in "[a-zA-Z0-9 ]{1,4}") {
            let scored = Fuzzy::default().0.fuzzy_match(&text, &word).is_some();
            prop_assert!(!scored || has_letters(text.as_bytes(), &word));
        }
    }
}
