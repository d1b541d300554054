//! The traces in the order in which they stand on the screen.
//!
//! A sorted list in pieces: to put a trace in, to take it out, to find its place and to count those above it costs a few microseconds,
//! however many there are.

use crate::model::Nanos;
use crate::store::{Store, TraceIx};

/// What traces are sorted by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// When they began, the newest on top.
    #[default]
    Start,
    /// How long the row that stands for the trace took, the longest on top.
    Duration,
    /// Tokens, the most on top.
    Tokens,
    /// Cost, the highest on top.
    Cost,
    /// Failed spans, the most on top.
    Errors,
    /// Names, from A to Z.
    Name,
}

impl Sort {
    /// Every order, with its name.
    pub const ALL: [(Self, &'static str); 6] = [
        (Self::Start, "start"),
        (Self::Duration, "duration"),
        (Self::Tokens, "tokens"),
        (Self::Cost, "cost"),
        (Self::Errors, "errors"),
        (Self::Name, "name"),
    ];

    /// The order after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self::ALL[(self as usize + 1) % Self::ALL.len()].0
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL[self as usize].1
    }
}

/// A sort and its direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sorting {
    /// What counts.
    pub by: Sort,
    /// Whether the other end is on top.
    pub reversed: bool,
}

impl Sorting {
    /// Whether the newest trace stands on top.
    #[must_use]
    pub fn newest_first(self) -> bool {
        self == Self::default()
    }

    fn descends(self) -> bool {
        (self.by != Sort::Name) != self.reversed
    }

    /// Where a trace stands in this order. What is not known stands at the bottom.
    pub(super) fn entry(self, store: &Store, trace: TraceIx, now: Nanos) -> Entry {
        let data = store.trace(trace);
        let totals = store.totals_of(trace);
        let unknown = if self.descends() { i64::MIN } else { i64::MAX };
        let number = |number: Option<u64>| number.map_or(unknown, |number| i64::try_from(number).unwrap_or(i64::MAX));
        let head = store.row(data.roots()[0]);
        let value = match self.by {
            Sort::Start => Value::Number(data.start),
            Sort::Duration => Value::Number(head.duration(now)),
            Sort::Tokens => Value::Number(number(totals.tokens())),
            Sort::Cost => Value::Number(totals.cost().unwrap_or(unknown)),
            Sort::Errors => Value::Number(i64::from(totals.errors)),
            Sort::Name => {
                let name = if head.label.is_empty() { head.name } else { head.label };
                Value::Name(store.text(name).to_lowercase().into())
            }
        };
        // Among equals the newest is first, whichever way the order goes.
        let start = if self.descends() { data.start } else { data.start.saturating_neg() };
        Entry { value, start, trace }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Value {
    Number(i64),
    Name(Box<str>),
}

/// A trace and what its place depends on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    value: Value,
    start: Nanos,
    pub(super) trace: TraceIx,
}

/// Entries in a piece at most; one that grows beyond is halved.
const PIECE: usize = 1024;

/// Sorted entries. Places count from the top of the screen.
#[derive(Debug, Default)]
pub(super) struct Order {
    sorting: Sorting,
    /// Ascending; none is empty.
    pieces: Vec<Vec<Entry>>,
    len: usize,
}

impl Order {
    /// Sorts the entries, all made for `sorting`.
    pub(super) fn new(sorting: Sorting, mut entries: Vec<Entry>) -> Self {
        entries.sort_unstable();
        let len = entries.len();
        let mut pieces = Vec::with_capacity(len / (PIECE / 2) + 1);
        let mut rest = entries.into_iter().peekable();
        while rest.peek().is_some() {
            pieces.push(rest.by_ref().take(PIECE / 2).collect());
        }
        Self { sorting, pieces, len }
    }

