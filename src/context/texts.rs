//! The texts of a part.

use super::content::Content;
use super::parts::{PartKind, kind_of, wrappers};
use crate::model::sort;

/// The most characters of a text.
const MAX_CHARS: usize = 4000;

/// The most texts of a part.
const MAX_TEXTS: usize = 200;

/// A text of a part: a message or a piece of it, or the schema of a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartText {
    /// The name of the tool, the wrapper or the role.
    pub name: String,
    /// The message, from 0; `None` of a tool.
    pub message: Option<usize>,
    /// The text, or its beginning.
    pub text: String,
    /// The bytes that are left out.
    pub left_out: usize,
}

impl Content {
    /// Returns the texts of a part, at most 200, and how many more there are. Schemas and results come with the largest first, others in their
    /// order.
    #[must_use]
    pub fn texts(&self, kind: PartKind) -> (Vec<PartText>, usize) {
        let last_question = self.last_question();
        let mut texts = Vec::new();
        for (index, segment) in self.segments.iter().enumerate() {
            let message = index.checked_sub(self.tools);
            let mut add = |name: &str, text: String| {
                if !text.trim().is_empty() {
                    texts.push((name.to_owned(), message, text));
                }
            };
            let own = kind_of(segment, last_question == Some(index));
            let wrapped = wrappers(segment);
            for (_, name, range) in wrapped.iter().filter(|(wrapped, ..)| *wrapped == kind) {
                add(name, segment.text[range.clone()].to_owned());
            }
            if own == kind {
                let (mut rest, mut from) = (String::new(), 0);
                for (_, _, range) in wrapped {
                    rest.push_str(&segment.text[from..range.start]);
                    from = range.end;
                }
                rest.push_str(&segment.text[from..]);
                add(&segment.name, rest);
            }
        }
        if matches!(kind, PartKind::Tools | PartKind::Results) {
            sort::by_key(&mut texts, |(.., text)| std::cmp::Reverse(text.len()));
        }
        let more = texts.len().saturating_sub(MAX_TEXTS);
        texts.truncate(MAX_TEXTS);
        let shorten = |(name, message, mut text): (String, Option<usize>, String)| {
            let end = text.char_indices().nth(MAX_CHARS).map_or(text.len(), |(at, _)| at);
            let left_out = text.len() - end;
            text.truncate(end);
            PartText { name, message, text, left_out }
        };
        (texts.into_iter().map(shorten).collect(), more)
    }
}
