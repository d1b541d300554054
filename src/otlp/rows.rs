//! From a request in protobuf to rows, in one walk that builds no attribute.

use std::borrow::Cow;

use super::request::{self, Group};
use super::value::{self, Any, any, entry};
use super::wire::{DecodeError, Fields, Value, offset};
use crate::model::json::Scalar;
use crate::model::{Batch, Nanos, PayloadRef, Skipped, Span, SpanId, Status, Text, TraceId};
use crate::semconv::{About, Extractor, PREVIEW, beginning, preview};

/// Bytes that a span of an agent takes at least, about: more room than needed costs nothing until it is touched.
const SPAN: usize = 1024;

/// The byte that an attribute of a span begins with: field 9, with a length.
const ATTRIBUTE: u8 = 9 << 3 | 2;

/// One in how many bytes goes into a row's texts, about.
const TEXT: usize = 6;

/// Appends a row for each span of a request to the batch, in order, and a [`Skipped`] for each that can't be one. The address of a
/// row is where its span begins in `body`. `Err` if the body is no such request; the batch is worth nothing then.
pub(crate) fn read(body: &[u8], batch: &mut Batch) -> Result<(), DecodeError> {
    batch.reserve(body.len() / SPAN, body.len() / TEXT);
    let mut reader = Reader::default();
    request::spans(body, |group, message| reader.push(group, message, PayloadRef(offset(body, message) as i64), batch))
}

/// Makes rows of encoded spans, one after the other.
#[derive(Default)]
pub(crate) struct Reader<'a> {
    count: usize,
    fresh: Fresh<'a>,
    scope: (&'a [u8], Option<Cow<'a, str>>),
}

impl<'a> Reader<'a> {
    /// Appends the span's row to the batch, or that it can't be one.
    #[inline]
    pub(crate) fn push(&mut self, group: Group<'a>, message: &'a [u8], address: PayloadRef, batch: &mut Batch) -> Result<(), DecodeError> {
        self.count += 1;
        let name = group.scope_name()?;
        if self.scope.0 != name {
            self.scope = (name, (!name.is_empty()).then(|| lossy(name)));
        }
        self.fresh.read(message)?;
        match self.fresh.row(self.scope.1.as_deref(), address, batch)? {
            Ok(span) => batch.spans.push(span),
            Err(reason) => batch.skipped.push(Skipped { place: format!("span {}", self.count), reason }),
        }
        Ok(())
    }
}

/// A span's fields as they lie.
#[derive(Default)]
struct Fresh<'a> {
    trace: &'a [u8],
    id: &'a [u8],
    parent: &'a [u8],
    name: &'a [u8],
    start: u64,
    end: u64,
    status: u64,
    message: &'a [u8],
    exception: Option<&'a [u8]>,
    picker: Extractor<'a>,
    /// Attributes that are lists or maps and state something: what about, value.
    nested: Vec<(About<'a>, &'a [u8])>,
}

/// Trace, span, parent, start, end.
type Named = (TraceId, SpanId, Option<SpanId>, Nanos, Option<Nanos>);

impl<'a> Fresh<'a> {
    fn read(&mut self, message: &'a [u8]) -> Result<(), DecodeError> {
        (self.trace, self.id, self.parent, self.name, self.message) = (&[], &[], &[], &[], &[]);
        (self.start, self.end, self.status, self.exception) = (0, 0, 0, None);
        self.picker.clear();
        self.nested.clear();
        let mut fields = Fields(message);
        loop {
            // Nearly all that a span holds.
            while let Some(attribute) = fields.next_bytes(ATTRIBUTE)? {
                self.take_attribute(attribute)?;
            }
            let Some((number, field)) = fields.next()? else { return Ok(()) };
            self.take(number, field)?;
        }
    }

    #[inline]
    fn take_attribute(&mut self, message: &'a [u8]) -> Result<(), DecodeError> {
        let (key, value) = entry(message)?;
        // Most attributes state nothing, and their values need not even be fetched from memory.
        if let Some(about) = About::of(key) {
            match any(value)? {
                Any::Scalar(scalar) => self.picker.put(about, scalar),
                Any::Nested => self.nested.push((about, value)),
            }
        }
        Ok(())
    }

    #[inline]
    fn take(&mut self, number: u32, field: Value<'a>) -> Result<(), DecodeError> {
        match number {
            1 => self.trace = field.bytes()?,
            2 => self.id = field.bytes()?,
            4 => self.parent = field.bytes()?,
            5 => self.name = field.bytes()?,
            7 => self.start = field.fixed64()?,
            8 => self.end = field.fixed64()?,
            9 => self.take_attribute(field.bytes()?)?,
            11 => self.take_event(field.bytes()?)?,
            15 => self.take_status(field.bytes()?)?,
            _ => {}
        }
        Ok(())
    }

