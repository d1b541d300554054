//! Folds, and walking over the rows that they leave visible.

use std::collections::VecDeque;

use super::TraceTree;
use crate::store::{RowIx, Store, TraceIx};

impl TraceTree {
    // --- folds ---

    /// Returns the row that a trace is on the screen.
    pub(super) fn head(store: &Store, trace: TraceIx) -> RowIx {
        store.trace(trace).roots()[0]
    }

    pub(super) fn is_head(store: &Store, row: RowIx) -> bool {
        Self::head(store, store.row(row).trace()) == row
    }

    /// Whether the row is unfolded.
    #[must_use]
    pub fn is_open(&self, store: &Store, row: RowIx) -> bool {
        let data = store.row(row);
        if Self::is_head(store, row) {
            self.is_unfolded != self.fold_exceptions.contains(&data.trace())
        } else {
            !self.folded.contains(row)
        }
    }

    pub(super) fn set_open(&mut self, store: &Store, row: RowIx, open: bool) {
        let data = store.row(row);
        if Self::is_head(store, row) {
            let trace = data.trace();
            if open == self.is_unfolded {
                self.fold_exceptions.remove(&trace);
            } else {
                self.fold_exceptions.insert(trace);
            }
        } else {
            self.folded.set(row, !open);
        }
    }

    /// Returns the number of children of a row on the screen.
    #[must_use]
    pub fn child_count(&self, store: &Store, row: RowIx) -> usize {
        let roots = if Self::is_head(store, row) { store.trace(store.row(row).trace()).roots().len() - 1 } else { 0 };
        store.children(row).len() + roots
    }

    /// Returns the children of a row on the screen; those of a head include the other roots of its trace.
    pub fn children(store: &Store, row: RowIx) -> impl Iterator<Item = RowIx> {
        let roots = if Self::is_head(store, row) { &store.trace(store.row(row).trace()).roots()[1..] } else { &[] };
        store.children(row).iter().chain(roots).copied()
    }

    pub(super) fn child(store: &Store, row: RowIx, index: usize) -> RowIx {
        let children = store.children(row);
        children.get(index).copied().unwrap_or_else(|| store.trace(store.row(row).trace()).roots()[index - children.len() + 1])
    }

    /// Returns the parent of a row on the screen; `None` for a head.
    #[must_use]
    pub fn parent(store: &Store, row: RowIx) -> Option<RowIx> {
        let head = Self::head(store, store.row(row).trace());
        store.row(row).parent().or((head != row).then_some(head))
    }

    /// Returns the index of a row among the children of its parent on the screen.
    pub(super) fn position(store: &Store, row: RowIx, parent: RowIx) -> usize {
        let index = store.position(row);
        if store.row(row).parent().is_some() { index } else { store.children(parent).len() + index - 1 }
    }

    /// Whether the row is the last child of its parent on the screen.
    #[must_use]
    pub fn is_last(&self, store: &Store, row: RowIx) -> bool {
        Self::parent(store, row).is_none_or(|parent| Self::position(store, row, parent) + 1 == self.child_count(store, parent))
    }

    // --- walking ---

    /// Returns the visible row below a row.
    pub(super) fn next(&self, store: &Store, row: RowIx) -> Option<RowIx> {
        if self.is_open(store, row) && self.child_count(store, row) > 0 {
            return Some(Self::child(store, row, 0));
        }
        let mut row = row;
        while let Some(parent) = Self::parent(store, row) {
            let index = Self::position(store, row, parent) + 1;
            if index < self.child_count(store, parent) {
                return Some(Self::child(store, parent, index));
            }
            row = parent;
        }
        let position = self.position_of(store.row(row).trace())? + 1;
        Some(Self::head(store, self.order.get(position)?))
    }

    /// Returns the visible row above a row.
    pub(super) fn previous(&self, store: &Store, row: RowIx) -> Option<RowIx> {
        if let Some(parent) = Self::parent(store, row) {
            return Some(match Self::position(store, row, parent) {
                0 => parent,
                index => self.last_descendant(store, Self::child(store, parent, index - 1)),
            });
        }
        let position = self.position_of(store.row(row).trace())?.checked_sub(1)?;
        Some(self.last_descendant(store, Self::head(store, self.order.get(position)?)))
    }

    /// Returns the last visible row of a subtree.
    pub(super) fn last_descendant(&self, store: &Store, mut row: RowIx) -> RowIx {
        while self.is_open(store, row) {
            match self.child_count(store, row) {
                0 => break,
                count => row = Self::child(store, row, count - 1),
            }
        }
        row
    }

    /// Returns the rows on a screen of this height, and the index of the cursor among them.
    #[must_use]
    pub fn window(&self, store: &Store, height: usize) -> (Vec<RowIx>, usize) {
        let Some(cursor) = self.cursor().filter(|_| height > 0) else { return (Vec::new(), 0) };
        let mut rows = VecDeque::with_capacity(height);
        rows.push_back(cursor);
        let mut above = 0;
        let extend_up = |rows: &mut VecDeque<RowIx>, above: &mut usize| match self.previous(store, rows[0]) {
            Some(row) => {
                rows.push_front(row);
                *above += 1;
                true
            }
            None => false,
        };
        while above < self.line.min(height - 1) && extend_up(&mut rows, &mut above) {}
        while rows.len() < height {
            let Some(row) = self.next(store, rows[rows.len() - 1]) else { break };
            rows.push_back(row);
        }
        while rows.len() < height && extend_up(&mut rows, &mut above) {}
        (rows.into(), above)
    }
}
