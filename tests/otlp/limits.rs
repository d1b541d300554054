//! Slow, silent and too many clients, and the shutdown.

use std::io::{BufRead, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use agno_top::sources::Request;
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

/// Begins a request and waits until the listener reads its body.
fn begin_request(client: &mut Client) {
    write!(client.0.get_mut(), "{HEAD}content-length: {}\r\nexpect: 100-continue\r\n\r\n", FIXTURE.len()).unwrap();
    let mut line = String::new();
    client.0.read_line(&mut line).unwrap();
    assert_eq!(line, "HTTP/1.1 100 Continue\r\n");
    client.0.read_line(&mut line).unwrap();
}

#[test]
fn busy_connections_are_limited_and_others_are_turned_away_and_counted() {
    let mut listener = with(ConnectionLimits { connections: 2, ..ConnectionLimits::default() });
    let mut clients = [listener.client(), listener.client()];
    clients.iter_mut().for_each(begin_request);
    assert!(!is_served(listener.http));
    assert!(!is_served(listener.grpc), "both addresses share the limit");
    assert_eq!(listener.traffic(|traffic| traffic.turned_away == 2).spans, 0);
    for client in &mut clients {
        client.0.get_mut().write_all(FIXTURE).unwrap();
        assert_eq!(client.response().status, 200);
    }
    assert!(is_served(listener.http));
}

#[test]
fn the_longest_idle_connection_makes_room_for_a_new_one() {
    let mut listener = with(ConnectionLimits { connections: 2, ..ConnectionLimits::default() });
    let [mut first, mut second] = [listener.client(), listener.client()];
    for client in [&mut first, &mut second] {
        assert_eq!(client.post("/v1/traces", &[("content-type", "application/x-protobuf")], b"").status, 200);
    }
    let mut third = listener.client();
    assert_eq!(third.post("/v1/traces", &[("content-type", "application/x-protobuf")], FIXTURE).status, 200);
    assert_eq!(read_to_close(first.0.get_mut()), "");
    assert_eq!(second.post("/v1/traces", &[("content-type", "application/x-protobuf")], b"").status, 200);
    assert_eq!(listener.traffic(|traffic| traffic.spans == 75).turned_away, 0);
}

#[test]
fn nobody_waits_for_a_suspended_listener() {
    let listener = with(ConnectionLimits::default());
    let mut idle = listener.client();
    assert_eq!(idle.post("/v1/traces", &[("content-type", "application/x-protobuf")], b"").status, 200);
    let (done, suspended) = std::sync::mpsc::channel();
    listener.handle.requests.send(Request::Suspend(done)).unwrap();
    suspended.recv().unwrap();
    for address in [listener.http, listener.grpc] {
        assert_eq!(TcpStream::connect(address).unwrap_err().kind(), std::io::ErrorKind::ConnectionRefused);
    }
    assert_eq!(read_to_close(idle.0.get_mut()), "");
    listener.handle.requests.send(Request::Resume).unwrap();
    let started = Instant::now();
    while TcpStream::connect(listener.http).is_err() {
        assert!(started.elapsed() < Duration::from_secs(10));
    }
    assert!(is_served(listener.http));
}

#[test]
fn an_open_request_is_ingested_and_recorded_at_shutdown() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.db");
    let Listener { handle, http, mut updates, .. } = Listener::with(recording(&path), 16);
    let mut client = Client::new(http);
    begin_request(&mut client);
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
