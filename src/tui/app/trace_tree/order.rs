//! The order of the traces on the screen.
//!
//! A sorted list in chunks: an insertion, a removal or a lookup costs a few microseconds, regardless of the number of traces.

use crate::model::Nanos;
use crate::settings::named_enum;
use crate::store::{Store, TraceIx};

named_enum! {
    /// A sort key of traces.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub enum Sort {
        /// Start time, newest first.
        #[default]
        Start = "start",
        /// Duration, longest first.
        Duration = "time",
        /// Tokens, most first.
        Tokens = "tokens",
        /// Cost, highest first.
        Cost = "cost",
        /// Failed spans, most first.
        Errors = "errors",
        /// Name of the run that the trace is named after, from A to Z.
        Name = "name",
    }
}

impl Sort {
    /// Returns the next sort key; the first follows the last.
    #[must_use]
    pub fn next(self) -> Self {
        Self::ALL[(self as usize + 1) % Self::ALL.len()].0
    }
}

/// A sort key with a direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sorting {
    /// The sort key.
    pub by: Sort,
    /// Whether the order is reversed.
    pub is_reversed: bool,
}

impl Sorting {
    /// Whether the newest trace comes first.
    #[must_use]
    pub fn is_newest_first(self) -> bool {
        self == Self::default()
    }

    /// Whether the largest comes first, or the last of names.
    pub(in crate::tui::app) fn is_descending(self) -> bool {
        (self.by != Sort::Name) != self.is_reversed
    }

    /// Returns the entry of a trace. Unknown values come last in both directions.
    pub(super) fn entry(self, store: &Store, trace: TraceIx, now: Nanos) -> Entry {
        let data = store.trace(trace);
        let totals = store.group_totals(trace);
        let unknown = if self.is_descending() { i64::MIN } else { i64::MAX };
        let number = |number: Option<u64>| number.map_or(unknown, |number| i64::try_from(number).unwrap_or(i64::MAX));
        let lead = store.row(store.lead(trace).unwrap_or(data.roots()[0]));
        let value = match self.by {
            Sort::Start => Value::Number(data.start),
            Sort::Duration => Value::Number(store.group_time(trace, now).unwrap_or(unknown)),
            Sort::Tokens => Value::Number(number(totals.tokens())),
            Sort::Cost => Value::Number(totals.cost().unwrap_or(unknown)),
            Sort::Errors => Value::Number(i64::from(totals.failed)),
            Sort::Name => {
                let name = if lead.label.is_empty() { lead.name } else { lead.label };
                Value::Name(store.text(name).to_lowercase().into())
            }
        };
        // Among equal values the newest comes first in both directions.
        let start = if self.is_descending() { data.start } else { data.start.saturating_neg() };
        // What waits for a person stands at the top.
        let waits = store.awaiting(trace).is_some();
        Entry { is_last: waits == self.is_descending(), value, start, trace }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Value {
    Number(i64),
    Name(Box<str>),
}

/// A trace with its sort key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    /// Whether it comes after all others in ascending order.
    is_last: bool,
    value: Value,
    start: Nanos,
    pub(super) trace: TraceIx,
}

/// Entries in a chunk at most; a longer chunk is divided.
const CHUNK: usize = 1024;

/// The sorted entries. Positions count from the top of the screen.
#[derive(Debug, Default)]
pub(super) struct Order {
    sorting: Sorting,
    /// Ascending; no chunk is empty.
    chunks: Vec<Vec<Entry>>,
    len: usize,
}

impl Order {
    /// Sorts entries that were made with `sorting`.
    pub(super) fn new(sorting: Sorting, mut entries: Vec<Entry>) -> Self {
        entries.sort_unstable();
        let len = entries.len();
        let mut chunks = Vec::with_capacity(len / (CHUNK / 2) + 1);
        let mut rest = entries.into_iter().peekable();
        while rest.peek().is_some() {
            chunks.push(rest.by_ref().take(CHUNK / 2).collect());
        }
        Self { sorting, chunks, len }
    }

