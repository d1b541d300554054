//! Parents in other processes. Whether the other process sends its spans here is unknown: a caller's service often has another backend. So
//! a span whose parent is remote and has not arrived is a root, until that parent arrives.

use super::ix::{NONE, RowIx, TraceIx};
use super::{Changes, Store};
use crate::model::SpanId;

/// A trace, the id of a remote parent that has not arrived in it, and a row that names it.
pub(super) type Waiting = (TraceIx, SpanId, RowIx);

impl Store {
    /// Returns whether the row is a root because its parent, in another process, has not arrived.
    #[must_use]
    pub fn has_absent_caller(&self, row: RowIx) -> bool {
        self.waiting(row).is_some_and(|waiting| self.waiting.contains(&waiting))
    }

    fn waiting(&self, row: RowIx) -> Option<Waiting> {
        let stated = self.stated_parents.get(&row).filter(|_| !self.waiting.is_empty())?;
        Some((self.row(row).trace(), stated.id?, row))
    }

    /// Remembers that a row that is going to be a root names a remote parent.
    pub(super) fn wait_for_caller(&mut self, row: RowIx, parent: SpanId) {
        self.waiting.insert((self.row(row).trace(), parent, row));
    }

    /// Forgets the remote parent of a row, before its stated parent is forgotten.
    pub(super) fn forget_caller(&mut self, row: RowIx) {
        if let Some(waiting) = self.waiting(row) {
            self.waiting.remove(&waiting);
        }
    }

    /// Links the roots that name a linked row as their remote parent to it.
    pub(super) fn adopt(&mut self, row: RowIx, changes: &mut Changes) {
        if self.waiting.is_empty() {
            return;
        }
        let (trace, id) = (self.row(row).trace(), self.row(row).id);
        let called: Vec<Waiting> = self.waiting.range((trace, id, RowIx(0))..=(trace, id, RowIx(NONE))).copied().collect();
        for waiting in called {
            self.waiting.remove(&waiting);
            let child = waiting.2;
            // Else the parents form a circle, and the link is impossible.
            if !self.is_at_or_below(row, child) {
                self.stated_parents.remove(&child);
                let (place, is_moved) = self.place(child, row);
                let stated = self.stated_elsewhere(Some(id), place, is_moved);
                self.relink(child, stated, place, changes);
            }
        }
    }
}
