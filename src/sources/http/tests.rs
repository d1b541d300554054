//! Requests to servers that answer in all ways.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::JoinHandle;

use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::*;

/// Starts a server that gives each connection one of these answers, and returns the requests.
fn server(answers: Vec<Vec<u8>>) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let thread = std::thread::spawn(move || {
        let mut requests = Vec::new();
        for answer in answers {
            let mut stream = listener.accept().unwrap().0;
            requests.push(request(&mut stream));
            stream.write_all(&answer).unwrap();
        }
        requests
    });
    (origin, thread)
}

/// Reads a request; its body ends with a full stop.
fn request(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    while !text.ends_with("\r\n\r\n") || (text.starts_with("POST") && !text.ends_with('.')) {
        let mut bytes = [0; 1000];
        let read = stream.read(&mut bytes).unwrap();
        if read == 0 {
            break;
        }
        text.push_str(&String::from_utf8_lossy(&bytes[..read]));
        if text.ends_with('.') {
            break;
        }
    }
    text
}

fn answer(status: &str, headers: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\nconnection: close\r\n\r\n{body}", body.len()).into_bytes()
}

fn ask<'a>() -> Ask<'a> {
    Ask { path: "/a?b=c", headers: &[], body: None, timeout: Duration::from_secs(20), limit: 1000 }
}

fn client(origin: &str) -> Client {
    Client::new(origin, None, vec![("authorization".to_owned(), "Bearer secret".to_owned())]).unwrap()
}

#[test]
fn a_request_carries_the_headers_and_the_answer_comes_whatever_its_status() {
    let page = answer("404 Not Found", "content-type: Text/HTML; charset=utf-8\r\n", "<p>none</p>");
    let (origin, server) = server(vec![answer("200 OK", "", "fine"), page]);
    let client = client(&origin);
    let found = client.ask(&Ask { headers: &[("x-one", "1")], body: Some(b"text."), ..ask() }).unwrap();
    assert_eq!((found.status, found.body.as_slice(), found.is_success()), (200, b"fine".as_slice(), true));
    let found = client.ask(&ask()).unwrap();
    assert_eq!((found.status, found.media_type.as_str(), found.is_page()), (404, "text/html", true));
    let requests = server.join().unwrap();
    assert!(requests[0].starts_with("POST /a?b=c HTTP/1.1\r\n") && requests[0].ends_with("text."), "{requests:?}");
    assert!(requests[0].contains("x-one: 1\r\n") && requests[0].contains("authorization: Bearer secret\r\n"), "{requests:?}");
    assert!(requests[1].starts_with("GET /a?b=c HTTP/1.1\r\n"), "{requests:?}");
    assert!(!format!("{client:?}").contains("secret"));
}

#[test]
fn a_redirect_is_not_followed() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = elsewhere.local_addr().unwrap();
    let location = format!("location: http://user:secret@{place}/login?key=secret#secret\r\n");
    let (origin, server) =
        server(vec![answer("307 Temporary Redirect", &location, ""), answer("302 Found", "location: /login?secret\r\n", "")]);
    let client = client(&origin);
    let found = client.ask(&Ask { body: Some(b"."), ..ask() }).unwrap();
    assert_eq!(found.refusal(), format!("it redirects to http://{place}/login (307), which is not followed; name that address"));
    assert!(client.ask(&ask()).unwrap().refusal().contains("it redirects to /login (302)"));
    server.join().unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    assert!(elsewhere.accept().is_err());
}

#[test]
fn an_answer_is_bounded_and_a_cut_one_is_asked_for_again() {
    let large = answer("200 OK", "", &"x".repeat(1001));
    let cut = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nshort".to_vec();
    let (origin, server) = server(vec![large, Vec::new(), answer("200 OK", "", "whole"), cut.clone(), cut]);
    let client = client(&origin);
    assert_eq!(client.ask(&ask()), Err(Error::TooLarge(1000)));
    assert_eq!(client.ask(&ask()).map(|answer| answer.body), Ok(b"whole".to_vec()));
    let error = client.ask(&ask()).unwrap_err();
    assert!(matches!(error, Error::Cut | Error::Other(_)), "{error:?}");
    drop(server);
}

