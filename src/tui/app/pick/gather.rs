//! Collects the values of a list, in slices: there may be a name for every session of a month.

use std::collections::{HashMap, VecDeque};

use crate::store::{By, Store, Symbol, TraceIx};
use crate::tui::slices::Slice;

/// A collection in progress.
#[derive(Clone, Debug)]
pub(super) enum Gathering {
    /// The names of a kind; the next place to look at.
    Labels(By, u32),
    /// The sessions of the traces that are left, and how many traces each has.
    Sessions(VecDeque<TraceIx>, HashMap<String, u64>),
    /// What is not copied yet of that.
    Counted(Vec<(String, u64)>),
}

impl Gathering {
    pub(super) fn sessions(store: &Store) -> Self {
        let traces: VecDeque<TraceIx> = store.traces().collect();
        // A table that grows takes longer than a frame.
        let counts = HashMap::with_capacity(traces.len());
        Self::Sessions(traces, counts)
    }

    /// Collects on; appends values with their counts to `found`. Returns whether all are known.
    pub(super) fn advance(&mut self, store: &Store, found: &mut Vec<(String, u64)>, slice: &mut Slice) -> bool {
        match self {
            Self::Labels(by, next) => {
                while *next < store.stats().group_places(*by) {
                    let group = store.stats().group_at(*by, *next).filter(|(name, _)| !name.is_empty());
                    found.extend(group.map(|(name, group)| (store.text(name).to_owned(), u64::from(group.calls))));
                    *next += 1;
                    if !slice.goes_on(PIECES) {
                        return false;
                    }
                }
            }
            Self::Sessions(traces, counts) => {
                while let Some(&trace) = traces.front() {
                    let is_held = store.is_trace_held(trace);
                    let pieces = if is_held { 1 + store.trace(trace).counts().spans as usize } else { 1 };
                    if !slice.allows(pieces) {
                        return false;
                    }
                    traces.pop_front();
                    if is_held {
                        count(store, trace, counts);
                    }
                    if !slice.goes_on(pieces) {
                        return false;
                    }
                }
                *self = Self::Counted(counts.drain().collect());
                return self.advance(store, found, slice);
            }
            Self::Counted(counted) => {
                while let Some(value) = counted.pop() {
                    found.push(value);
                    if !slice.goes_on(1) {
                        return false;
                    }
                }
            }
        }
        true
    }
}

/// Counts a trace for each session that its rows state.
fn count(store: &Store, trace: TraceIx, counts: &mut HashMap<String, u64>) {
    let mut sessions: Vec<Symbol> =
        store.walk(trace).map(|(row, _)| store.row(row).session).filter(|session| !session.is_empty()).collect();
    sessions.sort_unstable();
    sessions.dedup();
    for session in sessions.into_iter().map(|session| store.text(session)) {
        match counts.get_mut(session) {
            Some(count) => *count += 1,
            None => drop(counts.insert(session.to_owned(), 1)),
        }
    }
}

/// Copying a name is as much work as so many pieces.
const PIECES: usize = 4;
