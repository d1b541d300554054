//! Which agent, model and tool a row's own totals are attributed to, and which rows count as calls.
//!
//! A row's own totals are its totals minus the totals below it: the usage that the row states beyond the rows below it. (If the row
//! states a cost that replaces computed costs below it, the own cost is the difference and may be negative.) They are attributed to the
//! row's model, which may be empty, and to the nearest *owners*: the nearest named agent and the nearest named tool at or above the row.
//! When totals change, attribution follows on the same way up. A row that is linked or unlinked brings or takes what has no owner at or
//! below it.

use super::Store;
use super::interner::Symbol;
use super::ix::{NONE, RowIx, TraceIx};
use super::row::{Phase, RunStatus};
use super::stats::{By, Call, Stats};
use super::totals::Totals;
use crate::model::SpanType;

/// The maximum number of children examined for another row of the same operation. Such a row is an only child or one of a few.
pub(super) const MAX_EXAMINED_CHILDREN: usize = 64;

/// The groups that rows own usage for.
pub(super) const OWNERS: [By; 2] = [By::Agent, By::Tool];

impl By {
    /// Returns the group that spans of this type are calls of; `None` if they are not calls.
    #[must_use]
    pub fn of(span_type: SpanType) -> Option<Self> {
        match span_type {
            _ if span_type.is_agentic() => Some(Self::Agent),
            _ if span_type.calls_model() => Some(Self::Model),
            SpanType::Tool => Some(Self::Tool),
            _ => None,
        }
    }
}

impl Store {
    /// Returns the agent, the model or the tool that the row is a run or a call of; empty if it is none or has no name.
    #[must_use]
    pub fn label(&self, by: By, row: RowIx) -> Symbol {
        let data = self.row(row);
        if By::of(data.span_type) == Some(by) { data.label } else { Symbol::EMPTY }
    }

    /// Returns the model that the row counts for in [`Store::stats`]: the model it calls, or the one that its own usage is attributed to.
    #[must_use]
    pub fn attributed_model(&self, row: RowIx) -> Symbol {
        let label = self.label(By::Model, row);
        let has_own_usage = || self.row(row).usage != NONE && !self.own_totals(row).usage_only().is_zero();
        if label.is_empty() && has_own_usage() { self.counted_model(row) } else { label }
    }

    /// Returns the name under which the row owns the usage at and below it; `None` if it is not an owner.
    pub(super) fn owner(&self, by: By, row: RowIx) -> Option<Symbol> {
        let data = self.row(row);
        let is_owner = by != By::Model && By::of(data.span_type) == Some(by) && !data.placeholder && !data.label.is_empty();
        is_owner.then_some(data.label)
    }

    /// Returns the row's totals minus the totals below it.
    pub(super) fn own_totals(&self, row: RowIx) -> Totals {
        self.own_part(row, &self.totals(row))
    }

    /// Returns [`Store::own_totals`], given the row's `totals`.
    fn own_part(&self, row: RowIx, totals: &Totals) -> Totals {
        match self.row(row).children {
            NONE => *totals,
            list => Totals::difference(&self.child_lists[list].totals, totals),
        }
    }

    /// Returns the row's `totals` without the subtrees that have an owner below the row.
    fn unowned(&self, by: By, row: RowIx, totals: &Totals) -> Totals {
        let mut unowned = *totals;
        if self.row(row).children == NONE {
            return unowned;
        }
        let mut stack = vec![row];
        while let Some(row) = stack.pop() {
            for &child in self.children(row) {
                if self.owner(by, child).is_some() {
                    unowned.subtract(&self.totals(child));
                } else if self.row(child).children != NONE {
                    stack.push(child);
                }
            }
        }
        unowned
    }

    /// Returns what `row`, linked to `parent`, adds to the agent and to the tool above it: its `totals` without what has an owner.
    pub(super) fn unowned_for_ancestors(&self, row: RowIx, parent: Option<RowIx>, totals: &Totals) -> [Totals; 2] {
        // The computation visits the subtree; it is needless if no row above is an owner.
        let is_needed = |by| {
            let above = |row: &RowIx| self.row(*row).parent();
            self.row(row).children == NONE || std::iter::successors(parent, above).any(|row| self.owner(by, row).is_some())
        };
        OWNERS.map(|by| {
            let is_unowned = self.owner(by, row).is_none() && is_needed(by);
            if is_unowned { self.unowned(by, row, totals) } else { Totals::default() }
        })
    }

