//! The usage that a row states, packed into 40 bytes and stored apart from the rows, since most rows state none. Of a call that states none
//! it is empty, since another report of the call may state it.

use crate::model::usage::{MAX_COUNT, NanoUsd};
use crate::model::{Nanos, Usage};

/// A row's usage, its response id and how it counts.
#[derive(Clone, Copy, Debug)]
pub(super) struct PackedUsage {
    cost: NanoUsd,
    counts: [u32; 5],
    /// An index into the store's [`ModelIds`](super::model_ids::ModelIds).
    pub(super) model_id: u32,
    /// The hash of the response id; 0 if unknown.
    response: u32,
    /// Units of [`Self::TICK`] to the first token in the low bits, flags above them.
    first_token: u32,
}

impl PackedUsage {
    const NO_COUNT: u32 = u32::MAX;
    const NO_COST: NanoUsd = NanoUsd::MIN;
    /// No cost, and nothing tells one: [`Usage::parts_unknown`].
    const NEVER_PRICED: NanoUsd = NanoUsd::MIN + 1;
    /// Flag: the span states its cost.
    const STATES_COST: u32 = 1 << 31;
    /// Flag: the row is a duplicate.
    const DUPLICATE: u32 = 1 << 30;
    /// Flag: the response id comes from pairing, not from the span.
    const PAIRED: u32 = 1 << 29;
    /// Flag: the stated cost comes from a duplicate, not from the span.
    const FILLED_COST: u32 = 1 << 28;
    /// Flag: the span states no cached tokens though there may be some.
    const CACHE_UNSTATED: u32 = 1 << 27;
    /// Flag: the counts of input and output come from a duplicate, not from the span.
    const FILLED_COUNTS: u32 = 1 << 26;
    /// Flag: the count of the input comes from a duplicate, that of the output from the span.
    const FILLED_INPUT: u32 = 1 << 25;
    /// Both flags: the reasoning, and its part of the output, come from a duplicate. Only that leaves nothing else to fill.
    const FILLED_OUTPUT: u32 = Self::FILLED_COUNTS | Self::FILLED_INPUT;
    const NO_TIME: u32 = Self::FILLED_INPUT - 1;
    /// The unit of the time to the first token.
    const TICK: Nanos = 10_000;
    /// Flag of a cache or reasoning count: it comes from a duplicate, not from the span.
    const FILLED: u32 = 1 << 31;
    /// Flag of the input count: the counts are sums over the rows below.
    const AGGREGATED: u32 = 1 << 31;
    /// Flag of the output count: the counts are lower bounds.
    const LEAST: u32 = 1 << 31;

    pub(super) fn new(usage: Usage, first_token: Option<Nanos>, model_id: u32) -> Self {
        let counts = [usage.input, usage.output, usage.cache_read, usage.cache_write, usage.reasoning];
        let pack = |count: Option<u32>| count.filter(|count| *count <= MAX_COUNT).unwrap_or(Self::NO_COUNT);
        let ticks =
            first_token.and_then(|nanos| u32::try_from(nanos / Self::TICK).ok()).map_or(Self::NO_TIME, |ticks| ticks.min(Self::NO_TIME));
        let states_cost = if usage.cost.is_some() { Self::STATES_COST } else { 0 };
        let cache_unstated = if usage.cache_unstated { Self::CACHE_UNSTATED } else { 0 };
        let mut counts = counts.map(pack);
        if usage.is_aggregated && counts[0] != Self::NO_COUNT {
            counts[0] |= Self::AGGREGATED;
        }
        if usage.is_least && counts[1] != Self::NO_COUNT {
            counts[1] |= Self::LEAST;
        }
        let no_cost = if usage.parts_unknown { Self::NEVER_PRICED } else { Self::NO_COST };
        Self { cost: usage.cost.unwrap_or(no_cost), counts, model_id, response: 0, first_token: ticks | states_cost | cache_unstated }
    }

