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
    /// Calls whose cost is counted; 0: it is unknown.
    pub priced: u32,
    /// Rows whose own word on the cost is counted.
    pub stated: u32,
    /// Spans; placeholders are not counted.
    pub spans: u32,
    /// Spans that failed.
    pub errors: u32,
    /// Rows that run.
    pub running: u32,
    /// Rows that are lost.
    pub lost: u32,
    /// Rows whose call is counted elsewhere.
    pub duplicates: u32,
}

impl Totals {
    /// Tokens in and out; `None` if none are stated.
    #[must_use]
    pub fn tokens(&self) -> Option<u64> {
        (self.inputs + self.outputs > 0).then(|| self.input + self.output)
    }

    /// Cost in billionths of a dollar; `None` if no call's cost is known. Of a share it may be below zero.
    #[must_use]
    pub fn cost(&self) -> Option<NanoUsd> {
        (self.priced > 0 || self.cost != 0).then_some(self.cost)
    }

    /// Adds what a row states itself, fact by fact: only where nothing below it states the same. A cost that is stated goes before those
    /// that were computed below it, since whoever states one knows it.
    pub(super) fn complete(&mut self, usage: Usage, states_cost: bool) {
        if self.duplicates > 0 && self.calls == 0 {
            // All that this tells of is counted elsewhere.
            return;
        }
        let count = |stated: Option<u32>| u64::from(stated.unwrap_or_default());
        let lowest = self.inputs == 0;
        if lowest && usage.input.is_some() {
            self.inputs = 1;
            (self.input, self.cache_read, self.cache_write) = (count(usage.input), count(usage.cache_read), count(usage.cache_write));
        }
        if self.outputs == 0 && usage.output.is_some() {
            self.outputs = 1;
            (self.output, self.reasoning) = (count(usage.output), count(usage.reasoning));
        }
        self.calls = self.calls.max(1);
        match usage.cost {
            Some(cost) if states_cost && self.stated == 0 => (self.priced, self.cost, self.stated) = (self.calls, cost, 1),
            Some(cost) if !states_cost && self.priced == 0 && lowest => (self.priced, self.cost) = (1, cost),
            _ => {}
        }
    }

    /// `self - old + new`, field by field.
    pub(super) fn exchange(&mut self, old: &Self, new: &Self) {
        macro_rules! exchange {
            ($($field:ident),*) => { $( self.$field = self.$field.wrapping_sub(old.$field).wrapping_add(new.$field); )* };
        }
        exchange!(
            input,
            output,
            cache_read,
            cache_write,
            reasoning,
            cost,
            calls,
            inputs,
            outputs,
            priced,
            stated,
            spans,
            errors,
            running,
            lost,
            duplicates
        );
    }

    /// `self + other`; either may be a difference, whose fields wrap below zero.
    pub fn add(&mut self, other: &Self) {
        self.exchange(&Self::default(), other);
    }

    /// `self - other`.
    pub fn take_out(&mut self, other: &Self) {
        self.exchange(other, &Self::default());
    }

    /// What takes out as much as this adds.
    pub(super) fn negated(&self) -> Self {
        Self::difference(self, &Self::default())
    }

    /// What turns `old` into `new`: a difference.
    pub(super) fn difference(old: &Self, new: &Self) -> Self {
        let mut difference = Self::default();
        difference.exchange(old, new);
        difference
    }

    /// Tokens and cost alone.
    pub(super) fn usage(&self) -> Self {
        Self { spans: 0, errors: 0, running: 0, lost: 0, duplicates: 0, ..*self }
    }

    /// Whether a row in it tells of usage, be it counted here or elsewhere.
    pub(super) fn tells(&self) -> bool {
        self.calls + self.duplicates > 0
    }

    /// Whether it is nothing.
    pub(super) fn is_zero(&self) -> bool {
        let Self { input, output, cache_read, cache_write, reasoning, cost, .. } = *self;
        let Self { calls, inputs, outputs, priced, stated, spans, errors, running, lost, duplicates: echoes, .. } = *self;
        // All at once: most that are asked are zero, so that to stop at the first that is not would save nothing.
        (input | output | cache_read | cache_write | reasoning) == 0
            && cost == 0
            && (calls | inputs | outputs | priced | stated | spans | errors | running | lost | echoes) == 0
    }
}
