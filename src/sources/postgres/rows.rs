//! One row of a result.

use std::hash::{DefaultHasher, Hash, Hasher};

use hashbrown::HashMap;
use tokio_postgres::Row;

use super::session::{bytes, text};
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
        let transaction = transaction(text(row, 1), snapshot);
        Self { place, created: text(row, 2), transaction, key: key(text(row, ROW_COLUMNS), place) }
    }

    /// Reads a row of [`TableDefinition::select_ids`](super::table::TableDefinition::select_ids).
    pub(super) fn of_view(row: &'a Row, snapshot: &Snapshot) -> Self {
        let place = text(row, 0).unwrap_or_default();
        Self { place, created: text(row, 2), transaction: transaction(text(row, 1), snapshot), key: key(Some(place), place) }
    }
}

/// Whether some of the rows have one id and different contents, which no view may have that is followed.
pub(super) fn are_ambiguous<'a>(rows: impl Iterator<Item = &'a RowInfo<'a>>) -> bool {
    let mut contents = HashMap::new();
    rows.into_iter().any(|row| contents.insert(row.key, row.transaction).is_some_and(|other| other != row.transaction))
}

/// Returns the transaction of a row, or for a view what stands for it.
fn transaction(text: Option<&str>, snapshot: &Snapshot) -> u64 {
    match text.map(|text| (text, text.strip_prefix('c'))) {
        Some((_, Some(content))) => content.parse().unwrap_or(0),
        Some((low, None)) => low.parse().map_or(0, |low| snapshot.widen(low)),
        None => 0,
    }
}

/// Returns the key by which a row is remembered: its span id, or a hash if it has no valid one.
pub(super) fn key(id: Option<&str>, place: &str) -> u64 {
    if let Some(id) = id.and_then(|id| SpanId::parse(id.as_bytes())) {
        return u64::from_be_bytes(id.bytes());
    }
    let mut hasher = DefaultHasher::new();
    (id.unwrap_or_default(), place).hash(&mut hasher);
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
            let place = match (id, split(info.place)) {
                (Some(id), _) => format!("span {id}"),
                (None, (place, "") | (_, place)) => format!("row {place}"),
            };
            batch.skipped.push(Skipped { place, reason });
        }
    }
}
