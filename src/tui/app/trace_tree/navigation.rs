//! Moving the cursor: by steps, to places, to what is looked for.

use super::TraceTree;
use super::filter::RowSet;
use crate::model::Status;
use crate::query::Query;
use crate::store::{RowIx, Store, TraceIx};

impl TraceTree {
    // --- moving ---

    /// Tells how many lines the screen has for rows.
    pub fn set_height(&mut self, height: usize) {
        self.height = height;
        self.line = self.line.min(height.saturating_sub(1));
    }

    /// Moves the cursor by so many rows, down if positive.
    pub fn step(&mut self, store: &Store, by: isize) {
        self.follow = false;
        let Some(mut row) = self.cursor() else { return };
        self.line = self.window(store, self.height).1;
        for _ in 0..by.unsigned_abs() {
            let next = if by > 0 { self.next(store, row) } else { self.previous(store, row) };
            let Some(next) = next else { break };
            row = next;
            self.line = if by > 0 { (self.line + 1).min(self.height.saturating_sub(1)) } else { self.line.saturating_sub(1) };
        }
        self.set_cursor(store, row);
    }

    /// Moves the screen by so many rows, down if positive; the cursor stays at its line, so that it comes along.
    pub fn scroll(&mut self, store: &Store, by: isize) {
        let line = self.window(store, self.height).1;
        let (rows, _) = self.window(store, self.height);
        self.step(store, by);
        // At an end of the list the screen stays, and the cursor goes on.
        if rows.len() == self.height {
            self.line = line;
        }
    }

    /// Lines that the screen has for rows.
    #[must_use]
    pub fn height(&self) -> usize {
        self.height
    }

    /// Lines of a page.
    #[must_use]
    pub fn page(&self) -> isize {
        self.height.saturating_sub(1).max(1) as isize
    }

    /// To the first trace.
    pub fn go_top(&mut self, store: &Store) {
        self.follow = false;
        self.line = 0;
        self.go_to_trace(store, 0);
    }

    /// To the last row of the last trace.
    pub fn go_bottom(&mut self, store: &Store) {
        self.follow = false;
        let Some(trace) = self.order.len().checked_sub(1).and_then(|last| self.order.get(last)) else { return };
        self.line = self.height.saturating_sub(1);
        self.set_cursor(store, self.last_under(store, Self::head(store, trace)));
    }

    pub(super) fn go_to_trace(&mut self, store: &Store, place: usize) {
        self.cursor = self.order.get(place).map(|trace| (Self::head(store, trace), trace));
    }

    /// To the trace at this place, or the last.
    pub(super) fn go_near(&mut self, store: &Store, place: Option<usize>) {
        self.go_to_trace(store, place.unwrap_or_default().min(self.order.len().saturating_sub(1)));
    }

    pub(super) fn set_cursor(&mut self, store: &Store, row: RowIx) {
        self.cursor = Some((row, store.row(row).trace()));
    }

    /// Goes to `row`, opening what hides it.
    pub fn reveal(&mut self, store: &Store, row: RowIx) {
        self.follow = false;
        let mut at = row;
        while let Some(parent) = Self::parent(store, at) {
            self.set_open(store, parent, true);
            at = parent;
        }
        self.place_cursor(store, row);
    }

    /// Whether the screen shows `row`.
    pub(in crate::tui::app) fn is_visible(&self, store: &Store, row: RowIx) -> bool {
        self.window(store, self.height).0.contains(&row)
    }

    /// Goes to a shown row; the screen stays as it is if the row is on it.
    pub(super) fn place_cursor(&mut self, store: &Store, row: RowIx) {
        let (rows, _) = self.window(store, self.height);
        self.line = rows.iter().position(|&shown| shown == row).unwrap_or(self.height / 3);
        self.set_cursor(store, row);
    }

    /// `←`: folds the row, or goes to its parent if there is nothing to fold.
    pub fn fold(&mut self, store: &Store) {
        self.follow = false;
        let Some(row) = self.cursor() else { return };
        if self.is_open(store, row) && self.child_count(store, row) > 0 {
            self.set_open(store, row, false);
        } else if let Some(parent) = Self::parent(store, row) {
            self.place_cursor(store, parent);
        }
    }

