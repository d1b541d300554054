//! The links between rows: parents, children and roots.
//!
//! Siblings are sorted by start. A row is linked to its place (see `placement`), except to itself, to a row below it and to a row at the
//! maximum depth; such a row becomes a root or a child of a row above.

use smallvec::SmallVec;

use super::Store;
use super::ix::{NONE, RowIx, TraceIx};
use super::totals::Totals;
use crate::model::{Nanos, SpanType};

/// The maximum depth of the tree. A change costs the depth of its row, so a chain of any length must not produce a tree of that depth.
const MAX_DEPTH: usize = 1024;

/// Sibling rows. Most lists are short and need no allocation.
pub(super) type Children = SmallVec<[RowIx; 4]>;

/// The children of a row, and the sum of their totals.
#[derive(Debug, Default)]
pub(super) struct ChildList {
    pub(super) children: Children,
    pub(super) totals: Totals,
    /// The number of agents among the children, without those that were moved here.
    agents: u32,
    /// The indexes of those agents, combined by exclusive or: of a single agent, its index.
    agent: u32,
    /// The part of the totals that reports the same calls as the row.
    pub(super) inner: Option<Box<Totals>>,
}

impl Store {
    /// Returns the children of `row` in the order of their starts.
    #[must_use]
    pub fn children(&self, row: RowIx) -> &[RowIx] {
        match self.row(row).children {
            NONE => &[],
            list => &self.child_lists[list].children,
        }
    }

    /// Returns the index of the row among its siblings.
    #[must_use]
    pub fn position(&self, row: RowIx) -> usize {
        let order = self.row(row).order();
        self.siblings(self.row(row).parent(), row).partition_point(|&other| self.row(other).order() < order)
    }

    /// Links an unlinked row, with all rows below it, to `parent`, or makes it a root.
    pub(super) fn link(&mut self, row: RowIx, parent: Option<RowIx>) {
        let order = self.row(row).order();
        if let Some(parent) = parent
            && self.row(parent).children == NONE
        {
            let list = self.child_lists.insert(ChildList::default());
            self.rows[parent.0].children = list;
        }
        let siblings = self.siblings(parent, row);
        let index = match siblings.last() {
            Some(&last) if self.row(last).order() > order => siblings.partition_point(|&other| self.row(other).order() < order),
            _ => siblings.len(),
        };
        self.rows[row.0].parent = parent.map_or(NONE, |parent| parent.0);
        self.touch_frame(parent);
        self.siblings_mut(parent, row).insert(index, row);
        self.count_agent(row, 1);
        if parent.is_none() {
            self.count_leaked(row, 1);
            self.begin_trace_sums(self.row(row).trace(), row);
        }
        let totals = self.totals(row);
        let unowned = self.unowned_for_ancestors(row, parent, &totals);
        let (calls, from) = self.calls_for_ancestors(row, parent);
        self.propagate(row, totals, (calls, from), unowned);
        if let Some(parent) = parent {
            self.update_placeholder(parent, row);
        }
    }

    /// Unlinks a row, with all rows below it, from its parent or from the roots.
    pub(super) fn unlink(&mut self, row: RowIx) {
        let totals = self.totals(row);
        let unowned = self.unowned_for_ancestors(row, self.row(row).parent(), &totals);
        let (calls, from) = self.calls_for_ancestors(row, self.row(row).parent());
        self.propagate(row, totals.negated(), (calls.negated(), from), unowned.map(|unowned| unowned.negated()));
        self.touch_frame(self.row(row).parent());
        self.remove_from_siblings(row);
        self.count_agent(row, -1);
        if self.row(row).parent == NONE {
            self.count_leaked(row, -1);
            let data = &mut self.traces[self.rows[row.0].trace];
            data.sums = data.sums.take().filter(|_| data.roots.len() > 1);
        }
        self.rows[row.0].parent = NONE;
    }

    /// Counts a linked row among its parent's agents if it is one; `change` is 1 or -1. An agent that was moved here does not count: its
    /// place may depend on that of a call here.
    fn count_agent(&mut self, row: RowIx, change: i32) {
        if let Some(parent) = self.row(row).parent().filter(|_| self.row(row).is_agent() && !self.is_moved(row)) {
            let list = &mut self.child_lists[self.rows[parent.0].children];
            list.agents = list.agents.wrapping_add_signed(change);
            list.agent ^= row.0;
        }
    }

