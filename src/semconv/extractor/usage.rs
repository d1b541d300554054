//! The tokens and the cost of a call: what its attributes state, corrected by what the provider itself reports.

use super::{Extractor, bit};
use crate::model::json::{Scalar, chars};
use crate::model::{SpanType, Usage, Value};
use crate::semconv::keys::{Field, is_raw_prompt};
use crate::semconv::response_usage::{ResponseUsage, from_metadata, from_response, from_usage, include_details};
use crate::semconv::values;

/// The name of the instrumentation scope of Agno's own instrumentation.
const AGNO_SCOPE: &str = "openinference.instrumentation.agno";

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
    | bit(Field::Reasoning)
    | bit(Field::Total)
    | bit(Field::Cost)
    | bit(Field::CostIn)
    | bit(Field::CostOut)
    | bit(Field::CostDetails);

impl Extractor<'_> {
    /// Returns the usage that the attributes state, corrected by `reported`, the usage that the provider reported.
    pub(super) fn usage(&self, name: &str, scope: Option<&str>, reported: Usage) -> Option<Usage> {
        if self.seen.fields & USAGE_FIELDS == 0 && !reported.is_some() {
            return None;
        }
        let mut usage = Usage {
            input: self.count(Field::Prompt),
            output: self.count(Field::Completion),
            cache_read: self.count(Field::CacheRead),
            cache_write: self.count(Field::CacheWrite),
            reasoning: self.count(Field::Reasoning),
            cost: self.cost(),
        };
        if reported.input.is_none() && reported.output.is_none() {
            usage.cache_read = usage.cache_read.or(reported.cache_read);
            usage.cache_write = usage.cache_write.or(reported.cache_write);
            usage.reasoning = usage.reasoning.or(reported.reasoning);
        }
        let total = self.count(Field::Total);
        // A call without any tokens is impossible: the sender writes 0 for "unknown".
        if [usage.input, usage.output, usage.cache_read, usage.cache_write].iter().all(|count| count.unwrap_or_default() == 0) {
            usage = Usage { cost: usage.cost, ..Usage::default() };
        }
        let input = usage.input;
        let is_cached = [usage.cache_read, usage.cache_write].iter().any(|count| count.is_some_and(|count| count > 0));
        include_details(&mut usage, total, is_cached && self.input_excludes_cache(name, scope), false);
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
            };
        }
        // Gemini counts its reasoning in the total, even where it is in no other count.
        if let (Some(total), Some(input), Some(output)) = (total, usage.input, usage.output)
            && total > input.saturating_add(output)
            && self.is_google()
        {
            usage.output = Some(total - input);
        }
        if usage.reasoning > usage.output && usage.output.is_some() {
            usage.reasoning = None;
        }
        usage.is_some().then_some(usage)
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

    /// Returns a member of a map that an attribute holds as JSON.
    pub(super) fn member(&self, field: Field, name: &str) -> Option<Value> {
        let text = self.text(field)?;
        let (Scalar::Text(raw) | Scalar::Escaped(raw) | Scalar::Other(raw)) = text else { return None };
        memchr::memmem::find(raw, name.as_bytes())?;
        let Value::Map(map) = values::parse(text, MAX_MAP_CHARS)? else { return None };
        map.into_iter().find(|(other, _)| other == name).map(|(_, value)| value)
    }

    /// Whether the stated input tokens exclude cached tokens: Agno's own instrumentation of a provider that counts them apart. A database
    /// does not record the scope, but Agno names the span after the class and method of its model: `Claude.ainvoke_stream`.
    fn input_excludes_cache(&self, name: &str, scope: Option<&str>) -> bool {
        if self.slot(Field::Prompt).is_some_and(|(rank, _)| is_raw_prompt(*rank)) {
            return true;
        }
        let (class, method) = name.rsplit_once('.').unwrap_or_default();
        let is_model_method = || matches!(method, "invoke" | "ainvoke" | "invoke_stream" | "ainvoke_stream");
        let is_agno = matches!(self.slot(Field::Prompt), Some((0, _))) && scope.map_or_else(is_model_method, |scope| scope == AGNO_SCOPE);
        let provider = || lowercase(self.text(Field::Provider));
        if is_agno {
            return class == "Claude" || ["anthropic", "bedrock"].iter().any(|part| provider().contains(part));
        }
        self.has(Field::SdkOperation) && !self.has(Field::SdkFresh) && provider().contains("anthropic")
    }
}

fn lowercase(text: Option<Scalar<'_>>) -> String {
    text.map(|text| chars(text).take(MAX_PROVIDER).collect::<String>().to_ascii_lowercase()).unwrap_or_default()
}

/// Returns the input tokens that were neither read from nor written to a cache.
fn uncached(usage: &Usage) -> Option<u32> {
    let cached = usage.cache_read.unwrap_or_default().saturating_add(usage.cache_write.unwrap_or_default());
    usage.input.map(|input| input.saturating_sub(cached))
}
