//! Totals of rows, and how a change of one row's totals reaches the rows above it.
//!
//! Each step up replaces one child's totals in the parent's sum, and propagation ends where nothing changes. A change costs the depth of
//! its row, not the number of rows.

use super::Store;
use super::attribution::OWNERS;
use super::ix::{NONE, RowIx, TraceIx};
use super::row::RunStatus;
use super::totals::Totals;
use crate::model::{Ending, SpanType, Status};

impl Store {
    /// Returns the sums over `row` and all rows below it.
    #[must_use]
    pub fn totals(&self, row: RowIx) -> Totals {
        let data = self.row(row);
        let mut totals = self.below(row);
        if data.usage != NONE {
            let usage = &self.usages[data.usage];
            if usage.is_duplicate() {
                totals.duplicates += 1;
            } else if !usage.is_known() {
                totals.silent += 1;
            } else if data.span_type.calls_model() {
                let inner = self.inner(row);
                let mut call = inner;
                call.add_call(usage.usage(), usage.states_cost());
                call.count_halves(|| data.own_status() == RunStatus::Ok && self.may_have_output(row));
                if call.least == 0 && self.leaves_out_requests(row) {
                    call.least = 1;
                    call.underpriced = u32::from(call.priced > 0 && call.stated == 0);
                }
                totals.add(&Totals::difference(&inner, &call));
            } else if usage.is_aggregated() || self.is_running_total(row, &totals) {
                totals.add_stated(usage.usage(), usage.states_cost());
            } else if self.states_unexplained_tokens(row) {
                totals.least += 1;
                totals.underpriced += u32::from(totals.priced > 0 && totals.stated == 0);
            } else {
                totals.add_larger(usage.usage(), usage.states_cost());
            }
        }
        totals.spans += u32::from(!data.placeholder);
        totals.tools += u32::from(data.span_type == SpanType::Tool && !data.placeholder);
        totals.errors += u32::from(data.status() == Status::Error);
        if data.fails() {
            let is_another = data.has_own_reason();
            totals.fatal = match is_another {
                _ if data.was_retried() => totals.fatal - self.inner(row).fatal,
                true => totals.fatal + 1,
                false => totals.fatal.max(1),
            };
            if (totals.failed == 0 || is_another) && !self.is_duplicate(row) {
                totals.failed += 1;
                totals.refused += u32::from(data.ending() == Ending::Refused || data.span_type == SpanType::Guardrail);
            }
        } else if data.span_type == SpanType::Model && self.has_ended_well(row) {
            totals.fatal -= self.inner(row).fatal;
        }
        match data.own_status() {
            RunStatus::Running => totals.running += 1,
            RunStatus::Lost => totals.lost += 1,
            RunStatus::Paused => totals.paused += 1,
            RunStatus::Cut => totals.cut += 1,
            RunStatus::Ok | RunStatus::Error => {}
        }
        totals
    }

    /// Returns the sums over all rows below `row`.
    #[must_use]
    pub fn below(&self, row: RowIx) -> Totals {
        match self.row(row).children {
            NONE => Totals::default(),
            list => self.child_lists[list].totals,
        }
    }

    /// Returns the sums over all rows of a trace.
    #[must_use]
    pub fn totals_of(&self, trace: TraceIx) -> Totals {
        let data = self.trace(trace);
        match (&data.sums, data.roots()) {
            (Some(sums), _) => **sums,
            (None, [root]) => self.totals(*root),
            (None, _) => Totals::default(),
        }
    }

    /// Returns the totals that stand beside a row: those of the row, and beside the first root of a trace those of the trace and of the
    /// traces that are parts of it, as in a list of traces.
    #[must_use]
    pub fn shown_totals(&self, row: RowIx) -> Totals {
        let trace = self.row(row).trace();
        match self.trace(trace).roots().first() {
            Some(&first) if first == row && self.is_part(trace) => self.totals_of(trace),
            Some(&first) if first == row => self.group_totals(trace),
            _ => self.totals(row),
        }
    }

