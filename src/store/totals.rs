//! Sums over a row and all below it, kept as spans arrive.

use crate::model::Usage;
use crate::model::usage::NanoUsd;

/// What a subtree holds. Usage is counted once: a row that has usage below it does not add its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Tokens in, cached ones included.
    pub input: u64,
    /// Tokens out.
    pub output: u64,
    /// The part of `input` read from a cache.
    pub cache_read: u64,
    /// The part of `input` written to a cache.
    pub cache_write: u64,
    /// The part of `output` that was reasoning.
    pub reasoning: u64,
    /// What the priced calls cost.
    pub cost: NanoUsd,
    /// Rows whose usage is counted here; 0: nothing is known of tokens.
    pub calls: u32,
    /// Those of them whose tokens are stated; 0: tokens are unknown.
    pub counted: u32,
    /// Those of them whose cost is known; 0: cost is unknown.
    pub priced: u32,
    /// Spans; placeholders are not counted.
    pub spans: u32,
    /// Spans that failed.
    pub errors: u32,
    /// Rows that run.
    pub running: u32,
    /// Rows that are lost.
    pub lost: u32,
}

impl Totals {
    /// Tokens in and out; `None` if none are stated.
    #[must_use]
    pub fn tokens(&self) -> Option<u64> {
        (self.counted > 0).then(|| self.input + self.output)
    }

    /// Cost in billionths of a dollar; `None` if no call's cost is known.
    #[must_use]
    pub fn cost(&self) -> Option<NanoUsd> {
        (self.priced > 0).then_some(self.cost)
    }

    /// The usage part of one row's own statement.
    pub(super) fn of(usage: Usage) -> Self {
        let count = |stated: Option<u32>| u64::from(stated.unwrap_or_default());
        Self {
            input: count(usage.input),
            output: count(usage.output),
            cache_read: count(usage.cache_read),
            cache_write: count(usage.cache_write),
            reasoning: count(usage.reasoning),
            cost: usage.cost.unwrap_or_default(),
            calls: 1,
            counted: u32::from(usage.input.is_some() || usage.output.is_some()),
            priced: u32::from(usage.cost.is_some()),
            ..Self::default()
        }
    }

    /// `self - old + new`, field by field.
    pub(super) fn exchange(&mut self, old: &Self, new: &Self) {
        macro_rules! exchange {
            ($($field:ident),*) => { $( self.$field = self.$field.wrapping_sub(old.$field).wrapping_add(new.$field); )* };
        }
        exchange!(input, output, cache_read, cache_write, reasoning, cost, calls, counted, priced, spans, errors, running, lost);
    }
}
