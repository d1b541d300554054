//! Log records that are events of a span; all other log records are counted and dropped.
//!
//! Some instrumentations send the messages of a model call as log records named `gen_ai.…` with the ids of its span:
//! <https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-events/>.

use std::collections::{HashMap, VecDeque};

use crate::model::attributes::keep_last;
use crate::model::{Event, SpanId, TraceId, Value};
use crate::otlp::signals::SpanLog;

/// Bytes of encoded log records that are kept. Beyond it the oldest are dropped.
const MAX_SIZE: usize = 32 << 20;

/// The prefix of the names of events that are kept.
const PREFIX: &str = "gen_ai.";

/// The attribute with an event's name, for a record without the field.
const NAME: &str = "event.name";

/// Events by the span that they belong to.
#[derive(Debug, Default)]
pub(super) struct SpanEvents {
    by_span: HashMap<(TraceId, SpanId), Vec<Event>>,
    /// The span and the size of every event, the oldest first.
    order: VecDeque<((TraceId, SpanId), usize)>,
    size: usize,
    /// The number of events that were kept and dropped later to stay within the size limit.
    pub(super) evicted: u64,
}

impl SpanEvents {
    /// Keeps the record if it is an event of its span, which may arrive later. Returns the span if so.
    pub(super) fn insert(&mut self, log: SpanLog) -> Option<SpanId> {
        let SpanLog { trace, span, mut event, body, size } = log;
        if event.name.is_empty()
            && let Some((_, Value::Text(name))) = event.attributes.iter().find(|(name, _)| name == NAME)
        {
            event.name.clone_from(name);
        }
        if !event.name.starts_with(PREFIX) || size > MAX_SIZE {
            return None;
        }
        match body {
            Value::Null => {}
            Value::Map(entries) => event.attributes.extend(entries),
            body => event.attributes.push(("body".to_owned(), body)),
        }
        keep_last(&mut event.attributes);
        self.by_span.entry((trace, span)).or_default().push(event);
        self.order.push_back(((trace, span), size));
        self.size += size;
        while self.size > MAX_SIZE
            && let Some((first, size)) = self.order.pop_front()
        {
            self.size -= size;
            self.evicted += 1;
            let Some(events) = self.by_span.get_mut(&first) else { continue };
            events.remove(0);
            if events.is_empty() {
                self.by_span.remove(&first);
            }
        }
        Some(span)
    }

    /// Returns the events of a span.
    pub(super) fn get(&self, trace: TraceId, span: SpanId) -> &[Event] {
        self.by_span.get(&(trace, span)).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_events_are_dropped_and_counted_beyond_the_limit() {
        let ids = |number: u8| (TraceId::new([number; 16]).unwrap(), SpanId::new([number; 8]).unwrap());
        let log = |number: u8| SpanLog {
            trace: ids(number).0,
            span: ids(number).1,
            event: Event { name: "gen_ai.choice".to_owned(), ..Event::default() },
            body: Value::Null,
            size: MAX_SIZE / 2,
        };
        let mut events = SpanEvents::default();
        let held = |events: &SpanEvents, number: u8| events.get(ids(number).0, ids(number).1).len();
        assert!(events.insert(log(1)).is_some() && events.insert(log(2)).is_some());
        assert_eq!((events.evicted, held(&events, 1), held(&events, 2)), (0, 1, 1));
        assert!(events.insert(log(3)).is_some());
        assert_eq!((events.evicted, held(&events, 1), held(&events, 3)), (1, 0, 1));
        assert_eq!(events.insert(SpanLog { size: MAX_SIZE + 1, ..log(4) }), None);
    }
}
