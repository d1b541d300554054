//! Calls over gRPC, from tonic's client.

use std::convert::Infallible;
use std::io::{BufRead, Read, Write};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use agno_top::sources::otlp::{ConnectionLimits, Options};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use hyper::body::{Body, Frame};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_client::LogsServiceClient;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use prost::Message;
use tonic::client::GrpcService;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use crate::FIXTURE;
use crate::listener::{Listener, any_port};

/// Runs calls on a channel to the listener and returns their result.
fn call<T>(listener: &Listener, calls: impl AsyncFnOnce(Channel) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let address = format!("http://{}", listener.grpc);
    runtime.block_on(async { calls(Channel::from_shared(address).unwrap().connect().await.unwrap()).await })
}

async fn export(channel: Channel, request: ExportTraceServiceRequest) -> Result<i64, Status> {
    let response = TraceServiceClient::new(channel).export(request).await?.into_inner();
    Ok(response.partial_success.map_or(0, |partial| partial.rejected_spans))
}

fn fixture() -> ExportTraceServiceRequest {
    ExportTraceServiceRequest::decode(FIXTURE).unwrap()
}

#[test]
fn exported_spans_and_their_payloads_can_be_read() {
    let mut listener = Listener::start();
    call(&listener, async |channel| {
        for _ in 0..3 {
            assert_eq!(export(channel.clone(), fixture()).await.unwrap(), 0);
        }
        let (one, two) = tokio::join!(export(channel.clone(), fixture()), export(channel, fixture()));
        assert_eq!((one.unwrap(), two.unwrap()), (0, 0));
    });
    let spans = listener.spans();
    assert_eq!(spans.len(), 5 * 75);
    assert_eq!(listener.payload(&spans[0].0), listener.payload(&spans[300].0));
}

#[test]
fn rejected_spans_are_counted_in_the_response() {
    let listener = Listener::start();
    let mut request = fixture();
    request.resource_spans[0].scope_spans[0].spans[0].span_id.clear();
    assert_eq!(call(&listener, async |channel| export(channel, request).await).unwrap(), 1);
}

#[test]
fn logs_and_metrics_are_acknowledged() {
    let mut listener = Listener::start();
    call(&listener, async |channel| {
        LogsServiceClient::new(channel.clone()).export(ExportLogsServiceRequest::default()).await.unwrap();
        MetricsServiceClient::new(channel).export(ExportMetricsServiceRequest::default()).await.unwrap();
    });
    assert!(listener.spans().is_empty());
}

#[test]
fn a_full_channel_returns_unavailable_with_retry_info() {
    let listener = Listener::with(any_port(), 1);
    let status = call(&listener, async |channel| export(channel, fixture()).await).unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    // google.rpc.Status with a google.rpc.RetryInfo of one second.
    assert!(status.details().ends_with(b"type.googleapis.com/google.rpc.RetryInfo\x12\x04\x0a\x02\x08\x01"), "{:?}", status.details());
}

#[test]
fn invalid_calls_return_specific_codes() {
    let listener = Listener::with(Options { max_body: 50_000, token: Some("t".to_owned()), ..any_port() }, 16);
    let with = |name: &'static str, value: &'static str, request| {
        call(&listener, async |channel| {
            let mut request = Request::new(request);
            request.metadata_mut().insert("authorization", "Bearer t".parse().unwrap());
            request.metadata_mut().insert(name, value.parse().unwrap());
            TraceServiceClient::new(channel).export(request).await.map(|_| ()).map_err(|status| status.code())
        })
    };
    assert_eq!(with("a", "b", fixture()), Err(Code::ResourceExhausted));
    let empty = ExportTraceServiceRequest::default;
    assert_eq!(with("a", "b", empty()), Ok(()));
    assert_eq!(with("authorization", "Bearer x", empty()), Err(Code::Unauthenticated));
    assert_eq!(with("origin", "http://evil", empty()), Err(Code::PermissionDenied));
    assert_eq!(with("grpc-encoding", "br", empty()), Err(Code::Unimplemented));
}

/// A body of one frame, or one that never arrives.
struct Raw(Option<Bytes>);

impl Body for Raw {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut self.0 {
            None => Poll::Pending,
            Some(bytes) if bytes.is_empty() => Poll::Ready(None),
            Some(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
        }
    }
}

/// Sends a body as it is and returns the gRPC status.
async fn raw(mut channel: Channel, encoding: &str, body: Raw) -> String {
    let request = hyper::Request::post("http://localhost/opentelemetry.proto.collector.trace.v1.TraceService/Export")
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("grpc-encoding", encoding)
        .body(tonic::body::Body::new(body))
        .unwrap();
    std::future::poll_fn(|context| GrpcService::poll_ready(&mut channel, context)).await.unwrap();
    let response = GrpcService::call(&mut channel, request).await.unwrap();
    let status = |headers: &hyper::HeaderMap| headers.get("grpc-status").map(|status| status.to_str().unwrap().to_owned());
    let mut result = status(response.headers());
    let mut body = response.into_body();
    while let Some(frame) = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        result = result.or(frame.unwrap().trailers_ref().and_then(status));
    }
    result.unwrap()
}

