//! What a file holds, told by its content: OTLP as JSON or protobuf, Jaeger's download, or spans as one object each.

use super::decompress::{coding, unpack};
use super::jaeger::{self, Processes};
use super::protobuf::Index;
use super::span_json;
use crate::model::{Batch, Nanos, Payload, PayloadQuery, PayloadRef, Skipped, SpanId, TraceId};
use crate::sources::otlp::json::Document;
use crate::sources::otlp::json::span::Decoded;
use crate::sources::otlp::json::{replace_lone_surrogates, row};

/// Bytes at the beginning that tell what a text is.
const TELLING: usize = 1 << 16;

/// A file's spans, in the order of their starts, and the bytes that they are decoded from.
#[derive(Debug)]
pub(super) enum Content {
    /// Requests of OTLP/JSON.
    Otlp(Document, String),
    /// A request in protobuf.
    Protobuf(Index, Vec<u8>),
    /// Spans of another form.
    Spans(Form, Vec<Position>, String),
}

/// How spans are written.
#[derive(Debug)]
pub(super) enum Form {
    Jaeger(Processes),
    Records,
}

/// Where a span lies in a text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Position {
    at: usize,
    len: usize,
    /// What it shares with others lies there.
    group: usize,
    start: Nanos,
}

impl Position {
    /// The place of `part` in `text`, of which it must be a piece.
    pub(super) fn of(text: &str, part: &str, group: usize, start: Nanos) -> Self {
        Self { at: (part.as_ptr() as usize).wrapping_sub(text.as_ptr() as usize), len: part.len(), group, start }
    }
}

/// Whether bytes may begin a file of spans: JSON, protobuf's first field, compression, a frame.
pub(super) fn begins_spans(begin: &[u8]) -> bool {
    let begin = begin.strip_prefix(b"\xef\xbb\xbf").unwrap_or(begin);
    let visible = begin.iter().find(|byte| !byte.is_ascii_whitespace());
    matches!(visible, Some(b'{' | b'[')) || matches!(begin, [0x0a | 0, ..]) || coding(begin).is_some()
}

impl Content {
    /// Reads a file's bytes, which may become `limit` bytes when inflated. `Err` says why there is nothing in it to read.
    pub(super) fn read(bytes: Vec<u8>, limit: usize) -> Result<Self, String> {
        let bytes = unpack(bytes, limit).map_err(|error| none(&error))?;
        let telling = &bytes[..bytes.len().min(TELLING)];
        let has = |part: &str| memchr::memmem::find(telling, part.as_bytes()).is_some();
        let begin = telling.strip_prefix(b"\xef\xbb\xbf").unwrap_or(telling).trim_ascii_start();
        let is_json = begin.is_empty()
            || matches!(begin[0], b'{' | b'[') && (begin.len() < 2 || !matches!(begin[1], 0..=8 | 0x0b | 0x0c | 0x0e..0x20));
        if !is_json || (bytes.first() == Some(&b'\n') && !has("\"")) {
            return Self::protobuf(bytes);
        }
        let otlp = ["\"resourceSpans\"", "\"resourceLogs\"", "\"resourceMetrics\""].iter().any(|name| has(name));
        let jaeger = has("\"operationName\"") && has("\"spanID\"");
        let records = ["\"trace_id\"", "\"context.trace_id\"", "\"context\"", "\"traceId\""].iter().any(|name| has(name));
        let begins_list = begin.first() == Some(&b'[');
        let bytes = replace_lone_surrogates(&bytes).unwrap_or(bytes);
        let mut text = String::from_utf8(bytes).map_err(|error| none(&error.utf8_error().to_string()))?;
        // Some editors put a byte order mark first, which is no part of JSON.
        if text.starts_with('\u{feff}') {
            text.drain(..'\u{feff}'.len_utf8());
        }
        if jaeger && !otlp {
            Self::jaeger(text)
        } else if records && !otlp {
            Self::records(text)
        } else if begins_list {
            Err(none(&span_json::no_spans(&text)))
        } else if !otlp && jaeger::is_empty(&text) {
            Ok(Self::spans(Form::Records, Vec::new(), text))
        } else {
            Self::otlp(text)
        }
    }

    pub(super) fn otlp(text: String) -> Result<Self, String> {
        let document = Document::file(&text).map_err(|error| none(&error))?;
        Ok(Self::Otlp(document, text))
    }

    pub(super) fn jaeger(text: String) -> Result<Self, String> {
        let (places, processes) = jaeger::index(&text).map_err(|error| format!("not a download of Jaeger's: {error}"))?;
        Ok(Self::spans(Form::Jaeger(processes), places, text))
    }

    pub(super) fn records(text: String) -> Result<Self, String> {
        let places = span_json::index(&text).map_err(|error| none(&error))?;
        let content = Self::spans(Form::Records, places, text);
        content.first_trouble().map_or(Ok(content), |trouble| Err(none(&trouble)))
    }

