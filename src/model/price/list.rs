//! Price lists: the user's, which is decoded as a whole, and the built-in one, of which a provider is decoded when a call asks for it. To
//! decode all of it takes longer than most commands do.

use std::fmt;
use std::sync::OnceLock;
use std::time::SystemTime;

use genai_prices::{Calculator, PriceCalculation, PriceRequest, Usage as Counts};
use serde_json::json;
use serde_json::value::RawValue;

/// A price list.
pub(super) trait List: fmt::Debug + Send + Sync {
    /// Returns the price of a call; `None` if the list has no such model.
    fn price(&self, provider: Option<&str>, model: &str, counts: &Counts, at: SystemTime) -> Option<PriceCalculation>;

    /// Whether the list has a provider of that id.
    fn has_provider(&self, id: &str) -> bool;

    /// Returns the context window in tokens of a model that the list has.
    fn context_window(&self, provider: &str, model: &str) -> Option<u64>;

    /// Whether a price of the provider may depend on the time of day, in UTC.
    fn may_change_within_day(&self, _provider: &str) -> bool {
        true
    }
}

impl List for Calculator {
    fn price(&self, provider: Option<&str>, model: &str, counts: &Counts, at: SystemTime) -> Option<PriceCalculation> {
        let request = PriceRequest::new(model, counts).with_timestamp(at);
        let request = match provider {
            Some(provider) => request.with_provider_id(provider),
            None => request,
        };
        self.calculate(&request).ok()
    }

    fn has_provider(&self, id: &str) -> bool {
        self.providers().any(|known| known.id().eq_ignore_ascii_case(id))
    }

    fn context_window(&self, provider: &str, model: &str) -> Option<u64> {
        let provider = self.providers().find(|known| known.id() == provider)?;
        provider.models().find(|known| known.id() == model)?.context_window()
    }
}

/// The built-in list.
#[derive(Debug)]
pub(super) struct Bundled {
    providers: Vec<Provider>,
    /// Every provider with one model that every name matches: it tells which provider a call selects that names none by its id. `None` if they
    /// cannot be decoded.
    heads: OnceLock<Option<Calculator>>,
}

struct Provider {
    head: Head,
    text: &'static str,
    /// The provider and its fallbacks; `None` if they cannot be decoded.
    decoded: OnceLock<Option<Calculator>>,
}

/// What tells which calls select a provider.
#[derive(serde::Deserialize)]
struct Head {
    id: String,
    #[serde(borrow)]
    provider_match: Option<&'static RawValue>,
    #[serde(borrow)]
    model_match: Option<&'static RawValue>,
    /// The ids of the providers whose models it serves, too.
    fallback_model_providers: Option<Vec<String>>,
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider").field("id", &self.head.id).finish_non_exhaustive()
    }
}

impl Bundled {
    /// Reads the list: one provider a line, in the schema of `genai-prices`. `None` if it has another.
    pub(super) fn new(lines: &'static str) -> Option<Self> {
        let provider = |text: &'static str| Some(Provider { head: serde_json::from_str(text).ok()?, text, decoded: OnceLock::new() });
        Some(Self { providers: lines.lines().map(provider).collect::<Option<_>>()?, heads: OnceLock::new() })
    }

    /// Returns the id of the provider that a call selects. The id that a call names needs no rule.
    fn selected(&self, provider: Option<&str>, model: &str, at: SystemTime) -> Option<String> {
        let named = provider.map(|name| name.trim().to_lowercase());
        if let Some(id) = named.filter(|named| self.provider(named).is_some()) {
            return Some(id);
        }
        Some(self.heads()?.price(provider, model, &Counts::new(), at)?.provider_id)
    }

    fn heads(&self) -> Option<&Calculator> {
        let any = || json!([{"id": "any", "match": {"starts_with": ""}, "prices": {"input_mtok": 0}}]);
        let head = |Head { id, provider_match, model_match, .. }: &Head| {
            // No call is told from others by the address that it went to.
            json!({"id": id, "name": id, "api_pattern": "-", "models": any(), "provider_match": provider_match, "model_match": model_match})
        };
        let heads = || self.providers.iter().map(|provider| head(&provider.head)).collect::<Vec<_>>();
        self.heads.get_or_init(|| Calculator::from_json(serde_json::to_vec(&heads()).ok()?).ok()).as_ref()
    }

    /// Returns the texts of a provider and its fallbacks. A call that selects the provider from the whole list selects it from these.
    fn texts(&self, provider: &Provider) -> Vec<&'static str> {
        let fallbacks = provider.head.fallback_model_providers.as_deref().unwrap_or_default();
        let is_needed = |other: &&Provider| other.head.id == provider.head.id || fallbacks.contains(&other.head.id);
        self.providers.iter().filter(is_needed).map(|provider| provider.text).collect()
    }

    fn provider(&self, id: &str) -> Option<&Provider> {
        self.providers.iter().find(|provider| provider.head.id == id)
    }

    fn decoded(&self, id: &str) -> Option<&Calculator> {
        let provider = self.provider(id)?;
        let decode = || Calculator::from_json(format!("[{}]", self.texts(provider).join(","))).ok();
        provider.decoded.get_or_init(decode).as_ref()
    }
}

impl List for Bundled {
    fn price(&self, provider: Option<&str>, model: &str, counts: &Counts, at: SystemTime) -> Option<PriceCalculation> {
        self.decoded(&self.selected(provider, model, at)?)?.price(provider, model, counts, at)
    }

    fn has_provider(&self, id: &str) -> bool {
        self.providers.iter().any(|provider| provider.head.id.eq_ignore_ascii_case(id))
    }

    fn context_window(&self, provider: &str, model: &str) -> Option<u64> {
        self.decoded(provider)?.context_window(provider, model)
    }

    fn may_change_within_day(&self, provider: &str) -> bool {
        // The word of the schema for such a price.
        self.provider(provider).is_none_or(|provider| self.texts(provider).iter().any(|text| text.contains("\"start_time\"")))
    }
}
