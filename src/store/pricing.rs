//! The computed cost of rows.

use std::sync::Arc;

use hashbrown::HashSet;

use super::interner::Interner;
use super::ix::{NONE, RowIx};
use super::model_ids::ModelId;
use super::packed_usage::PackedUsage;
use super::{Changes, Store};
use crate::model::price::{Call, Prices, Quote, RateCache};
use crate::model::usage::{NanoUsd, RareTokens};
use crate::model::{Nanos, SpanType, Usage};

/// The maximum number of models whose rates are cached.
const MAX_CACHED_MODELS: usize = 1024;

/// The maximum number of rows examined for one without a price.
const MAX_EXAMINED: usize = 1024;

/// Prices with a cache of rates by provider and model.
#[derive(Debug, Default)]
pub(super) struct Pricing {
    prices: Option<Arc<Prices>>,
    rates: RateCache<ModelId>,
    /// The keys of `rates`. Their symbols are retained, so that they are never reused for other texts.
    cached: HashSet<ModelId>,
}

impl Pricing {
    /// Returns the cost of a call in billionths of a dollar; `None` if there are no prices or they do not include the model.
    pub(super) fn cost(&mut self, texts: &mut Interner, key: ModelId, usage: Usage, kind: SpanType, at: Nanos) -> Option<NanoUsd> {
        let prices = self.prices.as_ref()?;
        if !self.cached.contains(&key) {
            if self.cached.len() == MAX_CACHED_MODELS {
                return prices.quote(&call(texts, key, usage, kind, at)?).map(|quote| quote.cost);
            }
            self.cached.insert(key);
            texts.retain(key.0);
            texts.retain(key.1);
        }
        self.rates.cost(prices, key, &call(texts, key, usage, kind, at)?)
    }
}

/// Returns a row as a call to be priced; `None` unless it states its model and, where the answer is measured in tokens, output tokens.
fn call(texts: &Interner, model_id: ModelId, usage: Usage, kind: SpanType, at: Nanos) -> Option<Call<'_>> {
    let is_complete = usage.output.is_some() || (usage.input.is_some() && kind != SpanType::Model && kind.calls_model());
    let call = Call { provider: texts.text(model_id.0), model: texts.text(model_id.1), at, usage };
    (is_complete && !usage.parts_unknown && !call.model.is_empty()).then_some(call)
}

/// A call with the prices, to tell what it would have cost otherwise.
#[derive(Clone, Debug)]
pub struct PaidCall {
    prices: Arc<Prices>,
    provider: String,
    model: String,
    at: Nanos,
    usage: Usage,
}

impl PaidCall {
    /// See [`Store::cost_of_rebuilding`].
    #[must_use]
    pub fn cost_of_rebuilding(&self, rebuilt: u64) -> Option<NanoUsd> {
        let rebuilt = u32::try_from(rebuilt).ok()?;
        let read = self.usage.cache_read.unwrap_or_default().saturating_add(rebuilt).min(self.usage.input?);
        let write = self.usage.cache_write.map(|write| write.saturating_sub(rebuilt));
        let cached = Usage { cache_read: Some(read), cache_write: write, ..self.usage };
        let cost = |usage| {
            let call = Call { provider: &self.provider, model: &self.model, at: self.at, usage };
            self.prices.quote(&call).map(|quote| quote.cost)
        };
        Some(cost(self.usage)?.checked_sub(cost(cached)?)?.max(0))
    }
}

impl Store {
    /// Sets the prices and computes the cost of all rows. Costs the number of rows.
    pub fn set_prices(&mut self, prices: Arc<Prices>) -> Changes {
        (self.pricing.prices, self.pricing.rates) = (Some(prices), RateCache::default());
        self.version = self.version.wrapping_add(1);
        let mut changes = Changes::default();
        let rows: Vec<RowIx> = self.rows().filter(|&row| self.row(row).usage != NONE).collect();
        for row in rows {
            let (usage, trace) = (self.row(row).usage, self.row(row).trace());
            let stated = self.usages[usage];
            let cost = self.computed_cost(row, &stated);
            self.change(row, |store| store.usages[usage].set_computed_cost(cost));
            changes.rows.push(row);
            self.touch(trace, &mut changes);
        }
        changes
    }

