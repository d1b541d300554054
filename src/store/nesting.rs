//! Model calls below model calls: which of them report the same call.
//!
//! A framework, its instrumentation and the provider's library may each report a call, one row below the other. Then the lowest row counts.
//! Another call may stand below a call, too: of a tool that the model called, of a later agent, or since the sender left a span open. Then
//! both count. A row reports the same call as the nearest reporting row above it if both are calls of the same kind, it lies within that
//! row's time, and no row between them begins a call of its own. Where another service took its times, their [clocks](super::skew) may
//! differ; then either count must be the same. An embedding within a chat is no part of the chat's usage.

use super::ix::{NONE, RowIx};
use super::row::{FINAL, Phase, Row, RunStatus};
use super::totals::Totals;
use super::{Store, Symbol};
use crate::model::{Nanos, SpanType};

/// How far a row may exceed another one in time that contains it: instrumentations read the clock one after the other.
pub(super) const TOLERANCE: Nanos = 5_000_000;

/// The name of spans without attributes that begin an agent's run.
const INVOCATION: &str = "invocation";

impl Store {
    /// Returns whether model calls below the row are others than the ones above it.
    pub(super) fn begins_calls(&self, row: RowIx) -> bool {
        let data = self.row(row);
        let is_invocation = |name: Symbol| !name.is_empty() && self.text(name) == INVOCATION;
        !data.placeholder
            && match data.span_type {
                SpanType::Tool => true,
                SpanType::Other | SpanType::Step => data.usage == NONE && is_invocation(data.name),
                span_type => span_type.is_agentic(),
            }
    }

    /// Returns whether the row reports a model call: it is one, or it states usage and is no run or tool call.
    fn reports_call(&self, row: RowIx) -> bool {
        let data = self.row(row);
        data.span_type.calls_model() || (data.usage != NONE && !self.begins_calls(row))
    }

    /// Returns the sums of the calls below the row that the row reports, too; their `spans` are the nearest model rows.
    pub(super) fn inner(&self, row: RowIx) -> Totals {
        match self.row(row).children {
            NONE => Totals::default(),
            list => self.child_lists[list].inner.as_deref().copied().unwrap_or_default(),
        }
    }

    /// Returns the part of the row's `totals` that is one call with the nearest reporting row above, if it lies within that row's time.
    pub(super) fn call_part(&self, row: RowIx, totals: &Totals) -> Totals {
        let mut part = Totals::difference(&self.below(row), totals);
        part.add(&self.inner(row));
        Totals { spans: u32::from(self.row(row).span_type == SpanType::Model), ..part.call_only() }
    }

    /// Returns what a reporting row hands to the nearest reporting row above it; nothing for other rows.
    pub(super) fn reported_call(&self, row: RowIx) -> Totals {
        if self.reports_call(row) { self.call_part(row, &self.totals(row)) } else { Totals::default() }
    }

    /// Adds a change of the calls at or below a child to the calls that `row` reports, too, before the change of its totals. `from` is the
    /// reporting row that the change comes from; `None` if it is known to lie within the time of `row`. Returns the part of the change
    /// that counts for `row`.
    pub(super) fn calls_for(&self, row: RowIx, calls: &Totals, from: Option<RowIx>) -> Totals {
        let counts = !self.begins_calls(row) && from.is_none_or(|from| !self.reports_call(row) || self.may_report(row, from));
        if counts { *calls } else { Totals::default() }
    }

    /// Returns whether the row's usage leaves out requests to the model: tools ran below it, but nothing says that its own answer requested
    /// them, and no span reports the call that did.
    #[must_use]
    pub fn leaves_out_requests(&self, row: RowIx) -> bool {
        self.row(row).sender & FINAL != 0 && self.below(row).tools > 0 && !self.inner(row).has_usage()
    }

    /// Returns whether a row that calls a model got an answer. Then its failed attempts below it fail no run.
    pub(super) fn has_ended_well(&self, row: RowIx) -> bool {
        self.row(row).own_status() == RunStatus::Ok && (self.usage(row).is_some() || self.inner(row).has_usage())
    }

    /// Returns whether the row keeps the sum of the calls below it that it reports, too.
    pub(super) fn keeps_inner(&self, row: RowIx) -> bool {
        self.row(row).children != NONE && self.reports_call(row)
    }

    /// Adds to the calls below the row that the row reports, too.
    pub(super) fn add_inner(&mut self, row: RowIx, calls: &Totals) {
        let list = self.row(row).children;
        if list == NONE || calls.is_zero() {
            return;
        }
        let inner = &mut self.child_lists[list].inner;
        let mut sum = inner.as_deref().copied().unwrap_or_default();
        sum.add(calls);
        *inner = (!sum.is_zero()).then(|| Box::new(sum));
    }

