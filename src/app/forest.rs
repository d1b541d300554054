//! What of the store is shown, in which order, and where one is in it.
//!
//! The forest keeps the order of the traces, what is folded, and the cursor; it keeps no list of rows. The rows on the screen are found by
//! walking from the cursor, so that nothing here costs the number of rows held or opened. On the screen a trace is its first top row, with
//! the other top rows (whose parents never came) below it.

use std::collections::{HashMap, HashSet, VecDeque};

use crate::model::{Nanos, Status};
use crate::query::{Matcher, Query};
use crate::store::{Changes, RowIx, Store, TraceIx};

/// A set of rows, a bit each.
#[derive(Debug, Default)]
struct RowSet {
    bits: Vec<u64>,
}

impl RowSet {
    fn put(&mut self, row: RowIx, held: bool) {
        let (word, bit) = (row.index() / 64, row.index() % 64);
        if held && word >= self.bits.len() {
            self.bits.resize(word + 1, 0);
        }
        if let Some(bits) = self.bits.get_mut(word) {
            *bits = *bits & !(1 << bit) | u64::from(held) << bit;
        }
    }

    fn holds(&self, row: RowIx) -> bool {
        self.bits.get(row.index() / 64).is_some_and(|bits| bits >> (row.index() % 64) & 1 == 1)
    }
}

/// A filter at work: the rows that match, and how many in each trace.
#[derive(Debug)]
struct Filter {
    matcher: Matcher,
    lit: RowSet,
    matches: HashMap<TraceIx, u32>,
}

/// The shown traces, their folds and the cursor.
#[derive(Debug, Default)]
pub struct Forest {
    /// Shown traces by start; the newest, which stands on top of the screen, is last.
    order: VecDeque<(Nanos, TraceIx)>,
    /// The start under which a trace stands in `order`.
    placed: HashMap<TraceIx, Nanos>,
    filter: Option<Filter>,
    /// Traces whose fold is not what `all_open` says.
    toggled: HashSet<TraceIx>,
    all_open: bool,
    /// Folded rows inside traces.
    folded: RowSet,
    /// Traces that following opened, to fold again when they have ended.
    followed: HashSet<TraceIx>,
    cursor: Option<(RowIx, TraceIx)>,
    /// The cursor's line on the screen.
    line: usize,
    height: usize,
    /// Whether the newest trace is kept in sight.
    pub follow: bool,
}

impl Forest {
    /// The row that the cursor is on.
    #[must_use]
    pub fn cursor(&self) -> Option<RowIx> {
        self.cursor.map(|(row, _)| row)
    }

    /// Number of traces shown.
    #[must_use]
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether no trace is shown.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Whether a filter is at work.
    #[must_use]
    pub fn is_filtered(&self) -> bool {
        self.filter.is_some()
    }

    /// Whether the row matches the filter; without a filter no row is lit.
    #[must_use]
    pub fn is_lit(&self, row: RowIx) -> bool {
        self.filter.as_ref().is_some_and(|filter| filter.lit.holds(row))
    }

    /// The shown traces, newest first.
    pub fn traces(&self) -> impl Iterator<Item = TraceIx> {
        self.order.iter().rev().map(|&(_, trace)| trace)
    }

    /// How many traces stand above the cursor's.
    #[must_use]
    pub fn rank(&self) -> Option<usize> {
        let (_, trace) = self.cursor?;
        self.place(trace).map(|at| self.order.len() - 1 - at)
    }

    fn place(&self, trace: TraceIx) -> Option<usize> {
        let start = *self.placed.get(&trace)?;
        self.order.binary_search(&(start, trace)).ok()
    }

    // --- what the store changed ---

    /// Takes in what changed. Costs the changes.
    pub fn update(&mut self, store: &Store, changes: &Changes, now: Nanos) {
        for &row in &changes.freed {
            self.folded.put(row, false);
            if let Some(filter) = &mut self.filter {
                filter.lit.put(row, false);
            }
        }
        self.forget(store, &changes.evicted);
        if let Some(filter) = &mut self.filter {
            for &row in &changes.rows {
                filter.judge_around(store, row, now);
            }
        }
        for &trace in &changes.traces {
            self.show_or_hide(store, trace);
        }
        if self.cursor.is_none() {
            self.go_to_trace(store, self.order.len().checked_sub(1));
        }
        self.leave_folds(store);
        if self.follow {
            self.follow_newest(store);
        }
    }