    pub(super) fn protobuf(bytes: Vec<u8>) -> Result<Self, String> {
        let begins = bytes.first() == Some(&b'\n');
        match Index::new(&bytes) {
            Ok(index) if index.len() > 0 => Ok(Self::Protobuf(index, bytes)),
            Err(broken) if begins => Err(none(&format!("as OTLP in protobuf, {broken}"))),
            Ok(_) | Err(_) => Err(none("it is neither JSON nor OTLP in protobuf")),
        }
    }

    /// Adds what was appended to requests that lie one a line.
    pub(super) fn append(&mut self, lines: &str) {
        if let Self::Otlp(document, text) = self {
            let from = text.len();
            text.push_str(lines);
            document.append(text, from);
        }
    }

    /// Whether these are requests one a line, to which more may be appended; then the number of bytes after the last whole one.
    pub(super) fn unfinished(&self) -> Option<usize> {
        let Self::Otlp(document, text) = self else { return None };
        let last = text.rsplit('\n').next().unwrap_or_default();
        let is_whole = last.trim().is_empty() || span_json::trouble(last).is_none();
        document.is_several().then_some(if is_whole { 0 } else { last.len() })
    }

    fn spans(form: Form, mut places: Vec<Position>, text: String) -> Self {
        // Newest last, as they would have arrived.
        places.sort_by_key(|place| place.start);
        Self::Spans(form, places, text)
    }

    /// Why not one span can be read, if so: then this is no file of spans.
    fn first_trouble(&self) -> Option<String> {
        let Self::Spans(_, places, text) = self else { return None };
        let mut trouble = None;
        for index in 0..places.len() {
            match self.decode(index) {
                Ok(_) => return None,
                Err(skipped) => trouble = trouble.or(Some(skipped.reason)),
            }
        }
        trouble.or_else(|| span_json::trouble(text)).or_else(|| Some("it holds no spans".to_owned()))
    }

    /// How many spans there are.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Otlp(document, _) => document.len(),
            Self::Protobuf(index, _) => index.len(),
            Self::Spans(_, places, _) => places.len(),
        }
    }

    /// What could not be read at all, since this was asked last or anything was appended.
    pub(super) fn skipped(&self) -> &[Skipped] {
        match self {
            Self::Otlp(document, _) => &document.skipped,
            Self::Protobuf(index, _) => &index.skipped,
            Self::Spans(..) => &[],
        }
    }

    fn decode(&self, index: usize) -> Result<Decoded, Skipped> {
        let skipped = |reason: String| Skipped { place: format!("span {}", index + 1), reason };
        let Self::Spans(form, places, text) = self else { return Err(skipped("there is no such span".to_owned())) };
        let place = places.get(index).ok_or_else(|| skipped("there is no such span".to_owned()))?;
        let span = text.get(place.at..place.at + place.len).unwrap_or_default();
        let decoded = match form {
            Form::Jaeger(processes) => jaeger::decode(span, place.group, processes),
            Form::Records => span_json::decode(span),
        };
        let line = || 1 + text[..place.at].bytes().filter(|byte| *byte == b'\n').count();
        decoded.map_err(|reason| Skipped { place: format!("line {}", line()), reason })
    }

    /// Appends the row of the span at `index` to the batch, or that it was skipped.
    pub(super) fn push(&self, index: usize, address: PayloadRef, batch: &mut Batch) {
        match self {
            Self::Otlp(document, text) => document.push(text, index, address, batch),
            Self::Protobuf(places, bytes) => places.push(bytes, index, address, batch),
            Self::Spans(..) => match self.decode(index) {
                Ok(decoded) => row::push(batch, &decoded, address),
                Err(skipped) => batch.skipped.push(skipped),
            },
        }
    }

    /// The span at `index`, if its payload holds what is looked for.
    pub(super) fn search(&self, index: usize, probe: &PayloadQuery) -> Option<(TraceId, SpanId)> {
        match self {
            Self::Otlp(document, text) => document.search(text, index, probe),
            Self::Protobuf(places, bytes) => places.search(bytes, index, probe),
            Self::Spans(form, places, text) => {
                let place = places.get(index)?;
                let lies = text.get(place.at..place.at + place.len)?;
                // Jaeger's resources lie elsewhere, and Phoenix's names in pieces.
                let whole = matches!(form, Form::Records) && !lies.contains("\"context");
                if whole && !probe.may_lie_in(&[lies.as_bytes()]) {
                    return None;
                }
                let decoded = self.decode(index).ok()?;
                probe.holds(&decoded.payload).then_some((decoded.trace, decoded.id))
            }
        }
    }

    /// All that is known of the span at `index`.
    pub(super) fn payload(&self, index: usize) -> Result<Payload, Skipped> {
        match self {
            Self::Otlp(document, text) => document.payload(text, index),
            Self::Protobuf(places, bytes) => places.payload(bytes, index),
            Self::Spans(..) => self.decode(index).map(|decoded| decoded.payload),
        }
    }
}

fn none(reason: &str) -> String {
    format!("not a file of spans: {reason}")
}

/// What `serde_json` says, without a place that is one within a span.
pub(super) fn without_place(error: &serde_json::Error) -> String {
    error.to_string().split(" at line ").next().unwrap_or_default().to_owned()
}
