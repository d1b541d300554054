//! Decodes metrics of OTLP/JSON.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::summary_data_point::ValueAtQuantile;
use opentelemetry_proto::tonic::metrics::v1::{self as proto, exemplar, metric, number_data_point};
use prost::Message;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::ResourceGroup;
use super::span::{id, resource, scope, time};
use super::value::{KeyValue, attributes, brief, integer, parse, unquoted};

/// An `ExportMetricsServiceRequest`, or a `ResourceMetrics` by itself.
#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"), rename_all = "camelCase")]
struct Request<'a> {
    #[serde(alias = "resource_metrics")]
    resource_metrics: Option<Vec<ResourceGroup<'a>>>,
    #[serde(default)]
    resource: Option<&'a RawValue>,
    #[serde(alias = "scope_metrics", default)]
    scope_metrics: Option<Vec<super::ScopeGroup<'a>>>,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"), rename_all = "camelCase")]
struct Metric<'a> {
    name: Option<String>,
    description: Option<String>,
    unit: Option<String>,
    gauge: Option<Data<'a>>,
    sum: Option<Data<'a>>,
    histogram: Option<Data<'a>>,
    #[serde(alias = "exponential_histogram")]
    exponential_histogram: Option<Data<'a>>,
    summary: Option<Data<'a>>,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"), rename_all = "camelCase")]
#[allow(clippy::struct_field_names, reason = "these are the keys of the data")]
struct Data<'a> {
    #[serde(alias = "data_points")]
    data_points: Option<Vec<&'a RawValue>>,
    #[serde(alias = "aggregation_temporality", default)]
    aggregation_temporality: Option<&'a RawValue>,
    #[serde(alias = "is_monotonic", default)]
    is_monotonic: Option<bool>,
}

/// A point of any type; each type has some of the fields.
#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"), rename_all = "camelCase")]
struct Point<'a> {
    attributes: Option<Vec<KeyValue<'a>>>,
    #[serde(alias = "start_time_unix_nano")]
    start_time_unix_nano: Option<&'a RawValue>,
    #[serde(alias = "time_unix_nano")]
    time_unix_nano: Option<&'a RawValue>,
    #[serde(alias = "as_double")]
    as_double: Option<&'a RawValue>,
    #[serde(alias = "as_int")]
    as_int: Option<&'a RawValue>,
    flags: Option<&'a RawValue>,
    exemplars: Option<Vec<ExemplarText<'a>>>,
    count: Option<&'a RawValue>,
    sum: Option<&'a RawValue>,
    min: Option<&'a RawValue>,
    max: Option<&'a RawValue>,
    #[serde(alias = "bucket_counts")]
    bucket_counts: Option<Vec<&'a RawValue>>,
    #[serde(alias = "explicit_bounds")]
    explicit_bounds: Option<Vec<&'a RawValue>>,
    scale: Option<&'a RawValue>,
    #[serde(alias = "zero_count")]
    zero_count: Option<&'a RawValue>,
    #[serde(alias = "zero_threshold")]
    zero_threshold: Option<&'a RawValue>,
    positive: Option<BucketsText<'a>>,
    negative: Option<BucketsText<'a>>,
    #[serde(alias = "quantile_values")]
    quantile_values: Option<Vec<Quantile<'a>>>,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"), rename_all = "camelCase")]
struct BucketsText<'a> {
    offset: Option<&'a RawValue>,
    #[serde(alias = "bucket_counts")]
    bucket_counts: Option<Vec<&'a RawValue>>,
}

#[derive(Deserialize)]
struct Quantile<'a> {
    #[serde(borrow)]
    quantile: Option<&'a RawValue>,
    #[serde(borrow)]
    value: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"), rename_all = "camelCase")]
struct ExemplarText<'a> {
    #[serde(alias = "filtered_attributes")]
    filtered_attributes: Option<Vec<KeyValue<'a>>>,
    #[serde(alias = "time_unix_nano")]
    time_unix_nano: Option<&'a RawValue>,
    #[serde(alias = "as_double")]
    as_double: Option<&'a RawValue>,
    #[serde(alias = "as_int")]
    as_int: Option<&'a RawValue>,
    #[serde(alias = "span_id")]
    span_id: Option<String>,
    #[serde(alias = "trace_id")]
    trace_id: Option<String>,
}

/// Encodes an `ExportMetricsServiceRequest` as protobuf. A metric or a point that can't be decoded becomes a point without a value, which
/// readers count as one that can't be read.
pub(super) fn encode(text: &str) -> Result<Vec<u8>, String> {
    let request: Request<'_> = parse(text)?;
    let alone = request.scope_metrics.map(|scopes| ResourceGroup { resource: request.resource, scopes: Some(scopes) });
    let groups = request.resource_metrics.into_iter().flatten().chain(alone);
    let resource_metrics = groups.map(|group| proto::ResourceMetrics {
        resource: Some(resource(group.resource)),
        scope_metrics: group.scopes.unwrap_or_default().into_iter().map(scope_metrics).collect(),
        ..proto::ResourceMetrics::default()
    });
    Ok(ExportMetricsServiceRequest { resource_metrics: resource_metrics.collect() }.encode_to_vec())
}

