//! Calls over gRPC, made by tonic's client.

use std::convert::Infallible;
use std::io::Write;
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

/// Runs calls on a channel to the listener.
fn call<T>(listener: &Listener, calls: impl AsyncFnOnce(Channel) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let address = format!("http://{}", listener.grpc);
    runtime.block_on(async { calls(Channel::from_shared(address).unwrap().connect().await.unwrap()).await })
}

async fn export(channel: Channel, request: ExportTraceServiceRequest) -> Result<i64, Status> {
    let answer = TraceServiceClient::new(channel).export(request).await?.into_inner();
    Ok(answer.partial_success.map_or(0, |partial| partial.rejected_spans))
}

fn fixture() -> ExportTraceServiceRequest {
    ExportTraceServiceRequest::decode(FIXTURE).unwrap()
}

#[test]
fn spans_are_taken_and_read_again() {
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
fn a_rejected_span_is_told() {
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
fn without_room_the_sender_is_asked_to_come_again() {
    let listener = Listener::with(any_port(), 1);
    let status = call(&listener, async |channel| export(channel, fixture()).await).unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    // google.rpc.Status with a google.rpc.RetryInfo of one second.
    assert!(status.details().ends_with(b"type.googleapis.com/google.rpc.RetryInfo\x12\x04\x0a\x02\x08\x01"), "{:?}", status.details());
}

#[test]
fn wrong_calls_are_told_what_is_wrong() {
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

/// A body in one piece; or one that never comes.
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

/// The status of a call whose frame is written by hand.
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
    let mut found = status(response.headers());
    let mut body = response.into_body();
    while let Some(frame) = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        found = found.or(frame.unwrap().trailers_ref().and_then(status));
    }
    found.unwrap()
}

fn framed(compressed: u8, message: &[u8]) -> Raw {
    let length = (message.len() as u32).to_be_bytes();
    Raw(Some([&[compressed], &length[..], message].concat().into()))
}

#[test]
fn all_encodings_are_understood() {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(FIXTURE).unwrap();
    let gzip = gzip.finish().unwrap();
    let mut deflate = ZlibEncoder::new(Vec::new(), Compression::fast());
    deflate.write_all(FIXTURE).unwrap();
    let deflate = deflate.finish().unwrap();
    let zstd = ruzstd::encoding::compress_to_vec(FIXTURE, ruzstd::encoding::CompressionLevel::Fastest);
    let mut listener = Listener::start();
    let (ok, malformed, unknown) = ("0", "3", "12");
    let cases = [
        ("identity", 0, FIXTURE, ok),
        ("gzip", 1, &gzip[..], ok),
        ("deflate", 1, &deflate[..], ok),
        ("zstd", 1, &zstd[..], ok),
        ("gzip", 0, FIXTURE, ok),
        ("identity", 1, FIXTURE, malformed),
        ("gzip", 1, &zstd[..], malformed),
        ("br", 1, FIXTURE, unknown),
    ];
    call(&listener, async |channel| {
        for (encoding, compressed, message, status) in cases {
            assert_eq!(raw(channel.clone(), encoding, framed(compressed, message)).await, status, "{encoding} {compressed}");
        }
    });
    assert_eq!(listener.spans().len(), 5 * 75);
}

#[test]
fn a_call_that_never_ends_is_refused() {
    let limits = ConnectionLimits { body_timeout: Duration::from_millis(100), ..ConnectionLimits::default() };
    let listener = Listener::with(Options { limits, ..any_port() }, 16);
    assert_eq!(call(&listener, async |channel| raw(channel, "identity", Raw(None)).await), "4");
}

#[test]
fn either_protocol_is_understood_at_either_port() {
    let mut listener = Listener::start();
    std::mem::swap(&mut listener.grpc, &mut listener.http);
    assert_eq!(call(&listener, async |channel| export(channel, fixture()).await).unwrap(), 0);
    assert_eq!(listener.post(FIXTURE).status, 200);
    assert_eq!(listener.spans().len(), 150);
}
