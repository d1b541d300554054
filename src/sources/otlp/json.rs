//! OTLP/JSON: requests as text, in files and in HTTP bodies.

mod document;
pub(in crate::sources) mod row;
mod signals;
pub(in crate::sources) mod span;
mod surrogates;
mod thin;
mod value;

pub(in crate::sources) use document::Document;
pub(super) use signals::{logs, metrics};
pub(in crate::sources) use surrogates::replace_lone_surrogates;
pub(super) use thin::thin;