    pub(super) fn sorting(&self) -> Sorting {
        self.sorting
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The piece that an entry belongs into.
    fn piece(&self, entry: &Entry) -> usize {
        self.pieces.partition_point(|piece| piece.last().is_some_and(|last| last < entry))
    }

    pub(super) fn insert(&mut self, entry: Entry) {
        let at = self.piece(&entry).min(self.pieces.len().saturating_sub(1));
        if self.pieces.is_empty() {
            self.pieces.push(Vec::new());
        }
        let piece = &mut self.pieces[at];
        let place = piece.partition_point(|other| *other < entry);
        piece.insert(place, entry);
        self.len += 1;
        if piece.len() > PIECE {
            let half = piece.split_off(PIECE / 2);
            // Most pieces are full for good once traces come at one end only.
            piece.shrink_to_fit();
            self.pieces.insert(at + 1, half);
        }
    }

    /// Takes an entry out; returns the place that it had.
    pub(super) fn remove(&mut self, entry: &Entry) -> Option<usize> {
        let place = self.place(entry)?;
        let at = self.piece(entry);
        let piece = &mut self.pieces[at];
        let within = piece.binary_search(entry).ok()?;
        piece.remove(within);
        if piece.is_empty() {
            self.pieces.remove(at);
        }
        self.len -= 1;
        Some(place)
    }

    /// How many stand above the entry; `None` if it is not held.
    pub(super) fn place(&self, entry: &Entry) -> Option<usize> {
        let at = self.piece(entry);
        let within = self.pieces.get(at)?.binary_search(entry).ok()?;
        let below = self.pieces[..at].iter().map(Vec::len).sum::<usize>() + within;
        Some(self.turned(below))
    }

    /// The trace at a place.
    pub(super) fn get(&self, place: usize) -> Option<TraceIx> {
        if place >= self.len {
            return None;
        }
        let mut rest = self.turned(place);
        for piece in &self.pieces {
            match piece.get(rest) {
                Some(entry) => return Some(entry.trace),
                None => rest -= piece.len(),
            }
        }
        None
    }

    fn turned(&self, place: usize) -> usize {
        if self.sorting.descends() { self.len - 1 - place } else { place }
    }

    /// The traces from the top of the screen.
    pub(super) fn iter(&self) -> impl Iterator<Item = TraceIx> {
        let entries = self.pieces.iter().flatten();
        let (down, up) = if self.sorting.descends() { (Some(entries.rev()), None) } else { (None, Some(entries)) };
        down.into_iter().flatten().chain(up.into_iter().flatten()).map(|entry| entry.trace)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::store::{Limits, Store};

    /// As many traces as wanted, to have indexes of.
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
        fn it_is_a_sorted_list(
            values in prop::collection::vec((-5_i64..5, any::<bool>()), 0..200), reversed in any::<bool>(), by_name in any::<bool>(),
        ) {
            let sorting = Sorting { by: if by_name { Sort::Name } else { Sort::Cost }, reversed };
            let traces = traces(200);
            let mut order = Order::new(sorting, Vec::new());
            let mut model = Vec::new();
            for (&trace, (value, stays)) in traces.iter().zip(values) {
                let value = if by_name { Value::Name(value.to_string().into()) } else { Value::Number(value) };
                let entry = Entry { value, start: 0, trace };
                order.insert(entry.clone());
                model.push(entry.clone());
                model.sort();
                if !stays {
                    let at = model.iter().position(|other| *other == entry);
                    let place = at.map(|at| if sorting.descends() { model.len() - 1 - at } else { at });
                    prop_assert_eq!(order.remove(&entry), place);
                    model.retain(|other| *other != entry);
                }
            }
            if sorting.descends() {
                model.reverse();
            }
            let shown: Vec<TraceIx> = model.iter().map(|entry| entry.trace).collect();
            prop_assert_eq!(order.iter().collect::<Vec<_>>(), shown.clone());
            prop_assert_eq!((0..order.len()).filter_map(|at| order.get(at)).collect::<Vec<_>>(), shown);
            for (place, entry) in model.iter().enumerate() {
                prop_assert_eq!(order.place(entry), Some(place));
            }
        }
    }

    #[test]
    fn many_stand_in_pieces() {
        let trace = traces(1)[0];
        let entry = |number: i64| Entry { value: Value::Number(number * 7919 % 10_007), start: 0, trace };
        let mut order = Order::new(Sorting::default(), Vec::new());
        (0..10_007).for_each(|number| order.insert(entry(number)));
        assert!(order.pieces.len() > 9 && order.pieces.iter().all(|piece| piece.len() <= PIECE));
        assert_eq!((order.len(), order.place(&entry(0)), order.get(10_007)), (10_007, Some(10_006), None));
        (0..10_007).for_each(|number| assert!(order.remove(&entry(number)).is_some()));
        assert!(order.pieces.is_empty() && order.remove(&entry(3)).is_none());
    }
}
