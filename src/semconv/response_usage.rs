//! The usage and the id in a provider's own response.
//!
//! They are in an attribute of their own, or somewhere in the whole response. Each provider counts in its own way; the functions here
//! return this program's counts: the input includes cached tokens, the output includes reasoning tokens.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::token_names::{Counted, Name};
use super::values;
use crate::model::json::Scalar;
use crate::model::usage::{RareTokens, known_count};
use crate::model::{Attribute, Usage, Value};

/// Longer responses are not parsed.
pub(super) const MAX_RESPONSE_CHARS: usize = 1 << 18;

/// Longer usage is not parsed.
pub(super) const MAX_USAGE_CHARS: usize = 1 << 12;

/// The words of which every response with usage contains at least one.
pub(super) const USAGE_WORDS: [&str; 2] = ["usage", "Usage"];

/// The depth to which a response is searched.
const MAX_DEPTH: usize = 12;

/// The most places in a response where usage printed by Python is looked for.
const MAX_PRINTED: usize = 8;

/// The common part of [`USAGE_WORDS`].
static USAGE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("sage"));

/// The usage and the id in a response.
#[derive(Debug, Default, PartialEq)]
pub(super) struct ResponseUsage {
    pub(super) usage: Usage,
    /// The provider's id of the response.
    pub(super) id: Option<String>,
}

/// Reads usage from a map in JSON or as Python prints it. Returns `None` if it counts no tokens.
pub(super) fn from_usage(value: Scalar<'_>) -> Option<Usage> {
    count(&map(value)?)
}

/// Reads parts of the input or the output tokens from a map in JSON or as Python prints it.
pub(super) fn from_details(value: Scalar<'_>, of: Part) -> Option<Usage> {
    let mut counts = Counts::default();
    counts.add_all(&map(value)?, of);
    Some(counts.parts())
}

/// Parses a short map.
fn map(value: Scalar<'_>) -> Option<Vec<Attribute>> {
    match values::parse_printed(value, MAX_USAGE_CHARS)? {
        Value::Map(map) => Some(map),
        _ => None,
    }
}

/// Finds the usage in a response in JSON, and the id beside it.
pub(super) fn from_response(value: Scalar<'_>) -> Option<ResponseUsage> {
    let (Scalar::Text(raw) | Scalar::Escaped(raw) | Scalar::Other(raw)) = value else { return None };
    if !matches!(raw.first(), Some(b'{' | b'[')) || values::is_longer(value, MAX_RESPONSE_CHARS) || !mentions_usage(raw) {
        return None;
    }
    find(&values::parse(value, MAX_RESPONSE_CHARS)?, 0).or_else(|| Some(ResponseUsage { usage: find_printed(raw)?, id: None }))
}

/// Reads a text that holds usage and nothing else. It is a provider's only if it agrees with what the call states: a model may write such a
/// text, too.
pub(super) fn from_usage_alone(value: Scalar<'_>) -> Option<Usage> {
    let (Scalar::Text(raw) | Scalar::Escaped(raw) | Scalar::Other(raw)) = value else { return None };
    if raw.first() != Some(&b'{') || values::is_longer(value, MAX_USAGE_CHARS) || !mentions_usage(raw) {
        return None;
    }
    let Value::Map(map) = values::parse(value, MAX_USAGE_CHARS)? else { return None };
    match map.as_slice() {
        [(name, Value::Map(counts))] if is_usage(name) => count(counts),
        _ => None,
    }
}

fn is_usage(name: &str) -> bool {
    matches!(name, "usage" | "token_usage" | "tokenUsage" | "usage_metadata" | "usageMetadata")
}

fn mentions_usage(raw: &[u8]) -> bool {
    USAGE.find_iter(raw).any(|at| at > 0 && matches!(raw[at - 1], b'u' | b'U'))
}

/// Finds usage in a text within the response: an object that Python printed, in single quotes. A model that writes about usage writes
/// JSON, in double quotes.
fn find_printed(raw: &[u8]) -> Option<Usage> {
    memchr::memmem::find_iter(raw, b"'usage': {'").take(MAX_PRINTED).find_map(|at| {
        let map = &raw[at + b"'usage': ".len()..];
        let mut depth = 0_i32;
        let last = map.iter().take(MAX_USAGE_CHARS).position(|byte| {
            depth += i32::from(*byte == b'{') - i32::from(*byte == b'}');
            depth == 0
        })?;
        let unescaped: Vec<u8> = map[..=last].iter().copied().filter(|byte| *byte != b'\\').collect();
        from_usage(Scalar::Text(&unescaped))
    })
}

