//! What is posted to an endpoint.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use agno_top::model::SourceId;
use agno_top::sources::{Update, UpdateSender, otlp};
use predicates::prelude::*;

use super::{database, program};

#[test]
fn spans_that_are_sent_arrive() {
    let (sender, mut updates) = tokio::sync::mpsc::channel(256);
    let here = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let options = otlp::Options { grpc: None, http: Some(here), ..otlp::Options::default() };
    let listening = otlp::start(options, UpdateSender::new(SourceId(0), sender)).unwrap();
    let url = format!("http://{}", listening.addresses[0]);
    let directory = tempfile::tempdir().unwrap();
    let database = database(directory.path()).display().to_string();
    program(&["send", &database, "--to", &url]).assert().success().stdout(format!("{url} accepted 75 of 75 spans\n")).stderr("");
    let mut ids = std::collections::HashSet::new();
    while ids.len() < 75 {
        if let Some(Update::Batch(batch)) = updates.blocking_recv() {
            assert_eq!(batch.skipped, []);
            ids.extend(batch.spans.iter().map(|span| (span.trace, span.id)));
        }
    }
}

#[test]
fn log_records_are_sent_beside_the_spans() {
    let (sender, mut updates) = tokio::sync::mpsc::channel(256);
    let here = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let options = otlp::Options { grpc: None, http: Some(here), ..otlp::Options::default() };
    let listening = otlp::start(options, UpdateSender::new(SourceId(0), sender)).unwrap();
    let url = format!("http://{}", listening.addresses[0]);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("turn.jsonl");
    std::fs::write(&path, super::export::TURN).unwrap();
    program(&["send", path.to_str().unwrap(), "--to", &url])
        .assert()
        .success()
        .stdout(format!("{url} accepted 3 of 3 spans\n"))
        .stderr(format!("agno-top: {url} accepted 4 of 4 log records\n"));
    let mut bodies = Vec::new();
    while bodies.len() < 4 {
        if let Some(Update::Logs(batch)) = updates.blocking_recv() {
            bodies.extend(batch.records.iter().map(|record| format!("{:?}", agno_top::sources::log_content(record))));
        }
    }
    assert!(bodies.iter().any(|body| body.contains("slow down")) && !bodies.iter().any(|body| body.contains("of no turn")), "{bodies:?}");
}

#[test]
fn a_part_of_a_recording_is_exported_with_its_log_records() {
    let (sender, _updates) = tokio::sync::mpsc::channel(256);
    let directory = tempfile::tempdir().unwrap();
    let (path, database) = (directory.path().join("turn.jsonl"), directory.path().join("run.db"));
    let here = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let record = Some((database.clone(), agno_top::sources::sqlite::Tables::default()));
    let options = otlp::Options { grpc: None, http: Some(here), record, ..otlp::Options::default() };
    let listening = otlp::start(options, UpdateSender::new(SourceId(0), sender)).unwrap();
    std::fs::write(&path, super::export::TURN).unwrap();
    program(&["send", path.to_str().unwrap(), "--to", &format!("http://{}", listening.addresses[0])]).assert().success();
    for selection in [&["0af7"][..], &[], &["--limit", "9"]] {
        let exported =
            program(&[&["export", database.to_str().unwrap()], selection].concat()).assert().success().get_output().stdout.clone();
        let text = String::from_utf8(exported).unwrap();
        assert!(text.contains("of the other trace"), "{selection:?}: {text}");
        assert_eq!(text.contains("slow down"), selection != ["0af7"], "{selection:?}: {text}");
    }
}

/// Serves `count` requests: traces are taken, and there is no place for log records.
fn serve_traces(listener: &TcpListener, count: usize) {
    for _ in 0..count {
        let (mut stream, _) = listener.accept().unwrap();
        let mut received = Vec::new();
        let length = loop {
            let mut buffer = [0; 4096];
            let read = stream.read(&mut buffer).unwrap();
            received.extend_from_slice(&buffer[..read]);
            let text = String::from_utf8_lossy(&received).to_lowercase();
            let Some(head) = received.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
            let length: usize = text.split("content-length: ").nth(1).unwrap().split('\r').next().unwrap().parse().unwrap();
            break head + 4 + length;
        };
        let mut rest = vec![0; length - received.len()];
        stream.read_exact(&mut rest).unwrap();
        let status = if received.starts_with(b"POST /v1/traces") { "200 OK" } else { "404 Not Found" };
        write!(stream, "HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
    }
}

#[test]
fn a_dead_endpoint_is_the_reason_before_the_count() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("turn.jsonl");
    std::fs::write(&path, super::export::TURN).unwrap();
    let run = program(&["send", path.to_str().unwrap(), "--to", &url]).assert().code(1).stdout("");
    let message = String::from_utf8(run.get_output().stderr.clone()).unwrap();
    assert!(message.starts_with(&format!("agno-top: {url}: ")) && message.ends_with("; it accepted 0 of 3 spans\n"), "{message}");
}

#[test]
fn an_endpoint_without_logs_takes_the_spans_and_the_rest_is_said() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let serving = std::thread::spawn(move || serve_traces(&listener, 2));
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("turn.jsonl");
    std::fs::write(&path, super::export::TURN).unwrap();
    program(&["send", path.to_str().unwrap(), "--to", &url])
        .assert()
        .success()
        .stdout(format!("{url} accepted 3 of 3 spans\n"))
        .stderr(predicate::str::contains("4 log records not sent").and(predicate::str::contains("404")));
    serving.join().unwrap();
}

#[test]
fn an_invalid_endpoint_is_reported() {
    let directory = tempfile::tempdir().unwrap();
    let database = database(directory.path()).display().to_string();
    program(&["send", &database, "--to", "localhost:1"])
        .assert()
        .code(2)
        .stderr(predicate::str::contains("\"localhost:1\" is not the URL"));
    program(&["send", &database]).assert().code(2).stderr(predicate::str::contains("--to"));
}