    /// Forgets traces that are gone from the store, all before the cursor moves: its neighbour may be among them.
    fn forget(&mut self, store: &Store, evicted: &[TraceIx]) {
        let mut lost = None;
        for &trace in evicted {
            let at = self.place(trace);
            if self.cursor.is_some_and(|(_, cursor)| cursor == trace) {
                (self.cursor, lost) = (None, at);
            }
            if let Some(at) = at {
                self.order.remove(at);
                lost = lost.map(|lost| if at < lost { lost - 1 } else { lost });
            }
            self.placed.remove(&trace);
            self.toggled.remove(&trace);
            self.followed.remove(&trace);
            if let Some(filter) = &mut self.filter {
                filter.matches.remove(&trace);
            }
        }
        if self.cursor.is_none() {
            self.go_to_trace(store, lost.map(|at| at.min(self.order.len().saturating_sub(1))));
        }
    }

    /// Brings a cursor that came to stand inside a fold to the row that is folded.
    fn leave_folds(&mut self, store: &Store) {
        let Some(row) = self.cursor() else { return };
        let above = std::iter::successors(Self::parent(store, row), |&row| Self::parent(store, row));
        if let Some(closed) = above.filter(|&row| !self.is_open(store, row)).last() {
            self.set_cursor(store, closed);
        }
    }

    fn show_or_hide(&mut self, store: &Store, trace: TraceIx) {
        let shown = self.filter.as_ref().is_none_or(|filter| filter.shows(store, trace));
        self.put(store, trace, shown.then(|| store.trace(trace).start));
    }

    /// Judges what runs again: its time has grown. Costs the running rows.
    pub fn tick(&mut self, store: &Store, now: Nanos) {
        if let Some(filter) = &mut self.filter {
            let running: Vec<RowIx> = store.running().collect();
            for &row in &running {
                filter.judge(store, row, now);
            }
            for row in running {
                self.show_or_hide(store, store.row(row).trace());
            }
        }
    }

    /// Shows a trace at its place, or not at all. A cursor that loses its trace goes to the one that comes into its place.
    fn put(&mut self, store: &Store, trace: TraceIx, start: Option<Nanos>) {
        if self.placed.get(&trace).copied() == start {
            return;
        }
        let before = self.place(trace);
        if let Some(at) = before {
            self.order.remove(at);
        }
        if let Some(start) = start {
            let at = self.order.partition_point(|&other| other < (start, trace));
            self.order.insert(at, (start, trace));
            self.placed.insert(trace, start);
        } else {
            self.placed.remove(&trace);
            if self.cursor.is_some_and(|(_, at)| at == trace) {
                self.go_to_trace(store, before.map(|at| at.min(self.order.len().saturating_sub(1))));
            }
        }
    }

    /// Shows only what matches; an empty query shows everything. Costs the rows held.
    pub fn set_filter(&mut self, store: &Store, query: Query, now: Nanos) {
        self.filter = (!query.is_empty()).then(|| Filter::new(store, query, now));
        let mut shown: Vec<(Nanos, TraceIx)> = store
            .traces()
            .filter(|&trace| self.filter.as_ref().is_none_or(|filter| filter.shows(store, trace)))
            .map(|trace| (store.trace(trace).start, trace))
            .collect();
        shown.sort_unstable();
        self.placed = shown.iter().map(|&(start, trace)| (trace, start)).collect();
        self.order = shown.into();
        match self.cursor {
            Some((row, trace)) if self.placed.contains_key(&trace) => self.set_cursor(store, row),
            _ => {
                self.line = 0;
                self.go_to_trace(store, self.order.len().checked_sub(1));
            }
        }
    }

    // --- folds ---

    fn head(store: &Store, trace: TraceIx) -> RowIx {
        store.trace(trace).tops()[0]
    }

    fn is_head(store: &Store, row: RowIx) -> bool {
        Self::head(store, store.row(row).trace()) == row
    }

