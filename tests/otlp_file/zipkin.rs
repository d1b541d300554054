//! Spans that a real Zipkin server was sent, and gives back as JSON.
//!
//! `AGNO_TOP_ZIPKIN_JAR` names the server's jar, Maven's `io.zipkin:zipkin-server:3.5.1:jar:exec`. Without it the test is skipped.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use agno_top::model::{Payload, Span};
use serde_json::{Value, json};

use super::open_text;

/// How long the server may take to start, and to store the spans.
const TIMEOUT: Duration = Duration::from_secs(120);

/// A server, killed on drop.
struct Server {
    process: Child,
    url: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    fn start(jar: &std::ffi::OsStr) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new("java");
        command.arg("-jar").arg(jar).env("QUERY_PORT", port.to_string()).stdout(Stdio::null()).stderr(Stdio::null());
        let server = Self { process: command.spawn().unwrap(), url: format!("http://127.0.0.1:{port}") };
        server.get("/health");
        server
    }

    /// Returns an answer as soon as the server gives one.
    fn get(&self, path: &str) -> String {
        let started = Instant::now();
        loop {
            if let Ok(mut answer) = ureq::get(format!("{}{path}", self.url)).call() {
                return answer.body_mut().read_to_string().unwrap();
            }
            assert!(started.elapsed() < TIMEOUT, "{path} took too long");
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    fn send(&self, spans: &[Value]) {
        let url = format!("{}/api/v2/spans", self.url);
        ureq::post(url).content_type("application/json").send(Value::from(spans.to_vec()).to_string()).unwrap();
    }
}

/// Reads the spans of a text, by their ids.
fn spans(text: &str) -> Vec<(Span, String, Payload)> {
    let mut read = open_text(text);
    assert_eq!(read.skipped, []);
    let payloads = read.payloads(read.spans.iter().map(|(span, ..)| span.payload_ref).collect());
    let with_payloads = read.spans.iter().zip(payloads).map(|((span, name, _), payload)| (span.clone(), name.clone(), payload.unwrap()));
    let mut spans: Vec<_> = with_payloads.collect();
    spans.sort_by_key(|(span, ..)| (span.trace, span.id));
    spans
}

/// What a reader must find the same in what was sent and in what the server gives back.
fn facts((span, name, payload): &(Span, String, Payload)) -> String {
    let mut attributes = payload.attributes.clone();
    attributes.sort_by(|(one, _), (other, _)| one.cmp(other));
    let mut resource = payload.resource.clone();
    resource.sort_by(|(one, _), (other, _)| one.cmp(other));
    let (ids, times) = ((span.trace, span.id, span.parent), (span.start, span.end));
    let rest = (&payload.scope, payload.span_kind, &payload.status_message, &payload.events);
    format!("{ids:?} {times:?} {:?} {} {rest:?} {attributes:?} {resource:?}", span.status, name.to_lowercase())
}

#[test]
fn spans_of_a_real_server_are_read_as_they_were_sent() {
    let Some(jar) = std::env::var_os("AGNO_TOP_ZIPKIN_JAR").filter(|path| !path.is_empty()) else {
        eprintln!("skipped: AGNO_TOP_ZIPKIN_JAR does not name Zipkin's server (see CONTRIBUTING.md)");
        return;
    };
    let fixture: Vec<Vec<Value>> = serde_json::from_slice(&std::fs::read("tests/fixtures/forms/zipkin-v2.json").unwrap()).unwrap();
    let mut sent: Vec<Value> = fixture.into_iter().flatten().collect();
    let start = 1_795_945_012_157_783_u64;
    let mut add = |fields: Value| {
        let mut span = json!({"traceId": "48eb211c80319c0a", "timestamp": start, "localEndpoint": {"serviceName": "shop"}});
        span.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        sent.push(span);
    };
    add(json!({"id": "2", "name": "get", "kind": "CLIENT", "duration": 40, "tags": {"a": "1"}}));
    add(json!({"id": "2", "name": "handle", "kind": "SERVER", "shared": true, "duration": 20, "localEndpoint": {"serviceName": "db"}}));
    add(json!({"id": "3", "parentId": "2", "name": "short", "duration": 0, "tags": {"otel.scope.name": "x", "error": ""}}));
    add(json!({"id": "4", "parentId": "4", "name": "open", "annotations": [{"timestamp": start + 1, "value": "plain"}]}));

    let server = Server::start(&jar);
    server.send(&sent);
    let expected: Vec<String> = spans(&Value::from(sent).to_string()).iter().map(facts).collect();
    assert_eq!(expected.len(), 16);
    // The server stores what it has accepted a moment later.
    let (path, started) = ("/api/v2/traces?limit=100&endTs=1795946000000&lookback=86400000", Instant::now());
    let mut all = server.get(path);
    while all.matches("\"timestamp\":").count() < 17 && started.elapsed() < TIMEOUT {
        all = server.get(path);
    }
    assert_eq!(spans(&all).iter().map(facts).collect::<Vec<_>>(), expected);
    let one = spans(&server.get("/api/v2/trace/48eb211c80319c0a"));
    assert_eq!(one.iter().map(|(_, name, _)| name.as_str()).collect::<Vec<_>>(), ["get", "short", "open", "handle"]);
}
