//! Log records over gRPC and HTTP, in protobuf and JSON, compressed or not, and recorded.

use agno_top::logs::LogStore;
use agno_top::model::{SourceId, SpanId, TraceId};
use agno_top::sources::otlp::Options;
use agno_top::sources::{State, Update, UpdateSender, log_content, sqlite};
use flate2::Compression;
use flate2::write::GzEncoder;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_client::LogsServiceClient;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use prost::Message;
use std::io::Write;
use tonic::transport::Endpoint;

use super::listener::{Listener, any_port};

const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");

fn record(observed: u64, text: &str) -> LogRecord {
    LogRecord {
        observed_time_unix_nano: observed,
        severity_number: 13,
        body: Some(AnyValue { value: Some(any_value::Value::StringValue(text.to_owned())) }),
        trace_id: vec![7; 16],
        span_id: vec![7; 8],
        ..LogRecord::default()
    }
}

fn request(log_records: Vec<LogRecord>) -> ExportLogsServiceRequest {
    let scope_logs = vec![ScopeLogs { log_records, ..ScopeLogs::default() }];
    ExportLogsServiceRequest { resource_logs: vec![ResourceLogs { scope_logs, ..ResourceLogs::default() }] }
}

/// The time in milliseconds, name and attributes of an event.
type Event<'a> = (u64, &'a str, &'a [(&'a str, &'a str)]);

/// Returns a request with the events of a coding agent.
fn events(events: &[Event<'_>]) -> Vec<u8> {
    let text = |text: &str| Some(AnyValue { value: Some(any_value::Value::StringValue(text.to_owned())) });
    let pair = |key: &str, value: &str| KeyValue { key: key.to_owned(), value: text(value), ..KeyValue::default() };
    let record = |&(millis, name, attributes): &Event<'_>| LogRecord {
        time_unix_nano: (1_795_900_000_000 + millis) * 1_000_000,
        body: text(name),
        attributes: [("event.name", name), ("session.id", "s"), ("prompt.id", "p")]
            .iter()
            .chain(attributes)
            .map(|(key, value)| pair(key, value))
            .collect(),
        ..LogRecord::default()
    };
    request(events.iter().map(record).collect()).encode_to_vec()
}

#[test]
fn a_recorded_turn_has_its_last_end_and_a_span_of_the_same_id_replaces_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("run.db");
    let listener = Listener::with(Options { record: Some((path.clone(), sqlite::Tables::default())), ..any_port() }, 64);
    let call: &[(&str, &str)] = &[("model", "m"), ("duration_ms", "100"), ("input_tokens", "5"), ("output_tokens", "2")];
    let root = |column: &str| {
        let connection = rusqlite::Connection::open(&path).unwrap();
        let sql = format!("SELECT {column} FROM agno_spans WHERE parent_span_id IS NULL");
        connection.query_row(&sql, [], |row| row.get::<_, rusqlite::types::Value>(0)).unwrap()
    };
    let post = |body: &[u8]| assert_eq!(listener.client().post("/v1/logs", &[PROTOBUF], body).status, 200);
    let requests = [events(&[(0, "user_prompt", &[]), (900, "api_request", call)]), events(&[(2150, "api_request", call)])];
    for (body, took) in requests.iter().zip([900, 2150]) {
        post(body);
        assert_eq!(root("duration_ms"), rusqlite::types::Value::Integer(took));
    }
    // The same request again, as a sender repeats it.
    post(&requests[0]);
    assert_eq!(root("duration_ms"), rusqlite::types::Value::Integer(2150));
    let [trace, id] = ["trace_id", "span_id"].map(|column| match root(column) {
        rusqlite::types::Value::Text(text) => text,
        other => panic!("{other:?}"),
    });
    for (name, stored) in [("real", "real"), ("again", "real")] {
        let span = format!(
            r#"{{"traceId":"{trace}","spanId":"{id}","name":"{name}","startTimeUnixNano":"1795900000000000000","endTimeUnixNano":"1795900000500000000"}}"#
        );
        let body = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{span}]}}]}}]}}"#);
        assert_eq!(listener.client().post("/v1/traces", &[("content-type", "application/json")], body.as_bytes()).status, 200);
        assert_eq!(root("name"), rusqlite::types::Value::Text(stored.to_owned()));
    }
}

