//! Decodes metrics of OTLP/JSON, as far as they are read: the number of data points.

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::metrics::v1 as metrics;
use prost::Message;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use super::ResourceGroup;
use super::value::parse;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metrics<'a> {
    #[serde(borrow)]
    resource_metrics: Option<Vec<ResourceGroup<'a>>>,
}

/// Returns the metrics of all groups.
fn items(groups: Option<Vec<ResourceGroup<'_>>>) -> impl Iterator<Item = &RawValue> {
    let scopes = groups.into_iter().flatten().flat_map(|group| group.scopes.unwrap_or_default());
    scopes.flat_map(|scope| scope.items.unwrap_or_default())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metric {
    gauge: Option<DataPoints>,
    sum: Option<DataPoints>,
    histogram: Option<DataPoints>,
    exponential_histogram: Option<DataPoints>,
    summary: Option<DataPoints>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DataPoints {
    data_points: Option<Vec<IgnoredAny>>,
}

/// Encodes an `ExportMetricsServiceRequest` as protobuf, with as many data points, all of them empty.
pub(super) fn encode_metrics(text: &str) -> Result<Vec<u8>, String> {
    let request: Metrics<'_> = parse(text)?;
    let mut count = 0;
    for raw in items(request.resource_metrics) {
        let Metric { gauge, sum, histogram, exponential_histogram, summary } = parse(raw.get())?;
        let kinds = [gauge, sum, histogram, exponential_histogram, summary].into_iter().flatten();
        count += kinds.map(|points| points.data_points.map_or(0, |points| points.len())).sum::<usize>();
    }
    let gauge = metrics::Gauge { data_points: vec![metrics::NumberDataPoint::default(); count] };
    let metric = metrics::Metric { data: Some(metrics::metric::Data::Gauge(gauge)), ..metrics::Metric::default() };
    let scope_metrics = vec![metrics::ScopeMetrics { metrics: vec![metric], ..metrics::ScopeMetrics::default() }];
    let resource_metrics = vec![metrics::ResourceMetrics { scope_metrics, ..metrics::ResourceMetrics::default() }];
    Ok(ExportMetricsServiceRequest { resource_metrics }.encode_to_vec())
}
