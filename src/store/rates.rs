//! Shares and speeds of a row, as filters, records and the screen show them.

use super::{Phase, RowIx, Store, Symbol};
use crate::model::{Nanos, SpanType};
use crate::store::row::TRUNCATED;

/// The shortest stream that may count as stalled, in nanoseconds.
const MIN_STALL: Nanos = 10_000_000_000;

/// The time that a token takes in a stalled stream, in nanoseconds.
const TOKEN: Nanos = 1_000_000_000;

/// By how much the time to the first token may exceed the time of its call: senders round both and measure them apart.
const MAX_EXCESS: Nanos = 10_000_000;

impl Store {
    /// Returns the time from the start of a model call to the first token of its answer, if its span states it. `None` if the call ended
    /// before: one of both times is wrong.
    #[must_use]
    pub fn first_token(&self, row: RowIx) -> Option<Nanos> {
        let data = self.row(row);
        let may_be = |time: &Nanos| data.phase != Phase::Ended || *time <= data.duration(data.end).saturating_add(MAX_EXCESS);
        self.packed_usage(row)?.first_token().filter(may_be)
    }

    /// Returns the output tokens per second of an ended model call, over all of its time.
    #[must_use]
    pub fn output_rate(&self, row: RowIx) -> Option<f64> {
        let data = self.row(row);
        let is_rate = data.span_type == SpanType::Model && data.phase == Phase::Ended && !self.is_output_incomplete(row);
        let output = self.usage(row)?.output.filter(|_| is_rate)?;
        let time = data.duration(data.end);
        (output > 0 && time > 0).then(|| f64::from(output) * 1e9 / time as f64)
    }

    /// Returns whether the counts that a model call states are lower bounds.
    #[must_use]
    pub fn are_tokens_incomplete(&self, row: RowIx) -> bool {
        self.is_output_incomplete(row) || self.states_half(row)
    }

    /// Returns whether a model call ended well, and nothing tells its input or its output tokens.
    #[must_use]
    pub fn states_half(&self, row: RowIx) -> bool {
        let data = self.row(row);
        let is_half = || self.usage(row).is_some_and(|usage| usage.input.is_some() != usage.output.is_some());
        data.span_type == SpanType::Model && is_half() && self.totals(row).halves > 0
    }

    /// Returns whether a row is a model call that has output tokens, unless it failed. A call of a model for embeddings has none, also where its
    /// span is not told as an embedding.
    #[must_use]
    pub fn may_have_output(&self, row: RowIx) -> bool {
        let data = self.row(row);
        data.span_type == SpanType::Model && !self.text(data.label).contains("embed")
    }

    fn is_output_incomplete(&self, row: RowIx) -> bool {
        self.usage(row).is_some_and(|usage| usage.is_least || self.leaves_out_requests(row))
    }

    /// Returns the part of the input that was read from the provider's cache, in hundredths of a percent: of a model call as it states it, of
    /// another row over the calls below it. `None` if none states its cached tokens.
    #[must_use]
    pub fn cached_share(&self, row: RowIx) -> Option<i64> {
        let (read, input) = if self.row(row).span_type.calls_model() {
            let usage = self.usage(row)?;
            (u64::from(usage.cache_read?), u64::from(usage.input?))
        } else {
            let totals = self.shown_totals(row);
            // A sum of 0 may mean that no call states cached tokens.
            (Some(totals.cache_read).filter(|read| *read > 0)?, totals.input)
        };
        share(read, input)
    }

    /// Returns the part of the model's context window that the input of a call takes, in hundredths of a percent; `None` if either is unknown.
    #[must_use]
    pub fn context_share(&self, row: RowIx) -> Option<i64> {
        let input = self.usage(row)?.input.filter(|_| self.row(row).span_type == SpanType::Model)?;
        share(u64::from(input), self.context_window(row)?)
    }

    /// Returns the model that a call asked for, if one of another name answered. A name with the date of a version is the same.
    #[must_use]
    pub fn requested_model(&self, row: RowIx) -> Option<Symbol> {
        self.asked_model(row)
    }

    /// Returns whether the answer of a model call was cut because it reached the limit of tokens.
    #[must_use]
    pub fn is_truncated(&self, row: RowIx) -> bool {
        self.row(row).sender & TRUNCATED != 0
    }

    /// Returns whether the stream of a model's answer nearly stood still: after the first token it took ten seconds or more, and a second for
    /// each token or more.
    #[must_use]
    pub fn is_stalled(&self, row: RowIx) -> bool {
        let data = self.row(row);
        let is_known = data.span_type == SpanType::Model && data.phase == Phase::Ended && !self.is_output_incomplete(row);
        let stated = self.first_token(row).zip(self.usage(row).and_then(|usage| usage.output)).filter(|_| is_known);
        stated.is_some_and(|(first, output)| {
            let streamed = data.duration(data.end).saturating_sub(first);
            streamed >= MIN_STALL && streamed > TOKEN.saturating_mul(output.into())
        })
    }
}

/// Returns the share in hundredths of a percent; `None` of nothing, or of less than the part.
fn share(part: u64, whole: u64) -> Option<i64> {
    let share = u128::from(part) * 10_000;
    (whole > 0).then(|| i64::try_from(share / u128::from(whole)).ok()).flatten()
}
