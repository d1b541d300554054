//! The filter in effect: which rows match, and which traces are shown for that.
//!
//! A new filter is applied in a pass from the newest trace to the oldest: for a moment at once, and for another moment per frame. A key thus
//! costs the same regardless of the number of rows. Rows that change during the pass are checked when they change.

use std::collections::BTreeSet;
use std::time::Duration;

use super::TraceTree;
use crate::model::{Nanos, SpanId, TraceId};
use crate::query::{Matcher, Query};
use crate::store::{RowIx, Store, TraceIx};
use crate::tui::slices::Slice;

/// How long a new filter runs before the next frame.
const FIRST_PASS: Duration = Duration::from_millis(1);

/// Rows of a trace to check before its line is shown.
const CHUNK: usize = 256;

/// Ancestors of a changed row to check again at most.
const ANCESTORS: usize = 256;

/// A set of rows as a bit map.
#[derive(Debug, Default)]
pub(super) struct RowSet {
    bits: Vec<u64>,
}

impl RowSet {
    pub(super) fn set(&mut self, row: RowIx, contained: bool) {
        let (word, bit) = (row.index() / 64, row.index() % 64);
        if contained && word >= self.bits.len() {
            self.bits.resize(word + 1, 0);
        }
        if let Some(bits) = self.bits.get_mut(word) {
            *bits = *bits & !(1 << bit) | u64::from(contained) << bit;
        }
    }

    pub(super) fn contains(&self, row: RowIx) -> bool {
        self.bits.get(row.index() / 64).is_some_and(|bits| bits >> (row.index() % 64) & 1 == 1)
    }
}

/// The number of matching rows in each trace, by trace index.
#[derive(Debug, Default)]
pub(super) struct MatchCounts {
    counts: Vec<u32>,
}

impl MatchCounts {
    fn change(&mut self, trace: TraceIx, matches: bool) {
        if trace.index() >= self.counts.len() {
            self.counts.resize(trace.index() + 1, 0);
        }
        let count = &mut self.counts[trace.index()];
        *count = if matches { *count + 1 } else { *count - 1 };
    }

    pub(super) fn forget(&mut self, trace: TraceIx) {
        if let Some(count) = self.counts.get_mut(trace.index()) {
            *count = 0;
        }
    }

    fn has_any(&self, trace: TraceIx) -> bool {
        self.counts.get(trace.index()).is_some_and(|&count| count > 0)
    }
}

/// The filter in effect, with its matches.
#[derive(Debug)]
pub(super) struct Filter {
    pub(super) matcher: Matcher,
    pub(super) matches: RowSet,
    pub(super) match_counts: MatchCounts,
    /// When rows must be checked again without a change, because the result depends on the time.
    due: BTreeSet<(Nanos, RowIx)>,
}

impl Filter {
    fn new(matcher: Matcher) -> Self {
        Self { matcher, matches: RowSet::default(), match_counts: MatchCounts::default(), due: BTreeSet::new() }
    }

    /// Whether the trace is shown.
    pub(super) fn shows(&self, store: &Store, trace: TraceIx) -> bool {
        self.match_counts.has_any(trace) && self.matcher.matches_trace(store, trace)
    }

    /// Checks a row again.
    pub(super) fn check(&mut self, store: &Store, row: RowIx, now: Nanos) {
        let (before, after) = (self.matches.contains(row), self.matcher.matches(store, row, now));
        self.due.extend(self.matcher.next_change(store, row, now).map(|at| (at, row)));
        if before == after {
            return;
        }
        self.matches.set(row, after);
        self.match_counts.change(store.row(row).trace(), after);
    }

    /// Checks a changed row, its subtree (which may inherit another agent or session), its ancestors (whose totals have changed) and the first
    /// root of its trace, which stands for all of it.
    pub(super) fn check_around(&mut self, store: &Store, row: RowIx, now: Nanos) {
        for (row, _) in store.walk_below(row) {
            self.check(store, row, now);
        }
        let ancestors = std::iter::successors(store.row(row).parent(), |&row| store.row(row).parent());
        for row in ancestors.take(ANCESTORS) {
            self.check(store, row, now);
        }
        self.check_head(store, row, now);
    }

    /// Checks the first root of the trace that a row belongs to, or that its trace is part of.
    fn check_head(&mut self, store: &Store, row: RowIx, now: Nanos) {
        self.check(store, TraceTree::head(store, store.main_of(store.row(row).trace())), now);
    }
}

/// An unfinished pass of a filter over the store.
#[derive(Debug, Default)]
pub(super) struct FilterPass {
    /// The current trace, and the roots of the subtrees that are left.
    current: Option<(TraceIx, Vec<RowIx>)>,
    /// The last trace that was begun, with its start time.
    last: Option<(Nanos, TraceIx)>,
}

impl FilterPass {
    fn begin(&mut self, store: &Store, trace: TraceIx) {
        self.current = Some((trace, store.trace(trace).roots().to_vec()));
    }
}