/// Reads the AI SDK's provider metadata, `{PROVIDER: {…}}`: usage, or cached and reasoning tokens without input and output.
pub(super) fn from_metadata(value: Scalar<'_>) -> Option<ResponseUsage> {
    let parsed = values::parse(value, MAX_RESPONSE_CHARS)?;
    let Value::Map(providers) = &parsed else { return None };
    let is_map = |value: &&Value| matches!(value, Value::Map(_));
    let Some(Value::Map(metadata)) = providers.iter().map(|(_, value)| value).find(is_map) else { return None };
    let mut found = find(&parsed, 0).unwrap_or_else(|| {
        let mut counts = Counts::default();
        counts.add_all(metadata, Part::Whole);
        ResponseUsage { usage: counts.parts(), id: None }
    });
    found.id = found.id.or_else(|| id(metadata));
    Some(found)
}

fn find(value: &Value, depth: usize) -> Option<ResponseUsage> {
    let find_deeper = |value| if depth < MAX_DEPTH { find(value, depth + 1) } else { None };
    match value {
        Value::List(items) => items.iter().find_map(find_deeper),
        Value::Map(map) => {
            let counts_tokens = |(name, _): &Attribute| name.to_ascii_lowercase().contains("token");
            let usage = map.iter().find_map(|(name, value)| match value {
                Value::Map(counts) if is_usage(name) && counts.iter().any(counts_tokens) => count(counts),
                _ => None,
            });
            // A top-level object with only a usage field is text written by a model, not a provider's response.
            let is_text = depth == 0 && map.len() == 1;
            match usage.filter(|_| !is_text) {
                Some(usage) => Some(ResponseUsage { usage, id: id(map) }),
                None => map.iter().find_map(|(_, value)| find_deeper(value)),
            }
        }
        _ => None,
    }
}

/// Returns the provider's id in a map. LangChain gives its messages ids of its own, and keeps the provider's in `response_metadata`.
fn id(map: &[Attribute]) -> Option<String> {
    if let Some((_, Value::Map(metadata))) = map.iter().find(|(name, _)| name == "response_metadata") {
        return id(metadata);
    }
    let get = |name: &&str| map.iter().find(|(other, _)| other == name);
    ["id", "response_id", "responseId"].iter().find_map(get).and_then(|(_, value)| match value {
        Value::Text(id) if !id.is_empty() => Some(id.clone()),
        _ => None,
    })
}

/// What the counts in a map are part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// The usage itself.
    Whole,
    Input,
    Output,
    Cache,
    /// Another map within the usage.
    Other,
}

/// Token counts as the provider names them, before it is known which include which.
#[derive(Default)]
struct Counts {
    input: Option<u32>,
    output: Option<u32>,
    total: Option<u32>,
    cache_read: Option<u32>,
    cache_write: Option<u32>,
    /// Cache writes that are kept for five minutes. Some providers state these and those of an hour, and no sum.
    cache_write_5m: u32,
    reasoning: Option<u32>,
    rare: RareTokens,
    /// The sender calls the input a prompt or the cached tokens cached input, which is always a part of the input.
    is_prompt: bool,
    /// The input excludes cached tokens.
    excludes_cached: bool,
    /// The output excludes reasoning tokens.
    excludes_reasoning: bool,
}

fn count(map: &[Attribute]) -> Option<Usage> {
    let mut counts = Counts::default();
    counts.add_all(map, Part::Whole);
    if counts.input.is_none() && counts.output.is_none() {
        return None;
    }
    let mut usage = Usage { input: counts.input, output: counts.output, ..counts.parts() };
    // If input and output add up to the total, they include everything.
    let sum = u64::from(usage.input.unwrap_or_default()) + u64::from(usage.output.unwrap_or_default());
    let may_exclude = counts.total.is_none_or(|total| u64::from(total) != sum);
    let excludes_cached = may_exclude && counts.excludes_cached && !counts.is_prompt;
    include_details(&mut usage, counts.total, excludes_cached, may_exclude && counts.excludes_reasoning);
    Some(usage)
}

