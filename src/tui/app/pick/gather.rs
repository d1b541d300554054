//! Collects the values of a list, in slices: there may be a name for every session of a month.

use std::collections::{HashMap, hash_map};

use crate::model::Nanos;
use crate::query::STATUSES;
use crate::store::{By, Store, Symbol, TraceIx};
use crate::tui::app::trash::Items;
use crate::tui::slices::Slice;

/// A collection in progress.
#[derive(Debug)]
pub(super) enum Gathering {
    /// The names of a kind; the next place to look at.
    Labels(By, u32),
    /// The last trace that was looked at, with its start time, and how many traces each session has so far.
    Sessions(Option<(Nanos, TraceIx)>, HashMap<String, u64>),
    /// The last trace that was looked at, with its start time, and how many traces have each of the statuses so far.
    Statuses(Option<(Nanos, TraceIx)>, [u64; STATUSES.len()]),
    /// What is not copied yet of the sessions.
    Counted(hash_map::IntoIter<String, u64>),
}

impl Gathering {
    pub(super) fn sessions(store: &Store) -> Self {
        // A table that grows takes longer than a frame.
        Self::Sessions(None, HashMap::with_capacity(store.trace_count()))
    }

    /// Takes itself apart, to be freed in slices.
    pub(super) fn into_items(self) -> Items {
        match self {
            Self::Labels(..) | Self::Statuses(..) => Box::new(std::iter::empty()),
            Self::Sessions(_, counts) => Box::new(counts.into_keys().map(drop)),
            Self::Counted(counted) => Box::new(counted.map(drop)),
        }
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
            Self::Sessions(last, counts) => {
                while let Some(next) = store.newest_before(*last) {
                    let pieces = 1 + store.trace(next.1).counts().spans as usize;
                    if !slice.allows(pieces) {
                        return false;
                    }
                    *last = Some(next);
                    count(store, next.1, counts);
                    if !slice.goes_on(pieces) {
                        return false;
                    }
                }
                *self = Self::Counted(std::mem::take(counts).into_iter());
                return self.advance(store, found, slice);
            }
            Self::Statuses(last, counts) => {
                while let Some(next) = store.newest_before(*last) {
                    *last = Some(next);
                    let status = store.trace(next.1).run_status();
                    STATUSES.iter().zip(&mut *counts).filter(|((_, known), _)| *known == status).for_each(|(_, count)| *count += 1);
                    if !slice.goes_on(1) {
                        return false;
                    }
                }
                found.extend(STATUSES.iter().zip(counts).map(|((name, _), count)| ((*name).to_owned(), *count)));
            }
            Self::Counted(counted) => {
                for value in counted.by_ref() {
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