    /// Computes the calls below an unlinked row that the row reports, too, after its facts changed.
    pub(super) fn refresh_inner(&mut self, row: RowIx) {
        let list = self.row(row).children;
        if list != NONE {
            let inner = self.computed_inner(row);
            self.child_lists[list].inner = (!inner.is_zero()).then(|| Box::new(inner));
        }
    }

    /// Returns the calls below the row that the row reports, too, from the rows below it.
    pub(super) fn computed_inner(&self, row: RowIx) -> Totals {
        if self.reports_call(row) { self.calls_below(row, row) } else { Totals::default() }
    }

    /// Returns the sum of the nearest calls below `row` that lie within the time of `above`.
    fn calls_below(&self, row: RowIx, above: RowIx) -> Totals {
        let mut sum = Totals::default();
        let mut stack = vec![row];
        while let Some(row) = stack.pop() {
            for &child in self.children(row) {
                if self.reports_call(child) {
                    if self.may_report(above, child) {
                        sum.add(&self.reported_call(child));
                    }
                } else if self.row(child).children != NONE && !self.begins_calls(child) {
                    stack.push(child);
                }
            }
        }
        sum
    }

    /// Returns what a row, linked to `parent`, hands to the nearest reporting row above it, and the row that this comes from; `None` if
    /// it is known to lie within that row's time.
    pub(super) fn calls_for_ancestors(&self, row: RowIx, parent: Option<RowIx>) -> (Totals, Option<RowIx>) {
        if self.reports_call(row) {
            return (self.reported_call(row), Some(row));
        }
        if self.row(row).children == NONE || self.begins_calls(row) {
            return (Totals::default(), None);
        }
        let above = std::iter::successors(parent, |&above| self.row(above).parent())
            .take_while(|&above| !self.begins_calls(above))
            .find(|&above| self.reports_call(above));
        (above.map_or_else(Totals::default, |above| self.calls_below(row, above)), None)
    }

    /// Returns whether `upper` reports the same call as `lower`, which is below it.
    pub(super) fn reports_call_of(&self, upper: RowIx, lower: RowIx) -> bool {
        let mut from = lower;
        for above in self.path(lower).skip(1) {
            if self.begins_calls(above) {
                return false;
            }
            if self.reports_call(above) {
                if !self.may_report(above, from) {
                    return false;
                }
                from = above;
            }
            if above == upper {
                return true;
            }
        }
        false
    }

    /// Returns which kind of model call the row reports; `None` if that is unknown.
    fn call_kind(&self, row: RowIx) -> Option<SpanType> {
        let span_type = self.row(row).span_type;
        // A chat has an answer. What states input tokens only may wrap a call of another kind.
        let is_known = span_type != SpanType::Model || self.usage(row).is_none_or(|usage| usage.output.is_some());
        Some(span_type).filter(|span_type| span_type.calls_model() && is_known)
    }

    /// Returns whether a reporting row may report the same call as the next reporting row below it.
    fn may_report(&self, upper: RowIx, lower: RowIx) -> bool {
        let is_same_kind = match (self.call_kind(upper), self.call_kind(lower)) {
            (Some(upper), Some(lower)) => upper == lower,
            _ => true,
        };
        is_same_kind
            && (self.lies_within(lower, upper) || (self.lies_within_by_other_clock(lower, upper) && self.may_count_the_same(lower, upper)))
    }

    /// Returns whether a row ran within a row above it, by its times or by those of another clock.
    pub(super) fn runs_within(&self, row: RowIx, above: RowIx) -> bool {
        self.lies_within(row, above) || self.lies_within_by_other_clock(row, above)
    }

    /// Returns whether two rows may state the counts of one call: either count is equal, or one of the rows states none.
    fn may_count_the_same(&self, row: RowIx, other: RowIx) -> bool {
        let counts = |row: RowIx| match self.row(row).usage {
            NONE => [None, None],
            index => {
                let usage = self.usages[index].without_filled().usage();
                [usage.input, usage.output]
            }
        };
        let mut both = counts(row).into_iter().zip(counts(other)).filter_map(|(one, other)| one.zip(other)).peekable();
        both.peek().is_none() || both.any(|(one, other)| one == other)
    }

    /// Returns whether the time of a row lies within that of a row above it. A row without duration is a record of what is above it.
    pub(super) fn lies_within(&self, row: RowIx, above: RowIx) -> bool {
        let (row, above) = (self.row(row), self.row(above));
        let end = |data: &Row| if data.phase == Phase::Ended { data.end.max(data.start) } else { Nanos::MAX };
        let is_record = row.phase == Phase::Ended && row.start == row.end;
        let begins_within = above.start <= row.start.saturating_add(TOLERANCE) && row.start <= end(above);
        is_record || (begins_within && (row.phase != Phase::Ended || end(row) <= end(above).saturating_add(TOLERANCE)))
    }
}