impl TraceTree {
    /// Sets the filter; an empty query shows everything. Hits in payloads are kept if the query asks the same of payloads. Checks the trace
    /// under the cursor and the newest ones; [`TraceTree::continue_filtering`] checks the rest.
    pub fn set_filter(&mut self, store: &Store, query: Query, now: Nanos) {
        self.leave_foot();
        let previous = self.filter.take().map(|filter| filter.matcher);
        self.filter = (!query.is_empty()).then(|| Filter::new(previous.unwrap_or_default().with_query(query)));
        self.hide_all();
        let mut pass = FilterPass::default();
        if let Some((_, trace)) = self.cursor {
            pass.begin(store, trace);
        }
        self.filter_pass = Some(pass);
        if let (None, Some((_, trace))) = (&self.filter, self.cursor) {
            self.show_or_hide(store, store.main_of(trace), now);
        }
        self.filter_for(store, now, Slice::of(FIRST_PASS));
        match self.cursor {
            Some((row, trace)) if self.shows(store, trace) => self.set_cursor(store, row),
            _ => {
                self.line = 0;
                self.go_to_trace(store, 0);
            }
        }
    }

    /// Returns the filter in effect.
    #[must_use]
    pub fn query(&self) -> Option<&Query> {
        self.filter.as_ref().map(|filter| filter.matcher.query())
    }

    /// Whether rows are left to check.
    #[must_use]
    pub fn is_filtering(&self) -> bool {
        self.filter_pass.is_some()
    }

    /// Checks more rows for a moment.
    pub fn continue_filtering(&mut self, store: &Store, now: Nanos, slice: Slice) {
        if self.filter_pass.is_some() {
            self.filter_for(store, now, slice);
            self.ensure_cursor(store);
        }
    }

    /// Moves a missing cursor to the first trace.
    fn ensure_cursor(&mut self, store: &Store) {
        if self.cursor.is_none() {
            self.go_to_trace(store, 0);
        }
    }

    /// Continues the pass for a moment.
    fn filter_for(&mut self, store: &Store, now: Nanos, mut slice: Slice) {
        let Some(mut pass) = self.filter_pass.take() else { return };
        loop {
            let mut checked = 0;
            if let (Some((trace, rows)), Some(filter)) = (&mut pass.current, &mut self.filter) {
                let trace = *trace;
                while let Some(row) = rows.pop() {
                    filter.check(store, row, now);
                    rows.extend(store.children(row));
                    checked += 1;
                    if checked == CHUNK {
                        break;
                    }
                }
                if rows.is_empty() {
                    pass.current = None;
                    checked += 1;
                }
                self.show_or_hide(store, store.main_of(trace), now);
            } else if let Some(next) = store.newest_before(pass.last) {
                pass.last = Some(next);
                if self.filter.is_some() {
                    pass.begin(store, next.1);
                } else {
                    self.show_or_hide(store, next.1, now);
                    checked += 1;
                }
            } else {
                return;
            }
            if !slice.goes_on(checked) {
                self.filter_pass = Some(pass);
                return;
            }
        }
    }

    /// Adds spans whose payloads contain what the filter asks for.
    pub fn add_hits(&mut self, store: &Store, spans: &[(TraceId, SpanId)], now: Nanos) {
        for &(trace, span) in spans {
            let Some(filter) = &mut self.filter else { return };
            filter.matcher.add_payload_match(trace, span);
            if let Some(trace) = store.find_trace(trace)
                && let Some(row) = store.find(trace, span)
            {
                filter.check(store, row, now);
                self.show_or_hide(store, store.main_of(trace), now);
            }
        }
        self.ensure_cursor(store);
    }

    /// Adds calls that a cache missed.
    pub fn add_misses(&mut self, store: &Store, rows: impl Iterator<Item = RowIx>, now: Nanos) {
        for row in rows.filter(|&row| store.is_held(row)) {
            let Some(filter) = self.filter.as_mut().filter(|filter| filter.matcher.query().needs_misses()) else { return };
            let trace = store.row(row).trace();
            filter.matcher.add_miss(store.trace(trace).id, store.row(row).id);
            filter.check(store, row, now);
            self.show_or_hide(store, store.main_of(trace), now);
        }
        self.ensure_cursor(store);
    }

    /// Returns the rows that match if their payloads contain what the filter asks for.
    pub fn possible_matches(&mut self, store: &Store, rows: &[RowIx], now: Nanos) -> Vec<RowIx> {
        let Some(filter) = &mut self.filter else { return Vec::new() };
        let may_match = |row: &RowIx| !store.row(*row).placeholder && filter.matcher.may_match(store, *row, now);
        rows.iter().copied().filter(may_match).collect()
    }

    /// Updates rows that depend on the time: running ones, and those that enter or leave a relative time range of the filter. Returns whether
    /// there are any. Costs these rows.
    pub fn tick(&mut self, store: &Store, now: Nanos) -> bool {
        let mut rows: Vec<RowIx> = store.running().collect();
        if let Some(filter) = &mut self.filter {
            while let Some(&(at, row)) = filter.due.first()
                && at <= now
            {
                filter.due.pop_first();
                if store.is_held(row) {
                    rows.push(row);
                }
            }
            for &row in &rows {
                filter.check(store, row, now);
                filter.check_head(store, row, now);
            }
        }
        for &row in &rows {
            self.show_or_hide(store, store.main_of(store.row(row).trace()), now);
        }
        self.ensure_cursor(store);
        !rows.is_empty()
    }

    /// Removes evicted traces from the pass.
    pub(super) fn forget_in_filter_pass(&mut self, evicted: &[TraceIx]) {
        if let Some(pass) = &mut self.filter_pass
            && pass.current.as_ref().is_some_and(|(trace, _)| evicted.contains(trace))
        {
            pass.current = None;
        }
    }
}
