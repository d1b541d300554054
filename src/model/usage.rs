//! Tokens and cost.

/// US dollars in billionths: an integer, so that sums are exact.
pub type NanoUsd = i64;

/// The largest token count that is kept. A larger one is no count of one call's tokens: it is unknown.
pub const MAX_COUNT: u32 = i32::MAX as u32;

/// Returns a token count if it is at most [`MAX_COUNT`].
#[must_use]
pub fn known_count(count: u64) -> Option<u32> {
    u32::try_from(count).ok().filter(|count| *count <= MAX_COUNT)
}

/// The usage that one span states. `None` means "not stated", which is not zero.
///
/// `input` includes cached tokens. Some conventions exclude them; [`semconv`](crate::semconv) then adds them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
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
    /// Whether cached tokens are missing: the model's provider counts them apart from the input, and the span states none, not even 0.
    pub cache_unstated: bool,
    /// Whether the source leaves the parts of the counts out, so that nothing tells the cost.
    pub parts_unknown: bool,
    /// Parts that few calls have.
    pub rare: RareTokens,
    /// Whether these are sums over the spans below, as their names say. Such sums never add to what is counted there.
    pub is_aggregated: bool,
    /// Whether the counts are lower bounds: the stated total holds tokens that neither of them does.
    pub is_least: bool,
}

/// Parts of the token counts that few calls have, and that some models price apart. 0 if not stated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RareTokens {
    /// The part of the input that was audio.
    pub audio_input: u32,
    /// The part of the output that was audio.
    pub audio_output: u32,
    /// The part of `audio_input` that was read from the provider's cache; `None` if not stated.
    pub cached_audio: Option<u32>,
    /// The part of the cache writes that the provider keeps for an hour.
    pub cache_write_1h: u32,
}

impl RareTokens {
    /// Whether anything is stated.
    #[must_use]
    pub fn is_some(&self) -> bool {
        *self != Self::default()
    }

    /// Returns these counts, and those of `other` where nothing is stated.
    #[must_use]
    pub(crate) fn or(self, other: Self) -> Self {
        let or = |one: u32, other: u32| if one > 0 { one } else { other };
        Self {
            audio_input: or(self.audio_input, other.audio_input),
            audio_output: or(self.audio_output, other.audio_output),
            cached_audio: self.cached_audio.or(other.cached_audio),
            cache_write_1h: or(self.cache_write_1h, other.cache_write_1h),
        }
    }
}

impl Usage {
    /// Returns whether anything is stated.
    #[must_use]
    pub fn is_some(&self) -> bool {
        let unstated =
            Self { is_aggregated: self.is_aggregated, is_least: self.is_least, parts_unknown: self.parts_unknown, ..Self::default() };
        *self != unstated
    }
}
