//! Folds, and walking over the rows that they leave visible.

use std::collections::VecDeque;

use super::TraceTree;
use crate::store::{RowIx, Store, TraceIx};

/// The number of spans that are folded away, by the reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Folded {
    /// Internal spans.
    pub internal: u64,
    /// Spans that tell again what the row above tells.
    pub retold: u64,
}

impl Folded {
    /// Whether nothing is folded away.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self == Self::default()
    }
}

/// A line of the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TreeLine {
    /// A row.
    Row(RowIx),
    /// The internal spans of a main trace that are folded away, with what is told again, and their number.
    Internal(TraceIx, Folded),
}

impl TreeLine {
    /// Returns the row of the line, if it is one.
    #[must_use]
    pub fn row(self) -> Option<RowIx> {
        match self {
            Self::Row(row) => Some(row),
            Self::Internal(..) => None,
        }
    }
}

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

    /// Whether unfolding a row shows lines below it: rows, or the line that counts the internal spans of its trace.
    #[must_use]
    pub fn has_lines_below(&self, store: &Store, row: RowIx) -> bool {
        let folds_spans = || store.group(store.row(row).trace()).any(|part| self.fold_of(store, part).is_some());
        self.child_count(store, row) > 0 || (Self::is_main_head(store, row) && folds_spans())
    }

    /// Returns the number of rows that are shown below a row when it is unfolded, as its children.
    #[must_use]
    pub fn child_count(&self, store: &Store, row: RowIx) -> usize {
        match self.fold_of(store, store.row(row).trace()) {
            Some(fold) => fold.child_count(row) + Self::parts(store, row).count(),
            None => Self::count_children(store, row),
        }
    }

    /// Returns the number of children of a row, shown or folded away.
    #[must_use]
    pub fn count_children(store: &Store, row: RowIx) -> usize {
        store.children(row).len() + Self::other_roots(store, row).len() + Self::parts(store, row).count()
    }

    /// Returns the children of a row, shown or folded away; those of a head include the other roots of its trace, and the heads of the trace's
    /// parts.
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

    /// Returns one of the rows that are shown as the children of a row.
    pub(super) fn child(&self, store: &Store, row: RowIx, index: usize) -> RowIx {
        let child = match self.fold_of(store, store.row(row).trace()) {
            Some(fold) => fold.children(row).chain(Self::parts(store, row)).nth(index),
            None => Self::children(store, row).nth(index),
        };
        child.unwrap_or(row)
    }

    /// Returns the parent of a row, shown or folded away; `None` for the head of a trace that is no part of another one.
    #[must_use]
    pub fn parent(store: &Store, row: RowIx) -> Option<RowIx> {
        let trace = store.row(row).trace();
        let head = Self::head(store, trace);
        let above = if head == row { Self::head(store, store.main_of(trace)) } else { head };
        store.row(row).parent().or((above != row).then_some(above))
    }

    /// Returns the row that a row stands below on the screen.
    #[must_use]
    pub fn shown_parent(&self, store: &Store, row: RowIx) -> Option<RowIx> {
        match self.fold_of(store, store.row(row).trace()) {
            Some(fold) if !Self::is_head(store, row) => {
                let shown = || std::iter::successors(store.row(row).parent(), |&row| store.row(row).parent()).find(|&row| fold.shows(row));
                fold.place(row).map(|(parent, _)| parent).or_else(shown).or_else(|| Self::parent(store, row))
            }
            _ => Self::parent(store, row),
        }
    }

    /// Returns the index of a shown row among those below its shown parent.
    pub(super) fn position(&self, store: &Store, row: RowIx, parent: RowIx) -> usize {
        let trace = store.row(row).trace();
        if Self::is_head(store, row) {
            let parts = store.group(store.row(parent).trace()).skip(1).take_while(|&part| part != trace).count();
            return self.child_count(store, parent) - Self::parts(store, parent).count() + parts;
        }
        match self.fold_of(store, trace).map(|fold| fold.place(row)) {
            Some(place) => place.map_or(0, |(_, at)| at),
            None if store.row(row).parent().is_some() => store.position(row),
            None => store.children(parent).len() + store.position(row) - 1,
        }
    }

    /// Whether the row is the last one below its parent on the screen, and no line of folded spans follows it.
    #[must_use]
    pub fn is_last(&self, store: &Store, row: RowIx) -> bool {
        let Some(parent) = self.shown_parent(store, row) else { return true };
        let is_followed = Self::is_main_head(store, parent) && !self.folded_spans(store, store.row(row).trace()).is_empty();
        !is_followed && self.position(store, row, parent) + 1 == self.child_count(store, parent)
    }

    // --- walking ---

    /// Returns the visible row below a row.
    pub(super) fn next(&self, store: &Store, row: RowIx) -> Option<RowIx> {
        if self.is_open(store, row) && self.child_count(store, row) > 0 {
            return Some(self.child(store, row, 0));
        }
        let mut row = row;
        while let Some(parent) = self.shown_parent(store, row) {
            let index = self.position(store, row, parent) + 1;
            if index < self.child_count(store, parent) {
                return Some(self.child(store, parent, index));
            }
            row = parent;
        }
        let position = self.position_of(store, store.row(row).trace())? + 1;
        Some(Self::head(store, self.shown.order.get(position)?))
    }

    /// Returns the visible row above a row.
    pub(super) fn previous(&self, store: &Store, row: RowIx) -> Option<RowIx> {
        if let Some(parent) = self.shown_parent(store, row) {
            return Some(match self.position(store, row, parent) {
                0 => parent,
                index => self.last_descendant(store, self.child(store, parent, index - 1)),
            });
        }
        let position = self.position_of(store, store.row(row).trace())?.checked_sub(1)?;
        Some(self.last_descendant(store, Self::head(store, self.shown.order.get(position)?)))
    }

    /// Returns the last visible row of a subtree.
    pub(super) fn last_descendant(&self, store: &Store, mut row: RowIx) -> RowIx {
        while self.is_open(store, row) {
            match self.child_count(store, row) {
                0 => break,
                count => row = self.child(store, row, count - 1),
            }
        }
        row
    }

    /// Returns the line of folded spans that stands between a row and the one below it, or the end.
    fn line_between(&self, store: &Store, row: RowIx, below: Option<RowIx>) -> Option<TreeLine> {
        if below.is_some_and(|below| Self::parent(store, below).is_some()) {
            return None;
        }
        let main = store.main_of(store.row(row).trace());
        Some(self.folded_spans(store, main)).filter(|folded| !folded.is_empty()).map(|folded| TreeLine::Internal(main, folded))
    }

    /// Returns the number of lines from a row to the next one, or to the end.
    pub(super) fn lines_to(&self, store: &Store, row: RowIx, below: Option<RowIx>) -> usize {
        1 + usize::from(self.line_between(store, row, below).is_some())
    }

    /// Returns the lines on a screen of this height, and the index of the cursor among them.
    #[must_use]
    pub fn window(&self, store: &Store, height: usize) -> (Vec<TreeLine>, usize) {
        let Some(cursor) = self.cursor().filter(|_| height > 0) else { return (Vec::new(), 0) };
        let mut lines = VecDeque::with_capacity(height);
        lines.push_back(TreeLine::Row(cursor));
        let (mut above, mut first) = (0, cursor);
        let mut extend_up = |lines: &mut VecDeque<TreeLine>, above: &mut usize| {
            let Some(row) = self.previous(store, first) else { return false };
            let between = self.line_between(store, row, Some(first));
            for line in between.into_iter().chain([TreeLine::Row(row)]) {
                lines.push_front(line);
                *above += 1;
            }
            first = row;
            true
        };
        while above < self.line.min(height - 1) && extend_up(&mut lines, &mut above) {}
        let mut last = Some(cursor);
        while lines.len() < height
            && let Some(row) = last
        {
            last = self.next(store, row);
            lines.extend(self.line_between(store, row, last).into_iter().chain(last.map(TreeLine::Row)));
        }
        while lines.len() < height && extend_up(&mut lines, &mut above) {}
        // A line of folded spans may be one too many at either end.
        while lines.len() > height {
            if above > self.line.min(height - 1) || above >= height {
                lines.pop_front();
                above -= 1;
            } else {
                lines.pop_back();
            }
        }
        (lines.into(), above)
    }
}

#[cfg(test)]
mod tests;
