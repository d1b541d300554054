//! Moving the cursor: by rows, to traces, to errors and matches.

use super::filter::RowSet;
use super::{TraceTree, TreeLine};
use crate::query::Query;
use crate::store::{RowIx, Store, TraceIx};

impl TraceTree {
    // --- moving ---

    /// Sets the number of lines for rows.
    pub fn set_height(&mut self, height: usize) {
        // The line of the cursor is kept for when there is room for it again.
        self.height = height;
    }

    /// Moves the cursor by rows, down if `by` is positive.
    pub fn step(&mut self, store: &Store, by: isize) {
        self.follow = false;
        let Some(mut row) = self.cursor() else { return };
        self.line = self.window(store, self.height).1;
        for _ in 0..by.unsigned_abs() {
            if self.is_at_foot() && self.step_at_foot(store, by > 0) {
                continue;
            }
            let next = if by > 0 { self.next(store, row) } else { self.previous(store, row) };
            let Some(next) = next else {
                self.step_at_foot(store, by > 0);
                break;
            };
            self.line = if by > 0 {
                (self.line + self.lines_to(store, row, Some(next))).min(self.height.saturating_sub(1))
            } else {
                self.line.saturating_sub(self.lines_to(store, next, Some(row)))
            };
            row = next;
        }
        self.cursor = Some((row, store.row(row).trace()));
    }

    /// Scrolls by rows, down if `by` is positive. The cursor keeps its line.
    pub fn scroll(&mut self, store: &Store, by: isize) {
        let line = self.window(store, self.height).1;
        let (rows, _) = self.window(store, self.height);
        self.step(store, by);
        // At the ends of the list the cursor moves instead.
        if rows.len() == self.height {
            self.line = line;
        }
    }

    /// Returns the number of lines for rows.
    #[must_use]
    pub fn height(&self) -> usize {
        self.height
    }

    /// Returns the rows by which the page keys move.
    #[must_use]
    pub fn page(&self) -> isize {
        self.height.saturating_sub(1).max(1) as isize
    }

    /// Goes to the first trace.
    pub fn go_top(&mut self, store: &Store) {
        self.follow = false;
        self.line = 0;
        self.leave_foot();
        self.go_to_trace(store, 0);
    }

    /// Goes to the last visible row.
    pub fn go_bottom(&mut self, store: &Store) {
        self.follow = false;
        let Some(trace) = self.shown.order.len().checked_sub(1).and_then(|last| self.shown.order.get(last)) else { return };
        let last = self.last_descendant(store, Self::head(store, trace));
        self.line = self.height.saturating_sub(self.lines_to(store, last, None));
        self.set_cursor(store, last);
    }

    pub(super) fn go_to_trace(&mut self, store: &Store, position: usize) {
        self.cursor = self.shown.order.get(position).map(|trace| (Self::head(store, trace), trace));
    }

    /// Goes to the trace at a position, or to the last trace.
    pub(super) fn go_near(&mut self, store: &Store, position: Option<usize>) {
        self.go_to_trace(store, position.unwrap_or_default().min(self.shown.order.len().saturating_sub(1)));
    }

    pub(super) fn set_cursor(&mut self, store: &Store, row: RowIx) {
        self.leave_foot();
        self.cursor = Some((row, store.row(row).trace()));
    }

    /// Goes to a row and unfolds its ancestors.
    pub fn reveal(&mut self, store: &Store, row: RowIx) {
        self.follow = false;
        if self.is_folded_away(store, row) {
            self.show_internal(store, store.row(row).trace());
        }
        let mut at = row;
        while let Some(parent) = self.shown_parent(store, at) {
            self.set_open(store, parent, true);
            at = parent;
        }
        self.go_to_visible(store, row);
    }

    /// Whether the screen shows `row`.
    pub(in crate::tui::app) fn is_visible(&self, store: &Store, row: RowIx) -> bool {
        self.window(store, self.height).0.contains(&TreeLine::Row(row))
    }

    /// Goes to a visible row. Scrolls only if the row is not on the screen.
    pub(super) fn go_to_visible(&mut self, store: &Store, row: RowIx) {
        let (lines, _) = self.window(store, self.height);
        self.line = lines.iter().position(|&shown| shown == TreeLine::Row(row)).unwrap_or(self.height / 3);
        self.set_cursor(store, row);
    }

    /// Folds the row under the cursor, or goes to its parent if there is nothing to fold.
    pub fn fold(&mut self, store: &Store) {
        self.follow = false;
        let Some(row) = self.cursor() else { return };
        if self.is_open(store, row) && self.has_lines_below(store, row) {
            self.set_open(store, row, false);
        } else if let Some(parent) = self.shown_parent(store, row) {
            self.go_to_visible(store, parent);
        }
    }

    /// Unfolds the row under the cursor, or goes to its first child if it is unfolded.
    pub fn unfold(&mut self, store: &Store) {
        self.follow = false;
        let Some(row) = self.cursor() else { return };
        if !self.has_lines_below(store, row) {
            return;
        }
        if self.is_open(store, row) {
            self.step(store, 1);
        } else {
            self.set_open(store, row, true);
            self.make_room_below(store, row);
        }
    }

