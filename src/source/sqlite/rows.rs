//! One row of the table of spans.

use std::borrow::Cow;

use rusqlite::Row;
use rusqlite::types::ValueRef;

use super::trouble::Trouble;
use crate::model::json::{self, Scalar};
use crate::model::semantics::{Picker, beginning};
use crate::model::{Address, Batch, Origin, Skipped, SourceId, Span, SpanId, Status, TraceId, time};

/// Bytes of a status message that a row keeps.
const ERROR: usize = 240;
/// Bytes of a broken value that a message quotes.
const QUOTED: usize = 60;

/// Columns that a span is read from.
const COLUMNS: usize = 9;
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
        match span(values, row.address, batch) {
            Ok(span) => batch.spans.push(span),
            Err(reason) => batch.skipped.push(Skipped { place: format!("row {}", row.address), reason }),
        }
    }
}

/// Reads a row; the error says why it is no span.
fn span(values: [Option<&[u8]>; COLUMNS], address: i64, batch: &mut Batch) -> Result<Span, String> {
    let [id, trace, parent, name, status, message, start, end, attributes] = values;
    let refused = |column: &str, what: &str, value| format!("{column} is not {what}: {}", quote(value));
    let id = id.and_then(SpanId::parse).ok_or_else(|| refused("span_id", "16 hex digits", id))?;
    let trace = trace.and_then(TraceId::parse).ok_or_else(|| refused("trace_id", "32 hex digits", trace))?;
    let parent = match parent {
        None | Some(b"") => None,
        Some(digits) => Some(SpanId::parse(digits).ok_or_else(|| refused("parent_span_id", "16 hex digits", parent))?),
    };
    let start = start.and_then(time::parse).ok_or_else(|| refused("start_time", "a time", start))?;
    let end = end.and_then(time::parse).ok_or_else(|| refused("end_time", "a time", end))?;
    let mut picker = Picker::default();
    scan(attributes.unwrap_or(b"null"), &mut picker)?;
    let name = String::from_utf8_lossy(name.unwrap_or_default());
    let error = match message {
        None | Some(b"") => picker.error().map(|error| batch.intern_chars(beginning(error.chars(), ERROR))),
        Some(message) => Some(batch.intern_chars(beginning(json::chars(Scalar::Text(message)), ERROR))),
    };
    Ok(Span {
        trace,
        id,
        parent,
        start,
        end: Some(end),
        status: self::status(status.unwrap_or_default()),
        facts: picker.facts(&name, None, batch),
        name: batch.intern(&name),
        error: error.unwrap_or_default(),
        address: Address(address),
        weight: 0,
    })
}

fn scan<'a>(attributes: &'a [u8], picker: &mut Picker<'a>) -> Result<(), String> {
    json::scan(attributes, |name, value| picker.take(name, value)).map_err(|broken| format!("attributes are no JSON object: {broken}"))
}

fn status(code: &[u8]) -> Status {
    // Python's `StatusCode.ERROR`, and OpenTelemetry's numbers.
    match code.rsplit(|byte| *byte == b'.').next().unwrap_or_default() {
        code if code.eq_ignore_ascii_case(b"OK") || code == b"1" => Status::Ok,
        code if code.eq_ignore_ascii_case(b"ERROR") || code == b"2" => Status::Error,
        _ => Status::Unset,
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

fn quote(value: Option<&[u8]>) -> String {
    let Some(value) = value else { return "null".to_owned() };
    let quoted: String = beginning(json::chars(Scalar::Text(value)), QUOTED).collect();
    let more = if quoted.len() + 4 > QUOTED { "…" } else { "" };
    format!("{quoted:?}{more}")
}
