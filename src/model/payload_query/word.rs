//! Words that encoded payloads hold literally.

use regex::bytes::{Regex, RegexBuilder};

use crate::model::pattern::is_never_escaped;

/// A text of printable ASCII that no encoding escapes, in any case. U+017F (long s) and U+212A (kelvin sign) are equal to `s` and `k`.
#[derive(Clone, Debug)]
pub struct Word {
    text: String,
    regex: Regex,
}

impl Word {
    /// Returns a word; `None` if the text is none.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let regex = || RegexBuilder::new(&regex::escape(text)).case_insensitive(true).build().ok();
        let is_word = !text.is_empty() && text.chars().all(is_never_escaped);
        if is_word { Some(Self { text: text.to_owned(), regex: regex()? }) } else { None }
    }

    /// Returns the words in texts, as long as possible.
    pub(super) fn all(texts: &[&str]) -> Vec<Self> {
        texts.iter().flat_map(|text| text.split(|c| !is_never_escaped(c))).filter_map(Self::new).collect()
    }

    /// Returns the text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it is in bytes.
    #[must_use]
    pub fn is_in(&self, bytes: &[u8]) -> bool {
        self.regex.is_match(bytes)
    }
}
