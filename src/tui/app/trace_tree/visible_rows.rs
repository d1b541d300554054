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

    /// Whether the row stands for a trace that is no part of another one.
    fn is_main_head(store: &Store, row: RowIx) -> bool {
        Self::is_head(store, row) && !store.is_part(store.row(row).trace())
    }

    /// Whether the row is unfolded.
    #[must_use]
    pub fn is_open(&self, store: &Store, row: RowIx) -> bool {
        let data = store.row(row);
        if Self::is_main_head(store, row) {
            self.is_unfolded != self.fold_exceptions.contains(&data.trace())
        } else {
            !self.folded.contains(row)
        }
    }

    pub(super) fn set_open(&mut self, store: &Store, row: RowIx, open: bool) {
        let data = store.row(row);
        if Self::is_main_head(store, row) {
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
        store.children(row).len() + Self::other_roots(store, row).len() + Self::parts(store, row).count()
    }

    /// Returns the children of a row on the screen; those of a head include the other roots of its trace, and the heads of the trace's parts.
    pub fn children(store: &Store, row: RowIx) -> impl Iterator<Item = RowIx> {
        store.children(row).iter().chain(Self::other_roots(store, row)).copied().chain(Self::parts(store, row))
    }

    /// Returns the roots of the trace that a head stands for, apart from the head; nothing for other rows.
    fn other_roots(store: &Store, row: RowIx) -> &[RowIx] {
        if Self::is_head(store, row) { &store.trace(store.row(row).trace()).roots()[1..] } else { &[] }
    }

    /// Returns the heads of the traces that are parts of the one that a row stands for; nothing for other rows.
    fn parts(store: &Store, row: RowIx) -> impl Iterator<Item = RowIx> {
        let main = Some(store.row(row).trace()).filter(|_| Self::is_main_head(store, row));
        main.into_iter().flat_map(|main| store.group(main).skip(1)).map(|part| Self::head(store, part))
    }

    pub(super) fn child(store: &Store, row: RowIx, index: usize) -> RowIx {
        Self::children(store, row).nth(index).unwrap_or(row)
    }

    /// Returns the parent of a row on the screen; `None` for the head of a trace that is no part of another one.
    #[must_use]
    pub fn parent(store: &Store, row: RowIx) -> Option<RowIx> {
        let trace = store.row(row).trace();
        let head = Self::head(store, trace);
        let above = if head == row { Self::head(store, store.main_of(trace)) } else { head };
        store.row(row).parent().or((above != row).then_some(above))
    }

    /// Returns the index of a row among the children of its parent on the screen.
    pub(super) fn position(store: &Store, row: RowIx, parent: RowIx) -> usize {
        let (index, trace) = (store.position(row), store.row(row).trace());
        if store.row(row).parent().is_some() {
            index
        } else if Self::is_head(store, row) {
            let parts = store.group(store.row(parent).trace()).skip(1).take_while(|&part| part != trace).count();
            store.children(parent).len() + Self::other_roots(store, parent).len() + parts
        } else {
            store.children(parent).len() + index - 1
        }
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
        let position = self.position_of(store, store.row(row).trace())? + 1;
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
        let position = self.position_of(store, store.row(row).trace())?.checked_sub(1)?;
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

#[cfg(test)]
mod tests;
