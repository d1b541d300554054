//! What the name of a token count counts, in attribute keys and in the usage maps of providers.
//!
//! Names differ in case and in separators: `input_tokens`, `inputTokens` and `input.tokens` are one name.

use super::keys::{Field, is_of_other_scope};

/// The longest name, without separators.
const MAX_NAME: usize = 48;

/// The word before the names of token counts, under whichever prefix: `llm.usage.prompt_tokens`.
pub(crate) const USAGE_PREFIX: &str = "usage.";

/// The ends of the keys of token counts, in lower case.
pub(crate) const COUNT_ENDS: [&str; 7] = ["tokens", "count", "cache_read", "cache_creation", "cache_write", "reasoning", "audio"];

/// The ends that a name needs outside of details. The others are too common there.
const WHOLE_ENDS: [&str; 2] = ["tokens", "count"];

/// The end, without separators, of the names of maps with parts of a count.
const DETAILS: &[u8] = b"details";

/// What a count counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counted {
    Input,
    /// The input in the words of OpenAI, whose input always includes cached tokens.
    Prompt,
    Output,
    Total,
    CacheRead,
    /// Cache reads in words that call them a part of the input.
    CachedInput,
    /// Cache reads in the words of Anthropic, Bedrock and Langfuse, whose input excludes them.
    CacheReadApart,
    CacheWrite,
    CacheWriteApart,
    /// Cache writes that are kept for five minutes.
    CacheWrite5m,
    /// Cache writes that are kept for an hour.
    CacheWrite1h,
    Reasoning,
    /// Reasoning in the words of Gemini and Langfuse, whose output excludes it.
    ReasoningApart,
    /// Audio, of the input or the output.
    Audio,
    InputAudio,
    OutputAudio,
    CachedAudio,
}

/// A name in lower case, without separators.
pub(super) struct Name {
    bytes: [u8; MAX_NAME],
    len: usize,
}

impl Name {
    /// Reads a name; `None` if it is too long to be one of a token count.
    pub(super) fn read(name: &[u8]) -> Option<Self> {
        let mut read = Self { bytes: [0; MAX_NAME], len: 0 };
        for byte in name.iter().filter(|byte| !matches!(byte, b'_' | b'.' | b'-')) {
            *read.bytes.get_mut(read.len)? = byte.to_ascii_lowercase();
            read.len += 1;
        }
        Some(read)
    }

