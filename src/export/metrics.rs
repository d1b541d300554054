//! Writes data points of metrics as OTLP, in JSON and from it in protobuf.

use std::io::{self, Write};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value as Json, json};

use super::{Format, Redactor};
use crate::model::attributes::non_finite_name;
use crate::model::distribution::{ExponentialBuckets, Shape};
use crate::model::metric::{Exemplar, Number, PointData, Temporality};
use crate::model::{Attribute, Distribution, MetricBatch, MetricKind, MetricPoint, Nanos, Value};
use crate::otlp;

/// Writes the points of a batch as an `ExportMetricsServiceRequest`: a line of JSON, or protobuf, in which requests one after another are
/// one. A redactor hides secrets in attributes and texts.
///
/// # Errors
///
/// If they can't be written, or if the format has no metrics.
pub fn write_metrics(batch: &MetricBatch, format: Format, redactor: Option<&Redactor>, out: &mut impl Write) -> io::Result<()> {
    let text = request(batch, redactor).to_string();
    match format {
        Format::Otlp => writeln!(out, "{text}"),
        Format::OtlpProto => out.write_all(&otlp::json::encode_metrics(text.as_bytes()).map_err(io::Error::other)?),
        _ => Err(io::Error::other(format!("{} has no metrics", format.name()))),
    }
}

fn request(batch: &MetricBatch, redactor: Option<&Redactor>) -> Json {
    // Consecutive points of a metric stay together.
    let groups = batch.points.chunk_by(|one, other| std::sync::Arc::ptr_eq(&one.metric, &other.metric));
    let groups: Vec<Json> = groups.filter_map(|points| Some(group(points.first()?, points, redactor))).collect();
    json!({ "resourceMetrics": groups })
}

fn group(first: &MetricPoint, points: &[MetricPoint], redactor: Option<&Redactor>) -> Json {
    let metric = &first.metric;
    let text = |text: &str| redactor.map_or_else(|| text.to_owned(), |redactor| redactor.text(text).into_owned());
    let data_points: Vec<Json> = points.iter().map(|point| data_point(point, redactor)).collect();
    let temporality = match metric.kind.temporality() {
        None | Some(Temporality::Unspecified) => 0,
        Some(Temporality::Delta) => 1,
        Some(Temporality::Cumulative) => 2,
    };
    let (name, data) = match metric.kind {
        MetricKind::Gauge => ("gauge", json!({ "dataPoints": data_points })),
        MetricKind::Sum(_, is_monotonic) => {
            ("sum", json!({ "dataPoints": data_points, "aggregationTemporality": temporality, "isMonotonic": is_monotonic }))
        }
        MetricKind::Histogram(_) => ("histogram", json!({ "dataPoints": data_points, "aggregationTemporality": temporality })),
        MetricKind::ExponentialHistogram(_) => {
            ("exponentialHistogram", json!({ "dataPoints": data_points, "aggregationTemporality": temporality }))
        }
        MetricKind::Summary => ("summary", json!({ "dataPoints": data_points })),
    };
    let written = json!({ "name": text(&metric.name), "description": text(&metric.description), "unit": text(&metric.unit), name: data });
    json!({
        "resource": { "attributes": attributes(&metric.resource, redactor) },
        "scopeMetrics": [{ "scope": { "name": text(&metric.scope.0), "version": text(&metric.scope.1) }, "metrics": [written] }],
    })
}

fn data_point(point: &MetricPoint, redactor: Option<&Redactor>) -> Json {
    let mut map = Map::new();
    map.insert("attributes".to_owned(), attributes(&point.attributes, redactor));
    let mut time = |name: &str, time: Option<Nanos>| map.extend(time.map(|time| (name.to_owned(), time.to_string().into())));
    time("startTimeUnixNano", point.start);
    time("timeUnixNano", point.time);
    let mut insert = |name: &str, value: Json| drop(map.insert(name.to_owned(), value));
    match &point.data {
        PointData::Missing => insert("flags", json!(1)),
        PointData::Number(value) => insert_number(*value, &mut insert),
        PointData::Distribution(values) => distribution(values, &mut insert),
        PointData::Summary(count, sum, quantiles) => {
            let quantile = |&(quantile, value): &(f64, f64)| json!({ "quantile": float(quantile), "value": float(value) });
            insert("count", count.to_string().into());
            insert("sum", float(*sum));
            insert("quantileValues", quantiles.iter().map(quantile).collect());
        }
    }
    if !point.exemplars.is_empty() {
        insert("exemplars", point.exemplars.iter().map(|known| exemplar(known, redactor)).collect());
    }
    Json::Object(map)
}

fn insert_number(number: Number, insert: &mut impl FnMut(&str, Json)) {
    match number {
        Number::Int(number) => insert("asInt", number.to_string().into()),
        Number::Float(number) => insert("asDouble", float(number)),
    }
}

fn distribution(values: &Distribution, insert: &mut impl FnMut(&str, Json)) {
    let counts = |counts: &[u64]| counts.iter().map(u64::to_string).collect::<Json>();
    let buckets = |buckets: &ExponentialBuckets| json!({ "offset": buckets.offset, "bucketCounts": counts(&buckets.counts) });
    insert("count", values.count.to_string().into());
    for (name, number) in [("sum", values.sum), ("min", values.min), ("max", values.max)] {
        if let Some(number) = number {
            insert(name, float(number));
        }
    }
    match &values.shape {
        Shape::Explicit(bounds, bucket_counts) => {
            insert("explicitBounds", bounds.iter().map(|bound| float(*bound)).collect());
            insert("bucketCounts", counts(bucket_counts));
        }
        Shape::Exponential { scale, zeros, above, below } => {
            insert("scale", (*scale).into());
            insert("zeroCount", zeros.to_string().into());
            insert("positive", buckets(above));
            insert("negative", buckets(below));
        }
    }
}

