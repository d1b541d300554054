//! Under which row a span stands, where the parent that it names is not the row that it ran in.
//!
//! Some senders [misplace](crate::model::SpanFacts::misplaced) spans. Two rules correct that, for spans whose own sender and whose
//! parent's sender are such:
//!
//! 1. A call beside the only agent of a step, begun while that agent ran, is the agent's. So is one beside the only run in a
//!    [delegation](Store::has_name_of_delegation), of any sender: a stream that its consumer reads is not the current span.
//! 2. A span that began after its parent had ended belongs to the nearest row above that was still open; if there is none, it is a root:
//!    it *leaked* from a run that was over.
//!
//! A third one is for runs of any sender, beside a [delegation](Store::is_delegation) of such a sender:
//!
//! 3. The run of a team's member is below the call that hands the task to it, as other senders tell it: the only one that was open when
//!    the run began, or that names the member.
//!
//! The place depends only on the facts of the row, its parent, the rows above, the step's agents and the team's delegations, not on the order
//! of arrival. So it is decided again when one of those changes: for the children of the changed row, for the rows that passed it on their way up
//! ([`Store::passed`]), for the calls in a step whose agents changed, and for the runs beside a delegation that changed. Everything else in the
//! store follows the links that result.

use smallvec::SmallVec;

use super::ix::{RowIx, TraceIx};
use super::row::{Phase, Row};
use super::{Changes, Store};
use crate::model::{Nanos, SpanId, SpanType};

/// The maximum number of ended rows that a row passes on its way up. A row that would pass more stays with its parent.
const MAX_PASSED: usize = 64;

/// The maximum number of rows whose place one span decides again.
const MAX_DECIDED: usize = 8192;

/// The maximum number of instrumentations that report one run.
const MAX_TOLD: usize = 4;

/// The maximum number of rows beside a run that are examined for the call that delegates to it.
const MAX_BESIDE: usize = 64;

/// The parent that a row names and is not linked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StatedParent {
    /// `None` for an orphan, which has not named a parent.
    pub(super) id: Option<SpanId>,
    /// Whether the row was moved because it did not run in that parent. Otherwise a link is impossible.
    pub(super) is_moved: bool,
}

/// The rows that a row passes, from its parent upwards.
type Passed = SmallVec<[RowIx; 4]>;

impl Row {
    pub(super) fn has_ended_before(&self, time: Nanos) -> bool {
        !self.placeholder && self.phase == Phase::Ended && self.end < time
    }

    /// Returns whether the row is a run of an agent, a team or a workflow that has arrived.
    pub(super) fn is_agent(&self) -> bool {
        self.span_type.is_agentic() && !self.placeholder
    }
}

impl Store {
    /// Returns whether the row is a run of its own although it names a parent: it began after that parent, and everything above, had ended.
    #[must_use]
    pub fn is_leaked(&self, row: RowIx) -> bool {
        self.row(row).parent().is_none() && self.is_moved(row)
    }

    /// Returns whether a trace holds runs that leaked.
    #[must_use]
    pub fn has_leaked(&self, trace: TraceIx) -> bool {
        self.trace(trace).leaked > 0
    }

    /// Returns whether the row stands elsewhere than under the parent that it names, since it did not run in that parent.
    #[must_use]
    pub fn is_moved(&self, row: RowIx) -> bool {
        self.stated_parents.get(&row).is_some_and(|stated| stated.is_moved)
    }

    /// Finds the row to link `row` to, given the row of the parent that it names. Also returns whether that moves the row.
    pub(super) fn place(&mut self, row: RowIx, stated: RowIx) -> (Option<RowIx>, bool) {
        let (place, passed) = self.placed(row, stated);
        self.passed.extend(passed.into_iter().map(|above| (above, row)));
        (place.map(|place| self.within_depth(place)), place != Some(stated))
    }

    /// Returns the row that `row` ran in, given the row of the parent that it names, and the rows that it passes.
    pub(super) fn placed(&self, row: RowIx, stated: RowIx) -> (Option<RowIx>, Passed) {
        let (place, passed) = self.place_without_delegation(row, stated);
        (place.map(|place| self.delegation_beside(row, place).unwrap_or(place)), passed)
    }

    fn place_without_delegation(&self, row: RowIx, stated: RowIx) -> (Option<RowIx>, Passed) {
        let start = self.row(row).start;
        if !self.row(row).is_misplaced() {
            return (Some(stated), Passed::new());
        }
        if let Some(agent) = self.agent_beside(row, stated) {
            return (Some(agent), Passed::from_slice(&[stated]));
        }
        if !self.row(stated).is_misplaced() {
            return (Some(stated), Passed::new());
        }
        let mut passed = Passed::new();
        for above in self.path(stated) {
            if !self.row(above).has_ended_before(start) {
                return (Some(above), passed);
            }
            if passed.len() == MAX_PASSED {
                return (Some(stated), Passed::new());
            }
            passed.push(above);
        }
        (None, passed)
    }

