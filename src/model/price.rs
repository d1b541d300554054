//! The cost of model calls.
//!
//! Prices come from the list in the `genai-prices` crate and from the user's list in the same schema. The user's flat prices take
//! precedence over both. Models that no list contains have no price.

mod list;
mod provider;
mod rate_cache;

use std::io::Read;
use std::sync::LazyLock;
use std::time::{Duration, UNIX_EPOCH};

use flate2::read::GzDecoder;
use genai_prices::{Calculator, Usage as Counts, UsageKey};

use super::Nanos;
use super::usage::{NanoUsd, Usage};

use list::{Bundled, List};
pub use rate_cache::RateCache;

/// The list in the `genai-prices` crate without what no price needs, compressed: there it is as long as a twentieth of the program.
const LIST: &[u8] = include_bytes!("../../assets/prices/list.jsonl.gz");

static BUNDLED: LazyLock<Option<Bundled>> = LazyLock::new(|| {
    let mut lines = String::new();
    GzDecoder::new(LIST).read_to_string(&mut lines).ok()?;
    // Kept as long as the program runs.
    Bundled::new(Box::leak(lines.into_boxed_str()))
});

/// A price set by the user, in US dollars per million tokens.
#[derive(Clone, Copy, Debug, PartialEq, serde::Deserialize, serde::Serialize)]
#[serde(deny_unknown_fields, expecting = "a table such as { input = 0.5, output = 1.5 }")]
pub struct FlatPrice {
    /// Input tokens.
    #[serde(deserialize_with = "dollars")]
    pub input: f64,
    /// Output tokens.
    #[serde(deserialize_with = "dollars")]
    pub output: f64,
    /// Input tokens read from a cache; the input price if `None`.
    #[serde(default, deserialize_with = "optional_dollars")]
    pub cache_read: Option<f64>,
    /// Input tokens written to a cache; the input price if `None`.
    #[serde(default, deserialize_with = "optional_dollars")]
    pub cache_write: Option<f64>,
}

fn dollars<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let dollars = <f64 as serde::Deserialize>::deserialize(deserializer)?;
    let is_price = dollars.is_finite() && dollars >= 0.0;
    is_price.then_some(dollars).ok_or_else(|| serde::de::Error::custom(format!("{dollars} is not a price in dollars per million tokens")))
}

fn optional_dollars<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    dollars(deserializer).map(Some)
}

/// The cost of a call, and the price it was computed from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quote {
    /// The cost in billionths of a dollar.
    pub cost: NanoUsd,
    /// The provider and the model by the names of the price list.
    pub priced_as: String,
    /// The name of the list.
    pub list: &'static str,
}

/// A call to be priced.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The provider as the span states it; empty if not stated.
    pub provider: &'a str,
    /// The model as the span states it.
    pub model: &'a str,
    /// The time of the call.
    pub at: Nanos,
    /// The tokens.
    pub usage: Usage,
}

/// Why a price list cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PriceListError(String);

/// The known prices; none by default.
#[derive(Debug, Default)]
pub struct Prices {
    flat: Vec<(String, FlatPrice)>,
    own: Option<Calculator>,
    bundled: Option<&'static dyn List>,
}

impl Prices {
    /// Returns the prices of the built-in list. The first call takes some milliseconds, and so does the first price of each provider.
    #[must_use]
    pub fn bundled() -> Self {
        Self { bundled: BUNDLED.as_ref().map(|list| list as &dyn List), ..Self::default() }
    }

    /// Adds flat prices by model name, which take precedence.
    #[must_use]
    pub fn with_flat(mut self, flat: impl IntoIterator<Item = (String, FlatPrice)>) -> Self {
        self.flat.extend(flat);
        self
    }

    /// Adds a list in the schema of `genai-prices`, which takes precedence over the built-in one.
    ///
    /// # Errors
    ///
    /// Returns an error if the text is not such a list.
    pub fn with_list(mut self, json: &[u8]) -> Result<Self, PriceListError> {
        self.own = Some(Calculator::from_json(json).map_err(|error| PriceListError(error.to_string()))?);
        Ok(self)
    }

