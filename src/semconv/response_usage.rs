//! What a provider itself says of a call, where its own words were kept: tokens, and the id of its answer.
//!
//! They lie in an attribute of their own, or somewhere in the whole answer. Each provider counts in its own way; who reads the numbers
//! finds them in ours: input with its cached part, output with its reasoning.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::values;
use crate::model::json::{self, Scalar, chars};
use crate::model::{Attribute, Usage, Value};

/// Longer answers are not taken apart.
const LONGEST: usize = 1 << 18;

/// Longer usage is none.
const LONGEST_USAGE: usize = 1 << 12;

/// How deep an answer is searched.
const DEEPEST: usize = 12;

/// Of the word that every answer with usage has in it what is spelt the same everywhere.
static USAGE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("sage"));

/// What an answer says of itself.
#[derive(Debug, Default, PartialEq)]
pub(super) struct ResponseUsage {
    pub(super) usage: Usage,
    /// As the provider named it.
    pub(super) id: Option<String>,
}

/// Reads usage: a map, as JSON or as Python writes it. `None` if it counts no tokens.
pub(super) fn usage(value: Scalar<'_>) -> Option<Usage> {
    let (Scalar::Text(raw) | Scalar::Escaped(raw) | Scalar::Other(raw)) = value else { return None };
    if raw.len() > LONGEST_USAGE {
        return None;
    }
    let text: String = chars(value).collect();
    let text = if text.contains('\'') { text.replace('\'', "\"").replace("None", "null") } else { text };
    match json::parse_value(text.as_bytes()).ok()? {
        Value::Map(map) => counted(&map),
        _ => None,
    }
}

/// Searches an answer in JSON for its usage, and for the id that stands beside it.
pub(super) fn answer(value: Scalar<'_>) -> Option<ResponseUsage> {
    let (Scalar::Text(raw) | Scalar::Escaped(raw) | Scalar::Other(raw)) = value else { return None };
    if raw.len() > LONGEST || !matches!(raw.first(), Some(b'{' | b'[')) || !tells_of_usage(raw) {
        return None;
    }
    let parsed = match value {
        Scalar::Escaped(raw) => json::parse_value(json::unescape(raw).as_bytes()),
        _ => json::parse_value(raw),
    };
    find(&parsed.ok()?, 0).or_else(|| Some(ResponseUsage { usage: written(raw)?, id: None }))
}

fn tells_of_usage(raw: &[u8]) -> bool {
    USAGE.find_iter(raw).any(|at| at > 0 && matches!(raw[at - 1], b'u' | b'U'))
}

/// Finds usage in a text within the answer: where an object of Python's was kept as it prints itself, in single quotes. A model that
/// writes of usage does so in JSON.
fn written(raw: &[u8]) -> Option<Usage> {
    memchr::memmem::find_iter(raw, b"'usage': {'").take(8).find_map(|at| {
        let rest = &raw[at..];
        let open = b"'usage': ".len();
        let mut depth = 0_i32;
        let length = rest[open..].iter().take(LONGEST_USAGE).position(|byte| {
            depth += i32::from(*byte == b'{') - i32::from(*byte == b'}');
            depth == 0
        })?;
        let bare: Vec<u8> = rest[open..=open + length].iter().copied().filter(|byte| *byte != b'\\').collect();
        usage(Scalar::Text(&bare))
    })
}

/// Reads what the AI SDK keeps of an answer, `{PROVIDER: {…}}`: usage, or parts of it without the input and output that hold them.
pub(super) fn metadata(value: Scalar<'_>) -> Option<ResponseUsage> {
    let (Scalar::Text(raw) | Scalar::Escaped(raw) | Scalar::Other(raw)) = value else { return None };
    if raw.len() > LONGEST {
        return None;
    }
    let text: String = chars(value).collect();
    let parsed = json::parse_value(text.as_bytes()).ok()?;
    let Value::Map(providers) = &parsed else { return None };
    let Some(Value::Map(kept)) = providers.iter().map(|(_, kept)| kept).find(|kept| matches!(kept, Value::Map(_))) else { return None };
    let mut answer = find(&parsed, 0).unwrap_or_else(|| {
        let mut counts = Counts::default();
        counts.take(kept, true);
        let usage = Usage { cache_read: counts.read, cache_write: counts.write, reasoning: counts.reasoning, ..Usage::default() };
        ResponseUsage { usage, id: None }
    });
    answer.id = answer.id.or_else(|| id(kept));
    Some(answer)
}

