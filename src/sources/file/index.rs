//! The spans of a file in memory, with an index.

use std::collections::HashSet;
use std::fmt;
use std::hash::{BuildHasher, RandomState};

use crate::model::{Batch, Nanos, Payload, PayloadQuery, PayloadRef, Skipped, SpanId, TraceId};
use crate::otlp::payload;
use crate::otlp::request::{self, Group};
use crate::otlp::rows::Reader;
use crate::otlp::signals::{Signal, signal_of};
use crate::otlp::wire::{DecodeError, Fields, offset};

/// The position of a span in its file, for messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Position {
    /// The number of the span, from 1.
    Span(u32),
    /// The number of its line, from 1.
    Line(u32),
}

impl Position {
    /// Describes a piece of input that was skipped here.
    pub(super) fn skipped(self, reason: String) -> Skipped {
        Skipped { place: self.to_string(), reason }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Span(number) => write!(f, "span {number}"),
            Self::Line(number) => write!(f, "line {number}"),
        }
    }
}

/// A `TracesData` message in protobuf with an index of its spans. The spans are in the order of their starts.
#[derive(Debug, Default)]
pub(super) struct IndexedSpans {
    body: Vec<u8>,
    groups: Vec<GroupExtents>,
    spans: Vec<SpanEntry>,
    /// What the first message is that is no span.
    other: Option<Signal>,
    /// The hashes of the spans, once a file may repeat them.
    known: Option<Known>,
}

/// The hashes of encoded spans, with a random key.
#[derive(Debug, Default)]
struct Known {
    hasher: RandomState,
    hashes: HashSet<u64>,
}

impl Known {
    /// Adds a span. Returns whether it is new.
    fn insert(&mut self, span: &[u8]) -> bool {
        self.hashes.insert(self.hasher.hash_one(span))
    }
}

/// Where the resource and the scope of a group are in the message.
#[derive(Debug, PartialEq, Eq)]
struct GroupExtents {
    resource: Extent,
    scope: Extent,
}

/// An offset and a length in bytes.
type Extent = (usize, usize);

#[derive(Debug)]
struct SpanEntry {
    extent: Extent,
    /// The index of its group.
    group: usize,
    start: Nanos,
    position: Position,
}

impl IndexedSpans {
    /// Appends the spans of another message; `positions` has one position for each. After an error, the spans before it are indexed.
    pub(super) fn append(&mut self, mut body: Vec<u8>, mut positions: impl Iterator<Item = Position>) -> Result<(), DecodeError> {
        let (from, before) = (self.body.len(), self.spans.len());
        if from == 0 {
            self.body = body;
        } else {
            self.body.append(&mut body);
        }
        let body = &self.body;
        let extent = |part: &[u8]| if part.is_empty() { (0, 0) } else { (offset(body, part), part.len()) };
        let outcome = request::for_each_span(&body[from..], |group, message| {
            let signal = signal_of(message)?;
            if signal != Signal::Traces {
                self.other = self.other.or(Some(signal));
                return Ok(());
            }
            let position = positions.next().unwrap_or(Position::Span(0));
            if self.known.as_mut().is_some_and(|known| !known.insert(message)) {
                return Ok(());
            }
            let group = GroupExtents { resource: extent(group.resource), scope: extent(group.scope) };
            if self.groups.last() != Some(&group) {
                self.groups.push(group);
            }
            let start = start(message)?;
            self.spans.push(SpanEntry { extent: extent(message), group: self.groups.len() - 1, start, position });
            Ok(())
        });
        if self.spans.len() == before {
            self.body.truncate(from);
        }
        // The newest last, as a live source would have sent them.
        self.spans[before..].sort_by_key(|span| span.start);
        outcome
    }

    /// Returns what the messages are that were passed over; `None` if all were spans.
    pub(super) fn other_signal(&self) -> Option<Signal> {
        self.other
    }

    /// Leaves out spans from now on that are equal to one that is held.
    pub(super) fn remember(&mut self) {
        if self.known.is_none() {
            let mut known = Known::default();
            for span in &self.spans {
                known.insert(self.body.get(span.extent.0..span.extent.0 + span.extent.1).unwrap_or_default());
            }
            self.known = Some(known);
        }
    }

    /// Returns the size of the message in bytes.
    pub(super) fn size(&self) -> usize {
        self.body.len()
    }

    /// Returns the number of spans.
    pub(super) fn len(&self) -> usize {
        self.spans.len()
    }

    /// Returns the position of the span in its file.
    pub(super) fn position(&self, index: usize) -> Option<Position> {
        self.spans.get(index).map(|span| span.position)
    }

    fn span(&self, index: usize) -> Option<(Group<'_>, &[u8])> {
        let bytes = |(offset, len): Extent| self.body.get(offset..offset + len).unwrap_or_default();
        let span = self.spans.get(index)?;
        let group = &self.groups[span.group];
        Some((Group { resource: bytes(group.resource), scope: bytes(group.scope) }, bytes(span.extent)))
    }

    /// Appends the row of the span to the batch, or the reason why it has none.
    pub(super) fn push_row(&self, index: usize, payload_ref: PayloadRef, batch: &mut Batch) {
        let (Some((group, message)), Some(position)) = (self.span(index), self.position(index)) else { return };
        let skipped = batch.skipped.len();
        if let Err(error) = Reader::default().push(group, message, payload_ref, batch) {
            batch.skipped.push(position.skipped(error.to_string()));
        }
        for skipped in &mut batch.skipped[skipped..] {
            skipped.place = position.to_string();
        }
    }

    /// Returns the ids of the span if its payload matches.
    pub(super) fn search(&self, index: usize, query: &PayloadQuery) -> Option<(TraceId, SpanId)> {
        let (group, message) = self.span(index)?;
        payload::matching_ids(group, message, query).ok().flatten()
    }

    /// Reads everything that the span states.
    pub(super) fn payload(&self, index: usize) -> Result<Payload, String> {
        let (group, message) = self.span(index).ok_or_else(|| "there is no such span".to_owned())?;
        payload::decode(group, message).map(|(payload, _)| payload).map_err(|error| error.to_string())
    }
}

fn start(message: &[u8]) -> Result<Nanos, DecodeError> {
    let field = Fields(message).find(7)?;
    field.map_or(Ok(0), |field| Ok(Nanos::try_from(field.fixed64()?).unwrap_or(Nanos::MAX)))
}
