//! What a counter of tokens counts, by the value of its type attribute or by the end of its name.

use super::token_names::{Counted, Name};

/// A part of the tokens of calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenPart {
    /// Input, with or without cached tokens.
    Input,
    /// Output, with or without reasoning.
    Output,
    /// Input that was read from a cache.
    CacheRead,
    /// Input that was written to a cache.
    CacheWrite,
    /// Output that was used for reasoning.
    Reasoning,
    /// Input and output.
    Total,
}

/// Returns what a word such as `cacheRead`, `cached_input` or `input_tokens` counts; `None` if that is unknown or counted elsewhere.
#[must_use]
pub fn token_part(word: &str) -> Option<TokenPart> {
    let counted = |word: &str| Name::read(word.as_bytes())?.counted();
    match counted(word).or_else(|| counted(&format!("{word}_tokens"))) {
        Some(Counted::Input | Counted::Prompt) => Some(TokenPart::Input),
        Some(Counted::Output) => Some(TokenPart::Output),
        Some(Counted::Total) => Some(TokenPart::Total),
        Some(Counted::CacheRead | Counted::CachedInput | Counted::CacheReadApart) => Some(TokenPart::CacheRead),
        Some(Counted::CacheWrite | Counted::CacheWriteApart) => Some(TokenPart::CacheWrite),
        Some(Counted::Reasoning | Counted::ReasoningApart) => Some(TokenPart::Reasoning),
        Some(_) => None,
        None => match word {
            "cache" | "cached" => Some(TokenPart::CacheRead),
            "thought" | "thoughts" => Some(TokenPart::Reasoning),
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_types_of_known_counters_are_told() {
        for (word, part) in [
            ("input", Some(TokenPart::Input)),
            ("output_tokens", Some(TokenPart::Output)),
            ("cacheRead", Some(TokenPart::CacheRead)),
            ("cacheCreation", Some(TokenPart::CacheWrite)),
            ("cached_input", Some(TokenPart::CacheRead)),
            ("cache_write_input", Some(TokenPart::CacheWrite)),
            ("reasoning_output", Some(TokenPart::Reasoning)),
            ("thought", Some(TokenPart::Reasoning)),
            ("total", Some(TokenPart::Total)),
            ("tool", None),
            ("non_cached_input", None),
        ] {
            assert_eq!(token_part(word), part, "{word}");
        }
    }
}
