//! OTLP/JSON: requests as text, in files and in HTTP bodies.

mod document;
pub(in crate::source) mod row;
mod signals;
pub(in crate::source) mod span;
mod surrogates;
mod thin;
mod value;

pub(in crate::source) use document::Document;
pub(super) use signals::{logs, metrics};
pub(in crate::source) use surrogates::mended;
pub(super) use thin::thin;