    /// Returns the cost of a call; `None` if no list contains its model or if its token counts are incomplete.
    #[must_use]
    pub fn quote(&self, call: &Call<'_>) -> Option<Quote> {
        let usage = &call.usage;
        if call.model.is_empty() || !is_complete(usage) {
            return None;
        }
        let (dollars, priced_as, list) = self.calculate(call)?;
        Some(Quote { cost: to_nano_usd(dollars)?, priced_as, list })
    }

    /// Returns the price in dollars, without rounding.
    fn dollars(&self, call: &Call<'_>) -> Option<f64> {
        self.calculate(call).map(|(dollars, ..)| dollars)
    }

    fn calculate(&self, call: &Call<'_>) -> Option<(f64, String, &'static str)> {
        if let Some((name, flat)) = self.flat(call.model) {
            return Some((flat.dollars(&call.usage), name.to_owned(), "configuration"));
        }
        let own = self.own.as_ref().map(|list| (list as &dyn List, "own price list"));
        let bundled = self.bundled.map(|list| (list, "built-in price list"));
        own.into_iter().chain(bundled).find_map(|(list, name)| {
            let (dollars, priced_as) = calculate(list, call)?;
            Some((dollars, priced_as, name))
        })
    }

    /// Returns the context window in tokens of the model that `quote` names, if a list contains it.
    #[must_use]
    pub fn context_window(&self, quote: &Quote) -> Option<u64> {
        let (provider, model) = quote.priced_as.split_once(' ')?;
        let own = self.own.as_ref().map(|list| list as &dyn List);
        own.into_iter().chain(self.bundled).find_map(|list| list.context_window(provider, model))
    }

    /// Whether the price that `quote` tells may depend on the time of day, in UTC. A list of the user's does not tell.
    fn may_change_within_day(&self, quote: &Quote) -> bool {
        let provider = quote.priced_as.split_once(' ').map(|(provider, _)| provider);
        self.own.is_some() || provider.zip(self.bundled).is_some_and(|(provider, list)| list.may_change_within_day(provider))
    }

    fn flat(&self, model: &str) -> Option<(&str, FlatPrice)> {
        self.flat.iter().find(|(name, _)| name.eq_ignore_ascii_case(model)).map(|(name, flat)| (name.as_str(), *flat))
    }
}

impl FlatPrice {
    fn dollars(&self, usage: &Usage) -> f64 {
        let count = |count: Option<u32>| f64::from(count.unwrap_or_default());
        let (read, write) = (count(usage.cache_read), count(usage.cache_write));
        let uncached = (count(usage.input) - read - write).max(0.0);
        let price = |price: Option<f64>| price.unwrap_or(self.input);
        (uncached * self.input + read * price(self.cache_read) + write * price(self.cache_write) + count(usage.output) * self.output) / 1e6
    }
}

/// Returns whether the counts that a price needs are stated and consistent. Embedding calls have no output tokens.
fn is_complete(usage: &Usage) -> bool {
    let count = |count: Option<u32>| u64::from(count.unwrap_or_default());
    let rare = &usage.rare;
    let has_parts = u64::from(rare.audio_input) <= count(usage.input)
        && u64::from(rare.audio_output) <= count(usage.output)
        && u64::from(rare.cache_write_1h) <= count(usage.cache_write)
        && rare.cached_audio.is_none_or(|cached| cached <= rare.audio_input && u64::from(cached) <= count(usage.cache_read));
    has_parts
        && usage.input.is_some()
        && count(usage.cache_read) + count(usage.cache_write) <= count(usage.input)
        && count(usage.reasoning) <= count(usage.output)
        && count(usage.input) + count(usage.output) > 0
}