#[test]
fn what_later_events_tell_otherwise_leaves_the_recording() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("run.db");
    let listener = Listener::with(Options { record: Some((path.clone(), sqlite::Tables::default())), ..any_port() }, 64);
    let call: &[(&str, &str)] = &[("model", "m"), ("duration_ms", "100"), ("input_tokens", "5"), ("output_tokens", "2")];
    let in_trace = |mut events: ExportLogsServiceRequest| {
        events.resource_logs[0].scope_logs[0].log_records[0].trace_id = vec![7; 16];
        events.encode_to_vec()
    };
    let post = |body: &[u8]| assert_eq!(listener.client().post("/v1/logs", &[PROTOBUF], body).status, 200);
    let recorded = |sql: &str| {
        let connection = rusqlite::Connection::open(&path).unwrap();
        let mut statement = connection.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
        rows.collect::<Result<Vec<_>, _>>().unwrap()
    };
    let details: &[(&str, &str)] = &[("gen_ai.request.model", "m"), ("gen_ai.usage.input_tokens", "5")];
    post(&events(&[(0, "user_prompt", &[]), (900, "gen_ai.client.inference.operation.details", details)]));
    let own = recorded("SELECT trace_id FROM agno_traces");
    assert_eq!((own.len(), recorded("SELECT name FROM agno_spans").len()), (1, 2));
    // A later event names the trace of the turn. The call is known from the program's own event.
    post(&in_trace(ExportLogsServiceRequest::decode(&events(&[(950, "api_request", call)])[..]).unwrap()));
    let named = "07".repeat(16);
    assert_ne!(own[0], named);
    assert_eq!(recorded("SELECT trace_id FROM agno_traces"), [named.as_str()]);
    assert_eq!(recorded("SELECT name FROM agno_spans ORDER BY start_time"), ["invoke_agent agent", "chat m"]);
    assert_eq!(recorded("SELECT DISTINCT trace_id FROM agno_spans"), [named.as_str()]);
}

fn store(listener: &mut Listener) -> LogStore {
    listener.receive();
    let mut store = LogStore::default();
    listener.logs.drain(..).for_each(|batch| store.apply(batch));
    store
}

#[test]
fn every_protocol_and_encoding_leads_to_the_same_records() {
    let mut listener = Listener::start();
    let request = request(vec![record(5, "disk is full")]);
    let post = |headers: &[(&str, &str)], body: &[u8]| listener.client().post("/v1/logs", headers, body).status;
    assert_eq!(post(&[PROTOBUF], &request.encode_to_vec()), 200);
    assert_eq!(post(&[("content-type", "application/json")], &serde_json::to_vec(&request).unwrap()), 200);
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(&request.encode_to_vec()).unwrap();
    let gzip = gzip.finish().unwrap();
    assert_eq!(post(&[PROTOBUF, ("content-encoding", "gzip")], &gzip), 200);
    assert_eq!(post(&[PROTOBUF, ("content-encoding", "gzip")], &gzip[..gzip.len() / 2]), 400);
    assert_eq!(post(&[PROTOBUF], b"nonsense"), 400);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let channel = Endpoint::from_shared(format!("http://{}", listener.grpc)).unwrap().connect().await.unwrap();
        LogsServiceClient::new(channel).export(request).await.unwrap();
    });
    listener.traffic(|traffic| traffic.logs == 4);
    let store = store(&mut listener);
    assert_eq!(store.len(), 4);
    for number in 0..4 {
        let record = store.get(number).unwrap();
        let body = log_content(record).body.to_json();
        assert_eq!((record.time, record.level(), body.as_str(), record.trace.is_some()), (5, "warn", r#""disk is full""#, true));
    }
}

#[test]
fn large_bodies_many_records_of_a_span_and_wrong_ids_are_kept_as_they_are() {
    let mut listener = Listener::start();
    let large = LogRecord { trace_id: vec![1; 3], span_id: vec![0; 8], ..record(0, &"x".repeat(5 << 20)) };
    let mut records: Vec<LogRecord> = (1..=20_000).map(|time| record(time, "again")).collect();
    records.push(large);
    assert_eq!(listener.client().post("/v1/logs", &[PROTOBUF], &request(records).encode_to_vec()).status, 200);
    let store = store(&mut listener);
    let (trace, span) = (TraceId::new([7; 16]).unwrap(), SpanId::new([7; 8]).unwrap());
    assert_eq!((store.len(), store.of_span(trace, span).count()), (20_001, 20_000));
    let last = store.get(20_000).unwrap();
    assert_eq!((last.time, last.trace, last.span, last.encoded.len() > 5 << 20), (0, None, None, true));
}

#[test]
fn recorded_log_records_are_read_again_and_are_one_with_those_of_the_listener() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("run.db");
    let options = Options { record: Some((path.clone(), sqlite::Tables::default())), ..any_port() };
    let mut listener = Listener::with(options, 64);
    let both = [request(vec![record(1, "one")]).encode_to_vec(), request(vec![record(2, "two")]).encode_to_vec()];
    assert!(both.iter().all(|body| listener.client().post("/v1/logs", &[PROTOBUF], body).status == 200));
    let mut store = store(&mut listener);
    assert_eq!(store.len(), 2);
    let (sender, mut updates) = tokio::sync::mpsc::channel(64);
    let source = sqlite::start(path, sqlite::Tables::default(), 1000, UpdateSender::new(SourceId(4), sender)).unwrap();
    let mut alone = LogStore::default();
    loop {
        match updates.blocking_recv().unwrap() {
            Update::Logs(batch) => {
                store.apply(batch.clone());
                alone.apply(batch);
            }
            Update::State(_, State::Watching { .. }) => break,
            _ => {}
        }
    }
    assert_eq!((store.len(), alone.len()), (2, 2));
    // What is recorded from now on follows.
    assert_eq!(listener.client().post("/v1/logs", &[PROTOBUF], &request(vec![record(3, "three")]).encode_to_vec()).status, 200);
    while alone.len() < 3 {
        if let Update::Logs(batch) = updates.blocking_recv().unwrap() {
            alone.apply(batch);
        }
    }
    assert!(source.stop().is_empty());
}
