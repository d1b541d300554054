//! Folds, and the way from row to row over what they leave.

use std::collections::VecDeque;

use super::TraceTree;
use crate::store::{RowIx, Store, TraceIx};

impl TraceTree {
    // --- folds ---

    pub(super) fn head(store: &Store, trace: TraceIx) -> RowIx {
        store.trace(trace).roots()[0]
    }

    pub(super) fn is_head(store: &Store, row: RowIx) -> bool {
        Self::head(store, store.row(row).trace()) == row
    }

    /// Whether the rows under `row` are shown when it is.
    #[must_use]
    pub fn is_open(&self, store: &Store, row: RowIx) -> bool {
        let data = store.row(row);
        if Self::is_head(store, row) { self.all_open != self.fold_exceptions.contains(&data.trace()) } else { !self.folded.holds(row) }
    }

    pub(super) fn set_open(&mut self, store: &Store, row: RowIx, open: bool) {
        let data = store.row(row);
        if Self::is_head(store, row) {
            let trace = data.trace();
            if open == self.all_open {
                self.fold_exceptions.remove(&trace);
            } else {
                self.fold_exceptions.insert(trace);
            }
        } else {
            self.folded.put(row, !open);
        }
    }

    /// Number of rows directly under `row` on the screen.
    #[must_use]
    pub fn child_count(&self, store: &Store, row: RowIx) -> usize {
        let others = if Self::is_head(store, row) { store.trace(store.row(row).trace()).roots().len() - 1 } else { 0 };
        store.children(row).len() + others
    }

    /// The rows directly under `row` on the screen: its children, and under the row that stands for a trace the trace's other tops.
    pub fn children(store: &Store, row: RowIx) -> impl Iterator<Item = RowIx> {
        let others = if Self::is_head(store, row) { &store.trace(store.row(row).trace()).roots()[1..] } else { &[] };
        store.children(row).iter().chain(others).copied()
    }

    pub(super) fn child(store: &Store, row: RowIx, at: usize) -> RowIx {
        let children = store.children(row);
        children.get(at).copied().unwrap_or_else(|| store.trace(store.row(row).trace()).roots()[at - children.len() + 1])
    }

    /// The row above `row` in the tree on the screen; `None` for the row that stands for its trace.
    #[must_use]
    pub fn parent(store: &Store, row: RowIx) -> Option<RowIx> {
        let head = Self::head(store, store.row(row).trace());
        store.row(row).parent().or((head != row).then_some(head))
    }

    pub(super) fn position(store: &Store, row: RowIx, parent: RowIx) -> usize {
        let at = store.position(row);
        if store.row(row).parent().is_some() { at } else { store.children(parent).len() + at - 1 }
    }

    /// Whether `row` is the last under its parent on the screen.
    #[must_use]
    pub fn is_last(&self, store: &Store, row: RowIx) -> bool {
        Self::parent(store, row).is_none_or(|parent| Self::position(store, row, parent) + 1 == self.child_count(store, parent))
    }

    // --- walking ---

    pub(super) fn next(&self, store: &Store, row: RowIx) -> Option<RowIx> {
        if self.is_open(store, row) && self.child_count(store, row) > 0 {
            return Some(Self::child(store, row, 0));
        }
        let mut row = row;
        while let Some(parent) = Self::parent(store, row) {
            let at = Self::position(store, row, parent) + 1;
            if at < self.child_count(store, parent) {
                return Some(Self::child(store, parent, at));
            }
            row = parent;
        }
        let at = self.place(store.row(row).trace())? + 1;
        Some(Self::head(store, self.order.get(at)?))
    }

    pub(super) fn previous(&self, store: &Store, row: RowIx) -> Option<RowIx> {
        if let Some(parent) = Self::parent(store, row) {
            return Some(match Self::position(store, row, parent) {
                0 => parent,
                at => self.last_under(store, Self::child(store, parent, at - 1)),
            });
        }
        let at = self.place(store.row(row).trace())?.checked_sub(1)?;
        Some(self.last_under(store, Self::head(store, self.order.get(at)?)))
    }

    pub(super) fn last_under(&self, store: &Store, mut row: RowIx) -> RowIx {
        while self.is_open(store, row) {
            match self.child_count(store, row) {
                0 => break,
                count => row = Self::child(store, row, count - 1),
            }
        }
        row
    }

    /// The rows that fill a screen of `height` lines around the cursor, and the cursor's place among them.
    #[must_use]
    pub fn window(&self, store: &Store, height: usize) -> (Vec<RowIx>, usize) {
        let Some(cursor) = self.cursor().filter(|_| height > 0) else { return (Vec::new(), 0) };
        let mut rows = VecDeque::with_capacity(height);
        rows.push_back(cursor);
        let mut above = 0;
        let up = |rows: &mut VecDeque<RowIx>, above: &mut usize| match self.previous(store, rows[0]) {
            Some(row) => {
                rows.push_front(row);
                *above += 1;
                true
            }
            None => false,
        };
        while above < self.line.min(height - 1) && up(&mut rows, &mut above) {}
        while rows.len() < height {
            let Some(row) = self.next(store, rows[rows.len() - 1]) else { break };
            rows.push_back(row);
        }
        while rows.len() < height && up(&mut rows, &mut above) {}
        (rows.into(), above)
    }
}
