//! Rows of a table of spans.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use super::answer::{Rows, number, text};
use super::collector;
use super::error::Error;
use super::pager::{MOST, Pager, Piece};
use super::server::{Condition, Server};
use super::table::{Shape, Table};
use crate::model::{Batch, Nanos, Payload, PayloadRef, Skipped, SpanId, TraceId};
use crate::otlp::encode::TracesEncoder;
use crate::otlp::rows as otlp;
use crate::sources::agno_row::{self, AgnoRow};

/// The columns of Agno's table after the [`Head`].
const AGNO_COLUMNS: usize = 6;

/// What is known of a row before its span is built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    start: Nanos,
    /// When it was sent, see [`Table::sent_nanos`].
    pub(super) sent: Nanos,
    pub(super) trace: String,
    pub(super) span: String,
}

impl Head {
    /// The number of its columns.
    pub(super) const COLUMNS: usize = 4;

    /// Returns the expressions of its columns.
    pub(super) fn columns(table: &Table) -> String {
        format!("{}, {}, {}, {}", table.start_nanos(), table.sent_nanos(), table.trace(), table.span())
    }

    /// Reads the first cells of a row.
    pub(super) fn read(cells: &[&[u8]]) -> Self {
        let number = |column: usize| cells.get(column).and_then(|cell| number(cell)).unwrap_or_default();
        let text = |column: usize| cells.get(column).and_then(|cell| text(cell)).unwrap_or_default();
        Self { start: number(0), sent: number(1), trace: text(2), span: text(3) }
    }

    /// Returns the key by which the span is remembered.
    pub(super) fn key(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.trace.to_ascii_lowercase(), self.span.to_ascii_lowercase()).hash(&mut hasher);
        hasher.finish()
    }

    /// Returns where the payload is found again: of Agno's table, whose order is by trace, half of the trace id; of the collector's, whose
    /// order is by time, the start.
    pub(super) fn payload_ref(&self, shape: Shape) -> PayloadRef {
        let half = || TraceId::parse(self.trace.as_bytes()).and_then(|id| id.bytes()[..8].try_into().ok().map(i64::from_be_bytes));
        PayloadRef(if shape == Shape::Agno { half().unwrap_or_default() } else { self.start })
    }
}

/// Returns the columns of whole rows.
fn columns(table: &Table) -> String {
    let head = Head::columns(table);
    match table.shape {
        Shape::Agno => {
            let message = table.column("status_message", "''");
            format!("{head}, parent_span_id, name, status_code, {message}, {}, attributes", table.end_nanos())
        }
        Shape::Collector => format!("{head}, {}", collector::columns(table)),
    }
}

/// Reads whole rows.
pub(super) fn select(server: &mut Server, table: &Table, condition: &Condition) -> Result<Rows, Error> {
    let sql = format!("SELECT {} FROM {} WHERE {}", columns(table), table.quoted(), condition.sql);
    server.query(&sql, &condition.parameters)
}

/// Reads whole rows; `None` if there are more than `most`.
pub(super) fn select_up_to(server: &mut Server, table: &Table, condition: &Condition, most: u64) -> Result<Option<Rows>, Error> {
    let limit = most + 1;
    let sql = format!("SELECT {} FROM {} WHERE {} LIMIT {limit}", columns(table), table.quoted(), condition.sql);
    Ok(Some(server.query(&sql, &condition.parameters)?).filter(|rows| rows.count <= most))
}

/// Reads the next piece of a time that is not too large; `None` after the last one.
pub(super) fn select_page(
    server: &mut Server,
    table: &Table,
    pager: &mut Pager,
    condition: &Condition,
) -> Result<Option<(Piece, Rows)>, Error> {
    loop {
        if let Some(piece) = pager.guess() {
            let within = table.between(piece.from, piece.to).and_all(condition);
            match select_up_to(server, table, &within, pager.rows * MOST) {
                Ok(Some(rows)) => {
                    pager.advance_guess(piece, rows.count);
                    return Ok(Some((piece, rows)));
                }
                Ok(None) => pager.miss(),
                Err(error) if error.is_too_large() && pager.shrink() => pager.miss(),
                Err(error) => return Err(error),
            }
        }
        let Some(piece) = pager.next(server, table, condition)? else { return Ok(None) };
        match select(server, table, &table.between(piece.from, piece.to).and_all(condition)) {
            Ok(rows) => {
                pager.advance(piece);
                return Ok(Some((piece, rows)));
            }
            Err(error) if error.is_too_large() && pager.shrink() => {}
            Err(error) => return Err(error),
        }
    }
}

