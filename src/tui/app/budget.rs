//! Budgets of traces, and the alarm when usage first exceeds one.

use std::collections::HashSet;

use crate::settings::Budget;
use crate::store::{Store, Totals, TraceIx};

/// The budgets, and the traces that exceed them.
#[derive(Debug, Default)]
pub struct Budgets {
    /// The budget of each trace.
    pub trace: Budget,
    /// The budget of all traces together.
    pub total: Budget,
    exceeding: HashSet<TraceIx>,
    is_total_exceeded: bool,
}

impl Budgets {
    /// Returns budgets that no trace exceeds yet.
    #[must_use]
    pub fn new(trace: Budget, total: Budget) -> Self {
        Self { trace, total, ..Self::default() }
    }

    /// Whether the trace exceeds its budget.
    #[must_use]
    pub fn is_exceeded_by(&self, trace: TraceIx) -> bool {
        self.exceeding.contains(&trace)
    }

    /// Whether all traces together exceed their budget.
    #[must_use]
    pub fn is_total_exceeded(&self) -> bool {
        self.is_total_exceeded
    }

    /// Checks changed traces. Returns whether usage newly exceeds a budget.
    pub(super) fn check(&mut self, store: &Store, changed: &[TraceIx], evicted: &[TraceIx]) -> bool {
        for trace in evicted {
            self.exceeding.remove(trace);
        }
        if self.trace == Budget::default() && self.total == Budget::default() {
            return false;
        }
        let exceeds = |budget: Budget, totals: &Totals| budget.is_exceeded(totals.cost(), totals.tokens());
        let mut is_new = false;
        for &trace in changed {
            if exceeds(self.trace, &store.totals_of(trace)) {
                is_new |= self.exceeding.insert(trace);
            } else {
                self.exceeding.remove(&trace);
            }
        }
        let was_exceeded = std::mem::replace(&mut self.is_total_exceeded, exceeds(self.total, store.all()));
        is_new || self.is_total_exceeded && !was_exceeded
    }
}
