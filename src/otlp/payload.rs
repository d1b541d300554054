//! One span read whole, for whoever looks at it.

use super::request::{self, Group};
use super::value::{attribute, text};
use super::wire::{DecodeError, Fields, Value, offset};
use crate::model::attributes::keep_last;
use crate::model::{Event, Link, Nanos, Payload, PayloadQuery, SpanId, SpanKind, TraceId};

/// A span's payload, and the trace and span that its bytes name.
pub(crate) type Found = (Payload, Option<(TraceId, SpanId)>);

/// Reads the span that begins at `at` in the request. `None` if none begins there.
pub(crate) fn read(body: &[u8], at: usize) -> Result<Option<Found>, DecodeError> {
    let mut found = None;
    request::spans(body, |group, message| {
        if offset(body, message) == at && found.is_none() {
            let (mut payload, ids) = span(message)?;
            group.describe(&mut payload)?;
            found = Some((payload, ids));
        }
        Ok(())
    })?;
    Ok(found)
}

/// Hands out the payload of every span with where it begins; without resource and scope.
pub(crate) fn each(body: &[u8], mut found: impl FnMut(usize, Payload)) -> Result<(), DecodeError> {
    request::spans(body, |_, message| {
        // One that can't be read is no reason to leave out those behind it.
        if let Ok((payload, _)) = span(message) {
            found(offset(body, message), payload);
        }
        Ok(())
    })
}

/// Adds the spans that hold what is looked for, of those whose messages are `wanted`.
pub(crate) fn search(
    body: &[u8],
    wanted: impl Fn(&[u8]) -> bool,
    probe: &PayloadQuery,
    hits: &mut Vec<(TraceId, SpanId)>,
) -> Result<(), DecodeError> {
    request::spans(body, |group, message| {
        if wanted(message) {
            hits.extend(matching(group, message, probe)?);
        }
        Ok(())
    })
}

/// Reads an encoded span with its resource and scope.
pub(crate) fn span_with_group(group: Group<'_>, message: &[u8]) -> Result<Payload, DecodeError> {
    let (mut payload, _) = span(message)?;
    group.describe(&mut payload)?;
    Ok(payload)
}

/// Returns the ids of an encoded span if its payload matches.
pub(crate) fn matching(group: Group<'_>, message: &[u8], probe: &PayloadQuery) -> Result<Option<(TraceId, SpanId)>, DecodeError> {
    if !probe.may_match_bytes(&[message, group.resource]) {
        return Ok(None);
    }
    let (mut payload, names) = span(message)?;
    payload.resource = group.resource()?;
    Ok(names.filter(|_| probe.matches(&payload)))
}

/// Reads an encoded span, without resource and scope. What its row is not made of and has another type than OTLP gives it counts as not
/// stated, as it does for the row.
pub(crate) fn span(message: &[u8]) -> Result<Found, DecodeError> {
    let mut payload = Payload::default();
    let (mut trace, mut id) = (None, None);
    let mut fields = Fields(message);
    while let Some((number, field)) = fields.next()? {
        match number {
            1 => trace = trace_id(field)?,
            2 => id = span_id(field)?,
            3 => payload.trace_state = text(field).unwrap_or_default(),
            6 => payload.span_kind = field.varint().map_or(SpanKind::Unspecified, SpanKind::from_code),
            9 => payload.attributes.push(attribute(field.bytes()?)?),
            10 => payload.dropped.attributes = count(field),
            11 => payload.events.push(event(field.bytes()?)?),
            12 => payload.dropped.events = count(field),
            13 => payload.links.extend(field.bytes().and_then(link).ok().flatten()),
            14 => payload.dropped.links = count(field),
            15 => payload.status_message = status_message(field.bytes()?)?,
            _ => {}
        }
    }
    keep_last(&mut payload.attributes);
    Ok((payload, trace.zip(id)))
}

fn count(field: Value<'_>) -> u32 {
    field.varint().map_or(0, |count| u32::try_from(count).unwrap_or(u32::MAX))
}

fn trace_id(field: Value<'_>) -> Result<Option<TraceId>, DecodeError> {
    Ok(field.bytes()?.try_into().ok().and_then(TraceId::new))
}

fn span_id(field: Value<'_>) -> Result<Option<SpanId>, DecodeError> {
    Ok(field.bytes()?.try_into().ok().and_then(SpanId::new))
}

fn event(message: &[u8]) -> Result<Event, DecodeError> {
    let mut event = Event::default();
    let mut fields = Fields(message);
    while let Some((number, field)) = fields.next()? {
        match number {
            1 => event.time = field.fixed64().map_or(0, |time| Nanos::try_from(time).unwrap_or(Nanos::MAX)),
            2 => event.name = text(field)?,
            3 => event.attributes.extend(field.bytes().and_then(attribute)),
            _ => {}
        }
    }
    keep_last(&mut event.attributes);
    Ok(event)
}

/// A link; `None` if it points at nothing.
fn link(message: &[u8]) -> Result<Option<Link>, DecodeError> {
    let (mut trace, mut span, mut trace_state, mut attributes) = (None, None, String::new(), Vec::new());
    let mut fields = Fields(message);
    while let Some((number, field)) = fields.next()? {
        match number {
            1 => trace = trace_id(field)?,
            2 => span = span_id(field)?,
            3 => trace_state = text(field)?,
            4 => attributes.push(attribute(field.bytes()?)?),
            _ => {}
        }
    }
    keep_last(&mut attributes);
    Ok(trace.zip(span).map(|(trace, span)| Link { trace, span, trace_state, attributes }))
}

fn status_message(message: &[u8]) -> Result<String, DecodeError> {
    let mut words = String::new();
    let mut fields = Fields(message);
    while let Some((number, field)) = fields.next()? {
        if number == 2 {
            words = text(field)?;
        }
    }
    Ok(words)
}
