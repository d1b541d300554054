//! What log events tell of spans that were made from them.

use super::{Nanos, SpanId, TraceId};

/// What log events tell of a span beside the facts of other conventions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogNote {
    /// When the user was asked to permit what the span does.
    pub asked: Option<Nanos>,
    /// The trace and the span in which a tool call was logged that states no id.
    pub logged_in: Option<(TraceId, SpanId)>,
}

impl LogNote {
    /// Returns the text of an attribute, `asked=NANOSECONDS in=TRACE/SPAN`; empty if there is nothing to tell.
    #[must_use]
    pub fn text(&self) -> String {
        let asked = self.asked.map(|asked| format!("asked={asked}"));
        let logged_in = self.logged_in.map(|(trace, span)| format!("in={trace}/{span}"));
        asked.into_iter().chain(logged_in).collect::<Vec<_>>().join(" ")
    }

    /// Reads what [`Self::text`] wrote; anything else tells nothing.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let word = |name: &str| text.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        let place = |place: &str| {
            let (trace, span) = place.split_once('/')?;
            TraceId::parse(trace.as_bytes()).zip(SpanId::parse(span.as_bytes()))
        };
        Self { asked: word("asked").and_then(|asked| asked.parse().ok()), logged_in: word("in").and_then(place) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_read_as_it_was_written_and_nothing_else() {
        let place = TraceId::new([1; 16]).zip(SpanId::new([2; 8]));
        for note in [
            LogNote::default(),
            LogNote { asked: Some(5), logged_in: None },
            LogNote { asked: None, logged_in: place },
            LogNote { asked: Some(7), logged_in: place },
        ] {
            assert_eq!(LogNote::parse(&note.text()), note);
        }
        for text in ["asked=", "asked=soon", "in=", "in=1/2", "in=/", "asking=1", "x asked", "asked=99999999999999999999"] {
            assert_eq!(LogNote::parse(text), LogNote::default(), "{text}");
        }
    }
}
