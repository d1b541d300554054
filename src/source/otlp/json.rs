//! OTLP/JSON: requests as text, in files and in HTTP bodies.

mod document;
mod row;
mod signals;
mod span;
mod value;

pub(in crate::source) use document::Document;
pub(super) use signals::{logs, metrics};
