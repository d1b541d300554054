//! Detects the format of a file by its content and converts it to OTLP protobuf, from which rows and payloads are read.

use std::collections::HashMap;

use super::decompress::{content_encoding, unpack};
use super::index::{IndexedSpans, Position};
use super::requests::RequestReader;
use super::spans::DecodedSpans;
use super::{jaeger, log_text, objects};
use crate::model::{MetricBatch, Payload, Skipped};
use crate::otlp::json::replace_lone_surrogates;
use crate::otlp::metrics;
use crate::otlp::signals::{self, Signal};
use crate::otlp::wire::DecodeError;

/// The number of bytes at the beginning of a text that decide its format.
const PREFIX: usize = 1 << 16;

/// The keys that only OTLP/JSON has. Some of them may be missing in what other programs put in place of a request.
const OTLP_KEYS: [&str; 15] = [
    "\"resourceSpans\"",
    "\"resource_spans\"",
    "\"scopeSpans\"",
    "\"scope_spans\"",
    "\"instrumentationLibrarySpans\"",
    "\"resourceLogs\"",
    "\"resource_logs\"",
    "\"scopeLogs\"",
    "\"scope_logs\"",
    "\"resourceMetrics\"",
    "\"resource_metrics\"",
    "\"scopeMetrics\"",
    "\"scope_metrics\"",
    "\"resourceProfiles\"",
    "\"resource_profiles\"",
];

/// The keys of spans and requests that programs print between other lines.
const PRINTED_KEYS: [&str; 3] = ["\"trace_id\"", "\"scopeSpans\"", "\"scopeLogs\""];

/// The keys of spans that are an object each; one of them is in every form.
const OBJECT_KEYS: [&str; 4] = ["\"trace_id\"", "\"context.trace_id\"", "\"context\"", "\"traceId\""];

/// The spans of a file, in the order of their starts.
#[derive(Debug, Default)]
pub(super) struct Content {
    pub(super) spans: IndexedSpans,
    /// The log records that were read last, as an `ExportLogsServiceRequest`.
    pub(super) logs: Vec<u8>,
    /// What could not be read of the file, or of the lines that were appended last.
    pub(super) skipped: Vec<Skipped>,
    /// The metrics that were read last.
    pub(super) metrics: MetricBatch,
    /// Whether the file has held metrics.
    has_metrics: bool,
    /// Warnings of the program that wrote the file, by the number of their span.
    warnings: HashMap<u32, Vec<String>>,
    requests: Option<Requests>,
}

/// The state of a text of OTLP/JSON, to which requests may be appended.
#[derive(Debug)]
struct Requests {
    reader: RequestReader,
    /// The number of bytes after the last complete line.
    unfinished: usize,
}

/// Whether bytes may begin a file of spans: JSON, the first field of a `TracesData` message, a compressed stream, or a frame.
pub(super) fn begins_spans(begin: &[u8]) -> bool {
    let first = visible(begin).first();
    let begin = begin.strip_prefix(b"\xef\xbb\xbf").unwrap_or(begin);
    matches!(first, Some(b'{' | b'[')) || matches!(begin, [0x0a | 0, ..]) || content_encoding(begin).is_some()
}

/// Returns what follows a byte order mark and blanks.
fn visible(begin: &[u8]) -> &[u8] {
    begin.strip_prefix(b"\xef\xbb\xbf").unwrap_or(begin).trim_ascii_start()
}

/// Whether bytes begin as JSON, and not as a protobuf message whose first bytes look like a bracket.
fn begins_json(begin: &[u8]) -> bool {
    match visible(begin) {
        [] => true,
        [first, rest @ ..] => matches!(first, b'{' | b'[') && !matches!(rest.first(), Some(0..=8 | 0x0b | 0x0c | 0x0e..0x20)),
    }
}

fn contains(bytes: &[u8], part: &str) -> bool {
    memchr::memmem::find(bytes, part.as_bytes()).is_some()
}

