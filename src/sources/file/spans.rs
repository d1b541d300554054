//! Collects the spans that are decoded from a text.

use std::collections::HashMap;

use super::index::Position;
use crate::model::{MetricBatch, Skipped};
use crate::otlp::encode::{SpanMessages, TracesEncoder};
use crate::otlp::json::{self, EncodedTraces, TracesRequest};
use crate::otlp::metrics;

/// The spans of a text as one `TracesData` message in protobuf, and what could not be read.
#[derive(Debug, Default)]
pub(super) struct DecodedSpans {
    encoder: TracesEncoder,
    traces: EncodedTraces,
    /// The position of each encoded span, in order.
    pub(super) positions: Vec<Position>,
    pub(super) skipped: Vec<Skipped>,
    /// The log records, as an `ExportLogsServiceRequest`.
    pub(super) logs: Vec<u8>,
    /// The metrics among the spans.
    pub(super) metrics: MetricBatch,
    /// Warnings of the program that wrote the file, by the number of their span.
    pub(super) warnings: HashMap<u32, Vec<String>>,
}

impl DecodedSpans {
    /// Adds a span, or the reason why it could not be decoded.
    pub(super) fn push(&mut self, position: Position, span: Result<SpanMessages, String>) {
        match span {
            Ok(span) => {
                self.encoder.push_messages(span, &mut self.traces.body);
                self.positions.push(position);
            }
            Err(reason) => self.skipped.push(position.skipped(reason)),
        }
    }

    /// Adds the spans and the log records of a request; `number` is the number of the first one. Returns the number of the span that would follow.
    pub(super) fn push_request(&mut self, mut request: TracesRequest<'_>, number: u32) -> u32 {
        self.logs.append(&mut request.take_logs());
        let next = request.encode(number as usize, &mut self.encoder, &mut self.traces) as u32;
        let mut rejected = self.traces.rejected.drain(..).peekable();
        for number in number..next {
            let position = Position::Span(number);
            match rejected.next_if(|rejected| rejected.number == number as usize) {
                Some(rejected) => self.skipped.push(position.skipped(rejected.reason)),
                None => self.positions.push(position),
            }
        }
        next
    }

    /// Adds the metrics of a request.
    pub(super) fn push_metrics(&mut self, request: &str) {
        let body = json::encode_metrics(request.as_bytes());
        let read = body.and_then(|body| metrics::read(&body, &mut self.metrics).map_err(|error| error.to_string()));
        if let Err(error) = read {
            self.skipped.push(Skipped { place: "metrics".to_owned(), reason: error });
        }
    }

    /// Returns the message.
    pub(super) fn take_body(&mut self) -> Vec<u8> {
        self.encoder.flush(&mut self.traces.body);
        let mut body = std::mem::take(&mut self.traces.body);
        body.shrink_to_fit();
        body
    }
}
