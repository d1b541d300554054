//! Sums over a row and all rows below it.

use crate::model::Usage;
use crate::model::usage::NanoUsd;

/// Sums over a subtree. Usage counts once: a model call gives way to the rows below it that report the same call, and any other row adds
/// only what it states beyond the rows below it.
///
/// A value may also be the difference of two sums; its fields then wrap below zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Input tokens, including cached ones.
    pub input: u64,
    /// Output tokens, including reasoning.
    pub output: u64,
    /// The part of `input` that was read from a cache.
    pub cache_read: u64,
    /// The part of `input` that was written to a cache.
    pub cache_write: u64,
    /// The part of `output` that was reasoning.
    pub reasoning: u64,
    /// The cost of the priced calls.
    pub cost: NanoUsd,
    /// Rows whose usage counts; 0 if no usage is known.
    pub calls: u32,
    /// Rows whose input tokens count; 0 if they are unknown.
    pub inputs: u32,
    /// Rows whose output tokens count; 0 if they are unknown.
    pub outputs: u32,
    /// Calls whose cost counts; 0 if it is unknown.
    pub priced: u32,
    /// Rows whose stated cost counts.
    pub stated: u32,
    /// Rows whose counts are lower bounds: the provider counted more, or answered requests that state nothing.
    pub least: u32,
    /// Model calls that ended well and of which only the input or only the output tokens are known.
    pub halves: u32,
    /// Rows whose usage counts and lacks its cached tokens.
    pub cache_unstated: u32,
    /// Calls whose cost counts and was computed without some of their tokens.
    pub underpriced: u32,
    /// Spans, without placeholders.
    pub spans: u32,
    /// Spans of tool calls.
    pub tools: u32,
    /// Spans whose status is an error.
    pub errors: u32,
    /// Failed steps: failed rows without a failed row below them, or with another reason than those.
    pub failed: u32,
    /// Failed steps that fail their run. An attempt does not, if the call that made it ended well. Unlike `failed`, a call that counts
    /// elsewhere is one.
    pub fatal: u32,
    /// Failed steps at which a check refused an input or an output.
    pub refused: u32,
    /// Paused rows.
    pub paused: u32,
    /// Rows that were cut.
    pub cut: u32,
    /// Running rows.
    pub running: u32,
    /// Lost rows.
    pub lost: u32,
    /// Duplicates: rows whose call counts elsewhere.
    pub duplicates: u32,
    /// Model calls that state no usage: another report of the call may state it.
    pub silent: u32,
}

impl Totals {
    /// Returns input plus output tokens; `None` if neither is known.
    #[must_use]
    pub fn tokens(&self) -> Option<u64> {
        (self.inputs + self.outputs > 0).then(|| self.input + self.output)
    }

    /// Returns the cost in billionths of a dollar; `None` if no call's cost is known. Own totals may have a negative cost.
    #[must_use]
    pub fn cost(&self) -> Option<NanoUsd> {
        (self.priced > 0 || self.cost != 0).then_some(self.cost)
    }

    /// Returns whether the known tokens are a lower bound.
    #[must_use]
    pub fn are_tokens_incomplete(&self) -> bool {
        self.least + self.halves > 0
    }

    /// Returns whether the known cost is a lower bound: the cost of a call is unknown, or lacks some of its tokens.
    #[must_use]
    pub fn is_cost_incomplete(&self) -> bool {
        self.cost().is_some() && (self.underpriced > 0 || self.priced < self.calls)
    }

    /// Adds the usage that a row states to the totals below it, for each fact that no row below states. A stated cost replaces computed
    /// costs below it, since the sender knows it.
    pub(super) fn add_stated(&mut self, usage: Usage, states_cost: bool) {
        if self.duplicates > 0 && self.calls == 0 {
            // All calls below are duplicates: this usage counts elsewhere, too.
            return;
        }
        let count = |stated: Option<u32>| u64::from(stated.unwrap_or_default());
        let is_lowest = self.inputs == 0;
        if is_lowest && usage.input.is_some() {
            self.inputs = 1;
            self.cache_unstated = u32::from(usage.cache_unstated);
            (self.input, self.cache_read, self.cache_write) = (count(usage.input), count(usage.cache_read), count(usage.cache_write));
        }
        if self.outputs == 0 && usage.output.is_some() {
            self.outputs = 1;
            (self.output, self.reasoning) = (count(usage.output), count(usage.reasoning));
            self.least = u32::from(usage.is_least);
        }
        self.calls = self.calls.max(1);
        match usage.cost {
            Some(cost) if states_cost && self.stated == 0 => self.state_cost(cost),
            Some(cost) if !states_cost && self.priced == 0 && is_lowest => {
                (self.priced, self.cost, self.underpriced) = (1, cost, u32::from(usage.cache_unstated || usage.is_least));
            }
            _ => {}
        }
    }

    /// Adds the usage that a model call states to the totals of the calls below it that are the same call: each fact is the larger one.
    pub(super) fn add_call(&mut self, usage: Usage, states_cost: bool) {
        let Self { calls, priced, .. } = *self;
        self.add_larger(usage, states_cost);
        if calls > 0 && self.duplicates == 0 {
            // It remains one call, or as many as are below.
            self.calls = calls;
            self.inputs = self.inputs.max(u32::from(usage.input.is_some()));
            self.outputs = self.outputs.max(u32::from(usage.output.is_some()));
            self.priced = self.priced.min(calls.max(priced));
        }
    }

