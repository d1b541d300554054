//! Encodes spans as OTLP protobuf.

use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList, any_value};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{Span, Status as SpanStatus, span};
use prost::Message as _;
use prost::encoding::{WireType, encode_key, encode_varint, message};

use crate::model::attributes::{MAX_NESTING, TOO_DEEP};
use crate::model::{Attribute, Event, Link, Nanos, Payload, SpanId, Status, TraceId, Value};

/// Bytes of encoded spans after which a group is closed. Bounds the memory of a writer.
const GROUP_SIZE: usize = 1 << 20;

/// A span with everything that OTLP states about it.
#[derive(Clone, Debug)]
pub(crate) struct SpanData {
    pub(crate) trace: TraceId,
    pub(crate) id: SpanId,
    pub(crate) parent: Option<SpanId>,
    /// OTLP has no times before 1970: an earlier time is encoded as 0, which means "not set".
    pub(crate) start: Nanos,
    /// `None` while the span runs.
    pub(crate) end: Option<Nanos>,
    pub(crate) status: Status,
    pub(crate) name: String,
    /// [`Payload::notes`] have no place in OTLP and are dropped.
    pub(crate) payload: Payload,
}

/// The OTLP messages of a span: the resource and the scope, which it may share with other spans, and the rest.
#[derive(Debug, Default)]
pub(crate) struct SpanMessages {
    pub(crate) resource: Resource,
    pub(crate) scope: InstrumentationScope,
    pub(crate) span: Span,
}

impl From<SpanData> for SpanMessages {
    fn from(data: SpanData) -> Self {
        let SpanData { trace, id, parent, start, end, status, name, payload } = data;
        let resource = Resource { attributes: key_values(payload.resource), ..Resource::default() };
        let (scope_name, version) = payload.scope;
        let scope_attributes = key_values(payload.scope_attributes);
        let scope = InstrumentationScope { name: scope_name, version, attributes: scope_attributes, ..InstrumentationScope::default() };
        let span = Span {
            trace_id: trace.bytes().to_vec(),
            span_id: id.bytes().to_vec(),
            trace_state: payload.trace_state,
            parent_span_id: parent.map(|parent| parent.bytes().to_vec()).unwrap_or_default(),
            name,
            kind: payload.span_kind.code().into(),
            start_time_unix_nano: unix_nanos(start),
            end_time_unix_nano: unix_nanos(end.unwrap_or_default()),
            attributes: key_values(payload.attributes),
            dropped_attributes_count: payload.dropped.attributes,
            events: payload.events.into_iter().map(event).collect(),
            dropped_events_count: payload.dropped.events,
            links: payload.links.into_iter().map(link).collect(),
            dropped_links_count: payload.dropped.links,
            status: Some(SpanStatus { message: payload.status_message, code: status.code().into() }),
            flags: payload.flags,
        };
        Self { resource, scope, span }
    }
}

pub(super) fn unix_nanos(time: Nanos) -> u64 {
    u64::try_from(time).unwrap_or_default()
}

fn event(Event { name, time, attributes }: Event) -> span::Event {
    span::Event { time_unix_nano: unix_nanos(time), name, attributes: key_values(attributes), ..span::Event::default() }
}

fn link(Link { trace, span, trace_state, attributes }: Link) -> span::Link {
    span::Link {
        trace_id: trace.bytes().to_vec(),
        span_id: span.bytes().to_vec(),
        trace_state,
        attributes: key_values(attributes),
        ..span::Link::default()
    }
}

/// Converts attributes.
pub(crate) fn key_values(attributes: Vec<Attribute>) -> Vec<KeyValue> {
    nested_key_values(attributes, 0)
}

fn nested_key_values(attributes: Vec<Attribute>, depth: usize) -> Vec<KeyValue> {
    attributes.into_iter().map(|(key, value)| key_value(key, any_value(value, depth))).collect()
}

/// Returns an attribute.
pub(super) fn key_value(key: String, value: AnyValue) -> KeyValue {
    KeyValue { key, value: Some(value), ..KeyValue::default() }
}

/// Converts a value.
pub(crate) fn value(value: Value) -> AnyValue {
    any_value(value, 0)
}

