//! Tokens and money: as one span states them, and as sums over many.

/// US dollars in billionths, so that sums are exact.
pub type NanoUsd = i64;

/// What one span says it used. `None` is "not stated", which is not zero.
///
/// `input` holds every token that went in, cached ones too; whoever reads a convention that leaves them out adds them
/// ([`semantics`](super::semantics)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens in, cached ones included.
    pub input: Option<u32>,
    /// Tokens out, reasoning included.
    pub output: Option<u32>,
    /// The part of `input` that came from the provider's cache.
    pub cache_read: Option<u32>,
    /// The part of `input` that was written to the provider's cache.
    pub cache_write: Option<u32>,
    /// The part of `output` that was reasoning.
    pub reasoning: Option<u32>,
    /// What it cost, if the span states it.
    pub cost: Option<NanoUsd>,
}

impl Usage {
    /// Whether anything is stated.
    #[must_use]
    pub fn is_some(&self) -> bool {
        *self != Self::default()
    }
}