    /// Attributes the own totals of an unlinked row to its model and, if it is an owner, what is unowned below it to the row itself. Undoes
    /// that if `add` is false.
    pub(super) fn attribute(&mut self, row: RowIx, add: bool) {
        let signed = |totals: Totals| if add { totals } else { totals.negated() };
        let totals = self.totals(row);
        self.attribute_own(row, &signed(self.own_part(row, &totals)));
        for by in OWNERS {
            if let Some(name) = self.owner(by, row) {
                let owned = signed(self.unowned(by, row, &totals));
                self.update_stats(self.row(row).trace(), |stats| stats.add_usage(by, name, &owned));
            }
        }
    }

    /// Adds a change of the row's own totals to the row's model and to the minute of its end.
    pub(super) fn attribute_own(&mut self, row: RowIx, own: &Totals) {
        if own.is_zero() {
            return;
        }
        let (end, model) = (self.row(row).end, self.counted_model(row));
        self.update_stats(self.row(row).trace(), |stats| stats.add_own(end, model, own));
    }

    /// Adds the own totals of all rows to their minutes, after the minutes were cleared. Costs the number of rows.
    pub(super) fn refill_minutes(&mut self) {
        let rows: Vec<RowIx> = self.rows().collect();
        for row in rows {
            let (end, own) = (self.row(row).end, self.own_totals(row));
            self.update_stats(self.row(row).trace(), |stats| stats.add_to_minute(end, &own));
        }
    }

    /// Changes the statistics over all traces and, if the trace is selected, those over the selection.
    pub(super) fn update_stats(&mut self, trace: TraceIx, mut change: impl FnMut(&mut Stats)) {
        change(&mut self.stats);
        let is_selected = self.is_selected(trace);
        if let Some(selection) = self.selection.as_mut().filter(|_| is_selected) {
            change(selection);
        }
    }

    /// Counts the row as a call if it is one and not yet counted, or the reverse.
    pub(super) fn recount(&mut self, row: RowIx) {
        self.set_counted(row, self.is_call(row));
    }

    /// Sets whether the row is counted as a call.
    pub(super) fn set_counted(&mut self, row: RowIx, counted: bool) {
        if counted == self.row(row).counted {
            return;
        }
        self.rows[row.0].counted = counted;
        let call = self.as_call(row);
        self.update_stats(self.row(row).trace(), |stats| stats.count_call(&call, counted));
    }

    /// Counts the output of a counted call for the model's speed, or no longer, after it turned out to leave out requests or not to.
    pub(super) fn recount_rate(&mut self, row: RowIx, left_out_requests: bool) {
        if !self.row(row).counted || self.leaves_out_requests(row) == left_out_requests {
            return;
        }
        let (by, name, now) = self.as_call(row);
        let before = Call { output: self.stated_output(row, left_out_requests), ..now };
        self.update_stats(self.row(row).trace(), |stats| {
            stats.count_call(&(by, name, now), true);
            stats.count_call(&(by, name, before), false);
        });
    }

    /// Returns the output of a call that took all of its time; `None` if the call leaves out requests.
    fn stated_output(&self, row: RowIx, leaves_out_requests: bool) -> Option<u32> {
        self.usage(row).filter(|usage| !usage.is_least && !leaves_out_requests)?.output
    }

    /// Recounts the row, its parent and its children.
    pub(super) fn recount_around(&mut self, row: RowIx) {
        self.recount(row);
        self.recount_neighbors(row, self.row(row).span_type);
    }

    /// Recounts the parent and the children of a row that are calls of the same group as `span_type`, the row's type now or before.
    pub(super) fn recount_neighbors(&mut self, row: RowIx, span_type: SpanType) {
        let Some(by) = By::of(span_type) else { return };
        let is_same_group = |store: &Self, row: RowIx| By::of(store.row(row).span_type) == Some(by);
        if let Some(parent) = self.row(row).parent().filter(|&parent| is_same_group(self, parent)) {
            self.recount(parent);
        }
        for index in 0..self.children(row).len().min(MAX_EXAMINED_CHILDREN) {
            let child = self.children(row)[index];
            if is_same_group(self, child) {
                self.recount(child);
            }
        }
    }

