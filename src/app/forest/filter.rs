//! A filter at work: which rows match, and so which traces are shown.

use std::collections::HashMap;

use crate::model::Nanos;
use crate::query::{Matcher, Query};
use crate::store::{RowIx, Store, TraceIx};

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
    matcher: Matcher,
    pub(super) lit: RowSet,
    pub(super) matches: HashMap<TraceIx, u32>,
}

impl Filter {
    pub(super) fn new(store: &Store, query: Query, now: Nanos) -> Self {
        let mut filter = Self { matcher: Matcher::new(query), lit: RowSet::default(), matches: HashMap::new() };
        for row in store.rows() {
            filter.judge(store, row, now);
        }
        filter
    }

    pub(super) fn shows(&self, store: &Store, trace: TraceIx) -> bool {
        self.matches.contains_key(&trace) && self.matcher.passes(store, trace)
    }

    pub(super) fn judge(&mut self, store: &Store, row: RowIx, now: Nanos) {
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
    pub(super) fn judge_around(&mut self, store: &Store, row: RowIx, now: Nanos) {
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
