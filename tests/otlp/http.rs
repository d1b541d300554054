//! Requests over HTTP and their responses.

use std::io::Write;

use agno_top::sources::otlp::Options;
use agno_top::sources::{State, Traffic, Update, UpdateSender, otlp};
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use prost::Message;

use crate::FIXTURE;
use crate::listener::{Client, Listener, any_port};

const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");
const JSON: (&str, &str) = ("content-type", "application/json");

#[test]
fn all_spans_of_an_agno_request_are_ingested() {
    let mut listener = Listener::start();
    let answer = listener.post(FIXTURE);
    assert_eq!((answer.status, answer.header("content-type"), answer.body.len()), (200, Some("application/x-protobuf"), 0));
    assert_eq!(listener.spans().len(), 75);
    assert_eq!(listener.skipped(), []);
    assert!(listener.batches.iter().all(|batch| batch.rich));
    assert_eq!(listener.states, [State::Watching { left_out: 0 }]);
    let retained: u64 = listener.spans().iter().map(|(span, _)| u64::from(span.retained_bytes)).sum();
    // The whole request, and its places in the tables.
    assert!((1..2_000).contains(&(retained - FIXTURE.len() as u64)), "{retained}");
}

#[test]
fn json_and_protobuf_give_equal_rows_and_payloads() {
    let request = ExportTraceServiceRequest::decode(FIXTURE).unwrap();
    let json = serde_json::to_vec(&request).unwrap();
    let mut listener = Listener::start();
    assert_eq!(listener.post(FIXTURE).status, 200);
    let answer = listener.client().post("/v1/traces", &[("content-type", "application/json; charset=utf-8")], &json);
    assert_eq!((answer.status, answer.header("content-type"), answer.text().as_str()), (200, Some("application/json"), "{}"));
    let spans = listener.spans();
    let (protobuf, json) = spans.split_at(75);
    assert_eq!(json.len(), 75);
    for ((a, name), (b, other)) in protobuf.iter().zip(json) {
        assert_eq!((a.trace, a.id, a.parent, a.start, a.end, a.status, name), (b.trace, b.id, b.parent, b.start, b.end, b.status, other));
        let texts = |span: &agno_top::model::Span, batch: usize| {
            let (batch, facts) = (&listener.batches[batch], &span.facts);
            let texts =
                [facts.agent, facts.model, facts.provider, facts.tool, facts.session, facts.user, facts.run, facts.input, span.error];
            (facts.span_type, facts.usage, texts.map(|text| batch.text(text).to_owned()))
        };
        assert_eq!(texts(a, 0), texts(b, 1), "{name}");
    }
    for (a, b) in protobuf.to_vec().iter().zip(json.to_vec()) {
        assert_eq!(listener.payload(&a.0), listener.payload(&b.0), "{}", a.1);
    }
}

#[test]
fn compressed_bodies_are_accepted_on_one_connection() {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(FIXTURE).unwrap();
    let mut deflate = ZlibEncoder::new(Vec::new(), Compression::fast());
    deflate.write_all(FIXTURE).unwrap();
    let zstd = zstd::encode_all(FIXTURE, 1).unwrap();
    let mut listener = Listener::start();
    let mut client = listener.client();
    let bodies = [("identity", FIXTURE.to_vec()), ("gzip", gzip.finish().unwrap()), ("deflate", deflate.finish().unwrap()), ("zstd", zstd)];
    for (coding, body) in &bodies {
        let answer = client.post("/v1/traces", &[PROTOBUF, ("content-encoding", coding)], body);
        assert_eq!((answer.status, answer.text().as_str()), (200, ""), "{coding}");
    }
    assert_eq!(client.post("/v1/traces", &[PROTOBUF, ("content-encoding", "br")], FIXTURE).status, 415);
    assert_eq!(client.post("/v1/traces", &[PROTOBUF, ("content-encoding", "gzip")], FIXTURE).status, 400);
    let spans = listener.spans();
    assert_eq!(spans.len(), 4 * 75);
    let last = listener.payload(&spans[299].0);
    assert_eq!(last, listener.payload(&spans[74].0));
}

