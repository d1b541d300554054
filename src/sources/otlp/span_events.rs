//! Log records that are events of a span, to be shown with it.
//!
//! Some instrumentations send the messages of a model call as log records named `gen_ai.…` with the ids of its span:
//! <https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-events/>.

use std::collections::{HashMap, VecDeque};

use crate::model::attributes::{heap_bytes, keep_last};
use crate::model::{Event, SpanId, TraceId, Value};
use crate::otlp::signals::SpanLog;

/// The most events of one span. More are not kept.
const MAX_OF_SPAN: usize = 4096;

/// The attribute with an event's name, for a record without the field.
const NAME: &str = "event.name";

type Key = (TraceId, SpanId);

/// Events by the span that they belong to.
#[derive(Debug)]
pub(super) struct SpanEvents {
    max_bytes: usize,
    by_span: HashMap<Key, VecDeque<Event>>,
    /// The span of every event, the oldest first.
    order: VecDeque<Key>,
    bytes: usize,
}

impl SpanEvents {
    pub(super) fn new(max_bytes: usize) -> Self {
        Self { max_bytes, by_span: HashMap::new(), order: VecDeque::new(), bytes: 0 }
    }

    /// Keeps an event of a span, which may arrive later. Returns the span; `None` if there is no room.
    pub(super) fn insert(&mut self, log: SpanLog) -> Option<SpanId> {
        let SpanLog { trace, span, mut event, body } = log;
        if event.name.is_empty()
            && let Some((_, Value::Text(name))) = event.attributes.iter().find(|(name, _)| name == NAME)
        {
            event.name.clone_from(name);
        }
        match body {
            Value::Null => {}
            Value::Map(entries) => event.attributes.extend(entries),
            body => event.attributes.push(("body".to_owned(), body)),
        }
        keep_last(&mut event.attributes);
        let bytes = memory(&event);
        let events = self.by_span.entry((trace, span)).or_default();
        if bytes > self.max_bytes || events.len() == MAX_OF_SPAN {
            return None;
        }
        events.push_back(event);
        self.order.push_back((trace, span));
        self.bytes += bytes;
        while self.bytes > self.max_bytes
            && let Some(first) = self.order.pop_front()
        {
            let Some(events) = self.by_span.get_mut(&first) else { continue };
            self.bytes -= events.pop_front().map_or(0, |event| memory(&event));
            if events.is_empty() {
                self.by_span.remove(&first);
            }
        }
        Some(span)
    }

    /// Returns the events of a span, the oldest first.
    pub(super) fn get(&self, trace: TraceId, span: SpanId) -> impl Iterator<Item = &Event> {
        self.by_span.get(&(trace, span)).into_iter().flatten()
    }
}

/// Returns the bytes of memory that an event takes, with its place in the tables.
fn memory(event: &Event) -> usize {
    size_of::<Event>() + 2 * size_of::<Key>() + event.name.capacity() + heap_bytes(&event.attributes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(number: u8, text: &str) -> SpanLog {
        SpanLog {
            trace: TraceId::new([number; 16]).unwrap(),
            span: SpanId::new([number; 8]).unwrap(),
            event: Event { name: "gen_ai.choice".to_owned(), ..Event::default() },
            body: Value::Text(text.to_owned()),
        }
    }

    fn held(events: &SpanEvents, number: u8) -> usize {
        let SpanLog { trace, span, .. } = log(number, "");
        events.get(trace, span).count()
    }

    #[test]
    fn the_oldest_events_are_dropped_beyond_the_limit() {
        let mut events = SpanEvents::new(10_000);
        let half = "x".repeat(4500);
        assert!(events.insert(log(1, &half)).is_some() && events.insert(log(2, &half)).is_some());
        assert_eq!((held(&events, 1), held(&events, 2)), (1, 1));
        assert!(events.insert(log(3, &half)).is_some());
        assert_eq!((held(&events, 1), held(&events, 3)), (0, 1));
        assert_eq!(events.insert(log(4, &"x".repeat(10_000))), None);
    }

    #[test]
    fn one_span_has_a_bounded_number_of_events_and_many_small_ones_count_as_held() {
        let mut events = SpanEvents::new(1 << 25);
        for _ in 0..MAX_OF_SPAN + 10 {
            events.insert(log(1, ""));
        }
        assert_eq!(held(&events, 1), MAX_OF_SPAN);
        assert!(events.bytes > MAX_OF_SPAN * 100, "an event takes more memory than its text");
        let mut events = SpanEvents::new(1000);
        for number in 1..=200 {
            events.insert(log(number, ""));
        }
        assert!(events.bytes <= 1000 && events.by_span.len() < 10 && events.order.len() < 10);
    }
}