    /// Returns the usage, with the stated or else the computed cost.
    pub(super) fn usage(&self) -> Usage {
        let unpack = |count| (count != Self::NO_COUNT).then_some(count & MAX_COUNT);
        let [input, output, cache_read, cache_write, reasoning] = self.counts.map(unpack);
        let cost = (self.cost > Self::NEVER_PRICED).then_some(self.cost);
        let parts_unknown = self.cost == Self::NEVER_PRICED;
        let cache_unstated = self.first_token & Self::CACHE_UNSTATED != 0 && cache_read.or(cache_write).is_none();
        let is_least = self.counts[1] != Self::NO_COUNT && self.counts[1] & Self::LEAST != 0;
        Usage { input, output, cache_read, cache_write, reasoning, cost, cache_unstated, parts_unknown, is_least, ..Usage::default() }
    }

    /// Returns whether a count or the cost is known.
    pub(super) fn is_known(&self) -> bool {
        self.counts.iter().any(|count| *count != Self::NO_COUNT) || self.cost > Self::NEVER_PRICED
    }

    /// Returns whether the counts are sums over the rows below.
    pub(super) fn is_aggregated(&self) -> bool {
        self.counts[0] != Self::NO_COUNT && self.counts[0] & Self::AGGREGATED != 0
    }

    /// Returns whether the span or a duplicate of it states the cost.
    pub(super) fn states_cost(&self) -> bool {
        self.first_token & Self::STATES_COST != 0
    }

    /// Returns whether a duplicate states the cost, and the span does not.
    pub(super) fn has_filled_cost(&self) -> bool {
        self.first_token & Self::FILLED_COST != 0
    }

    /// Sets the computed cost, unless the span states one.
    pub(super) fn set_computed_cost(&mut self, cost: Option<NanoUsd>) {
        if !self.states_cost() && self.cost != Self::NEVER_PRICED {
            self.cost = cost.unwrap_or(Self::NO_COST);
        }
    }

    /// Fills missing cache and reasoning counts and a missing cost from a duplicate that states them itself; if the span states no counts at
    /// all, also those of input and output, and if it states the same output only, that of the input. An output that leaves out the
    /// reasoning that the duplicate states becomes that of the duplicate.
    pub(super) fn fill_from(&mut self, duplicate: &Self) {
        if self.counts == [Self::NO_COUNT; 5] && duplicate.counts[..2] != [Self::NO_COUNT; 2] {
            self.counts[..2].copy_from_slice(&duplicate.counts[..2]);
            self.first_token |= Self::FILLED_COUNTS | duplicate.first_token & Self::CACHE_UNSTATED;
        } else if self.counts[0] == Self::NO_COUNT && self.usage().output.is_some() && duplicate.usage().output == self.usage().output {
            self.counts[0] = duplicate.counts[0];
            self.first_token |= Self::FILLED_INPUT | duplicate.first_token & Self::CACHE_UNSTATED;
        } else if self.first_token & Self::FILLED_OUTPUT == 0 && self.leaves_out_reasoning_of(duplicate) {
            self.counts[1] = duplicate.counts[1];
            self.first_token |= Self::FILLED_OUTPUT;
        }
        for (index, count) in duplicate.counts.into_iter().enumerate().skip(2) {
            let whole = if index == 4 { self.usage().output } else { self.usage().input };
            if self.counts[index] == Self::NO_COUNT && whole.is_some_and(|whole| count <= whole) {
                self.counts[index] = count | Self::FILLED;
            }
        }
        if !self.states_cost() && duplicate.states_cost() && self.cost != Self::NEVER_PRICED {
            self.cost = duplicate.cost;
            self.first_token |= Self::STATES_COST | Self::FILLED_COST;
        }
    }

    /// Whether the output of a report of the same call is that of this one and the reasoning, which this one does not state.
    fn leaves_out_reasoning_of(&self, other: &Self) -> bool {
        let (own, other) = (self.usage(), other.usage());
        let are_exact = !own.is_least && !other.is_least && own.input.is_some() && own.input == other.input;
        let whole =
            own.output.zip(other.reasoning.filter(|reasoning| *reasoning > 0)).map(|(rest, reasoning)| rest.saturating_add(reasoning));
        are_exact && own.reasoning.is_none() && whole.is_some() && whole == other.output
    }

