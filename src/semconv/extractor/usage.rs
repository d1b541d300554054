//! What a call used and cost: as its attributes state it, put right by what the provider itself said.

use super::{Extractor, bit};
use crate::model::json::{self, Scalar, chars};
use crate::model::{SpanType, Usage, Value};
use crate::semconv::names::{Field, is_raw_prompt};
use crate::semconv::response_usage::{ResponseUsage, answer, metadata, usage, whole};
use crate::semconv::values;

/// What Agno's instrumentation is called where the sender names its instrumentation.
const AGNO_SCOPE: &str = "openinference.instrumentation.agno";

/// Billionths of a dollar that a call may cost: of more than a million such calls the sum could be kept no more.
const HIGHEST: i64 = 9_000_000_000_000;

/// Longer parameters of a call are not taken apart.
const LONGEST_PARAMETERS: usize = 1 << 14;

/// The facts of which usage is made, beside what an answer itself tells.
const COUNTED: u64 = bit(Field::Prompt)
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
    /// What the attributes state, put right by what the provider itself says where its words were kept.
    pub(super) fn usage(&self, name: &str, scope: Option<&str>, told: Usage) -> Option<Usage> {
        if self.seen.fields & COUNTED == 0 && !told.is_some() {
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
        if told.input.is_none() && told.output.is_none() {
            usage.cache_read = usage.cache_read.or(told.cache_read);
            usage.cache_write = usage.cache_write.or(told.cache_write);
            usage.reasoning = usage.reasoning.or(told.reasoning);
        }
        let total = self.count(Field::Total);
        // Nothing is answered to no tokens: whoever writes so does not know.
        if [usage.input, usage.output, usage.cache_read, usage.cache_write].iter().all(|count| count.unwrap_or_default() == 0) {
            usage = Usage { cost: usage.cost, ..Usage::default() };
        }
        let input = usage.input;
        let is_cached = [usage.cache_read, usage.cache_write].iter().any(|count| count.is_some_and(|count| count > 0));
        whole(&mut usage, total, is_cached && self.leaves_out_cached(name, scope), false);
        let same_input = input.is_none() || [input, usage.input].contains(&told.input) || input == fresh(&told);
        let unthought = told.output.map(|output| output.saturating_sub(told.reasoning.unwrap_or_default()));
        let same_output = usage.output.is_none() || told.output.is_none() || [told.output, unthought].contains(&usage.output);
        if same_input && same_output && (told.input.is_some() || told.output.is_some()) {
            usage = Usage {
                input: told.input.or(usage.input),
                output: told.output.or(usage.output),
                cache_read: told.cache_read.or(usage.cache_read),
                cache_write: told.cache_write.filter(|write| *write > 0).or(usage.cache_write).or(told.cache_write),
                reasoning: told.reasoning.or(usage.reasoning),
                cost: usage.cost,
            };
        }
        // What Gemini thought is in its total, if it is in no other count.
        if let (Some(total), Some(input), Some(output)) = (total, usage.input, usage.output)
            && total > input.saturating_add(output)
            && self.is_google()
        {
            usage.output = Some(total - input);
        }
        usage.is_some().then_some(usage)
    }

    /// What the call is said to have cost. Who says zero does not know: no call of a model that has a price is free.
    fn cost(&self) -> Option<i64> {
        let both = || Some(self.billionths(Field::CostIn)?.saturating_add(self.billionths(Field::CostOut)?));
        let details = || match self.part(Field::CostDetails, "total")? {
            Value::Int(total) => values::billionths(Scalar::Int(total)),
            Value::Float(total) => values::billionths(Scalar::Float(total)),
            _ => None,
        };
        self.billionths(Field::Cost).or_else(both).or_else(details).filter(|cost| (1..=HIGHEST).contains(cost))
    }

    /// What the provider itself says, in an attribute of its own or in a model's whole answer.
    pub(super) fn answer(&self, kind: SpanType) -> ResponseUsage {
        let mut found = ResponseUsage { usage: Usage::default(), id: None };
        if kind.calls_model() {
            let kept = || self.text(Field::ProviderMetadata).and_then(metadata);
            found = self.text(Field::Answer).and_then(answer).or_else(kept).unwrap_or(found);
        }
        if let Some(details) = self.text(Field::UsageDetails).and_then(usage) {
            found.usage = details;
        }
        found
    }

    fn is_google(&self) -> bool {
        let text = self.text(Field::Provider).or(self.text(Field::Model));
        let text = text.map(|text| chars(text).take(64).collect::<String>().to_ascii_lowercase()).unwrap_or_default();
        ["google", "gemini", "gcp", "vertex"].iter().any(|name| text.contains(name))
    }

    /// A member of a map that an attribute holds as JSON.
    pub(super) fn part(&self, field: Field, name: &str) -> Option<Value> {
        let (Scalar::Text(raw) | Scalar::Escaped(raw) | Scalar::Other(raw)) = self.text(field)? else { return None };
        if raw.len() > LONGEST_PARAMETERS || memchr::memmem::find(raw, name.as_bytes()).is_none() {
            return None;
        }
        let text: String = chars(self.text(field)?).collect();
        let map = json::parse(text.as_bytes()).ok()?;
        map.into_iter().find(|(other, _)| other == name).map(|(_, value)| value)
    }

    /// Whether the span comes from Agno's own instrumentation of a provider that counts cached tokens apart. A database does not
    /// say who made a span, but Agno names it after the model's class and method: `Claude.ainvoke_stream`.
    fn leaves_out_cached(&self, name: &str, scope: Option<&str>) -> bool {
        if self.slot(Field::Prompt).is_some_and(|(rank, _)| is_raw_prompt(*rank)) {
            return true;
        }
        let (class, method) = name.rsplit_once('.').unwrap_or_default();
        let named = || matches!(method, "invoke" | "ainvoke" | "invoke_stream" | "ainvoke_stream");
        let stated_by_agno = matches!(self.slot(Field::Prompt), Some((0, _))) && scope.map_or_else(named, |scope| scope == AGNO_SCOPE);
        let provider =
            || self.text(Field::Provider).map(|text| chars(text).take(64).collect::<String>().to_ascii_lowercase()).unwrap_or_default();
        if stated_by_agno {
            return class == "Claude" || ["anthropic", "bedrock"].iter().any(|apart| provider().contains(apart));
        }
        self.has(Field::SdkOperation) && !self.has(Field::SdkFresh) && provider().contains("anthropic")
    }
}

/// The part of the input that no cache held or holds.
fn fresh(usage: &Usage) -> Option<u32> {
    let cached = usage.cache_read.unwrap_or_default().saturating_add(usage.cache_write.unwrap_or_default());
    usage.input.map(|input| input.saturating_sub(cached))
}