/// Returns the cache writes: their stated sum, or else the sum of those that are kept for five minutes and for an hour.
pub(super) fn cache_writes(stated: Option<u32>, for_minutes: u32, for_an_hour: u32) -> Option<u32> {
    let by_age = u64::from(for_minutes) + u64::from(for_an_hour);
    if by_age > 0 && stated.unwrap_or_default() == 0 { known_count(by_age) } else { stated }
}

/// Adds cached tokens to the input and reasoning tokens to the output where these exclude them: because the caller knows it, because the
/// detail is larger than the count, or because only then everything adds up to the total. Reasoning beyond an output that the total proves
/// to be whole is unknown.
pub(super) fn include_details(usage: &mut Usage, total: Option<u32>, excludes_cached: bool, excludes_reasoning: bool) {
    let count = |count: Option<u32>| count.unwrap_or_default();
    let cached = u64::from(count(usage.cache_read)) + u64::from(count(usage.cache_write));
    let reasoning = u64::from(count(usage.reasoning));
    let (input, output) = (u64::from(count(usage.input)), u64::from(count(usage.output)));
    let adds_up = |cached: u64, reasoning: u64| total.is_some_and(|total| u64::from(total) == input + cached + output + reasoning);
    let both = adds_up(cached, reasoning);
    let is_whole = usage.input.is_some() && (adds_up(0, 0) || adds_up(cached, 0));
    if cached > 0 && usage.input.is_some() && (excludes_cached || cached > input || adds_up(cached, 0) || both) {
        usage.input = known_count(input + cached);
    }
    if reasoning > 0 && usage.output.is_some() && !is_whole && (excludes_reasoning || reasoning > output || adds_up(0, reasoning) || both) {
        usage.output = known_count(output + reasoning);
    }
    if usage.output.is_some_and(|output| u64::from(output) < reasoning) {
        usage.reasoning = None;
    }
}

impl Counts {
    /// Returns the parts of input and output.
    fn parts(&self) -> Usage {
        Usage {
            cache_read: self.cache_read,
            cache_write: cache_writes(self.cache_write, self.cache_write_5m, self.rare.cache_write_1h),
            reasoning: self.reasoning,
            rare: self.rare,
            ..Usage::default()
        }
    }

    /// Adds the counts of a map and of the maps in it.
    fn add_all(&mut self, map: &[Attribute], part: Part) {
        for (name, value) in map {
            let Some(name) = Name::read(name.as_bytes()) else { continue };
            match value {
                Value::Map(details) => self.add_all(details, inner(&name, part)),
                // Gemini: `[{"modality": "AUDIO", "tokenCount": 7}]`.
                Value::List(items) => self.add_modalities(items, inner(&name, part)),
                _ => {
                    if let (Some(counted), Some(count)) = (name.counted(), values::scalar(value).and_then(values::count)) {
                        self.add(counted, count, part);
                    }
                }
            }
        }
    }

    fn add_modalities(&mut self, items: &[Value], part: Part) {
        for item in items {
            let Value::Map(item) = item else { continue };
            let member = |names: [&str; 2]| item.iter().find(|(name, _)| names.contains(&name.as_str())).map(|(_, value)| value);
            let is_audio =
                matches!(member(["modality", "modality"]), Some(Value::Text(modality)) if modality.eq_ignore_ascii_case("audio"));
            let count = member(["tokenCount", "token_count"]).and_then(values::scalar).and_then(values::count);
            if let Some(count) = count.filter(|_| is_audio) {
                self.add(Counted::Audio, count, part);
            }
        }
    }

