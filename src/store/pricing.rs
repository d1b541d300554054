//! What rows cost, from the prices that the store was given.

use std::sync::Arc;

use hashbrown::HashSet;

use super::interner::Interner;
use super::model_ids::ModelId;
use super::row::{NONE, PackedUsage, RowIx};
use super::{Changes, Store};
use crate::model::price::{Call, Prices, Quote, RateCache};
use crate::model::usage::NanoUsd;
use crate::model::{Nanos, SpanType};

/// Models whose prices are remembered.
const MODELS: usize = 1024;

/// Prices, and what is remembered of them by provider and model.
#[derive(Debug, Default)]
pub(super) struct Pricing {
    prices: Option<Arc<Prices>>,
    tariffs: RateCache<ModelId>,
    /// What stands in `tariffs`, whose symbols are held so that they never come to mean others.
    held: HashSet<ModelId>,
}

impl Pricing {
    /// What the call costs by the prices; `None` if they are not here, or do not know.
    pub(super) fn cost(&mut self, texts: &mut Interner, key: ModelId, usage: &PackedUsage, kind: SpanType, at: Nanos) -> Option<NanoUsd> {
        let prices = self.prices.as_ref()?;
        if !self.held.contains(&key) {
            if self.held.len() == MODELS {
                return prices.quote(&call(texts, key, usage, kind, at)?).map(|quote| quote.cost);
            }
            self.held.insert(key);
            texts.hold(key.0);
            texts.hold(key.1);
        }
        self.tariffs.cost(prices, key, &call(texts, key, usage, kind, at)?)
    }
}

/// A row as a call to be priced: one that says what went in and, unless there is no answer in tokens, what came out.
fn call<'a>(texts: &'a Interner, service: ModelId, usage: &PackedUsage, kind: SpanType, at: Nanos) -> Option<Call<'a>> {
    let counts = usage.usage();
    let answered = counts.output.is_some() || (kind != SpanType::Model && kind.calls_model());
    let call = Call { provider: texts.text(service.0), model: texts.text(service.1), at, usage: counts };
    (answered && !call.model.is_empty()).then_some(call)
}

impl Store {
    /// Prices everything held, and what comes from now on. Costs the rows held.
    pub fn set_prices(&mut self, prices: Arc<Prices>) -> Changes {
        (self.pricing.prices, self.pricing.tariffs) = (Some(prices), RateCache::default());
        self.call = self.call.wrapping_add(1);
        let mut changes = Changes::default();
        let rows: Vec<RowIx> = self.rows().filter(|&row| self.row(row).usage != NONE).collect();
        for row in rows {
            let data = self.row(row);
            let (usage, kind, start, trace) = (data.usage, data.span_type, data.start, data.trace());
            let cost =
                self.pricing.cost(&mut self.texts, self.model_ids.get(self.usages[usage].model_id), &self.usages[usage], kind, start);
            self.change(row, |store| store.usages[usage].price(cost));
            changes.rows.push(row);
            self.touch(trace, &mut changes);
        }
        changes
    }

    /// By whose price the row's cost was computed; `None` if it was stated or is unknown.
    #[must_use]
    pub fn quote(&self, row: RowIx) -> Option<Quote> {
        let data = self.row(row);
        let usage = (data.usage != NONE).then(|| &self.usages[data.usage]).filter(|usage| !usage.states_cost())?;
        self.pricing.prices.as_ref()?.quote(&call(&self.texts, self.model_ids.get(usage.model_id), usage, data.span_type, data.start)?)
    }

    /// Tokens that the row's model can be given at once, if that is known.
    #[must_use]
    pub fn context_window(&self, row: RowIx) -> Option<u64> {
        self.pricing.prices.as_ref()?.context_window(&self.quote(row)?)
    }
}