#[test]
fn invalid_requests_return_specific_statuses() {
    let listener = Listener::start();
    let send = |method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]| listener.client().send(method, path, headers, body);
    let unknown = send("POST", "/v2/spans", &[JSON], b"{}");
    assert_eq!((unknown.status, unknown.header("content-type")), (404, Some("application/json")));
    assert_eq!(unknown.text(), r#"{"code":12,"message":"spans go to /v1/traces, logs to /v1/logs, metrics to /v1/metrics"}"#);
    let get = send("GET", "/v1/traces", &[], b"");
    assert_eq!((get.status, get.header("allow")), (405, Some("POST")));
    assert_eq!(send("POST", "/v1/traces", &[], FIXTURE).status, 415);
    assert_eq!(send("POST", "/v1/traces", &[("content-type", "text/plain")], FIXTURE).status, 415);
    assert_eq!(send("POST", "/v1/traces", &[JSON], b"{\"resourceSpans\":[{").status, 400);
    assert_eq!(send("POST", "/v1/traces", &[JSON], b"\xff{}").status, 400);
    assert_eq!(send("POST", "/v1/traces", &[JSON], b"{}").status, 200);
    assert_eq!(send("POST", "/v1/traces", &[PROTOBUF], b"").status, 200);
    let broken = send("POST", "/v1/traces", &[PROTOBUF], b"hello, world");
    assert_eq!((broken.status, broken.header("content-type")), (400, Some("application/x-protobuf")));
}

#[test]
fn the_size_limit_applies_before_and_after_decompression() {
    let mut listener = Listener::with(Options { max_body: 100_000, ..any_port() }, 16);
    let answer = listener.post(&vec![0; 100_001]);
    assert_eq!(answer.status, 413);
    assert!(String::from_utf8_lossy(&answer.body).contains("--max-body"), "{answer:?}");
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(&vec![0; 1 << 20]).unwrap();
    let bomb = gzip.finish().unwrap();
    assert!(bomb.len() < 2000);
    assert_eq!(listener.client().post("/v1/traces", &[PROTOBUF, ("content-encoding", "gzip")], &bomb).status, 413);
    let mut client = listener.client();
    let head = "POST /v1/traces HTTP/1.1\r\nhost: a\r\ncontent-type: application/x-protobuf\r\ntransfer-encoding: chunked\r\n\r\n";
    let stream = client.0.get_mut();
    stream.write_all(head.as_bytes()).unwrap();
    for _ in 0..4 {
        stream.write_all(b"8000\r\n").unwrap();
        let _ = stream.write_all(&vec![0; 0x8000]);
        let _ = stream.write_all(b"\r\n");
    }
    assert_eq!(client.response().status, 413);
    assert_eq!(listener.spans().len(), 0);
}

#[test]
fn a_full_channel_returns_retry_after_and_accepted_spans_are_delivered() {
    let mut listener = Listener::with(any_port(), 4);
    let mut accepted = 0;
    let answer = loop {
        let answer = listener.post(FIXTURE);
        if answer.status != 200 {
            break answer;
        }
        accepted += 1;
    };
    assert_eq!((answer.status, answer.header("retry-after"), accepted), (429, Some("1"), 3));
    assert_eq!(listener.spans().len(), 75 * accepted);
    assert_eq!(listener.post(FIXTURE).status, 200);
    assert_eq!(listener.spans().len(), 75 * 4);
    let traffic = listener.traffic(|traffic| traffic.deferred == 1 && traffic.spans == 300);
    assert_eq!(traffic.retained_bytes, 4 * FIXTURE.len() as u64);
}

