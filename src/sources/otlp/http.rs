//! OTLP over HTTP: <https://opentelemetry.io/docs/specs/otlp/#otlphttp>.

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_REQUEST_HEADERS, ALLOW,
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, VARY, WWW_AUTHENTICATE,
};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode};

use super::body_reader;
use super::compression::{CODINGS, ContentEncoding, InflateError, inflate};
use super::ingest::Sent;
use super::response::{AGAIN, Accepted, Rejection};
use super::response_body::ResponseBody;
use super::service::Service;
use super::types::{Encoding, Signal};

/// Answers one request.
pub(super) async fn answer(service: &Service, request: Request<Incoming>) -> Response<ResponseBody> {
    let origin = match service.door.origin(request.headers()) {
        Ok(origin) => origin.cloned(),
        Err(refusal) => return refused(service, &refusal, form(request.headers())),
    };
    let mut response = if request.method() == Method::OPTIONS && origin.is_some() {
        preflight(request.headers())
    } else {
        let form = form(request.headers());
        let (head, mut body) = request.into_parts();
        match take(service, &head, &mut body, form).await {
            Ok(taken) => accepted(&taken, form.unwrap_or(Encoding::Protobuf)),
            Err(refusal) => {
                body_reader::drain(body, &service.budget).await;
                refused(service, &refusal, form)
            }
        }
    };
    if let Some(origin) = origin {
        response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        response.headers_mut().insert(VARY, HeaderValue::from_static("origin"));
    }
    response
}

async fn take(service: &Service, head: &Parts, body: &mut Incoming, form: Option<Encoding>) -> Result<Accepted, Rejection> {
    let signal = match head.uri.path() {
        "/v1/traces" => Signal::Traces,
        "/v1/logs" => Signal::Logs,
        "/v1/metrics" => Signal::Metrics,
        _ => return Err(Rejection::Unknown("spans go to /v1/traces, logs to /v1/logs, metrics to /v1/metrics".to_owned())),
    };
    if head.method != Method::POST {
        return Err(Rejection::Method);
    }
    service.door.admit(&head.headers)?;
    let form =
        form.ok_or_else(|| Rejection::Unsupported("the Content-Type must be application/x-protobuf or application/json".to_owned()))?;
    let coding = coding(&head.headers, &CONTENT_ENCODING)?;
    let declared = head.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let budget = &service.budget;
    let (body, mut hold) = body_reader::whole(body, declared, budget).await?;
    let sent = Sent { coding, bytes: body.clone() };
    let body = if coding == ContentEncoding::Identity {
        body
    } else {
        budget.widen(&mut hold, body.len() + budget.largest).await?;
        unpack(coding, body, budget)?
    };
    service.intake.ingest(signal, form, body, &sent).await
}

/// The coding that a header names.
pub(super) fn coding(headers: &HeaderMap, name: &HeaderName) -> Result<ContentEncoding, Rejection> {
    let Some(named) = headers.get(name) else { return Ok(ContentEncoding::Identity) };
    named
        .to_str()
        .ok()
        .and_then(ContentEncoding::named)
        .ok_or_else(|| Rejection::Unsupported(format!("the {name} must be one of {CODINGS}")))
}

/// The body as it was before it was compressed.
pub(super) fn unpack(coding: ContentEncoding, body: Bytes, budget: &body_reader::MemoryBudget) -> Result<Bytes, Rejection> {
    inflate(coding, body, budget.largest).map_err(|error| match error {
        InflateError::TooLarge => budget.too_large(),
        broken @ InflateError::Broken(_) => Rejection::Malformed(broken.to_string()),
    })
}

/// How the body is written, by its media type; parameters do not matter.
fn form(headers: &HeaderMap) -> Option<Encoding> {
    let stated = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    match stated.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "application/x-protobuf" | "application/protobuf" => Some(Encoding::Protobuf),
        "application/json" => Some(Encoding::Json),
        _ => None,
    }
}

fn content_type(form: Encoding) -> HeaderValue {
    HeaderValue::from_static(match form {
        Encoding::Protobuf => "application/x-protobuf",
        Encoding::Json => "application/json",
    })
}

fn accepted(taken: &Accepted, form: Encoding) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::new(taken.body(form)));
    response.headers_mut().insert(CONTENT_TYPE, content_type(form));
    response
}

fn refused(service: &Service, refusal: &Rejection, form: Option<Encoding>) -> Response<ResponseBody> {
    service.refuse(refusal);
    let form = form.unwrap_or(Encoding::Json);
    let mut response = Response::new(ResponseBody::new(refusal.body(form)));
    *response.status_mut() = StatusCode::from_u16(refusal.codes().0).unwrap_or(StatusCode::BAD_REQUEST);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, content_type(form));
    match refusal {
        refusal if refusal.passes() => {
            headers.insert(RETRY_AFTER, HeaderValue::from(AGAIN.as_secs()));
        }
        Rejection::Method => {
            headers.insert(ALLOW, HeaderValue::from_static("POST"));
        }
        Rejection::Token => {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        _ => {}
    }
    response
}

/// What a browser asks before it sends for a page that may: <https://fetch.spec.whatwg.org/#cors-preflight-fetch>.
fn preflight(asked: &HeaderMap) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::default());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST"));
    if let Some(asked) = asked.get(ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
    }
    response
}
