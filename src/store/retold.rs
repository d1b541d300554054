//! Rows that tell again what the row above tells: two instrumentations in one program report each run and each tool call, one within the
//! other. The upper row is the one that counts ([`Store::is_call`]); the rows below the lower one may be shown below it.
//!
//! Equal names alone prove nothing: an agent may run another one of its name. So the lower row is all that is below the upper one, it takes
//! the same time, of the same service, and it states nothing that the upper one does not state or sum up, but for its name and input: lists show the row
//! that [tells more](Store::telling). Of a workflow that is streamed, the lower row may stand beside
//! its steps; then nothing is below it.

use super::ix::RowIx;
use super::row::{Phase, RunStatus};
use super::totals::Totals;
use super::{Store, Symbol};
use crate::model::{Nanos, SpanType};

/// The part of a time that is too short to be seen in a bar.
const UNSEEN: i64 = 32;

/// The time that a program may take between the beginnings and the ends of both, as for modules that it loads or another thread.
const AROUND: Nanos = 50_000_000;

impl Store {
    /// Returns whether a row tells nothing but what the row above it tells: the same run or tool call.
    #[must_use]
    pub fn is_retold(&self, row: RowIx) -> bool {
        let Some(above) = self.row(row).parent().filter(|&above| self.children(above).first() == Some(&row)) else { return false };
        let is_ended =
            |row: RowIx| self.row(row).phase == Phase::Ended && matches!(self.row(row).own_status(), RunStatus::Ok | RunStatus::Error);
        is_ended(above)
            && is_ended(row)
            && self.is_same_kind(above, row)
            && self.is_same_call(above, row)
            && self.service(above) == self.service(row)
            && self.takes_time_of(above, row)
            && self.states_no_more(above, row)
            && if self.children(above).len() == 1 {
                self.states_no_more_errors(above, row) && self.sums_are_equal(above, row)
            } else {
                // Of what stands beside it, it tells nothing.
                self.children(row).is_empty()
                    && !self.has_failed(row)
                    && self.usage(row).is_none()
                    && self.row(row).span_type == SpanType::Workflow
            }
    }

    /// Returns the row that tells most of what a row and those below it [tell again](Self::is_retold): the name, the kind, the error, the input.
    #[must_use]
    pub fn telling(&self, row: RowIx) -> RowIx {
        let again = |&row: &RowIx| self.children(row).first().copied().filter(|&below| self.is_retold(below));
        self.telling_most(std::iter::successors(Some(row), again)).unwrap_or(row)
    }

    /// Returns the row that tells most of rows that tell the same, from top to bottom.
    #[must_use]
    pub fn telling_most(&self, tellings: impl Iterator<Item = RowIx>) -> Option<RowIx> {
        let told = |row: RowIx| {
            let data = self.row(row);
            // What a run states to have used is less exact than what its calls do.
            let states_usage = self.usage(row).is_some();
            (!data.label.is_empty(), data.span_type == SpanType::Team, !data.error.is_empty(), !data.input.is_empty(), !states_usage)
        };
        tellings.reduce(|most, row| if told(row) > told(most) { row } else { most })
    }

    /// Returns the rows of a walk, of those that [tell the same](Self::is_retold) the one that [tells most](Self::telling). What is below any of them
    /// stands below it.
    #[must_use]
    pub fn told_once(&self, walk: impl IntoIterator<Item = (RowIx, usize)>) -> Vec<(RowIx, usize)> {
        // The depths of the rows above that are left out.
        let mut left_out: Vec<usize> = Vec::new();
        let kept = walk.into_iter().filter_map(|(row, depth)| {
            while left_out.pop_if(|above| *above >= depth).is_some() {}
            let shown = depth - left_out.len();
            // A walk that begins at a row holds it.
            let is_left_out = depth > 0 && self.is_retold(row);
            if is_left_out {
                left_out.push(depth);
            }
            (!is_left_out).then(|| (self.telling(row), shown))
        });
        kept.collect()
    }

