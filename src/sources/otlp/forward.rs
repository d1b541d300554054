//! Requests passed on, as they came, to another OTLP/HTTP endpoint, by a thread of its own: neither the sender nor the screen waits.

use std::collections::VecDeque;
use std::io::Read;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use hyper::Uri;
use ureq::Agent;
use ureq::http::Response;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use super::types::{Encoding, Signal};
use crate::otlp::wire::{Fields, Value as Wire};
use crate::sources::Forwarding;

/// Bytes that may wait for an endpoint; what comes then is dropped and counted.
const WAITING: usize = 64 << 20;

/// How often one request is tried.
const TRIES: u32 = 10;

/// The first pause between two tries, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// Bytes of an answer that are read.
const LARGEST_ANSWER: u64 = 1 << 16;

/// Bytes of a refusal that are read, and characters of it that are told.
const READ: u64 = 1 << 12;
const SAID: usize = 200;

/// What a request that waits takes beside its body, about.
const BESIDE: usize = 256;

/// How long an endpoint may take for one answer.
const ANSWER: Duration = Duration::from_secs(30);

/// One endpoint.
#[derive(Debug)]
pub(super) struct Forward {
    shared: Arc<Shared>,
}

/// A request to be passed on.
#[derive(Debug)]
pub(super) struct ForwardRequest {
    pub(super) signal: Signal,
    pub(super) form: Encoding,
    /// Whether the body is compressed.
    pub(super) gzip: bool,
    pub(super) body: Bytes,
}

impl ForwardRequest {
    /// Bytes that it takes while it waits.
    fn size(&self) -> usize {
        self.body.len() + BESIDE
    }
}

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<ForwardRequest>,
    size: usize,
    report: Forwarding,
    closed: bool,
}

impl Forward {
    /// Starts a thread for the endpoint. `Err` says what is wrong with the URL.
    pub(super) fn start(url: &str, headers: &[(String, String)]) -> Result<Self, String> {
        let endpoint = Endpoint::new(url, headers, authorities(url))?;
        let shared = Arc::new(Shared::default());
        shared.lock().report.url.clone_from(&endpoint.name);
        let inner = shared.clone();
        let thread = std::thread::Builder::new().name("otlp forward".to_owned());
        thread.spawn(move || inner.run(&endpoint)).map_err(|error| error.to_string())?;
        Ok(Self { shared })
    }

    /// Queues a request, or drops it if too much waits.
    pub(super) fn push(&self, request: ForwardRequest) {
        let mut queue = self.shared.lock();
        if queue.size + request.size() > WAITING {
            queue.report.dropped += 1;
            return;
        }
        queue.size += request.size();
        queue.report.waiting += 1;
        queue.waiting.push_back(request);
        self.shared.changed.notify_all();
    }

    /// Waits until nothing waits, but not for longer than this, nor for an endpoint that takes nothing. Says what was not passed on.
    pub(super) fn end(&self, time: Duration) -> Option<String> {
        let is_under_way = |queue: &mut Queue| queue.report.waiting > 0 && queue.report.trouble.is_none();
        let waited = self.shared.changed.wait_timeout_while(self.shared.lock(), time, is_under_way);
        let mut queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        queue.closed = true;
        self.shared.changed.notify_all();
        let Forwarding { url, waiting, dropped, .. } = &queue.report;
        let lost = waiting + dropped;
        (lost > 0).then(|| format!("{lost} requests were not passed on to {url}"))
    }

    /// How it goes.
    pub(super) fn report(&self) -> Forwarding {
        self.shared.lock().report.clone()
    }
}