fn find(value: &Value, depth: usize) -> Option<ResponseUsage> {
    let deeper = |value| if depth < DEEPEST { find(value, depth + 1) } else { None };
    match value {
        Value::List(items) => items.iter().find_map(deeper),
        Value::Map(map) => {
            let is_usage = |name: &str| matches!(name, "usage" | "token_usage" | "tokenUsage" | "usage_metadata" | "usageMetadata");
            let counts_tokens = |(name, _): &Attribute| name.to_ascii_lowercase().contains("token");
            let usage = map.iter().find_map(|(name, value)| match value {
                Value::Map(counts) if is_usage(name) && counts.iter().any(counts_tokens) => counted(counts),
                _ => None,
            });
            // Whoever answers says more than what that took: a text that is nothing else was written by a model.
            let is_text = depth == 0 && map.len() == 1;
            match usage.filter(|_| !is_text) {
                Some(usage) => Some(ResponseUsage { usage, id: id(map) }),
                None => map.iter().find_map(|(_, value)| deeper(value)),
            }
        }
        _ => None,
    }
}

/// The id in a map; `LangChain` gives its messages ids of its own, and keeps the provider's with what else came.
fn id(map: &[Attribute]) -> Option<String> {
    if let Some((_, Value::Map(kept))) = map.iter().find(|(name, _)| name == "response_metadata") {
        return id(kept);
    }
    let named = |name: &&str| map.iter().find(|(other, _)| other == name);
    ["id", "response_id", "responseId"].iter().find_map(named).and_then(|(_, value)| match value {
        Value::Text(id) if !id.is_empty() => Some(id.clone()),
        _ => None,
    })
}

/// Counts under whatever names, before it is known which hold which.
#[derive(Default)]
struct Counts {
    input: Option<u32>,
    output: Option<u32>,
    total: Option<u32>,
    read: Option<u32>,
    write: Option<u32>,
    /// Written for minutes and for an hour: some state these and no sum.
    written: u32,
    reasoning: Option<u32>,
    /// The input is called a prompt, which holds its cached part by whatever name that goes.
    is_prompt: bool,
    /// The cached part is not in the input.
    cached_apart: bool,
    /// The reasoning is not in the output.
    reasoning_apart: bool,
}

fn counted(map: &[Attribute]) -> Option<Usage> {
    let mut counts = Counts::default();
    counts.take(map, true);
    if counts.input.is_none() && counts.output.is_none() {
        return None;
    }
    let write = counts.write.filter(|write| *write > 0 || counts.written == 0).or((counts.written > 0).then_some(counts.written));
    let mut usage = Usage {
        input: counts.input,
        output: counts.output,
        cache_read: counts.read,
        cache_write: write,
        reasoning: counts.reasoning,
        cost: None,
    };
    // What input and output hold in all, as the total proves, is not beside them.
    let sum = u64::from(usage.input.unwrap_or_default()) + u64::from(usage.output.unwrap_or_default());
    let apart = counts.total.is_none_or(|total| u64::from(total) != sum);
    whole(&mut usage, counts.total, apart && counts.cached_apart && !counts.is_prompt, apart && counts.reasoning_apart);
    Some(usage)
}

/// Makes input hold its cached part and output its reasoning, where they do not yet: because that is known (`…_apart`), because a part is
/// larger than what should hold it, or because only so everything adds up to the total.
pub(super) fn whole(usage: &mut Usage, total: Option<u32>, cached_apart: bool, reasoning_apart: bool) {
    let count = |count: Option<u32>| count.unwrap_or_default();
    let cached = count(usage.cache_read).saturating_add(count(usage.cache_write));
    let reasoning = count(usage.reasoning);
    let (input, output) = (count(usage.input), count(usage.output));
    let adds_up = |cached: u32, reasoning: u32| {
        let sum = [input, cached, output, reasoning].into_iter().map(u64::from).sum::<u64>();
        total.is_some_and(|total| u64::from(total) == sum)
    };
    let both = adds_up(cached, reasoning);
    if cached > 0 && usage.input.is_some() && (cached_apart || cached > input || adds_up(cached, 0) || both) {
        usage.input = Some(input.saturating_add(cached));
    }
    if reasoning > 0 && usage.output.is_some() && (reasoning_apart || reasoning > output || adds_up(0, reasoning) || both) {
        usage.output = Some(output.saturating_add(reasoning));
    }
}

