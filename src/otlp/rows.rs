//! Builds rows from OTLP protobuf in one walk over the bytes, without decoding attributes into values.
//!
//! The messages are `ExportTraceServiceRequest` and `Span` of `opentelemetry/proto/trace/v1/trace.proto`.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::json::RejectedSpan;
use super::request::{self, Group, Origin};
use super::value::{self, ShallowValue, decode_shallow, key_value};
use super::wire::{DecodeError, FieldValue, Fields, offset};
use crate::model::json::Scalar;
use crate::model::{Batch, Nanos, PayloadRef, Skipped, Span, SpanId, Status, TraceId};
use crate::semconv::{KnownKey, SpanBuilder, SpanHeader, ends_span};

/// The estimated size of an encoded span, in bytes, to reserve rows. Too many cost nothing until they are used.
const BYTES_PER_SPAN: usize = 1024;

/// The estimated number of encoded bytes for each byte of a row's texts.
const BYTES_PER_TEXT_BYTE: usize = 6;

/// The key of the field `attributes` of `Span`: field 9, length-delimited.
const ATTRIBUTE_KEY: u8 = 9 << 3 | 2;

/// The flags of a span whose sender knows whether the parent is in another process, and whose parent is.
const HAS_REMOTE_PARENT: u32 = 0x300;

/// The most bytes of an id that an error message quotes.
const QUOTED_ID: usize = 20;

/// Appends to the batch, in order, a row for each span of a request, or a [`Skipped`] for a span that is not valid. The payload reference
/// of a row is the offset of its span in `body`.
///
/// `rejected` are the spans of the request that `body` lacks. They are skipped, too, and count where spans are numbered.
///
/// # Errors
///
/// If the body is not such a request. Then the contents of the batch are unspecified.
pub(crate) fn read(body: &[u8], rejected: Vec<RejectedSpan>, batch: &mut Batch) -> Result<(), DecodeError> {
    batch.reserve(body.len() / BYTES_PER_SPAN, body.len() / BYTES_PER_TEXT_BYTE);
    let mut reader = Reader { rejected, ..Reader::default() };
    reader.rejected.reverse();
    request::for_each_span(body, |group, message| reader.push(group, message, PayloadRef(offset(body, message) as i64), batch))?;
    reader.skip_rejected(batch);
    Ok(())
}

/// Builds rows from encoded spans, one after another.
#[derive(Default)]
pub(crate) struct Reader<'a> {
    /// The number of spans read.
    count: usize,
    /// The spans that could not be encoded, the first one last.
    rejected: Vec<RejectedSpan>,
    span: SpanReader<'a>,
    /// The encoded name of the last scope, and the same decoded.
    scope: (&'a [u8], Option<Cow<'a, str>>),
    /// The last resource that was looked up.
    resource: &'a [u8],
    origin: Origin<'a>,
}

impl<'a> Reader<'a> {
    /// Appends the span's row to the batch, or a [`Skipped`].
    #[inline]
    pub(crate) fn push(
        &mut self,
        group: Group<'a>,
        message: &'a [u8],
        payload_ref: PayloadRef,
        batch: &mut Batch,
    ) -> Result<(), DecodeError> {
        if !self.rejected.is_empty() {
            self.skip_rejected(batch);
        }
        self.count += 1;
        let scope = group.scope_name()?;
        if self.scope.0 != scope {
            self.scope = (scope, (!scope.is_empty()).then(|| String::from_utf8_lossy(scope)));
        }
        if !std::ptr::eq(self.resource, group.resource) {
            (self.resource, self.origin) = (group.resource, group.origin()?);
        }
        self.span.read(message)?;
        self.span.builder.service(self.origin.service);
        self.span.builder.host(self.origin.host());
        let is_root = self.span.is_root();
        self.span.builder.name_agent_by_service(is_root);
        match self.span.row(self.scope.1.as_deref(), payload_ref, batch)? {
            Ok(span) => batch.spans.push(span),
            Err(reason) => batch.skipped.push(Skipped { place: format!("span {}", self.count), reason }),
        }
        Ok(())
    }