    /// Returns the only agent of a step or a delegation, if it ran when `row`, a call there, began.
    fn agent_beside(&self, row: RowIx, step: RowIx) -> Option<RowIx> {
        let data = self.row(row);
        let is_call = data.span_type.calls_model() || data.span_type.calls_tool();
        if !is_call || !self.may_hold_calls_of_agent(step) {
            return None;
        }
        let runs = |agent: RowIx| {
            let agent = self.row(agent);
            agent.is_agent() && agent.start <= data.start && !agent.has_ended_before(data.start)
        };
        // Of one run that two instrumentations report, the lower one tells the calls.
        let again = |&agent: &RowIx| self.only_agent(agent).filter(|&below| self.is_same_operation(agent, below));
        let agents = std::iter::successors(self.only_agent(step), again).take(MAX_TOLD).take_while(|&agent| runs(agent));
        agents.filter(|&agent| self.row(agent).is_misplaced()).last()
    }

    /// Whether calls beside the only agent in a row may be those of the agent.
    fn may_hold_calls_of_agent(&self, row: RowIx) -> bool {
        let data = self.row(row);
        (data.span_type == SpanType::Step && data.is_misplaced()) || self.has_name_of_delegation(row)
    }

    /// Returns the call in a team that handed its task to a run there. A team that has not arrived may be any row.
    fn delegation_beside(&self, run: RowIx, team: RowIx) -> Option<RowIx> {
        let (data, above) = (self.row(run), self.row(team));
        if !data.is_agent() || !(above.placeholder || above.span_type.is_agentic()) {
            return None;
        }
        let calls = self.children(team);
        let begun = calls.partition_point(|&call| self.row(call).order() < data.order());
        let is_open = |&call: &RowIx| self.is_delegation(call) && !self.row(call).has_ended_before(data.start);
        let mut open = calls[..begun].iter().rev().take(MAX_BESIDE).copied().filter(is_open);
        match (open.next(), open.next()) {
            (only, None) => only,
            (first, second) => {
                let agent = self.text(data.label);
                let mut named = first.into_iter().chain(second).chain(open).filter(|&call| self.delegates_to(call, agent));
                named.next().filter(|_| named.next().is_none())
            }
        }
    }