fn scope_metrics(group: super::ScopeGroup<'_>) -> proto::ScopeMetrics {
    let unreadable = || {
        let gauge = proto::Gauge { data_points: vec![proto::NumberDataPoint::default()] };
        proto::Metric { data: Some(metric::Data::Gauge(gauge)), ..proto::Metric::default() }
    };
    let metrics = group.items.unwrap_or_default().into_iter().map(|raw| metric(raw.get()).unwrap_or_else(|_| unreadable()));
    proto::ScopeMetrics { scope: Some(scope(group.scope)), metrics: metrics.collect(), ..proto::ScopeMetrics::default() }
}

fn metric(text: &str) -> Result<proto::Metric, String> {
    let Metric { name, description, unit, gauge, sum, histogram, exponential_histogram, summary } = parse(text)?;
    let data = if let Some(data) = gauge {
        Some(metric::Data::Gauge(proto::Gauge { data_points: points(data.data_points, number_point) }))
    } else if let Some(data) = sum {
        Some(metric::Data::Sum(proto::Sum {
            aggregation_temporality: temporality(data.aggregation_temporality),
            is_monotonic: data.is_monotonic.unwrap_or_default(),
            data_points: points(data.data_points, number_point),
        }))
    } else if let Some(data) = histogram {
        Some(metric::Data::Histogram(proto::Histogram {
            aggregation_temporality: temporality(data.aggregation_temporality),
            data_points: points(data.data_points, histogram_point),
        }))
    } else if let Some(data) = exponential_histogram {
        Some(metric::Data::ExponentialHistogram(proto::ExponentialHistogram {
            aggregation_temporality: temporality(data.aggregation_temporality),
            data_points: points(data.data_points, exponential_point),
        }))
    } else {
        summary.map(|data| metric::Data::Summary(proto::Summary { data_points: points(data.data_points, summary_point) }))
    };
    let [name, description, unit] = [name, description, unit].map(Option::unwrap_or_default);
    Ok(proto::Metric { name, description, unit, data, ..proto::Metric::default() })
}

/// Decodes points. One that can't be decoded is replaced by an invalid one of its type.
fn points<T: Invalid>(texts: Option<Vec<&RawValue>>, decode: fn(Point<'_>) -> Result<T, String>) -> Vec<T> {
    let decode = |raw: &RawValue| parse(raw.get()).and_then(decode).unwrap_or_else(|_| T::invalid());
    texts.unwrap_or_default().into_iter().map(decode).collect()
}

/// A point that readers of protobuf count as one that can't be read.
trait Invalid {
    fn invalid() -> Self;
}

impl Invalid for proto::NumberDataPoint {
    fn invalid() -> Self {
        Self::default()
    }
}

impl Invalid for proto::HistogramDataPoint {
    fn invalid() -> Self {
        Self { sum: Some(f64::NAN), ..Self::default() }
    }
}

impl Invalid for proto::ExponentialHistogramDataPoint {
    fn invalid() -> Self {
        Self { sum: Some(f64::NAN), ..Self::default() }
    }
}

impl Invalid for proto::SummaryDataPoint {
    fn invalid() -> Self {
        Self { sum: f64::NAN, ..Self::default() }
    }
}

fn temporality(raw: Option<&RawValue>) -> i32 {
    match raw.map(unquoted) {
        Some("1" | "AGGREGATION_TEMPORALITY_DELTA") => 1,
        Some("2" | "AGGREGATION_TEMPORALITY_CUMULATIVE") => 2,
        _ => 0,
    }
}

fn int(raw: &RawValue) -> Result<i64, String> {
    integer(unquoted(raw)).ok_or_else(|| format!("{} is not a whole number of 64 bits", brief(raw.get())))
}

/// Parses a count; 0 if it is absent.
fn count(raw: Option<&RawValue>) -> Result<u64, String> {
    let Some(raw) = raw else { return Ok(0) };
    unquoted(raw).parse().or_else(|_| u64::try_from(int(raw)?).map_err(|_| format!("{} is not a count", brief(raw.get()))))
}

fn double(raw: &RawValue) -> Result<f64, String> {
    unquoted(raw).parse().map_err(|_| format!("{} is not a number", brief(raw.get())))
}

fn optional_double(raw: Option<&RawValue>) -> Result<Option<f64>, String> {
    raw.map(double).transpose()
}

fn counts(raw: Option<Vec<&RawValue>>) -> Result<Vec<u64>, String> {
    raw.unwrap_or_default().into_iter().map(|raw| count(Some(raw))).collect()
}

fn small_int(raw: Option<&RawValue>) -> Result<i32, String> {
    raw.map_or(Ok(0), |raw| i32::try_from(int(raw)?).map_err(|_| format!("{} has more than 32 bits", brief(raw.get()))))
}

fn flags(raw: Option<&RawValue>) -> Result<u32, String> {
    Ok(u32::try_from(count(raw)?).unwrap_or_default())
}

fn exemplars(texts: Option<Vec<ExemplarText<'_>>>) -> Result<Vec<proto::Exemplar>, String> {
    let decode = |text: ExemplarText<'_>| {
        let as_double = text.as_double.map(double).transpose()?.map(exemplar::Value::AsDouble);
        let as_int = text.as_int.map(int).transpose()?.map(exemplar::Value::AsInt);
        Ok(proto::Exemplar {
            filtered_attributes: attributes(text.filtered_attributes)?,
            time_unix_nano: time(text.time_unix_nano, "time")?,
            span_id: id(&text.span_id.unwrap_or_default(), "span")?,
            trace_id: id(&text.trace_id.unwrap_or_default(), "trace")?,
            value: as_double.or(as_int),
        })
    };
    texts.unwrap_or_default().into_iter().map(decode).collect()
}