fn framed(compressed: u8, message: &[u8]) -> Raw {
    let length = (message.len() as u32).to_be_bytes();
    Raw(Some([&[compressed], &length[..], message].concat().into()))
}

#[test]
fn all_compressions_are_supported() {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(FIXTURE).unwrap();
    let gzip = gzip.finish().unwrap();
    let mut deflate = ZlibEncoder::new(Vec::new(), Compression::fast());
    deflate.write_all(FIXTURE).unwrap();
    let deflate = deflate.finish().unwrap();
    let zstd = zstd::encode_all(FIXTURE, 1).unwrap();
    let mut listener = Listener::start();
    let (ok, malformed, unimplemented) = ("0", "3", "12");
    let cases = [
        ("identity", 0, FIXTURE, ok),
        ("gzip", 1, &gzip[..], ok),
        ("deflate", 1, &deflate[..], ok),
        ("zstd", 1, &zstd[..], ok),
        ("gzip", 0, FIXTURE, ok),
        ("identity", 1, FIXTURE, malformed),
        ("gzip", 1, &zstd[..], malformed),
        ("br", 1, FIXTURE, unimplemented),
    ];
    call(&listener, async |channel| {
        for (encoding, compressed, message, status) in cases {
            assert_eq!(raw(channel.clone(), encoding, framed(compressed, message)).await, status, "{encoding} {compressed}");
        }
    });
    assert_eq!(listener.spans().len(), 5 * 75);
}

#[test]
fn a_call_must_hold_exactly_one_message_within_the_size_limit() {
    let gzip = |bytes: &[u8]| {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        gzip.write_all(bytes).unwrap();
        gzip.finish().unwrap()
    };
    let frame = |compressed, message: &[u8]| framed(compressed, message).0.unwrap().to_vec();
    let two_members = [gzip(&FIXTURE[..1000]), gzip(&FIXTURE[1000..])].concat();
    let (ok, malformed, too_large) = ("0", "3", "8");
    let cases = [
        ("two messages", [frame(0, FIXTURE), frame(0, b"")].concat(), malformed),
        ("no message", b"\0\0".to_vec(), malformed),
        ("a truncated message", frame(0, FIXTURE)[..1000].to_vec(), malformed),
        ("a large message", frame(0, &vec![0; 200_001]), too_large),
        ("a large compressed message", frame(1, &gzip(&vec![0; 200_001])), too_large),
        ("two gzip members", frame(1, &two_members), ok),
        ("an empty message", frame(0, b""), ok),
    ];
    let mut listener = Listener::with(Options { max_body: 200_000, ..any_port() }, 16);
    call(&listener, async |channel| {
        for (name, body, status) in cases {
            assert_eq!(raw(channel.clone(), "gzip", Raw(Some(body.into()))).await, status, "{name}");
        }
    });
    assert_eq!(listener.spans().len(), 75);
}

#[test]
fn a_compressed_message_is_forwarded_as_received() {
    let endpoint = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let forward = vec![format!("http://{}", endpoint.local_addr().unwrap())];
    let received = std::thread::spawn(move || {
        let mut stream = std::io::BufReader::new(endpoint.accept().unwrap().0);
        let (mut head, mut length) = (String::new(), 0);
        while !head.ends_with("\r\n\r\n") {
            stream.read_line(&mut head).unwrap();
        }
        for line in head.to_lowercase().lines() {
            length = line.strip_prefix("content-length: ").map_or(length, |value| value.parse().unwrap());
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).unwrap();
        stream.get_mut().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").unwrap();
        (head.to_lowercase(), body)
    });
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(FIXTURE).unwrap();
    let gzip = gzip.finish().unwrap();
    let listener = Listener::with(Options { forward, ..any_port() }, 16);
    assert_eq!(call(&listener, async |channel| raw(channel, "gzip", framed(1, &gzip)).await), "0");
    let (head, body) = received.join().unwrap();
    assert!(head.contains("content-encoding: gzip\r\n"), "{head}");
    assert_eq!(body, gzip);
}

#[test]
fn a_call_without_a_message_times_out() {
    let limits = ConnectionLimits { body_timeout: Duration::from_millis(100), ..ConnectionLimits::default() };
    let listener = Listener::with(Options { limits, ..any_port() }, 16);
    assert_eq!(call(&listener, async |channel| raw(channel, "identity", Raw(None)).await), "4");
}

#[test]
fn each_port_serves_both_protocols() {
    let mut listener = Listener::start();
    std::mem::swap(&mut listener.grpc, &mut listener.http);
    assert_eq!(call(&listener, async |channel| export(channel, fixture()).await).unwrap(), 0);
    assert_eq!(listener.post(FIXTURE).status, 200);
    assert_eq!(listener.spans().len(), 150);
}