/// Converts a value inside `depth` lists and maps; what is nested deeper than [`MAX_NESTING`] is cut.
fn any_value(value: Value, depth: usize) -> AnyValue {
    let value = match value {
        Value::Null => None,
        Value::Bool(flag) => Some(any_value::Value::BoolValue(flag)),
        Value::Int(number) => Some(any_value::Value::IntValue(number)),
        Value::Float(number) => Some(any_value::Value::DoubleValue(number)),
        Value::Text(text) => Some(any_value::Value::StringValue(text)),
        Value::Bytes(bytes) => Some(any_value::Value::BytesValue(bytes)),
        Value::List(_) | Value::Map(_) if depth == MAX_NESTING => Some(any_value::Value::StringValue(TOO_DEEP.to_owned())),
        Value::List(items) => {
            let values = items.into_iter().map(|item| any_value(item, depth + 1)).collect();
            Some(any_value::Value::ArrayValue(ArrayValue { values }))
        }
        Value::Map(entries) => Some(any_value::Value::KvlistValue(KeyValueList { values: nested_key_values(entries, depth + 1) })),
    };
    AnyValue { value }
}

/// Encodes a `TracesData` message span by span.
///
/// Consecutive spans with equal resource and scope share a group. The message can be written out in pieces, because concatenated
/// `TracesData` messages are one message.
#[derive(Debug, Default)]
pub(crate) struct TracesEncoder {
    resource: Resource,
    scope: InstrumentationScope,
    /// The encoded `ScopeSpans.spans` fields of the open group.
    spans: Vec<u8>,
}

impl TracesEncoder {
    /// Sets the resource and the scope of the spans that follow.
    pub(crate) fn set_group(&mut self, resource: Resource, scope: InstrumentationScope, out: &mut Vec<u8>) {
        if self.resource != resource || self.scope != scope {
            self.flush(out);
            (self.resource, self.scope) = (resource, scope);
        }
    }

    /// Encodes a span of the current group. Groups that are complete are appended to `out`.
    pub(crate) fn push(&mut self, span: &Span, out: &mut Vec<u8>) {
        message::encode(2, span, &mut self.spans);
        if self.spans.len() > GROUP_SIZE {
            self.flush(out);
        }
    }

    /// Encodes a span together with its resource and scope.
    pub(crate) fn push_messages(&mut self, messages: SpanMessages, out: &mut Vec<u8>) {
        let SpanMessages { resource, scope, span } = messages;
        self.set_group(resource, scope, out);
        self.push(&span, out);
    }

    /// Appends the open group to `out`.
    pub(crate) fn flush(&mut self, out: &mut Vec<u8>) {
        if !self.spans.is_empty() {
            push_group(&self.resource.encode_to_vec(), &self.scope.encode_to_vec(), &mut self.spans, out);
        }
    }
}

/// Appends a group of spans, which it takes, to a `TracesData` message: an encoded `Resource`, an encoded `InstrumentationScope`, and the
/// encoded `ScopeSpans.spans` fields.
pub(super) fn push_group(resource: &[u8], scope: &[u8], spans: &mut Vec<u8>, out: &mut Vec<u8>) {
    let (mut scope_head, mut group, mut head) = (Vec::new(), Vec::new(), Vec::new());
    push_bytes(1, scope, &mut scope_head);
    push_bytes(1, resource, &mut group);
    push_length(2, scope_head.len() + spans.len(), &mut group);
    group.append(&mut scope_head);
    push_length(1, group.len() + spans.len(), &mut head);
    head.append(&mut group);
    if out.is_empty() {
        // Most messages are one group, which need not be copied into other memory.
        spans.splice(0..0, head);
        std::mem::swap(spans, out);
    } else {
        out.append(&mut head);
        out.append(spans);
    }
}

/// Appends a field of text, bytes or a message.
#[inline]
pub(super) fn push_bytes(number: u32, value: &[u8], out: &mut Vec<u8>) {
    push_length(number, value.len(), out);
    out.extend_from_slice(value);
}

/// Appends what stands before a field of text, bytes or a message of this length.
#[inline]
pub(super) fn push_length(number: u32, length: usize, out: &mut Vec<u8>) {
    if number < 16 && length < 0x80 {
        // One byte each, as most are.
        return out.extend_from_slice(&[(number << 3 | 2) as u8, length as u8]);
    }
    encode_key(number, WireType::LengthDelimited, out);
    encode_varint(length as u64, out);
}
