//! Requests to endpoints, directly and through proxies.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread::JoinHandle;

use rcgen::{CertifiedKey, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use ureq::tls::Certificate;

use super::*;

#[test]
fn the_path_of_the_signal_is_appended_to_the_url() {
    let url = |url: &str, signal| Client::with_proxy(url, &[], None, RootCerts::WebPki).map(|client| client.url(signal));
    let some = |url: &str| Ok(url.to_owned());
    assert_eq!(url("http://a:4318", Signal::Traces), some("http://a:4318/v1/traces"));
    assert_eq!(url("http://a:4318/", Signal::Logs), some("http://a:4318/v1/logs"));
    assert_eq!(url("https://a/x/v1/traces", Signal::Traces), some("https://a/x/v1/traces"));
    assert_eq!(url("https://a/x/v1/traces", Signal::Metrics), some("https://a/x/v1/metrics"));
    assert_eq!(url("https://a/otel/", Signal::Traces), some("https://a/otel/v1/traces"));
    assert_eq!(url("http://u:1@[::1]:", Signal::Logs), some("http://[::1]/v1/logs"));
    assert_eq!(url("https://u:p@a/v1/traces?key=1/", Signal::Logs), some("https://a/v1/logs?key=1/"));
    for wrong in ["", "a", "ftp://a", "http://", "localhost:4318", "http://a:99999", "http://u:p@[::1]:99999", "http://a:x"] {
        assert!(Client::with_proxy(wrong, &[], None, RootCerts::WebPki).is_err(), "{wrong}");
    }
    let client = Client::with_proxy("https://user:pass@a/x?key=1", &[], None, RootCerts::WebPki);
    assert_eq!(client.map(|client| client.name), Ok("https://a".to_owned()));
}

#[test]
fn the_listeners_own_addresses_are_recognized() {
    let own = ["127.0.0.1:4318", "[::1]:4318", "0.0.0.0:80"].map(|address| address.parse().unwrap());
    for url in ["http://127.0.0.1:4318", "http://LOCALHOST:4318/v1/traces", "http://[::1]:4318/", "http://localhost", "http://0.0.0.0:4318"]
    {
        assert!(is_own_address(url, &own), "{url}");
    }
    for url in ["http://127.0.0.1:4319", "http://10.0.0.1:4318", "http://collector:4318", "https://localhost", "nothing"] {
        assert!(!is_own_address(url, &own), "{url}");
    }
}

#[test]
fn the_reason_of_an_error_fits_on_one_line() {
    assert_eq!(error_reason(b"bad stuff"), "bad stuff");
    assert_eq!(error_reason(b"bad\r\n \x1b[2Jstuff\n"), "bad [2Jstuff");
    assert_eq!(error_reason(b"\x08\x03\x12\x03no!"), "no!");
    assert_eq!(error_reason(br#"{"code": 3, "message": "no such\nproject"}"#), "no such project");
    assert_eq!(error_reason(br#"{"detail": "x"}"#), r#"{"detail": "x"}"#);
    assert_eq!((error_reason(b""), error_reason(b"\x0a\x00\xff")), (String::new(), String::new()));
    assert_eq!(error_reason("ä".repeat(1000).as_bytes()), format!("{}…", "ä".repeat(MAX_ERROR_CHARS)));
}

/// Starts a TLS server that answers one request and returns it.
fn tls_server(certificate: &CertifiedKey<KeyPair>) -> (u16, JoinHandle<std::io::Result<String>>) {
    let key = PrivateKeyDer::Pkcs8(certificate.signing_key.serialize_der().into());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_no_client_auth().with_single_cert(vec![certificate.cert.der().clone()], key).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || {
        let mut stream = StreamOwned::new(ServerConnection::new(config).unwrap(), listener.accept()?.0);
        let mut request = String::new();
        while !request.ends_with("body") {
            let mut bytes = [0; 1000];
            let read = stream.read(&mut bytes)?;
            request.push_str(&String::from_utf8_lossy(&bytes[..read]));
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")?;
        Ok(request)
    });
    (port, server)
}

#[test]
fn a_tls_endpoint_is_trusted_only_with_its_root_certificate() {
    let message = Message { is_gzip: true, ..Message::traces(b"body".to_vec()) };
    for is_trusted in [true, false] {
        let certificate = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let root = Certificate::from_der(certificate.cert.der()).to_owned();
        let (port, server) = tls_server(&certificate);
        let roots = if is_trusted { RootCerts::Specific(Arc::new(vec![root])) } else { RootCerts::WebPki };
        let headers = [("x-key".to_owned(), "v".to_owned())];
        let client = Client::with_proxy(&format!("https://localhost:{port}"), &headers, None, roots).unwrap();
        let response = client.post(&message).map_err(|error| error.message);
        let request = server.join().unwrap();
        if is_trusted {
            let request = request.unwrap();
            assert_eq!(response, Ok(Bytes::new()));
            assert!(request.starts_with("POST /v1/traces HTTP/1.1\r\n"), "{request}");
            assert!(request.contains("content-encoding: gzip\r\n") && request.contains("x-key: v\r\n"), "{request}");
        } else {
            assert!(response.unwrap_err().contains("certificate"));
            assert!(request.is_err(), "an untrusted endpoint receives nothing");
        }
    }
}

/// Answers one plain request with `response`, and returns the request.
fn plain_server(response: &'static str) -> (u16, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || {
        let mut stream = listener.accept().unwrap().0;
        let mut request = String::new();
        while !(request.ends_with("body") || request.starts_with("CONNECT") && request.ends_with("\r\n\r\n")) {
            let mut bytes = [0; 1000];
            let read = stream.read(&mut bytes).unwrap();
            assert!(read > 0, "{request}");
            request.push_str(&String::from_utf8_lossy(&bytes[..read]));
        }
        stream.write_all(response.as_bytes()).unwrap();
        request
    });
    (port, server)
}

/// Posts to `url` through a proxy that gives this response. Returns the result and what the proxy received.
fn post_through_proxy(url: &str, response: &'static str) -> (Result<Bytes, ClientError>, String) {
    let (port, server) = plain_server(response);
    let proxy = Proxy::new(&format!("http://us%40er:hunter2@127.0.0.1:{port}")).unwrap();
    let client = Client::with_proxy(url, &[("x-key".to_owned(), "v".to_owned())], Some(proxy), RootCerts::WebPki).unwrap();
    (client.post(&Message::traces(b"body".to_vec())), server.join().unwrap())
}

#[test]
fn a_proxy_gets_the_absolute_url_of_a_plain_endpoint() {
    let ok = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    let (response, request) = post_through_proxy("http://u:p%40ss@collector.example:4318/x?key=1", ok);
    assert_eq!(response.unwrap(), "ok");
    assert!(request.starts_with("POST http://collector.example:4318/x/v1/traces?key=1 HTTP/1.1\r\n"), "{request}");
    for header in [
        "host: collector.example:4318",
        "x-key: v",
        "content-length: 4",
        "authorization: Basic dTpwQHNz",
        "proxy-authorization: Basic dXNAZXI6aHVudGVyMg==",
    ] {
        assert!(request.contains(&format!("{header}\r\n")), "{header}: {request}");
    }
    let denied = "HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n";
    let error = post_through_proxy("http://collector.example", denied).0.unwrap_err();
    assert!(!error.is_retryable && error.message.starts_with("through the proxy 127.0.0.1:"), "{error}");
    assert!(error.message.ends_with("it answered 407 Proxy Authentication Required"), "{error}");
}

#[test]
fn a_proxy_opens_a_tunnel_to_an_encrypted_endpoint() {
    let refused = "HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n";
    let (response, request) = post_through_proxy("https://u:p@collector.example", refused);
    assert!(request.starts_with("CONNECT collector.example:443 HTTP/1.1\r\n"), "{request}");
    let error = response.unwrap_err().message;
    assert!(error.contains("through the proxy 127.0.0.1:") && error.contains("403"), "{error}");
    assert!(!request.contains("x-key") && !error.contains("hunter2"), "{request} {error}");
}

#[test]
fn credentials_of_a_url_are_sent_as_a_header() {
    let ok = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    let post = |headers: &[(String, String)]| {
        let (port, server) = plain_server(ok);
        let client = Client::with_proxy(&format!("http://u:p@127.0.0.1:{port}"), headers, None, RootCerts::WebPki).unwrap();
        client.post(&Message::traces(b"body".to_vec())).unwrap();
        server.join().unwrap()
    };
    assert!(post(&[]).contains("authorization: Basic dTpw\r\n"));
    let stated = post(&[("Authorization".to_owned(), "Bearer t".to_owned())]);
    assert!(stated.contains("authorization: Bearer t\r\n") && !stated.contains("Basic"), "{stated}");
}
