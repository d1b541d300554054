//! Log records as they travel from a source to where they are kept.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;

use super::{Attribute, Nanos, SourceId, SpanId, TraceId, Value};

/// The names of the levels, each with its first severity number in OpenTelemetry.
pub const LEVELS: [(&str, u8); 6] = [("trace", 1), ("debug", 5), ("info", 9), ("warn", 13), ("error", 17), ("fatal", 21)];

/// The logger of lines that a traced program writes to standard error.
const STANDARD_ERROR: &str = "stderr";

/// What the records of one program and one logger share.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LogGroup {
    /// The name of the service; empty if it states none.
    pub service: String,
    /// The name of the logger.
    pub scope: String,
    /// The attributes of the resource.
    pub resource: Vec<Attribute>,
}

/// A log record: what finds and sorts it, and the whole as it was received.
#[derive(Clone, Debug)]
pub struct LogRecord {
    /// The time of the event, else when it was observed; 0 if neither is stated.
    pub time: Nanos,
    /// OpenTelemetry's severity number, from 1 to 24; 0 if it is not stated.
    pub severity: u8,
    /// The trace it belongs to.
    pub trace: Option<TraceId>,
    /// The span it belongs to.
    pub span: Option<SpanId>,
    /// The hash of the session that it names; 0 if it names none.
    pub session: u64,
    /// Where the name of the event is in `encoded`: the offset and the length.
    pub event: (u32, u32),
    /// What it shares with others.
    pub group: Arc<LogGroup>,
    /// The record, encoded as its source reads it.
    pub encoded: Bytes,
}

/// What a log record holds beyond what finds it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LogContent {
    /// The sender's word for the severity.
    pub severity_text: String,
    /// The body.
    pub body: Value,
    /// The attributes.
    pub attributes: Vec<Attribute>,
    /// The field with the name of the event, which an attribute may state in its place.
    pub event_name: String,
    /// The time of the event and the time when it was observed, as they are stated; 0 if they are not.
    pub times: (u64, u64),
    /// The flags of its trace.
    pub flags: u32,
    /// How many attributes the sender left out.
    pub dropped_attributes: u32,
}

/// The log records of one request or one part of a file.
#[derive(Clone, Debug, Default)]
pub struct LogBatch {
    /// The source.
    pub source: SourceId,
    /// The records in the order in which they were read.
    pub records: Vec<LogRecord>,
}

impl LogRecord {
    /// Returns the name of the event; empty if it has none.
    #[must_use]
    pub fn event(&self) -> Cow<'_, str> {
        let (start, len) = (self.event.0 as usize, self.event.1 as usize);
        String::from_utf8_lossy(self.encoded.get(start..start + len).unwrap_or_default())
    }

    /// Returns the name of the level; empty if the severity is not stated.
    #[must_use]
    pub fn level(&self) -> &'static str {
        LEVELS.iter().rev().find(|(_, first)| self.severity >= *first).map_or("", |(name, _)| name)
    }

    /// Whether it is a line that a traced program wrote to standard error.
    #[must_use]
    pub fn is_line(&self) -> bool {
        self.group.scope == STANDARD_ERROR
    }

    /// Returns the bytes of memory that the record takes.
    #[must_use]
    pub fn memory(&self) -> usize {
        size_of::<Self>() + self.encoded.len()
    }
}

/// Returns the hash by which records of a session find one another; 0 for no session.
#[must_use]
pub fn session_hash(session: &[u8]) -> u64 {
    if session.is_empty() {
        return 0;
    }
    // FNV-1a: short texts, and no table that a sender could fill with collisions.
    let hash = session.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    hash.max(1)
}
