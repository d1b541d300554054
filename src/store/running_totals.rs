//! Running totals: some frameworks keep one sum for an agent, and each run states what all runs of its conversation so far used.
//!
//! What such a run states exceeds the rows below it by exactly what the run before it stated, both in and out. Then the excess counted
//! there already.

use std::collections::BTreeMap;
use std::ops::Bound;

use hashbrown::HashMap;

use super::interner::Symbol;
use super::ix::{NONE, RowIx};
use super::totals::Totals;
use super::{Changes, Store};
use crate::model::{Nanos, SpanId, TraceId};

/// The agent, the session and, without one, the service of a run.
type Runner = (Symbol, Symbol, Option<u16>);

/// Where a run is among those of its runner.
type Order = (Nanos, TraceId, SpanId);

/// Input and output tokens.
type Stated = (u32, u32);

/// The runs that state usage.
#[derive(Debug, Default)]
pub(super) struct RunningTotals {
    runs: HashMap<Runner, BTreeMap<Order, RowIx>>,
    /// What the run before a run stated.
    before: HashMap<RowIx, Stated>,
}

impl Store {
    fn runner(&self, row: RowIx) -> Option<(Runner, Order)> {
        let data = self.row(row);
        let states_usage = data.span_type.is_agentic() && data.usage != NONE && !data.label.is_empty();
        let service = if data.session.is_empty() { self.service_number(row) } else { None };
        states_usage.then(|| ((data.label, data.session, service), (data.start, self.trace(data.trace()).id, data.id)))
    }

    pub(super) fn stated_tokens(&self, row: RowIx) -> Option<Stated> {
        self.usage(row).and_then(|usage| usage.input.zip(usage.output))
    }

    /// Returns the runs before and after a run, of the same runner.
    fn runs_around(&self, (runner, order): &(Runner, Order)) -> (Option<RowIx>, Option<RowIx>) {
        let Some(runs) = self.running_totals.runs.get(runner) else { return (None, None) };
        let before = runs.range(..order).next_back().map(|(_, &row)| row);
        let after = runs.range((Bound::Excluded(order), Bound::Unbounded)).next().map(|(_, &row)| row);
        (before, after)
    }

    /// Returns the run before a run, of the same agent and session.
    pub(super) fn run_before(&self, row: RowIx) -> Option<RowIx> {
        self.runs_around(&self.runner(row)?).0
    }

    /// Whether the row is a run whose usage is compared with that of the run before it.
    pub(super) fn is_run_with_totals(&self, row: RowIx) -> bool {
        self.runner(row).is_some()
    }

    /// Returns the tokens that the run before this one stated.
    pub(super) fn stated_before(&self, row: RowIx) -> Option<Stated> {
        if self.running_totals.before.is_empty() { None } else { self.running_totals.before.get(&row).copied() }
    }

    /// Returns whether what the row states exceeds the totals `below` it by what the run before it stated.
    pub(super) fn is_running_total(&self, row: RowIx, below: &Totals) -> bool {
        let Some((stated, before)) = self.stated_before(row).and_then(|before| Some((self.stated_tokens(row)?, before))) else {
            return false;
        };
        let sum = |sum: u64, before: u32| sum.saturating_add(before.into());
        below.calls > 0 && (u64::from(stated.0), u64::from(stated.1)) == (sum(below.input, before.0), sum(below.output, before.1))
    }

    /// Adds a linked row to the runs, if it is one that states usage.
    pub(super) fn enter_running_totals(&mut self, row: RowIx, changes: &mut Changes) {
        let Some(place) = self.runner(row) else { return };
        self.running_totals.runs.entry(place.0).or_default().insert(place.1, row);
        let (before, after) = self.runs_around(&place);
        self.set_stated_before(row, before.and_then(|before| self.stated_tokens(before)), changes);
        if let Some(after) = after {
            self.set_stated_before(after, self.stated_tokens(row), changes);
        }
    }

    /// Removes a linked row from the runs.
    pub(super) fn leave_running_totals(&mut self, row: RowIx, changes: &mut Changes) {
        let Some(place) = self.runner(row) else { return };
        let (before, after) = self.runs_around(&place);
        if let Some(after) = after {
            self.set_stated_before(after, before.and_then(|before| self.stated_tokens(before)), changes);
        }
        self.set_stated_before(row, None, changes);
        self.remove_run(&place);
    }

    /// Removes a row that is evicted. What it stated remains known to the run after it.
    pub(super) fn forget_run(&mut self, row: RowIx) {
        if let Some(place) = self.runner(row) {
            self.remove_run(&place);
            self.running_totals.before.remove(&row);
        }
    }

    fn remove_run(&mut self, (runner, order): &(Runner, Order)) {
        if let Some(runs) = self.running_totals.runs.get_mut(runner) {
            runs.remove(order);
            if runs.is_empty() {
                self.running_totals.runs.remove(runner);
            }
        }
    }

    fn set_stated_before(&mut self, row: RowIx, stated: Option<Stated>, changes: &mut Changes) {
        if self.stated_before(row) == stated {
            return;
        }
        self.change(row, |store| {
            match stated {
                Some(stated) => store.running_totals.before.insert(row, stated),
                None => store.running_totals.before.remove(&row),
            };
        });
        changes.rows.push(row);
        self.touch(self.row(row).trace(), changes);
    }

    /// Panics unless every run knows what the run before it stated.
    #[cfg(test)]
    pub(super) fn check_running_totals(&self) {
        for row in self.rows() {
            let Some(place) = self.runner(row) else {
                assert_eq!(self.stated_before(row), None);
                continue;
            };
            assert_eq!(self.running_totals.runs.get(&place.0).and_then(|runs| runs.get(&place.1)), Some(&row), "a run is known");
            if let (Some(before), _) = self.runs_around(&place) {
                assert_eq!(self.stated_before(row), self.stated_tokens(before), "what the run before stated");
            }
        }
        let runs = self.running_totals.runs.values().flat_map(BTreeMap::values);
        assert!(runs.into_iter().all(|&row| self.is_held(row) && self.runner(row).is_some()));
    }
}
