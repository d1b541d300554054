//! Failures of runs that are others than the failures below them.
//!
//! A failure mostly travels up: the tool's exception ends the agent, too, though its text may be another by then. But an agent may survive a
//! failed tool and fail later for a reason of its own. Then both are failed steps.

use super::attribution::MAX_EXAMINED_CHILDREN;
use super::ix::RowIx;
use super::row::OWN_REASON;
use super::{Changes, Store};
use crate::model::{Nanos, SpanType, errors};

/// A run that ends at most so long after a failed tool, without another step, ended by its failure. Waiting for an untraced model takes longer.
const TRAVEL: Nanos = 500_000_000;

/// The most failed rows below a run that are compared with it.
const MAX_COMPARED: usize = 16;

impl Store {
    /// Decides again, for a row and those above it, whether they failed for reasons of their own.
    pub(super) fn mark_own_reasons(&mut self, row: RowIx, changes: &mut Changes) {
        if self.totals_of(self.row(row).trace()).fatal == 0 {
            return;
        }
        let mut next = Some(row);
        while let Some(row) = next {
            let data = self.row(row);
            next = data.parent();
            let (has_reason, before) = (self.has_own_reason(row), data.has_own_reason());
            if has_reason != before {
                self.change(row, |store| {
                    let sender = &mut store.rows[row.0].sender;
                    *sender = if has_reason { *sender | OWN_REASON } else { *sender & !OWN_REASON };
                });
                changes.rows.push(row);
                self.touch(self.row(row).trace(), changes);
            }
        }
    }

    /// Returns whether a run failed for another reason than the rows below it: its status has a text that none of them has, and it survived
    /// all of them.
    pub(super) fn has_own_reason(&self, row: RowIx) -> bool {
        let data = self.row(row);
        if !data.span_type.is_agentic() || !data.fails() || data.error.is_empty() {
            return false;
        }
        let examined = self.children(row).iter().copied().take(MAX_EXAMINED_CHILDREN);
        let failed: Vec<RowIx> = examined.filter(|&child| self.totals(child).fatal > 0).collect();
        // What is not examined may be the reason.
        let is_whole = failed.iter().map(|&child| self.totals(child).fatal).sum::<u32>() == self.below(row).fatal;
        is_whole && failed.into_iter().all(|child| self.was_survived(row, child)) && !self.is_told_below(row)
    }

    /// Returns whether a run went on after the failure below a failed child: a later step began and did not fail, or an agent read a tool's
    /// error for a while.
    fn was_survived(&self, run: RowIx, child: RowIx) -> bool {
        let fatal = |row: &RowIx| self.children(*row).iter().copied().find(|&child| self.totals(child).fatal > 0);
        let next = |row: &RowIx| if self.below(*row).fatal == 0 || self.row(*row).has_own_reason() { None } else { fatal(row) };
        let step = self.row(std::iter::successors(Some(child), next).last().unwrap_or(child));
        let is_later = |&other: &RowIx| {
            let other = (self.row(other), self.totals(other).fatal);
            !other.0.placeholder && other.0.span_type.is_agent_work() && other.0.start >= self.row(child).end && other.1 == 0
        };
        let went_on = step.span_type == SpanType::Tool && self.row(run).end.saturating_sub(step.end) > TRAVEL;
        went_on || self.children(run).iter().rev().take(MAX_EXAMINED_CHILDREN).any(is_later)
    }

    /// Returns whether a failed row below a run has the run's error text, or the run's text names that row.
    fn is_told_below(&self, run: RowIx) -> bool {
        let text = self.text(self.row(run).error);
        let mut open = vec![run];
        let mut compared = 0;
        while let Some(at) = open.pop() {
            for &child in self.children(at).iter().take(MAX_EXAMINED_CHILDREN) {
                if self.totals(child).fatal == 0 {
                    continue;
                }
                open.push(child);
                let data = self.row(child);
                if !data.own_failure() {
                    continue;
                }
                compared += 1;
                let [error, label] = [data.error, data.label].map(|symbol| self.text(symbol));
                // What is not compared may be the reason.
                if compared > MAX_COMPARED || errors::is_same(text, error) || (!label.is_empty() && text.contains(label)) {
                    return true;
                }
            }
        }
        false
    }
}
