//! Running totals: some frameworks keep one sum for an agent, and each run states what all runs of its conversation so far used.
//!
//! What such a run states exceeds the rows below it by exactly what the run before it stated, both in and out. Then the excess counted
//! there already. If no run before explains the excess, it is of earlier runs or of calls that no span tells: what counts below is a lower
//! bound. A call below that leaves out requests explains it, too.

use std::collections::BTreeMap;
use std::ops::Bound;

use hashbrown::{HashMap, HashSet};

use super::interner::Symbol;
use super::ix::{NONE, RowIx};
use super::packed_usage::PackedUsage;
use super::totals::Totals;
use super::{Changes, Store};
use crate::model::{Nanos, SpanId, SpanType, TraceId};

/// The most rows of a run that are searched for a tool that ran within a model call.
const MAX_EXAMINED: usize = 64;

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
    /// The runs that state more than the calls below them, which nothing explains.
    unexplained: HashSet<RowIx>,
}

impl Store {
    fn runner(&self, row: RowIx) -> Option<(Runner, Order)> {
        if !self.is_run_with_totals(row) {
            return None;
        }
        let data = self.row(row);
        let service = if data.session.is_empty() { self.service_number(row) } else { None };
        Some(((data.label, data.session, service), (data.start, self.trace(data.trace()).id, data.id)))
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
        let data = self.row(row);
        data.span_type.is_agentic() && data.usage != NONE && !data.label.is_empty()
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

    /// Returns whether a run states more than the calls below it, and nothing tells whether that is of earlier runs or of calls without a span.
    #[must_use]
    pub fn states_unexplained_tokens(&self, row: RowIx) -> bool {
        !self.running_totals.unexplained.is_empty() && self.running_totals.unexplained.contains(&row)
    }

    /// Returns whether what a run states exceeds the calls below it, both in and out, and nothing explains it.
    fn is_unexplained(&self, row: RowIx) -> bool {
        let below = self.below(row);
        let exceeds = |(input, output): Stated| u64::from(input) > below.input && u64::from(output) > below.output;
        let are_known = below.calls > 0 && below.duplicates + below.least + below.halves == 0 && below.inputs > 0 && below.outputs > 0;
        are_known
            && self.is_run_with_totals(row)
            && self.stated_tokens(row).is_some_and(exceeds)
            && !self.packed_usage(row).is_some_and(PackedUsage::is_aggregated)
            && !self.is_running_total(row, &below)
            && !self.calls_model_within_a_call(row)
    }

    /// Returns whether a tool ran within a model call of a run, beside which the model was asked again without a span; or whether the run has
    /// too many rows to tell.
    fn calls_model_within_a_call(&self, run: RowIx) -> bool {
        let (mut stack, mut rows) = (self.children(run).to_vec(), Vec::new());
        while let Some(row) = stack.pop() {
            if rows.len() == MAX_EXAMINED {
                return true;
            }
            rows.push(row);
            stack.extend(self.children(row).iter().take(MAX_EXAMINED));
        }
        let of_type = |span_type: SpanType| rows.iter().copied().filter(move |&row| self.row(row).span_type == span_type);
        of_type(SpanType::Tool).any(|tool| of_type(SpanType::Model).any(|call| self.lies_within(tool, call)))
    }

    /// Decides again which of the runs at and above the changed rows state what nothing explains.
    pub(super) fn settle_unexplained(&mut self, changes: &mut Changes) {
        if self.running_totals.runs.is_empty() {
            return;
        }
        let mut runs: Vec<RowIx> = Vec::new();
        for &row in changes.rows.iter().filter(|&&row| self.is_held(row)) {
            runs.extend(self.path(row).filter(|&above| self.is_run_with_totals(above)));
        }
        runs.sort_unstable();
        runs.dedup();
        let mut runs: Vec<(usize, RowIx)> = runs.into_iter().map(|run| (self.path(run).count(), run)).collect();
        runs.sort_unstable();
        // What a run counts depends on the runs below it.
        for (_, run) in runs.into_iter().rev() {
            let is_unexplained = self.is_unexplained(run);
            if is_unexplained != self.states_unexplained_tokens(run) {
                self.change(run, |store| {
                    let unexplained = &mut store.running_totals.unexplained;
                    if is_unexplained {
                        unexplained.insert(run)
                    } else {
                        unexplained.remove(&run)
                    };
                });
                changes.rows.push(run);
                self.touch(self.row(run).trace(), changes);
            }
        }
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
        if self.states_unexplained_tokens(row) {
            self.change(row, |store| _ = store.running_totals.unexplained.remove(&row));
        }
        self.remove_run(&place);
    }

    /// Removes a row that is evicted. What it stated remains known to the run after it.
    pub(super) fn forget_run(&mut self, row: RowIx) {
        if let Some(place) = self.runner(row) {
            self.remove_run(&place);
            self.running_totals.before.remove(&row);
            self.running_totals.unexplained.remove(&row);
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
                assert_eq!((self.stated_before(row), self.states_unexplained_tokens(row)), (None, false));
                continue;
            };
            assert_eq!(self.running_totals.runs.get(&place.0).and_then(|runs| runs.get(&place.1)), Some(&row), "a run is known");
            if let (Some(before), _) = self.runs_around(&place) {
                assert_eq!(self.stated_before(row), self.stated_tokens(before), "what the run before stated");
            }
        }
        let unexplained: HashSet<RowIx> = self.rows().filter(|&row| self.is_unexplained(row)).collect();
        assert_eq!(self.running_totals.unexplained, unexplained, "runs that state more than is told");
        let runs = self.running_totals.runs.values().flat_map(BTreeMap::values);
        assert!(runs.into_iter().all(|&row| self.is_held(row) && self.runner(row).is_some()));
    }
}
