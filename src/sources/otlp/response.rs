//! Answers to senders: `Export…ServiceResponse` and `google.rpc.Status`, in protobuf and JSON.
//!
//! Spec: <https://opentelemetry.io/docs/specs/otlp/#otlphttp-response>

use std::time::Duration;

use hyper::StatusCode;
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTracePartialSuccess, ExportTraceServiceResponse};
use prost::Message;
use serde_json::{Value, json};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt, pb};

use super::types::{Encoding, Signal};

/// The delay after which a sender may retry.
pub(super) const RETRY_DELAY: Duration = Duration::from_secs(1);

/// The outcome of an accepted request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Accepted {
    /// What was sent.
    pub(super) signal: Signal,
    /// Number of rejected spans or data points.
    pub(crate) rejected: u64,
    /// Why they were rejected; the listener gives the reason of the first.
    pub(crate) reason: String,
}

/// Why a request is rejected. The messages are for the user of the sender.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Rejection {
    /// The request is not valid OTLP.
    #[error("{0}")]
    Malformed(String),
    /// The path or method does not exist.
    #[error("{0}")]
    NotFound(String),
    /// The HTTP method is not POST.
    #[error("use POST")]
    MethodNotAllowed,
    /// The content type or the compression is not supported.
    #[error("{0}")]
    Unsupported(String),
    /// The request exceeds the size limit.
    #[error("{0}")]
    TooLarge(String),
    /// The request did not arrive in time.
    #[error("the request arrived too slowly")]
    Timeout,
    /// The bearer token is missing or wrong.
    #[error("the bearer token is missing or wrong (agno-top was started with --otlp-token)")]
    Unauthenticated,
    /// The request comes from a web page of this origin, which is not allowed.
    #[error("requests from web pages are refused; start agno-top with --allow-origin {0}")]
    ForbiddenOrigin(String),
    /// Memory or the update channel is full; the sender may retry.
    #[error("agno-top is overloaded; retry later")]
    Overloaded,
    /// The recording failed; the sender may retry.
    #[error("not recorded: {0}")]
    RecordFailed(String),
}

impl Rejection {
    /// Returns the HTTP status and the gRPC status code: <https://grpc.io/docs/guides/status-codes/>.
    pub(super) fn status(&self) -> (StatusCode, Code) {
        match self {
            Self::Malformed(_) => (StatusCode::BAD_REQUEST, Code::InvalidArgument),
            Self::NotFound(_) => (StatusCode::NOT_FOUND, Code::Unimplemented),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, Code::Unimplemented),
            Self::Unsupported(_) => (StatusCode::UNSUPPORTED_MEDIA_TYPE, Code::Unimplemented),
            // Senders do not retry this gRPC code without a RetryInfo.
            Self::TooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, Code::ResourceExhausted),
            Self::Timeout => (StatusCode::REQUEST_TIMEOUT, Code::DeadlineExceeded),
            Self::Unauthenticated => (StatusCode::UNAUTHORIZED, Code::Unauthenticated),
            Self::ForbiddenOrigin(_) => (StatusCode::FORBIDDEN, Code::PermissionDenied),
            Self::Overloaded => (StatusCode::TOO_MANY_REQUESTS, Code::Unavailable),
            Self::RecordFailed(_) => (StatusCode::SERVICE_UNAVAILABLE, Code::Unavailable),
        }
    }

    /// Whether the sender may retry the same request later.
    pub(super) fn is_retryable(&self) -> bool {
        matches!(self, Self::Overloaded | Self::RecordFailed(_))
    }

    /// Encodes the body of the HTTP response, a `google.rpc.Status`.
    pub(super) fn encode(&self, encoding: Encoding) -> Vec<u8> {
        let (code, message) = (self.status().1 as i32, self.to_string());
        match encoding {
            Encoding::Protobuf => pb::Status { code, message, details: Vec::new() }.encode_to_vec(),
            Encoding::Json => json!({ "code": code, "message": message }).to_string().into_bytes(),
        }
    }

    /// Returns the gRPC status, with a `google.rpc.RetryInfo` if the sender may retry.
    pub(super) fn grpc_status(&self) -> Status {
        let (_, code) = self.status();
        if self.is_retryable() {
            Status::with_error_details(code, self.to_string(), ErrorDetails::with_retry_info(Some(RETRY_DELAY)))
        } else {
            Status::new(code, self.to_string())
        }
    }
}