    /// `→`: unfolds the row, or goes to its first child if it is unfolded.
    pub fn unfold(&mut self, store: &Store) {
        self.follow = false;
        let Some(row) = self.cursor() else { return };
        if self.child_count(store, row) == 0 {
            return;
        }
        if self.is_open(store, row) {
            self.step(store, 1);
        } else {
            self.set_open(store, row, true);
        }
    }

    /// Folds the row, or unfolds it.
    pub fn toggle(&mut self, store: &Store) {
        self.follow = false;
        if let Some(row) = self.cursor() {
            let open = self.is_open(store, row);
            self.set_open(store, row, !open);
        }
    }

    /// Unfolds everything below the row, or folds it if all of that is open. Costs the rows below.
    pub fn toggle_below(&mut self, store: &Store) {
        self.follow = false;
        let Some(row) = self.cursor() else { return };
        let mut below = vec![row];
        let mut at = 0;
        while at < below.len() {
            let row = below[at];
            below.extend((0..self.child_count(store, row)).map(|child| Self::child(store, row, child)));
            at += 1;
        }
        below.retain(|&row| self.child_count(store, row) > 0);
        let open = below.iter().any(|&row| !self.is_open(store, row));
        for row in below {
            self.set_open(store, row, open);
        }
    }

    /// Unfolds every trace, or folds every trace.
    pub fn toggle_all(&mut self, store: &Store) {
        self.follow = false;
        self.all_open = !self.all_open;
        self.fold_exceptions.clear();
        self.folded = RowSet::default();
        if !self.all_open {
            self.cursor = self.cursor.map(|(_, trace)| (Self::head(store, trace), trace));
        }
    }

    // --- searching ---

    /// The next row after the cursor, in the direction given, for which `wanted` holds, looking only into traces that `worth` lets through.
    pub(super) fn seek(&self, store: &Store, back: bool, worth: impl Fn(TraceIx) -> bool, wanted: impl Fn(RowIx) -> bool) -> Option<RowIx> {
        let (cursor, trace) = self.cursor?;
        let place = self.place(trace)?;
        let traces: Vec<TraceIx> = self.traces().collect();
        let steps = traces.len();
        for step in 0..=steps {
            let trace = traces[if back { (place + steps * 2 - step) % steps } else { (place + step) % steps }];
            if !worth(trace) {
                continue;
            }
            let rows = self.screen_order(store, trace);
            let here = rows.iter().position(|&row| row == cursor).filter(|_| step == 0);
            let found = match (back, here) {
                (false, Some(here)) => rows[here + 1..].iter().find(|&&row| wanted(row)),
                (false, None) => rows.iter().find(|&&row| wanted(row)),
                (true, Some(here)) => rows[..here].iter().rev().find(|&&row| wanted(row)),
                (true, None) => rows.iter().rev().find(|&&row| wanted(row)),
            };
            if found.is_some() {
                return found.copied();
            }
        }
        None
    }

    pub(super) fn screen_order(&self, store: &Store, trace: TraceIx) -> Vec<RowIx> {
        let mut rows = Vec::new();
        let mut open = vec![Self::head(store, trace)];
        while let Some(row) = open.pop() {
            rows.push(row);
            open.extend((0..self.child_count(store, row)).rev().map(|at| Self::child(store, row, at)));
        }
        rows
    }

    /// Goes to the next failed span, or the one before, of those alone that match where the filter asks for such; whether there is one.
    pub fn go_to_error(&mut self, store: &Store, back: bool) -> bool {
        let worth = |trace: TraceIx| store.trace(trace).counts().errors > 0;
        let asked_for = self.query().is_some_and(Query::requires_error);
        let found = self.seek(store, back, worth, |row| store.row(row).status == Status::Error && (!asked_for || self.is_lit(row)));
        self.go_to_found(store, found)
    }

    /// Goes to the next row that matches the filter, or the one before; whether there is one.
    pub fn go_to_match(&mut self, store: &Store, back: bool) -> bool {
        let found = self.seek(store, back, |_| self.is_filtered(), |row| self.is_lit(row));
        self.go_to_found(store, found)
    }

    pub(super) fn go_to_found(&mut self, store: &Store, found: Option<RowIx>) -> bool {
        if let Some(row) = found {
            self.reveal(store, row);
        }
        found.is_some()
    }
}
