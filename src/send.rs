//! Sends spans to an OTLP/HTTP endpoint in bounded requests, with retries.

use std::io;

use crate::export::{ExportedSpan, Exporter, Format, Options, write_logs};
use crate::model::LogRecord;
use crate::sources::otlp::EndpointError;
use crate::sources::otlp::client::{Accepted, Client, ClientError, Message};

/// The maximum number of spans per request.
const MAX_SPANS: usize = 512;

/// The maximum number of log records per request.
const MAX_RECORDS: usize = 1024;

/// The size in bytes at which a request is sent. Its last span may exceed it.
const MAX_BYTES: usize = 1 << 20;

/// Attempts per request.
const ATTEMPTS: u32 = 6;

/// The outcome of the sent spans.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Spans that the endpoint accepted.
    pub accepted: u64,
    /// Spans that the endpoint rejected in an accepted request.
    pub rejected: u64,
    /// The endpoint's last error or warning message.
    pub reason: String,
}

/// Collects spans into requests and sends these.
///
/// ```no_run
/// # fn send(spans: Vec<agno_top::export::ExportedSpan>) -> Result<(), Box<dyn std::error::Error>> {
/// use agno_top::send::Sender;
///
/// let mut sender = Sender::new("http://localhost:6006", &[])?;
/// for span in spans {
///     sender.push(span, |reason| eprintln!("retrying: {reason}"))?;
/// }
/// sender.finish(|reason| eprintln!("retrying: {reason}"))?;
/// println!("{} spans accepted", sender.sent().accepted);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Sender {
    client: Client,
    /// The request under construction.
    body: Vec<u8>,
    spans: usize,
    sent: Sent,
}

impl Sender {
    /// Creates a sender for the endpoint at `url`, with these headers.
    pub fn new(url: &str, headers: &[(String, String)]) -> Result<Self, EndpointError> {
        Ok(Self { client: Client::new(url, headers)?, body: Vec::new(), spans: 0, sent: Sent::default() })
    }

