//! What a trace, and all traces together, may cost; who goes beyond is told once.

use std::collections::HashSet;

use crate::model::usage::NanoUsd;
use crate::store::{Store, Totals, TraceIx};

/// What may be used; `None`: as much as may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    /// Money.
    pub cost: Option<NanoUsd>,
    /// Tokens in and out.
    pub tokens: Option<u64>,
}

impl Budget {
    /// Whether what is known to be used is more.
    #[must_use]
    pub fn is_exceeded(&self, used: &Totals) -> bool {
        let costs = self.cost.zip(used.cost()).is_some_and(|(most, cost)| cost > most);
        costs || self.tokens.zip(used.tokens()).is_some_and(|(most, tokens)| tokens > most)
    }
}

/// The budgets, and who has exceeded them.
#[derive(Debug, Default)]
pub struct Budgets {
    /// For each trace.
    pub trace: Budget,
    /// For all together.
    pub total: Budget,
    exceeded: HashSet<TraceIx>,
    total_exceeded: bool,
}

impl Budgets {
    /// No trace has used anything yet.
    #[must_use]
    pub fn new(trace: Budget, total: Budget) -> Self {
        Self { trace, total, ..Self::default() }
    }

    /// Whether the trace has used more than it may.
    #[must_use]
    pub fn exceeds(&self, trace: TraceIx) -> bool {
        self.exceeded.contains(&trace)
    }

    /// Whether all together have used more than they may.
    #[must_use]
    pub fn total_exceeds(&self) -> bool {
        self.total_exceeded
    }

    /// Looks at traces that changed; whether one of them, or all together, went beyond a budget just now.
    pub(super) fn check(&mut self, store: &Store, changed: &[TraceIx], evicted: &[TraceIx]) -> bool {
        for trace in evicted {
            self.exceeded.remove(trace);
        }
        if self.trace == Budget::default() && self.total == Budget::default() {
            return false;
        }
        let mut news = false;
        for &trace in changed {
            if self.trace.is_exceeded(&store.totals_of(trace)) {
                news |= self.exceeded.insert(trace);
            } else {
                self.exceeded.remove(&trace);
            }
        }
        let before = std::mem::replace(&mut self.total_exceeded, self.total.is_exceeded(store.all()));
        news || self.total_exceeded && !before
    }
}