    /// Scrolls up to half of the screen as far as the rows below the row under the cursor need it.
    fn make_room_below(&mut self, store: &Store, row: RowIx) {
        let (lines, line) = self.window(store, self.height);
        let last = self.last_descendant(store, row);
        if lines.len() == self.height && !lines.contains(&TreeLine::Row(last)) {
            let mut shown = 0;
            let mut at = row;
            while at != last && shown < self.height / 2 {
                let Some(next) = self.next(store, at) else { break };
                (at, shown) = (next, shown + 1);
            }
            self.line = line.min(self.height.saturating_sub(1 + shown));
        }
    }

    /// Folds or unfolds the row under the cursor.
    pub fn toggle(&mut self, store: &Store) {
        self.follow = false;
        if let Some(row) = self.cursor() {
            let is_open = self.is_open(store, row);
            self.set_open(store, row, !is_open);
        }
    }

    /// Unfolds the subtree under the cursor, or folds it if all of it is unfolded. Costs the subtree.
    pub fn toggle_subtree(&mut self, store: &Store) {
        self.follow = false;
        let Some(row) = self.cursor() else { return };
        let mut subtree = vec![row];
        let mut index = 0;
        while let Some(&row) = subtree.get(index) {
            subtree.extend(Self::children(store, row));
            index += 1;
        }
        subtree.retain(|&row| self.has_lines_below(store, row));
        let is_open = subtree.iter().any(|&row| !self.is_open(store, row));
        for row in subtree {
            self.set_open(store, row, is_open);
        }
    }

    /// Unfolds all traces, or folds all traces.
    pub fn toggle_all(&mut self, store: &Store) {
        self.follow = false;
        self.is_unfolded = !self.is_unfolded;
        self.fold_exceptions.clear();
        self.folded = RowSet::default();
        if !self.is_unfolded {
            self.cursor = self.cursor.map(|(_, trace)| (Self::head(store, trace), trace));
        }
    }

    // --- searching ---

    /// Returns the next row from the cursor, folded or not, for which `is_wanted` holds; after the last row comes the first one. Skips traces
    /// for which `may_contain` does not hold.
    fn seek(&self, store: &Store, back: bool, may_contain: impl Fn(TraceIx) -> bool, is_wanted: impl Fn(RowIx) -> bool) -> Option<RowIx> {
        let (cursor, trace) = self.cursor?;
        let position = self.position_of(store, trace)?;
        let traces: Vec<TraceIx> = self.traces().collect();
        let count = traces.len();
        for step in 0..=count {
            let trace = traces[if back { (position + count * 2 - step) % count } else { (position + step) % count }];
            if !may_contain(trace) {
                continue;
            }
            let rows: Vec<RowIx> = store.group(trace).flat_map(|trace| store.walk(trace)).map(|(row, _)| row).collect();
            let here = rows.iter().position(|&row| row == cursor).filter(|_| step == 0);
            let found = match (back, here) {
                (false, Some(here)) => rows[here + 1..].iter().find(|&&row| is_wanted(row)),
                (false, None) => rows.iter().find(|&&row| is_wanted(row)),
                (true, Some(here)) => rows[..here].iter().rev().find(|&&row| is_wanted(row)),
                (true, None) => rows.iter().rev().find(|&&row| is_wanted(row)),
            };
            if found.is_some() {
                return found.copied();
            }
        }
        None
    }

    /// Goes to the next failed span or the previous one. If the filter asks for errors, goes only to matches. Returns whether there is one.
    pub fn go_to_error(&mut self, store: &Store, back: bool) -> bool {
        let has_errors = |trace: TraceIx| store.group_counts(trace).failed.max(store.group_counts(trace).fatal) > 0;
        let only_matches = self.query().is_some_and(Query::requires_error);
        let found = self.seek(store, back, has_errors, |row| {
            store.row(row).own_failure() && (!only_matches || self.is_match(row)) && self.told_at(store, row) == row
        });
        self.go_to_found(store, found)
    }

    /// Goes to the next row that matches the filter, or the previous one. Returns whether there is one.
    pub fn go_to_match(&mut self, store: &Store, back: bool) -> bool {
        let found = self.seek(store, back, |_| self.is_filtered(), |row| self.is_match(row));
        self.go_to_found(store, found)
    }

    /// Goes to the first row that matches the filter, which stays where it is if it is the first one of all.
    pub fn go_to_first_match(&mut self, store: &Store) {
        self.go_top(store);
        if self.cursor().is_some_and(|row| !self.is_match(row)) {
            self.go_to_match(store, false);
        }
    }

    /// Goes to the next trace, or to the previous one: first to the beginning of this one. Returns whether there is one.
    pub fn go_to_other_trace(&mut self, store: &Store, back: bool) -> bool {
        let Some((row, trace)) = self.cursor else { return false };
        let Some(position) = self.position_of(store, trace) else { return false };
        let next = if back && row != Self::head(store, trace) {
            Some(position)
        } else if back {
            position.checked_sub(1)
        } else {
            Some(position + 1).filter(|&next| next < self.shown.order.len())
        };
        let Some(trace) = next.and_then(|next| self.shown.order.get(next)) else { return false };
        self.follow = false;
        self.go_to_visible(store, Self::head(store, trace));
        true
    }

    fn go_to_found(&mut self, store: &Store, found: Option<RowIx>) -> bool {
        if let Some(row) = found {
            self.reveal(store, row);
        }
        found.is_some()
    }
}
