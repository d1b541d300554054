//! The input and the calls of a row.

use std::fmt::Write;

use super::{CALLED_TOOLS, Extractor};
use crate::model::json::{Scalar, chars};
use crate::model::{Batch, SpanType, Text};
use crate::semconv::keys::Field;
use crate::semconv::{INPUT_PREVIEW, argument_hash, beginning, messages, preview};

impl Extractor<'_> {
    /// Copies the beginning of the input: of a model call, and of another step whose input is messages, of the user's last message.
    pub(super) fn input(&self, span_type: SpanType, batch: &mut Batch) -> Text {
        if span_type == SpanType::Model {
            let question = self.seen.question.filter(|(number, _)| Some(*number) == self.seen.last_question);
            return question.map_or_else(Text::default, |(_, text)| preview::<INPUT_PREVIEW>(text, batch));
        }
        let plain = self.arguments();
        let Some(text) = plain.or(self.text(Field::Messages)) else { return Text::default() };
        let question = match plain {
            None => messages::last_question(text).or_else(|| messages::question_in_input(text)),
            Some(_) if span_type == SpanType::Tool => None,
            Some(input) => messages::question_in_input(input),
        };
        match question {
            Some(question) => batch.intern_chars(beginning(question.chars(), INPUT_PREVIEW)),
            None => preview::<INPUT_PREVIEW>(text, batch),
        }
    }

    /// Returns the input of a span, the arguments of a tool.
    fn arguments(&self) -> Option<Scalar<'_>> {
        self.text(Field::Input).or_else(|| self.text(Field::ToolParameters))
    }

    /// Copies the names of the tools that a model calls; of a tool, a hash of its arguments.
    pub(super) fn calls(&self, span_type: SpanType, batch: &mut Batch) -> Text {
        if span_type == SpanType::Tool { self.argument_hash(batch) } else { self.called_tools(batch) }
    }

    fn called_tools(&self, batch: &mut Batch) -> Text {
        let (names, count) = &self.seen.called_tools;
        if let ([Some(name), ..], 1) = (names, count) {
            return preview::<INPUT_PREVIEW>(*name, batch);
        }
        let mut text = String::new();
        for name in names.iter().flatten() {
            if !text.is_empty() {
                text.push_str(", ");
            }
            text.extend(beginning(chars(*name), INPUT_PREVIEW));
        }
        if let Some(more @ 1..) = count.checked_sub(CALLED_TOOLS) {
            let _ = write!(text, " and {more} more");
        }
        batch.intern(&text)
    }

    /// Hashes a tool's arguments, so that equal calls are recognized: a JSON object by its meaning, other arguments character by character.
    /// Empty if the row's input already is the whole text.
    fn argument_hash(&self, batch: &mut Batch) -> Text {
        let Some(text) = self.arguments() else { return Text::default() };
        if let Some(hash) = argument_hash::of_object(text) {
            return batch.intern(&format!("{hash:016x}"));
        }
        let (Scalar::Text(raw) | Scalar::Escaped(raw) | Scalar::Other(raw)) = text else { return Text::default() };
        if is_own_preview(raw) || beginning(chars(text), INPUT_PREVIEW).eq(chars(text)) {
            return Text::default();
        }
        batch.intern(&format!("{:016x}", argument_hash::of_text(text)))
    }
}

/// Whether a text certainly equals its preview: it is short, and has nothing to collapse or decode.
fn is_own_preview(raw: &[u8]) -> bool {
    let changes = |pair: &[u8]| matches!(pair, b"  " | [b'\\', b'n' | b't' | b'r' | b'u' | b'f']) || !matches!(pair[0], b' '..=b'~');
    raw.len() <= INPUT_PREVIEW
        && matches!((raw.first(), raw.last()), (Some(b'!'..=b'~'), Some(b'!'..=b'~')))
        && !raw.windows(2).any(changes)
}