impl Content {
    /// Reads a file's bytes, which may decompress to `limit` bytes. Fails with a message for the user if the file holds no spans.
    pub(super) fn read(bytes: Vec<u8>, limit: usize) -> Result<Self, String> {
        let bytes = unpack(bytes, limit).map_err(|error| not_spans(&error))?;
        let prefix = &bytes[..bytes.len().min(PREFIX)];
        if !begins_json(prefix) && log_text::is_text(prefix) && PRINTED_KEYS.iter().any(|key| contains(&bytes, key)) {
            let json = log_text::json_of(&String::from_utf8_lossy(&bytes)).into_bytes();
            // Lines that are appended to such a text are not read.
            return Self::read_unpacked(json).map(|content| Self { requests: None, ..content });
        }
        Self::read_unpacked(bytes)
    }

    /// Reads bytes that are neither compressed nor between the other lines of a log.
    fn read_unpacked(bytes: Vec<u8>) -> Result<Self, String> {
        let prefix = &bytes[..bytes.len().min(PREFIX)];
        let has = |part: &str| contains(prefix, part);
        if !begins_json(prefix) || (bytes.first() == Some(&b'\n') && !has("\"")) {
            return Self::protobuf(bytes);
        }
        let otlp = OTLP_KEYS.iter().any(|name| has(name));
        let jaeger = has("\"operationName\"") && has("\"spanID\"");
        // An object may begin with long attributes.
        let objects = !otlp && OBJECT_KEYS.iter().any(|name| contains(&bytes, name));
        let begins_list = visible(prefix).first() == Some(&b'[');
        let bytes = replace_lone_surrogates(&bytes).unwrap_or(bytes);
        let text = std::str::from_utf8(&bytes).map_err(|error| not_spans(&error.to_string()))?;
        // A byte order mark is not part of JSON.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        if jaeger && !otlp {
            Self::jaeger(text)
        } else if objects {
            Self::records(text)
        } else if begins_list {
            Err(not_spans(&objects::describe_list(text)))
        } else if !otlp && jaeger::is_empty(text) {
            Ok(Self::new(DecodedSpans::default()))
        } else {
            Self::otlp(text)
        }
    }

    /// Reads requests of OTLP/JSON.
    pub(super) fn otlp(text: &str) -> Result<Self, String> {
        let mut reader = RequestReader::new();
        let spans = reader.read(text);
        if reader.requests() == 0 {
            let reason = spans.skipped.first().map_or("it is empty".to_owned(), |first| format!("{} ({})", first.reason, first.place));
            return Err(not_spans(&reason));
        }
        let last = text.rsplit('\n').next().unwrap_or_default();
        let is_complete = last.trim().is_empty() || objects::syntax_error(last).is_none();
        let unfinished = if is_complete { 0 } else { last.len() };
        Ok(Self { requests: Some(Requests { reader, unfinished }), ..Self::new(spans) })
    }

    /// Reads a download of Jaeger's.
    pub(super) fn jaeger(text: &str) -> Result<Self, String> {
        let spans = jaeger::decode(text).map_err(|error| format!("not a download of Jaeger's: {error}"))?;
        Ok(Self::new(spans))
    }

    /// Reads spans that are one JSON object each.
    pub(super) fn records(text: &str) -> Result<Self, String> {
        let spans = objects::decode(text);
        if spans.positions.is_empty() {
            let first = spans.skipped.into_iter().next();
            return Err(not_spans(&first.map_or("it holds no spans".to_owned(), |first| format!("{} ({})", first.reason, first.place))));
        }
        Ok(Self::new(spans))
    }

    /// Reads a `TracesData` or `ExportTraceServiceRequest` message in protobuf, or several one after another, which are the same.
    pub(super) fn protobuf(body: Vec<u8>) -> Result<Self, String> {
        let begins = body.first() == Some(&b'\n');
        let mut content = Self { logs: signals::logs_in(&body).unwrap_or_default(), ..Self::default() };
        // What is wrong with the message is reported where its spans are read.
        let _ = metrics::read_among_others(&body, &mut content.metrics);
        content.note_metrics();
        match content.append(body, (1..).map(Position::Span)) {
            Err(error) if content.spans.len() == 0 && begins => Err(not_spans(&format!("as OTLP in protobuf, {error}"))),
            _ if content.spans.other_signal().is_some() => Ok(content),
            _ if content.spans.len() == 0 => Err(not_spans("it is neither JSON nor OTLP in protobuf")),
            _ => Ok(content),
        }
    }

    fn new(mut spans: DecodedSpans) -> Self {
        let mut content = Self { warnings: std::mem::take(&mut spans.warnings), ..Self::default() };
        content.append_decoded(spans);
        content
    }

    fn append_decoded(&mut self, mut spans: DecodedSpans) {
        let body = spans.take_body();
        self.logs.append(&mut spans.logs);
        self.skipped = spans.skipped;
        self.metrics = spans.metrics;
        self.note_metrics();
        let _ = self.append(body, spans.positions.into_iter());
    }

    fn note_metrics(&mut self) {
        self.has_metrics |= !self.metrics.points.is_empty() || self.metrics.invalid > 0;
    }

    /// Appends the spans of a message. An error is also added to what was skipped.
    fn append(&mut self, body: Vec<u8>, positions: impl Iterator<Item = Position>) -> Result<(), DecodeError> {
        self.spans.append(body, positions).inspect_err(|error| {
            self.skipped.push(Skipped { place: format!("after span {}", self.spans.len()), reason: error.to_string() });
        })
    }

    /// The content of a file of OTLP/JSON that is not written yet.
    pub(super) fn growing() -> Self {
        Self { requests: Some(Requests { reader: RequestReader::new(), unfinished: 0 }), ..Self::default() }
    }

    /// Adds lines that were appended to a file of OTLP/JSON. The lines of a new or rewritten file are counted from 1, and those of its
    /// spans that are held already are left out.
    pub(super) fn append_lines(&mut self, lines: &[u8], is_start: bool) {
        let Some(requests) = &mut self.requests else { return };
        if is_start {
            requests.reader.restart();
            self.spans.remember();
        }
        let replaced = replace_lone_surrogates(lines);
        let text = String::from_utf8_lossy(replaced.as_deref().unwrap_or(lines));
        let spans = requests.reader.read(&text);
        self.append_decoded(spans);
    }

    /// Adds the spans of a list, without those that are held already.
    pub(super) fn append_list(&mut self, list: &str) {
        self.spans.remember();
        self.append_decoded(objects::decode(list));
    }

    /// Adds spans that were made from log events.
    pub(super) fn append_told(&mut self, body: Vec<u8>) {
        let _ = self.append(body, std::iter::empty());
    }

    /// Says what the file holds in place of spans, logs or metrics; `None` if it holds these, or nothing.
    pub(super) fn without_spans(&self) -> Option<String> {
        let signal = self.requests.as_ref().and_then(|requests| requests.reader.other_signal()).or_else(|| self.spans.other_signal());
        let is_empty = self.spans.len() == 0 && self.skipped.is_empty() && !self.has_metrics;
        signal
            .filter(|signal| is_empty && *signal != Signal::Logs)
            .map(|signal| not_spans(&format!("it holds OpenTelemetry's {}", signal.name())))
    }

    /// Whether lines may be appended: the file holds several requests of OTLP/JSON, or is one of lines by its name. Returns the number of
    /// bytes after the last complete line.
    pub(super) fn unfinished(&self, is_lines: bool) -> Option<usize> {
        let requests = self.requests.as_ref()?;
        (requests.reader.requests() > 1 || is_lines).then_some(requests.unfinished)
    }

    /// Reads everything that the span at `index` states.
    pub(super) fn payload(&self, index: usize) -> Result<Payload, String> {
        let mut payload = self.spans.payload(index)?;
        if let Some(Position::Span(number)) = self.spans.position(index)
            && let Some(warnings) = self.warnings.get(&number)
        {
            payload.notes.extend(warnings.iter().map(|warning| ("warning".to_owned(), warning.clone())));
        }
        Ok(payload)
    }
}

fn not_spans(reason: &str) -> String {
    format!("not a file of spans: {reason}")
}
