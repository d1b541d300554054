//! One row of the table of spans.

use std::borrow::Cow;

use rusqlite::Row;
use rusqlite::types::ValueRef;

use super::trouble::Trouble;
use crate::model::{Address, Batch, Origin, Skipped, SourceId};
use crate::source::agno_row::{self, AgnoRow};

/// Columns that a span is read from.
const COLUMNS: usize = agno_row::COLUMNS.len();
/// Rows of a batch: few enough that its memory is used again for the next but one.
const BATCH: usize = 512;

/// Tells a row from another that took its row id: by the beginning of its span id, which is the table's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) row: i64,
    span: [u8; 16],
}

impl Mark {
    /// The mark of a row.
    pub(super) fn new(row: i64, span_id: ValueRef<'_>) -> Self {
        let mut span = [0; 16];
        span.iter_mut().zip(bytes(span_id).iter()).for_each(|(to, from)| *to = *from);
        Self { row, span }
    }
}

/// Rows as they lie in the file, taken out of it in one short transaction, to be read at leisure.
#[derive(Debug)]
pub(super) struct Raw {
    source: SourceId,
    origin: Origin,
    bytes: Vec<u8>,
    rows: Vec<RawRow>,
}

/// Where a row's values end in [`Raw::bytes`], and which of them are null.
#[derive(Debug)]
struct RawRow {
    address: i64,
    from: usize,
    ends: [usize; COLUMNS],
    nulls: [bool; COLUMNS],
}

impl Raw {
    pub(super) fn new(source: SourceId, origin: Origin) -> Self {
        Self { source, origin, bytes: Vec::new(), rows: Vec::new() }
    }

    /// Makes room for a page.
    pub(super) fn reserve(&mut self, rows: usize, bytes: usize) {
        self.rows.reserve(rows);
        self.bytes.reserve(bytes);
    }

    /// Takes a row in: its row id, then the columns.
    pub(super) fn push(&mut self, row: &Row<'_>) -> Result<Mark, Trouble> {
        let address = row.get(0)?;
        let mut raw = RawRow { address, from: self.bytes.len(), ends: [0; COLUMNS], nulls: [false; COLUMNS] };
        let mark = Mark::new(address, row.get_ref(1)?);
        for column in 0..COLUMNS {
            let value = row.get_ref(column + 1)?;
            self.bytes.extend_from_slice(&bytes(value));
            raw.ends[column] = self.bytes.len();
            raw.nulls[column] = value == ValueRef::Null;
        }
        self.rows.push(raw);
        Ok(mark)
    }

    pub(super) fn rows(&self) -> usize {
        self.rows.len()
    }

    /// Bytes that the rows' values take.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Reads the rows, a batch at a time.
    pub(super) fn batches(&self) -> impl Iterator<Item = Batch> {
        self.rows.chunks(BATCH).map(|rows| {
            let mut batch = Batch::new(self.source, self.origin);
            batch.spans.reserve_exact(rows.len());
            for row in rows {
                self.read(row, &mut batch);
            }
            batch
        })
    }

    /// Reads the rows into a batch: as spans, or as skipped.
    pub(super) fn read_into(&self, batch: &mut Batch) {
        for row in &self.rows {
            self.read(row, batch);
        }
    }

    fn read(&self, row: &RawRow, batch: &mut Batch) {
        let mut from = row.from;
        let mut values = [None; COLUMNS];
        for (column, value) in values.iter_mut().enumerate() {
            let bytes = self.bytes.get(from..row.ends[column]);
            *value = bytes.filter(|_| !row.nulls[column]);
            from = row.ends[column];
        }
        match AgnoRow(values).span(Address(row.address), batch) {
            Ok(span) => batch.spans.push(span),
            Err(reason) => batch.skipped.push(Skipped { place: format!("row {}", row.address), reason }),
        }
    }
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
