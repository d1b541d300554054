//! Slow, silent and too many clients, and the shutdown.

use std::io::{BufRead, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use agno_top::sources::otlp::{ConnectionLimits, Options};

use crate::FIXTURE;
use crate::listener::{Client, Listener, any_port};
use crate::record::{numbers, recording};

const HEAD: &str = "POST /v1/traces HTTP/1.1\r\nhost: a\r\ncontent-type: application/x-protobuf\r\n";

fn with(limits: ConnectionLimits) -> Listener {
    Listener::with(Options { limits, ..any_port() }, 16)
}

/// Reads until the listener closes the connection.
fn read_to_close(stream: &mut TcpStream) -> String {
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut response = Vec::new();
    match stream.read_to_end(&mut response) {
        Err(error) if error.kind() != std::io::ErrorKind::ConnectionReset => panic!("the connection stays open: {error}"),
        _ => String::from_utf8_lossy(&response).into_owned(),
    }
}

#[test]
fn a_slow_body_times_out() {
    let mut listener = with(ConnectionLimits { body_timeout: Duration::from_millis(100), ..ConnectionLimits::default() });
    let mut client = listener.client();
    write!(client.0.get_mut(), "{HEAD}content-length: {}\r\n\r\n", FIXTURE.len()).unwrap();
    client.0.get_mut().write_all(&FIXTURE[..1000]).unwrap();
    assert_eq!(client.response().status, 408);
    assert_eq!(listener.traffic(|traffic| traffic.refused == 1).spans, 0);
}

#[test]
fn an_idle_connection_is_closed() {
    let listener = with(ConnectionLimits { idle_timeout: Duration::from_millis(100), ..ConnectionLimits::default() });
    for sent in ["", "P", "PRI * HTTP/2.0\r\n", "POST /v1/traces HT", HEAD] {
        let mut stream = TcpStream::connect(listener.http).unwrap();
        stream.write_all(sent.as_bytes()).unwrap();
        assert_eq!(read_to_close(&mut stream), "", "{sent:?}");
    }
    let mut client = listener.client();
    assert_eq!(client.post("/v1/traces", &[("content-type", "application/x-protobuf")], FIXTURE).status, 200);
    assert_eq!(read_to_close(client.0.get_mut()), "", "after a response too");
}

/// Whether a request on a new connection gets a response.
fn is_served(address: SocketAddr) -> bool {
    let mut stream = TcpStream::connect(address).unwrap();
    let written = write!(stream, "{HEAD}content-length: 0\r\nconnection: close\r\n\r\n");
    written.is_ok() && read_to_close(&mut stream).starts_with("HTTP/1.1 200")
}

#[test]
fn the_number_of_connections_is_limited() {
    let listener = with(ConnectionLimits { connections: 2, ..ConnectionLimits::default() });
    let mut clients = [listener.client(), listener.client()];
    for client in &mut clients {
        assert_eq!(client.post("/v1/traces", &[("content-type", "application/x-protobuf")], b"").status, 200);
    }
    assert!(!is_served(listener.http));
    assert!(!is_served(listener.grpc), "both addresses share the limit");
    let [first, mut second] = clients;
    drop(first);
    let started = Instant::now();
    while !is_served(listener.http) {
        assert!(started.elapsed() < Duration::from_secs(10));
    }
    assert_eq!(second.post("/v1/traces", &[("content-type", "application/x-protobuf")], FIXTURE).status, 200);
}

#[test]
fn an_open_request_is_ingested_and_recorded_at_shutdown() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let Listener { handle, http, mut updates, .. } = Listener::with(recording(&path), 16);
    let mut client = Client::new(http);
    write!(client.0.get_mut(), "{HEAD}content-length: {}\r\nexpect: 100-continue\r\n\r\n", FIXTURE.len()).unwrap();
    let mut line = String::new();
    client.0.read_line(&mut line).unwrap();
    assert_eq!(line, "HTTP/1.1 100 Continue\r\n");
    client.0.read_line(&mut line).unwrap();
    drop(handle);
    // The listener soon stops accepting connections.
    let started = Instant::now();
    while TcpStream::connect(http).is_ok() {
        assert!(started.elapsed() < Duration::from_secs(10));
    }
    client.0.get_mut().write_all(FIXTURE).unwrap();
    assert_eq!(client.response().status, 200);
    assert_eq!(numbers(&path), (11, 75, 14));
    let mut spans = 0;
    while let Some(update) = updates.blocking_recv() {
        if let agno_top::sources::Update::Batch(batch) = update {
            spans += batch.spans.len();
        }
    }
    assert_eq!(spans, 75);
}
