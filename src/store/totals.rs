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
    /// Rows whose tokens in are counted; 0: they are unknown.
    pub inputs: u32,
    /// Rows whose tokens out are counted; 0: they are unknown.
    pub outputs: u32,
    /// Rows whose cost is counted; 0: it is unknown.
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
        (self.inputs + self.outputs > 0).then(|| self.input + self.output)
    }

    /// Cost in billionths of a dollar; `None` if no call's cost is known.
    #[must_use]
    pub fn cost(&self) -> Option<NanoUsd> {
        (self.priced > 0).then_some(self.cost)
    }

    /// Adds what a row states itself, fact by fact: only where nothing below it states the same.
    pub(super) fn complete(&mut self, usage: Usage) {
        let count = |stated: Option<u32>| u64::from(stated.unwrap_or_default());
        if self.inputs == 0 && usage.input.is_some() {
            self.inputs = 1;
            (self.input, self.cache_read, self.cache_write) = (count(usage.input), count(usage.cache_read), count(usage.cache_write));
        }
        if self.outputs == 0 && usage.output.is_some() {
            self.outputs = 1;
            (self.output, self.reasoning) = (count(usage.output), count(usage.reasoning));
        }
        if let (0, Some(cost)) = (self.priced, usage.cost) {
            (self.priced, self.cost) = (1, cost);
        }
        self.calls = self.calls.max(1);
    }

    /// `self - old + new`, field by field.
    pub(super) fn exchange(&mut self, old: &Self, new: &Self) {
        macro_rules! exchange {
            ($($field:ident),*) => { $( self.$field = self.$field.wrapping_sub(old.$field).wrapping_add(new.$field); )* };
        }
        exchange!(input, output, cache_read, cache_write, reasoning, cost, calls, inputs, outputs, priced, spans, errors, running, lost);
    }
}
