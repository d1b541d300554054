//! Price lists: the user's, which is decoded as a whole, and the built-in one, of which a provider is decoded when a call asks for it. To
//! decode all of it takes longer than most commands do.

use std::collections::HashMap;
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
    /// Every provider with one model that every name matches: it tells which provider a call selects.
    heads: Calculator,
    providers: Vec<Provider>,
}

struct Provider {
    id: String,
    text: &'static RawValue,
    /// The ids of the providers whose models it serves, too.
    fallbacks: Vec<String>,
    /// The provider and its fallbacks; `None` if they cannot be decoded.
    decoded: OnceLock<Option<Calculator>>,
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Bundled {
    /// Reads the list, in the schema of `genai-prices`; `None` if it has another.
    pub(super) fn new(json: &'static str) -> Option<Self> {
        let texts: Vec<&'static RawValue> = serde_json::from_str(json).ok()?;
        let (mut heads, mut providers) = (Vec::new(), Vec::new());
        for text in texts {
            let fields: HashMap<&str, &RawValue> = serde_json::from_str(text.get()).ok()?;
            let id: String = serde_json::from_str(fields.get("id")?.get()).ok()?;
            let fallbacks = fields.get("fallback_model_providers").map_or(Ok(None), |ids| serde_json::from_str(ids.get())).ok()?;
            let any = json!([{"id": "any", "match": {"starts_with": ""}, "prices": {"input_mtok": 0}}]);
            let rule = |name: &str| fields.get(name).copied();
            // No call is told from others by the address that it went to.
            heads.push(json!({
                "id": id, "name": id, "api_pattern": "-", "models": any,
                "provider_match": rule("provider_match"), "model_match": rule("model_match"),
            }));
            providers.push(Provider { id, text, fallbacks: Option::unwrap_or_default(fallbacks), decoded: OnceLock::new() });
        }
        let heads = Calculator::from_json(serde_json::to_vec(&heads).ok()?).ok()?;
        Some(Self { heads, providers })
    }

    /// Returns a provider with its fallbacks. A call that selects the provider from the whole list selects it from these.
    fn decoded(&self, id: &str) -> Option<&Calculator> {
        let provider = self.providers.iter().find(|provider| provider.id == id)?;
        let decode = || {
            let is_needed = |other: &&Provider| other.id == id || provider.fallbacks.contains(&other.id);
            let texts: Vec<&RawValue> = self.providers.iter().filter(is_needed).map(|provider| provider.text).collect();
            Calculator::from_json(serde_json::to_vec(&texts).ok()?).ok()
        };
        provider.decoded.get_or_init(decode).as_ref()
    }
}

impl List for Bundled {
    fn price(&self, provider: Option<&str>, model: &str, counts: &Counts, at: SystemTime) -> Option<PriceCalculation> {
        let selected = self.heads.price(provider, model, &Counts::new(), at)?.provider_id;
        self.decoded(&selected)?.price(provider, model, counts, at)
    }

    fn has_provider(&self, id: &str) -> bool {
        self.heads.has_provider(id)
    }

    fn context_window(&self, provider: &str, model: &str) -> Option<u64> {
        self.decoded(provider)?.context_window(provider, model)
    }
}
