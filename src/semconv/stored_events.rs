//! Events of a span in its attributes, and who sent it: Agno's table has no columns for them. Only events tell some failures and all stack
//! traces, and calls that an agent and its gateway report are told apart by the sender.

use std::borrow::Cow;

use super::AGNO_SCOPE;
use super::keys::{STORED_SCOPE_KEY, STORED_SERVICE_KEY};
use super::values::get;
use crate::model::json::{self, Scalar};
use crate::model::{Attribute, Event, Nanos, Payload, Value};

/// The attribute that holds the events: a list of maps with name, time in nanoseconds and attributes.
const KEY: &str = "agno_top.events";

const SERVICE: &str = "service.name";

/// The name of an event that records an exception.
const EXCEPTION: &str = "exception";

/// The most nanoseconds between an exception that ends a span and the span's end.
const AT_END: Nanos = 1_000_000;

/// Whether an attribute holds events.
pub(crate) fn is_stored_events(key: &[u8]) -> bool {
    key == KEY.as_bytes()
}

/// Returns the attributes of a span with those that hold its events and its sender. Agno's spans are stored as Agno does, without a sender.
pub(crate) fn stored_attributes(payload: &Payload) -> Cow<'_, [Attribute]> {
    let (is_of_agno, scope) = (payload.scope.0 == AGNO_SCOPE, &payload.scope.0);
    let service = match get(&payload.resource, SERVICE) {
        Some(Value::Text(name)) => name,
        _ => "",
    };
    let senders = [(STORED_SERVICE_KEY, service), (STORED_SCOPE_KEY, scope)];
    let senders: Vec<_> = senders.into_iter().filter(|(_, name)| !is_of_agno && !name.is_empty()).collect();
    if payload.events.is_empty() && senders.is_empty() {
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
    for (key, name) in senders {
        attributes.retain(|(name, _)| name != key);
        attributes.push((key.to_owned(), Value::Text(name.to_owned())));
    }
    if !payload.events.is_empty() {
        attributes.retain(|(name, _)| name != KEY);
        attributes.push((KEY.to_owned(), Value::List(payload.events.iter().map(event).collect())));
    }
    Cow::Owned(attributes)
}

/// Moves events and the sender from the attributes that hold them to their places, unless these are taken.
pub(crate) fn restore_attributes(payload: &mut Payload) {
    if let Some(at) = payload.attributes.iter().position(|(name, _)| name == KEY)
        && let Some(mut events) = events(&payload.attributes[at].1)
    {
        payload.attributes.remove(at);
        payload.events.append(&mut events);
    }
    let mut take = |key: &str| {
        let at = payload.attributes.iter().position(|(name, value)| name == key && matches!(value, Value::Text(_)))?;
        if let (_, Value::Text(name)) = payload.attributes.remove(at) { Some(name) } else { None }
    };
    let (service, scope) = (take(STORED_SERVICE_KEY), take(STORED_SCOPE_KEY));
    set_sender(payload, &service.unwrap_or_default(), &scope.unwrap_or_default());
}

/// Sets the names of the service and the scope where a payload states none. An empty name is none.
pub(crate) fn set_sender(payload: &mut Payload, service: &str, scope: &str) {
    if !service.is_empty() && get(&payload.resource, SERVICE).is_none() {
        payload.resource.push((SERVICE.to_owned(), Value::Text(service.to_owned())));
    }
    if payload.scope.0.is_empty() {
        scope.clone_into(&mut payload.scope.0);
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
        let attributes = stored_attributes(&stored).into_owned();
        assert_eq!(attributes[0], stored.attributes[0]);
        let json = attributes[1].1.to_json();
        assert!(is_stored_events(attributes[1].0.as_bytes()));
        assert_eq!(stored_exception(Scalar::Other(json.as_bytes())), Some(("OSError".to_owned(), "a \"b\"\n".to_owned(), 6)));
        let mut restored = Payload { attributes, ..Payload::default() };
        restore_attributes(&mut restored);
        assert_eq!(restored, stored);
        assert!(stored_attributes(&Payload::default()).is_empty());
    }

    #[test]
    fn the_sender_is_restored_and_agno_is_none() {
        let resource = vec![text("service.name", "proxy")];
        let stored = Payload { attributes: vec![text("a", "b")], resource, scope: ("gateway".into(), String::new()), ..Payload::default() };
        let attributes = stored_attributes(&stored).into_owned();
        assert_eq!(attributes, [text("a", "b"), text("agno_top.service", "proxy"), text("agno_top.scope", "gateway")]);
        let mut restored = Payload { attributes, ..Payload::default() };
        restore_attributes(&mut restored);
        assert_eq!(restored, stored);
        let of_agno = Payload { scope: (AGNO_SCOPE.into(), String::new()), ..stored };
        assert_eq!(*stored_attributes(&of_agno), [text("a", "b")]);
        // A sender that is known stays.
        let mut known = Payload { attributes: vec![text("agno_top.scope", "x"), text("agno_top.service", "y")], ..of_agno.clone() };
        restore_attributes(&mut known);
        assert_eq!((known.scope, known.resource), (of_agno.scope, of_agno.resource));
    }

    #[test]
    fn what_is_no_list_of_events_stays_an_attribute() {
        for json in ["1", "{}", "[1]", "[{\"name\": 1}]", "[{\"name\": \"exception\", \"more\": 1}]", "[", "\"x\""] {
            assert_eq!(stored_exception(Scalar::Other(json.as_bytes())), None, "{json}");
            let Ok(value) = json::parse_value(json.as_bytes()) else { continue };
            let mut payload = Payload { attributes: vec![(KEY.to_owned(), value)], ..Payload::default() };
            restore_attributes(&mut payload);
            assert_eq!((payload.attributes.len(), payload.events.len()), (1, 0), "{json}");
        }
    }

    #[test]
    fn an_exception_up_to_a_millisecond_before_the_end_ends_the_span() {
        assert!(ends_span(9_000_000, 10_000_000) && ends_span(Nanos::MAX, 1));
        assert!(!ends_span(8_999_999, 10_000_000));
    }
}