    /// Skips the rejected spans that precede the next span.
    #[cold]
    fn skip_rejected(&mut self, batch: &mut Batch) {
        while let Some(rejected) = self.rejected.pop_if(|rejected| rejected.number == self.count + 1) {
            self.count += 1;
            batch.skipped.push(Skipped { place: format!("span {}", self.count), reason: rejected.reason });
        }
    }
}

/// Reads the fields of one encoded span. It is reused for all spans of a request.
#[derive(Default)]
struct SpanReader<'a> {
    trace: &'a [u8],
    id: &'a [u8],
    parent: &'a [u8],
    start: u64,
    end: u64,
    status_code: u64,
    status_message: &'a [u8],
    /// The last event named `exception`, encoded.
    exception: Option<&'a [u8]>,
    /// When that event occurred.
    exception_time: u64,
    builder: SpanBuilder<'a>,
    /// Encoded lists and maps of attributes that state a fact.
    nested: Vec<(KnownKey<'a>, &'a [u8])>,
}

impl<'a> SpanReader<'a> {
    fn read(&mut self, message: &'a [u8]) -> Result<(), DecodeError> {
        (self.trace, self.id, self.parent, self.status_message) = (&[], &[], &[], &[]);
        (self.start, self.end, self.status_code) = (0, 0, 0);
        (self.exception, self.exception_time) = (None, 0);
        self.builder.clear();
        self.nested.clear();
        let mut fields = Fields(message);
        loop {
            // Most fields of a span are attributes.
            while let Some(attribute) = fields.next_bytes(ATTRIBUTE_KEY)? {
                self.read_attribute(attribute)?;
            }
            let Some((number, field)) = fields.next()? else { return Ok(()) };
            self.read_field(number, field)?;
        }
    }

    #[inline]
    fn read_attribute(&mut self, message: &'a [u8]) -> Result<(), DecodeError> {
        let (key, value) = key_value(message)?;
        // Most keys state no fact, and then the value need not be fetched from memory.
        if let Some(key) = KnownKey::find(key) {
            match decode_shallow(value)? {
                ShallowValue::Scalar(scalar) => self.builder.known_attribute(key, scalar),
                ShallowValue::Nested if key.may_state(value) => self.nested.push((key, value)),
                ShallowValue::Nested => {}
            }
        }
        Ok(())
    }

    #[inline]
    fn read_field(&mut self, number: u32, field: FieldValue<'a>) -> Result<(), DecodeError> {
        match number {
            1 => self.trace = field.bytes()?,
            2 => self.id = field.bytes()?,
            4 => self.parent = field.bytes()?,
            5 => self.builder.name(field.bytes()?),
            7 => self.start = field.fixed64()?,
            8 => self.end = field.fixed64()?,
            9 => self.read_attribute(field.bytes()?)?,
            11 => self.read_event(field.bytes()?)?,
            15 => self.read_status(field.bytes()?)?,
            // A value of another type says nothing; the span stays valid.
            16 => self.read_flags(field.fixed32().unwrap_or_default()),
            _ => {}
        }
        Ok(())
    }

    fn read_flags(&mut self, flags: u32) {
        if flags & HAS_REMOTE_PARENT == HAS_REMOTE_PARENT {
            self.builder.has_remote_parent();
        }
    }

    fn read_status(&mut self, message: &'a [u8]) -> Result<(), DecodeError> {
        let mut fields = Fields(message);
        while let Some((number, field)) = fields.next()? {
            match number {
                2 => self.status_message = field.bytes()?,
                3 => self.status_code = field.varint()?,
                _ => {}
            }
        }
        Ok(())
    }

    fn read_event(&mut self, message: &'a [u8]) -> Result<(), DecodeError> {
        let (mut fields, mut time, mut is_exception) = (Fields(message), 0, false);
        while let Some((number, field)) = fields.next()? {
            match number {
                // A time of another type is none; the span stays valid.
                1 => time = field.fixed64().unwrap_or_default(),
                2 => {
                    is_exception = field.bytes()? == b"exception";
                    if !is_exception {
                        return Ok(());
                    }
                }
                _ => {}
            }
        }
        if is_exception {
            (self.exception, self.exception_time) = (Some(message), time);
        }
        Ok(())
    }

