//! Metrics over gRPC and HTTP, in protobuf and JSON, compressed or not.

use agno_top::metrics::{MetricStore, Value};
use agno_top::model::SourceId;
use agno_top::model::metric::Number;
use agno_top::sources::otlp::Options;
use agno_top::sources::{State, Update, UpdateSender, sqlite};
use flate2::Compression;
use flate2::write::GzEncoder;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use opentelemetry_proto::tonic::metrics::v1::{Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum};
use opentelemetry_proto::tonic::metrics::v1::{metric, number_data_point};
use prost::Message;
use std::io::Write;
use tonic::transport::Endpoint;

use super::listener::{Listener, any_port};

/// A request with a counter, and a gauge.
fn request(time: u64, total: i64) -> ExportMetricsServiceRequest {
    let point = |value, start| NumberDataPoint {
        time_unix_nano: time,
        start_time_unix_nano: start,
        value: Some(value),
        ..NumberDataPoint::default()
    };
    let sum = Sum { data_points: vec![point(number_data_point::Value::AsInt(total), 1)], aggregation_temporality: 2, is_monotonic: true };
    let gauge = Gauge { data_points: vec![point(number_data_point::Value::AsDouble(0.5), 0)] };
    let named = |name: &str, data| Metric { name: name.to_owned(), data: Some(data), ..Metric::default() };
    let metrics = vec![named("tokens", metric::Data::Sum(sum)), named("load", metric::Data::Gauge(gauge))];
    let scope_metrics = vec![ScopeMetrics { metrics, ..ScopeMetrics::default() }];
    ExportMetricsServiceRequest { resource_metrics: vec![ResourceMetrics { scope_metrics, ..ResourceMetrics::default() }] }
}

#[test]
fn every_protocol_and_encoding_leads_to_the_same_series() {
    let mut listener = Listener::start();
    let post = |headers: &[(&str, &str)], body: &[u8]| listener.client().post("/v1/metrics", headers, body).status;
    assert_eq!(post(&[("content-type", "application/x-protobuf")], &request(10, 1).encode_to_vec()), 200);
    assert_eq!(post(&[("content-type", "application/json")], &serde_json::to_vec(&request(20, 3)).unwrap()), 200);
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(&request(30, 4).encode_to_vec()).unwrap();
    let gzip = gzip.finish().unwrap();
    assert_eq!(post(&[("content-type", "application/x-protobuf"), ("content-encoding", "gzip")], &gzip), 200);
    assert_eq!(post(&[("content-type", "application/x-protobuf"), ("content-encoding", "gzip")], &gzip[..gzip.len() / 2]), 400);
    assert_eq!(post(&[("content-type", "application/x-protobuf")], b"nonsense"), 400);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let channel = Endpoint::from_shared(format!("http://{}", listener.grpc)).unwrap().connect().await.unwrap();
        MetricsServiceClient::new(channel).export(request(40, 9)).await.unwrap();
    });
    assert_eq!(listener.traffic(|traffic| traffic.metrics == 8).rejected_points, 0);
    let mut store = MetricStore::default();
    listener.metrics.drain(..).for_each(|batch| store.apply(batch));
    let values: Vec<_> = store.series().iter().map(|series| (series.metric.name.as_str(), series.value(), series.points)).collect();
    assert_eq!(values, [("tokens", Value::Number(Number::Int(9)), 4), ("load", Value::Number(Number::Float(0.5)), 4)]);
    assert_eq!(store.series()[0].metric.kind.name(), "counter");
}

#[test]
fn the_sender_learns_how_many_points_are_wrong() {
    let mut listener = Listener::start();
    let points =
        r#"{"asDouble":"NaN","timeUnixNano":"1"},{"asInt":"-1","timeUnixNano":"1"},{"timeUnixNano":"1"},{"asInt":"x"},{"asInt":"2"}"#;
    let body = format!(
        r#"{{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{{"name":"n","sum":{{"isMonotonic":true,"aggregationTemporality":1,"dataPoints":[{points}]}}}},5]}}]}}]}}"#
    );
    let response = listener.client().post("/v1/metrics", &[("content-type", "application/json")], body.as_bytes());
    assert_eq!(response.status, 200);
    assert!(response.text().contains(r#""rejectedDataPoints":"5""#), "{}", response.text());
    let traffic = listener.traffic(|traffic| traffic.metrics > 0);
    assert_eq!((traffic.metrics, traffic.rejected_points), (6, 5));
}

#[test]
fn recorded_metrics_are_read_again_and_count_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("run.db");
    let options = Options { record: Some((path.clone(), sqlite::Tables::default())), ..any_port() };
    let mut listener = Listener::with(options, 64);
    assert_eq!(
        listener.client().post("/v1/metrics", &[("content-type", "application/x-protobuf")], &request(10, 1).encode_to_vec()).status,
        200
    );
    assert_eq!(
        listener
            .client()
            .post("/v1/metrics", &[("content-type", "application/json")], &serde_json::to_vec(&request(20, 3)).unwrap())
            .status,
        200
    );
    let (sender, mut updates) = tokio::sync::mpsc::channel(64);
    let source = sqlite::start(path, sqlite::Tables::default(), 1000, UpdateSender::new(SourceId(4), sender)).unwrap();
    let mut store = MetricStore::default();
    listener.receive();
    listener.metrics.drain(..).for_each(|batch| store.apply(batch));
    let mut read = 0;
    loop {
        match updates.blocking_recv().unwrap() {
            Update::Metrics(batch) => {
                read += batch.points.len();
                store.apply(batch);
            }
            Update::State(_, State::Watching { .. }) => break,
            _ => {}
        }
    }
    // What is recorded from now on follows.
    assert_eq!(
        listener.client().post("/v1/metrics", &[("content-type", "application/x-protobuf")], &request(30, 9).encode_to_vec()).status,
        200
    );
    while read < 6 {
        if let Update::Metrics(batch) = updates.blocking_recv().unwrap() {
            read += batch.points.len();
            store.apply(batch);
        }
    }
    assert_eq!(store.series().len(), 2);
    assert_eq!((store.series()[0].value(), store.series()[0].points), (Value::Number(Number::Int(9)), 3));
    assert!(source.stop().is_empty());
}
