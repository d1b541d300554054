//! The pre-order walk: parents before children, siblings in the order of their starts.

use super::Store;
use super::ix::{RowIx, TraceIx};

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
}
