//! What senders are told: `Export…ServiceResponse` and `google.rpc.Status`, in protobuf and JSON.
//!
//! <https://opentelemetry.io/docs/specs/otlp/#otlphttp-response>

use std::time::Duration;

use super::types::Encoding;
use crate::otlp::wire::{put_bytes, put_varint};

/// When a sender that was put off is asked to come again.
pub(super) const AGAIN: Duration = Duration::from_secs(1);

/// What a request brought, if it was taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Accepted {
    /// Spans that were refused.
    pub(super) rejected: u64,
    /// Why, of the first.
    pub(super) reason: String,
}

/// Why a request was not taken. The text is for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Rejection {
    /// It is not what it should be.
    Malformed(String),
    /// Nothing here has that name.
    Unknown(String),
    /// It is not posted.
    Method,
    /// It is encoded in no way that is understood.
    Unsupported(String),
    /// It is larger than the limit.
    TooLarge(String),
    /// It comes too slowly.
    Slow,
    /// It does not bear the token.
    Token,
    /// A web page sent it.
    Origin(String),
    /// There is no room now; come again.
    Busy,
    /// It could not be written to the file that records; come again.
    Unrecorded(String),
}

impl Rejection {
    /// HTTP's status and gRPC's: <https://grpc.io/docs/guides/status-codes/>.
    pub(super) fn codes(&self) -> (u16, u32) {
        match self {
            Self::Malformed(_) => (400, 3),
            Self::Unknown(_) => (404, 12),
            Self::Method => (405, 12),
            Self::Unsupported(_) => (415, 12),
            // Without a time to come again this is final.
            Self::TooLarge(_) => (413, 8),
            Self::Slow => (408, 4),
            Self::Token => (401, 16),
            Self::Origin(_) => (403, 7),
            Self::Busy => (429, 14),
            Self::Unrecorded(_) => (503, 14),
        }
    }

    /// Whether the sender may come again with the same request.
    pub(super) fn passes(&self) -> bool {
        matches!(self, Self::Busy | Self::Unrecorded(_))
    }

    /// What to tell the sender.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Malformed(what) | Self::Unknown(what) | Self::Unsupported(what) | Self::TooLarge(what) => what.clone(),
            Self::Method => "use POST".to_owned(),
            Self::Slow => "the request came too slowly".to_owned(),
            Self::Token => "the bearer token is missing or wrong (agno-top was started with --otlp-token)".to_owned(),
            Self::Origin(origin) => format!("requests from web pages are refused; start agno-top with --allow-origin {origin}"),
            Self::Busy => "agno-top is behind; send it again".to_owned(),
            Self::Unrecorded(why) => format!("it could not be recorded: {why}"),
        }
    }

    /// The body of an HTTP answer: `google.rpc.Status`.
    pub(super) fn body(&self, form: Encoding) -> Vec<u8> {
        let (code, message) = (self.codes().1, self.words());
        match form {
            Encoding::Protobuf => status(code, &message, None),
            Encoding::Json => serde_json::json!({ "code": code, "message": message }).to_string().into_bytes(),
        }
    }

    /// `google.rpc.Status` with a time to come again, as gRPC's `grpc-status-details-bin` holds it; `None` if it is final.
    pub(super) fn details(&self) -> Option<Vec<u8>> {
        self.passes().then(|| status(self.codes().1, &self.words(), Some(AGAIN)))
    }
}

/// `google.rpc.Status`; with a `google.rpc.RetryInfo` if `again` is given.
fn status(code: u32, message: &str, again: Option<Duration>) -> Vec<u8> {
    let mut out = Vec::new();
    put_varint(1, u64::from(code), &mut out);
    put_bytes(2, message.as_bytes(), &mut out);
    if let Some(again) = again {
        let (mut delay, mut info, mut any) = (Vec::new(), Vec::new(), Vec::new());
        put_varint(1, again.as_secs(), &mut delay);
        put_varint(2, u64::from(again.subsec_nanos()), &mut delay);
        put_bytes(1, &delay, &mut info);
        put_bytes(1, b"type.googleapis.com/google.rpc.RetryInfo", &mut any);
        put_bytes(2, &info, &mut any);
        put_bytes(3, &any, &mut out);
    }
    out
}

impl Accepted {
    /// `ExportTraceServiceResponse`, also for logs and metrics, of which nothing is refused.
    pub(super) fn body(&self, form: Encoding) -> Vec<u8> {
        match form {
            Encoding::Protobuf => {
                let (mut partial, mut out) = (Vec::new(), Vec::new());
                put_varint(1, self.rejected, &mut partial);
                put_bytes(2, self.reason.as_bytes(), &mut partial);
                put_bytes(1, &partial, &mut out);
                out
            }
            Encoding::Json if self.rejected == 0 => b"{}".to_vec(),
            Encoding::Json => {
                let partial = serde_json::json!({ "rejectedSpans": self.rejected.to_string(), "errorMessage": self.reason });
                serde_json::json!({ "partialSuccess": partial }).to_string().into_bytes()
            }
        }
    }
}