/// Adds to the batch each span of the rows once, if it is `wanted`; what is no span as skipped.
pub(super) fn read(rows: &Rows, table: &Table, batch: &mut Batch, mut wanted: impl FnMut(&Head) -> bool) {
    let mut seen = HashSet::new();
    let (mut encoder, mut body) = (TracesEncoder::default(), Vec::new());
    let mut places = HashMap::new();
    rows.for_each(|cells| {
        let head = Head::read(cells);
        // A batch that was sent twice is there twice.
        if !seen.insert(head.key()) || !wanted(&head) {
            return;
        }
        let outcome = match table.shape {
            Shape::Agno => agno_span(cells, &head, batch),
            Shape::Collector => collector::span(&cells[Head::COLUMNS.min(cells.len())..], head.start, head.sent, &head.trace, &head.span)
                .map(|span| {
                    places.insert((span.trace, span.id), head.payload_ref(table.shape));
                    encoder.push_messages(span.into(), &mut body);
                }),
        };
        if let Err(reason) = outcome {
            let id = SpanId::parse(head.span.as_bytes()).map_or_else(|| "a row".to_owned(), |id| format!("span {id}"));
            batch.skipped.push(Skipped { place: id, reason });
        }
    });
    encoder.flush(&mut body);
    if body.is_empty() {
        return;
    }
    batch.rich = true;
    let before = batch.spans.len();
    if let Err(error) = otlp::read(&body, Vec::new(), batch) {
        batch.skipped.push(Skipped { place: "rows".to_owned(), reason: error.to_string() });
    }
    for span in &mut batch.spans[before..] {
        span.payload_ref = places.get(&(span.trace, span.id)).copied().unwrap_or(PayloadRef(span.start));
    }
}

/// Adds the span of a row of Agno's table to the batch.
fn agno_span(cells: &[&[u8]], head: &Head, batch: &mut Batch) -> Result<(), String> {
    let [parent, name, status, message, _, attributes] = agno_texts(cells);
    let end = cells.get(Head::COLUMNS + 4).and_then(|cell| number(cell));
    let (start, end) = (iso(head.start), end.map(iso));
    let row = AgnoRow([
        Some(head.span.as_bytes()),
        Some(head.trace.as_bytes()),
        parent.as_deref().map(str::as_bytes),
        name.as_deref().map(str::as_bytes),
        status.as_deref().map(str::as_bytes),
        message.as_deref().map(str::as_bytes),
        Some(start.as_bytes()),
        end.as_deref().map(str::as_bytes),
        attributes.as_deref().map(str::as_bytes),
    ]);
    let span = row.span(head.payload_ref(Shape::Agno), batch)?;
    batch.spans.push(span);
    Ok(())
}

fn agno_texts(cells: &[&[u8]]) -> [Option<String>; AGNO_COLUMNS] {
    std::array::from_fn(|column| cells.get(Head::COLUMNS + column).and_then(|cell| text(cell)))
}

fn iso(time: Nanos) -> String {
    chrono::DateTime::from_timestamp_nanos(time).to_rfc3339_opts(chrono::SecondsFormat::Nanos, true)
}

/// What the search and the screen read of a row.
pub(super) enum Content {
    /// Attributes as JSON text, and the status message.
    Agno(String, String),
    Collector(Box<Payload>),
}

impl Content {
    /// Reads a row; `None` if it is no span.
    pub(super) fn read(cells: &[&[u8]], head: &Head, shape: Shape) -> Option<Self> {
        match shape {
            Shape::Agno => {
                let [_, _, _, message, _, attributes] = agno_texts(cells);
                Some(Self::Agno(attributes.unwrap_or_default(), message.unwrap_or_default()))
            }
            Shape::Collector => {
                let cells = &cells[Head::COLUMNS.min(cells.len())..];
                let span = collector::span(cells, head.start, head.sent, &head.trace, &head.span).ok()?;
                Some(Self::Collector(Box::new(span.payload)))
            }
        }
    }

    pub(super) fn payload(self) -> Payload {
        match self {
            Self::Agno(attributes, message) => agno_row::payload(attributes.as_bytes(), message.as_bytes()),
            Self::Collector(payload) => *payload,
        }
    }
}
