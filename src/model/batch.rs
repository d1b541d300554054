//! Batches: spans on their way from a source to the store.

use std::sync::Arc;

use super::review::Reviews;
use super::{Nanos, SourceId, Span, SpanId, Text, TraceId};

/// The bytes that a row keeps of a text, such as a name. The payload has the rest.
const MAX_TEXT: usize = 1024;

/// Whether the spans of a batch are new.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// They existed when the source was opened or reread.
    #[default]
    History,
    /// They were written while the source was followed.
    Live,
}

/// A piece of input that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Its position in the source, for the user: `row 17`.
    pub place: String,
    /// What is wrong with it.
    pub reason: String,
}

/// A trace, or one span of it, that was made from log events and is taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Withdrawn {
    /// The trace.
    pub trace: TraceId,
    /// The span; `None` if it is the whole trace.
    pub span: Option<SpanId>,
}

/// Spans that travel together. Their texts share one buffer, so that a span needs no allocation of its own.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// The source of the spans.
    pub source: SourceId,
    /// Whether the spans are new.
    pub origin: Origin,
    /// The spans in the order in which they were read.
    pub spans: Vec<Span>,
    /// The pieces of input that could not be read.
    pub skipped: Vec<Skipped>,
    /// What was made from log events and is told otherwise now.
    pub withdrawn: Vec<Withdrawn>,
    /// Whether the payloads include events, links, resource and scope, as OTLP delivers them. If two sources deliver the same span,
    /// the store keeps the payload from such a batch.
    pub rich: bool,
    /// Whether the receiver needs names and numbers only. The spans then lack `input` and `calls`, which are slow to derive.
    pub numbers_only: bool,
    /// The process that sent the spans and lives, if it tells such: those that have not ended are open in it.
    pub process: Option<u64>,
    /// When that process lived last, if it may have ended since; `None` if it lives.
    pub lived_until: Option<Nanos>,
    /// The approvals and evaluations that the source knows now, if they changed.
    pub reviews: Option<Arc<Reviews>>,
    buffer: String,
    /// The scope interned last: consecutive spans mostly share it.
    last_scope: Text,
    /// The service interned last.
    last_service: Text,
}

impl Batch {
    /// Returns an empty batch.
    #[must_use]
    pub fn new(source: SourceId, origin: Origin) -> Self {
        Self { source, origin, ..Self::default() }
    }

    /// Returns an empty batch with the same settings.
    #[must_use]
    pub fn next(&self) -> Self {
        Self { rich: self.rich, numbers_only: self.numbers_only, ..Self::new(self.source, self.origin) }
    }

    /// Returns the bytes of memory of the spans and of their texts.
    #[must_use]
    pub fn memory(&self) -> usize {
        size_of_val(self.spans.as_slice()) + self.buffer.len()
    }

    /// Reserves capacity for `spans` more spans and `text` more bytes of text.
    pub fn reserve(&mut self, spans: usize, text: usize) {
        self.spans.reserve(spans);
        self.buffer.reserve(text);
    }

    /// Copies `text` into the buffer; of a text of more than 1 kB the beginning and `…`. Returns the empty text once the
    /// buffer would exceed 4 GiB.
    pub fn intern(&mut self, text: &str) -> Text {
        if text.len() > MAX_TEXT {
            return self.intern_chars(text.chars());
        }
        let (Ok(start), Ok(len)) = (u32::try_from(self.buffer.len()), u32::try_from(text.len())) else { return Text::default() };
        if start.checked_add(len).is_none() {
            return Text::default();
        }
        self.buffer.push_str(text);
        Text { start, len }
    }

    /// Copies characters into the buffer, like [`Batch::intern`].
    pub fn intern_chars(&mut self, chars: impl Iterator<Item = char>) -> Text {
        let Ok(start) = u32::try_from(self.buffer.len()) else { return Text::default() };
        for char in chars {
            if self.buffer.len() - start as usize >= MAX_TEXT {
                self.buffer.push('…');
                break;
            }
            self.buffer.push(char);
        }
        let end = u32::try_from(self.buffer.len()).ok();
        end.map_or_else(Text::default, |end| Text { start, len: end - start })
    }

    /// Copies the name of an instrumentation scope into the buffer, once for consecutive spans of the same scope.
    pub fn intern_scope(&mut self, name: &str) -> Text {
        if self.text(self.last_scope) != name {
            self.last_scope = self.intern(name);
        }
        self.last_scope
    }

    /// Copies the name of a service into the buffer, once for consecutive spans of the same service.
    pub fn intern_service(&mut self, name: &str) -> Text {
        if self.text(self.last_service) != name {
            self.last_service = self.intern(name);
        }
        self.last_service
    }

    /// Copies the name of a host into the buffer, once for consecutive spans of the same host.
    pub fn intern_host(&mut self, name: &str) -> Text {
        let last = self.spans.last().map(|span| span.facts.host);
        last.filter(|&last| self.text(last) == name).unwrap_or_else(|| self.intern(name))
    }

    /// Returns the characters of a text of this batch.
    #[must_use]
    pub fn text(&self, text: Text) -> &str {
        self.buffer.get(text.start as usize..(text.start + text.len) as usize).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_visibly() {
        let mut batch = Batch::default();
        let whole = "é".repeat(MAX_TEXT / 2);
        for (text, expected) in
            [(whole.clone(), whole.clone()), (whole.clone() + "x", whole.clone() + "…"), ("ab".repeat(500_000), "ab".repeat(512) + "…")]
        {
            let (interned, copied) = (batch.intern(&text), batch.intern_chars(text.chars()));
            assert_eq!((batch.text(interned), batch.text(copied)), (expected.as_str(), expected.as_str()));
        }
    }
}
