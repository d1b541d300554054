//! A filter at work: which rows match, and so which traces are shown.
//!
//! Rows are judged from the newest trace to the oldest, for a moment when the filter is set and for another with each frame, so that a key
//! costs the same however many rows are held. What changes meanwhile is judged when it changes.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use super::TraceTree;
use super::order::Order;
use super::scale::Scales;
use crate::model::{Nanos, SpanId, TraceId};
use crate::query::{Matcher, Query};
use crate::store::{RowIx, Store, TraceIx};

/// How long a new filter may keep the next frame waiting.
const AT_ONCE: Duration = Duration::from_millis(10);

/// How long a frame may be put off while rows are left to judge.
const A_FRAME: Duration = Duration::from_millis(6);

/// Rows and traces that are judged between two looks at the clock.
const STRETCH: usize = 256;

/// How far up sums are judged again.
const ANCESTORS: usize = 256;

/// A set of rows, a bit each.
#[derive(Debug, Default)]
pub(super) struct RowSet {
    bits: Vec<u64>,
}

impl RowSet {
    pub(super) fn put(&mut self, row: RowIx, held: bool) {
        let (word, bit) = (row.index() / 64, row.index() % 64);
        if held && word >= self.bits.len() {
            self.bits.resize(word + 1, 0);
        }
        if let Some(bits) = self.bits.get_mut(word) {
            *bits = *bits & !(1 << bit) | u64::from(held) << bit;
        }
    }

    pub(super) fn holds(&self, row: RowIx) -> bool {
        self.bits.get(row.index() / 64).is_some_and(|bits| bits >> (row.index() % 64) & 1 == 1)
    }
}

/// A filter at work: the rows that match, and how many in each trace.
#[derive(Debug)]
pub(super) struct Filter {
    pub(super) matcher: Matcher,
    pub(super) lit: RowSet,
    pub(super) matches: HashMap<TraceIx, u32>,
    /// When rows have to be judged again though nothing in them changes, the next on top.
    changing: BTreeSet<(Nanos, RowIx)>,
}

impl Filter {
    fn new(matcher: Matcher) -> Self {
        Self { matcher, lit: RowSet::default(), matches: HashMap::new(), changing: BTreeSet::new() }
    }

    pub(super) fn shows(&self, store: &Store, trace: TraceIx) -> bool {
        self.matches.contains_key(&trace) && self.matcher.matches_trace(store, trace)
    }

    pub(super) fn judge(&mut self, store: &Store, row: RowIx, now: Nanos) {
        let (before, after) = (self.lit.holds(row), self.matcher.matches(store, row, now));
        self.changing.extend(self.matcher.next_change(store, row, now).map(|at| (at, row)));
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
    pub(super) fn judge_around(&mut self, store: &Store, row: RowIx, now: Nanos) {
        for (row, _) in store.walk_below(row) {
            self.judge(store, row, now);
        }
        let above = std::iter::successors(store.row(row).parent(), |&row| store.row(row).parent());
        for row in above.take(ANCESTORS) {
            self.judge(store, row, now);
        }
    }
}

/// How far a filter has come.
#[derive(Debug, Default)]
pub(super) struct Judging {
    /// The trace being judged, and its rows that are left with all below them.
    current: Option<(TraceIx, Vec<RowIx>)>,
    /// The oldest trace that was begun, by its start.
    reached: Option<(Nanos, TraceIx)>,
}

impl Judging {
    fn begin(&mut self, store: &Store, trace: TraceIx) {
        self.current = Some((trace, store.trace(trace).roots().to_vec()));
    }
}

impl TraceTree {
    /// Shows only what matches; an empty query shows everything. What was found in payloads before is kept if the query asks the same of
    /// them. Judges the trace under the cursor and the newest ones; [`Forest::judge_more`] goes on.
    pub fn set_filter(&mut self, store: &Store, query: Query, now: Nanos) {
        let before = self.filter.take().map(|filter| filter.matcher);
        self.filter = (!query.is_empty()).then(|| Filter::new(before.unwrap_or_default().with_query(query)));
        self.order = Order::new(self.sorting(), Vec::new());
        self.placed = super::PlacedTraces::default();
        self.scales = Scales::default();
        let mut judging = Judging::default();
        if let Some((_, trace)) = self.cursor {
            judging.begin(store, trace);
        }
        self.judging = Some(judging);
        if let (None, Some((_, trace))) = (&self.filter, self.cursor) {
            self.show_or_hide(store, trace, now);
        }
        self.judge_for(store, now, AT_ONCE);
        match self.cursor {
            Some((row, trace)) if self.shows(trace) => self.set_cursor(store, row),
            _ => {
                self.line = 0;
                self.go_to_trace(store, 0);
            }
        }
    }

