//! Recording and forwarding.

use std::io::Write;
use std::path::Path;

use agno_top::sources::UpdateSender;
use agno_top::sources::otlp::{self, Options};
use agno_top::sources::sqlite::Tables;
use flate2::Compression;
use flate2::write::GzEncoder;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use rusqlite::Connection;

use crate::FIXTURE;
use crate::listener::{Listener, any_port};

pub(crate) fn recording(path: &Path) -> Options {
    Options { record: Some((path.to_owned(), Tables::default())), ..any_port() }
}

/// Returns the numbers of traces, spans and indexes.
pub(crate) fn numbers(path: &Path) -> (i64, i64, i64) {
    let query = |sql: &str| Connection::open(path).unwrap().query_row(sql, [], |row| row.get(0)).unwrap();
    let indexes = query("SELECT count(*) FROM sqlite_master WHERE type = 'index' AND name LIKE 'idx_agno%'");
    (query("SELECT count(*) FROM agno_traces"), query("SELECT count(*) FROM agno_spans"), indexes)
}

#[test]
fn an_acknowledged_span_is_recorded_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let listener = Listener::with(recording(&path), 64);
    assert_eq!(listener.post(FIXTURE).status, 200);
    assert_eq!(numbers(&path), (11, 75, 14));
    assert_eq!(listener.post(FIXTURE).status, 200);
    assert_eq!(numbers(&path), (11, 75, 14));
}

#[test]
fn recorded_rows_equal_those_of_agno() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    assert_eq!(Listener::with(recording(&path), 64).post(FIXTURE).status, 200);
    let (connection, agnos) = (Connection::open(&path).unwrap(), Connection::open("tests/fixtures/agno-3.1.10.sqlite").unwrap());
    let columns = |connection: &Connection, table: &str| -> Vec<(String, String, i64, i64)> {
        let mut statement = connection.prepare(&format!("SELECT name, type, \"notnull\", pk FROM pragma_table_info('{table}')")).unwrap();
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))).unwrap();
        rows.map(Result::unwrap).collect()
    };
    for table in ["agno_spans", "agno_traces", "agno_schema_versions"] {
        assert_eq!(columns(&connection, table), columns(&agnos, table));
    }
    let versions = |connection: &Connection| -> Vec<String> {
        let mut statement = connection.prepare("SELECT table_name || ' ' || version FROM agno_schema_versions ORDER BY 1").unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    };
    assert_eq!(versions(&connection), versions(&agnos));
    let row = |connection: &Connection| -> (String, String, String, String, String) {
        let sql = "SELECT name, span_kind, status_code, status_message, attributes FROM agno_spans WHERE status_code = 'ERROR' AND status_message LIKE '%exploded%' ORDER BY name LIMIT 1";
        connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))).unwrap()
    };
    let (ours, theirs) = (row(&connection), row(&agnos));
    assert_eq!((&ours.0, &ours.1, &ours.2, &ours.3), (&theirs.0, &theirs.1, &theirs.2, &theirs.3));
    let keys = |text: &str| {
        let map: serde_json::Map<String, serde_json::Value> = serde_json::from_str(text).unwrap();
        // Agno drops the events.
        let mut keys: Vec<String> = map.keys().filter(|key| *key != "agno_top.events").cloned().collect();
        keys.sort();
        keys
    };
    assert_eq!(keys(&ours.4), keys(&theirs.4));
}

#[test]
fn json_and_protobuf_are_recorded_alike() {
    let directory = tempfile::tempdir().unwrap();
    let rows = |name: &str, content_type: &str, body: &[u8]| -> Vec<String> {
        let path = directory.path().join(name);
        let listener = Listener::with(recording(&path), 64);
        assert_eq!(listener.client().post("/v1/traces", &[("content-type", content_type)], body).status, 200);
        let connection = Connection::open(&path).unwrap();
        let mut rows = Vec::new();
        for (table, key) in [("agno_traces", "trace_id"), ("agno_spans", "span_id")] {
            let mut statement = connection.prepare(&format!("SELECT * FROM {table} ORDER BY {key}")).unwrap();
            let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
            let mut found = statement.query([]).unwrap();
            while let Some(row) = found.next().unwrap() {
                let cells = columns.iter().enumerate().filter(|(_, name)| *name != "created_at");
                rows.push(cells.map(|(at, name)| format!("{name}: {:?}", row.get_ref(at).unwrap())).collect::<Vec<_>>().join("\n"));
            }
        }
        rows
    };
    let json = serde_json::to_vec(&ExportTraceServiceRequest::decode(FIXTURE).unwrap()).unwrap();
    let rows = [rows("a.db", "application/x-protobuf", FIXTURE), rows("b.db", "application/json", &json)];
    assert_eq!(rows[0].len(), 11 + 75);
    assert_eq!(rows[0], rows[1]);
}

