//! The OpenTelemetry span kind.

use super::status::strip_prefix_ignore_case;

/// The relation of a span to its parent and children across processes: OpenTelemetry's `SpanKind`. It says nothing about agents, models
/// or tools; [`SpanType`](super::SpanType) does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SpanKind {
    /// Not stated.
    #[default]
    Unspecified,
    /// An operation within one process.
    Internal,
    /// Handles a request from another process.
    Server,
    /// Sends a request to another process.
    Client,
    /// Sends a message to a broker.
    Producer,
    /// Processes a message from a broker.
    Consumer,
}

impl SpanKind {
    /// Every kind, indexed by its code.
    const ALL: [Self; 6] = [Self::Unspecified, Self::Internal, Self::Server, Self::Client, Self::Producer, Self::Consumer];

    /// Returns the kind with this code of OTLP's `Span.SpanKind`, or [`SpanKind::Unspecified`] for a code that OTLP does not define.
    #[must_use]
    pub fn from_code(code: u64) -> Self {
        usize::try_from(code).ok().and_then(|code| Self::ALL.get(code).copied()).unwrap_or_default()
    }

    /// Parses a name in either case, with or without the prefix of its enum: `SERVER`, `SPAN_KIND_SERVER` (OTLP) or `SpanKind.SERVER`
    /// (Python). Other names are unspecified.
    #[must_use]
    pub fn parse(name: &str) -> Self {
        let name = name.rsplit('.').next().unwrap_or_default();
        let name = strip_prefix_ignore_case(name, "SPAN_KIND_");
        Self::ALL.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(name)).unwrap_or_default()
    }

    /// Returns the code in OTLP's `Span.SpanKind`.
    #[must_use]
    pub fn code(self) -> u8 {
        self as u8
    }

    /// Returns the name in upper case: `SERVER`.
    #[must_use]
    pub fn name(self) -> &'static str {
        ["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"][usize::from(self.code())]
    }

    /// Returns the kind as Agno's tables store it, which have no value for an unspecified kind: it becomes [`SpanKind::Internal`], the
    /// default of OpenTelemetry's API.
    #[must_use]
    pub fn or_internal(self) -> Self {
        if self == Self::Unspecified { Self::Internal } else { self }
    }
}

#[cfg(test)]
mod tests {
    use super::SpanKind;

    #[test]
    fn codes_and_names_are_read_back() {
        for kind in SpanKind::ALL {
            assert_eq!(SpanKind::from_code(u64::from(kind.code())), kind);
            for name in [
                kind.name().to_owned(),
                kind.name().to_lowercase(),
                format!("SPAN_KIND_{}", kind.name()),
                format!("SpanKind.{}", kind.name()),
            ] {
                assert_eq!(SpanKind::parse(&name), kind, "{name}");
            }
        }
        for (name, code) in [("", 6), ("SPAN_KIND_", u64::MAX), ("web", 99)] {
            assert_eq!((SpanKind::parse(name), SpanKind::from_code(code)), (SpanKind::Unspecified, SpanKind::Unspecified));
        }
    }
}
