//! Reads rows of the table of spans into batches.

use std::borrow::Cow;

use rusqlite::Row;
use rusqlite::types::ValueRef;

use super::error::Error;
use crate::model::{Batch, PayloadRef, Skipped};
use crate::sources::agno_row::{self, AgnoRow};

/// The number of columns that a span is read from.
const COLUMNS: usize = agno_row::COLUMNS.len();
/// Rows in a batch: few enough that its memory is soon reused.
const BATCH: usize = 512;
/// The estimated number of bytes read for each byte of text that a row keeps.
const BYTES_PER_TEXT_BYTE: usize = 8;

/// A row id and the beginning of the span id in that row. It tells the row from another that reuses its row id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Checkpoint {
    pub(super) row: i64,
    span: [u8; 16],
}

impl Checkpoint {
    /// Returns the checkpoint of a row.
    pub(super) fn new(row: i64, span_id: ValueRef<'_>) -> Self {
        Self::from_bytes(row, &bytes(span_id))
    }

    fn from_bytes(row: i64, span_id: &[u8]) -> Self {
        let span = span_id.first_chunk().copied().unwrap_or_else(|| {
            let mut span = [0; 16];
            span[..span_id.len()].copy_from_slice(span_id);
            span
        });
        Self { row, span }
    }
}

/// Rows that are read in one order, in one or more queries.
#[derive(Debug)]
pub(super) struct Rows {
    full: Vec<Batch>,
    batch: Batch,
    /// The size of the values of these rows in bytes.
    pub(super) bytes: usize,
    /// The checkpoints of the rows, in the order of reading.
    pub(super) checkpoints: Vec<Checkpoint>,
    /// Whether there are no more rows.
    pub(super) is_last: bool,
    /// Whether full batches are sent at once.
    pub(super) sends_early: bool,
}

impl Rows {
    /// Creates an empty collection whose batches are like `batch`, which must be empty.
    pub(super) fn new(batch: Batch) -> Self {
        Self { full: Vec::new(), batch, bytes: 0, checkpoints: Vec::new(), is_last: false, sends_early: false }
    }

    /// Whether the next row starts a new batch.
    pub(super) fn is_batch_full(&self) -> bool {
        self.batch.spans.len() + self.batch.skipped.len() == BATCH
    }

    /// Passes all batches so far to `send`, until it returns one; that one and the following ones are kept.
    pub(super) fn send_with(&mut self, mut send: impl FnMut(Batch) -> Option<Batch>) {
        self.start_batch();
        let mut unsent = Vec::new();
        for batch in self.full.drain(..) {
            let returned = if unsent.is_empty() { send(batch) } else { Some(batch) };
            unsent.extend(returned);
        }
        self.full = unsent;
    }

    fn start_batch(&mut self) {
        let mut next = self.batch.next();
        next.reserve(BATCH, self.bytes / self.checkpoints.len().max(1) / BYTES_PER_TEXT_BYTE * BATCH);
        self.full.push(std::mem::replace(&mut self.batch, next));
    }

    /// Reads a row: the row id, then the columns.
    pub(super) fn push(&mut self, row: &Row<'_>) -> Result<(), Error> {
        if self.is_batch_full() {
            self.start_batch();
        }
        let checkpoint = read(row, &mut self.batch, &mut self.bytes)?;
        self.checkpoints.push(checkpoint);
        Ok(())
    }

    /// Returns the rows in the order of reading.
    pub(super) fn into_batches(self) -> Vec<Batch> {
        let mut batches = self.full;
        batches.extend((!self.batch.spans.is_empty() || !self.batch.skipped.is_empty()).then_some(self.batch));
        batches
    }
}

/// Reads a row into the batch, as a span or as skipped. Adds the size of its values in bytes to `size`.
pub(super) fn read(row: &Row<'_>, batch: &mut Batch, size: &mut usize) -> Result<Checkpoint, Error> {
    let row_id = row.get(0)?;
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
    let checkpoint = Checkpoint::from_bytes(row_id, values[0].unwrap_or_default());
    match AgnoRow(values).span(PayloadRef(row_id), batch) {
        Ok(span) => batch.spans.push(span),
        Err(reason) => batch.skipped.push(Skipped { place: format!("row {row_id}"), reason }),
    }
    Ok(checkpoint)
}

/// Returns a value as text, whatever its type; empty for null.
pub(super) fn bytes(value: ValueRef<'_>) -> Cow<'_, [u8]> {
    match value {
        ValueRef::Null => Cow::Borrowed(b""),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => Cow::Borrowed(bytes),
        ValueRef::Integer(number) => Cow::Owned(number.to_string().into_bytes()),
        ValueRef::Real(number) => Cow::Owned(number.to_string().into_bytes()),
    }
}