impl Counts {
    fn take(&mut self, map: &[Attribute], outermost: bool) {
        for (name, value) in map {
            if let Value::Map(details) = value {
                self.take(details, false);
                continue;
            }
            if let Some(count) = values::scalar(value).and_then(values::count) {
                let name: String = name.chars().filter(|char| *char != '_').map(|char| char.to_ascii_lowercase()).collect();
                self.name(&name, count, outermost);
            }
        }
    }

    /// Takes a count by its name, without `_` and in small letters.
    fn name(&mut self, name: &str, count: u32, outermost: bool) {
        let fill = |place: &mut Option<u32>| *place = Some(place.unwrap_or_default().max(count));
        match name {
            "inputtokens" | "inputtokencount" | "input" if outermost => fill(&mut self.input),
            "prompttokens" | "prompttokencount" | "prompt" if outermost => {
                fill(&mut self.input);
                self.is_prompt = true;
            }
            "outputtokens" | "completiontokens" | "candidatestokencount" | "outputtokencount" | "output" | "completion" if outermost => {
                fill(&mut self.output);
            }
            "totaltokens" | "totaltokencount" | "total" if outermost => fill(&mut self.total),
            "cachereadinputtokens" | "cachereadinputtokencount" | "inputcacheread" | "inputcachedtokens" => {
                fill(&mut self.read);
                // So Anthropic, Bedrock and Langfuse name what they count apart.
                self.cached_apart |= outermost;
            }
            "cachecreationinputtokens" | "cachewriteinputtokens" | "cachewriteinputtokencount" | "inputcachecreation" => {
                fill(&mut self.write);
                self.cached_apart |= outermost;
            }
            "cachedtokens"
            | "cachedinputtokens"
            | "cachedprompttokens"
            | "cachedcontenttokencount"
            | "cachedcontenttokens"
            | "cacheread"
            | "cachereadtokens" => fill(&mut self.read),
            "cachewritetokens" | "cachecreationtokens" | "cachecreation" | "cachewrite" => fill(&mut self.write),
            "ephemeral5minputtokens" | "ephemeral1hinputtokens" => self.written = self.written.saturating_add(count),
            "reasoningtokens" | "reasoningoutputtokens" | "reasoning" => fill(&mut self.reasoning),
            "thoughtstokencount" | "thoughtstokens" | "outputreasoningtokens" | "outputreasoning" => {
                fill(&mut self.reasoning);
                self.reasoning_apart = true;
            }
            _ => {}
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Tokens in, from and into the cache, out, of these reasoning.
    fn sums(text: &str) -> Option<[Option<u32>; 5]> {
        usage(Scalar::Text(text.as_bytes())).map(|usage| [usage.input, usage.cache_read, usage.cache_write, usage.output, usage.reasoning])
    }

    #[test]
    fn every_provider_counts_in_its_own_way() {
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
            assert_eq!(sums(text), Some(expected), "{text}");
        }
        for text in ["", "{}", "[1]", r#"{"seats": 4}"#, r#"{"input_tokens": -1}"#, "{'a"] {
            assert_eq!(sums(text), None, "{text}");
        }
    }

    #[test]
    fn an_answer_s_id_stands_beside_its_usage() {
        let found = |text: &str| answer(Scalar::Text(text.as_bytes())).map(|answer| (answer.usage.input, answer.id));
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
        let escaped = answer(Scalar::Escaped(br#"{\"id\": \"c1\", \"usage\": {\"prompt_tokens\": 7}}"#)).unwrap();
        assert_eq!((escaped.usage.input, escaped.id.as_deref()), (Some(7), Some("c1")));
        let printed =
            r#"{"replies": ["ChatMessage(_meta={'model': 'm', 'usage': {'prompt_tokens': 7, 'prompt_tokens_details': {'x': None}}})"]}"#;
        assert_eq!(found(printed), Some((Some(7), None)));
        let kept = |text: &str| metadata(Scalar::Text(text.as_bytes())).unwrap();
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
            assert_eq!(found(text), None, "what a model writes is not what it used: {text}");
        }
    }
}
