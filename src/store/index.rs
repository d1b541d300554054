//! Which row is which span's.

use std::hash::BuildHasher;

use hashbrown::DefaultHashBuilder;

use super::row::{RowIx, Trace, TraceIx};
use super::slab::Slab;
use super::{Store, hash_index};
use crate::model::{SpanId, TraceId};

impl Store {
    /// The trace with this id.
    #[must_use]
    pub fn find_trace(&self, id: TraceId) -> Option<TraceIx> {
        self.by_trace.find(self.hasher.hash_one(id), |&trace| self.traces[trace].id == id).map(|&trace| TraceIx(trace))
    }

    /// The row of a span.
    #[must_use]
    pub fn find(&self, trace: TraceIx, id: SpanId) -> Option<RowIx> {
        let hash = place_of(&self.hasher, &self.traces, trace, id);
        let same = |&row: &u32| self.rows[row].id == id && self.rows[row].trace == trace.0;
        self.by_span.find(hash, same).map(|&row| RowIx(row))
    }

    /// About so many spans are about to come, says a source: room for them at once saves making it bit by bit.
    pub fn expect(&mut self, spans: u64) {
        let spans = usize::try_from(spans).unwrap_or(usize::MAX).min(self.limits.spans);
        self.by_span.expect(spans);
    }

    /// Makes a row one that [`Store::find`] finds.
    pub(super) fn enter(&mut self, row: RowIx) {
        let (rows, traces, hasher) = (&self.rows, &self.traces, &self.hasher);
        let place = |&row: &u32| place_of(hasher, traces, rows[row].trace(), rows[row].id);
        self.by_span.insert_unique(place(&row.0), row.0, place);
    }

    /// Makes a row one that [`Store::find`] finds no more.
    pub(super) fn leave(&mut self, row: RowIx) {
        let data = self.row(row);
        let place = place_of(&self.hasher, &self.traces, data.trace(), data.id);
        self.by_span.remove(place, |&at| at == row.0);
    }

    /// From now on the rows of this trace are found all over the table.
    pub(super) fn spread(&mut self, trace: TraceIx) {
        let rows = self.rows_of(trace);
        for &row in &rows {
            self.leave(row);
        }
        self.traces[trace.0].spread = true;
        for &row in &rows {
            self.enter(row);
        }
    }
}

/// Under which hash a span is found: those of a small trace close together, since they come together, and memory is slow where it is
/// not near what was used last.
fn place_of(hasher: &DefaultHashBuilder, traces: &Slab<Trace>, trace: TraceIx, id: SpanId) -> u64 {
    let own = hasher.hash_one((trace, id));
    if traces[trace.0].spread { own } else { hash_index::near(hasher.hash_one(trace), own) }
}