    fn text(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// Whether this is the name of a map with parts of a count: of the input (`true`) or the output (`false`).
    pub(super) fn is_of_input(&self) -> Option<bool> {
        let starts_with = |words: &[&[u8]]| words.iter().any(|word| self.text().starts_with(word));
        if starts_with(&[b"input", b"prompt"]) {
            return Some(true);
        }
        starts_with(&[b"output", b"completion", b"candidates", b"response"]).then_some(false)
    }

    /// Whether this is the name of a count of candidates, as Gemini calls its answers.
    fn is_of_candidates(&self) -> bool {
        self.text().starts_with(b"candidates")
    }

    /// Whether this is the name of a map with parts of the cached tokens.
    pub(super) fn is_of_cache(&self) -> bool {
        self.text().starts_with(b"cache")
    }

    /// Returns what a count of this name counts.
    pub(super) fn counted(&self) -> Option<Counted> {
        Some(match self.text() {
            b"inputtokens" | b"inputtokencount" | b"input" => Counted::Input,
            b"prompttokens" | b"prompttokencount" | b"prompt" => Counted::Prompt,
            b"outputtokens"
            | b"completiontokens"
            | b"candidatestokencount"
            | b"outputtokencount"
            | b"output"
            | b"completion"
            | b"completiontokencount" => Counted::Output,
            b"totaltokens" | b"totaltokencount" | b"total" => Counted::Total,
            b"cachereadinputtokens" | b"cachereadinputtokencount" | b"inputcacheread" | b"inputcachedtokens" => Counted::CacheReadApart,
            b"cachecreationinputtokens" | b"cachewriteinputtokens" | b"cachewriteinputtokencount" | b"inputcachecreation" => {
                Counted::CacheWriteApart
            }
            b"cachedinputtokens" | b"cachedinputtokencount" | b"cachedprompttokens" => Counted::CachedInput,
            b"cachedtokens"
            | b"cachedtokencount"
            | b"cachedcontenttokencount"
            | b"cachedcontenttokens"
            | b"cacheread"
            | b"cachereadtokens"
            | b"cachereadtokencount" => Counted::CacheRead,
            b"cachewritetokens" | b"cachecreationtokens" | b"cachewritetokencount" | b"cachecreation" | b"cachewrite" => {
                Counted::CacheWrite
            }
            b"ephemeral5minputtokens"
            | b"ephemeral5m"
            | b"cachecreationephemeral5minputtokens"
            | b"cachecreation5mtokens"
            | b"cachewrite5mtokens" => Counted::CacheWrite5m,
            b"ephemeral1hinputtokens"
            | b"ephemeral1h"
            | b"cachecreationephemeral1hinputtokens"
            | b"cachecreation1htokens"
            | b"cachewrite1htokens" => Counted::CacheWrite1h,
            b"reasoningtokens" | b"reasoningtokencount" | b"reasoningoutputtokens" | b"reasoning" => Counted::Reasoning,
            b"thoughtstokencount" | b"thoughtstokens" | b"outputreasoningtokens" | b"outputreasoning" => Counted::ReasoningApart,
            b"audiotokens" | b"audio" => Counted::Audio,
            b"inputaudiotokens" | b"inputaudio" | b"audioinputtokens" | b"promptaudiotokens" | b"audioprompttokens" => Counted::InputAudio,
            b"outputaudiotokens" | b"outputaudio" | b"audiooutputtokens" | b"completionaudiotokens" | b"audiocompletiontokens" => {
                Counted::OutputAudio
            }
            b"cachedaudiotokens" | b"cacheaudioreadtokens" | b"cachedaudioinputtokens" => Counted::CachedAudio,
            _ => return None,
        })
    }
}

/// The key of a token count that is in no known convention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CountKey {
    /// What it states.
    pub(super) field: Field,
    /// Whether it has no prefix. Such a name counts only on a span that is known to call a model.
    pub(super) is_bare: bool,
    /// Whether it counts the output in the words of Gemini, which excludes reasoning.
    pub(super) is_of_candidates: bool,
}

/// Reads a key that is in no known convention; `None` if it is not that of a token count.
#[inline]
pub(super) fn count_key(key: &[u8]) -> Option<CountKey> {
    // Most keys end differently.
    let end = key.last_chunk::<4>()?.map(|byte| byte.to_ascii_lowercase());
    let ends_like_a_count = matches!(&end, b"kens" | b"ount" | b"read" | b"tion" | b"rite" | b"ning" | b"udio");
    if ends_like_a_count { read(key) } else { None }
}

fn read(key: &[u8]) -> Option<CountKey> {
    let (name, is_bare) = match memchr::memmem::rfind(key, USAGE_PREFIX.as_bytes()) {
        Some(at) => {
            if is_of_other_scope(key.get(..at)?) {
                return None;
            }
            let name = key.get(at + USAGE_PREFIX.len()..)?;
            (name.strip_prefix(b"details.").unwrap_or(name), false)
        }
        None if key.contains(&b'.') => return None,
        None => (key, true),
    };
    if let Some((of_input, part)) = part(name) {
        let field = match Name::read(part)?.counted()? {
            Counted::Audio if of_input => Field::AudioIn,
            Counted::Audio => Field::AudioOut,
            Counted::Input | Counted::Prompt | Counted::Output | Counted::Total => return None,
            counted => field(counted)?,
        };
        return Some(CountKey { field, is_bare, is_of_candidates: false });
    }
    let ends_in = |end: &&str| name.len().checked_sub(end.len()).is_some_and(|at| name[at..].eq_ignore_ascii_case(end.as_bytes()));
    if !WHOLE_ENDS.iter().any(ends_in) {
        return None;
    }
    let name = Name::read(name)?;
    Some(CountKey { field: field(name.counted()?)?, is_bare, is_of_candidates: name.is_of_candidates() })
}

