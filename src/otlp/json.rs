//! OTLP/JSON, encoded as protobuf at the entrance: <https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding>.
//!
//! The decoder accepts what writers other than OpenTelemetry's SDKs produce: numbers with and without quotes, names and numbers of enums,
//! `null` for absent fields, lone surrogates, protobuf's own field names (`trace_id`), ids in base64. A span that can't be decoded is
//! rejected alone.

mod logs;
mod metrics;
mod span;
mod surrogates;
mod value;

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::encode::TracesEncoder;
use super::signals::Signal;
pub(crate) use span::{decode as decode_span, id_bytes};
pub(crate) use surrogates::replace_lone_surrogates;
pub(crate) use value::{brief, parse};

/// A trace request, encoded as protobuf.
#[derive(Debug, Default)]
pub(crate) struct EncodedTraces {
    pub(crate) body: Vec<u8>,
    /// The spans that `body` lacks, in order.
    pub(crate) rejected: Vec<RejectedSpan>,
}

/// A span that could not be decoded.
#[derive(Debug)]
pub(crate) struct RejectedSpan {
    /// Its number in the request, from 1.
    pub(crate) number: usize,
    pub(crate) reason: String,
}

/// Encodes an `ExportTraceServiceRequest` as protobuf. Fails if the text is no such request.
pub(crate) fn encode_traces(text: &[u8]) -> Result<EncodedTraces, String> {
    let text = sanitize(text)?;
    let request: TracesRequest<'_> = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let (mut encoder, mut traces) = (TracesEncoder::default(), EncodedTraces::default());
    request.encode(1, &mut encoder, &mut traces);
    encoder.flush(&mut traces.body);
    Ok(traces)
}

/// Encodes an `ExportLogsServiceRequest` as protobuf.
pub(crate) fn encode_logs(text: &[u8]) -> Result<Vec<u8>, String> {
    logs::encode(&sanitize(text)?)
}

/// Encodes an `ExportMetricsServiceRequest` as protobuf.
pub(crate) fn encode_metrics(text: &[u8]) -> Result<Vec<u8>, String> {
    metrics::encode(&sanitize(text)?)
}

/// Replaces lone surrogates and checks that the text is UTF-8.
fn sanitize(text: &[u8]) -> Result<Cow<'_, str>, String> {
    match replace_lone_surrogates(text) {
        Some(text) => String::from_utf8(text).map(Cow::Owned).map_err(|error| error.to_string()),
        None => std::str::from_utf8(text).map(Cow::Borrowed).map_err(|error| error.to_string()),
    }
}

/// An `ExportTraceServiceRequest` whose spans are not decoded yet, or what other programs put in its place: a download of Grafana or Tempo
/// (`batches`, `trace.resourceSpans`: <https://grafana.com/docs/tempo/latest/api_docs/#query-v2>), an answer of Jaeger's API v3
/// (`result.resourceSpans`), or a `ResourceSpans` by itself, as OpenTelemetry Java's exporter `logging-otlp` writes it.
#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"), rename_all = "camelCase")]
#[allow(clippy::struct_field_names, reason = "these are the keys of the request")]
pub(crate) struct TracesRequest<'a> {
    #[serde(alias = "resource_spans", alias = "batches")]
    resource_spans: Option<Vec<ResourceGroup<'a>>>,
    #[serde(alias = "resource_logs")]
    resource_logs: Option<Vec<ResourceGroup<'a>>>,
    #[serde(alias = "resource_metrics")]
    resource_metrics: Option<IgnoredAny>,
    #[serde(alias = "resource_profiles", default)]
    resource_profiles: Option<IgnoredAny>,
    #[serde(alias = "result", default)]
    trace: Option<TempoTrace<'a>>,
    #[serde(default)]
    resource: Option<&'a RawValue>,
    #[serde(alias = "scope_spans", default)]
    scope_spans: Option<Vec<ScopeGroup<'a>>>,
    #[serde(alias = "scope_logs", default)]
    scope_logs: Option<Vec<ScopeGroup<'a>>>,
    #[serde(alias = "scope_metrics", default)]
    scope_metrics: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
struct TempoTrace<'a> {
    #[serde(rename = "resourceSpans", alias = "resource_spans", alias = "batches")]
    groups: Option<Vec<ResourceGroup<'a>>>,
}

/// A `ResourceSpans`, `ResourceLogs` or `ResourceMetrics`.
#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
struct ResourceGroup<'a> {
    resource: Option<&'a RawValue>,
    #[serde(
        rename = "scopeSpans",
        alias = "scope_spans",
        alias = "instrumentationLibrarySpans",
        alias = "scopeLogs",
        alias = "scope_logs",
        alias = "scopeMetrics",
        alias = "scope_metrics"
    )]
    scopes: Option<Vec<ScopeGroup<'a>>>,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
struct ScopeGroup<'a> {
    #[serde(alias = "instrumentationLibrary")]
    scope: Option<&'a RawValue>,
    /// Spans, log records or metrics.
    #[serde(rename = "spans", alias = "logRecords", alias = "log_records", alias = "metrics")]
    items: Option<Vec<&'a RawValue>>,
}

impl TracesRequest<'_> {
    /// Takes the log records, encoded as an `ExportLogsServiceRequest`; empty if there are none.
    pub(crate) fn take_logs(&mut self) -> Vec<u8> {
        let alone = self.scope_logs.take().map(|scopes| ResourceGroup { resource: self.resource, scopes: Some(scopes) });
        let groups: Vec<_> = self.resource_logs.take().into_iter().flatten().chain(alone).collect();
        if groups.is_empty() { Vec::new() } else { logs::encode_groups(groups) }
    }

    /// Returns the signal; `None` if this is no request. The OpenTelemetry collector writes traces, logs and metrics into one file.
    pub(crate) fn signal(&self) -> Option<Signal> {
        let is_trace = self.resource_spans.is_some() || self.trace.is_some() || self.scope_spans.is_some();
        let signals = [
            (is_trace, Signal::Traces),
            (self.resource_logs.is_some() || self.scope_logs.is_some(), Signal::Logs),
            (self.resource_metrics.is_some() || self.scope_metrics.is_some(), Signal::Metrics),
            (self.resource_profiles.is_some(), Signal::Profiles),
        ];
        signals.into_iter().find_map(|(is_present, signal)| is_present.then_some(signal))
    }

    /// Whether the request holds metrics, perhaps beside spans.
    pub(crate) fn has_metrics(&self) -> bool {
        self.resource_metrics.is_some() || self.scope_metrics.is_some()
    }

    /// Appends the spans to `traces`; `number` is the number of the first one. Returns the number of the span that would follow.
    pub(crate) fn encode(self, mut number: usize, encoder: &mut TracesEncoder, traces: &mut EncodedTraces) -> usize {
        let groups = self.resource_spans.or_else(|| self.trace.and_then(|trace| trace.groups)).unwrap_or_default();
        let alone = self.scope_spans.map(|scopes| ResourceGroup { resource: self.resource, scopes: Some(scopes) });
        for group in groups.into_iter().chain(alone) {
            let resource = span::resource(group.resource);
            for scope in group.scopes.unwrap_or_default() {
                encoder.set_group(resource.clone(), span::scope(scope.scope), &mut traces.body);
                for raw in scope.items.unwrap_or_default() {
                    match span::decode(raw.get()) {
                        Ok(span) => encoder.push(&span, &mut traces.body),
                        Err(reason) => traces.rejected.push(RejectedSpan { number, reason }),
                    }
                    number += 1;
                }
            }
        }
        number
    }
}