    /// Changes a linked row in a way that may change its totals but neither its name nor its type, and propagates the difference.
    pub(super) fn change(&mut self, row: RowIx, change: impl FnOnce(&mut Self)) {
        let (before, call_before) = (self.totals(row), self.reported_call(row));
        change(self);
        let difference = Totals::difference(&before, &self.totals(row));
        let calls = Totals::difference(&call_before, &self.reported_call(row));
        self.attribute_own(row, &difference);
        self.settle_cost_model(row);
        let mut unowned = [difference; 2];
        self.attribute_to_owner(row, &mut unowned);
        self.propagate(row, difference, (calls, Some(row)), unowned);
    }

    /// Attributes what has no owner yet to the row, for each kind of owner that the row is. Afterwards that has an owner.
    fn attribute_to_owner(&mut self, row: RowIx, unowned: &mut [Totals; 2]) {
        for (by, unowned) in OWNERS.into_iter().zip(unowned) {
            if let Some(name) = self.owner(by, row)
                && !unowned.is_zero()
            {
                self.update_stats(self.row(row).trace(), |stats| stats.add_usage(by, name, unowned));
                *unowned = Totals::default();
            }
        }
    }

    /// Adds a difference of a row's totals to the rows above it, to its trace and to the overall sums. `unowned` is the part that is
    /// still to be attributed to the nearest agent and to the nearest tool above the row. `calls` is the part that the nearest reporting
    /// row above may report, too, and the row it comes from, as [`Store::calls_for_ancestors`] returns them.
    pub(super) fn propagate(
        &mut self,
        mut row: RowIx,
        mut change: Totals,
        (mut calls, mut from): (Totals, Option<RowIx>),
        mut unowned: [Totals; 2],
    ) {
        while !change.is_zero() || !calls.is_zero() || unowned.iter().any(|unowned| !unowned.is_zero()) {
            let data = self.row(row);
            let (parent, trace) = (data.parent, data.trace);
            if parent == NONE {
                let data = &mut self.traces[trace];
                let before = data.run_status();
                data.counts.add(&change);
                if let Some(sums) = &mut data.sums {
                    sums.add(&change);
                }
                let after = data.run_status();
                self.update_stats(TraceIx(trace), |stats| {
                    stats.totals.add(&change);
                    stats.runs.replace(before, after);
                });
                return;
            }
            let parent = RowIx(parent);
            let data = self.row(parent);
            let (mut adds_nothing, list) = (data.usage == NONE && !data.fails(), data.children);
            if !calls.is_zero() {
                calls = self.calls_for(parent, &calls, from);
            }
            let keeps_inner = self.keeps_inner(parent);
            adds_nothing &= !keeps_inner || (calls.fatal == 0 && self.inner(parent).fatal == 0);
            let told = |store: &Self| (store.inner(parent).has_usage(), store.inner(parent).spans > 0);
            let had_failed = self.has_failed(parent);
            let left_out_requests = self.leaves_out_requests(parent);
            let told_before = if keeps_inner { told(self) } else { Default::default() };
            if adds_nothing {
                self.child_lists[list].totals.add(&change);
                if keeps_inner {
                    self.add_inner(parent, &calls);
                    // The parent is one row for the rows above it, whatever is below.
                    calls.spans = 0;
                }
            } else {
                // The own totals of a parent that states usage or failed change: what it states counts there only as far as it exceeds the
                // rows below, and its failure only while none of them failed.
                let before = self.totals(parent);
                let call_before = if keeps_inner { self.call_part(parent, &before) } else { Totals::default() };
                self.child_lists[list].totals.add(&change);
                if keeps_inner {
                    self.add_inner(parent, &calls);
                }
                let after = self.totals(parent);
                if keeps_inner {
                    calls = Totals::difference(&call_before, &self.call_part(parent, &after));
                }
                let parent_change = Totals::difference(&before, &after);
                let own_change = Totals::difference(&change, &parent_change);
                if !own_change.is_zero() {
                    self.attribute_own(parent, &own_change);
                    for unowned in &mut unowned {
                        unowned.add(&own_change);
                    }
                }
                change = parent_change;
            }
            self.recount_rate(parent, left_out_requests);
            self.settle_cost_model(parent);
            self.recount_failure(parent, had_failed);
            if keeps_inner {
                from = Some(parent);
                if told_before != told(self) {
                    self.recount_around(parent);
                }
            }
            self.attribute_to_owner(parent, &mut unowned);
            row = parent;
        }
        // The sums above stay as they are, but another row may count in them.
        if let Some(parent) = self.row(row).parent() {
            self.settle_cost_models(parent);
        }
    }
}