impl Accepted {
    /// Returns the response message. Responses to logs and metrics are encoded as that to traces.
    pub(super) fn message(&self) -> ExportTraceServiceResponse {
        let partial_success = ExportTracePartialSuccess {
            rejected_spans: i64::try_from(self.rejected).unwrap_or(i64::MAX),
            error_message: self.reason.clone(),
        };
        ExportTraceServiceResponse { partial_success: (self.rejected > 0).then_some(partial_success) }
    }

    /// Encodes the body of the HTTP response.
    pub(super) fn encode(&self, encoding: Encoding) -> Vec<u8> {
        match encoding {
            Encoding::Protobuf => self.message().encode_to_vec(),
            Encoding::Json if self.rejected == 0 => b"{}".to_vec(),
            // ProtoJSON writes 64-bit integers as strings, the generated serializer does not.
            Encoding::Json => {
                let partial_success = json!({ self.signal.rejected_key(): self.rejected.to_string(), "errorMessage": self.reason });
                json!({ "partialSuccess": partial_success }).to_string().into_bytes()
            }
        }
    }

    /// Decodes the body of an HTTP response in either encoding. An unreadable body rejects nothing.
    pub(super) fn decode(body: &[u8]) -> Self {
        if body.first() == Some(&b'{') {
            let response: Value = serde_json::from_slice(body).unwrap_or_default();
            let partial_success = &response["partialSuccess"];
            let number = |value: &Value| value.as_u64().or_else(|| value.as_str()?.parse().ok());
            let of = |signal: Signal| number(&partial_success[signal.rejected_key()]);
            let rejected = Signal::ALL.into_iter().find_map(of).unwrap_or_default();
            return Self {
                signal: Signal::Traces,
                rejected,
                reason: partial_success["errorMessage"].as_str().unwrap_or_default().to_owned(),
            };
        }
        let response = ExportTraceServiceResponse::decode(body).unwrap_or_default();
        let ExportTracePartialSuccess { rejected_spans, error_message } = response.partial_success.unwrap_or_default();
        Self { signal: Signal::Traces, rejected: u64::try_from(rejected_spans).unwrap_or_default(), reason: error_message }
    }
}

/// Decodes the message of a `google.rpc.Status` in either encoding. Returns `None` for other data and for an empty message.
pub(super) fn decode_error_message(body: &[u8]) -> Option<String> {
    let protobuf = pb::Status::decode(body).ok().map(|status| status.message);
    let json = || serde_json::from_slice::<Value>(body).ok()?.get("message")?.as_str().map(str::to_owned);
    protobuf.filter(|message| !message.is_empty()).or_else(json)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_decoded_in_either_encoding() {
        let accepted = |rejected, reason: &str| Accepted { signal: Signal::Traces, rejected, reason: reason.to_owned() };
        assert_eq!(Accepted::decode(b""), accepted(0, ""));
        assert_eq!(Accepted::decode(b"\x0a\x06\x08\x03\x12\x02no"), accepted(3, "no"));
        assert_eq!(Accepted::decode(br#"{"partialSuccess":{"rejectedSpans":"2","errorMessage":"why"}}"#), accepted(2, "why"));
        for key in ["rejectedSpans", "rejectedDataPoints", "rejectedLogRecords"] {
            assert_eq!(Accepted::decode(format!(r#"{{"partialSuccess":{{"{key}":2}}}}"#).as_bytes()).rejected, 2);
        }
        let of_metrics = Accepted { signal: Signal::Metrics, ..accepted(1, "NaN") };
        let json: Value = serde_json::from_slice(&of_metrics.encode(Encoding::Json)).unwrap_or_default();
        assert_eq!(json, json!({ "partialSuccess": { "rejectedDataPoints": "1", "errorMessage": "NaN" } }));
        for other in [&b"{}"[..], b"{", b"OK", b"\x0a\xff", b"\x0a\x06\x08", b"<html>"] {
            assert_eq!(Accepted::decode(other).rejected, 0, "{other:?}");
        }
        for encoding in [Encoding::Protobuf, Encoding::Json] {
            for response in [accepted(0, ""), accepted(7, "no ids")] {
                assert_eq!(Accepted::decode(&response.encode(encoding)), response);
            }
            let message = decode_error_message(&Rejection::Overloaded.encode(encoding));
            assert_eq!(message, Some(Rejection::Overloaded.to_string()));
        }
    }
}