    pub(super) fn sorting(&self) -> Sorting {
        self.sorting
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Takes itself apart.
    pub(super) fn into_entries(self) -> impl Iterator<Item = Entry> {
        self.chunks.into_iter().flatten()
    }

    /// Returns the index of the chunk that an entry belongs to.
    fn chunk_of(&self, entry: &Entry) -> usize {
        self.chunks.partition_point(|chunk| chunk.last().is_some_and(|last| last < entry))
    }

    pub(super) fn insert(&mut self, entry: Entry) {
        let at = self.chunk_of(&entry).min(self.chunks.len().saturating_sub(1));
        if self.chunks.is_empty() {
            self.chunks.push(Vec::new());
        }
        let chunk = &mut self.chunks[at];
        let index = chunk.partition_point(|other| *other < entry);
        chunk.insert(index, entry);
        self.len += 1;
        if chunk.len() > CHUNK {
            let half = chunk.split_off(CHUNK / 2);
            // Traces usually arrive at one end: most chunks never grow again.
            chunk.shrink_to_fit();
            self.chunks.insert(at + 1, half);
        }
    }

    /// Removes an entry. Returns its former position.
    pub(super) fn remove(&mut self, entry: &Entry) -> Option<usize> {
        let position = self.position(entry)?;
        let at = self.chunk_of(entry);
        let chunk = &mut self.chunks[at];
        let within = chunk.binary_search(entry).ok()?;
        chunk.remove(within);
        if chunk.is_empty() {
            self.chunks.remove(at);
        }
        self.len -= 1;
        Some(position)
    }

    /// Returns the position of an entry; `None` if it is not in the list.
    pub(super) fn position(&self, entry: &Entry) -> Option<usize> {
        let at = self.chunk_of(entry);
        let within = self.chunks.get(at)?.binary_search(entry).ok()?;
        let below = self.chunks[..at].iter().map(Vec::len).sum::<usize>() + within;
        Some(self.index_of(below))
    }

    /// Returns the trace at a position.
    pub(super) fn get(&self, position: usize) -> Option<TraceIx> {
        if position >= self.len {
            return None;
        }
        let mut rest = self.index_of(position);
        for chunk in &self.chunks {
            match chunk.get(rest) {
                Some(entry) => return Some(entry.trace),
                None => rest -= chunk.len(),
            }
        }
        None
    }

    /// Returns the number of traces at the top that wait for a person.
    pub(super) fn waiting(&self) -> usize {
        let waits = self.sorting.is_descending();
        let entries = self.chunks.iter().flatten();
        if waits { entries.rev().take_while(|entry| entry.is_last).count() } else { entries.take_while(|entry| !entry.is_last).count() }
    }

    /// Converts between positions from the top and indices in ascending order.
    fn index_of(&self, position: usize) -> usize {
        if self.sorting.is_descending() { self.len - 1 - position } else { position }
    }

    /// Returns the traces from top to bottom.
    pub(super) fn iter(&self) -> impl Iterator<Item = TraceIx> {
        let entries = self.chunks.iter().flatten();
        let (down, up) = if self.sorting.is_descending() { (Some(entries.rev()), None) } else { (None, Some(entries)) };
        down.into_iter().flatten().chain(up.into_iter().flatten()).map(|entry| entry.trace)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::store::{Limits, Store};

    /// Returns the indices of this many traces.
    fn traces(count: u8) -> Vec<TraceIx> {
        let mut store = Store::new(Limits::default());
        let mut batch = crate::model::Batch::default();
        for number in 1..=count {
            let trace = crate::model::TraceId::new([number; 16]);
            let id = crate::model::SpanId::new([number; 8]);
            let (Some(trace), Some(id)) = (trace, id) else { continue };
            let (facts, error, address) = Default::default();
            let (parent, end, status, name) = Default::default();
            batch.spans.push(crate::model::Span {
                trace,
                id,
                parent,
                start: 0,
                end,
                status,
                name,
                facts,
                error,
                payload_ref: address,
                retained_bytes: 0,
            });
        }
        store.apply(&batch, 0);
        store.traces().collect()
    }

    proptest! {
        #[test]
        fn it_behaves_like_a_sorted_list(
            values in prop::collection::vec((-5_i64..5, any::<bool>()), 0..200), is_reversed in any::<bool>(), by_name in any::<bool>(),
        ) {
            let sorting = Sorting { by: if by_name { Sort::Name } else { Sort::Cost }, is_reversed };
            let traces = traces(200);
            let mut order = Order::new(sorting, Vec::new());
            let mut model = Vec::new();
            for (&trace, (value, stays)) in traces.iter().zip(values) {
                let value = if by_name { Value::Name(value.to_string().into()) } else { Value::Number(value) };
                let entry = Entry { is_last: false, value, start: 0, trace };
                order.insert(entry.clone());
                model.push(entry.clone());
                model.sort();
                if !stays {
                    let at = model.iter().position(|other| *other == entry);
                    let position = at.map(|at| if sorting.is_descending() { model.len() - 1 - at } else { at });
                    prop_assert_eq!(order.remove(&entry), position);
                    model.retain(|other| *other != entry);
                }
            }
            if sorting.is_descending() {
                model.reverse();
            }
            let shown: Vec<TraceIx> = model.iter().map(|entry| entry.trace).collect();
            prop_assert_eq!(order.iter().collect::<Vec<_>>(), shown.clone());
            prop_assert_eq!((0..order.len()).filter_map(|at| order.get(at)).collect::<Vec<_>>(), shown);
            for (position, entry) in model.iter().enumerate() {
                prop_assert_eq!(order.position(entry), Some(position));
            }
        }
    }

    #[test]
    fn many_entries_divide_into_chunks() {
        let trace = traces(1)[0];
        let entry = |number: i64| Entry { is_last: false, value: Value::Number(number * 7919 % 10_007), start: 0, trace };
        let mut order = Order::new(Sorting::default(), Vec::new());
        (0..10_007).for_each(|number| order.insert(entry(number)));
        assert!(order.chunks.len() > 9 && order.chunks.iter().all(|chunk| chunk.len() <= CHUNK));
        assert_eq!((order.len(), order.position(&entry(0)), order.get(10_007)), (10_007, Some(10_006), None));
        (0..10_007).for_each(|number| assert!(order.remove(&entry(number)).is_some()));
        assert!(order.chunks.is_empty() && order.remove(&entry(3)).is_none());
    }
}