    /// Returns the usage as the span states it, without what comes from duplicates.
    pub(super) fn without_filled(&self) -> Self {
        let mut usage = *self;
        if self.first_token & Self::FILLED_OUTPUT == Self::FILLED_OUTPUT {
            let stated = self.usage();
            usage.counts[1] =
                stated.output.zip(stated.reasoning).map_or(Self::NO_COUNT, |(whole, reasoning)| whole.saturating_sub(reasoning));
            usage.counts[4] = Self::NO_COUNT;
            usage.first_token &= !Self::FILLED_OUTPUT;
            usage.set_computed_cost(None);
        }
        for count in usage.counts.iter_mut().skip(2).filter(|count| **count & Self::FILLED != 0) {
            *count = Self::NO_COUNT;
        }
        if usage.first_token & Self::FILLED_COUNTS != 0 {
            usage.counts[..2].fill(Self::NO_COUNT);
            usage.first_token &= !(Self::FILLED_COUNTS | Self::CACHE_UNSTATED);
            // What was computed came from these counts.
            usage.set_computed_cost(None);
        }
        if usage.first_token & Self::FILLED_INPUT != 0 {
            usage.counts[0] = Self::NO_COUNT;
            usage.first_token &= !(Self::FILLED_INPUT | Self::CACHE_UNSTATED);
            usage.set_computed_cost(None);
        }
        if self.has_filled_cost() {
            usage.cost = Self::NO_COST;
            usage.first_token &= !(Self::STATES_COST | Self::FILLED_COST);
        }
        usage
    }

    /// Returns what comes from duplicates, as the usage of one; `None` if nothing does.
    pub(super) fn filled(&self) -> Option<Self> {
        let mut filled = Self { first_token: self.first_token & (Self::STATES_COST | Self::CACHE_UNSTATED), response: 0, ..*self };
        let has_counts = self.first_token & Self::FILLED_OUTPUT != 0;
        if !has_counts {
            filled.counts[..2].fill(Self::NO_COUNT);
        }
        for count in filled.counts.iter_mut().skip(2) {
            let is_filled = *count != Self::NO_COUNT && *count & Self::FILLED != 0;
            *count = if is_filled { *count & !Self::FILLED } else { Self::NO_COUNT };
        }
        if !self.has_filled_cost() {
            filled.cost = Self::NO_COST;
            filled.first_token &= !Self::STATES_COST;
        }
        (has_counts || self.has_filled_cost() || filled.counts[2..] != [Self::NO_COUNT; 3]).then_some(filled)
    }

    /// Returns whether all counts, the stated cost and their origins are equal.
    pub(super) fn is_filled_like(&self, other: &Self) -> bool {
        let flags = |usage: &Self| usage.first_token & (Self::STATES_COST | Self::FILLED_COST);
        self.counts == other.counts && flags(self) == flags(other) && (!self.states_cost() || self.cost == other.cost)
    }

    /// Returns the hash of the response id, whether the span states it or pairing found it; 0 if unknown.
    pub(super) fn response(&self) -> u32 {
        self.response
    }

    /// Returns the hash of the response id that the span states; 0 if none.
    pub(super) fn stated_response(&self) -> u32 {
        if self.first_token & Self::PAIRED == 0 { self.response } else { 0 }
    }

    /// Sets the hash of the response id, and whether pairing found it.
    pub(super) fn set_response(&mut self, response: u32, is_paired: bool) {
        self.response = response;
        self.first_token = self.first_token & !Self::PAIRED | if is_paired { Self::PAIRED } else { 0 };
    }

    /// Returns whether the row is a duplicate.
    pub(super) fn is_duplicate(&self) -> bool {
        self.first_token & Self::DUPLICATE != 0
    }

    pub(super) fn set_duplicate(&mut self, is_duplicate: bool) {
        self.first_token = self.first_token & !Self::DUPLICATE | if is_duplicate { Self::DUPLICATE } else { 0 };
    }

    pub(super) fn first_token(&self) -> Option<Nanos> {
        let ticks = self.first_token & Self::NO_TIME;
        (ticks != Self::NO_TIME).then(|| Nanos::from(ticks) * Self::TICK)
    }
}
