//! The bytes of a connection that sends one message.

use crate::sources::otlp::types::{Encoding, Signal};

/// The largest DATA frame in bytes that every server takes.
const MAX_FRAME: usize = 1 << 14;

/// Returns a request over HTTP/1.1.
pub(super) fn http(signal: Signal, encoding: Encoding, coding: &str, body: &[u8]) -> Vec<u8> {
    let (path, content_type, length) = (signal.path(), encoding.content_type(), body.len());
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: h\r\nContent-Type: {content_type}\r\nContent-Encoding: {coding}\r\nContent-Length: {length}\r\n\
         Connection: close\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

/// Returns a gRPC call over HTTP/2: the preface, settings, the headers without compression, and the message.
pub(super) fn grpc(signal: Signal, coding: &str, message: &[u8]) -> Vec<u8> {
    let (package, service) = match signal {
        Signal::Traces => ("trace", "TraceService"),
        Signal::Logs => ("logs", "LogsService"),
        Signal::Metrics => ("metrics", "MetricsService"),
    };
    let path = format!("/opentelemetry.proto.collector.{package}.v1.{service}/Export");
    let mut headers = Vec::new();
    for (name, value) in [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", &path),
        (":authority", "h"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
        ("grpc-encoding", coding),
    ] {
        // A literal that is not indexed, its name and value as they are; both are shorter than 127 bytes.
        headers.push(0);
        for text in [name, value] {
            headers.push(text.len() as u8);
            headers.extend(text.as_bytes());
        }
    }
    let mut data = vec![u8::from(coding != "identity")];
    data.extend((message.len() as u32).to_be_bytes());
    data.extend(message);
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    frame(&mut bytes, 4, 0, 0, &[]);
    frame(&mut bytes, 1, 4, 1, &headers);
    let last = data.len().div_ceil(MAX_FRAME) - 1;
    for (number, part) in data.chunks(MAX_FRAME).enumerate() {
        frame(&mut bytes, 0, u8::from(number == last), 1, part);
    }
    bytes
}

fn frame(bytes: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    bytes.extend(&(payload.len() as u32).to_be_bytes()[1..]);
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
}
