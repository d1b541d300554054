//! What a call of a model costs.
//!
//! Prices come from the `genai-prices` crate: the list that it carries, and a newer or own one of the same schema. A flat price from the
//! configuration goes before both. What no list knows has no price.

mod rate_cache;

use std::time::{Duration, UNIX_EPOCH};

use genai_prices::{Calculator, PriceRequest, Usage as Counts, UsageKey};

use super::Nanos;
use super::usage::{NanoUsd, Usage};

pub use rate_cache::RateCache;

/// A price of one's own, in US dollars for a million tokens.
#[derive(Clone, Copy, Debug, PartialEq, serde::Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields)]
pub struct FlatPrice {
    /// Of tokens in.
    #[serde(deserialize_with = "dollars")]
    pub input: f64,
    /// Of tokens out.
    #[serde(deserialize_with = "dollars")]
    pub output: f64,
    /// Of tokens in that came from a cache; as other tokens in if not stated.
    #[serde(default, deserialize_with = "maybe_dollars")]
    pub cache_read: Option<f64>,
    /// Of tokens in that were written to a cache; likewise.
    #[serde(default, deserialize_with = "maybe_dollars")]
    pub cache_write: Option<f64>,
}

fn dollars<'de, D: serde::Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    let dollars = <f64 as serde::Deserialize>::deserialize(from)?;
    let is_price = dollars.is_finite() && dollars >= 0.0;
    is_price.then_some(dollars).ok_or_else(|| serde::de::Error::custom(format!("{dollars} is no price: dollars for a million tokens")))
}

fn maybe_dollars<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<f64>, D::Error> {
    dollars(from).map(Some)
}

/// What a call cost, and by whose price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quote {
    /// The cost.
    pub cost: NanoUsd,
    /// The provider and the model as the price list names them.
    pub priced_as: String,
    /// Which list.
    pub list: &'static str,
}

/// A call to be priced.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// Who serves the model, as the span states it; empty if it does not.
    pub provider: &'a str,
    /// The model, as the span states it.
    pub model: &'a str,
    /// When it was called.
    pub at: Nanos,
    /// Tokens in and out.
    pub usage: Usage,
}

/// Every price that is known; the default knows none.
#[derive(Debug, Default)]
pub struct Prices {
    flat: Vec<(String, FlatPrice)>,
    own: Option<Calculator>,
    bundled: Option<&'static Calculator>,
}

impl Prices {
    /// The list that comes with the program. Reading it takes a twentieth of a second, once.
    #[must_use]
    pub fn bundled() -> Self {
        Self { bundled: Some(Calculator::bundled()), ..Self::default() }
    }

    /// Puts flat prices before all others, each by its model's name.
    #[must_use]
    pub fn with_flat(mut self, flat: impl IntoIterator<Item = (String, FlatPrice)>) -> Self {
        self.flat.extend(flat);
        self
    }

    /// Puts a list in the schema of `genai-prices` before the one that comes with the program. `Err` says what is wrong with it.
    pub fn with_list(mut self, json: &[u8]) -> Result<Self, String> {
        self.own = Some(Calculator::from_json(json).map_err(|error| error.to_string())?);
        Ok(self)
    }

    /// The cost of a call; `None` if no list knows its model, or it does not say what it used.
    #[must_use]
    pub fn quote(&self, call: &Call<'_>) -> Option<Quote> {
        let usage = &call.usage;
        if call.model.is_empty() || !is_whole(usage) {
            return None;
        }
        let (dollars, priced_as, list) = self.ask(call)?;
        Some(Quote { cost: nanos(dollars)?, priced_as, list })
    }

    /// The price in dollars, before it is rounded.
    fn dollars(&self, call: &Call<'_>) -> Option<f64> {
        self.ask(call).map(|(dollars, ..)| dollars)
    }

    fn ask(&self, call: &Call<'_>) -> Option<(f64, String, &'static str)> {
        if let Some((name, flat)) = self.flat(call.model) {
            return Some((flat.dollars(&call.usage), name.to_owned(), "configuration"));
        }
        let own = self.own.as_ref().map(|list| (list, "own price list"));
        let bundled = self.bundled.map(|list| (list, "built-in price list"));
        own.into_iter().chain(bundled).find_map(|(list, name)| {
            let (dollars, priced_as) = ask(list, call)?;
            Some((dollars, priced_as, name))
        })
    }

