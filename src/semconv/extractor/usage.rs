//! The tokens and the cost of a call: what its attributes state, corrected by what the provider itself reports.

use super::{BARE, Extractor, PREFIXED, bit};
use crate::model::json::{Scalar, chars};
use crate::model::usage::RareTokens;
use crate::model::{SpanType, Usage, Value};
use crate::semconv::keys::{Field, is_aggregated_prompt, is_raw_prompt};
use crate::semconv::response_usage::{
    Part, ResponseUsage, cache_writes, from_details, from_metadata, from_response, from_usage, from_usage_alone, include_details,
};
use crate::semconv::values;

/// The name of the instrumentation scope of Agno's own instrumentation.
pub(crate) const AGNO_SCOPE: &str = "openinference.instrumentation.agno";

/// The highest cost of a call, in billionths of a dollar. A million such calls still fit in a sum.
const MAX_COST: i64 = 9_000_000_000_000;

/// Longer parameters of a call are not parsed.
pub(in crate::semconv) const MAX_MAP_CHARS: usize = 1 << 14;

/// The most characters of a provider's name that are compared.
const MAX_PROVIDER: usize = 64;

/// The fields that usage is read from, apart from a response.
const USAGE_FIELDS: u64 = bit(Field::Prompt)
    | bit(Field::Completion)
    | bit(Field::CacheRead)
    | bit(Field::CacheWrite)
    | bit(Field::CacheWrite5m)
    | bit(Field::CacheWrite1h)
    | bit(Field::Reasoning)
    | bit(Field::Total)
    | bit(Field::InputDetails)
    | bit(Field::OutputDetails)
    | bit(Field::Cost)
    | bit(Field::CostIn)
    | bit(Field::CostOut)
    | bit(Field::CostDetails);

/// The fields of tokens that few calls have.
const RARE_FIELDS: u64 = bit(Field::AudioIn) | bit(Field::AudioOut) | bit(Field::CachedAudio) | bit(Field::CacheWrite1h);