    /// Whether the rows under `row` are shown when it is.
    #[must_use]
    pub fn is_open(&self, store: &Store, row: RowIx) -> bool {
        let data = store.row(row);
        if Self::is_head(store, row) { self.all_open != self.toggled.contains(&data.trace()) } else { !self.folded.holds(row) }
    }

    fn set_open(&mut self, store: &Store, row: RowIx, open: bool) {
        let data = store.row(row);
        if Self::is_head(store, row) {
            let trace = data.trace();
            if open == self.all_open {
                self.toggled.remove(&trace);
            } else {
                self.toggled.insert(trace);
            }
        } else {
            self.folded.put(row, !open);
        }
    }

    /// Number of rows directly under `row` on the screen.
    #[must_use]
    pub fn child_count(&self, store: &Store, row: RowIx) -> usize {
        let others = if Self::is_head(store, row) { store.trace(store.row(row).trace()).tops().len() - 1 } else { 0 };
        store.children(row).len() + others
    }

    fn child(store: &Store, row: RowIx, at: usize) -> RowIx {
        let children = store.children(row);
        children.get(at).copied().unwrap_or_else(|| store.trace(store.row(row).trace()).tops()[at - children.len() + 1])
    }

    /// The row above `row` in the tree on the screen; `None` for the row that stands for its trace.
    #[must_use]
    pub fn parent(store: &Store, row: RowIx) -> Option<RowIx> {
        let head = Self::head(store, store.row(row).trace());
        store.row(row).parent().or((head != row).then_some(head))
    }

    fn position(store: &Store, row: RowIx, parent: RowIx) -> usize {
        let at = store.position(row);
        if store.row(row).parent().is_some() { at } else { store.children(parent).len() + at - 1 }
    }

    /// Whether `row` is the last under its parent on the screen.
    #[must_use]
    pub fn is_last(&self, store: &Store, row: RowIx) -> bool {
        Self::parent(store, row).is_none_or(|parent| Self::position(store, row, parent) + 1 == self.child_count(store, parent))
    }

    // --- walking ---

    fn next(&self, store: &Store, row: RowIx) -> Option<RowIx> {
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
        let at = self.place(store.row(row).trace())?.checked_sub(1)?;
        Some(Self::head(store, self.order[at].1))
    }

    fn previous(&self, store: &Store, row: RowIx) -> Option<RowIx> {
        if let Some(parent) = Self::parent(store, row) {
            return Some(match Self::position(store, row, parent) {
                0 => parent,
                at => self.last_under(store, Self::child(store, parent, at - 1)),
            });
        }
        let at = self.place(store.row(row).trace())? + 1;
        let &(_, trace) = self.order.get(at)?;
        Some(self.last_under(store, Self::head(store, trace)))
    }

