//! Events of a span in its attributes: Agno's table has no column for them, and only they tell some failures and all stack traces.

use std::borrow::Cow;

use crate::model::json::{self, Scalar};
use crate::model::{Attribute, Event, Nanos, Payload, Value};

/// The attribute that holds the events: a list of maps with name, time in nanoseconds and attributes.
const KEY: &str = "agno_top.events";

/// The name of an event that records an exception.
const EXCEPTION: &str = "exception";

/// The most nanoseconds between an exception that ends a span and the span's end.
const AT_END: Nanos = 1_000_000;

/// Whether an attribute holds events.
pub(crate) fn is_stored_events(key: &[u8]) -> bool {
    key == KEY.as_bytes()
}

/// Returns the attributes of a span with one that holds its events, if it has any.
pub(crate) fn with_events(payload: &Payload) -> Cow<'_, [Attribute]> {
    if payload.events.is_empty() {
        return Cow::Borrowed(&payload.attributes);
    }
    let event = |event: &Event| {
        let fields = [
            ("name", Value::Text(event.name.clone())),
            ("time", Value::Int(event.time)),
            ("attributes", Value::Map(event.attributes.clone())),
        ];
        Value::Map(fields.map(|(name, value)| (name.to_owned(), value)).into())
    };
    let mut attributes = payload.attributes.clone();
    attributes.retain(|(name, _)| name != KEY);
    attributes.push((KEY.to_owned(), Value::List(payload.events.iter().map(event).collect())));
    Cow::Owned(attributes)
}

/// Moves events from the attribute that holds them to their place.
pub(crate) fn restore_events(payload: &mut Payload) {
    let Some(at) = payload.attributes.iter().position(|(name, _)| name == KEY) else { return };
    if let Some(mut events) = events(&payload.attributes[at].1) {
        payload.attributes.remove(at);
        payload.events.append(&mut events);
    }
}

/// Returns the last exception among stored events: its type, its message and its time.
pub(crate) fn stored_exception(events_json: Scalar<'_>) -> Option<(String, String, Nanos)> {
    let Scalar::Other(json) = events_json else { return None };
    let exception = events(&json::parse_value(json).ok()?)?.into_iter().rfind(|event| event.name == EXCEPTION)?;
    let text = |key: &str| match exception.attributes.iter().find(|(name, _)| name == key) {
        Some((_, Value::Text(text))) => text.clone(),
        _ => String::new(),
    };
    Some((text("exception.type"), text("exception.message"), exception.time))
}

/// Whether an exception occurred at the end of a span or after it.
pub(crate) fn ends_span(exception: Nanos, end: Nanos) -> bool {
    exception.saturating_add(AT_END) >= end
}

/// Returns stored events; `None` if the value is something else.
fn events(value: &Value) -> Option<Vec<Event>> {
    let Value::List(items) = value else { return None };
    items.iter().map(event).collect()
}

fn event(value: &Value) -> Option<Event> {
    let Value::Map(fields) = value else { return None };
    let mut event = Event::default();
    for (name, value) in fields {
        match (name.as_str(), value) {
            ("name", Value::Text(name)) => event.name.clone_from(name),
            ("time", Value::Int(time)) => event.time = *time,
            ("attributes", Value::Map(attributes)) => event.attributes.clone_from(attributes),
            _ => return None,
        }
    }
    Some(event)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(key: &str, value: &str) -> Attribute {
        (key.to_owned(), Value::Text(value.to_owned()))
    }

    #[test]
    fn events_are_restored_and_the_last_exception_counts() {
        let exception = |message: &str, time| Event {
            name: "exception".to_owned(),
            time,
            attributes: vec![text("exception.type", "OSError"), text("exception.message", message)],
        };
        let other = Event { name: "retry".to_owned(), time: 7, attributes: Vec::new() };
        let stored = Payload {
            attributes: vec![text("a", "b")],
            events: vec![exception("first", 5), exception("a \"b\"\n", 6), other],
            ..Payload::default()
        };
        let attributes = with_events(&stored).into_owned();
        assert_eq!(attributes[0], stored.attributes[0]);
        let json = attributes[1].1.to_json();
        assert!(is_stored_events(attributes[1].0.as_bytes()));
        assert_eq!(stored_exception(Scalar::Other(json.as_bytes())), Some(("OSError".to_owned(), "a \"b\"\n".to_owned(), 6)));
        let mut restored = Payload { attributes, ..Payload::default() };
        restore_events(&mut restored);
        assert_eq!(restored, stored);
        assert!(with_events(&Payload::default()).is_empty());
    }

    #[test]
    fn what_is_no_list_of_events_stays_an_attribute() {
        for json in ["1", "{}", "[1]", "[{\"name\": 1}]", "[{\"name\": \"exception\", \"more\": 1}]", "[", "\"x\""] {
            assert_eq!(stored_exception(Scalar::Other(json.as_bytes())), None, "{json}");
            let Ok(value) = json::parse_value(json.as_bytes()) else { continue };
            let mut payload = Payload { attributes: vec![(KEY.to_owned(), value)], ..Payload::default() };
            restore_events(&mut payload);
            assert_eq!((payload.attributes.len(), payload.events.len()), (1, 0), "{json}");
        }
    }

    #[test]
    fn an_exception_up_to_a_millisecond_before_the_end_ends_the_span() {
        assert!(ends_span(9_000_000, 10_000_000) && ends_span(Nanos::MAX, 1));
        assert!(!ends_span(8_999_999, 10_000_000));
    }
}
