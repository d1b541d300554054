//! What providers' caches missed, as rows of a store.

use super::context::call_facts;
use crate::context::{CallFacts, RunReport, may_miss};
use crate::model::usage::NanoUsd;
use crate::store::{RowIx, RunCall, Store};

/// A call that the cache missed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Miss {
    /// The row that counts for the call.
    pub row: RowIx,
    /// The tokens that an earlier call had sent and that the provider processed again.
    pub rebuilt: u64,
    /// What they cost beyond their price from the cache, in billionths of a dollar; `None` if a price is unknown.
    pub cost: Option<NanoUsd>,
}

/// Returns whether the counts of a run's calls, and of those before it in its session, allow that the cache missed one. Only then their contents
/// tell more.
#[must_use]
pub fn may_have_missed(store: &Store, earlier: &[RunCall], calls: &[RunCall]) -> bool {
    let facts = |calls: &[RunCall]| calls.iter().map(|call| call_facts(store, call.row)).collect::<Vec<CallFacts>>();
    may_miss(&facts(earlier), &facts(calls))
}

/// Returns the misses of a run. `calls` are those of the report.
pub fn misses_of(store: &Store, calls: &[RunCall], run: &RunReport) -> impl Iterator<Item = Miss> {
    let missed = calls.iter().zip(run.calls()).filter(|(_, report)| report.verdict.rebuilt > 0);
    missed.map(|(&RunCall { row, .. }, report)| {
        let rebuilt = report.verdict.rebuilt;
        Miss { row, rebuilt, cost: store.cost_of_rebuilding(row, rebuilt) }
    })
}

/// Returns what the misses of a run cost beyond what the same tokens cost from the cache; `None` if a price is unknown or nothing was
/// missed. `calls` are those of the report.
#[must_use]
pub fn cost_of_misses(store: &Store, calls: &[RunCall], run: &RunReport) -> Option<NanoUsd> {
    misses_of(store, calls, run).map(|miss| miss.cost).reduce(|sum, cost| sum?.checked_add(cost?)).flatten()
}

/// The sum of misses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MissSum {
    /// How many there are.
    pub count: u64,
    /// The tokens that were read again.
    pub rebuilt: u64,
    cost: NanoUsd,
    priced: u64,
}

impl MissSum {
    /// Adds a miss.
    pub fn add(&mut self, rebuilt: u64, cost: Option<NanoUsd>) {
        self.count += 1;
        self.rebuilt += rebuilt;
        self.priced += u64::from(cost.is_some());
        self.cost = self.cost.saturating_add(cost.unwrap_or_default());
    }

    /// Adds another sum.
    pub fn add_all(&mut self, other: &Self) {
        self.count += other.count;
        self.rebuilt += other.rebuilt;
        self.priced += other.priced;
        self.cost = self.cost.saturating_add(other.cost);
    }

    /// Returns what they cost in billionths of a dollar; `None` if no price is known, or there are none.
    #[must_use]
    pub fn cost(&self) -> Option<NanoUsd> {
        (self.priced > 0).then_some(self.cost)
    }

    /// Whether the cost is a lower bound: that of some is unknown.
    #[must_use]
    pub fn is_cost_incomplete(&self) -> bool {
        self.priced > 0 && self.priced < self.count
    }
}