    /// Tokens that the model can be given at once, if a list knows; `quote` is what priced it.
    #[must_use]
    pub fn context_window(&self, quote: &Quote) -> Option<u64> {
        let (provider, model) = quote.priced_as.split_once(' ')?;
        [self.own.as_ref(), self.bundled].into_iter().flatten().find_map(|list| {
            let provider = list.providers().find(|known| known.id() == provider)?;
            provider.models().find(|known| known.id() == model)?.context_window()
        })
    }

    fn flat(&self, model: &str) -> Option<(&str, FlatPrice)> {
        self.flat.iter().find(|(name, _)| name.eq_ignore_ascii_case(model)).map(|(name, flat)| (name.as_str(), *flat))
    }
}

impl FlatPrice {
    fn dollars(&self, usage: &Usage) -> f64 {
        let count = |count: Option<u32>| f64::from(count.unwrap_or_default());
        let (read, write) = (count(usage.cache_read), count(usage.cache_write));
        let fresh = (count(usage.input) - read - write).max(0.0);
        let of = |price: Option<f64>| price.unwrap_or(self.input);
        (fresh * self.input + read * of(self.cache_read) + write * of(self.cache_write) + count(usage.output) * self.output) / 1e6
    }
}

/// Whether the tokens that a price needs are stated, and fit together. What was asked of an embedding model has no answer in tokens.
fn is_whole(usage: &Usage) -> bool {
    let count = |count: Option<u32>| u64::from(count.unwrap_or_default());
    usage.input.is_some()
        && count(usage.cache_read) + count(usage.cache_write) <= count(usage.input)
        && count(usage.reasoning) <= count(usage.output)
        && count(usage.input) + count(usage.output) > 0
}

fn ask(list: &Calculator, call: &Call<'_>) -> Option<(f64, String)> {
    let counts = counts(&call.usage);
    let at = UNIX_EPOCH + Duration::from_nanos(u64::try_from(call.at).unwrap_or_default());
    let calculate = |provider: Option<&str>, model: &str| {
        let request = PriceRequest::new(model, &counts).with_timestamp(at);
        list.calculate(&match provider {
            Some(provider) => request.with_provider_id(provider),
            None => request,
        })
    };
    // `openai.responses` is the way to a provider; the provider is what stands before the dot. Google has many names.
    let head = call.provider.split_once('.').map(|(provider, _)| provider);
    let stated = [Some(call.provider), head, head.filter(|head| *head == "gcp").map(|_| "google")];
    let priced = if call.provider.is_empty() {
        calculate(None, call.model).ok()
    } else {
        stated.into_iter().flatten().find_map(|provider| calculate(Some(provider), call.model).ok())
    };
    // Who routes calls writes `openai/gpt-5-mini`.
    let routed = || call.model.split_once('/').and_then(|(provider, model)| calculate(Some(provider), model).ok());
    let priced = priced.or_else(routed)?;
    Some((priced.total_price, format!("{} {}", priced.provider_id, priced.model_id)))
}

fn counts(usage: &Usage) -> Counts {
    let parts = [
        (UsageKey::INPUT_TOKENS, usage.input),
        (UsageKey::OUTPUT_TOKENS, usage.output),
        (UsageKey::CACHE_READ_TOKENS, usage.cache_read),
        (UsageKey::CACHE_WRITE_TOKENS, usage.cache_write),
        (UsageKey::OUTPUT_REASONING_TOKENS, usage.reasoning),
    ];
    let mut counts = Counts::new();
    for (key, count) in parts {
        if let Some(count) = count {
            counts.insert(key, f64::from(count));
        }
    }
    counts
}

fn nanos(dollars: f64) -> Option<NanoUsd> {
    (0.0..=1e9).contains(&dollars).then(|| (dollars * 1e9).round() as NanoUsd)
}

#[cfg(test)]
mod tests;
