//! Decodes everything that a span states.

use super::request::{self, Group};
use super::value::{ShallowValue, decode_attribute, decode_shallow, decode_text, key_value};
use super::wire::{DecodeError, FieldValue, Fields, offset};
use crate::model::attributes::keep_last;
use crate::model::json::Scalar;
use crate::model::{Event, Link, Nanos, Payload, PayloadQuery, SpanId, SpanKind, TraceId};

/// A payload with the ids of its span, if they are valid.
pub(crate) type IdentifiedPayload = (Payload, Option<(TraceId, SpanId)>);

/// Decodes the span at an offset of a request, with its resource and scope. Returns `None` if no span begins there.
pub(crate) fn decode_at(body: &[u8], at: usize) -> Result<Option<IdentifiedPayload>, DecodeError> {
    let mut found = None;
    request::for_each_span(body, |group, message| {
        if offset(body, message) == at && found.is_none() {
            found = Some(decode(group, message)?);
        }
        Ok(())
    })?;
    Ok(found)
}

/// Calls `f` with the offset and the payload of every valid span of a request, without resource and scope.
pub(crate) fn for_each(body: &[u8], mut f: impl FnMut(usize, Payload)) -> Result<(), DecodeError> {
    request::for_each_span(body, |_, message| {
        if let Ok((payload, _)) = decode_span(message) {
            f(offset(body, message), payload);
        }
        Ok(())
    })
}

/// Appends the ids of the spans that match, among those for whose encoded message `is_searched` holds.
pub(crate) fn search(
    body: &[u8],
    is_searched: impl Fn(&[u8]) -> bool,
    query: &PayloadQuery,
    hits: &mut Vec<(TraceId, SpanId)>,
) -> Result<(), DecodeError> {
    request::for_each_span(body, |group, message| {
        if is_searched(message) {
            hits.extend(matching_ids(group, message, query)?);
        }
        Ok(())
    })
}

/// Returns the ids of an encoded span if it matches.
pub(crate) fn matching_ids(group: Group<'_>, message: &[u8], query: &PayloadQuery) -> Result<Option<(TraceId, SpanId)>, DecodeError> {
    if !query.may_match_bytes(&[message, group.resource]) {
        return Ok(None);
    }
    // Most spans that match are known by one attribute: then the others need not be decoded.
    if query.is_met_by_parts(message, |at| text_attribute_at(message, at).ok().flatten()) {
        return ids(message);
    }
    let (mut payload, ids) = decode_span(message)?;
    payload.resource = group.resource_attributes()?;
    Ok(ids.filter(|_| query.matches(&payload)))
}

/// Returns the ids of an encoded span, if they are valid.
fn ids(message: &[u8]) -> Result<Option<(TraceId, SpanId)>, DecodeError> {
    let (mut trace, mut id) = (None, None);
    let mut fields = Fields(message);
    while let Some((number, field)) = fields.next()? {
        match number {
            1 => trace = trace_id(field)?,
            2 => id = span_id(field)?,
            _ => {}
        }
    }
    Ok(trace.zip(id))
}

/// A name and a text, which may be invalid UTF-8.
type NamedText<'a> = (&'a [u8], &'a [u8]);

/// Returns the name and the text of the attribute of a span that holds the byte at an offset of its message, unless a later attribute has the same
/// name. The name is of ASCII: other bytes may be the same name once decoded.
fn text_attribute_at(message: &[u8], at: usize) -> Result<Option<NamedText<'_>>, DecodeError> {
    let mut found = None;
    let mut fields = Fields(message);
    while let Some(field) = fields.find(9)? {
        let attribute = field.bytes()?;
        let (key, value) = key_value(attribute)?;
        if found.is_some_and(|(name, _)| name == key) {
            return Ok(None);
        }
        let start = offset(message, attribute);
        if (start..start + attribute.len()).contains(&at)
            && let ShallowValue::Scalar(Scalar::Text(text)) = decode_shallow(value)?
            && key.is_ascii()
        {
            found = Some((key, text));
        }
    }
    Ok(found)
}

