//! The beginnings of trace ids that tell traces apart.

use super::{Store, TraceIx};

/// The fewest digits of a short id.
const MIN_DIGITS: usize = 8;

/// The digits of an id.
const MAX_DIGITS: usize = 32;

/// The ids of all traces that a store held at some time.
#[derive(Clone, Debug)]
pub struct ShortIds(Vec<[u8; 16]>);

impl ShortIds {
    /// Collects the ids. Costs the traces, sorted.
    #[must_use]
    pub fn new(store: &Store) -> Self {
        let mut ids: Vec<[u8; 16]> = store.traces().map(|trace| store.trace(trace).id.bytes()).collect();
        ids.sort_unstable();
        Self(ids)
    }

    /// Returns the number of digits, at least 8, with which no other id begins.
    #[must_use]
    pub fn digits(&self, store: &Store, trace: TraceIx) -> usize {
        let id = store.trace(trace).id.bytes();
        let at = self.0.partition_point(|other| *other < id);
        let beside = [at.checked_sub(1), Some(at + 1)].into_iter().flatten().filter_map(|at| self.0.get(at));
        let shared = |other: &[u8; 16]| ((u128::from_be_bytes(*other) ^ u128::from_be_bytes(id)).leading_zeros() / 4) as usize;
        beside.map(shared).max().map_or(MIN_DIGITS, |shared| (shared + 1).clamp(MIN_DIGITS, MAX_DIGITS))
    }

    /// Returns the beginning of a trace's id with which no other id begins.
    #[must_use]
    pub fn id(&self, store: &Store, trace: TraceIx) -> String {
        let mut id = store.trace(trace).id.to_string();
        id.truncate(self.digits(store, trace));
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Batch, Origin, PayloadRef, SourceId, Span, SpanFacts, SpanId, Status, Text, TraceId};
    use crate::store::Limits;

    #[test]
    fn ids_are_as_long_as_needed_to_distinguish_them() {
        let mut batch = Batch::new(SourceId(0), Origin::Live);
        let ids = ["0123456789abcdef0123456789abcdef", "0123456789abcdff0123456789abcdef", "1123456789abcdef0123456789abcdef"];
        for (id, start) in ids.iter().zip(0..) {
            batch.spans.push(Span {
                trace: TraceId::parse(id.as_bytes()).unwrap(),
                id: SpanId::new([1; 8]).unwrap(),
                parent: None,
                start,
                end: Some(start + 1),
                status: Status::Ok,
                name: Text::default(),
                facts: SpanFacts::default(),
                error: Text::default(),
                payload_ref: PayloadRef::default(),
                retained_bytes: 0,
            });
        }
        let mut store = Store::new(Limits::default());
        store.apply(&batch, 0);
        let short = ShortIds::new(&store);
        let shown: Vec<String> = store.traces().map(|trace| short.id(&store, trace)).collect();
        assert_eq!(shown, ["0123456789abcde", "0123456789abcdf", "11234567"]);
    }
}
