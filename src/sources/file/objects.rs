//! Decodes spans that are one JSON object each, in the forms of several programs. The keys of an object decide its form.
//!
//! | form | source |
//! |---|---|
//! | [`record`] | agno-top's exports `jsonl` and `agno`, and its archives; spans of Phoenix's client, the rows of its `get_spans_dataframe()`, the answers of its REST API; OpenTelemetry's `ConsoleSpanExporter` for Python |
//! | [`mlflow`] | traces of MLflow 2 and 3 |
//! | [`zipkin`] | spans of Zipkin's API v2 |
//! | OTLP/JSON | spans without a request around them, as Phoenix's `/spans/otlpv1` answers |
//!
//! The objects may follow one another, be in a list or a list of lists, or in a list under `spans` or `data`.

mod fields;
mod mlflow;
mod phoenix;
mod record;
mod zipkin;

use serde::de::IgnoredAny;

use super::index::Position;
use super::lines::LineCounter;
use super::spans::DecodedSpans;
use crate::model::attributes::MAX_NESTING;
use crate::model::json::{self, JsonError, items, parse_to_depth, parse_value, values};
use crate::model::{Skipped, Value};
use crate::otlp::encode::SpanMessages;
use crate::otlp::json as otlp;
use crate::sources::archive::file as archive;
use fields::Fields;

/// How deep the attributes of an event are nested in a record: `{"events": [{"attributes": {}}]}`. Their values may be [`MAX_NESTING`] deep.
const ENVELOPE: usize = 3;

/// The most lists and objects around a span.
const MAX_ENVELOPES: usize = 4;

/// Decodes the spans of a text. What can't be read of it is skipped.
pub(super) fn decode(text: &str) -> DecodedSpans {
    let mut reader = Reader { lines: LineCounter::new(text), spans: DecodedSpans::default(), zipkin: zipkin::Spans::default() };
    let first = text.trim_start().lines().next().unwrap_or_default().trim_end();
    if first.starts_with('{') && first.ends_with('}') && first.len() > 2 {
        // Lines are decoded one by one, so that an invalid one spoils no other.
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            reader.value(line.as_bytes(), Envelope::default());
        }
    } else {
        reader.values(text.as_bytes());
    }
    let Reader { mut spans, zipkin, .. } = reader;
    zipkin.finish(&mut spans);
    spans
}

/// The objects around a span.
#[derive(Clone, Copy, Default)]
struct Envelope<'a> {
    depth: usize,
    /// The id of the trace that an outer object names.
    trace: Option<&'a str>,
    mlflow: Option<&'a mlflow::Info>,
}

struct Reader<'a> {
    lines: LineCounter<'a>,
    spans: DecodedSpans,
    zipkin: zipkin::Spans,
}

impl<'a> Reader<'a> {
    /// Reads values that follow one another. After an invalid one, reading goes on at the next line that begins an object.
    fn values(&mut self, text: &'a [u8]) {
        let mut from = 0;
        while let Err(error) = values(&text[from..], |value| self.value(value, Envelope::default())) {
            let at = (from + error.at).min(text.len());
            self.skip(&text[at..], error.what);
            // The line break before the object may be what the error is about.
            let after = at.saturating_sub(1).max(from);
            match memchr::memmem::find(&text[after..], b"\n{") {
                Some(next) => from = after + next + 1,
                None => break,
            }
        }
    }

    /// Notes that a part of the text was not read.
    fn skip(&mut self, part: &[u8], reason: &str) {
        let place = Position::Line(self.lines.line_of(part));
        self.spans.skipped.push(Skipped { place: place.to_string(), reason: reason.to_owned() });
    }

    /// Reads a span, a list of spans, or an object with a list of spans.
    fn value(&mut self, text: &'a [u8], envelope: Envelope<'_>) {
        let inner = Envelope { depth: envelope.depth + 1, ..envelope };
        let outcome = match text.first() {
            Some(b'[') if envelope.depth < MAX_ENVELOPES => items(text, |item| self.value(item, inner)),
            Some(b'{') if envelope.depth < MAX_ENVELOPES => self.object(text, inner),
            _ => {
                self.skip(text, "it is no span");
                Ok(())
            }
        };
        if let Err(error) = outcome {
            self.skip(text.get(error.at..).unwrap_or_default(), error.what);
        }
    }