    fn add(&mut self, counted: Counted, count: u32, part: Part) {
        let is_outermost = part == Part::Whole;
        let set = |total: &mut Option<u32>| *total = Some(total.unwrap_or_default().max(count));
        let set_rare = |total: &mut u32| *total = count.max(*total);
        match counted {
            Counted::Input if is_outermost => set(&mut self.input),
            Counted::Prompt if is_outermost => {
                set(&mut self.input);
                self.is_prompt = true;
            }
            Counted::Output if is_outermost => set(&mut self.output),
            Counted::Total if is_outermost => set(&mut self.total),
            Counted::CacheReadApart => {
                set(&mut self.cache_read);
                self.excludes_cached |= is_outermost;
            }
            Counted::CacheWriteApart => {
                set(&mut self.cache_write);
                self.excludes_cached |= is_outermost;
            }
            Counted::CacheRead => set(&mut self.cache_read),
            Counted::CachedInput => {
                set(&mut self.cache_read);
                self.is_prompt |= is_outermost;
            }
            Counted::CacheWrite => set(&mut self.cache_write),
            Counted::CacheWrite5m => set_rare(&mut self.cache_write_5m),
            Counted::CacheWrite1h => set_rare(&mut self.rare.cache_write_1h),
            Counted::Reasoning => set(&mut self.reasoning),
            Counted::ReasoningApart => {
                set(&mut self.reasoning);
                self.excludes_reasoning = true;
            }
            Counted::InputAudio => set_rare(&mut self.rare.audio_input),
            Counted::OutputAudio => set_rare(&mut self.rare.audio_output),
            Counted::CachedAudio => set(&mut self.rare.cached_audio),
            Counted::Audio => match part {
                Part::Input => set_rare(&mut self.rare.audio_input),
                Part::Output => set_rare(&mut self.rare.audio_output),
                Part::Cache => set(&mut self.rare.cached_audio),
                Part::Whole | Part::Other => {}
            },
            Counted::Input | Counted::Prompt | Counted::Output | Counted::Total => {}
        }
    }
}

