//! Types that the protocols, the ingest path and forwarding share.

/// The signal that an OTLP request carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Signal {
    #[default]
    Traces,
    Logs,
    Metrics,
}

impl Signal {
    /// All signals.
    pub(super) const ALL: [Self; 3] = [Self::Traces, Self::Logs, Self::Metrics];

    /// Returns the name of the number of rejected items in a response in JSON.
    pub(super) fn rejected_key(self) -> &'static str {
        match self {
            Self::Traces => "rejectedSpans",
            Self::Logs => "rejectedLogRecords",
            Self::Metrics => "rejectedDataPoints",
        }
    }

    /// Returns the default path of OTLP/HTTP: <https://opentelemetry.io/docs/specs/otlp/#otlphttp-request>.
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Traces => "/v1/traces",
            Self::Logs => "/v1/logs",
            Self::Metrics => "/v1/metrics",
        }
    }
}

/// The encoding of an OTLP message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Protobuf,
    Json,
}

impl Encoding {
    /// Returns the media type of OTLP/HTTP: <https://opentelemetry.io/docs/specs/otlp/#otlphttp-request>.
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Protobuf => "application/x-protobuf",
            Self::Json => "application/json",
        }
    }
}