impl Drop for Forward {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.changed.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, endpoint: &Endpoint) {
        while let Some(request) = self.next() {
            let size = request.size();
            let sent = self.send(endpoint, &request);
            let mut queue = self.lock();
            queue.size -= size;
            queue.report.waiting -= 1;
            if sent {
                queue.report.sent += 1;
            } else {
                queue.report.dropped += 1;
            }
            self.changed.notify_all();
        }
    }

    fn next(&self) -> Option<ForwardRequest> {
        let mut queue = self.lock();
        loop {
            if queue.closed {
                return None;
            }
            if let Some(next) = queue.waiting.pop_front() {
                return Some(next);
            }
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Tries until the endpoint takes it, refuses it for good, or was tried enough.
    fn send(&self, endpoint: &Endpoint, request: &ForwardRequest) -> bool {
        let mut pause = PAUSES.0;
        for left in (0..TRIES).rev() {
            let Err(trouble) = endpoint.post(request) else {
                self.lock().report.trouble = None;
                return true;
            };
            let last = left == 0 || !trouble.passes;
            self.lock().report.trouble = Some(trouble.words);
            self.changed.notify_all();
            if last || self.rest(trouble.again.unwrap_or(pause).min(PAUSES.1)) {
                return false;
            }
            pause = (pause * 2).min(PAUSES.1);
        }
        false
    }

    /// Waits. `true` if the program ends meanwhile.
    fn rest(&self, pause: Duration) -> bool {
        let queue = self.lock();
        let waited = self.changed.wait_timeout_while(queue, pause, |queue| !queue.closed);
        waited.unwrap_or_else(PoisonError::into_inner).0.closed
    }
}

/// An endpoint that requests are posted to.
#[derive(Debug)]
pub(crate) struct Endpoint {
    agent: Agent,
    /// What stands before a signal's path and behind it, as for exporters: <https://opentelemetry.io/docs/specs/otel/protocol/exporter/>.
    base: String,
    query: String,
    headers: Vec<(String, String)>,
    /// For a person: scheme, host and port.
    name: String,
}

/// Why a request was not taken.
#[derive(Debug)]
pub(crate) struct ForwardError {
    /// What happened, for a person.
    pub(crate) words: String,
    /// Whether it may be taken later.
    pub(crate) passes: bool,
    /// When to try again, if the endpoint says so.
    pub(crate) again: Option<Duration>,
}

/// `Err` says that nothing can be passed on to this URL.
pub fn check_url(url: &str) -> Result<(), String> {
    parse(url).map(drop)
}

/// Whether the URL leads to one of these addresses of this machine.
pub(super) fn leads_to(url: &str, addresses: &[SocketAddr]) -> bool {
    let Ok(uri) = parse(url) else { return false };
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let ip = host.parse::<IpAddr>().ok();
    let is_own = |address: IpAddr| match ip {
        Some(ip) => ip == address || (ip.is_unspecified() || ip.is_loopback()) && (address.is_loopback() || address.is_unspecified()),
        None => host.eq_ignore_ascii_case("localhost") && (address.is_loopback() || address.is_unspecified()),
    };
    let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
    addresses.iter().any(|address| address.port() == port && is_own(address.ip()))
}

fn parse(url: &str) -> Result<Uri, String> {
    let uri: Option<Uri> = url.parse().ok();
    uri.filter(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.authority().is_some())
        .ok_or_else(|| format!("{url:?} is no URL to pass on to, such as http://localhost:4318 or https://host/v1/traces"))
}

impl Endpoint {
    fn new(url: &str, headers: &[(String, String)], roots: RootCerts) -> Result<Self, String> {
        let uri = parse(url)?;
        let (scheme, authority) = (uri.scheme_str().unwrap_or_default(), uri.authority().ok_or("it names no host")?);
        let name = format!("{scheme}://{}{}", authority.host(), authority.port().map(|port| format!(":{port}")).unwrap_or_default());
        let path = uri.path().trim_end_matches('/');
        let base = format!("{scheme}://{authority}{}", path.strip_suffix("/v1/traces").unwrap_or(path));
        let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        let config = Agent::config_builder().timeout_global(Some(ANSWER)).http_status_as_error(false).max_redirects(0);
        let config = config.tls_config(TlsConfig::builder().root_certs(roots).build());
        Ok(Self { agent: config.build().into(), base, query, headers: headers.to_vec(), name })
    }

    /// The endpoint at this URL. `Err` says what is wrong with it.
    pub(crate) fn open(url: &str, headers: &[(String, String)]) -> Result<Self, String> {
        Self::new(url, headers, authorities(url))
    }

    /// Scheme, host and port, for a person.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Posts spans in protobuf, and gives what was answered.
    pub(crate) fn post_traces(&self, body: &Bytes) -> Result<Vec<u8>, ForwardError> {
        self.post(&ForwardRequest { signal: Signal::Traces, form: Encoding::Protobuf, gzip: false, body: body.clone() })
    }

    /// Where a signal goes.
    fn url(&self, signal: Signal) -> String {
        let name = match signal {
            Signal::Traces => "traces",
            Signal::Logs => "logs",
            Signal::Metrics => "metrics",
        };
        format!("{}/v1/{name}{}", self.base, self.query)
    }

    fn post(&self, request: &ForwardRequest) -> Result<Vec<u8>, ForwardError> {
        let content_type = match request.form {
            Encoding::Protobuf => "application/x-protobuf",
            Encoding::Json => "application/json",
        };
        let mut post = self.agent.post(self.url(request.signal)).header("content-type", content_type);
        if request.gzip {
            post = post.header("content-encoding", "gzip");
        }
        for (name, value) in &self.headers {
            post = post.header(name, value);
        }
        match post.send(&request.body[..]) {
            Ok(mut response) if response.status().is_success() => {
                // An answer that can't be read is one all the same.
                Ok(response.body_mut().with_config().limit(LARGEST_ANSWER).read_to_vec().unwrap_or_default())
            }
            Ok(mut response) => Err(refused(&mut response)),
            Err(error) => Err(ForwardError { words: error.to_string(), passes: true, again: None }),
        }
    }
}

/// The authorities that this machine trusts; those that browsers trust where it names none.
fn authorities(url: &str) -> RootCerts {
    if !url.starts_with("https:") {
        return RootCerts::WebPki;
    }
    let own: Vec<_> = rustls_native_certs::load_native_certs().certs.iter().map(|own| Certificate::from_der(own).to_owned()).collect();
    if own.is_empty() { RootCerts::WebPki } else { RootCerts::Specific(Arc::new(own)) }
}

/// <https://opentelemetry.io/docs/specs/otlp/#retryable-response-codes>
fn refused(response: &mut Response<ureq::Body>) -> ForwardError {
    let status = response.status();
    let mut body = Vec::new();
    // What came until it broke off says enough.
    let _ = response.body_mut().as_reader().take(READ).read_to_end(&mut body);
    let why = why(&body);
    let words = if why.is_empty() { format!("it answered {status}") } else { format!("it answered {status}: {why}") };
    let again = response.headers().get("retry-after").and_then(|after| after.to_str().ok()?.trim().parse().ok()).map(Duration::from_secs);
    ForwardError { words, passes: matches!(status.as_u16(), 408 | 429 | 502 | 503 | 504), again }
}

/// What an endpoint says of why it refused, the beginning of it on one line: a `Status`, in protobuf or JSON, or text.
fn why(body: &[u8]) -> String {
    let json = || serde_json::from_slice::<serde_json::Value>(body).ok()?.get("message")?.as_str().map(str::to_owned);
    let text = match status(body).or_else(json) {
        Some(message) => message,
        // What else is no text says nothing to a person.
        None if body.iter().any(|byte| matches!(byte, 0..=8)) => return String::new(),
        None => String::from_utf8_lossy(body).into_owned(),
    };
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut visible = text.chars().filter(|c| !c.is_control());
    let mut line: String = visible.by_ref().take(SAID).collect();
    if visible.next().is_some() {
        line.push('…');
    }
    line
}

/// The message of a `google.rpc.Status`, if these bytes are one.
fn status(body: &[u8]) -> Option<String> {
    let (mut fields, mut message) = (Fields(body), None);
    while let Some((number, value)) = fields.next().ok()? {
        match (number, value) {
            (2, Wire::Bytes(text)) => message = Some(std::str::from_utf8(text).ok()?.to_owned()),
            (1, Wire::Varint(_)) | (3, Wire::Bytes(_)) => {}
            _ => return None,
        }
    }
    message
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::TcpListener;
    use std::thread::JoinHandle;

    use rcgen::{CertifiedKey, KeyPair};
    use rustls::pki_types::PrivateKeyDer;
    use rustls::{ServerConfig, ServerConnection, StreamOwned};

    use super::*;

    #[test]
    fn a_url_gets_the_paths_of_the_signals() {
        let url = |url: &str, signal| Endpoint::new(url, &[], RootCerts::WebPki).map(|endpoint| endpoint.url(signal));
        let some = |url: &str| Ok(url.to_owned());
        assert_eq!(url("http://a:4318", Signal::Traces), some("http://a:4318/v1/traces"));
        assert_eq!(url("http://a:4318/", Signal::Logs), some("http://a:4318/v1/logs"));
        assert_eq!(url("https://a/x/v1/traces", Signal::Traces), some("https://a/x/v1/traces"));
        assert_eq!(url("https://a/x/v1/traces", Signal::Metrics), some("https://a/x/v1/metrics"));
        assert_eq!(url("https://a/otel/", Signal::Traces), some("https://a/otel/v1/traces"));
        assert_eq!(url("https://u:p@a/v1/traces?key=1/", Signal::Logs), some("https://u:p@a/v1/logs?key=1/"));
        for wrong in ["", "a", "ftp://a", "http://", "localhost:4318"] {
            assert!(Endpoint::new(wrong, &[], RootCerts::WebPki).is_err(), "{wrong}");
        }
        let named = Endpoint::new("https://user:pass@a/x?key=1", &[], RootCerts::WebPki);
        assert_eq!(named.map(|endpoint| endpoint.name), Ok("https://a".to_owned()));
    }

    #[test]
    fn it_is_noticed_where_a_url_leads_back() {
        let own = ["127.0.0.1:4318", "[::1]:4318", "0.0.0.0:80"].map(|address| address.parse().unwrap());
        for url in
            ["http://127.0.0.1:4318", "http://LOCALHOST:4318/v1/traces", "http://[::1]:4318/", "http://localhost", "http://0.0.0.0:4318"]
        {
            assert!(leads_to(url, &own), "{url}");
        }
        for url in ["http://127.0.0.1:4319", "http://10.0.0.1:4318", "http://collector:4318", "https://localhost", "nothing"] {
            assert!(!leads_to(url, &own), "{url}");
        }
    }

    #[test]
    fn a_refusal_is_told_in_a_line() {
        assert_eq!(why(b"bad stuff"), "bad stuff");
        assert_eq!(why(b"bad\r\n \x1b[2Jstuff\n"), "bad [2Jstuff");
        assert_eq!(why(b"\x08\x03\x12\x03no!"), "no!");
        assert_eq!(why(br#"{"code": 3, "message": "no such\nproject"}"#), "no such project");
        assert_eq!(why(br#"{"detail": "x"}"#), r#"{"detail": "x"}"#);
        assert_eq!((why(b""), why(b"\x0a\x00\xff")), (String::new(), String::new()));
        assert_eq!(why("ä".repeat(1000).as_bytes()), format!("{}…", "ä".repeat(SAID)));
    }

    /// A server that speaks TLS, answers one request and gives back what came.
    fn encrypted(certificate: &CertifiedKey<KeyPair>) -> (u16, JoinHandle<std::io::Result<String>>) {
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
    fn an_encrypted_endpoint_is_trusted_by_its_authority_alone() {
        let request = ForwardRequest { signal: Signal::Traces, form: Encoding::Protobuf, gzip: true, body: Bytes::from_static(b"body") };
        for trusted in [true, false] {
            let certificate = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
            let own = Certificate::from_der(certificate.cert.der()).to_owned();
            let (port, server) = encrypted(&certificate);
            let roots = if trusted { RootCerts::Specific(Arc::new(vec![own])) } else { RootCerts::WebPki };
            let headers = [("x-key".to_owned(), "v".to_owned())];
            let endpoint = Endpoint::new(&format!("https://localhost:{port}"), &headers, roots).unwrap_or_else(|wrong| panic!("{wrong}"));
            let posted = endpoint.post(&request).map_err(|trouble| trouble.words);
            let came = server.join().unwrap();
            if trusted {
                let came = came.unwrap();
                assert_eq!(posted, Ok(Vec::new()));
                assert!(came.starts_with("POST /v1/traces HTTP/1.1\r\n"), "{came}");
                assert!(came.contains("content-encoding: gzip\r\n") && came.contains("x-key: v\r\n"), "{came}");
            } else {
                assert!(posted.unwrap_err().contains("certificate"));
                assert!(came.is_err(), "nothing is sent to who is not trusted");
            }
        }
    }
}
