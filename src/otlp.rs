//! OTLP as a format, without IO: <https://opentelemetry.io/docs/specs/otlp/>.
//!
//! Everything here reads `ExportTraceServiceRequest` in protobuf, the one encoding in which spans are held in memory.

pub(crate) mod payload;
pub(crate) mod request;
pub(crate) mod rows;
pub(crate) mod value;
pub(crate) mod wire;
