//! One row of the table of spans.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hasher};

use rusqlite::Row;
use rusqlite::types::ValueRef;

use super::trouble::Trouble;
use crate::model::{Address, Batch, Skipped, Span};
use crate::source::agno_row::{AgnoRow, COLUMNS};

/// Tells a row from another that took its row id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) row: i64,
    print: u64,
}

impl Mark {
    /// The mark of a row that starts with row id, span id and trace id.
    pub(super) fn of(row: &Row<'_>) -> Result<Self, Trouble> {
        let mut hasher = DefaultHasher::new();
        for column in 1..3 {
            hasher.write(&bytes(row.get_ref(column)?));
            hasher.write_u8(0xff);
        }
        Ok(Self { row: row.get(0)?, print: hasher.finish() })
    }
}

/// Puts a row into the batch: as a span, or as skipped.
pub(super) fn take(row: &Row<'_>, batch: &mut Batch) -> Result<(), Trouble> {
    let address = row.get(0)?;
    match decode(row, address, batch)? {
        Ok(span) => batch.spans.push(span),
        Err(reason) => batch.skipped.push(Skipped { place: format!("row {address}"), reason }),
    }
    Ok(())
}

/// Reads a row; the inner error says why it is no span.
fn decode(row: &Row<'_>, address: i64, batch: &mut Batch) -> Result<Result<Span, String>, Trouble> {
    let mut values = [const { None }; COLUMNS.len()];
    for (column, value) in values.iter_mut().enumerate() {
        *value = match row.get_ref(column + 1)? {
            ValueRef::Null => None,
            other => Some(bytes(other)),
        };
    }
    Ok(AgnoRow(values).span(Address(address), batch))
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
