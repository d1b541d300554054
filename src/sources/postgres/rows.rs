//! One row, as the server hands it out.

use std::hash::{DefaultHasher, Hash, Hasher};

use tokio_postgres::Row;

use super::session::{Bytes, number, text};
use super::snapshot::Snapshot;
use crate::model::{Batch, PayloadRef, Skipped, SpanId};
use crate::sources::agno_row::{AgnoRow, COLUMNS};

/// Columns that come before a span's own.
const BEFORE: usize = 3;

/// Where a row lies and who wrote it.
pub(super) struct Meta<'a> {
    pub(super) place: &'a str,
    pub(super) created: Option<&'a str>,
    pub(super) transaction: u64,
    /// Tells it from other rows.
    pub(super) key: u64,
}

impl<'a> Meta<'a> {
    pub(super) fn of(row: &'a Row, snapshot: &Snapshot) -> Self {
        let place = text(row, 0).unwrap_or_default();
        let transaction = number(row, 1).map_or(0, |low| snapshot.widen(low));
        Self { place, created: text(row, 2), transaction, key: key(text(row, BEFORE), place) }
    }
}

/// What a row is remembered by: the span's id, or, where there is none, its place.
pub(super) fn key(id: Option<&str>, place: &str) -> u64 {
    if let Some(id) = id.and_then(|id| SpanId::parse(id.as_bytes())) {
        return u64::from_be_bytes(id.bytes());
    }
    let mut hasher = DefaultHasher::new();
    (id, place).hash(&mut hasher);
    hasher.finish()
}

/// Puts a row into the batch: as a span, or as skipped.
pub(super) fn take(row: &Row, meta: &Meta<'_>, batch: &mut Batch) {
    let mut values = [None; COLUMNS.len()];
    for (column, value) in values.iter_mut().enumerate() {
        *value = row.try_get::<_, Option<Bytes<'_>>>(BEFORE + column).ok().flatten().map(|bytes| bytes.0);
    }
    // A payload is found by the span's id.
    match AgnoRow(values).span(PayloadRef::default(), batch) {
        Ok(span) => batch.spans.push(span),
        Err(reason) => {
            let id = text(row, BEFORE).filter(|id| SpanId::parse(id.as_bytes()).is_some());
            let place = id.map_or_else(|| format!("row {}", meta.place), |id| format!("span {id}"));
            batch.skipped.push(Skipped { place, reason });
        }
    }
}