#[test]
fn a_negative_duration_is_recorded_as_zero() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let listener = Listener::with(recording(&path), 64);
    for id in ["b7ad6b7169203331", "b7ad6b7169203332"] {
        let span = format!(
            r#"{{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"{id}","name":"a","startTimeUnixNano":"1795327144000000000","endTimeUnixNano":"1795327143000000000"}}"#
        );
        let body = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{span}]}}]}}]}}"#);
        let answer = listener.client().post("/v1/traces", &[("content-type", "application/json")], body.as_bytes());
        assert_eq!(answer.status, 200);
    }
    let one = |sql: &str| Connection::open(&path).unwrap().query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(one("SELECT sum(abs(duration_ms)) FROM agno_spans"), 0);
    assert_eq!(one("SELECT duration_ms FROM agno_traces"), 0);
}

#[test]
fn a_file_that_is_not_a_database_is_reported_at_start() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    std::fs::write(&path, "no database at all, but a text of some length").unwrap();
    let (updates, _received) = tokio::sync::mpsc::channel(1);
    let error = otlp::start(recording(&path), UpdateSender::new(agno_top::model::SourceId(0), updates)).unwrap_err().to_string();
    assert!(error.contains("can't record into") && error.contains("a.db"), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap().len(), 45);
}

#[cfg(unix)]
#[test]
fn a_device_is_no_recording() {
    let (updates, _received) = tokio::sync::mpsc::channel(1);
    let error = otlp::start(recording(Path::new("/dev/null")), UpdateSender::new(agno_top::model::SourceId(0), updates)).unwrap_err();
    assert!(error.to_string().ends_with("can't record into /dev/null: it is not a regular file"), "{error}");
}

#[test]
fn a_folder_that_is_missing_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path().join("none");
    let start = |path: &Path| {
        let (updates, _received) = tokio::sync::mpsc::channel(1);
        otlp::start(recording(path), UpdateSender::new(agno_top::model::SourceId(0), updates)).unwrap_err().to_string()
    };
    let path = folder.join("a.db");
    assert_eq!(start(&path), format!("can't record into {}: the folder {} is missing", path.display(), folder.display()));
    assert_eq!(start(directory.path()), format!("can't record into {}: it is a directory", directory.path().display()));
}

#[test]
fn who_cannot_listen_leaves_no_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap();
    let taken = Options { grpc: None, http: Some(address), needs_address: true, ..recording(&path) };
    let (updates, _received) = tokio::sync::mpsc::channel(1);
    let error = otlp::start(taken, UpdateSender::new(agno_top::model::SourceId(0), updates)).unwrap_err().to_string();
    assert!(error.starts_with(&format!("can't listen on {address}: it is in use")));
    assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 0);
}

#[test]
fn a_foreign_database_is_not_changed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let execute = |sql: &str| Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    execute("CREATE TABLE x (a)");
    let before = std::fs::read(&path).unwrap();
    let start = || {
        let (updates, _received) = tokio::sync::mpsc::channel(1);
        otlp::start(recording(&path), UpdateSender::new(agno_top::model::SourceId(0), updates))
    };
    let error = start().unwrap_err().to_string();
    assert!(error.ends_with("a.db: it holds tables that are not Agno's"), "{error}");
    assert_eq!(std::fs::read(&path).unwrap(), before);
    execute("CREATE TABLE agno_sessions (a)");
    assert!(start().is_ok(), "a table of Agno makes it an Agno database");
}

#[test]
fn a_request_that_can_not_be_recorded_is_not_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let mut listener = Listener::with(recording(&path), 64);
    Connection::open(&path).unwrap().execute_batch("DROP TABLE agno_spans").unwrap();
    let answer = listener.post(FIXTURE);
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
    assert_eq!(listener.spans().len(), 0);
}

#[test]
fn requests_are_forwarded_unchanged() {
    let mut end = Listener::start();
    let forward = vec![format!("http://{}", end.http), "http://127.0.0.1:9".to_owned()];
    let headers = vec![("x-key".to_owned(), "v".to_owned())];
    let mut listener = Listener::with(Options { forward, forward_headers: headers, ..any_port() }, 64);
    assert_eq!(listener.post(FIXTURE).status, 200);
    let log = listener.client().post("/v1/logs", &[("content-type", "application/json")], b"{}");
    assert_eq!(log.status, 200);
    let traffic = listener.traffic(|traffic| traffic.forwards.first().is_some_and(|forward| forward.sent == 2));
    assert_eq!((traffic.forwards[0].waiting, traffic.forwards[0].dropped, &traffic.forwards[0].error), (0, 0, &None));
    let dead = listener.traffic(|traffic| traffic.forwards[1].error.is_some());
    assert_eq!((dead.forwards[1].sent, dead.forwards[1].waiting), (0, 2));
    assert_eq!(end.spans().len(), 75);
}

