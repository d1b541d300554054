//! Log records and metrics with any texts.

use std::sync::Arc;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue, any_value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;

use crate::model::distribution::Shape;
use crate::model::metric::{Exemplar, Number, PointData, Temporality};
use crate::model::{Distribution, LogBatch, Metric, MetricBatch, MetricKind, MetricPoint, Nanos, Payload, SourceId};
use crate::otlp::encode::key_values;

/// Returns a record of each severity with the texts of a span's payload; those of the first belong to the spans 1 and 2 of the trace 1.
pub(super) fn logs(payload: &Payload) -> LogBatch {
    let (service, name) = &payload.scope;
    let record = |severity: u8| LogRecord {
        time_unix_nano: 1_000 + u64::from(severity),
        severity_number: severity.into(),
        severity_text: payload.status_message.clone(),
        body: Some(text(if severity.is_multiple_of(2) { &payload.status_message } else { name })),
        attributes: key_values(payload.attributes.clone()),
        trace_id: if severity < 3 { vec![1; 16] } else { Vec::new() },
        span_id: if severity < 3 { vec![severity; 8] } else { Vec::new() },
        event_name: name.clone(),
        ..LogRecord::default()
    };
    let mut attributes = key_values(payload.resource.clone());
    attributes.push(KeyValue { key: "service.name".to_owned(), value: Some(text(service)), ..KeyValue::default() });
    let scope = InstrumentationScope { name: name.clone(), version: payload.status_message.clone(), ..InstrumentationScope::default() };
    let scope_logs = vec![ScopeLogs { scope: Some(scope), log_records: (1..25).map(record).collect(), ..ScopeLogs::default() }];
    let resource = Some(Resource { attributes, ..Resource::default() });
    let resource_logs = vec![ResourceLogs { resource, scope_logs, ..ResourceLogs::default() }];
    let body = ExportLogsServiceRequest { resource_logs }.encode_to_vec();
    LogBatch { source: SourceId(0), records: crate::otlp::logs::records(&body.into()).unwrap_or_default() }
}

fn text(text: &str) -> AnyValue {
    AnyValue { value: Some(any_value::Value::StringValue(text.to_owned())) }
}

/// Returns a histogram and a gauge with any texts.
pub(super) fn metrics(payload: &Payload, received: Nanos) -> MetricBatch {
    let point = |kind, data| {
        let metric = Metric {
            name: payload.scope.1.clone(),
            description: payload.status_message.clone(),
            unit: payload.scope.0.clone(),
            kind,
            resource: Arc::new(payload.resource.clone()),
            scope: Arc::new(payload.scope.clone()),
        };
        let attributes = payload.attributes.clone();
        let exemplar = Exemplar { value: Number::Int(1), time: None, trace: None, span: None, attributes: attributes.clone() };
        MetricPoint { metric: Arc::new(metric), attributes, start: Some(1), time: Some(2), data, exemplars: vec![exemplar] }
    };
    let values = Distribution { count: 3, shape: Shape::Explicit(vec![1.0], vec![1, 2]), ..Distribution::default() };
    let points = vec![
        point(MetricKind::Histogram(Temporality::Delta), PointData::Distribution(values)),
        point(MetricKind::Gauge, PointData::Number(Number::Float(0.5))),
    ];
    MetricBatch { source: SourceId(0), received, points, invalid: 1 }
}
