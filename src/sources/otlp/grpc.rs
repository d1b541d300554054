//! OTLP over gRPC, served by tonic: <https://opentelemetry.io/docs/specs/otlp/#otlpgrpc>.
//!
//! The message is read and decompressed before tonic sees the call. tonic has no memory budget for all connections, knows neither
//! multi-member gzip nor zstd in Rust, and drops the compressed original that forwarding needs.

use std::pin::Pin;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Request, Response};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use tonic::Status;
use tonic::body::Body;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::metadata::MetadataValue;
use tonic::server::{Grpc, UnaryService};

use super::body_reader::{content_encoding, read_message};
use super::ingest::ExportRequest;
use super::request_sender::RequestSender;
use super::response::Rejection;
use super::service::Service;
use super::types::{Encoding, Signal};
use crate::sources::compression::{ContentEncoding, SUPPORTED_ENCODINGS};

const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const GRPC_ACCEPT_ENCODING: &str = "grpc-accept-encoding";

/// The frame of an empty message: the compression flag and the length.
const EMPTY_FRAME: Bytes = Bytes::from_static(&[0; 5]);

/// Whether the request is a gRPC call.
pub(super) fn is_call(request: &Request<Incoming>) -> bool {
    request.headers().get(CONTENT_TYPE).is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"))
}

/// Handles one call.
pub(super) async fn handle(service: &Service, request: Request<Incoming>) -> Response<Body> {
    let (head, mut body) = request.into_parts();
    match read(service, &head, &mut body).await {
        Ok(export) => {
            let call = Request::new(Full::new(EMPTY_FRAME));
            Grpc::new(MessageCodec(Some(export))).unary(Export(service), call).await
        }
        Err(rejection) => reject(service, &rejection).into_http(),
    }
}

/// Reads the message of a call and decompresses it.
async fn read(service: &Service, head: &Parts, body: &mut Incoming) -> Result<ExportRequest, Rejection> {
    let signal = match head.uri.path() {
        "/opentelemetry.proto.collector.trace.v1.TraceService/Export" => Signal::Traces,
        "/opentelemetry.proto.collector.logs.v1.LogsService/Export" => Signal::Logs,
        "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export" => Signal::Metrics,
        path => return Err(Rejection::NotFound(format!("unknown method {path}"))),
    };
    service.options.check_origin(&head.headers)?;
    service.options.check_token(&head.headers)?;
    if !matches!(head.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes), Some(b"application/grpc" | b"application/grpc+proto")) {
        return Err(Rejection::Unsupported("the message must be encoded in protobuf".to_owned()));
    }
    let encoding = content_encoding(&head.headers, &GRPC_ENCODING)?;
    let (is_compressed, original, mut permit) = read_message(body, &service.budget).await?;
    let compression = match encoding {
        _ if !is_compressed => ContentEncoding::Identity,
        ContentEncoding::Identity => return Err(Rejection::Malformed("a compressed message without grpc-encoding".to_owned())),
        encoding => encoding,
    };
    let body = service.budget.decompress(compression, original.clone(), &mut permit).await?;
    let sender = RequestSender::default();
    Ok(ExportRequest { signal, encoding: Encoding::Protobuf, body, compression, original, sender, _permit: permit })
}

fn reject(service: &Service, rejection: &Rejection) -> Status {
    service.ingest.report(rejection);
    let mut status = rejection.grpc_status();
    if matches!(rejection, Rejection::Unsupported(_)) {
        status.metadata_mut().insert(GRPC_ACCEPT_ENCODING, MetadataValue::from_static(SUPPORTED_ENCODINGS));
    }
    status
}

/// The `Export` method of all three services.
struct Export<'a>(&'a Service);

impl<'a> UnaryService<ExportRequest> for Export<'a> {
    type Response = ExportTraceServiceResponse;
    type Future = Pin<Box<dyn Future<Output = Result<tonic::Response<Self::Response>, Status>> + Send + 'a>>;

    fn call(&mut self, request: tonic::Request<ExportRequest>) -> Self::Future {
        let service = self.0;
        Box::pin(async move {
            let accepted = service.ingest.ingest(request.into_inner()).await;
            accepted.map(|accepted| tonic::Response::new(accepted.message())).map_err(|rejection| reject(service, &rejection))
        })
    }
}

/// Gives tonic a message that is already in memory.
///
/// tonic copies DATA frames into its own buffer before it decodes them. At a megabyte per message that copy is measurable, so tonic
/// reads [`EMPTY_FRAME`] instead, and the decoder returns the message.
struct MessageCodec(Option<ExportRequest>);

impl Codec for MessageCodec {
    type Encode = ExportTraceServiceResponse;
    type Decode = ExportRequest;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self(None)
    }

    fn decoder(&mut self) -> Self {
        Self(self.0.take())
    }
}

impl Decoder for MessageCodec {
    type Item = ExportRequest;
    type Error = Status;

    fn decode(&mut self, _: &mut DecodeBuf<'_>) -> Result<Option<ExportRequest>, Status> {
        Ok(self.0.take())
    }
}

impl Encoder for MessageCodec {
    type Item = ExportTraceServiceResponse;
    type Error = Status;

    fn encode(&mut self, response: ExportTraceServiceResponse, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        response.encode(buffer).map_err(|error| Status::internal(error.to_string()))
    }
}