#[test]
fn a_server_that_is_not_there_or_says_nothing_is_told_apart() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let short = Duration::from_millis(50);
    assert_eq!(client(&origin).ask(&Ask { timeout: short, ..ask() }), Err(Error::Slow(short)));
    drop(listener);
    assert_eq!(client(&origin).ask(&ask()), Err(Error::Refused));
    // A server without TLS.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("https://{}", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || listener.accept().unwrap().0.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n"));
    assert_eq!(client(&origin).ask(&ask()), Err(Error::Tls("the server does not speak TLS".to_owned())));
    server.join().unwrap().unwrap();
}

#[test]
fn a_server_with_tls_is_trusted_only_with_its_root_certificate() {
    let certificate = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("root.pem");
    std::fs::write(&file, certificate.cert.pem()).unwrap();
    let key = PrivateKeyDer::Pkcs8(certificate.signing_key.serialize_der().into());
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    let config = Arc::new(config.with_single_cert(vec![certificate.cert.der().clone()], key).unwrap());
    for (host, roots, expected) in [
        ("localhost", Some(file.as_path()), Ok(b"fine".to_vec())),
        ("localhost", None, Err("the certificate is from an authority that is not trusted here")),
        ("127.0.0.1", Some(file.as_path()), Err("the certificate names another host")),
    ] {
        let (listener, config) = (TcpListener::bind("127.0.0.1:0").unwrap(), config.clone());
        let origin = format!("https://{host}:{}", listener.local_addr().unwrap().port());
        let server = std::thread::spawn(move || {
            let mut stream = StreamOwned::new(ServerConnection::new(config).unwrap(), listener.accept().unwrap().0);
            let mut bytes = [0; 4096];
            if stream.read(&mut bytes).is_ok_and(|read| read > 0) {
                stream.write_all(&answer("200 OK", "", "fine")).unwrap();
            }
        });
        let found = Client::new(&origin, roots, Vec::new()).unwrap().ask(&ask()).map(|answer| answer.body);
        assert_eq!(found, expected.map_err(|reason: &str| Error::Tls(reason.to_owned())), "{host}");
        server.join().unwrap();
    }
}

#[test]
fn refusals_are_told_without_secrets() {
    let refusal = |status, body: &str| Answer { status, body: body.into(), ..Answer::default() }.refusal();
    assert_eq!(refusal(401, r#"{"detail": "no\nkey"}"#), r#"it asks for a login, or refuses the one given (401): {"detail": "no\nkey"}"#);
    assert!(refusal(502, "<!DOCTYPE html>").contains("with a web page"));
    assert_eq!(refusal(500, "\0\x01"), "it answered with status 500");
    assert_eq!(quote(b"a\r\n \x1b[2Jb"), "a [2Jb");
    assert_eq!(quote("ä".repeat(10_000).as_bytes()), format!("{}…", "ä".repeat(200)));
    for wrong in ["", "host", "ftp://host", "http://", "http://user:pass@host", "http://h:99999999"] {
        let error = Client::new(wrong, None, Vec::new()).unwrap_err();
        assert_eq!(error, "it is not the URL of a server", "{wrong}");
    }
    assert!(Client::new("https://h", Some(Path::new("/nowhere.pem")), Vec::new()).unwrap_err().contains("/nowhere.pem can't be read"));
    let header = vec![("x-key".to_owned(), "se\ncret".to_owned())];
    let error = Client::new("http://h", None, header).unwrap().ask(&ask()).unwrap_err();
    assert!(!error.to_string().contains("cret"), "{error}");
    assert!(is_own_host("[::1]") && is_own_host("LocalHost.") && is_own_host("127.1.2.3") && !is_own_host("localhost.example.com"));
}
