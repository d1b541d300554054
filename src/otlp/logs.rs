//! Reads log records in protobuf: `ExportLogsServiceRequest` and `LogRecord` of `opentelemetry/proto/logs/v1/logs.proto`.
//!
//! A record stays encoded until it is shown; one walk finds its times, its severity, its name and its ids.

use std::sync::Arc;

use bytes::Bytes;

use super::request::{self, Group};
use super::value::{self, ShallowValue, decode_attribute, decode_shallow, decode_text, key_value};
use super::wire::{DecodeError, Fields, offset};
use crate::model::attributes::keep_last;
use crate::model::json::Scalar;
use crate::model::log::session_hash;
use crate::model::{LogContent, LogGroup, LogRecord, Nanos, SpanId, TraceId};

/// The attribute that names an event, where the field of the record does not.
pub(crate) const EVENT_NAME: &str = "event.name";

/// The ends of the keys that name a session.
const SESSIONS: [&[u8]; 3] = [b"session.id", b"conversation.id", b"session_id"];

/// What finds, sorts and joins a log record.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LogHead<'a> {
    /// The time of the event, else when it was observed; 0 if the record states neither.
    pub(crate) time: Nanos,
    /// OpenTelemetry's severity number: 1 (trace) to 24 (fatal); 0 if it is not stated.
    pub(crate) severity: u8,
    /// The name of the event: what the attribute `event.name` says, else the field. It may be invalid UTF-8.
    pub(crate) name: &'a [u8],
    /// The session that an attribute names, in the first key that ends so; empty if none does.
    pub(crate) session: &'a [u8],
    pub(crate) trace: Option<TraceId>,
    pub(crate) span: Option<SpanId>,
}

/// The most log records of one request that are kept: they take up to 70 times the memory of the request.
pub(crate) const MAX_RECORDS: usize = 1 << 20;

/// A log record of a request, encoded, and what finds it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EncodedLog<'a> {
    pub(crate) group: Group<'a>,
    pub(crate) head: LogHead<'a>,
    pub(crate) message: &'a [u8],
}

/// Calls `f` for every log record of an `ExportLogsServiceRequest`, in order.
pub(crate) fn for_each<'a>(body: &'a [u8], mut f: impl FnMut(EncodedLog<'a>) -> Result<(), DecodeError>) -> Result<(), DecodeError> {
    request::for_each_span(body, |group, message| f(EncodedLog { group, head: head(message)?, message }))
}

/// Collects the log records of a request, which share its bytes.
#[derive(Debug)]
pub(crate) struct Records<'a> {
    body: &'a Bytes,
    pub(crate) kept: Vec<LogRecord>,
    /// The number of records that are not kept.
    pub(crate) left_out: u64,
    group: Arc<LogGroup>,
    /// The resource and the scope of the last record, by their place.
    last: Option<(usize, usize)>,
}

impl<'a> Records<'a> {
    pub(crate) fn new(body: &'a Bytes) -> Self {
        Self { body, kept: Vec::new(), left_out: 0, group: Arc::default(), last: None }
    }

    /// Adds a record of the body.
    pub(crate) fn push(&mut self, EncodedLog { group, head, message }: &EncodedLog<'a>) -> Result<(), DecodeError> {
        if self.kept.len() == MAX_RECORDS {
            self.left_out += 1;
            return Ok(());
        }
        let place = (group.resource.as_ptr() as usize, group.scope.as_ptr() as usize);
        if self.last.replace(place) != Some(place) {
            self.group = Arc::new(shared(group)?);
        }
        let event = if head.name.is_empty() { (0, 0) } else { (offset(message, head.name) as u32, head.name.len() as u32) };
        self.kept.push(LogRecord {
            time: head.time,
            severity: head.severity,
            trace: head.trace,
            span: head.span,
            session: session_hash(head.session),
            event,
            group: self.group.clone(),
            encoded: self.body.slice_ref(message),
        });
        Ok(())
    }
}

/// Returns the log records of a request. They share its bytes.
pub(crate) fn records(body: &Bytes) -> Result<Vec<LogRecord>, DecodeError> {
    let mut records = Records::new(body);
    for_each(body, |record| records.push(&record))?;
    Ok(records.kept)
}

fn shared(group: &Group<'_>) -> Result<LogGroup, DecodeError> {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    Ok(LogGroup { service: text(group.origin()?.service), scope: text(group.scope_name()?), resource: group.resource_attributes()? })
}

/// Reads what finds a log record. Ids of a wrong length are none.
pub(crate) fn head(message: &[u8]) -> Result<LogHead<'_>, DecodeError> {
    let mut head = LogHead::default();
    let (mut time, mut observed) = (0, 0);
    let mut named: &[u8] = &[];
    let mut fields = Fields(message);
    while let Some((number, field)) = fields.next()? {
        match number {
            1 => time = field.fixed64()?,
            2 => head.severity = u8::try_from(field.varint()?).ok().filter(|severity| *severity <= 24).unwrap_or_default(),
            6 => {
                let (key, value) = key_value(field.bytes()?)?;
                let place = match key {
                    _ if key == EVENT_NAME.as_bytes() => &mut named,
                    _ if key.ends_with(b"id") && head.session.is_empty() && SESSIONS.iter().any(|end| key.ends_with(end)) => {
                        &mut head.session
                    }
                    _ => continue,
                };
                if let ShallowValue::Scalar(Scalar::Text(text)) = decode_shallow(value)? {
                    *place = text;
                }
            }
            9 => head.trace = field.bytes()?.try_into().ok().and_then(TraceId::new),
            10 => head.span = field.bytes()?.try_into().ok().and_then(SpanId::new),
            11 => observed = field.fixed64()?,
            12 => head.name = field.bytes()?,
            _ => {}
        }
    }
    if !named.is_empty() {
        head.name = named;
    }
    head.time = Nanos::try_from(if time == 0 { observed } else { time }).unwrap_or(Nanos::MAX);
    Ok(head)
}

/// Decodes a log record.
pub(crate) fn content(message: &[u8]) -> Result<LogContent, DecodeError> {
    let mut content = LogContent::default();
    let mut fields = Fields(message);
    while let Some((number, field)) = fields.next()? {
        match number {
            1 => content.times.0 = field.fixed64()?,
            3 => content.severity_text = decode_text(field)?,
            5 => content.body = value::decode(field.bytes()?)?,
            6 => content.attributes.push(decode_attribute(field.bytes()?)?),
            7 => content.dropped_attributes = u32::try_from(field.varint()?).unwrap_or(u32::MAX),
            8 => content.flags = field.fixed32()?,
            11 => content.times.1 = field.fixed64()?,
            12 => content.event_name = decode_text(field)?,
            _ => {}
        }
    }
    keep_last(&mut content.attributes);
    Ok(content)
}

#[cfg(test)]
mod tests;
