//! One row of the table of spans.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hasher};

use rusqlite::Row;
use rusqlite::types::ValueRef;

use super::trouble::Trouble;
use crate::model::json::{self, Scalar};
use crate::model::semantics::{Picker, beginning};
use crate::model::{Address, Batch, Skipped, Span, SpanId, Status, TraceId, time};

/// Bytes of a status message that a row keeps.
const ERROR: usize = 240;
/// Bytes of a broken value that a message quotes.
const QUOTED: usize = 60;

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
    let mut values = [ValueRef::Null; 9];
    for (column, value) in values.iter_mut().enumerate() {
        *value = row.get_ref(column + 1)?;
    }
    Ok(span(values, address, batch))
}

fn span(values: [ValueRef<'_>; 9], address: i64, batch: &mut Batch) -> Result<Span, String> {
    let [id, trace, parent, name, status, message, start, end, attributes] = values;
    let refused = |column: &str, what: &str, value| format!("{column} is not {what}: {}", quote(value));
    let id = SpanId::parse(&bytes(id)).ok_or_else(|| refused("span_id", "16 hex digits", id))?;
    let trace = TraceId::parse(&bytes(trace)).ok_or_else(|| refused("trace_id", "32 hex digits", trace))?;
    let parent = match parent {
        ValueRef::Null | ValueRef::Text(b"") => None,
        parent => Some(SpanId::parse(&bytes(parent)).ok_or_else(|| refused("parent_span_id", "16 hex digits", parent))?),
    };
    let start = time::parse(&bytes(start)).ok_or_else(|| refused("start_time", "a time", start))?;
    let end = time::parse(&bytes(end)).ok_or_else(|| refused("end_time", "a time", end))?;
    let attributes = match attributes {
        ValueRef::Null => Cow::Borrowed(&b"null"[..]),
        other => bytes(other),
    };
    let mut picker = Picker::default();
    scan(&attributes, &mut picker)?;
    let name = bytes(name);
    let name = String::from_utf8_lossy(&name);
    let error = match bytes(message) {
        message if message.is_empty() => picker.error().map(|error| batch.intern_chars(beginning(error.chars(), ERROR))),
        message => Some(batch.intern_chars(beginning(json::chars(Scalar::Text(&message)), ERROR))),
    };
    Ok(Span {
        trace,
        id,
        parent,
        start,
        end: Some(end),
        status: self::status(&bytes(status)),
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

fn quote(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "null".to_owned(),
        value => {
            let bytes = bytes(value);
            let quoted: String = beginning(json::chars(Scalar::Text(&bytes)), QUOTED).collect();
            let more = if quoted.len() + 4 > QUOTED { "…" } else { "" };
            format!("{quoted:?}{more}")
        }
    }
}
