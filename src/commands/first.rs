//! The first traces, newest first: those that a limit allows.

use std::cmp::Reverse;
use std::collections::HashSet;

use crate::model::sort;
use crate::model::{Nanos, TraceId};
use crate::store::{Store, TraceIx};

/// The traces that a command needs, newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum First {
    /// All that are selected.
    All,
    /// So many of those that are selected.
    Traces(usize),
    /// So many main traces, `folds` without ordinary ones.
    Mains {
        /// How many.
        limit: usize,
        /// Whether ordinary traces don't count.
        folds: bool,
    },
}

/// Returns the main traces of some traces, newest first.
pub(super) fn mains(store: &Store, traces: Vec<TraceIx>) -> Vec<TraceIx> {
    let mut seen = HashSet::new();
    let mut mains: Vec<TraceIx> = traces.into_iter().map(|trace| store.main_of(trace)).filter(|&main| seen.insert(main)).collect();
    sort::by_key(&mut mains, |&main| newest_first(store, main));
    mains
}

/// Returns the key that sorts traces: the newest first, and those that began at once by their ids, whatever the order of reading.
pub(super) fn newest_first(store: &Store, trace: TraceIx) -> (Reverse<Nanos>, TraceId) {
    (Reverse(store.trace(trace).start), store.trace(trace).id)
}
