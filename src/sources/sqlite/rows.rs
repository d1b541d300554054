//! One row of the table of spans.

use std::borrow::Cow;

use rusqlite::Row;
use rusqlite::types::ValueRef;

use super::error::Error;
use crate::model::{Batch, PayloadRef, Skipped};
use crate::sources::agno_row::{self, AgnoRow};

/// Columns that a span is read from.
const COLUMNS: usize = agno_row::COLUMNS.len();
/// Rows of a batch: few enough that its memory is used again for the next but one.
const BATCH: usize = 512;
/// About one byte in so many of a row's values is kept.
const TEXTS: usize = 8;

/// Tells a row from another that took its row id: by the beginning of its span id, which is the table's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Checkpoint {
    pub(super) row: i64,
    span: [u8; 16],
}

impl Checkpoint {
    /// The mark of a row.
    pub(super) fn new(row: i64, span_id: ValueRef<'_>) -> Self {
        Self::of(row, &bytes(span_id))
    }

    fn of(row: i64, span_id: &[u8]) -> Self {
        let span = span_id.first_chunk().copied().unwrap_or_else(|| {
            let mut span = [0; 16];
            span[..span_id.len()].copy_from_slice(span_id);
            span
        });
        Self { row, span }
    }
}

/// Rows that were read together, as batches.
#[derive(Debug)]
pub(super) struct Rows {
    full: Vec<Batch>,
    batch: Batch,
    count: usize,
    bytes: usize,
}

impl Rows {
    /// No rows yet. Batches are to be like `batch`, which must be empty.
    pub(super) fn new(batch: Batch) -> Self {
        Self { full: Vec::new(), batch, count: 0, bytes: 0 }
    }

    /// Whether the next row begins a new batch.
    pub(super) fn is_batch_full(&self) -> bool {
        self.batch.spans.len() + self.batch.skipped.len() == BATCH
    }

    /// Hands on all rows so far, a batch each time, until one is given back: that and the rest stay.
    pub(super) fn hand_on(&mut self, mut take: impl FnMut(Batch) -> Result<(), Batch>) {
        self.begin_batch();
        let mut left = Vec::new();
        for batch in self.full.drain(..) {
            let given_back = if left.is_empty() { take(batch).err() } else { Some(batch) };
            left.extend(given_back);
        }
        self.full = left;
    }

    fn begin_batch(&mut self) {
        let mut next = self.batch.next();
        next.reserve(BATCH, self.bytes / self.count.max(1) / TEXTS * BATCH);
        self.full.push(std::mem::replace(&mut self.batch, next));
    }

    /// Reads a row: its row id, then the columns.
    pub(super) fn push(&mut self, row: &Row<'_>) -> Result<Checkpoint, Error> {
        if self.is_batch_full() {
            self.begin_batch();
        }
        self.count += 1;
        read(row, &mut self.batch, &mut self.bytes)
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Bytes that their values take in the file.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The rows, in the order in which they were read.
    pub(super) fn into_batches(self) -> Vec<Batch> {
        let mut batches = self.full;
        batches.extend((!self.batch.spans.is_empty() || !self.batch.skipped.is_empty()).then_some(self.batch));
        batches
    }
}

/// Reads a row into the batch: as a span, or as skipped. Adds what its values take to `size`.
pub(super) fn read(row: &Row<'_>, batch: &mut Batch, size: &mut usize) -> Result<Checkpoint, Error> {
    let address = row.get(0)?;
    let (mut values, mut numbers) = ([None; COLUMNS], [const { Vec::new() }; COLUMNS]);
    for (column, (value, number)) in values.iter_mut().zip(&mut numbers).enumerate() {
        *value = match row.get_ref(column + 1)? {
            ValueRef::Null => None,
            ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Some(bytes),
            other => {
                *number = bytes(other).into_owned();
                Some(number.as_slice())
            }
        };
        *size += value.map_or(0, <[u8]>::len);
    }
    let mark = Checkpoint::of(address, values[0].unwrap_or_default());
    match AgnoRow(values).span(PayloadRef(address), batch) {
        Ok(span) => batch.spans.push(span),
        Err(reason) => batch.skipped.push(Skipped { place: format!("row {address}"), reason }),
    }
    Ok(mark)
}

/// A value as text, whatever type the column holds; empty for null.
pub(super) fn bytes(value: ValueRef<'_>) -> Cow<'_, [u8]> {
    match value {
        ValueRef::Null => Cow::Borrowed(b""),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Cow::Borrowed(bytes),
        ValueRef::Integer(number) => Cow::Owned(number.to_string().into_bytes()),
        ValueRef::Real(number) => Cow::Owned(number.to_string().into_bytes()),
    }
}