    /// The filter at work, if there is one.
    #[must_use]
    pub fn query(&self) -> Option<&Query> {
        self.filter.as_ref().map(|filter| filter.matcher.query())
    }

    /// Whether rows are left that the filter was not put to: more may match.
    #[must_use]
    pub fn is_judging(&self) -> bool {
        self.judging.is_some()
    }

    /// Judges on for a moment, if rows are left.
    pub fn judge_more(&mut self, store: &Store, now: Nanos) {
        if self.judging.is_some() {
            self.judge_for(store, now, A_FRAME);
            self.stand_somewhere(store);
        }
    }

    /// Judges what is left, however long it takes.
    pub fn judge_all(&mut self, store: &Store, now: Nanos) {
        self.judge_for(store, now, Duration::MAX);
        self.stand_somewhere(store);
    }

    fn stand_somewhere(&mut self, store: &Store) {
        if self.cursor.is_none() {
            self.go_to_trace(store, 0);
        }
    }

    fn judge_for(&mut self, store: &Store, now: Nanos, time: Duration) {
        let Some(mut judging) = self.judging.take() else { return };
        let begun = Instant::now();
        let mut done = 0;
        loop {
            if let (Some((trace, rows)), Some(filter)) = (&mut judging.current, &mut self.filter) {
                let trace = *trace;
                while let Some(row) = rows.pop() {
                    filter.judge(store, row, now);
                    rows.extend(store.children(row));
                    done += 1;
                    if done % STRETCH == 0 {
                        break;
                    }
                }
                if rows.is_empty() {
                    judging.current = None;
                    done += 1;
                }
                self.show_or_hide(store, trace, now);
            } else if let Some(next) = store.newest_before(judging.reached) {
                judging.reached = Some(next);
                if self.filter.is_some() {
                    judging.begin(store, next.1);
                } else {
                    self.show_or_hide(store, next.1, now);
                    done += 1;
                }
            } else {
                return;
            }
            if done >= STRETCH {
                done = 0;
                if begun.elapsed() >= time {
                    self.judging = Some(judging);
                    return;
                }
            }
        }
    }

    /// Takes note of spans whose payloads hold what the filter asks for.
    pub fn found(&mut self, store: &Store, spans: &[(TraceId, SpanId)], now: Nanos) {
        for &(trace, span) in spans {
            let Some(filter) = &mut self.filter else { return };
            filter.matcher.add_payload_match(trace, span);
            if let Some(trace) = store.find_trace(trace)
                && let Some(row) = store.find(trace, span)
            {
                filter.judge(store, row, now);
                self.show_or_hide(store, trace, now);
            }
        }
        self.stand_somewhere(store);
    }

    /// Those of the rows that would match if their payloads hold what the filter asks for.
    pub fn doubtful(&mut self, store: &Store, rows: &[RowIx], now: Nanos) -> Vec<RowIx> {
        let Some(filter) = &mut self.filter else { return Vec::new() };
        let doubtful = |row: &RowIx| !store.row(*row).placeholder && filter.matcher.may_match(store, *row, now);
        rows.iter().copied().filter(doubtful).collect()
    }

    /// Judges, places and measures again what changes as time passes: what runs, and what a bound that slides along has come to. Whether
    /// anything did. Costs these rows.
    pub fn tick(&mut self, store: &Store, now: Nanos) -> bool {
        let mut rows: Vec<RowIx> = store.running().collect();
        if let Some(filter) = &mut self.filter {
            while let Some(&(at, row)) = filter.changing.first()
                && at <= now
            {
                filter.changing.pop_first();
                if store.is_held(row) {
                    rows.push(row);
                }
            }
            for &row in &rows {
                filter.judge(store, row, now);
            }
        }
        for &row in &rows {
            self.show_or_hide(store, store.row(row).trace(), now);
        }
        self.stand_somewhere(store);
        !rows.is_empty()
    }

    /// Takes the traces that are gone out of what is judged.
    pub(super) fn forget_judged(&mut self, evicted: &[TraceIx]) {
        if let Some(judging) = &mut self.judging
            && judging.current.as_ref().is_some_and(|(trace, _)| evicted.contains(trace))
        {
            judging.current = None;
        }
    }
}
