//! Tokens and cost.

/// US dollars in billionths: an integer, so that sums are exact.
pub type NanoUsd = i64;

/// The usage that one span states. `None` means "not stated", which is not zero.
///
/// `input` includes cached tokens. Some conventions exclude them; [`semconv`](crate::semconv) then adds them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Input tokens, including cached ones.
    pub input: Option<u32>,
    /// Output tokens, including reasoning.
    pub output: Option<u32>,
    /// The part of `input` that was read from the provider's cache.
    pub cache_read: Option<u32>,
    /// The part of `input` that was written to the provider's cache.
    pub cache_write: Option<u32>,
    /// The part of `output` that was reasoning.
    pub reasoning: Option<u32>,
    /// The cost, if the span states it.
    pub cost: Option<NanoUsd>,
}

impl Usage {
    /// Returns whether anything is stated.
    #[must_use]
    pub fn is_some(&self) -> bool {
        *self != Self::default()
    }
}