    /// Counts a root if it leaked; `change` is 1 or -1.
    fn count_leaked(&mut self, root: RowIx, change: i32) {
        if self.is_leaked(root) {
            let data = &mut self.traces[self.rows[root.0].trace];
            data.leaked = data.leaked.wrapping_add_signed(change);
        }
    }

    /// Returns the agent among the children of `row` that name it as their parent, if there is exactly one.
    pub(super) fn only_agent(&self, row: RowIx) -> Option<RowIx> {
        let list = self.row(row).children;
        let list = (list != NONE).then(|| &self.child_lists[list])?;
        (list.agents == 1).then_some(RowIx(list.agent))
    }

    /// Begins to keep sums over a trace when `added` becomes its second root.
    fn begin_trace_sums(&mut self, trace: TraceIx, added: RowIx) {
        if let [first, second] = *self.trace(trace).roots() {
            let other = if first == added { second } else { first };
            self.traces[trace.0].sums = Some(Box::new(self.totals(other)));
        }
    }

    fn remove_from_siblings(&mut self, row: RowIx) {
        let index = self.position(row);
        let siblings = self.siblings_mut(self.row(row).parent(), row);
        debug_assert_eq!(siblings.get(index), Some(&row), "siblings are sorted");
        siblings.remove(index);
    }

    /// Updates a placeholder from a child: it starts no later, ends no earlier, and its type is guessed from the child's. A child that does
    /// not name it as its parent, such as an agent that runs in its tool, tells nothing of its type.
    fn update_placeholder(&mut self, parent: RowIx, child: RowIx) {
        let (start, end, child_type) = (self.row(child).start, self.row(child).end, self.row(child).span_type);
        let data = self.row(parent);
        if !data.placeholder {
            return;
        }
        let names_it = !self.stated_parents.contains_key(&child);
        let span_type = match names_it {
            true if self.is_delegation(child) || self.requests_delegation(child) => SpanType::Team,
            true => guess_type(data.span_type, child_type),
            false => data.span_type,
        };
        if start < data.start {
            self.move_start(parent, start);
        }
        let data = &mut self.rows[parent.0];
        (data.span_type, data.end) = (span_type, data.end.max(end));
    }

    /// Sets an earlier start, and moves the row among its siblings accordingly.
    fn move_start(&mut self, row: RowIx, start: Nanos) {
        self.remove_from_siblings(row);
        self.rows[row.0].start = start;
        let (index, parent) = (self.position(row), self.row(row).parent());
        self.siblings_mut(parent, row).insert(index, row);
        if let Some(parent) = parent {
            self.update_placeholder(parent, row);
        }
    }

    /// Returns `parent`, or the lowest row above it that may have children at [`MAX_DEPTH`].
    pub(super) fn within_depth(&self, parent: RowIx) -> RowIx {
        let excess = self.path(parent).count().saturating_sub(MAX_DEPTH);
        self.path(parent).nth(excess).unwrap_or(parent)
    }

    /// Returns whether `row` is `ancestor` or below it.
    pub(super) fn is_at_or_below(&self, row: RowIx, ancestor: RowIx) -> bool {
        self.path(row).any(|row| row == ancestor)
    }

    pub(super) fn siblings(&self, parent: Option<RowIx>, row: RowIx) -> &[RowIx] {
        match parent {
            Some(parent) => self.children(parent),
            None => &self.traces[self.row(row).trace].roots,
        }
    }

    fn siblings_mut(&mut self, parent: Option<RowIx>, row: RowIx) -> &mut Children {
        if let Some(parent) = parent {
            let list = self.row(parent).children;
            &mut self.child_lists[list].children
        } else {
            let trace = self.row(row).trace;
            &mut self.traces[trace].roots
        }
    }
}

/// Returns the likely type of a placeholder from the guess so far and the type of another child.
fn guess_type(guess: SpanType, child: SpanType) -> SpanType {
    match (guess, child) {
        // Requests to servers and the like run in anything.
        (_, SpanType::Other) => guess,
        (SpanType::Workflow, _) | (_, SpanType::Step) => SpanType::Workflow,
        (SpanType::Team, _) => SpanType::Team,
        (_, child) if child.is_agentic() => SpanType::Team,
        _ => SpanType::Agent,
    }
}
