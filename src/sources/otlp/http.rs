//! OTLP over HTTP: <https://opentelemetry.io/docs/specs/otlp/#otlphttp>.

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_REQUEST_HEADERS, ALLOW,
    CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER, VARY, WWW_AUTHENTICATE,
};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode};
use tonic::body::Body;

use super::body_reader::{content_encoding, drain, read_body};
use super::connections::Connection;
use super::ingest::ExportRequest;
use super::request_sender::RequestSender;
use super::response::{Accepted, RETRY_DELAY, Rejection};
use super::service::Service;
use super::types::{Encoding, Signal};

/// Handles one request.
pub(super) async fn handle(service: &Service, connection: &Connection, request: Request<Incoming>) -> Response<Body> {
    let encoding = encoding(request.headers());
    let origin = match service.options.check_origin(request.headers()) {
        Ok(origin) => origin.cloned(),
        Err(rejection) => return rejected(service, &rejection, encoding),
    };
    let mut response = if request.method() == Method::OPTIONS && origin.is_some() {
        preflight(request.headers())
    } else {
        let (head, mut body) = request.into_parts();
        match export(service, connection, &head, &mut body, encoding).await {
            Ok(accepted) => {
                let encoding = encoding.unwrap_or(Encoding::Protobuf);
                response(StatusCode::OK, accepted.encode(encoding), encoding)
            }
            Err(rejection) => {
                drain(body, &service.budget).await;
                rejected(service, &rejection, encoding)
            }
        }
    };
    if let Some(origin) = origin {
        response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        response.headers_mut().insert(VARY, HeaderValue::from_static("origin"));
    }
    response
}

/// Reads the body of a request, decompresses and ingests it.
async fn export(
    service: &Service,
    connection: &Connection,
    head: &Parts,
    body: &mut Incoming,
    encoding: Option<Encoding>,
) -> Result<Accepted, Rejection> {
    let signal = Signal::ALL.into_iter().find(|signal| signal.path() == head.uri.path());
    let signal =
        signal.ok_or_else(|| Rejection::NotFound("spans go to /v1/traces, logs to /v1/logs, metrics to /v1/metrics".to_owned()))?;
    if head.method != Method::POST {
        return Err(Rejection::MethodNotAllowed);
    }
    service.options.check_token(&head.headers)?;
    let encoding =
        encoding.ok_or_else(|| Rejection::Unsupported("the Content-Type must be application/x-protobuf or application/json".to_owned()))?;
    let compression = content_encoding(&head.headers, &CONTENT_ENCODING)?;
    let (original, mut permit) = read_body(body, &service.budget).await?;
    let body = service.budget.decompress(compression, original.clone(), &mut permit).await?;
    let sender = RequestSender::of(&head.headers);
    if let Some(process) = sender.process {
        connection.set_process(process);
    }
    service.ingest.ingest(ExportRequest { signal, encoding, body, compression, original, sender, _permit: permit }).await
}

/// Returns the encoding that the content type names. Parameters of the media type are ignored.
fn encoding(headers: &HeaderMap) -> Option<Encoding> {
    let content_type = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    match content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "application/x-protobuf" | "application/protobuf" => Some(Encoding::Protobuf),
        "application/json" => Some(Encoding::Json),
        _ => None,
    }
}

fn response(status: StatusCode, body: Vec<u8>, encoding: Encoding) -> Response<Body> {
    let mut response = Response::new(Body::new(Full::new(Bytes::from(body))));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(encoding.content_type()));
    response
}

fn rejected(service: &Service, rejection: &Rejection, encoding: Option<Encoding>) -> Response<Body> {
    service.ingest.report(rejection);
    let encoding = encoding.unwrap_or(Encoding::Json);
    let mut response = response(rejection.status().0, rejection.encode(encoding), encoding);
    let headers = response.headers_mut();
    let _ = match rejection {
        Rejection::Overloaded | Rejection::RecordFailed(_) => headers.insert(RETRY_AFTER, RETRY_DELAY.as_secs().into()),
        Rejection::MethodNotAllowed => headers.insert(ALLOW, HeaderValue::from_static("POST")),
        Rejection::Unauthenticated => headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")),
        _ => None,
    };
    response
}

/// Answers a browser's CORS preflight: <https://fetch.spec.whatwg.org/#cors-preflight-fetch>.
fn preflight(request_headers: &HeaderMap) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST"));
    if let Some(requested) = request_headers.get(ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, requested.clone());
    }
    response
}
