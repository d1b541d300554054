//! One row of a result.

use std::hash::{DefaultHasher, Hash, Hasher};

use tokio_postgres::Row;

use super::session::{bytes, number, text};
use super::snapshot::Snapshot;
use super::table::split;
use crate::model::{Batch, PayloadRef, Skipped, SpanId};
use crate::sources::agno_row::{AgnoRow, COLUMNS};

/// The columns before those of a span: place, transaction, `created_at`.
const ROW_COLUMNS: usize = 3;

/// The position of a row and its transaction.
pub(super) struct RowInfo<'a> {
    /// See [`PLACE`](super::table::PLACE).
    pub(super) place: &'a str,
    pub(super) created: Option<&'a str>,
    pub(super) transaction: u64,
    /// See [`key`].
    pub(super) key: u64,
}

impl<'a> RowInfo<'a> {
    pub(super) fn new(row: &'a Row, snapshot: &Snapshot) -> Self {
        let place = text(row, 0).unwrap_or_default();
        let transaction = number(row, 1).map_or(0, |low| snapshot.widen(low));
        Self { place, created: text(row, 2), transaction, key: key(text(row, ROW_COLUMNS), place) }
    }
}

/// Returns the key by which a row is remembered: its span id, or a hash if it has no valid one.
pub(super) fn key(id: Option<&str>, place: &str) -> u64 {
    if let Some(id) = id.and_then(|id| SpanId::parse(id.as_bytes())) {
        return u64::from_be_bytes(id.bytes());
    }
    let mut hasher = DefaultHasher::new();
    (id, place).hash(&mut hasher);
    hasher.finish()
}

/// Reads a row into the batch, as a span or as skipped.
pub(super) fn read(row: &Row, info: &RowInfo<'_>, batch: &mut Batch) {
    let mut values = [None; COLUMNS.len()];
    for (column, value) in values.iter_mut().enumerate() {
        *value = bytes(row, ROW_COLUMNS + column);
    }
    // Payloads are found by the span id.
    match AgnoRow(values).span(PayloadRef::default(), batch) {
        Ok(span) => batch.spans.push(span),
        Err(reason) => {
            let id = text(row, ROW_COLUMNS).filter(|id| SpanId::parse(id.as_bytes()).is_some());
            let place = id.map_or_else(|| format!("row {}", split(info.place).1), |id| format!("span {id}"));
            batch.skipped.push(Skipped { place, reason });
        }
    }
}
