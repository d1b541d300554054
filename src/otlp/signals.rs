//! Tells traces, logs and metrics apart, and reads logs and metrics in protobuf, as far as agno-top uses them.

use super::logs::EncodedLog;
use super::request::{self, Group};
use super::value::{self, decode_attribute, decode_text};
use super::wire::{DecodeError, FieldValue, Fields};
use prost::encoding::encode_varint;

use crate::model::attributes::keep_last;
use crate::model::{Attribute, Event, Nanos, SpanId, TraceId, Value};

/// What a request holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    Traces,
    Logs,
    Metrics,
    Profiles,
}

impl Signal {
    /// Returns the name, for messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Traces => "traces",
            Self::Logs => "logs",
            Self::Metrics => "metrics",
            Self::Profiles => "profiles",
        }
    }
}

/// Returns what a message is that stands where a request has spans: requests of logs and metrics have the same envelope.
pub(crate) fn signal_of(message: &[u8]) -> Result<Signal, DecodeError> {
    // The ids of a span, as every SDK begins it.
    if let [0x0a, 16, rest @ ..] = message
        && let Some([0x12, 8, ..]) = rest.get(16..)
    {
        return Ok(Signal::Traces);
    }
    let (mut may_be_span, mut may_be_metric, mut has_ids) = (false, false, false);
    let mut fields = Fields(message);
    while let Some(field) = fields.next()? {
        match field {
            // The time, the severity and the observed time of a log record.
            (1 | 11, FieldValue::Fixed64(_)) | (2, FieldValue::Varint(_)) => return Ok(Signal::Logs),
            // The start and the end of a span.
            (7 | 8, FieldValue::Fixed64(_)) => may_be_span = true,
            // Sum, histogram, exponential histogram, summary.
            (7 | 9 | 10 | 11, FieldValue::Bytes(_)) => may_be_metric = true,
            // A gauge stands where a span has its name, but a span begins with its ids.
            (5, FieldValue::Bytes(_)) if !has_ids => may_be_metric = true,
            (1, FieldValue::Bytes(id)) => has_ids = id.len() == 16,
            (2, FieldValue::Bytes(id)) => has_ids &= id.len() == 8,
            _ => {}
        }
    }
    Ok(if may_be_metric && !may_be_span { Signal::Metrics } else { Signal::Traces })
}

/// Returns the log records of a message that may also hold spans, as an `ExportLogsServiceRequest`; empty if there are none.
pub(crate) fn logs_in(body: &[u8]) -> Result<Vec<u8>, DecodeError> {
    /// The keys of `resource_logs`, and of `scope_logs` and `log_records`, which have the same number.
    const FIRST: u8 = 1 << 3 | 2;
    const INNER: u8 = 2 << 3 | 2;
    fn push(key: u8, message: &[u8], out: &mut Vec<u8>) {
        out.push(key);
        encode_varint(message.len() as u64, out);
        out.extend_from_slice(message);
    }
    let (mut out, mut records) = (Vec::new(), Vec::new());
    let mut group: Option<Group<'_>> = None;
    let mut flush = |group: Option<Group<'_>>, records: &mut Vec<u8>| {
        let Some(group) = group.filter(|_| !records.is_empty()) else { return };
        let (mut scope, mut resource) = (Vec::new(), Vec::new());
        push(FIRST, group.scope, &mut scope);
        scope.append(records);
        push(FIRST, group.resource, &mut resource);
        push(INNER, &scope, &mut resource);
        push(FIRST, &resource, &mut out);
    };
    request::for_each_span(body, |next, message| {
        if group.is_none_or(|group| !std::ptr::eq(group.resource, next.resource) || !std::ptr::eq(group.scope, next.scope)) {
            flush(group.replace(next), &mut records);
        }
        if signal_of(message)? == Signal::Logs {
            push(INNER, message, &mut records);
        }
        Ok(())
    })?;
    flush(group, &mut records);
    Ok(out)
}

/// A log record that belongs to a span.
#[derive(Debug)]
pub(crate) struct SpanLog {
    pub(crate) trace: TraceId,
    pub(crate) span: SpanId,
    pub(crate) event: Event,
    pub(crate) body: Value,
}

/// The beginning of the names of the events that are shown with their span.
const SPAN_EVENT: &[u8] = b"gen_ai.";

/// Returns the event of a span that a log record is; `None` if it is none.
pub(crate) fn span_log(&EncodedLog { head, message, .. }: &EncodedLog<'_>) -> Result<Option<SpanLog>, DecodeError> {
    // Other records are not decoded.
    let (Some(trace), Some(span), true) = (head.trace, head.span, head.name.starts_with(SPAN_EVENT)) else { return Ok(None) };
    let (mut time, mut observed) = (0, 0);
    let (mut name, mut body) = (String::new(), Value::Null);
    let mut attributes: Vec<Attribute> = Vec::new();
    let mut fields = Fields(message);
    while let Some((number, field)) = fields.next()? {
        match number {
            1 => time = field.fixed64()?,
            5 => body = value::decode(field.bytes()?)?,
            6 => attributes.push(decode_attribute(field.bytes()?)?),
            11 => observed = field.fixed64()?,
            12 => name = decode_text(field)?,
            _ => {}
        }
    }
    keep_last(&mut attributes);
    let time = Nanos::try_from(if time == 0 { observed } else { time }).unwrap_or(Nanos::MAX);
    Ok(Some(SpanLog { trace, span, event: Event { name, time, attributes }, body }))
}
