//! Encodes the spans that are made from events. Each event is encoded once, however often its span is sent again.

use std::sync::Arc;

use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use prost::Message as _;
use prost::encoding::{WireType, encode_key, encode_varint, encoded_len_varint};

use crate::model::{Nanos, Payload, SpanId, Status, TraceId};
use crate::otlp::encode::{key_values, push_bytes, push_group, push_length, unix_nanos};
use crate::otlp::request::Group;
use crate::otlp::value::key_value;
use crate::otlp::wire::Fields;
use crate::semconv::log_events::{Fact, FactValue};

/// Bytes of encoded spans after which a group is closed.
const GROUP_SIZE: usize = 1 << 20;

/// The number of the field `attributes` of `Span`.
const ATTRIBUTES: u32 = 9;

/// The program that events come from.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Origin {
    /// The name of the service; it may be invalid UTF-8.
    pub(super) service: Vec<u8>,
    /// The encoded `Resource`.
    resource: Vec<u8>,
    /// The encoded `InstrumentationScope` of the events, and that of their spans.
    scope: Vec<u8>,
    span_scope: Vec<u8>,
}

impl Origin {
    pub(super) fn new(group: &Group<'_>) -> Self {
        let mut payload = Payload::default();
        let is_valid = group.decode_into(&mut payload).is_ok();
        let (mut name, version) = payload.scope;
        // Two reports of a call are told apart by their scopes.
        name.push_str(if name.is_empty() { "logs" } else { " logs" });
        let attributes = key_values(payload.scope_attributes);
        let span_scope = InstrumentationScope { name, version, attributes, ..InstrumentationScope::default() };
        Self {
            service: group.origin().unwrap_or_default().service.to_vec(),
            resource: if is_valid { group.resource.to_vec() } else { Vec::new() },
            scope: group.scope.to_vec(),
            span_scope: span_scope.encode_to_vec(),
        }
    }

    /// Whether this is the origin of a group.
    pub(super) fn is_of(&self, group: &Group<'_>) -> bool {
        self.resource == group.resource && self.scope == group.scope
    }

    /// Returns the bytes of memory that it takes, about.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + self.service.len() + self.resource.len() + self.scope.len() + self.span_scope.len()
    }
}

/// What is written of a span beside its name and its attributes.
#[derive(Clone, Copy, Debug)]
pub(super) struct SpanHead<'a> {
    pub(super) trace: TraceId,
    pub(super) id: SpanId,
    pub(super) parent: Option<SpanId>,
    pub(super) start: Nanos,
    /// `None` while the span runs.
    pub(super) end: Option<Nanos>,
    pub(super) status: Status,
    pub(super) message: &'a str,
}

/// Writes a `TracesData` message.
#[derive(Debug, Default)]
pub(super) struct Writer {
    origin: Arc<Origin>,
    /// The encoded `ScopeSpans.spans` fields of the open group.
    spans: Vec<u8>,
    /// What is encoded of the span at present, before and after what its event said.
    head: Vec<u8>,
    tail: Vec<u8>,
    body: Vec<u8>,
}

impl Writer {
    /// Writes a span whose name and attributes are encoded, but for one.
    pub(super) fn push(&mut self, origin: &Arc<Origin>, head: SpanHead<'_>, encoded: &[u8], more: Option<Fact<'_>>) {
        if self.spans.len() > GROUP_SIZE || !Arc::ptr_eq(&self.origin, origin) && self.origin != *origin {
            self.flush();
            self.origin = origin.clone();
        }
        self.head.clear();
        let out = &mut self.head;
        push_bytes(1, &head.trace.bytes(), out);
        push_bytes(2, &head.id.bytes(), out);
        if let Some(parent) = head.parent {
            push_bytes(4, &parent.bytes(), out);
        }
        for (number, time) in [(7, head.start), (8, head.end.unwrap_or_default())] {
            encode_key(number, WireType::SixtyFourBit, out);
            out.extend_from_slice(&unix_nanos(time).to_le_bytes());
        }
        if head.status != Status::Unset {
            let mut status = Vec::new();
            push_bytes(2, head.message.as_bytes(), &mut status);
            encode_key(3, WireType::Varint, &mut status);
            encode_varint(head.status.code().into(), &mut status);
            push_bytes(15, &status, out);
        }
        self.tail.clear();
        if let Some((key, fact)) = more {
            push_fact(key, &fact, &mut self.tail);
        }
        push_length(2, self.head.len() + encoded.len() + self.tail.len(), &mut self.spans);
        for part in [&self.head, encoded, &self.tail] {
            self.spans.extend_from_slice(part);
        }
    }

    /// Returns the message.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.flush();
        self.body
    }

    fn flush(&mut self) {
        if !self.spans.is_empty() {
            push_group(&self.origin.resource, &self.origin.span_scope, &mut self.spans, &mut self.body);
        }
    }
}

/// Appends the name of a span.
pub(super) fn push_name(parts: [&str; 3], out: &mut Vec<u8>) {
    push_length(5, parts.iter().map(|part| part.len()).sum(), out);
    for part in parts {
        out.extend_from_slice(part.as_bytes());
    }
}

/// Appends an attribute that is encoded.
pub(super) fn push_encoded(attribute: &[u8], out: &mut Vec<u8>) {
    push_bytes(ATTRIBUTES, attribute, out);
}

/// Returns attributes that were appended, with their keys before them.
pub(super) fn encoded_attributes(attributes: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut fields = Fields(attributes);
    std::iter::from_fn(move || {
        let attribute = fields.find(ATTRIBUTES).ok()??.bytes().ok()?;
        Some((key_value(attribute).ok()?.0, attribute))
    })
}

/// Appends a fact as an attribute.
pub(super) fn push_fact(key: &str, fact: &FactValue<'_>, out: &mut Vec<u8>) {
    let length = |bytes: usize| 1 + encoded_len_varint(bytes as u64) + bytes;
    let value = match fact {
        FactValue::Text(text) => length(text.len()),
        FactValue::Int(number) => 1 + encoded_len_varint(*number as u64),
        FactValue::Float(_) => 1 + size_of::<f64>(),
    };
    push_length(ATTRIBUTES, length(key.len()) + length(value), out);
    push_bytes(1, key.as_bytes(), out);
    push_length(2, value, out);
    match fact {
        FactValue::Text(text) => push_bytes(1, text.as_bytes(), out),
        FactValue::Int(number) => {
            encode_key(3, WireType::Varint, out);
            encode_varint(*number as u64, out);
        }
        FactValue::Float(number) => {
            encode_key(4, WireType::SixtyFourBit, out);
            out.extend_from_slice(&number.to_le_bytes());
        }
    }
}