/// Decodes an encoded span, with its resource and scope.
pub(crate) fn decode(group: Group<'_>, message: &[u8]) -> Result<IdentifiedPayload, DecodeError> {
    let (mut payload, ids) = decode_span(message)?;
    group.decode_into(&mut payload)?;
    Ok((payload, ids))
}

/// Decodes an encoded span, without its resource and scope. A field of the wrong type is ignored if the row of the span does not need it:
/// a span with a row always has a payload.
fn decode_span(message: &[u8]) -> Result<IdentifiedPayload, DecodeError> {
    let mut payload = Payload::default();
    let (mut trace, mut id) = (None, None);
    let mut fields = Fields(message);
    while let Some((number, field)) = fields.next()? {
        match number {
            1 => trace = trace_id(field)?,
            2 => id = span_id(field)?,
            3 => payload.trace_state = decode_text(field).unwrap_or_default(),
            6 => payload.span_kind = field.varint().map_or(SpanKind::Unspecified, SpanKind::from_code),
            9 => payload.attributes.push(decode_attribute(field.bytes()?)?),
            10 => payload.dropped.attributes = count(field),
            11 => payload.events.push(event(field.bytes()?)?),
            12 => payload.dropped.events = count(field),
            13 => payload.links.extend(field.bytes().and_then(link).ok().flatten()),
            14 => payload.dropped.links = count(field),
            16 => payload.flags = field.fixed32().unwrap_or_default(),
            15 => payload.status_message = status_message(field.bytes()?)?,
            _ => {}
        }
    }
    keep_last(&mut payload.attributes);
    Ok((payload, trace.zip(id)))
}

fn count(field: FieldValue<'_>) -> u32 {
    field.varint().map_or(0, |count| u32::try_from(count).unwrap_or(u32::MAX))
}

fn trace_id(field: FieldValue<'_>) -> Result<Option<TraceId>, DecodeError> {
    Ok(field.bytes()?.try_into().ok().and_then(TraceId::new))
}

fn span_id(field: FieldValue<'_>) -> Result<Option<SpanId>, DecodeError> {
    Ok(field.bytes()?.try_into().ok().and_then(SpanId::new))
}

fn event(message: &[u8]) -> Result<Event, DecodeError> {
    let mut event = Event::default();
    let mut fields = Fields(message);
    while let Some((number, field)) = fields.next()? {
        match number {
            1 => event.time = field.fixed64().map_or(0, |time| Nanos::try_from(time).unwrap_or(Nanos::MAX)),
            2 => event.name = decode_text(field)?,
            3 => event.attributes.extend(field.bytes().and_then(decode_attribute)),
            _ => {}
        }
    }
    keep_last(&mut event.attributes);
    Ok(event)
}

/// Decodes a link; `None` if its ids are invalid.
fn link(message: &[u8]) -> Result<Option<Link>, DecodeError> {
    let (mut trace, mut span, mut trace_state, mut attributes) = (None, None, String::new(), Vec::new());
    let mut fields = Fields(message);
    while let Some((number, field)) = fields.next()? {
        match number {
            1 => trace = trace_id(field)?,
            2 => span = span_id(field)?,
            3 => trace_state = decode_text(field)?,
            4 => attributes.push(decode_attribute(field.bytes()?)?),
            _ => {}
        }
    }
    keep_last(&mut attributes);
    Ok(trace.zip(span).map(|(trace, span)| Link { trace, span, trace_state, attributes }))
}

fn status_message(message: &[u8]) -> Result<String, DecodeError> {
    let mut text = String::new();
    let mut fields = Fields(message);
    while let Some(field) = fields.find(2)? {
        text = decode_text(field)?;
    }
    Ok(text)
}
