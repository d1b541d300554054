//! OTLP/JSON in a file: one request, or several one after another, usually one per line.

use serde_json::Deserializer;
use serde_json::error::Category;

use super::lines::LineCounter;
use super::spans::DecodedSpans;
use crate::model::Skipped;
use crate::otlp::json::TracesRequest;
use crate::otlp::signals::Signal;

/// Decodes the requests of a text that may grow.
#[derive(Debug)]
pub(super) struct RequestReader {
    /// The number of requests decoded.
    requests: usize,
    /// What the first request without spans holds.
    other: Option<Signal>,
    /// The number of the next span.
    span: u32,
    /// The number of lines before the text that is decoded next.
    lines: usize,
}

impl RequestReader {
    pub(super) fn new() -> Self {
        Self { requests: 0, other: None, span: 1, lines: 0 }
    }

    /// Returns the number of requests decoded.
    pub(super) fn requests(&self) -> usize {
        self.requests
    }

    /// Returns what the first request holds that holds no spans.
    pub(super) fn other_signal(&self) -> Option<Signal> {
        self.other
    }

    /// Begins with the first line of another text.
    pub(super) fn restart(&mut self) {
        self.lines = 0;
    }

    /// Decodes the requests of the text that follows. An invalid request is skipped up to the next line that begins an object.
    pub(super) fn read(&mut self, text: &str) -> DecodedSpans {
        let mut spans = DecodedSpans::default();
        let mut lines = LineCounter::new(text);
        let mut from = 0;
        while let Some((at, skipped)) = self.read_requests(text, &mut lines, from, &mut spans) {
            spans.skipped.push(skipped);
            match text[at..].find("\n{") {
                Some(next) => from = at + next + 1,
                None => break,
            }
        }
        self.lines += lines.line_at(text.len()) - 1;
        spans
    }

    /// Decodes requests from the offset `from` up to the end (`None`) or an invalid one (its offset, and what is wrong with it).
    fn read_requests(
        &mut self,
        text: &str,
        lines: &mut LineCounter<'_>,
        from: usize,
        spans: &mut DecodedSpans,
    ) -> Option<(usize, Skipped)> {
        let first_line = self.lines + lines.line_at(from);
        let mut stream = Deserializer::from_str(&text[from..]).into_iter::<TracesRequest<'_>>();
        loop {
            let before = from + stream.byte_offset();
            let begin = before + text[before..].len() - text[before..].trim_start().len();
            match stream.next()? {
                Ok(request) => {
                    if let Some(signal) = request.signal() {
                        self.requests += 1;
                        if signal != Signal::Traces {
                            self.other = self.other.or(Some(signal));
                        }
                        if request.has_metrics() {
                            spans.push_metrics(&text[begin..from + stream.byte_offset()]);
                        }
                        self.span = spans.push_request(request, self.span);
                    } else {
                        let place = format!("line {}", self.lines + lines.line_at(begin));
                        spans.skipped.push(Skipped { place, reason: "it has no \"resourceSpans\"".to_owned() });
                    }
                }
                Err(error) => {
                    // `serde_json` counts lines from where it began, and ends its message with the position.
                    let place = format!("line {} column {}", first_line + error.line() - 1, error.column());
                    let message = error.to_string();
                    let reason = message.split(" at line ").next().unwrap_or_default();
                    let reason = match error.classify() {
                        Category::Eof => format!("it ends in the middle: {reason}"),
                        Category::Data if text[begin..].starts_with('[') => "it is a list, which no request of OTLP/JSON is".to_owned(),
                        Category::Data => format!("it is no OTLP/JSON: {reason}"),
                        Category::Syntax | Category::Io => reason.to_owned(),
                    };
                    return Some((begin, Skipped { place, reason }));
                }
            }
        }
    }
}