impl Extractor<'_> {
    /// Returns the usage that the attributes state, corrected by `reported`, the usage that the provider reported.
    pub(super) fn usage(&self, name: &str, scope: Option<&str>, span_type: SpanType, reported: Usage) -> Option<Usage> {
        if (self.seen.fields & USAGE_FIELDS == 0 && !reported.is_some()) || self.only_repeats_usage() {
            return None;
        }
        let mut usage = self.stated_usage(span_type);
        let reported = if reported.is_some() || !span_type.calls_model() { reported } else { self.confirmed_usage(&usage) };
        if reported.input.is_none() && reported.output.is_none() {
            usage = with_parts(usage, &reported);
        }
        let total = self.count(Field::Total, span_type);
        // A call without any tokens is impossible: the sender writes 0 for "unknown".
        if [usage.input, usage.output, usage.cache_read, usage.cache_write].iter().all(|count| count.unwrap_or_default() == 0) {
            usage = Usage { cost: usage.cost, ..Usage::default() };
        }
        let input = usage.input;
        let is_cached = [usage.cache_read, usage.cache_write].iter().any(|count| count.is_some_and(|count| count > 0));
        // Of the same number under another name, that name decides.
        let of_candidates = usage.output.is_some() && usage.output == self.seen.candidates;
        let excludes_reasoning = of_candidates && total.is_none() && matches!(self.slot(Field::Completion), Some((PREFIXED.., _)));
        include_details(&mut usage, total, is_cached && self.input_excludes_cache(name, scope, total), excludes_reasoning);
        let same_input = input.is_none() || [input, usage.input].contains(&reported.input) || input == uncached(&reported);
        let without_reasoning = reported.output.map(|output| output.saturating_sub(reported.reasoning.unwrap_or_default()));
        let same_output =
            usage.output.is_none() || reported.output.is_none() || [reported.output, without_reasoning].contains(&usage.output);
        if same_input && same_output && (reported.input.is_some() || reported.output.is_some()) {
            usage = Usage {
                input: reported.input.or(usage.input),
                output: reported.output.or(usage.output),
                cache_read: reported.cache_read.or(usage.cache_read),
                cache_write: reported.cache_write.filter(|write| *write > 0).or(usage.cache_write).or(reported.cache_write),
                reasoning: reported.reasoning.or(usage.reasoning),
                cost: usage.cost,
                rare: reported.rare.or(usage.rare),
                is_aggregated: usage.is_aggregated,
                cache_unstated: false,
                is_least: false,
                parts_unknown: false,
            };
        }
        // Gemini counts its reasoning and the results of its own tools in the total, even where they are in no other count. Which of them
        // the rest is, nothing tells.
        if let (Some(total), Some(input), Some(output)) = (total, usage.input, usage.output) {
            usage.is_least = total > input.saturating_add(output) && self.is_google();
        }
        // No answer takes no tokens.
        if usage.output == Some(0) && span_type == SpanType::Model && self.has_answer() {
            usage.output = None;
        }
        if usage.reasoning > usage.output && usage.output.is_some() {
            usage.reasoning = None;
        }
        usage.cache_unstated = span_type == SpanType::Model
            && usage.input.is_some()
            && usage.cache_read.or(usage.cache_write).is_none()
            && self.is_claude()
            && !self.is_agno(name, scope);
        usage.is_some().then_some(usage)
    }

    /// Returns the usage that the output alone is, if the stated counts confirm that it is this call's.
    fn confirmed_usage(&self, stated: &Usage) -> Usage {
        let told = self.text(Field::Response).and_then(from_usage_alone).unwrap_or_default();
        let has_input = stated.input.is_some() && [told.input, uncached(&told)].contains(&stated.input);
        let has_output = stated.output.is_some() && stated.output == told.output;
        if has_input && has_output { told } else { Usage::default() }
    }

    /// Returns the usage in attributes of its own.
    fn stated_usage(&self, span_type: SpanType) -> Usage {
        let count = |field| self.count(field, span_type);
        let mut usage = Usage {
            input: count(Field::Prompt),
            output: count(Field::Completion),
            cache_read: count(Field::CacheRead),
            cache_write: count(Field::CacheWrite),
            reasoning: count(Field::Reasoning),
            cost: self.cost(),
            is_aggregated: self.slot(Field::Prompt).is_some_and(|(rank, _)| is_aggregated_prompt(*rank)),
            ..Usage::default()
        };
        if self.seen.fields & RARE_FIELDS != 0 {
            let rare = |field| count(field).unwrap_or_default();
            usage.rare = RareTokens {
                audio_input: rare(Field::AudioIn),
                audio_output: rare(Field::AudioOut),
                cached_audio: count(Field::CachedAudio),
                cache_write_1h: rare(Field::CacheWrite1h),
            };
        }
        usage.cache_write = cache_writes(usage.cache_write, count(Field::CacheWrite5m).unwrap_or_default(), usage.rare.cache_write_1h);
        for (field, part) in [(Field::InputDetails, Part::Input), (Field::OutputDetails, Part::Output)] {
            if let Some(details) = self.text(field).and_then(|text| from_details(text, part)) {
                usage = with_parts(usage, &details);
            }
        }
        usage
    }

    /// Returns the stated cost. Zero counts as unknown, because no call of a model with a price is free.
    fn cost(&self) -> Option<i64> {
        let sum = || Some(self.billionths(Field::CostIn)?.saturating_add(self.billionths(Field::CostOut)?));
        let from_details = || match self.member(Field::CostDetails, "total")? {
            Value::Int(total) => values::billionths(Scalar::Int(total)),
            Value::Float(total) => values::billionths(Scalar::Float(total)),
            _ => None,
        };
        self.billionths(Field::Cost).or_else(sum).or_else(from_details).filter(|cost| (1..=MAX_COST).contains(cost))
    }

    /// Returns the usage that the provider reported, in an attribute of its own or in the response of a model.
    pub(super) fn response_usage(&self, span_type: SpanType) -> ResponseUsage {
        let mut found = ResponseUsage { usage: Usage::default(), id: None };
        if span_type.calls_model() {
            let metadata = || self.text(Field::ProviderMetadata).and_then(from_metadata);
            found = self.text(Field::Response).and_then(from_response).or_else(metadata).unwrap_or(found);
        }
        if let Some(details) = self.text(Field::UsageDetails).and_then(from_usage) {
            found.usage = details;
        }
        found
    }

    fn is_google(&self) -> bool {
        let name = lowercase(self.text(Field::Provider).or(self.text(Field::Model)));
        ["google", "gemini", "gcp", "vertex"].iter().any(|part| name.contains(part))
    }

    /// Whether the model is one of Anthropic, which counts cached tokens apart, whichever service runs it.
    fn is_claude(&self) -> bool {
        let contains = |field, word: &[u8]| match self.text(field) {
            Some(Scalar::Text(raw) | Scalar::Escaped(raw)) => {
                let beginning = raw.get(..MAX_PROVIDER).unwrap_or(raw);
                beginning.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word))
            }
            _ => false,
        };
        contains(Field::Model, b"claude") || contains(Field::Provider, b"anthropic")
    }

    /// Whether the span is a model call that Agno's own instrumentation reports. It states cached tokens unless there are none. A database
    /// does not record the scope, but Agno names the span after the class and method of its model: `Claude.ainvoke_stream`.
    fn is_agno(&self, name: &str, scope: Option<&str>) -> bool {
        let is_model_method = || {
            let method = name.rsplit_once('.').map(|(_, method)| method);
            matches!(method, Some("invoke" | "ainvoke" | "invoke_stream" | "ainvoke_stream"))
        };
        matches!(self.slot(Field::Prompt), Some((0, _))) && scope.map_or_else(is_model_method, |scope| scope == AGNO_SCOPE)
    }

    /// Returns a member of a map that an attribute holds as JSON.
    pub(super) fn member(&self, field: Field, name: &str) -> Option<Value> {
        let text = self.text(field)?;
        let (Scalar::Text(raw) | Scalar::Escaped(raw) | Scalar::Other(raw)) = text else { return None };
        memchr::memmem::find(raw, name.as_bytes())?;
        let Value::Map(map) = values::parse(text, MAX_MAP_CHARS)? else { return None };
        map.into_iter().find(|(other, _)| other == name).map(|(_, value)| value)
    }

    /// Whether the stated input tokens exclude cached tokens: Agno's own instrumentation of a provider that counts them apart, the provider's
    /// own names, or an older AI SDK.
    fn input_excludes_cache(&self, name: &str, scope: Option<&str>, total: Option<u32>) -> bool {
        match self.slot(Field::Prompt) {
            Some((rank, _)) if is_raw_prompt(*rank) => return true,
            // A name without prefix is that of the provider's own answer.
            Some((BARE, _)) => return total.is_none() && self.is_claude(),
            _ => {}
        }
        let provider = || lowercase(self.text(Field::Provider));
        if self.is_agno(name, scope) {
            let class = name.rsplit_once('.').map(|(class, _)| class);
            return class == Some("Claude") || ["anthropic", "bedrock"].iter().any(|part| provider().contains(part));
        }
        self.has(Field::SdkOperation) && !self.has(Field::SdkFresh) && provider().contains("anthropic")
    }
}

fn lowercase(text: Option<Scalar<'_>>) -> String {
    text.map(|text| chars(text).take(MAX_PROVIDER).collect::<String>().to_ascii_lowercase()).unwrap_or_default()
}

/// Returns usage with the parts of `other` where it states none.
fn with_parts(usage: Usage, other: &Usage) -> Usage {
    Usage {
        cache_read: usage.cache_read.or(other.cache_read),
        cache_write: usage.cache_write.or(other.cache_write),
        reasoning: usage.reasoning.or(other.reasoning),
        rare: usage.rare.or(other.rare),
        ..usage
    }
}

/// Returns the input tokens that were neither read from nor written to a cache.
fn uncached(usage: &Usage) -> Option<u32> {
    let cached = usage.cache_read.unwrap_or_default().saturating_add(usage.cache_write.unwrap_or_default());
    usage.input.map(|input| input.saturating_sub(cached))
}
