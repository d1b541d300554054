//! What a request says about its sender, in headers of agno-top's own tracing of Python programs.

use hyper::HeaderMap;
use hyper::header::HeaderName;

use crate::model::Nanos;
use crate::sources::TakenSpans;

/// The process that sent the request, in hex: it lives, and spans without an end are open in it.
const PROCESS: HeaderName = HeaderName::from_static("agno-top-process");

/// Whether the spans are also for the endpoints that requests are forwarded to. Others of such a process reach them by its own exporters.
const FORWARD: HeaderName = HeaderName::from_static("agno-top-forward");

/// The sender of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct RequestSender {
    /// The process, if the sender tells it.
    pub(super) process: Option<u64>,
    /// When that lived last, if it may have ended since.
    pub(super) lived_until: Option<Nanos>,
    is_forwarded: bool,
}

impl RequestSender {
    /// Reads the headers. A process that is no number is none.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let process = headers.get(PROCESS).and_then(|value| u64::from_str_radix(value.to_str().ok()?, 16).ok());
        Self { process, lived_until: None, is_forwarded: headers.contains_key(FORWARD) }
    }

    /// Returns the sender of spans that no request brought.
    pub(super) fn of_taken(spans: &TakenSpans) -> Self {
        Self { process: Some(spans.process), lived_until: Some(spans.lived_until), is_forwarded: spans.is_forwarded }
    }

    /// Whether the request is not to be forwarded.
    pub(super) fn stays_here(self) -> bool {
        self.process.is_some() && !self.is_forwarded
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_traced_process_marks_is_forwarded() {
        let of = |pairs: &[(&str, &str)]| {
            let pairs = pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
            RequestSender::of(&pairs.collect::<HeaderMap>())
        };
        assert!(!of(&[]).stays_here());
        assert!(of(&[("agno-top-process", "00000000000000ff")]).stays_here());
        assert_eq!(of(&[("agno-top-process", "ff")]).process, Some(255));
        assert!(!of(&[("agno-top-process", "ff"), ("agno-top-forward", "yes")]).stays_here());
        assert_eq!(of(&[("agno-top-process", "none")]), RequestSender::default());
    }
}
