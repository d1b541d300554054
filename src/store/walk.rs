//! Walks through the tree: upwards to the ancestors of a row, and downwards in pre-order: parents before children, siblings in the order of
//! their starts.

use super::attribution::MAX_EXAMINED_CHILDREN;
use super::{Phase, Row, RowIx, Store, Symbol, Totals, TraceIx};
use crate::model::{Ending, SpanType};

/// The maximum number of ancestors examined per row. Real trees are shallow, and a hostile one must not cost its depth for each row.
pub(super) const MAX_ANCESTORS: usize = 256;

/// The maximum number of rows examined for the one that a trace is named after.
const MAX_EXAMINED: usize = 256;

/// A pre-order walk over rows, each with its depth below the rows where the walk began.
#[derive(Debug)]
pub struct Walk<'a> {
    store: &'a Store,
    /// The rows whose subtrees are still to be visited, the next one last.
    stack: Vec<(RowIx, usize)>,
}

impl Iterator for Walk<'_> {
    type Item = (RowIx, usize);

    fn next(&mut self) -> Option<Self::Item> {
        let (row, depth) = self.stack.pop()?;
        self.stack.extend(self.store.children(row).iter().rev().map(|&child| (child, depth + 1)));
        Some((row, depth))
    }
}

impl Store {
    /// Walks over all rows of a trace. Its roots have depth 0.
    #[must_use]
    pub fn walk(&self, trace: TraceIx) -> Walk<'_> {
        Walk { store: self, stack: self.trace(trace).roots().iter().rev().map(|&root| (root, 0)).collect() }
    }

    /// Walks over `row`, at depth 0, and all rows below it.
    #[must_use]
    pub fn walk_below(&self, row: RowIx) -> Walk<'_> {
        Walk { store: self, stack: vec![(row, 0)] }
    }

    /// Returns all rows of a trace in the order of [`Store::walk`].
    #[must_use]
    pub fn rows_of(&self, trace: TraceIx) -> Vec<RowIx> {
        let mut rows = Vec::with_capacity(self.trace(trace).counts.spans as usize);
        rows.extend(self.walk(trace).map(|(row, _)| row));
        rows
    }

    /// Returns the row that a trace is named after: its first root. If that is no run and no call, but a request to a server, say, it is the
    /// first run of an agent, a team or a workflow in the trace, else the first call of a model. A root that never arrived and calls no model may
    /// be a caller that sends no spans: then it is the first run, too.
    #[must_use]
    pub fn lead(&self, trace: TraceIx) -> Option<RowIx> {
        let head = *self.trace(trace).roots().first()?;
        let is_lost = |row: RowIx| self.row(row).placeholder && self.row(row).phase != Phase::Running;
        let is_request = self.row(head).span_type == SpanType::Other;
        let calls_model = || self.children(head).iter().take(MAX_EXAMINED).any(|&child| self.row(child).span_type.calls_model());
        if !is_request && (!is_lost(head) || calls_model()) {
            return Some(head);
        }
        let (mut lead, mut examined) = (head, 0);
        let next = |rows: &[RowIx], stack: &mut Vec<RowIx>| stack.extend(rows.iter().take(MAX_EXAMINED).rev());
        let mut stack = Vec::new();
        next(self.trace(trace).roots(), &mut stack);
        while let Some(row) = stack.pop().filter(|_| examined < MAX_EXAMINED) {
            match self.row(row).span_type {
                span_type if span_type.is_agentic() && !is_lost(row) => return Some(row),
                SpanType::Model if lead == head && is_request => lead = row,
                _ => {}
            }
            examined += 1;
            next(self.children(row), &mut stack);
        }
        Some(lead)
    }

    /// Walks upwards from `row`, which comes first, to its root.
    pub(super) fn path(&self, row: RowIx) -> impl Iterator<Item = RowIx> {
        std::iter::successors(Some(row), |&row| self.row(row).parent())
    }

    /// Returns the name of the agent, the team or the workflow that the row is or runs under; empty if unknown.
    #[must_use]
    pub fn agent(&self, row: RowIx) -> Symbol {
        self.inherited(row, |data| if data.span_type.is_agentic() { data.label } else { Symbol::EMPTY })
    }

    /// Returns the first non-empty text that `fact` returns for the row or, from there upwards, for its ancestors.
    pub fn inherited(&self, row: RowIx, fact: impl Fn(&Row) -> Symbol) -> Symbol {
        self.path(row).take(MAX_ANCESTORS).map(|row| fact(self.row(row))).find(|text| !text.is_empty()).unwrap_or_default()
    }

    /// Returns the failed row below `row` that is the cause: the first failed child, its first failed child, and so on. Failures that fail a
    /// run go first. `None` if there is none, or if the row failed for a reason of its own.
    #[must_use]
    pub fn first_failure(&self, row: RowIx) -> Option<RowIx> {
        let first = |row: &RowIx, count: fn(&Totals) -> u32| {
            let has_failed = |row: &&RowIx| count(&self.totals(**row)) > 0;
            (count(&self.below(*row)) > 0).then(|| self.children(*row).iter().find(has_failed).copied()).flatten()
        };
        // A run that failed for a reason of its own is its own cause.
        let next = |row: &RowIx| {
            if self.row(*row).has_own_reason() {
                None
            } else {
                first(row, |totals| totals.fatal).or_else(|| first(row, |totals| totals.failed))
            }
        };
        std::iter::successors(next(&row), next).take(MAX_ANCESTORS).last()
    }

    /// Returns whether the row is where a failure began: it failed, nothing below it did or for another reason, and it counts here.
    #[must_use]
    pub fn is_failed_step(&self, row: RowIx) -> bool {
        let data = self.row(row);
        data.fails() && (self.below(row).failed == 0 || data.has_own_reason()) && !self.is_duplicate(row)
    }

    /// Returns the error text of a failed row: of the step where the failure began, or of the next row above that this failure alone
    /// made fail, or its own.
    #[must_use]
    pub fn failure_text(&self, row: RowIx) -> Symbol {
        let from = self.first_failure(row).unwrap_or(row);
        let is_same_failure =
            |&at: &RowIx| at == from || (self.row(at).own_failure() && self.below(at).failed.max(self.below(at).fatal) == 1);
        let failed = self.path(from).take(MAX_ANCESTORS).take_while(is_same_failure).map(|at| self.error(at));
        failed.chain([self.error(row)]).find(|text| !text.is_empty()).unwrap_or_default()
    }

    /// Returns the row's own error text; empty if it states none. The output of a refused run is the reason, unless a model had answered
    /// before: then it is the answer, and the reason is not known.
    #[must_use]
    pub fn error(&self, row: RowIx) -> Symbol {
        let data = self.row(row);
        let is_answer = || {
            let is_answered = |&child: &RowIx| self.row(child).span_type == SpanType::Model && self.has_ended_well(child);
            self.below(row).fatal == 0 && self.children(row).iter().rev().take(MAX_EXAMINED_CHILDREN).any(is_answered)
        };
        let is_unknown = data.ending() == Ending::Refused && data.span_type.is_agentic() && is_answer();
        if is_unknown { Symbol::EMPTY } else { data.error }
    }
}
