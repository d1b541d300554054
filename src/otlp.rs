//! OTLP as a format, without IO: <https://opentelemetry.io/docs/specs/otlp/>.
//!
//! Spans are held in one encoding, `ExportTraceServiceRequest` in protobuf. [`encode`] and [`json`] produce it; everything else reads it:
//! [`rows`] builds the rows of the store, [`payload`] reads and searches all that a span states.

pub(crate) mod encode;
pub(crate) mod json;
pub(crate) mod logs;
pub(crate) mod metrics;
pub(crate) mod open_spans;
pub(crate) mod payload;
pub(crate) mod request;
pub(crate) mod rows;
pub(crate) mod signals;
pub(crate) mod turns;
pub(crate) mod value;
pub(crate) mod wire;
