//! OTLP in protobuf: `TracesData`, which on the wire is an `ExportTraceServiceRequest`.

use std::io::{self, Write};

use prost::encoding::{WireType, encode_key, encode_varint};

use super::otlp::{same_scope, shared};
use super::{Exported, Form, TraceRecord};
use crate::model::{Attribute, Event, Link, Nanos, Payload, Value};

/// Bytes of spans after which their group is written, and the next one begun.
const GROUP: usize = 1 << 20;

/// Groups of neighbours with equal resource and scope; a file is one message, as groups that follow each other are.
#[derive(Debug, Default)]
pub(super) struct OtlpProto {
    /// The resource and scope of `spans`.
    shared: Payload,
    /// Encoded spans.
    spans: Vec<u8>,
}

impl<W: Write> Form<W> for OtlpProto {
    fn trace(&mut self, _: &TraceRecord, _: &mut W) -> io::Result<()> {
        Ok(())
    }

    fn span(&mut self, span: &Exported, out: &mut W) -> io::Result<()> {
        let other = self.shared.resource != span.payload.resource || !same_scope(&self.shared, &span.payload);
        if other || self.spans.len() > GROUP {
            self.write(out)?;
            self.shared = shared(&span.payload);
        }
        message(2, &mut self.spans, |out| put_span(span, out));
        Ok(())
    }

    fn finish(&mut self, out: &mut W) -> io::Result<()> {
        self.write(out)
    }
}

impl OtlpProto {
    fn write(&mut self, out: &mut impl Write) -> io::Result<()> {
        if self.spans.is_empty() {
            return Ok(());
        }
        out.write_all(&encode_group(&self.shared, &self.spans))?;
        self.spans.clear();
        Ok(())
    }
}

/// A `TracesData` with one group, of spans that are encoded one after the other.
fn encode_group(shared: &Payload, spans: &[u8]) -> Vec<u8> {
    let mut group = Vec::with_capacity(spans.len() + 256);
    message(1, &mut group, |out| put_attributes(1, &shared.resource, out));
    message(2, &mut group, |out| {
        message(1, out, |out| {
            bytes(1, shared.scope.0.as_bytes(), out);
            bytes(2, shared.scope.1.as_bytes(), out);
            put_attributes(3, &shared.scope_attributes, out);
        });
        out.extend_from_slice(spans);
    });
    let mut request = Vec::with_capacity(group.len() + 16);
    bytes(1, &group, &mut request);
    request
}

fn put_span(span: &Exported, out: &mut Vec<u8>) {
    let (record, payload) = (&span.record, &span.payload);
    bytes(1, &record.trace_id.bytes(), out);
    bytes(2, &record.span_id.bytes(), out);
    bytes(3, payload.trace_state.as_bytes(), out);
    if let Some(parent) = record.parent_id {
        bytes(4, &parent.bytes(), out);
    }
    bytes(5, record.name.as_bytes(), out);
    varint(6, u64::from(payload.span_kind.code()), out);
    time(7, record.start, out);
    time(8, record.end.unwrap_or_default(), out);
    put_attributes(9, &payload.attributes, out);
    varint(10, u64::from(payload.dropped.attributes), out);
    for event in &payload.events {
        message(11, out, |out| put_event(event, out));
    }
    varint(12, u64::from(payload.dropped.events), out);
    for link in &payload.links {
        message(13, out, |out| put_link(link, out));
    }
    varint(14, u64::from(payload.dropped.links), out);
    message(15, out, |out| {
        bytes(2, payload.status_message.as_bytes(), out);
        varint(3, u64::from(span.status.code()), out);
    });
}

fn put_event(event: &Event, out: &mut Vec<u8>) {
    time(1, event.time, out);
    bytes(2, event.name.as_bytes(), out);
    put_attributes(3, &event.attributes, out);
}

fn put_link(link: &Link, out: &mut Vec<u8>) {
    bytes(1, &link.trace.bytes(), out);
    bytes(2, &link.span.bytes(), out);
    bytes(3, link.trace_state.as_bytes(), out);
    put_attributes(4, &link.attributes, out);
}

fn put_attributes(number: u32, attributes: &[Attribute], out: &mut Vec<u8>) {
    for (name, value) in attributes {
        message(number, out, |out| {
            bytes(1, name.as_bytes(), out);
            message(2, out, |out| put_value(value, out));
        });
    }
}

/// The fields of an `AnyValue`: those of a `oneof`, which are written even where they are zero.
fn put_value(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => {}
        Value::Text(text) => delimited(1, text.as_bytes(), out),
        Value::Bool(truth) => {
            encode_key(2, WireType::Varint, out);
            encode_varint(u64::from(*truth), out);
        }
        Value::Int(number) => {
            encode_key(3, WireType::Varint, out);
            encode_varint(*number as u64, out);
        }
        Value::Float(number) => {
            encode_key(4, WireType::SixtyFourBit, out);
            out.extend_from_slice(&number.to_le_bytes());
        }
        Value::List(items) => message(5, out, |out| {
            for item in items {
                message(1, out, |out| put_value(item, out));
            }
        }),
        Value::Map(entries) => message(6, out, |out| put_attributes(1, entries, out)),
        Value::Bytes(raw) => delimited(7, raw, out),
    }
}

/// A field that holds a message.
fn message(number: u32, out: &mut Vec<u8>, fill: impl FnOnce(&mut Vec<u8>)) {
    // Its length stands before it and is known after it.
    encode_key(number, WireType::LengthDelimited, out);
    let begin = out.len();
    fill(out);
    let mut length = Vec::with_capacity(10);
    encode_varint((out.len() - begin) as u64, &mut length);
    out.splice(begin..begin, length);
}

/// A field that holds text or bytes, empty or not.
fn delimited(number: u32, value: &[u8], out: &mut Vec<u8>) {
    encode_key(number, WireType::LengthDelimited, out);
    encode_varint(value.len() as u64, out);
    out.extend_from_slice(value);
}

/// A field that holds text or bytes; nothing if that is empty.
fn bytes(number: u32, value: &[u8], out: &mut Vec<u8>) {
    if !value.is_empty() {
        delimited(number, value, out);
    }
}

/// A field that holds a number; nothing if that is 0.
fn varint(number: u32, value: u64, out: &mut Vec<u8>) {
    if value != 0 {
        encode_key(number, WireType::Varint, out);
        encode_varint(value, out);
    }
}

/// OTLP has no time before 1970: such a time becomes 0.
fn time(number: u32, time: Nanos, out: &mut Vec<u8>) {
    if time > 0 {
        encode_key(number, WireType::SixtyFourBit, out);
        out.extend_from_slice(&time.to_le_bytes());
    }
}