    /// Counts the calls that this reports as known by half, if nothing tells their input or their output. `ended_well` tells whether the one
    /// that reports them all ended so; few calls need it.
    pub(super) fn count_halves(&mut self, ended_well: impl FnOnce() -> bool) {
        if self.inputs >= self.calls && self.outputs >= self.calls {
            self.halves = 0;
        } else if self.calls == 1 {
            self.halves = u32::from(self.inputs != self.outputs && ended_well());
        }
    }

    /// Adds the usage that a run or another row above model calls states: the part of each fact that exceeds the totals below it.
    pub(super) fn add_larger(&mut self, usage: Usage, states_cost: bool) {
        if self.duplicates > 0 || self.calls == 0 {
            // What exceeds duplicates may count elsewhere, too.
            return self.add_stated(usage, states_cost);
        }
        let [input, output] = [usage.input, usage.output].map(|count| u64::from(count.unwrap_or_default()));
        let (has_input, has_output) = (input > self.input, output > self.output);
        let has_rest = (self.inputs > 0 && has_input) || (self.outputs > 0 && has_output);
        let is_part = (usage.input.is_some() && input < self.input) || (usage.output.is_some() && output < self.output);
        let larger = |sum: &mut u64, count: Option<u32>| *sum = (*sum).max(u64::from(count.unwrap_or_default()));
        larger(&mut self.input, usage.input);
        larger(&mut self.cache_read, usage.cache_read);
        larger(&mut self.cache_write, usage.cache_write);
        larger(&mut self.output, usage.output);
        larger(&mut self.reasoning, usage.reasoning);
        self.inputs += u32::from(has_input);
        self.outputs += u32::from(has_output);
        self.calls += u32::from(has_rest);
        if has_output && !is_part {
            // It knows more than the calls below.
            self.least = u32::from(usage.is_least);
        }
        if (has_input || has_output) && !is_part && usage.input.is_some() && usage.output.is_some() {
            self.halves = 0;
        }
        let Some(cost) = usage.cost else { return };
        if states_cost && self.stated == 0 && !is_part {
            self.state_cost(cost);
        } else if self.priced == 0 {
            let priced = if is_part { 1 } else { self.calls };
            (self.priced, self.cost, self.stated) = (priced, cost, u32::from(states_cost));
        } else if cost > self.cost && !is_part && (states_cost || (self.stated == 0 && has_rest)) {
            (self.priced, self.cost, self.underpriced) = (self.calls, cost, 0);
        }
    }

    /// Sets the cost that a row states for all calls below it.
    fn state_cost(&mut self, cost: NanoUsd) {
        (self.priced, self.cost, self.stated, self.underpriced) = (self.calls, cost, 1, 0);
    }

    /// Subtracts `old` and adds `new`, field by field.
    pub(super) fn replace(&mut self, old: &Self, new: &Self) {
        macro_rules! replace {
            ($($field:ident),*) => { $( self.$field = self.$field.wrapping_sub(old.$field).wrapping_add(new.$field); )* };
        }
        replace!(
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
            least,
            halves,
            cache_unstated,
            underpriced,
            spans,
            tools,
            errors,
            failed,
            fatal,
            refused,
            paused,
            cut,
            running,
            lost,
            duplicates,
            silent
        );
    }

    /// Adds `other`.
    pub fn add(&mut self, other: &Self) {
        self.replace(&Self::default(), other);
    }

    /// Subtracts `other`.
    pub fn subtract(&mut self, other: &Self) {
        self.replace(other, &Self::default());
    }

    /// Returns the difference that undoes adding `self`.
    pub(super) fn negated(&self) -> Self {
        Self::difference(self, &Self::default())
    }

    /// Returns `new - old`.
    pub(super) fn difference(old: &Self, new: &Self) -> Self {
        let mut difference = Self::default();
        difference.replace(old, new);
        difference
    }

    /// Returns tokens and cost only.
    pub(super) fn usage_only(&self) -> Self {
        Self {
            spans: 0,
            tools: 0,
            errors: 0,
            failed: 0,
            fatal: 0,
            refused: 0,
            paused: 0,
            cut: 0,
            running: 0,
            lost: 0,
            duplicates: 0,
            silent: 0,
            ..*self
        }
    }

    /// Returns tokens, cost, duplicates and fatal failures only.
    pub(super) fn call_only(&self) -> Self {
        Self { duplicates: self.duplicates, fatal: self.fatal, ..self.usage_only() }
    }

    /// Returns whether any row states usage, even if it is a duplicate.
    pub(super) fn has_usage(&self) -> bool {
        self.calls + self.duplicates > 0
    }

    /// Returns whether any row may report a call: it states usage, failed, or calls a model.
    pub(super) fn has_reports(&self) -> bool {
        self.has_usage() || self.fatal + self.silent > 0
    }

    /// Returns whether every field is zero.
    pub(super) fn is_zero(&self) -> bool {
        let Self { input, output, cache_read, cache_write, reasoning, cost, .. } = *self;
        let Self { calls, inputs, outputs, priced, stated, cache_unstated, underpriced, spans, errors, running, lost, duplicates, .. } =
            *self;
        let Self { failed, fatal, refused, paused, cut, least, halves, tools, silent, .. } = *self;
        // Without short circuits: most totals tested here are zero, so every field is read anyway.
        (input | output | cache_read | cache_write | reasoning) == 0
            && cost == 0
            && (calls | inputs | outputs | priced | stated | cache_unstated | underpriced | spans | errors | running | lost | duplicates)
                == 0
            && (failed | fatal | refused | paused | cut | least | halves | tools | silent) == 0
    }
}