    /// Returns whether the row is a call: of an agent, a model or a tool, and not a second row of the same operation.
    ///
    /// A framework and its instrumentation may each report an operation, one row below the other; hooks name the tool that they watch. Then
    /// the upper row is the run or the call. Of nested model rows, the one whose usage counts is the call, else the lowest.
    pub(super) fn is_call(&self, row: RowIx) -> bool {
        let data = self.row(row);
        if data.placeholder || self.is_duplicate(row) {
            return false;
        }
        let examined_children = || self.children(row).iter().take(MAX_EXAMINED_CHILDREN);
        if data.span_type == SpanType::Model {
            let has_no_usage_below = |row| !self.inner(row).has_usage();
            let uses = |row| self.usage(row).is_some() && has_no_usage_below(row);
            let is_model = |row: RowIx| self.row(row).span_type == SpanType::Model;
            let has_model_below = || self.inner(row).spans > 0;
            let counts_above = || data.parent().is_some_and(|parent| is_model(parent) && uses(parent) && self.runs_within(row, parent));
            return uses(row) || (has_no_usage_below(row) && !has_model_below() && !counts_above());
        }
        match By::of(data.span_type) {
            _ if data.label.is_empty() => false,
            Some(By::Agent) => !data.parent().is_some_and(|parent| self.is_same_operation(parent, row)),
            Some(By::Tool) => {
                let is_repeated = data.parent().is_some_and(|parent| self.is_same_operation(parent, row));
                !is_repeated && !self.counts_with_another_tool_call(row)
            }
            Some(By::Model) => !examined_children().any(|&child| self.is_same_operation(row, child)),
            None => false,
        }
    }

    /// Returns whether the row failed, or, if it is the run of an agent or a workflow, a step in it that no call outlived.
    #[must_use]
    pub fn has_failed(&self, row: RowIx) -> bool {
        let data = self.row(row);
        data.own_failure() || (data.span_type.is_agentic() && self.below(row).fatal > 0)
    }

    /// Returns whether a call failed; of a run, whether any row that reports it says so, and not only a step in it failed.
    #[must_use]
    pub fn has_itself_failed(&self, row: RowIx) -> bool {
        let mut reports = vec![row];
        while let Some(row) = reports.pop() {
            let data = self.row(row);
            if data.own_failure() {
                return true;
            }
            if data.span_type.is_agentic() && self.below(row).fatal > 0 {
                let children = self.children(row).iter().take(MAX_EXAMINED_CHILDREN).copied();
                reports.extend(children.filter(|&child| self.is_same_operation(row, child)));
            }
        }
        false
    }

    /// Returns the status of a row; that of a run is an error as soon as a step in it failed.
    #[must_use]
    pub fn run_status(&self, row: RowIx) -> RunStatus {
        if self.has_failed(row) { RunStatus::Error } else { self.row(row).own_status() }
    }

    /// Counts a run as failed, or no longer, after the failures below it changed.
    pub(super) fn recount_failure(&mut self, row: RowIx, before: bool) {
        let after = self.has_failed(row);
        if before != after && self.row(row).counted {
            let (by, name, _) = self.as_call(row);
            self.update_stats(self.row(row).trace(), |stats| stats.count_failure(by, name, after));
        }
    }

    /// Returns whether a row and its child report the same operation: same group, same name, and the child runs within the row's time. The
    /// execution of a tool call need not state the tool's name.
    pub(super) fn is_same_operation(&self, row: RowIx, child: RowIx) -> bool {
        let ran_by_other_clock = || self.lies_within_by_other_clock(child, row);
        let (row, child) = (self.row(row), self.row(child));
        let have_arrived = !row.placeholder && !child.placeholder;
        let is_within = (row.start <= child.start && child.end <= row.end) || ran_by_other_clock();
        let is_same = row.label == child.label || (child.span_type == SpanType::Tool && child.label.is_empty());
        have_arrived && is_within && is_same && By::of(row.span_type) == By::of(child.span_type)
    }

    /// Returns the group and the name that the row counts as a call of; a model's name may be empty. `None` if it is not counted.
    #[must_use]
    pub fn call_of(&self, row: RowIx) -> Option<(By, Symbol)> {
        self.row(row).counted.then(|| {
            let (by, name, _) = self.as_call(row);
            (by, name)
        })
    }

    /// Returns the row as a call; meaningful only for rows that are calls.
    pub(super) fn as_call(&self, row: RowIx) -> (By, Symbol, Call) {
        let data = self.row(row);
        let by = By::of(data.span_type).unwrap_or(By::Agent);
        let call = Call {
            // The time of a delegation is that of the member's run.
            duration: (data.phase == Phase::Ended && !self.is_delegation(row)).then(|| data.duration(0)),
            failed: self.has_failed(row),
            first_token: self.first_token(row).filter(|_| by == By::Model),
            output: if by == By::Model { self.stated_output(row, self.leaves_out_requests(row)) } else { None },
        };
        // A call whose span names no model is one of the model that its usage counts for.
        let name = if by == By::Model && data.label.is_empty() { self.counted_model(row) } else { data.label };
        (by, name, call)
    }
}
