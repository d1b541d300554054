//! OTLP over gRPC, which for its three calls is little more than HTTP/2 with a frame around each message:
//! <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::{Request, Response};

use super::body_reader;
use super::compression::{CODINGS, ContentEncoding};
use super::http::{coding, unpack};
use super::ingest::Sent;
use super::response::{Accepted, Rejection};
use super::response_body::ResponseBody;
use super::service::Service;
use super::types::{Encoding, Signal};

const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");
const ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
const ACCEPT: HeaderName = HeaderName::from_static("grpc-accept-encoding");
const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");

/// Whether a request is a gRPC call.
pub(super) fn is_call(request: &Request<Incoming>) -> bool {
    request.headers().get(CONTENT_TYPE).is_some_and(|stated| stated.as_bytes().starts_with(b"application/grpc"))
}

/// Answers one call.
pub(super) async fn answer(service: &Service, request: Request<Incoming>) -> Response<ResponseBody> {
    match take(service, request).await {
        Ok(taken) => accepted(&taken),
        Err(refusal) => {
            service.refuse(&refusal);
            refused(&refusal)
        }
    }
}

async fn take(service: &Service, request: Request<Incoming>) -> Result<Accepted, Rejection> {
    let signal = match request.uri().path() {
        "/opentelemetry.proto.collector.trace.v1.TraceService/Export" => Signal::Traces,
        "/opentelemetry.proto.collector.logs.v1.LogsService/Export" => Signal::Logs,
        "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export" => Signal::Metrics,
        path => return Err(Rejection::Unknown(format!("there is no {path}"))),
    };
    service.door.admit(request.headers())?;
    if !matches!(request.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes), Some(b"application/grpc" | b"application/grpc+proto")) {
        return Err(Rejection::Unsupported("calls must be in protobuf".to_owned()));
    }
    let coding = coding(request.headers(), &ENCODING)?;
    let budget = &service.budget;
    let mut body = request.into_body();
    let (compressed, body, mut hold) = body_reader::message(&mut body, budget).await?;
    let sent = Sent { coding: if compressed { coding } else { ContentEncoding::Identity }, bytes: body.clone() };
    let body = match coding {
        _ if !compressed => body,
        ContentEncoding::Identity => return Err(Rejection::Malformed("a compressed message without grpc-encoding".to_owned())),
        coding => {
            budget.widen(&mut hold, body.len() + budget.largest).await?;
            unpack(coding, body, budget)?
        }
    };
    service.intake.ingest(signal, Encoding::Protobuf, body, &sent).await
}

fn accepted(taken: &Accepted) -> Response<ResponseBody> {
    let message = taken.body(Encoding::Protobuf);
    let mut framed = Vec::with_capacity(message.len() + 5);
    framed.push(0);
    framed.extend_from_slice(&(message.len() as u32).to_be_bytes());
    framed.extend_from_slice(&message);
    let mut trailers = HeaderMap::new();
    trailers.insert(STATUS, HeaderValue::from_static("0"));
    let mut response = Response::new(ResponseBody::with_trailers(framed, trailers));
    response.headers_mut().insert(CONTENT_TYPE, GRPC);
    response
}

fn refused(refusal: &Rejection) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::default());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, GRPC);
    headers.insert(STATUS, HeaderValue::from(refusal.codes().1));
    if let Ok(message) = HeaderValue::from_str(&percent_encoded(&refusal.words())) {
        headers.insert(MESSAGE, message);
    }
    if let Some(details) = refusal.details()
        && let Ok(details) = HeaderValue::from_str(&STANDARD_NO_PAD.encode(details))
    {
        headers.insert(DETAILS, details);
    }
    if matches!(refusal, Rejection::Unsupported(_)) {
        headers.insert(ACCEPT, HeaderValue::from_static(CODINGS));
    }
    response
}

fn percent_encoded(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::new(), |mut out, byte| {
        match byte {
            b' '..=b'~' if byte != b'%' => out.push(char::from(byte)),
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
        out
    })
}