#[test]
fn compressed_requests_are_forwarded_and_rejections_counted() {
    let mut end = Listener::start();
    let forward = vec![format!("http://{}", end.http), format!("http://{}/otel", end.http)];
    let mut listener = Listener::with(Options { forward, ..any_port() }, 64);
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(FIXTURE).unwrap();
    let zstd = zstd::encode_all(FIXTURE, 1).unwrap();
    let mut client = listener.client();
    for (coding, body) in [("gzip", gzip.finish().unwrap()), ("zstd", zstd)] {
        let headers = [("content-type", "application/x-protobuf"), ("content-encoding", coding)];
        assert_eq!(client.post("/v1/traces", &headers, &body).status, 200);
    }
    for path in ["/v1/logs", "/v1/metrics"] {
        assert_eq!(client.post(path, &[("content-type", "application/json")], b"{}").status, 200);
    }
    let done = |traffic: &agno_top::sources::Traffic| {
        traffic.forwards.len() == 2 && traffic.forwards[0].sent == 4 && traffic.forwards[1].dropped == 4
    };
    let traffic = listener.traffic(done);
    // The endpoint does not serve that path.
    assert_eq!((traffic.forwards[1].sent, traffic.forwards[1].waiting), (0, 0));
    assert_eq!(end.spans().len(), 150);
    assert_eq!(end.traffic(|traffic| traffic.refused > 3).refused, 4);
}

#[test]
fn a_deleted_recording_is_created_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let listener = Listener::with(recording(&path), 64);
    assert_eq!(listener.post(FIXTURE).status, 200);
    let delete = || std::fs::read_dir(directory.path()).unwrap().for_each(|file| std::fs::remove_file(file.unwrap().path()).unwrap());
    delete();
    assert_eq!(listener.post(FIXTURE).status, 200);
    assert_eq!(numbers(&path), (11, 75, 14));
    delete();
    std::fs::write(&path, "not a database, but long enough to be taken for one ".repeat(10)).unwrap();
    assert_eq!(listener.post(FIXTURE).status, 503, "another file has taken its place");
}

#[test]
fn a_moved_recording_keeps_what_was_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let [path, first, second] = ["a.db", "first.db", "second.db"].map(|name| directory.path().join(name));
    let listener = Listener::with(recording(&path), 64);
    assert_eq!(listener.post(FIXTURE).status, 200);
    std::fs::rename(&path, &first).unwrap();
    assert_eq!(listener.post(FIXTURE).status, 200);
    assert_eq!([numbers(&first), numbers(&path)], [(11, 75, 14); 2]);
    std::fs::rename(&path, &second).unwrap();
    drop(listener.updates);
    assert_eq!(listener.handle.stop(), [] as [String; 0]);
    assert_eq!(numbers(&second), (11, 75, 14), "nothing came after it was moved");
}

#[test]
fn everything_is_in_the_file_at_shutdown() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let listener = Listener::with(recording(&path), 64);
    assert_eq!(listener.post(FIXTURE).status, 200);
    drop(listener.updates);
    assert_eq!(listener.handle.stop(), [] as [String; 0]);
    let left: Vec<_> = std::fs::read_dir(directory.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(left, ["a.db"]);
    assert_eq!(numbers(&path), (11, 75, 14));
}

#[test]
fn waiting_requests_are_forwarded_at_shutdown_and_lost_ones_reported() {
    let mut end = Listener::start();
    let forward = vec![format!("http://{}", end.http), "http://127.0.0.1:9".to_owned()];
    let listener = Listener::with(Options { forward, ..any_port() }, 64);
    for _ in 0..5 {
        assert_eq!(listener.post(FIXTURE).status, 200);
    }
    drop(listener.updates);
    assert_eq!(listener.handle.stop(), ["requests not forwarded to http://127.0.0.1:9: 5"]);
    assert_eq!(end.spans().len(), 5 * 75);
}

#[test]
fn a_forwarding_loop_is_rejected_at_start() {
    let held = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (updates, _received) = tokio::sync::mpsc::channel(1);
    let options =
        Options { http: Some(held), forward: vec![format!("http://u:hunter2@localhost:{}/?key=hunter2", held.port())], ..any_port() };
    let error = otlp::start(options, UpdateSender::new(agno_top::model::SourceId(0), updates)).unwrap_err().to_string();
    assert!(error.contains("would loop") && !error.contains("hunter2"), "{error}");
}

#[test]
fn a_span_with_a_malformed_field_does_not_stop_the_recording() {
    let field = |number: u8, content: &[u8]| {
        let mut out = vec![number << 3 | 2];
        prost::encoding::encode_varint(content.len() as u64, &mut out);
        [&out, content].concat()
    };
    let source = ExportTraceServiceRequest::decode(FIXTURE).unwrap();
    let mut spans: Vec<Vec<u8>> = source.resource_spans[0].scope_spans[0].spans.iter().take(4).map(Message::encode_to_vec).collect();
    // Dropped attributes as a fixed number, a kind as text, an event whose time is a varint.
    spans[0].extend([10 << 3 | 5, 1, 0, 0, 0]);
    spans[1].extend([6 << 3 | 2, 1, b'x']);
    spans[2].extend([11 << 3 | 2, 2, 1 << 3, 7]);
    let spans: Vec<u8> = spans.iter().flat_map(|span| field(2, span)).collect();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let mut listener = Listener::with(recording(&path), 64);
    assert_eq!(listener.post(&field(1, &field(2, &spans))).status, 200);
    assert_eq!((listener.spans().len(), numbers(&path).1), (4, 4));
}
