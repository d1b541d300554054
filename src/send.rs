//! Spans posted to an OTLP/HTTP endpoint, in bounded requests that are tried again where that may help.

use std::io;
use std::time::Duration;

use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

use crate::export::{Exported, Exporter, Format, Options};
use crate::sources::otlp::forward::Endpoint;

/// Spans of one request, at most.
const SPANS: usize = 512;

/// Bytes of one request after which it is sent: a span more may go beyond.
const BYTES: usize = 1 << 20;

/// How often one request is tried.
const TRIES: u32 = 6;

/// The first pause between two tries, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// What became of the spans that were sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Spans that the endpoint took.
    pub accepted: u64,
    /// Spans that it refused, of requests that it took.
    pub rejected: u64,
    /// What it said of these, or else.
    pub why: String,
}

/// Collects spans and sends them on.
#[derive(Debug)]
pub struct Sender {
    endpoint: Endpoint,
    waiting: Vec<u8>,
    count: u64,
    sent: Sent,
}

impl Sender {
    /// Prepares to send to this URL, with these headers. `Err` says what is wrong with it.
    pub fn new(url: &str, headers: &[(String, String)]) -> Result<Self, String> {
        Ok(Self { endpoint: Endpoint::open(url, headers)?, waiting: Vec::new(), count: 0, sent: Sent::default() })
    }

    /// The endpoint for a person, without what may be secret in it.
    #[must_use]
    pub fn name(&self) -> &str {
        self.endpoint.name()
    }

    /// What became of the spans sent so far.
    #[must_use]
    pub fn sent(&self) -> &Sent {
        &self.sent
    }

    /// Takes a span, and sends if enough wait. `tell` hears why a try failed. `Err` if the endpoint does not take them.
    pub fn push(&mut self, span: Exported, tell: impl FnMut(&str)) -> io::Result<()> {
        let mut exporter = Exporter::new(&Options { format: Format::OtlpProto, ..Options::default() }, &mut self.waiting);
        exporter.span(span)?;
        exporter.finish()?;
        self.count += 1;
        if self.count as usize >= SPANS || self.waiting.len() >= BYTES { self.finish(tell) } else { Ok(()) }
    }

    /// Sends what waits.
    pub fn finish(&mut self, mut tell: impl FnMut(&str)) -> io::Result<()> {
        if self.count == 0 {
            return Ok(());
        }
        let body = bytes::Bytes::from(std::mem::take(&mut self.waiting));
        let count = std::mem::take(&mut self.count);
        let mut pause = PAUSES.0;
        for left in (0..TRIES).rev() {
            let trouble = match self.endpoint.post_traces(&body) {
                Ok(answer) => {
                    let (rejected, why) = partial_success(&answer);
                    let rejected = rejected.min(count);
                    self.sent.accepted += count - rejected;
                    self.sent.rejected += rejected;
                    if !why.is_empty() {
                        self.sent.why = why;
                    }
                    return Ok(());
                }
                Err(trouble) => trouble,
            };
            if left == 0 || !trouble.passes {
                return Err(io::Error::other(trouble.words));
            }
            tell(&trouble.words);
            std::thread::sleep(trouble.again.unwrap_or(pause).min(PAUSES.1));
            pause = (pause * 2).min(PAUSES.1);
        }
        Ok(())
    }
}

/// The spans that an answer says were refused, and why: `ExportTraceServiceResponse` in protobuf or JSON. What is neither refuses none.
fn partial_success(answer: &[u8]) -> (u64, String) {
    if answer.first() == Some(&b'{') {
        let answer: serde_json::Value = serde_json::from_slice(answer).unwrap_or_default();
        let partial = &answer["partialSuccess"];
        let rejected = partial["rejectedSpans"].as_u64().or_else(|| partial["rejectedSpans"].as_str()?.parse().ok());
        return (rejected.unwrap_or_default(), partial["errorMessage"].as_str().unwrap_or_default().to_owned());
    }
    let mut found = (0, String::new());
    let _ = fields(answer, |number, _, partial| {
        if number == 1 {
            let _ = fields(partial, |number, count, text| match number {
                1 => found.0 = count,
                2 => found.1 = String::from_utf8_lossy(text).into_owned(),
                _ => {}
            });
        }
    });
    found
}

