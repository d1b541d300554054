//! OTLP over HTTP: <https://opentelemetry.io/docs/specs/otlp/#otlphttp>.

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_REQUEST_HEADERS, ALLOW,
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, VARY, WWW_AUTHENTICATE,
};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode};

use super::answer::{AGAIN, Refusal, Taken};
use super::bodies::Form;
use super::gather;
use super::inflate::{CODINGS, Coding, InflateError, inflate};
use super::intake::{Sent, Signal};
use super::reply::Reply;
use super::service::Service;

/// Answers one request.
pub(super) async fn answer(service: &Service, request: Request<Incoming>) -> Response<Reply> {
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
            Ok(taken) => accepted(&taken, form.unwrap_or(Form::Protobuf)),
            Err(refusal) => {
                gather::drain(body, &service.budget).await;
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

async fn take(service: &Service, head: &Parts, body: &mut Incoming, form: Option<Form>) -> Result<Taken, Refusal> {
    let signal = match head.uri.path() {
        "/v1/traces" => Signal::Traces,
        "/v1/logs" => Signal::Logs,
        "/v1/metrics" => Signal::Metrics,
        _ => return Err(Refusal::Unknown("spans go to /v1/traces, logs to /v1/logs, metrics to /v1/metrics".to_owned())),
    };
    if head.method != Method::POST {
        return Err(Refusal::Method);
    }
    service.door.admit(&head.headers)?;
    let form =
        form.ok_or_else(|| Refusal::Unsupported("the Content-Type must be application/x-protobuf or application/json".to_owned()))?;
    let coding = coding(&head.headers, &CONTENT_ENCODING)?;
    let declared = head.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let budget = &service.budget;
    let (body, mut hold) = gather::whole(body, declared, budget).await?;
    let sent = Sent { coding, bytes: body.clone() };
    let body = if coding == Coding::Identity {
        body
    } else {
        budget.widen(&mut hold, body.len() + budget.largest).await?;
        unpack(coding, body, budget)?
    };
    service.intake.take(signal, form, body, &sent).await
}

/// The coding that a header names.
pub(super) fn coding(headers: &HeaderMap, name: &HeaderName) -> Result<Coding, Refusal> {
    let Some(named) = headers.get(name) else { return Ok(Coding::Identity) };
    named.to_str().ok().and_then(Coding::named).ok_or_else(|| Refusal::Unsupported(format!("the {name} must be one of {CODINGS}")))
}

/// The body as it was before it was compressed.
pub(super) fn unpack(coding: Coding, body: Bytes, budget: &gather::Budget) -> Result<Bytes, Refusal> {
    inflate(coding, body, budget.largest).map_err(|error| match error {
        InflateError::TooLarge => budget.too_large(),
        broken @ InflateError::Broken(_) => Refusal::Malformed(broken.to_string()),
    })
}

/// How the body is written, by its media type; parameters do not matter.
fn form(headers: &HeaderMap) -> Option<Form> {
    let stated = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    match stated.split(';').next().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
        "application/x-protobuf" | "application/protobuf" => Some(Form::Protobuf),
        "application/json" => Some(Form::Json),
        _ => None,
    }
}

fn content_type(form: Form) -> HeaderValue {
    HeaderValue::from_static(match form {
        Form::Protobuf => "application/x-protobuf",
        Form::Json => "application/json",
    })
}

fn accepted(taken: &Taken, form: Form) -> Response<Reply> {
    let mut response = Response::new(Reply::new(taken.body(form)));
    response.headers_mut().insert(CONTENT_TYPE, content_type(form));
    response
}

fn refused(service: &Service, refusal: &Refusal, form: Option<Form>) -> Response<Reply> {
    service.refuse(refusal);
    let form = form.unwrap_or(Form::Json);
    let mut response = Response::new(Reply::new(refusal.body(form)));
    *response.status_mut() = StatusCode::from_u16(refusal.codes().0).unwrap_or(StatusCode::BAD_REQUEST);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, content_type(form));
    match refusal {
        refusal if refusal.passes() => {
            headers.insert(RETRY_AFTER, HeaderValue::from(AGAIN.as_secs()));
        }
        Refusal::Method => {
            headers.insert(ALLOW, HeaderValue::from_static("POST"));
        }
        Refusal::Token => {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        _ => {}
    }
    response
}

/// What a browser asks before it sends for a page that may: <https://fetch.spec.whatwg.org/#cors-preflight-fetch>.
fn preflight(asked: &HeaderMap) -> Response<Reply> {
    let mut response = Response::new(Reply::default());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST"));
    if let Some(asked) = asked.get(ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
    }
    response
}