    /// Returns scheme, host and port of the endpoint, without credentials.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.client.name
    }

    /// Returns the outcome so far.
    #[must_use]
    pub fn sent(&self) -> &Sent {
        &self.sent
    }

    /// Adds a span, and sends the request if it is full. `on_retry` gets the reason of each retry. Fails if the endpoint rejects the request.
    pub fn push(&mut self, span: ExportedSpan, on_retry: impl FnMut(&str)) -> io::Result<()> {
        let mut exporter = Exporter::new(&Options { format: Format::OtlpProto, ..Options::default() }, &mut self.body);
        exporter.span(span)?;
        exporter.finish()?;
        self.spans += 1;
        if self.spans >= MAX_SPANS || self.body.len() >= MAX_BYTES { self.finish(on_retry) } else { Ok(()) }
    }

    /// Sends the remaining spans.
    pub fn finish(&mut self, on_retry: impl FnMut(&str)) -> io::Result<()> {
        if self.spans == 0 {
            return Ok(());
        }
        let message = Message::traces(std::mem::take(&mut self.body));
        let spans = std::mem::take(&mut self.spans) as u64;
        let response = self.post(&message, on_retry)?;
        let rejected = response.rejected.min(spans);
        self.sent.accepted += spans - rejected;
        self.sent.rejected += rejected;
        if !response.reason.is_empty() {
            self.sent.reason = response.reason;
        }
        Ok(())
    }

    /// Sends log records in requests of their own. Returns the number of those that the endpoint accepted. Fails if it rejects a request:
    /// many endpoints take no log records.
    pub fn send_logs(&mut self, records: &[LogRecord], mut on_retry: impl FnMut(&str)) -> io::Result<u64> {
        let mut accepted = 0;
        let mut rest = records;
        while !rest.is_empty() {
            let mut bytes = 0;
            let fits = |record: &&LogRecord| {
                let is_first = bytes == 0;
                bytes += record.encoded.len().max(1);
                is_first || bytes <= MAX_BYTES
            };
            let count = rest.iter().take(MAX_RECORDS).take_while(fits).count();
            let (request, later) = rest.split_at(count);
            let mut body = Vec::new();
            write_logs(request, Format::OtlpProto, &mut body)?;
            let response = self.post(&Message::logs(body), &mut on_retry)?;
            accepted += (count as u64).saturating_sub(response.rejected);
            rest = later;
        }
        Ok(accepted)
    }

    fn post(&self, message: &Message, mut on_retry: impl FnMut(&str)) -> io::Result<Accepted> {
        let wait = |error: &ClientError, delay| {
            on_retry(&error.to_string());
            std::thread::sleep(delay);
            true
        };
        self.client.send(message, ATTEMPTS, wait).map_err(io::Error::other)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;
    use crate::export::SpanRecord;
    use crate::model::{Payload, SpanId, Status, TraceId};

    fn span(n: u64) -> ExportedSpan {
        let record = SpanRecord::new(TraceId::new([1; 16]).unwrap(), SpanId::new(n.to_be_bytes()).unwrap(), "a", 1, Some(2));
        ExportedSpan { record, status: Status::Ok, depth: 0, payload: Payload::default() }
    }

    /// Starts an endpoint that gives these responses, one per connection, and returns the sizes of the requests.
    fn endpoint(responses: Vec<&'static str>) -> (String, std::thread::JoinHandle<Vec<usize>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let serve = move || {
            let serve = |response: &str| {
                let (mut stream, _) = listener.accept().unwrap();
                let mut received = Vec::new();
                loop {
                    let mut buffer = [0; 4096];
                    let read = stream.read(&mut buffer).unwrap();
                    received.extend_from_slice(&buffer[..read]);
                    let text = String::from_utf8_lossy(&received).to_lowercase();
                    let Some(head) = received.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
                    let length: usize = text.split("content-length: ").nth(1).unwrap().split('\r').next().unwrap().parse().unwrap();
                    if received.len() == head + 4 + length {
                        assert!(text.starts_with("post /v1/traces") && text.contains("x-key: secret"), "{text}");
                        stream.write_all(response.as_bytes()).unwrap();
                        return length;
                    }
                }
            };
            responses.into_iter().map(serve).collect()
        };
        (url, std::thread::spawn(serve))
    }

    const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    const PARTIAL: &str = "HTTP/1.1 200 OK\r\ncontent-length: 8\r\nconnection: close\r\n\r\n\x0a\x06\x08\x03\x12\x02no";
    const BUSY: &str = "HTTP/1.1 503 Busy\r\nretry-after: 0\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    const WRONG: &str = "HTTP/1.1 400 Wrong\r\ncontent-length: 9\r\nconnection: close\r\n\r\nbad stuff";

    #[test]
    fn spans_are_sent_in_bounded_requests_with_retries() {
        let (url, served) = endpoint(vec![OK, BUSY, PARTIAL, WRONG]);
        let mut sender = Sender::new(&url, &[("x-key".to_owned(), "secret".to_owned())]).unwrap();
        let mut retries = Vec::new();
        (1..=MAX_SPANS as u64 + 10).for_each(|n| sender.push(span(n), |reason| retries.push(reason.to_owned())).unwrap());
        sender.finish(|reason| retries.push(reason.to_owned())).unwrap();
        assert_eq!(retries, ["it answered 503 Service Unavailable"]);
        assert_eq!(*sender.sent(), Sent { accepted: MAX_SPANS as u64 + 7, rejected: 3, reason: "no".to_owned() });
        sender.push(span(1), |_| ()).unwrap();
        assert_eq!(sender.finish(|_| ()).unwrap_err().to_string(), "it answered 400 Bad Request: bad stuff");
        let sizes = served.join().unwrap();
        assert!(sizes[0] > sizes[1] * 10 && sizes[1] == sizes[2], "{sizes:?}");
        sender.finish(|_| panic!("no span is left")).unwrap();
    }

    #[test]
    fn an_invalid_url_is_rejected() {
        assert!(Sender::new("localhost:6006", &[]).is_err());
    }
}