/// The numbers and texts of a message; each comes with 0 or nothing for what it is not.
fn fields(mut message: &[u8], mut each: impl FnMut(u32, u64, &[u8])) -> Result<(), prost::DecodeError> {
    while !message.is_empty() {
        let (number, kind) = decode_key(&mut message)?;
        match kind {
            WireType::Varint => each(number, decode_varint(&mut message)?, &[]),
            WireType::LengthDelimited => {
                let length = usize::try_from(decode_varint(&mut message)?).unwrap_or(usize::MAX);
                let Some((text, rest)) = message.split_at_checked(length) else { return Ok(()) };
                each(number, 0, text);
                message = rest;
            }
            _ => skip_field(kind, number, &mut message, DecodeContext::default())?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;
    use crate::export::SpanRecord;
    use crate::model::{Payload, SpanId, Status, TraceId};

    #[test]
    fn answers_say_what_was_refused() {
        assert_eq!(partial_success(b""), (0, String::new()));
        assert_eq!(partial_success(b"\x0a\x06\x08\x03\x12\x02no"), (3, "no".to_owned()));
        assert_eq!(partial_success(br#"{"partialSuccess":{"rejectedSpans":"2","errorMessage":"why"}}"#), (2, "why".to_owned()));
        assert_eq!(partial_success(br#"{"partialSuccess":{"rejectedSpans":2}}"#).0, 2);
        for other in [&b"{}"[..], b"{", b"OK", b"\x0a\xff", b"\x0a\x06\x08", b"<html>"] {
            assert_eq!(partial_success(other).0, 0, "{other:?}");
        }
    }

    fn span(n: u64) -> Exported {
        let record = SpanRecord::new(TraceId::new([1; 16]).unwrap(), SpanId::new(n.to_be_bytes()).unwrap(), "a", 1, Some(2));
        Exported { record, status: Status::Ok, depth: 0, payload: Payload::default() }
    }

    /// An endpoint that gives these answers, a connection each, and then the sizes of the bodies that it got.
    fn endpoint(answers: Vec<&'static str>) -> (String, std::thread::JoinHandle<Vec<usize>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let serve = move || {
            let serve = |answer: &str| {
                let (mut stream, _) = listener.accept().unwrap();
                let mut got = Vec::new();
                loop {
                    let mut piece = [0; 4096];
                    let read = stream.read(&mut piece).unwrap();
                    got.extend_from_slice(&piece[..read]);
                    let text = String::from_utf8_lossy(&got).to_lowercase();
                    let Some(head) = got.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
                    let length: usize = text.split("content-length: ").nth(1).unwrap().split('\r').next().unwrap().parse().unwrap();
                    if got.len() == head + 4 + length {
                        assert!(text.starts_with("post /v1/traces") && text.contains("x-key: secret"), "{text}");
                        stream.write_all(answer.as_bytes()).unwrap();
                        return length;
                    }
                }
            };
            answers.into_iter().map(serve).collect()
        };
        (url, std::thread::spawn(serve))
    }

    const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    const PARTIAL: &str = "HTTP/1.1 200 OK\r\ncontent-length: 8\r\nconnection: close\r\n\r\n\x0a\x06\x08\x03\x12\x02no";
    const BUSY: &str = "HTTP/1.1 503 Busy\r\nretry-after: 0\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    const WRONG: &str = "HTTP/1.1 400 Wrong\r\ncontent-length: 9\r\nconnection: close\r\n\r\nbad stuff";

    #[test]
    fn spans_go_in_bounded_requests_which_are_tried_again() {
        let (url, served) = endpoint(vec![OK, BUSY, PARTIAL, WRONG]);
        let mut sender = Sender::new(&url, &[("x-key".to_owned(), "secret".to_owned())]).unwrap();
        let mut told = Vec::new();
        (1..=SPANS as u64 + 10).for_each(|n| sender.push(span(n), |why| told.push(why.to_owned())).unwrap());
        sender.finish(|why| told.push(why.to_owned())).unwrap();
        assert_eq!(told, ["it answered 503 Service Unavailable"]);
        assert_eq!(*sender.sent(), Sent { accepted: SPANS as u64 + 7, rejected: 3, why: "no".to_owned() });
        sender.push(span(1), |_| ()).unwrap();
        assert_eq!(sender.finish(|_| ()).unwrap_err().to_string(), "it answered 400 Bad Request: bad stuff");
        let sizes = served.join().unwrap();
        assert!(sizes[0] > sizes[1] * 10 && sizes[1] == sizes[2], "{sizes:?}");
        sender.finish(|_| panic!("nothing waits")).unwrap();
    }

    #[test]
    fn a_url_that_is_none_is_told() {
        assert!(Sender::new("localhost:6006", &[]).is_err());
    }
}