    /// Builds the row. The inner error says why the span is not valid.
    fn row(&mut self, scope: Option<&str>, payload_ref: PayloadRef, batch: &mut Batch) -> Result<Result<Span, String>, DecodeError> {
        let header = match self.header() {
            Ok(header) => header,
            Err(reason) => return Ok(Err(reason)),
        };
        self.builder.status(Status::from_code(self.status_code).unwrap_or_default(), self.status_message);
        if let Some(event) = self.exception {
            let (kind, message) = exception(event)?;
            self.builder.exception(kind, message);
            let time = Nanos::try_from(self.exception_time).unwrap_or(Nanos::MAX);
            if header.end.is_some_and(|end| ends_span(time, end)) {
                self.builder.ends_by_exception();
            }
        }
        if self.nested.is_empty() {
            return Ok(Ok(self.builder.build(header, scope, payload_ref, batch)));
        }
        let to_json = |(key, value): &(KnownKey<'a>, &[u8])| Ok((*key, value::decode(value)?.to_json()));
        let nested = self.nested.iter().map(to_json).collect::<Result<Vec<_>, _>>()?;
        // A copy, because it borrows the JSON made here.
        let mut builder = self.builder.clone();
        for (key, json) in &nested {
            builder.known_attribute(*key, Scalar::Other(json.as_bytes()));
        }
        Ok(Ok(builder.build(header, scope, payload_ref, batch)))
    }

    fn is_root(&self) -> bool {
        self.parent.iter().all(|byte| *byte == 0)
    }

    fn header(&self) -> Result<SpanHeader, String> {
        let trace = <[u8; 16]>::try_from(self.trace).ok().and_then(TraceId::new);
        let span = |bytes: &[u8]| <[u8; 8]>::try_from(bytes).ok().and_then(SpanId::new);
        let bad = |what, bytes: &[u8], length| format!("the {what} id {} is not {length} bytes that are not all zero", quoted_hex(bytes));
        let parent = match self.parent {
            _ if self.is_root() => None,
            bytes => Some(span(bytes).ok_or_else(|| bad("parent span", bytes, 8))?),
        };
        let time = |what, nanos: u64| Nanos::try_from(nanos).map_err(|_| format!("the {what} time {nanos} is after the year 2262"));
        let (start, end) = (time("start", self.start)?, time("end", self.end)?);
        if start == 0 {
            return Err("it has no start time".to_owned());
        }
        Ok(SpanHeader {
            trace: trace.ok_or_else(|| bad("trace", self.trace, 16))?,
            id: span(self.id).ok_or_else(|| bad("span", self.id, 8))?,
            parent,
            start,
            end: (end != 0).then_some(end),
        })
    }
}

/// Returns the attributes `exception.type` and `exception.message` of an encoded event; empty if it has none.
fn exception(event: &[u8]) -> Result<(&[u8], &[u8]), DecodeError> {
    let (mut kind, mut message): (&[u8], &[u8]) = (&[], &[]);
    let mut fields = Fields(event);
    while let Some(field) = fields.find(3)? {
        let (key, value) = key_value(field.bytes()?)?;
        let stated = match key {
            b"exception.type" => &mut kind,
            b"exception.message" => &mut message,
            _ => continue,
        };
        if let ShallowValue::Scalar(Scalar::Text(text)) = decode_shallow(value)? {
            *stated = text;
        }
    }
    Ok((kind, message))
}

/// Formats the first bytes of an id in hex, in quotes, for a message.
fn quoted_hex(bytes: &[u8]) -> String {
    let mut text = String::from("\"");
    for byte in bytes.iter().take(QUOTED_ID) {
        let _ = write!(text, "{byte:02x}");
    }
    text.push_str(if bytes.len() > QUOTED_ID { "…\"" } else { "\"" });
    text
}