    fn object(&mut self, text: &'a [u8], envelope: Envelope<'_>) -> Result<(), JsonError> {
        let (mut list, mut data, mut info, mut trace, mut has_columns) = (None, None, None, None, false);
        let mut is_frame = false;
        json::fields(text, |name, value| match (name, value.first()) {
            (b"spans", Some(b'[')) => list = Some(value),
            (b"data", Some(b'[')) => list = list.or(Some(value)),
            (b"data", Some(b'{')) => data = Some(value),
            (b"info", Some(b'{')) => info = Some(value),
            (b"trace_id", _) => trace = Some(value),
            (b"context.trace_id", Some(b'{')) => has_columns = true,
            (name, _) if name == archive::HEADER.as_bytes() || name == archive::END.as_bytes() => is_frame = true,
            _ => {}
        })?;
        // The first and the last line of an archive.
        if is_frame {
            return Ok(());
        }
        if let (Some(data), Some(info)) = (data, info) {
            let info = mlflow::Info::read(info);
            let mut list = None;
            json::fields(data, |name, value| list = if name == b"spans" { Some(value) } else { list })?;
            let envelope = Envelope { mlflow: Some(&info), ..envelope };
            return list.map_or(Ok(()), |list| items(list, |item| self.value(item, envelope)));
        }
        if let Some(list) = list {
            let id = trace.and_then(|text| parse_value(text).ok());
            let id = if let Some(Value::Text(id)) = &id { Some(id.as_str()) } else { None };
            return items(list, |item| self.value(item, Envelope { trace: id, ..envelope }));
        }
        let position = Position::Line(self.lines.line_of(text));
        match parse_to_depth(text, MAX_NESTING + ENVELOPE) {
            Ok(table) if has_columns => {
                for row in phoenix::rows(table) {
                    self.span(position, Fields(&row), text, envelope);
                }
            }
            Ok(object) => self.span(position, Fields(&object), text, envelope),
            Err(error) => self.spans.push(position, Err(error.to_string())),
        }
        Ok(())
    }

    /// Decodes the span that an object is, in the form that its keys tell.
    fn span(&mut self, position: Position, fields: Fields<'_>, text: &[u8], envelope: Envelope<'_>) {
        if zipkin::is_span(fields) {
            return self.zipkin.push(position, fields, &mut self.spans);
        }
        if fields.get(&["traceId"]).is_some() && fields.get(&["id"]).is_some() && fields.get(&["startTime"]).is_some() {
            return self.spans.push(position, Err("observations of Langfuse are not read; send the spans over OTLP".to_owned()));
        }
        let is_otlp = fields.get(&["traceId"]).is_some() || matches!(fields.get(&["attributes"]), Some(Value::List(_)));
        let span = if is_otlp {
            let span = std::str::from_utf8(text).map_err(|error| error.to_string()).and_then(otlp::decode_span);
            span.map(|span| SpanMessages { span, ..SpanMessages::default() })
        } else {
            let span = record::decode(fields, envelope.trace);
            span.map(|span| if let Some(info) = envelope.mlflow { info.complete(span) } else { span }.into())
        };
        self.spans.push(position, span);
    }
}

/// Describes a list without trace ids, which is no list of spans.
pub(super) fn describe_list(text: &str) -> String {
    match serde_json::from_str::<Vec<IgnoredAny>>(text) {
        Ok(items) if items.is_empty() => "it is an empty list".to_owned(),
        Ok(_) => "it is a list, and what it lists has no trace ids".to_owned(),
        Err(error) => error.to_string(),
    }
}

/// Returns the reason why a text is not JSON.
pub(super) fn syntax_error(text: &str) -> Option<String> {
    otlp::parse::<IgnoredAny>(text).err()
}