    /// Returns whether a row has no rows below it but [retold](Self::is_retold) ones.
    #[must_use]
    pub fn is_told_leaf(&self, mut row: RowIx) -> bool {
        while let &[only] = self.children(row)
            && self.is_retold(only)
        {
            row = only;
        }
        self.children(row).is_empty()
    }

    /// Returns whether two rows are runs or tool calls of one kind. Not every instrumentation tells a team from an agent.
    fn is_same_kind(&self, above: RowIx, row: RowIx) -> bool {
        let is_member = |span_type: SpanType| span_type.is_agentic() && span_type != SpanType::Workflow;
        // A run that states nothing but that it ran, and perhaps with what.
        let is_frame = || {
            let (upper, lower) = (self.row(above), self.row(row));
            let states_no_more = upper.label.is_empty() && (upper.input.is_empty() || upper.input == lower.input);
            upper.span_type == SpanType::Workflow && states_no_more && lower.span_type.is_agentic()
        };
        let [upper, lower] = [above, row].map(|row| self.row(row).span_type);
        (is_member(upper) && is_member(lower)) || (upper == lower && (lower.is_agentic() || lower == SpanType::Tool)) || is_frame()
    }

    /// Returns whether two rows have the same name, or the upper one, a run, has none.
    fn is_same_call(&self, above: RowIx, row: RowIx) -> bool {
        let (upper, lower) = (self.row(above), self.row(row));
        if upper.label.is_empty() {
            upper.span_type.is_agentic() && upper.start <= lower.start && lower.end <= upper.end
        } else {
            self.is_same_operation(above, row)
        }
    }

    /// Returns whether a row takes the time of the row above it, but for a moment or what no bar shows.
    fn takes_time_of(&self, above: RowIx, row: RowIx) -> bool {
        let [above, row] = [above, row].map(|row| self.row(row).duration(0));
        above.saturating_sub(row) <= AROUND.max(above / UNSEEN)
    }

    /// Returns whether what the line of a row states is stated by the row above it, too, or that states no input.
    fn states_no_more(&self, above: RowIx, row: RowIx) -> bool {
        let (upper, lower) = (self.row(above), self.row(row));
        let is_same = |upper: Symbol, lower: Symbol| lower.is_empty() || upper == lower;
        // Equal arguments may be written in two ways.
        let has_same_input = upper.input.is_empty()
            || is_same(upper.input, lower.input)
            || (!lower.argument_hash().is_empty() && lower.argument_hash() == upper.argument_hash());
        let is_reviewed = self.approvals(row).next().is_some() || self.scores(row).next().is_some();
        let is_moved = self.is_leaked(row) || lower.is_from_log() || self.primary_of(row).is_some();
        let has_same_surroundings = self.exit_status(row).is_none_or(|status| self.exit_status(above) == Some(status));
        // A run that stated no session may be any session's.
        let has_same_session = is_same(self.stated_session(above), lower.session) || self.stated_session(above).is_empty();
        has_same_input && has_same_session && has_same_surroundings && !is_reviewed && !is_moved
    }

    /// Returns whether the failure of a row is that of the row above it: both fail alike, or as runs by the failure of a step below, which
    /// states the error.
    fn states_no_more_errors(&self, above: RowIx, row: RowIx) -> bool {
        let (upper, lower) = (self.row(above), self.row(row));
        let error = self.text(lower.error).trim_end_matches('…');
        let fail_alike =
            || upper.own_failure() == lower.own_failure() && upper.ending() == lower.ending() && self.text(upper.error).contains(error);
        let states_error = |cause: RowIx| self.text(self.error(cause)).contains(error);
        let fails_by_step = || self.first_failure(row).is_some_and(states_error);
        self.has_failed(above) == self.has_failed(row)
            && upper.has_failed_harmlessly() == lower.has_failed_harmlessly()
            && (fail_alike() || fails_by_step())
    }

    /// Returns whether the sums at a row are those at its only child, but for the number of rows.
    fn sums_are_equal(&self, above: RowIx, row: RowIx) -> bool {
        let counted = |totals: &Totals| Totals { spans: 0, tools: 0, errors: 0, silent: 0, ..*totals };
        Totals::difference(&counted(&self.totals(row)), &counted(&self.totals(above))).is_zero()
    }
}
