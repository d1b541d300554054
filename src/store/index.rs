//! Lookup of traces and rows by their ids.

use std::hash::BuildHasher;

use hashbrown::DefaultHashBuilder;

use super::ix::{RowIx, TraceIx};
use super::slab::Slab;
use super::trace::Trace;
use super::{Store, hash_index};
use crate::model::{SpanId, TraceId};

impl Store {
    /// Returns the trace with this id.
    #[must_use]
    pub fn find_trace(&self, id: TraceId) -> Option<TraceIx> {
        self.by_trace.find(self.hasher.hash_one(id), |&trace| self.traces[trace].id == id).map(|&trace| TraceIx(trace))
    }

    /// Returns the row of a span.
    #[must_use]
    pub fn find(&self, trace: TraceIx, id: SpanId) -> Option<RowIx> {
        let hash = span_hash(&self.hasher, &self.traces, trace, id);
        let is_equal = |&row: &u32| self.rows[row].id == id && self.rows[row].trace == trace.0;
        self.by_span.find(hash, is_equal).map(|&row| RowIx(row))
    }

    /// Prepares for about this many spans, so that the index grows once instead of step by step.
    pub fn reserve(&mut self, spans: u64) {
        let spans = usize::try_from(spans).unwrap_or(usize::MAX).min(self.limits.spans);
        self.by_span.reserve(spans);
    }

    /// Adds a row to the index of [`Store::find`].
    pub(super) fn index_row(&mut self, row: RowIx) {
        let (rows, traces, hasher) = (&self.rows, &self.traces, &self.hasher);
        let hash = |&row: &u32| span_hash(hasher, traces, rows[row].trace(), rows[row].id);
        self.by_span.insert_unique(hash(&row.0), row.0, hash);
    }

    /// Removes a row from the index of [`Store::find`].
    pub(super) fn unindex_row(&mut self, row: RowIx) {
        let data = self.row(row);
        let hash = span_hash(&self.hasher, &self.traces, data.trace(), data.id);
        self.by_span.remove(hash, |&other| other == row.0);
    }

    /// Scatters the rows of a trace over the index, from now on: it has too many to keep them close together.
    pub(super) fn scatter(&mut self, trace: TraceIx) {
        let rows = self.rows_of(trace);
        for &row in &rows {
            self.unindex_row(row);
        }
        self.traces[trace.0].scattered = true;
        for &row in &rows {
            self.index_row(row);
        }
    }
}

/// Returns the hash of a span. The hashes of a small trace are close together: its spans arrive together, and memory is slow except near
/// what was accessed last.
fn span_hash(hasher: &DefaultHashBuilder, traces: &Slab<Trace>, trace: TraceIx, id: SpanId) -> u64 {
    let hash = hasher.hash_one((trace, id));
    if traces[trace.0].scattered { hash } else { hash_index::clustered(hasher.hash_one(trace), hash) }
}