fn calculate(list: &dyn List, call: &Call<'_>) -> Option<(f64, String)> {
    let counts = counts(&call.usage);
    let at = UNIX_EPOCH + Duration::from_nanos(u64::try_from(call.at).unwrap_or_default());
    let known = |provider: Option<&str>, model: &str| {
        let priced = list.price(provider, model, &counts, at)?;
        let costs_otherwise = || list.price(provider, model, &other_units(&counts), at).is_some_and(|priced| priced.total_price > 0.0);
        (priced.total_price > 0.0 || !costs_otherwise()).then_some(priced)
    };
    let price = |provider: Option<&str>, model: &str| known(provider, model).or_else(|| known(provider, provider::resource_id(model)?));
    let (provider, model) = (call.provider, call.model);
    let vendor = model.split_once('/');
    // A model on one's own machine has no list price, whatever its name.
    if [provider, vendor.map_or("", |(vendor, _)| vendor)].iter().any(|name| provider::is_local(name) && !list.has_provider(name)) {
        return None;
    }
    // In `openai.responses`, the provider precedes the dot. `gcp.vertex_ai` and the like are Google, `az.ai.inference` is Azure.
    let prefix = provider.split_once('.').map(|(provider, _)| provider);
    let cloud = prefix.and_then(|prefix| match prefix {
        "gcp" => Some("google"),
        "az" => Some("azure"),
        _ => None,
    });
    let compact = provider::compact(provider);
    let names = [Some(provider), prefix, cloud, Some(compact.as_str())];
    let by_name = || names.into_iter().flatten().filter(|name| !name.is_empty()).find_map(|name| price(Some(name), model));
    let bedrock = || price(Some("aws"), provider::bedrock_id(model)?);
    // Routers such as OpenRouter put the provider into the model's name: `openai/gpt-5-mini`.
    let routed = || vendor.and_then(|(vendor, model)| price(Some(vendor), model));
    let unnamed = || (provider.is_empty() || provider::is_framework(provider)).then(|| price(None, model)).flatten();
    let priced = by_name().or_else(bedrock).or_else(unnamed).or_else(routed)?;
    Some((priced.total_price, format!("{} {}", priced.provider_id, priced.model_id)))
}

fn counts(usage: &Usage) -> Counts {
    let some = |count: u32| (count > 0).then_some(count);
    let rare = &usage.rare;
    // Without cached tokens, no audio is cached.
    let no_cache = (rare.audio_input > 0 && usage.cache_read.unwrap_or_default() == 0).then_some(0);
    let parts = [
        (UsageKey::INPUT_TOKENS, usage.input),
        (UsageKey::OUTPUT_TOKENS, usage.output),
        (UsageKey::CACHE_READ_TOKENS, usage.cache_read),
        (UsageKey::CACHE_WRITE_TOKENS, usage.cache_write),
        (UsageKey::OUTPUT_REASONING_TOKENS, usage.reasoning),
        (UsageKey::INPUT_AUDIO_TOKENS, some(rare.audio_input)),
        (UsageKey::OUTPUT_AUDIO_TOKENS, some(rare.audio_output)),
        (UsageKey::CACHE_AUDIO_READ_TOKENS, rare.cached_audio.or(no_cache)),
        (UsageKey::CACHE_WRITE_1H_TOKENS, some(rare.cache_write_1h)),
    ];
    let mut counts = Counts::new();
    for (key, count) in parts {
        if let Some(count) = count {
            counts.insert(key, f64::from(count));
        }
    }
    counts
}

/// Returns the counts and some of every unit that no span states: a model that has a price for one of these, and none for tokens, is not free.
fn other_units(counts: &Counts) -> Counts {
    let mut counts = counts.clone();
    for key in [
        UsageKey::AUDIO_SECONDS,
        UsageKey::INPUT_AUDIO_SECONDS,
        UsageKey::INPUT_CHARACTERS,
        UsageKey::INPUT_DOCUMENT_PAGES,
        UsageKey::INPUT_PIXELS,
        UsageKey::INPUT_TEXT_MESSAGES,
    ] {
        counts.insert(key, 3600.0);
    }
    counts
}

fn to_nano_usd(dollars: f64) -> Option<NanoUsd> {
    (0.0..=1e9).contains(&dollars).then(|| (dollars * 1e9).round() as NanoUsd)
}

#[cfg(test)]
mod tests;