    /// Returns whether the arguments of a delegation name a member, whose id Agno makes of its name.
    fn delegates_to(&self, call: RowIx, agent: &str) -> bool {
        let named = self.text(self.row(call).input).split_once("\"member_id\"").and_then(|(_, rest)| rest.split('"').nth(1));
        named.is_some_and(|id| {
            !id.is_empty() && id.chars().eq(agent.chars().flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }))
        })
    }

    /// Decides the places again that depend on a row, which was inserted or updated and whose parent was `old_parent`.
    pub(super) fn place_dependents(&mut self, row: RowIx, old_parent: Option<RowIx>, was_agent: bool, changes: &mut Changes) {
        let mut undecided = Vec::new();
        self.add_passing(row, &mut undecided);
        let has_delegation = || self.has_name_of_delegation(row) || self.children(row).iter().any(|&child| self.is_delegation(child));
        if self.row(row).is_misplaced() || !self.stated_parents.is_empty() || has_delegation() {
            self.release_orphans(row, changes);
            self.add_children(row, &mut undecided);
        }
        if was_agent || self.row(row).is_agent() {
            self.add_calls_beside(row, old_parent, &mut undecided);
        }
        self.add_runs_beside(row, old_parent, &mut undecided);
        for _ in 0..MAX_DECIDED {
            let Some(next) = undecided.pop() else { return };
            let old_parent = self.row(next).parent();
            if self.decide_again(next, changes) {
                self.add_passing(next, &mut undecided);
                if self.row(next).is_agent() {
                    self.add_calls_beside(next, old_parent, &mut undecided);
                }
                self.add_runs_beside(next, old_parent, &mut undecided);
            }
        }
    }

    /// Adds the rows that passed `row` on their way up.
    fn add_passing(&self, row: RowIx, undecided: &mut Vec<RowIx>) {
        if !self.passed.is_empty() {
            undecided.extend(self.passed.range((row, RowIx(0))..=(row, RowIx(u32::MAX))).map(|&(_, passing)| passing));
        }
    }

    /// Forgets which rows passed `row`, which is dropped.
    pub(super) fn forget_passing(&mut self, row: RowIx) {
        let mut passing = Vec::new();
        self.add_passing(row, &mut passing);
        for passing in passing {
            self.passed.remove(&(row, passing));
        }
    }

    fn add_children(&self, row: RowIx, undecided: &mut Vec<RowIx>) {
        for &child in self.children(row) {
            if self.row(child).is_misplaced() || self.row(child).is_agent() {
                undecided.push(child);
            }
            if self.is_delegation(child) {
                self.add_members(child, undecided);
            }
        }
    }

    /// Adds the runs below a delegation that name another parent.
    fn add_members(&self, call: RowIx, undecided: &mut Vec<RowIx>) {
        undecided.extend(self.children(call).iter().copied().filter(|&run| self.is_moved(run)));
    }

    /// Adds the runs beside which a delegation is or was, and those below it and the others there.
    fn add_runs_beside(&self, call: RowIx, old_parent: Option<RowIx>, undecided: &mut Vec<RowIx>) {
        if !self.has_name_of_delegation(call) {
            return;
        }
        self.add_members(call, undecided);
        let (parent, order) = (self.row(call).parent(), self.row(call).order());
        for team in [parent, old_parent.filter(|_| old_parent != parent)].into_iter().flatten() {
            let beside = self.children(team);
            let at = beside.partition_point(|&other| self.row(other).order() < order);
            for &other in &beside[at.saturating_sub(MAX_BESIDE)..beside.len().min(at + MAX_BESIDE)] {
                if self.row(other).is_agent() {
                    undecided.push(other);
                } else if other != call && self.is_delegation(other) {
                    self.add_members(other, undecided);
                }
            }
        }
    }

    /// Adds the calls in the steps that an agent is or was in.
    fn add_calls_beside(&self, agent: RowIx, old_parent: Option<RowIx>, undecided: &mut Vec<RowIx>) {
        let parent = self.row(agent).parent();
        for above in [parent, old_parent.filter(|_| old_parent != parent)].into_iter().flatten() {
            for step in self.path(above).take(MAX_TOLD) {
                if self.may_hold_calls_of_agent(step) {
                    self.add_children(step, undecided);
                    self.add_passing(step, undecided);
                }
                if !self.row(step).is_agent() {
                    break;
                }
            }
        }
    }

    /// Links a row elsewhere if its place has changed. Returns whether it has.
    fn decide_again(&mut self, row: RowIx, changes: &mut Changes) -> bool {
        let old = self.row(row).parent();
        let stated = match self.stated_parents.get(&row) {
            Some(StatedParent { id: Some(id), is_moved: true }) => self.find(self.row(row).trace(), *id),
            // A link is impossible.
            Some(_) => None,
            None => old,
        };
        let Some(stated) = stated else { return false };
        let (new, is_moved) = self.place(row, stated);
        if new == old || new.is_some_and(|new| self.is_at_or_below(new, row)) {
            return false;
        }
        let id = self.row(stated).id;
        let is_linked_to_it = new.is_some_and(|new| self.row(new).id == id);
        self.relink(row, (!is_linked_to_it).then_some(StatedParent { id: Some(id), is_moved }), new, changes);
        true
    }

    /// Links a linked row elsewhere, and decides again what depends on that.
    pub(super) fn relink(&mut self, row: RowIx, stated: Option<StatedParent>, parent: Option<RowIx>, changes: &mut Changes) {
        let (old, belonging) = (self.row(row).parent(), self.belonging(row));
        self.unlink(row);
        match stated {
            Some(stated) => self.stated_parents.insert(row, stated),
            None => self.stated_parents.remove(&row),
        };
        self.link(row, parent);
        for around in [old, Some(row)].into_iter().flatten() {
            self.mark_own_reasons(around, changes);
            self.settle_cost_models(around);
        }
        for request in [old, parent].into_iter().flatten() {
            self.mark_attempts(request, changes);
        }
        for around in [old, parent, Some(row)].into_iter().flatten() {
            self.recount_around(around);
            self.mark_execution(around, changes);
            match self.row(around).span_type {
                SpanType::Model => self.mark_reports(around, changes),
                _ => self.mark_watchers(around, changes),
            }
        }
        if self.totals(row).has_reports() {
            self.elect_primary_above(row, old, changes);
            self.elect_primary_below(row, belonging, changes);
            self.elect_primary(self.response(row), changes);
            self.pair_around(self.slot(row), changes);
        }
        changes.rows.push(row);
    }
}

#[cfg(test)]
mod tests;
