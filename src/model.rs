//! The data model: spans with their ids, types, status and usage, the batches they travel in, and their payloads.
//!
//! Times are nanoseconds since the Unix epoch in UTC ([`Nanos`]). Nothing here knows where spans come from or how they are shown.

pub mod attributes;
mod batch;
pub mod calendar;
pub mod clock;
pub mod distribution;
pub mod duration;
pub mod errors;
mod ids;
pub mod json;
pub mod log;
mod log_note;
pub mod metric;
mod nearest;
pub mod pattern;
mod payload;
pub mod payload_query;
pub mod price;
pub mod review;
pub mod sort;
mod span;
mod span_kind;
mod span_type;
mod status;
pub mod time;
pub mod usage;

pub use attributes::{Attribute, Value, is_identity};
pub use batch::{Batch, Origin, Skipped, Withdrawn};
pub use distribution::Distribution;
pub use ids::{PayloadRef, SourceId, SpanId, TraceId};
pub use log::{LogBatch, LogContent, LogGroup, LogRecord};
pub use log_note::LogNote;
pub use metric::{Metric, MetricBatch, MetricKind, MetricPoint};
pub use nearest::nearest;
pub use pattern::{Pattern, PatternError};
pub use payload::{Dropped, Event, Link, Payload, PayloadMemory};
pub use payload_query::PayloadQuery;
pub use span::{Naming, Span, SpanFacts, Text};
pub use span_kind::SpanKind;
pub use span_type::SpanType;
pub use status::{Ending, Status};
pub use usage::Usage;

/// Nanoseconds: a time since the Unix epoch in UTC, or a duration.
pub type Nanos = i64;

/// What tables call the group of the calls that name no model.
pub const NO_MODEL: &str = "(no model named)";
