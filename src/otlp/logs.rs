//! Reads log records in protobuf: `ExportLogsServiceRequest` and `LogRecord` of `opentelemetry/proto/logs/v1/logs.proto`.
//!
//! A record stays encoded until it is shown; one walk finds its times, its severity, its name and its ids.

use super::request::{self, Group};
use super::value::{self, ShallowValue, decode_attribute, decode_shallow, decode_text, key_value};
use super::wire::{DecodeError, Fields};
use crate::model::attributes::keep_last;
use crate::model::json::Scalar;
use crate::model::{Attribute, Nanos, SpanId, TraceId, Value};

/// The attribute that names an event, where the field of the record does not.
pub(crate) const EVENT_NAME: &str = "event.name";

/// What finds, sorts and joins a log record.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LogHead<'a> {
    /// The time of the event, else when it was observed; 0 if the record states neither.
    pub(crate) time: Nanos,
    /// OpenTelemetry's severity number: 1 (trace) to 24 (fatal); 0 if it is not stated.
    pub(crate) severity: u8,
    /// The name of the event: what the attribute `event.name` says, else the field. It may be invalid UTF-8.
    pub(crate) name: &'a [u8],
    pub(crate) trace: Option<TraceId>,
    pub(crate) span: Option<SpanId>,
}

/// Calls `f` for every log record of a request, in order, with its encoded message.
pub(crate) fn for_each<'a>(body: &'a [u8], mut f: impl FnMut(Group<'a>, LogHead<'a>, &'a [u8])) -> Result<(), DecodeError> {
    request::for_each_span(body, |group, message| {
        f(group, head(message)?, message);
        Ok(())
    })
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
            6 if named.is_empty() => {
                let (key, value) = key_value(field.bytes()?)?;
                if key == EVENT_NAME.as_bytes()
                    && let ShallowValue::Scalar(Scalar::Text(text)) = decode_shallow(value)?
                {
                    named = text;
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

/// The text and the facts of a log record.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct LogContent {
    pub(crate) severity_text: String,
    pub(crate) body: Value,
    pub(crate) attributes: Vec<Attribute>,
}

/// Decodes a log record.
pub(crate) fn content(message: &[u8]) -> Result<LogContent, DecodeError> {
    let mut content = LogContent::default();
    let mut fields = Fields(message);
    while let Some((number, field)) = fields.next()? {
        match number {
            3 => content.severity_text = decode_text(field)?,
            5 => content.body = value::decode(field.bytes()?)?,
            6 => content.attributes.push(decode_attribute(field.bytes()?)?),
            _ => {}
        }
    }
    keep_last(&mut content.attributes);
    Ok(content)
}

#[cfg(test)]
mod tests;
