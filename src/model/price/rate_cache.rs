//! A cache of prices as rates per token: computing a price from the list takes microseconds, and calls arrive by the hundred thousand.
//!
//! Rates are derived from the list's prices for a few sample calls. A price is linear in the token counts within a tier of input tokens
//! and within a day. So rates are cached per day and per power of two of the input tokens, and only if the list's prices at both ends and in
//! the middle agree with them. Otherwise each price is computed from the list.

use std::collections::HashMap;
use std::hash::Hash;

use super::{Call, NanoUsd, Nanos, Prices, Quote};
use crate::model::Usage;
use crate::model::usage::RareTokens;

const DAY: Nanos = 86_400_000_000_000;
const QUARTER_HOUR: Nanos = DAY / 96;

/// The maximum number of cached models, which input controls.
const MAX_MODELS: usize = 1024;

/// The maximum number of cached rates.
const MAX_RATES: usize = 65_536;

/// Cached rates; `K` identifies a provider and a model.
#[derive(Debug, Default)]
pub struct RateCache<K> {
    models: HashMap<K, Model>,
    rates: HashMap<(K, Nanos, u32), Option<Rates>>,
}

#[derive(Clone, Copy, Debug)]
enum Model {
    /// No list contains it.
    Unknown,
    /// The price is constant over a day.
    Daily,
    /// The price changes within a day.
    Hourly,
}

/// Billionths of a dollar per call and per token.
#[derive(Clone, Copy, Debug)]
struct Rates {
    call: f64,
    uncached: f64,
    read: f64,
    write: f64,
    write_1h: f64,
    output: f64,
    reasoning: f64,
}

impl<K: Copy + Eq + Hash> RateCache<K> {
    /// Returns the call's cost, equal to that of [`Prices::quote`]. `key` must identify the call's provider and model.
    pub fn cost(&mut self, prices: &Prices, key: K, call: &Call<'_>) -> Option<NanoUsd> {
        // Lists have no prices before 1970.
        let call = &Call { at: call.at.max(0), ..*call };
        let exact = |prices: &Prices| prices.quote(call).map(|quote| quote.cost);
        if !super::is_complete(&call.usage) {
            return None;
        }
        if call.at > Nanos::MAX - DAY || has_audio(&call.usage) {
            // The end of this day is beyond `Nanos`, or the call is so rare that its rates are not cached.
            return exact(prices);
        }
        let model = match self.models.get(&key) {
            Some(model) => *model,
            None if self.models.len() == MAX_MODELS => return exact(prices),
            None => {
                let model = Model::detect(prices, call);
                self.models.insert(key, model);
                model
            }
        };
        let step = match model {
            Model::Unknown => return None,
            Model::Daily => DAY,
            Model::Hourly => QUARTER_HOUR,
        };
        let (from, octave) = (call.at.div_euclid(step) * step, call.usage.input.unwrap_or_default().checked_ilog2());
        let Some(octave) = octave.filter(|&octave| octave > 0) else { return exact(prices) };
        let rates = self.rates.get(&(key, from, octave)).copied().unwrap_or_else(|| {
            let rates = Rates::derive(prices, call, (from, from + step - 1), octave);
            if self.rates.len() >= MAX_RATES {
                self.rates.clear();
            }
            self.rates.insert((key, from, octave), rates);
            rates
        });
        rates.map_or_else(|| exact(prices), |rates| super::to_nano_usd(rates.price(&call.usage) / 1e9))
    }
}

impl Model {
    fn detect(prices: &Prices, call: &Call<'_>) -> Self {
        let usage = sample(1000, 100, 10, 500, 50);
        let at = |at| prices.quote(&Call { at, usage, ..*call });
        let from = call.at.div_euclid(DAY) * DAY;
        let Some(first) = at(from) else {
            // The list may refuse the sample call only because of counts that the actual call lacks.
            return if prices.quote(call).is_some() { Self::Hourly } else { Self::Unknown };
        };
        let is_first = |quote: Option<Quote>| quote.is_some_and(|quote| quote.cost == first.cost);
        let is_constant = !prices.may_change_within_day(&first) || (1..96).all(|quarter| is_first(at(from + quarter * QUARTER_HOUR)));
        if is_constant { Self::Daily } else { Self::Hourly }
    }
}

impl Rates {
    /// Derives the rates of calls with input tokens from `1 << octave` to the next power of two, and between two times; `None` if the price
    /// is not linear there.
    fn derive(prices: &Prices, call: &Call<'_>, times: (Nanos, Nanos), octave: u32) -> Option<Self> {
        const SAMPLE_TOKENS: u32 = 1_000_000;
        let (min, max) = (1u32 << octave, (1u64 << (octave + 1)) - 1);
        let max = u32::try_from(max).ok()?;
        let price = |usage, at| prices.dollars(&Call { at, usage, ..*call }).map(|dollars| dollars * 1e9);
        let at = |usage| price(usage, times.0);
        let (low, high) = (at(sample(min, 0, 0, 0, 0))?, at(sample(max, 0, 0, 0, 0))?);
        let uncached = (high - low) / f64::from(max - min);
        let per_call = low - uncached * f64::from(min);
        let per = |usage, count: u32| Some((at(usage)? - per_call) / f64::from(count));
        let output = (at(sample(min, 0, 0, SAMPLE_TOKENS, 0))? - low) / f64::from(SAMPLE_TOKENS);
        let rates = Self {
            call: per_call,
            uncached,
            read: per(sample(min, min, 0, 0, 0), min)?,
            write: per(sample(min, 0, min, 0, 0), min)?,
            write_1h: per(kept_1h(sample(min, 0, min, 0, 0), min), min)?,
            output,
            reasoning: (at(sample(min, 0, 0, SAMPLE_TOKENS, SAMPLE_TOKENS))? - low) / f64::from(SAMPLE_TOKENS),
        };
        let middle = min + (max - min) / 2;
        let agrees = |input: u32| {
            let usage = kept_1h(sample(input, input / 3, input / 5, 70_001, 30_011), input / 7);
            [times.0, times.1]
                .into_iter()
                .all(|time| price(usage, time).is_some_and(|dollars| (dollars - rates.price(&usage)).abs() < 0.01 + dollars * 1e-9))
        };
        [min, middle, max].into_iter().all(agrees).then_some(rates)
    }

    fn price(&self, usage: &Usage) -> f64 {
        let count = |count: Option<u32>| f64::from(count.unwrap_or_default());
        let (read, write, reasoning) = (count(usage.cache_read), count(usage.cache_write), count(usage.reasoning));
        let write_1h = f64::from(usage.rare.cache_write_1h);
        self.call
            + (count(usage.input) - read - write) * self.uncached
            + read * self.read
            + (write - write_1h) * self.write
            + write_1h * self.write_1h
            + (count(usage.output) - reasoning) * self.output
            + reasoning * self.reasoning
    }
}

fn has_audio(usage: &Usage) -> bool {
    usage.rare.audio_input > 0 || usage.rare.audio_output > 0
}

/// Returns usage of which this many cache writes are kept for an hour.
fn kept_1h(usage: Usage, cache_write_1h: u32) -> Usage {
    Usage { rare: RareTokens { cache_write_1h, ..usage.rare }, ..usage }
}

fn sample(input: u32, read: u32, write: u32, output: u32, reasoning: u32) -> Usage {
    Usage {
        input: Some(input),
        output: Some(output),
        cache_read: Some(read),
        cache_write: Some(write),
        reasoning: Some(reasoning),
        ..Usage::default()
    }
}