fn exemplar(exemplar: &Exemplar, redactor: Option<&Redactor>) -> Json {
    let mut map = Map::new();
    insert_number(exemplar.value, &mut |name, value| drop(map.insert(name.to_owned(), value)));
    map.insert("filteredAttributes".to_owned(), attributes(&exemplar.attributes, redactor));
    map.extend(exemplar.time.map(|time| ("timeUnixNano".to_owned(), time.to_string().into())));
    map.extend(exemplar.trace.map(|trace| ("traceId".to_owned(), trace.to_string().into())));
    map.extend(exemplar.span.map(|span| ("spanId".to_owned(), span.to_string().into())));
    Json::Object(map)
}

fn attributes(attributes: &[Attribute], redactor: Option<&Redactor>) -> Json {
    let Some(redactor) = redactor else { return key_values(attributes) };
    let mut redacted = attributes.to_vec();
    redactor.attributes(&mut redacted);
    key_values(&redacted)
}

fn key_values(attributes: &[Attribute]) -> Json {
    attributes.iter().map(|(key, value)| json!({ "key": key, "value": any_value(value) })).collect()
}

fn any_value(value: &Value) -> Json {
    match value {
        Value::Null => json!({}),
        Value::Bool(flag) => json!({ "boolValue": flag }),
        Value::Int(number) => json!({ "intValue": number.to_string() }),
        Value::Float(number) => json!({ "doubleValue": float(*number) }),
        Value::Text(text) => json!({ "stringValue": text }),
        Value::Bytes(bytes) => json!({ "bytesValue": BASE64_STANDARD.encode(bytes) }),
        Value::List(values) => json!({ "arrayValue": { "values": values.iter().map(any_value).collect::<Json>() } }),
        Value::Map(entries) => json!({ "kvlistValue": { "values": key_values(entries) } }),
    }
}

/// Returns a number, or the name that OTLP/JSON gives to one that is not finite.
fn float(number: f64) -> Json {
    non_finite_name(number).map_or_else(|| json!(number), Json::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::SourceId;

    const REQUEST: &str = r#"{"resourceMetrics":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"app"}},{"key":"x","value":{"kvlistValue":{"values":[{"key":"l","value":{"arrayValue":{"values":[{"boolValue":true},{"bytesValue":"AP8="},{"doubleValue":"NaN"},{}]}}}]}}}]},"scopeMetrics":[{"scope":{"name":"s","version":"1"},"metrics":[
        {"name":"g","unit":"1","gauge":{"dataPoints":[{"asDouble":"-Infinity","timeUnixNano":"5"},{"flags":1,"timeUnixNano":"6"}]}},
        {"name":"c","sum":{"isMonotonic":true,"aggregationTemporality":1,"dataPoints":[{"asInt":"9007199254740993","startTimeUnixNano":"1","timeUnixNano":"5","attributes":[{"key":"api_key","value":{"stringValue":"hunter2"}}]}]}},
        {"name":"h","description":"d","histogram":{"aggregationTemporality":2,"dataPoints":[{"timeUnixNano":"5","count":"3","sum":4.5,"min":1,"max":2,"bucketCounts":["1","2"],"explicitBounds":[1.5],"exemplars":[{"asInt":"2","timeUnixNano":"4","traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331"}]}]}},
        {"name":"e","exponentialHistogram":{"aggregationTemporality":1,"dataPoints":[{"timeUnixNano":"5","count":"4","sum":1,"scale":-1,"zeroCount":"1","positive":{"offset":-2,"bucketCounts":["1"]},"negative":{"offset":3,"bucketCounts":["2"]}}]}},
        {"name":"s","summary":{"dataPoints":[{"timeUnixNano":"5","count":"2","sum":3,"quantileValues":[{"quantile":0.5,"value":1}]}]}}]}]}]}"#;

    fn read(body: &[u8]) -> Vec<MetricPoint> {
        let mut batch = MetricBatch::default();
        otlp::metrics::read(body, &mut batch).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(batch.invalid, 0);
        batch.points
    }

    fn written(points: &[MetricPoint], format: Format, redactor: Option<&Redactor>) -> Vec<u8> {
        let batch = MetricBatch { source: SourceId(0), points: points.to_vec(), ..MetricBatch::default() };
        let mut out = Vec::new();
        write_metrics(&batch, format, redactor, &mut out).unwrap_or_else(|error| panic!("{error}"));
        out
    }

    #[test]
    fn points_of_every_type_survive_json_and_protobuf() {
        let encode = |text: &[u8]| otlp::json::encode_metrics(text).unwrap_or_else(|error| panic!("{error}"));
        let points = read(&encode(REQUEST.as_bytes()));
        assert_eq!(points.len(), 6);
        // Numbers that are not equal to themselves are compared as text.
        let text = |points: &[MetricPoint]| format!("{points:?}");
        assert_eq!(text(&read(&encode(&written(&points, Format::Otlp, None)))), text(&points));
        assert_eq!(text(&read(&written(&points, Format::OtlpProto, None))), text(&points));
        assert!(write_metrics(&MetricBatch::default(), Format::Csv, None, &mut Vec::new()).is_err());
    }

    #[test]
    fn secrets_are_hidden_on_request() {
        let points = read(&otlp::json::encode_metrics(REQUEST.as_bytes()).unwrap_or_default());
        let redactor = Redactor::new(&[]).unwrap_or_else(|error| panic!("{error}"));
        let text = String::from_utf8(written(&points, Format::Otlp, Some(&redactor))).unwrap_or_default();
        assert!(text.contains("[redacted]") && !text.contains("hunter2") && text.contains("app"), "{text}");
    }
}