fn number_point(point: Point<'_>) -> Result<proto::NumberDataPoint, String> {
    let as_double = point.as_double.map(double).transpose()?.map(number_data_point::Value::AsDouble);
    let as_int = point.as_int.map(int).transpose()?.map(number_data_point::Value::AsInt);
    Ok(proto::NumberDataPoint {
        attributes: attributes(point.attributes)?,
        start_time_unix_nano: time(point.start_time_unix_nano, "start time")?,
        time_unix_nano: time(point.time_unix_nano, "time")?,
        exemplars: exemplars(point.exemplars)?,
        flags: flags(point.flags)?,
        value: as_double.or(as_int),
    })
}

fn histogram_point(point: Point<'_>) -> Result<proto::HistogramDataPoint, String> {
    Ok(proto::HistogramDataPoint {
        attributes: attributes(point.attributes)?,
        start_time_unix_nano: time(point.start_time_unix_nano, "start time")?,
        time_unix_nano: time(point.time_unix_nano, "time")?,
        count: count(point.count)?,
        sum: optional_double(point.sum)?,
        bucket_counts: counts(point.bucket_counts)?,
        explicit_bounds: point.explicit_bounds.unwrap_or_default().into_iter().map(double).collect::<Result<_, _>>()?,
        exemplars: exemplars(point.exemplars)?,
        flags: flags(point.flags)?,
        min: optional_double(point.min)?,
        max: optional_double(point.max)?,
    })
}

fn exponential_point(point: Point<'_>) -> Result<proto::ExponentialHistogramDataPoint, String> {
    let buckets = |text: Option<BucketsText<'_>>| {
        let decode = |text: BucketsText<'_>| {
            Ok::<_, String>(Buckets { offset: small_int(text.offset)?, bucket_counts: counts(text.bucket_counts)? })
        };
        text.map(decode).transpose()
    };
    Ok(proto::ExponentialHistogramDataPoint {
        attributes: attributes(point.attributes)?,
        start_time_unix_nano: time(point.start_time_unix_nano, "start time")?,
        time_unix_nano: time(point.time_unix_nano, "time")?,
        count: count(point.count)?,
        sum: optional_double(point.sum)?,
        scale: small_int(point.scale)?,
        zero_count: count(point.zero_count)?,
        positive: buckets(point.positive)?,
        negative: buckets(point.negative)?,
        flags: flags(point.flags)?,
        exemplars: exemplars(point.exemplars)?,
        min: optional_double(point.min)?,
        max: optional_double(point.max)?,
        zero_threshold: optional_double(point.zero_threshold)?.unwrap_or_default(),
    })
}

fn summary_point(point: Point<'_>) -> Result<proto::SummaryDataPoint, String> {
    let quantile = |text: Quantile<'_>| {
        let [quantile, value] = [text.quantile, text.value].map(|raw| optional_double(raw).map(Option::unwrap_or_default));
        Ok::<_, String>(ValueAtQuantile { quantile: quantile?, value: value? })
    };
    Ok(proto::SummaryDataPoint {
        attributes: attributes(point.attributes)?,
        start_time_unix_nano: time(point.start_time_unix_nano, "start time")?,
        time_unix_nano: time(point.time_unix_nano, "time")?,
        count: count(point.count)?,
        sum: optional_double(point.sum)?.unwrap_or_default(),
        quantile_values: point.quantile_values.unwrap_or_default().into_iter().map(quantile).collect::<Result<_, _>>()?,
        flags: flags(point.flags)?,
    })
}