    fn last_under(&self, store: &Store, mut row: RowIx) -> RowIx {
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

    /// Lines of a page.
    #[must_use]
    pub fn page(&self) -> isize {
        self.height.saturating_sub(1).max(1) as isize
    }

    /// To the newest trace.
    pub fn go_top(&mut self, store: &Store) {
        self.follow = false;
        self.line = 0;
        self.go_to_trace(store, self.order.len().checked_sub(1));
    }

    /// To the last row of the oldest trace.
    pub fn go_bottom(&mut self, store: &Store) {
        self.follow = false;
        let Some(&(_, trace)) = self.order.front() else { return };
        self.line = self.height.saturating_sub(1);
        self.set_cursor(store, self.last_under(store, Self::head(store, trace)));
    }

    fn go_to_trace(&mut self, store: &Store, at: Option<usize>) {
        let trace = at.and_then(|at| self.order.get(at)).map(|&(_, trace)| trace);
        self.cursor = trace.map(|trace| (Self::head(store, trace), trace));
    }

    fn set_cursor(&mut self, store: &Store, row: RowIx) {
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

    /// Goes to a shown row; the screen stays as it is if the row is on it.
    fn place_cursor(&mut self, store: &Store, row: RowIx) {
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
        self.toggled.clear();
        self.folded = RowSet::default();
        if !self.all_open {
            self.cursor = self.cursor.map(|(_, trace)| (Self::head(store, trace), trace));
        }
    }

    // --- following ---

    /// Goes to the newest trace and stays with the newest from now on.
    pub fn start_following(&mut self, store: &Store) {
        self.follow = true;
        self.follow_newest(store);
    }

    fn follow_newest(&mut self, store: &Store) {
        let Some(&(_, newest)) = self.order.back() else { return };
        let runs = |trace: TraceIx| store.trace(trace).totals().running > 0;
        for trace in std::mem::take(&mut self.followed) {
            if trace == newest || runs(trace) {
                self.followed.insert(trace);
            } else {
                self.set_open(store, Self::head(store, trace), false);
            }
        }
        if !self.followed.contains(&newest) && !self.is_open(store, Self::head(store, newest)) {
            self.set_open(store, Self::head(store, newest), true);
            self.followed.insert(newest);
        }
        self.line = 0;
        self.set_cursor(store, Self::head(store, newest));
    }

    // --- searching ---

    /// The next row after the cursor, in the direction given, for which `wanted` holds, looking only into traces that `worth` lets through.
    fn seek(&self, store: &Store, back: bool, worth: impl Fn(TraceIx) -> bool, wanted: impl Fn(RowIx) -> bool) -> Option<RowIx> {
        let (cursor, trace) = self.cursor?;
        let place = self.place(trace)?;
        let steps = self.order.len();
        for step in 0..=steps {
            let at = if back { (place + step) % steps } else { (place + steps * 2 - step) % steps };
            let (_, trace) = self.order[at];
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

    fn screen_order(&self, store: &Store, trace: TraceIx) -> Vec<RowIx> {
        let mut rows = Vec::new();
        let mut open = vec![Self::head(store, trace)];
        while let Some(row) = open.pop() {
            rows.push(row);
            open.extend((0..self.child_count(store, row)).rev().map(|at| Self::child(store, row, at)));
        }
        rows
    }

    /// Goes to the next failed span, or the one before; whether there is one.
    pub fn go_to_error(&mut self, store: &Store, back: bool) -> bool {
        let worth = |trace: TraceIx| store.trace(trace).totals().errors > 0;
        let found = self.seek(store, back, worth, |row| store.row(row).status == Status::Error);
        self.go_to_found(store, found)
    }

    /// Goes to the next row that matches the filter, or the one before; whether there is one.
    pub fn go_to_match(&mut self, store: &Store, back: bool) -> bool {
        let found = self.seek(store, back, |_| self.is_filtered(), |row| self.is_lit(row));
        self.go_to_found(store, found)
    }

    fn go_to_found(&mut self, store: &Store, found: Option<RowIx>) -> bool {
        if let Some(row) = found {
            self.reveal(store, row);
        }
        found.is_some()
    }
}

impl Filter {
    fn new(store: &Store, query: Query, now: Nanos) -> Self {
        let mut filter = Self { matcher: Matcher::new(query), lit: RowSet::default(), matches: HashMap::new() };
        for row in store.rows() {
            filter.judge(store, row, now);
        }
        filter
    }

    fn shows(&self, store: &Store, trace: TraceIx) -> bool {
        self.matches.contains_key(&trace) && self.matcher.passes(store, trace)
    }

    fn judge(&mut self, store: &Store, row: RowIx, now: Nanos) {
        let (before, after) = (self.lit.holds(row), self.matcher.matches(store, row, now));
        if before == after {
            return;
        }
        self.lit.put(row, after);
        let trace = store.row(row).trace();
        let matches = self.matches.entry(trace).or_default();
        *matches = if after { *matches + 1 } else { *matches - 1 };
        if *matches == 0 {
            self.matches.remove(&trace);
        }
    }

    /// Judges a row that changed, all below it (it may have changed their agent or session), and what is above it (their sums changed).
    fn judge_around(&mut self, store: &Store, row: RowIx, now: Nanos) {
        let mut open = vec![row];
        while let Some(row) = open.pop() {
            self.judge(store, row, now);
            open.extend(store.children(row));
        }
        let above = std::iter::successors(store.row(row).parent(), |&row| store.row(row).parent());
        for row in above.take(ANCESTORS) {
            self.judge(store, row, now);
        }
    }
}

/// How far up sums are judged again.
const ANCESTORS: usize = 256;