#[test]
fn the_token_and_the_origin_are_checked() {
    let options = Options { token: Some("t".to_owned()), origins: vec!["http://good".to_owned()], ..any_port() };
    let listener = Listener::with(options, 16);
    let post = |headers: &[(&str, &str)]| listener.client().post("/v1/traces", &[&[PROTOBUF], headers].concat(), b"");
    assert_eq!(post(&[]).status, 401);
    assert_eq!(post(&[("authorization", "Bearer x")]).status, 401);
    assert_eq!(post(&[("authorization", "Bearer t")]).status, 200);
    assert_eq!(post(&[("authorization", "Bearer t"), ("origin", "http://evil")]).status, 403);
    let good = post(&[("authorization", "Bearer t"), ("origin", "http://good")]);
    assert_eq!((good.status, good.header("access-control-allow-origin")), (200, Some("http://good")));
    let headers = [("origin", "http://good"), ("access-control-request-headers", "content-type,authorization")];
    let preflight = listener.client().send("OPTIONS", "/v1/traces", &headers, b"");
    assert_eq!((preflight.status, preflight.header("access-control-allow-headers")), (204, Some("content-type,authorization")));
    assert_eq!(listener.client().send("OPTIONS", "/v1/traces", &[("origin", "http://evil")], b"").status, 403);
}

#[test]
fn invalid_spans_are_reported_as_a_partial_success() {
    let mut request = ExportTraceServiceRequest::decode(FIXTURE).unwrap();
    let spans = &mut request.resource_spans[0].scope_spans[0].spans;
    spans[3].span_id = vec![1; 7];
    spans[5].trace_id = vec![0; 16];
    let mut listener = Listener::start();
    let answer = listener.post(&request.encode_to_vec());
    let partial = ExportTraceServiceResponse::decode(&answer.body[..]).unwrap().partial_success.unwrap();
    assert_eq!((answer.status, partial.rejected_spans), (200, 2));
    assert_eq!(partial.error_message, r#"span 4: the span id "01010101010101" is not 8 bytes that are not all zero"#);
    assert_eq!(listener.spans().len(), 73);
    assert_eq!(listener.skipped().len(), 2);
    let json = listener.client().post("/v1/traces", &[JSON], &serde_json::to_vec(&request).unwrap()).text();
    assert!(json.starts_with(r#"{"partialSuccess":{"rejectedSpans":"2","errorMessage":"span 4: "#), "{json}");
}

#[test]
fn a_port_in_use_is_reported_and_bound_once_it_is_free() {
    let first = Listener::start();
    let options = Options { grpc: Some(first.grpc), http: Some(first.http), ..Options::default() };
    let (sender, mut updates) = tokio::sync::mpsc::channel(16);
    let sender = UpdateSender::new(agno_top::model::SourceId(0), sender);
    let second = otlp::start(options, sender).unwrap();
    assert_eq!(second.failed.len(), 2);
    let expected = format!(
        "can't listen on {}: it is in use; stop the program that listens there, or choose another address with --http ADDR",
        first.http
    );
    assert_eq!(second.failed[1].1.to_string(), expected);
    let Some(Update::State(_, State::Failing(text))) = updates.blocking_recv() else { panic!() };
    assert!(text.ends_with(&expected), "{text}");
    let Some(Update::Traffic(_, Traffic { ports, .. })) = updates.blocking_recv() else { panic!() };
    let error = ports[1].error.as_ref().map(|error| (error.is_in_use, error.message.as_str(), error.flag));
    assert_eq!((ports.len(), ports[1].address, error), (2, first.http, Some((true, &*expected, "--http"))));
    let http = first.http;
    drop(first);
    let (mut watches, mut ports) = (false, ports);
    // One address may become free before the other.
    while !watches || ports.iter().any(|port| port.error.is_some()) {
        match updates.blocking_recv() {
            Some(Update::State(_, state)) => watches = matches!(state, State::Watching { .. }),
            Some(Update::Traffic(_, traffic)) => ports = traffic.ports,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(Client::new(http).post("/v1/traces", &[PROTOBUF], FIXTURE).status, 200);
}