    /// Returns the computed cost of usage of a row.
    pub(super) fn computed_cost(&mut self, row: RowIx, usage: &PackedUsage) -> Option<NanoUsd> {
        let data = self.row(row);
        let (kind, start, counts) = (data.span_type, data.start, self.priced_usage(data.usage, usage));
        let stated = self.stated_models.get(&row).map(|stated| stated.model_id);
        // A gateway's own name for the model may have no price, and the name that the agent states one.
        [Some(usage.model_id), stated].into_iter().flatten().find_map(|model_id| {
            let model_id = self.model_ids.get(model_id);
            self.pricing.cost(&mut self.texts, model_id, counts, kind, start)
        })
    }

    /// Returns the quote that the row's cost was computed from; `None` if the cost is stated or unknown.
    #[must_use]
    pub fn quote(&self, row: RowIx) -> Option<Quote> {
        let usage = self.row(row).usage;
        if usage == NONE || self.usages[usage].states_cost() { None } else { self.list_quote(row) }
    }

    /// Returns the quote of the price lists for a row, also where the span states its cost.
    fn list_quote(&self, row: RowIx) -> Option<Quote> {
        let data = self.row(row);
        let usage = (data.usage != NONE).then(|| &self.usages[data.usage])?;
        let (prices, counts) = (self.pricing.prices.as_ref()?, self.priced_usage(data.usage, usage));
        let stated = self.stated_models.get(&row).map(|stated| stated.model_id);
        [Some(usage.model_id), stated]
            .into_iter()
            .flatten()
            .find_map(|model_id| prices.quote(&call(&self.texts, self.model_ids.get(model_id), counts, data.span_type, data.start)?))
    }

    /// Returns what a call would have cost less if the cache had served `rebuilt` more of its input tokens, by the price lists; `None` if
    /// they do not know its model.
    #[must_use]
    pub fn cost_of_rebuilding(&self, row: RowIx, rebuilt: u64) -> Option<NanoUsd> {
        self.paid_call(row)?.cost_of_rebuilding(rebuilt)
    }

    /// Returns what a call paid for; `None` without its model, its tokens or prices.
    #[must_use]
    pub fn paid_call(&self, row: RowIx) -> Option<PaidCall> {
        let data = self.row(row);
        let packed = (data.usage != NONE).then(|| &self.usages[data.usage])?;
        let prices = self.pricing.prices.clone()?;
        let paid = self.priced_usage(data.usage, packed);
        let Call { provider, model, at, usage } = call(&self.texts, self.model_ids.get(packed.model_id), paid, data.span_type, data.start)?;
        Some(PaidCall { prices, provider: provider.to_owned(), model: model.to_owned(), at, usage })
    }

    /// Returns the model and the provider of the first call, in the row or below it, that states its tokens and that no price list knows.
    /// Examines some rows only.
    #[must_use]
    pub fn unpriced_model(&self, row: RowIx) -> Option<(&str, &str)> {
        let prices = self.pricing.prices.as_ref()?;
        self.walk_below(row).take(MAX_EXAMINED).find_map(|(row, _)| {
            let data = self.row(row);
            let usage = (data.usage != NONE).then(|| &self.usages[data.usage]).filter(|usage| !usage.states_cost())?;
            let (key, counts) = (self.model_ids.get(usage.model_id), self.priced_usage(data.usage, usage));
            let call = call(&self.texts, key, counts, data.span_type, data.start)?;
            let is_complete = counts.input.is_some() && counts.output.is_some() && data.span_type.calls_model();
            // Whether the lists know the model at all: odd counts of a known one have no price either.
            let one_each = Usage { input: Some(1), output: Some(1), ..Usage::default() };
            let is_unknown = self.quote(row).is_none() && prices.quote(&Call { usage: one_each, ..call }).is_none();
            (is_complete && is_unknown).then_some((call.model, call.provider))
        })
    }

    /// Returns the tokens of a row that few calls have and that are priced apart.
    #[must_use]
    pub fn rare_tokens(&self, row: RowIx) -> RareTokens {
        self.rare_tokens.get(self.row(row).usage)
    }

    /// Returns usage with the rare tokens of the row to which it belongs.
    pub(super) fn priced_usage(&self, index: u32, usage: &PackedUsage) -> Usage {
        let rare = if self.rare_tokens.is_empty() { RareTokens::default() } else { self.rare_tokens.get(index) };
        Usage { rare, ..usage.usage() }
    }

    /// Returns the context window of the row's model in tokens, if known.
    #[must_use]
    pub fn context_window(&self, row: RowIx) -> Option<u64> {
        self.pricing.prices.as_ref()?.context_window(&self.list_quote(row)?)
    }
}
