//! The facts in the JSON object that OpenInference calls `metadata`, into which programs put what has no key of its own.

use super::{Extractor, MAX_MAP_CHARS};
use crate::model::json::{self, Scalar, chars};
use crate::semconv::keys::{Field, by_end};
use crate::semconv::values;

/// Parts of the names of members that state a fact.
pub(in crate::semconv) const METADATA_WORDS: [&str; 4] = ["_id", "Id", ".id", "lc_agent_name"];

/// What a span's metadata states that no attribute states.
#[derive(Debug, Default)]
pub(super) struct Metadata {
    pub(super) session: Option<String>,
    pub(super) user: Option<String>,
    pub(super) agent: Option<String>,
}

impl Extractor<'_> {
    /// Reads the metadata, unless all its facts are known.
    pub(super) fn metadata(&self) -> Metadata {
        let mut metadata = Metadata::default();
        let Some(text) = self.text(Field::Metadata) else { return metadata };
        let (Scalar::Text(raw) | Scalar::Escaped(raw) | Scalar::Other(raw)) = text else { return metadata };
        let is_known = self.has(Field::Session) && self.has(Field::User) && self.has(Field::Agent);
        let contains = |word: &&str| memchr::memmem::find(raw, word.as_bytes()).is_some();
        if is_known || !METADATA_WORDS.iter().any(contains) || values::is_longer(text, MAX_MAP_CHARS) {
            return metadata;
        }
        let unescaped = if let Scalar::Escaped(raw) = text { json::unescape(raw).into_bytes() } else { Vec::new() };
        let object = if let Scalar::Escaped(_) = text { unescaped.as_slice() } else { raw };
        let mut ranks = [u8::MAX; 3];
        let outcome = json::scan(object, |name, value| {
            let Some(entry) = by_end(name) else { return };
            let (slot, best) = match entry.field {
                Field::Session => (&mut metadata.session, &mut ranks[0]),
                Field::User => (&mut metadata.user, &mut ranks[1]),
                Field::GraphAgent => (&mut metadata.agent, &mut ranks[2]),
                _ => return,
            };
            if entry.rank <= *best && !values::is_empty(value) && !matches!(value, Scalar::Other(_)) {
                (*slot, *best) = (Some(plain(value)), entry.rank);
            }
        });
        if outcome.is_ok() { metadata } else { Metadata::default() }
    }
}

fn plain(value: Scalar<'_>) -> String {
    match value {
        Scalar::Int(number) => number.to_string(),
        Scalar::Float(number) => number.to_string(),
        Scalar::Bool(flag) => flag.to_string(),
        text => chars(text).collect(),
    }
}
