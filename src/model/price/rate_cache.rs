//! Prices remembered as rates, since asking the list costs microseconds and calls come by the hundred thousand.
//!
//! The list is asked for a few made-up calls of a model, and rates are made of the answers. A list's price is linear in the counts as
//! long as the tokens in stay within one tier and the day is the same, so rates are kept for a day and for tokens in between two powers
//! of two, and only where the list answers by them at both ends and between. Everywhere else the list itself is asked.

use std::collections::HashMap;
use std::hash::Hash;

use super::{Call, NanoUsd, Nanos, Prices};
use crate::model::Usage;

const DAY: Nanos = 86_400_000_000_000;
const QUARTER: Nanos = DAY / 96;

/// Models whose rates are remembered; hostile input must not make it more.
const MODELS: usize = 1024;

/// Rates remembered in all.
const RATES: usize = 65_536;

/// What is remembered of models; `K` stands for a provider and a model.
#[derive(Debug)]
pub struct RateCache<K> {
    models: HashMap<K, Model>,
    rates: HashMap<(K, Nanos, u32), Option<Rates>>,
}

#[derive(Clone, Copy, Debug)]
enum Model {
    /// No list knows it.
    Unknown,
    /// The price is the same at any time of a day.
    Daily,
    /// It is not.
    Hourly,
}

/// Billionths of a dollar: for a call, and for each token.
#[derive(Clone, Copy, Debug)]
struct Rates {
    call: f64,
    fresh: f64,
    read: f64,
    write: f64,
    output: f64,
    reasoning: f64,
}

impl<K> Default for RateCache<K> {
    fn default() -> Self {
        Self { models: HashMap::new(), rates: HashMap::new() }
    }
}

impl<K: Copy + Eq + Hash> RateCache<K> {
    /// The call's cost as [`Prices::quote`] gives it. `key` must stand for the call's provider and model and nothing else.
    pub fn cost(&mut self, prices: &Prices, key: K, call: &Call<'_>) -> Option<NanoUsd> {
        // Lists know no time before 1970.
        let call = &Call { at: call.at.max(0), ..*call };
        let exact = |prices: &Prices| prices.quote(call).map(|quote| quote.cost);
        if !super::is_whole(&call.usage) {
            return None;
        }
        if call.at > Nanos::MAX - DAY {
            // This day does not end.
            return exact(prices);
        }
        let model = match self.models.get(&key) {
            Some(model) => *model,
            None if self.models.len() == MODELS => return exact(prices),
            None => {
                let model = Model::of(prices, call);
                self.models.insert(key, model);
                model
            }
        };
        let step = match model {
            Model::Unknown => return None,
            Model::Daily => DAY,
            Model::Hourly => QUARTER,
        };
        let (from, octave) = (call.at.div_euclid(step) * step, call.usage.input.unwrap_or_default().checked_ilog2());
        let Some(octave) = octave.filter(|&octave| octave > 0) else { return exact(prices) };
        let rates = self.rates.get(&(key, from, octave)).copied().unwrap_or_else(|| {
            let rates = Rates::of(prices, call, (from, from + step - 1), octave);
            if self.rates.len() >= RATES {
                self.rates.clear();
            }
            self.rates.insert((key, from, octave), rates);
            rates
        });
        rates.map_or_else(|| exact(prices), |rates| super::nanos(rates.price(&call.usage) / 1e9))
    }
}

impl Model {
    fn of(prices: &Prices, call: &Call<'_>) -> Self {
        let usage = probe(1000, 100, 10, 500, 50);
        let at = |at| prices.quote(&Call { at, usage, ..*call }).map(|quote| quote.cost);
        let from = call.at.div_euclid(DAY) * DAY;
        let Some(first) = at(from) else {
            // The made-up call may be refused for what the true one does not hold.
            return if prices.quote(call).is_some() { Self::Hourly } else { Self::Unknown };
        };
        if (1..96).all(|quarter| at(from + quarter * QUARTER) == Some(first)) { Self::Daily } else { Self::Hourly }
    }
}

impl Rates {
    /// The rates of calls with tokens in from two to the power of `octave` to the next, at times from `times.0` to `times.1`; `None` if
    /// the list does not go by any there.
    fn of(prices: &Prices, call: &Call<'_>, times: (Nanos, Nanos), octave: u32) -> Option<Self> {
        const MANY: u32 = 1_000_000;
        let (least, most) = (1u32 << octave, (1u64 << (octave + 1)) - 1);
        let most = u32::try_from(most).ok()?;
        let price = |usage, at| prices.dollars(&Call { at, usage, ..*call }).map(|dollars| dollars * 1e9);
        let at = |usage| price(usage, times.0);
        let (low, high) = (at(probe(least, 0, 0, 0, 0))?, at(probe(most, 0, 0, 0, 0))?);
        let fresh = (high - low) / f64::from(most - least);
        let call_itself = low - fresh * f64::from(least);
        let per = |usage, count: u32| Some((at(usage)? - call_itself) / f64::from(count));
        let output = (at(probe(least, 0, 0, MANY, 0))? - low) / f64::from(MANY);
        let rates = Self {
            call: call_itself,
            fresh,
            read: per(probe(least, least, 0, 0, 0), least)?,
            write: per(probe(least, 0, least, 0, 0), least)?,
            output,
            reasoning: (at(probe(least, 0, 0, MANY, MANY))? - low) / f64::from(MANY),
        };
        let between = least + (most - least) / 2;
        let agrees = |input: u32| {
            let usage = probe(input, input / 3, input / 5, 70_001, 30_011);
            times_of(times)
                .all(|time| price(usage, time).is_some_and(|dollars| (dollars - rates.price(&usage)).abs() < 0.01 + dollars * 1e-9))
        };
        [least, between, most].into_iter().all(agrees).then_some(rates)
    }

    fn price(&self, usage: &Usage) -> f64 {
        let count = |count: Option<u32>| f64::from(count.unwrap_or_default());
        let (read, write, reasoning) = (count(usage.cache_read), count(usage.cache_write), count(usage.reasoning));
        self.call
            + (count(usage.input) - read - write) * self.fresh
            + read * self.read
            + write * self.write
            + (count(usage.output) - reasoning) * self.output
            + reasoning * self.reasoning
    }
}

fn times_of((from, until): (Nanos, Nanos)) -> impl Iterator<Item = Nanos> {
    [from, until].into_iter()
}

fn probe(input: u32, read: u32, write: u32, output: u32, reasoning: u32) -> Usage {
    Usage {
        input: Some(input),
        output: Some(output),
        cache_read: Some(read),
        cache_write: Some(write),
        reasoning: Some(reasoning),
        cost: None,
    }
}