    fn take_status(&mut self, message: &'a [u8]) -> Result<(), DecodeError> {
        let mut fields = Fields(message);
        while let Some((number, field)) = fields.next()? {
            match number {
                2 => self.message = field.bytes()?,
                3 => self.status = field.varint()?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Remembers the last exception, whose message stands in for a status without one.
    fn take_event(&mut self, message: &'a [u8]) -> Result<(), DecodeError> {
        let mut fields = Fields(message);
        while let Some((number, field)) = fields.next()? {
            if number == 2 && field.bytes()? == b"exception" {
                self.exception = Some(message);
            }
        }
        Ok(())
    }

    /// The span's row; the inner error says why it can't be one.
    fn row(&mut self, scope: Option<&str>, address: PayloadRef, batch: &mut Batch) -> Result<Result<Span, String>, DecodeError> {
        let named = match self.names() {
            Ok(named) => named,
            Err(reason) => return Ok(Err(reason)),
        };
        if self.nested.is_empty() {
            return self.finish(&self.picker, named, scope, address, batch).map(Ok);
        }
        let nested =
            self.nested.iter().map(|(about, value)| Ok((*about, value::whole(value)?.to_json()))).collect::<Result<Vec<_>, _>>()?;
        // A picker of its own, since it borrows the texts made here.
        let mut picker = self.picker.clone();
        for (about, json) in &nested {
            picker.put(*about, Scalar::Other(json.as_bytes()));
        }
        self.finish(&picker, named, scope, address, batch).map(Ok)
    }

    fn finish(
        &self,
        picker: &Extractor<'_>,
        named: Named,
        scope: Option<&str>,
        address: PayloadRef,
        batch: &mut Batch,
    ) -> Result<Span, DecodeError> {
        let (trace, mut id, mut parent, start, mut end) = named;
        if let (Some(above), Some(running)) = (picker.pending(), parent) {
            (id, parent, end) = (running, above, None);
        }
        let name = lossy(self.name);
        Ok(Span {
            trace,
            id,
            parent,
            start,
            end,
            status: Status::from_code(self.status).unwrap_or_default(),
            facts: picker.facts(&name, scope, batch),
            error: error(self.message, self.exception, picker, batch)?,
            name: batch.intern(&name),
            payload_ref: address,
            retained_bytes: 0,
        })
    }

    fn names(&self) -> Result<Named, String> {
        let trace = <[u8; 16]>::try_from(self.trace).ok().and_then(TraceId::new);
        let span = |bytes: &[u8]| <[u8; 8]>::try_from(bytes).ok().and_then(SpanId::new);
        let bad = |what, bytes: &[u8], length| format!("the {what} id {} is not {length} bytes that are not all zero", hex(bytes));
        let parent = match self.parent {
            none if none.iter().all(|byte| *byte == 0) => None,
            bytes => Some(span(bytes).ok_or_else(|| bad("parent span", bytes, 8))?),
        };
        let time = |what, nanos: u64| Nanos::try_from(nanos).map_err(|_| format!("the {what} time {nanos} lies after the year 2262"));
        let (start, end) = (time("start", self.start)?, time("end", self.end)?);
        if start == 0 {
            return Err("it has no start time".to_owned());
        }
        Ok((
            trace.ok_or_else(|| bad("trace", self.trace, 16))?,
            span(self.id).ok_or_else(|| bad("span", self.id, 8))?,
            parent,
            start,
            (end != 0).then_some(end),
        ))
    }
}

/// The beginning of what went wrong: the status message, else what the last exception said, else what an attribute says.
fn error(message: &[u8], exception: Option<&[u8]>, picker: &Extractor<'_>, batch: &mut Batch) -> Result<Text, DecodeError> {
    let from_event = match exception {
        Some(event) if message.is_empty() => exception_message(event)?,
        _ => None,
    };
    if let Some(text) = from_event.or((!message.is_empty()).then_some(message)) {
        return Ok(preview(Scalar::Text(text), batch));
    }
    Ok(picker.error().map_or_else(Text::default, |error| batch.intern_chars(beginning(error.chars(), PREVIEW))))
}

fn exception_message(event: &[u8]) -> Result<Option<&[u8]>, DecodeError> {
    let mut fields = Fields(event);
    while let Some((number, field)) = fields.next()? {
        if number == 3
            && let (b"exception.message", value) = entry(field.bytes()?)?
            && let Any::Scalar(Scalar::Text(text)) = any(value)?
        {
            return Ok(Some(text));
        }
    }
    Ok(None)
}

/// As [`String::from_utf8_lossy`], which looks for what is broken byte by byte even where nothing is.
fn lossy(text: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(text).map_or_else(|_| String::from_utf8_lossy(text), Cow::Borrowed)
}

/// Bytes in hex for a message, the first of them.
fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::from("\"");
    for byte in bytes.iter().take(20) {
        let _ = write!(text, "{byte:02x}");
    }
    text.push_str(if bytes.len() > 20 { "…\"" } else { "\"" });
    text
}