/// Returns what the map of this name is part of. Maps that only sort the counts by age or by modality belong to the map around them.
fn inner(name: &Name, around: Part) -> Part {
    match name.is_of_input() {
        _ if name.is_of_cache() => Part::Cache,
        Some(true) => Part::Input,
        Some(false) => Part::Output,
        None if around == Part::Whole => Part::Other,
        None => around,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Input, cache read, cache write, output, reasoning.
    fn counts(text: &str) -> Option<[Option<u32>; 5]> {
        from_usage(Scalar::Text(text.as_bytes()))
            .map(|usage| [usage.input, usage.cache_read, usage.cache_write, usage.output, usage.reasoning])
    }

    #[test]
    fn each_provider_s_counts_are_converted() {
        for (text, expected) in [
            (
                r#"{"prompt_tokens": 1000, "completion_tokens": 50, "total_tokens": 1050, "prompt_tokens_details": {"cached_tokens": 800},
                    "completion_tokens_details": {"reasoning_tokens": 30}}"#,
                [Some(1000), Some(800), None, Some(50), Some(30)],
            ),
            (
                r#"{"input_tokens": 1000, "input_tokens_details": {"cache_write_tokens": 0, "cached_tokens": 800}, "output_tokens": 50,
                    "output_tokens_details": {"reasoning_tokens": 30}, "total_tokens": 1050}"#,
                [Some(1000), Some(800), Some(0), Some(50), Some(30)],
            ),
            (
                r#"{"input_tokens": 1001, "output_tokens": 51, "cached_input_tokens": 800, "cache_write_input_tokens": 0}"#,
                [Some(1001), Some(800), Some(0), Some(51), None],
            ),
            (
                r#"{"input_tokens": 6000, "cache_creation_input_tokens": 100, "cache_read_input_tokens": 500, "output_tokens": 9,
                    "cache_creation": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 0}}"#,
                [Some(6600), Some(500), Some(100), Some(9), None],
            ),
            (
                r#"{"inputTokens": 6000, "outputTokens": 9, "totalTokens": 6609, "cacheReadInputTokens": 500, "cacheWriteInputTokens": 100}"#,
                [Some(6600), Some(500), Some(100), Some(9), None],
            ),
            (
                r#"{"promptTokenCount": 1000, "cachedContentTokenCount": 800, "candidatesTokenCount": 20, "thoughtsTokenCount": 30,
                    "totalTokenCount": 1050}"#,
                [Some(1000), Some(800), None, Some(50), Some(30)],
            ),
            (
                r#"{"prompt_token_count": 1000, "candidates_token_count": 50, "thoughts_token_count": 30, "total_token_count": 1050}"#,
                [Some(1000), None, None, Some(50), Some(30)],
            ),
            (
                r#"{"input_tokens": 6600, "output_tokens": 9, "total_tokens": 6609, "input_token_details": {"cache_read": 500, "cache_creation": 0,
                    "ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 0}}"#,
                [Some(6600), Some(500), Some(100), Some(9), None],
            ),
            (
                r#"{"input": 200, "input_cached_tokens": 800, "output": 20, "output_reasoning_tokens": 30, "total": 1050}"#,
                [Some(1000), Some(800), None, Some(50), Some(30)],
            ),
            (
                r#"{"prompt_tokens": 6600, "completion_tokens": 9, "cache_read_input_tokens": 500, "cache_creation_input_tokens": 100}"#,
                [Some(6600), Some(500), Some(100), Some(9), None],
            ),
            (
                r#"{"input_tokens": 6600, "output_tokens": 9, "total_tokens": 6609, "cache_read_input_tokens": 500, "cache_creation_input_tokens": 100}"#,
                [Some(6600), Some(500), Some(100), Some(9), None],
            ),
            (
                r"{'prompt_tokens': 1000, 'completion_tokens': 50, 'prompt_tokens_details': {'audio_tokens': None, 'cached_tokens': 800}}",
                [Some(1000), Some(800), None, Some(50), None],
            ),
        ] {
            assert_eq!(counts(text), Some(expected), "{text}");
        }
        for text in ["", "{}", "[1]", r#"{"seats": 4}"#, r#"{"input_tokens": -1}"#, "{'a"] {
            assert_eq!(counts(text), None, "{text}");
        }
    }

    #[test]
    fn audio_and_cache_writes_by_age_are_read_under_every_name() {
        let rare = |text: &str| from_usage(Scalar::Text(text.as_bytes())).unwrap().rare;
        let audio = RareTokens { audio_input: 800, audio_output: 400, ..RareTokens::default() };
        for text in [
            r#"{"prompt_tokens": 1000, "completion_tokens": 500, "prompt_tokens_details": {"audio_tokens": 800, "cached_tokens": 0},
                "completion_tokens_details": {"audio_tokens": 400, "text_tokens": 100}}"#,
            r#"{"input_tokens": 1000, "output_tokens": 500, "input_token_details": {"audio": 800}, "output_token_details": {"audio": 400}}"#,
            r#"{"promptTokenCount": 1000, "candidatesTokenCount": 500, "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 200},
                {"modality": "AUDIO", "tokenCount": 800}], "candidatesTokensDetails": [{"modality": "AUDIO", "tokenCount": 400}]}"#,
            r#"{"input_tokens": 1000, "output_tokens": 500, "details": {"input_audio_tokens": 800, "output_audio_tokens": 400}}"#,
        ] {
            assert_eq!(rare(text), audio, "{text}");
        }
        let realtime = r#"{"input_tokens": 1000, "output_tokens": 500, "input_token_details": {"text_tokens": 200, "audio_tokens": 800,
            "cached_tokens": 60, "cached_tokens_details": {"text_tokens": 10, "audio_tokens": 50}}, "output_token_details": {"audio_tokens": 400}}"#;
        assert_eq!(rare(realtime), RareTokens { cached_audio: Some(50), ..audio });
        let by_age = r#"{"input_tokens": 10, "output_tokens": 1, "cache_creation": {"ephemeral_1h_input_tokens": 90, "ephemeral_5m_input_tokens": 5}}"#;
        assert_eq!((rare(by_age).cache_write_1h, counts(by_age).unwrap()[2]), (90, Some(95)));
        assert!(!rare(r#"{"input_tokens": 10, "seats": {"audio_tokens": 3}, "audio_tokens": 4}"#).is_some());
    }

    #[test]
    fn reasoning_is_not_added_to_an_output_that_the_total_proves_to_be_whole() {
        let whole = r#"{"prompt_tokens": 1640, "completion_tokens": 102, "total_tokens": 1742, "completion_tokens_details": {"reasoning_tokens": 109}}"#;
        assert_eq!(counts(whole), Some([Some(1640), None, None, Some(102), None]));
        let cached =
            r#"{"input_tokens": 40, "cache_read_input_tokens": 1600, "output_tokens": 102, "total_tokens": 1742, "reasoning_tokens": 109}"#;
        assert_eq!(counts(cached), Some([Some(1640), Some(1600), None, Some(102), None]));
        let apart = r#"{"prompt_tokens": 1640, "completion_tokens": 102, "completion_tokens_details": {"reasoning_tokens": 109}}"#;
        assert_eq!(counts(apart), Some([Some(1640), None, None, Some(211), Some(109)]));
    }

    #[test]
    fn counts_that_are_none_are_unknown() {
        let text = r#"{"input_tokens": 4000000000, "output_tokens": 2.5, "cache_read_input_tokens": -1}"#;
        assert_eq!(counts(text), None);
        let sum = r#"{"input_tokens": 2147483647, "cache_read_input_tokens": 2147483647, "output_tokens": 1}"#;
        assert_eq!(counts(sum), Some([None, Some(2_147_483_647), None, Some(1), None]));
    }

    #[test]
    fn the_response_id_is_read_beside_the_usage() {
        let found = |text: &str| from_response(Scalar::Text(text.as_bytes())).map(|found| (found.usage.input, found.id));
        let some = |input, id: &str| Some((Some(input), Some(id.to_owned())));
        assert_eq!(found(r#"{"id": "c1", "choices": [{"id": "no"}], "usage": {"prompt_tokens": 7}}"#), some(7, "c1"));
        let nested = r#"{"generations": [[{"message": {"kwargs": {"content": [{"id": "toolu"}], "response_metadata": {"id": "msg_1", "usage":
            {"input_tokens": 1, "cache_read_input_tokens": 6}}}}}]]}"#;
        assert_eq!(found(nested), some(7, "msg_1"));
        let message = r#"{"id": "lc_run-1", "response_metadata": {"id": "msg_1"}, "usage_metadata": {"input_tokens": 7}}"#;
        assert_eq!(found(message), some(7, "msg_1"));
        assert_eq!(found(r#"{"candidates": [], "usage_metadata": {"prompt_token_count": 7}}"#), Some((Some(7), None)));
        assert_eq!(found(r#"{"text": "usage"}"#), None);
        assert_eq!(found(r#"{"usage": {"#), None);
        let escaped = from_response(Scalar::Escaped(br#"{\"id\": \"c1\", \"usage\": {\"prompt_tokens\": 7}}"#)).unwrap();
        assert_eq!((escaped.usage.input, escaped.id.as_deref()), (Some(7), Some("c1")));
        let printed =
            r#"{"replies": ["ChatMessage(_meta={'model': 'm', 'usage': {'prompt_tokens': 7, 'prompt_tokens_details': {'x': None}}})"]}"#;
        assert_eq!(found(printed), Some((Some(7), None)));
        let kept = |text: &str| from_metadata(Scalar::Text(text.as_bytes())).unwrap();
        let part = kept(r#"{"openai": {"responseId": "resp_1", "cachedPromptTokens": 800, "reasoningTokens": 30}}"#);
        assert_eq!((part.usage.input, part.usage.cache_read, part.usage.reasoning), (None, Some(800), Some(30)));
        assert_eq!(part.id.as_deref(), Some("resp_1"));
        let all = kept(r#"{"anthropic": {"usage": {"input_tokens": 1, "cache_read_input_tokens": 6}, "cacheCreationInputTokens": 0}}"#);
        assert_eq!(all.usage.input, Some(7));
        let deep = format!("{}{{\"usage\": {{\"input_tokens\": 1}}, \"id\": \"no\"}}{}", "[".repeat(50), "]".repeat(50));
        assert_eq!(found(&deep), None);
        for text in [
            r#"[{"role": "assistant", "content": "it says \"usage\": {\"prompt_tokens\": 13, \"completion_tokens\": 7}"}]"#,
            r#"{"cpu_usage": {"input": 5, "output": 3}}"#,
            r#"{"usage": {"input": 5, "output": 3}}"#,
            r#"{"usage": {"input_tokens": 5}}"#,
            r#"{"message": "one {sage: 5}"}"#,
        ] {
            assert_eq!(found(text), None, "usage in a model's own text is not its usage: {text}");
        }
    }
}