/// Splits the name of a part of the input (`true`) or of the output: `prompt_tokens_details.cached_tokens`.
fn part(name: &[u8]) -> Option<(bool, &[u8])> {
    let (map, part) = name.split_at_checked(name.iter().position(|byte| *byte == b'.')?)?;
    let map = Name::read(map)?;
    Some((map.is_of_input()?, part.get(1..)?)).filter(|_| map.text().ends_with(DETAILS))
}

/// Returns the field that states a count outside of details.
fn field(counted: Counted) -> Option<Field> {
    Some(match counted {
        Counted::Input | Counted::Prompt => Field::Prompt,
        Counted::Output => Field::Completion,
        Counted::Total => Field::Total,
        Counted::CacheRead | Counted::CachedInput | Counted::CacheReadApart => Field::CacheRead,
        Counted::CacheWrite | Counted::CacheWriteApart => Field::CacheWrite,
        Counted::CacheWrite5m => Field::CacheWrite5m,
        Counted::CacheWrite1h => Field::CacheWrite1h,
        Counted::Reasoning | Counted::ReasoningApart => Field::Reasoning,
        Counted::InputAudio => Field::AudioIn,
        Counted::OutputAudio => Field::AudioOut,
        Counted::CachedAudio => Field::CachedAudio,
        Counted::Audio => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_named_under_any_prefix() {
        for (key, expected) in [
            ("usage.prompt_tokens", Some((Field::Prompt, false))),
            ("codex.usage.reasoning_output_tokens", Some((Field::Reasoning, false))),
            ("codex.turn.token_usage.cached_input_tokens", Some((Field::CacheRead, false))),
            ("codex.turn.token_usage.non_cached_input_tokens", None),
            ("acme.usage.inputTokens", Some((Field::Prompt, false))),
            ("acme.usage.details.input_audio_tokens", Some((Field::AudioIn, false))),
            ("gen_ai.usage.cache_creation.ephemeral_1h_input_tokens", Some((Field::CacheWrite1h, false))),
            ("input_tokens", Some((Field::Prompt, true))),
            ("thoughts_token_count", Some((Field::Reasoning, true))),
            ("llm.usage.prompt_tokens_details.cached_tokens", Some((Field::CacheRead, false))),
            ("gen_ai.usage.input_token_details.cache_read", Some((Field::CacheRead, false))),
            ("acme.usage.inputTokenDetails.cacheReadTokens", Some((Field::CacheRead, false))),
            ("usage.prompt_tokens_details.audio_tokens", Some((Field::AudioIn, false))),
            ("usage.output_token_details.audio", Some((Field::AudioOut, false))),
            ("usage.completion_tokens_details.reasoning_tokens", Some((Field::Reasoning, false))),
            ("usage.input_token_details.input_tokens", None),
            ("usage.prompt_tokens_details.text_tokens", None),
            ("session.usage.prompt_tokens_details.cached_tokens", None),
            ("usage.reasoning", None),
            ("reasoning", None),
            ("usage.input.cache_read", None),
            ("acme.input_tokens", None),
            ("acme.session.usage.input_tokens", None),
            ("usage.prompt_context.tool_tokens_estimated", None),
            ("gen_ai.request.max_tokens", None),
            ("max_tokens", None),
            ("count", None),
            ("usage.", None),
            ("tokens", None),
        ] {
            let found = count_key(key.as_bytes()).map(|key| (key.field, key.is_bare));
            assert_eq!(found, expected, "{key}");
        }
        assert_eq!(count_key(&[b'_'; 5000]), None);
        assert_eq!(count_key(&[&[b'a'; 5000][..], b"tokens"].concat()), None);
    }
}
