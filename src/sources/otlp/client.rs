//! A client for OTLP/HTTP endpoints, with retries: <https://opentelemetry.io/docs/specs/otlp/#otlphttp>.

use std::io::Read;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::Uri;
use ureq::Agent;
use ureq::http::Response;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use super::response::{Accepted, decode_error_message};
use super::types::{Encoding, Signal};

/// The delay before the first retry, and the longest delay.
const MIN_DELAY: Duration = Duration::from_millis(500);
const MAX_DELAY: Duration = Duration::from_secs(30);

/// The time limit for one attempt.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Bytes of a response that are read.
const MAX_RESPONSE: u64 = 1 << 16;

/// Bytes of an error response that are read, and characters of it that are shown.
const MAX_ERROR_BODY: u64 = 1 << 12;
const MAX_ERROR_CHARS: usize = 200;

/// A message to send.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(super) signal: Signal,
    pub(super) encoding: Encoding,
    /// Whether the body is compressed.
    pub(super) is_gzip: bool,
    pub(super) body: Bytes,
}

impl Message {
    /// An `ExportTraceServiceRequest` in protobuf.
    pub(crate) fn traces(body: Vec<u8>) -> Self {
        Self { signal: Signal::Traces, encoding: Encoding::Protobuf, is_gzip: false, body: body.into() }
    }
}

/// Why an endpoint did not accept a message.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct ClientError {
    /// The cause, for the user.
    message: String,
    /// Whether a retry may succeed.
    is_retryable: bool,
    /// The delay that the endpoint asks for.
    retry_after: Option<Duration>,
}

/// A URL that is not an OTLP/HTTP endpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not the URL of an OTLP/HTTP endpoint, such as http://localhost:4318 or https://host/v1/traces")]
pub struct InvalidUrl(String);

/// Checks the URL of an OTLP/HTTP endpoint.
pub fn check_url(url: &str) -> Result<(), InvalidUrl> {
    parse_url(url).map(drop)
}

fn parse_url(url: &str) -> Result<Uri, InvalidUrl> {
    let uri: Option<Uri> = url.parse().ok();
    uri.filter(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.authority().is_some()).ok_or_else(|| {
        // A user, a path or a query may hold a secret, which the message must not show.
        let is_plain = !url.contains(['@', '?', '/']);
        InvalidUrl(if is_plain { format!("{url:?}") } else { "this".to_owned() })
    })
}

/// Whether the URL names one of these addresses of this machine.
pub(super) fn is_own_address(url: &str, addresses: &[SocketAddr]) -> bool {
    let Ok(uri) = parse_url(url) else { return false };
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let ip = host.parse::<IpAddr>().ok();
    let is_local = |address: IpAddr| address.is_loopback() || address.is_unspecified();
    let matches = |address: IpAddr| match ip {
        Some(ip) => ip == address || is_local(ip) && is_local(address),
        None => host.eq_ignore_ascii_case("localhost") && is_local(address),
    };
    let port = uri.port_u16().unwrap_or(if uri.scheme_str() == Some("https") { 443 } else { 80 });
    addresses.iter().any(|address| address.port() == port && matches(address.ip()))
}

/// An endpoint and the headers of its requests.
#[derive(Debug)]
pub(crate) struct Client {
    agent: Agent,
    /// The URL up to the path of the signal, which is appended as exporters do:
    /// <https://opentelemetry.io/docs/specs/otel/protocol/exporter/>.
    base: String,
    query: String,
    headers: Vec<(String, String)>,
    /// Scheme, host and port, without credentials.
    pub(crate) name: String,
}

impl Client {
    /// Creates a client for the endpoint at `url`.
    pub(crate) fn new(url: &str, headers: &[(String, String)]) -> Result<Self, InvalidUrl> {
        Self::with_roots(url, headers, root_certificates(url))
    }

    fn with_roots(url: &str, headers: &[(String, String)], roots: RootCerts) -> Result<Self, InvalidUrl> {
        let uri = parse_url(url)?;
        let (scheme, authority) = (uri.scheme_str().unwrap_or_default(), uri.authority().ok_or_else(|| InvalidUrl(url.to_owned()))?);
        let name = format!("{scheme}://{}{}", authority.host(), authority.port().map(|port| format!(":{port}")).unwrap_or_default());
        let path = uri.path().trim_end_matches('/');
        let base = format!("{scheme}://{authority}{}", path.strip_suffix("/v1/traces").unwrap_or(path));
        let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        let config = Agent::config_builder().timeout_global(Some(TIMEOUT)).http_status_as_error(false).max_redirects(0);
        let config = config.tls_config(TlsConfig::builder().root_certs(roots).build());
        Ok(Self { agent: config.build().into(), base, query, headers: headers.to_vec(), name })
    }

    /// Sends a message, up to `attempts` times.
    ///
    /// Before each retry `wait` gets the error and the delay; it waits and returns whether to go on.
    pub(crate) fn send(
        &self,
        message: &Message,
        attempts: u32,
        mut wait: impl FnMut(&ClientError, Duration) -> bool,
    ) -> Result<Accepted, ClientError> {
        let mut delay = MIN_DELAY;
        let mut attempt = 1;
        loop {
            let error = match self.post(message) {
                Ok(response) => return Ok(Accepted::decode(&response)),
                Err(error) => error,
            };
            let can_retry = error.is_retryable && attempt < attempts;
            if !can_retry || !wait(&error, error.retry_after.unwrap_or(delay).min(MAX_DELAY)) {
                return Err(error);
            }
            delay = (delay * 2).min(MAX_DELAY);
            attempt += 1;
        }
    }

    fn url(&self, signal: Signal) -> String {
        format!("{}{}{}", self.base, signal.path(), self.query)
    }

    fn post(&self, message: &Message) -> Result<Vec<u8>, ClientError> {
        let mut request = self.agent.post(self.url(message.signal)).header("content-type", message.encoding.content_type());
        if message.is_gzip {
            request = request.header("content-encoding", "gzip");
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        match request.send(&message.body[..]) {
            Ok(mut response) if response.status().is_success() => {
                // The status alone means success, even if the body can't be read.
                Ok(response.body_mut().with_config().limit(MAX_RESPONSE).read_to_vec().unwrap_or_default())
            }
            Ok(mut response) => Err(error_response(&mut response)),
            Err(error) => Err(ClientError { message: error.to_string(), is_retryable: true, retry_after: None }),
        }
    }
}

/// Returns the system's root certificates, or Mozilla's if the system has none.
fn root_certificates(url: &str) -> RootCerts {
    if !url.starts_with("https:") {
        return RootCerts::WebPki;
    }
    let system = rustls_native_certs::load_native_certs().certs;
    let system: Vec<_> = system.iter().map(|certificate| Certificate::from_der(certificate).to_owned()).collect();
    if system.is_empty() { RootCerts::WebPki } else { RootCerts::Specific(Arc::new(system)) }
}

/// Reads an error response. Retryable codes: <https://opentelemetry.io/docs/specs/otlp/#retryable-response-codes>.
fn error_response(response: &mut Response<ureq::Body>) -> ClientError {
    let status = response.status();
    let mut body = Vec::new();
    // A truncated body still explains the error.
    let _ = response.body_mut().as_reader().take(MAX_ERROR_BODY).read_to_end(&mut body);
    let reason = error_reason(&body);
    let message = if reason.is_empty() { format!("it answered {status}") } else { format!("it answered {status}: {reason}") };
    let retry_after = response.headers().get("retry-after").and_then(|delay| delay.to_str().ok()?.trim().parse().ok());
    let is_retryable = matches!(status.as_u16(), 408 | 429 | 502 | 503 | 504);
    ClientError { message, is_retryable, retry_after: retry_after.map(Duration::from_secs) }
}

/// Returns the reason in the body of an error response, shortened to one line.
fn error_reason(body: &[u8]) -> String {
    let text = match decode_error_message(body) {
        Some(message) => message,
        // Binary data.
        None if body.iter().any(|byte| matches!(byte, 0..=8)) => return String::new(),
        None => String::from_utf8_lossy(body).into_owned(),
    };
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut visible = text.chars().filter(|c| !c.is_control());
    let mut line: String = visible.by_ref().take(MAX_ERROR_CHARS).collect();
    if visible.next().is_some() {
        line.push('…');
    }
    line
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
    fn the_path_of_the_signal_is_appended_to_the_url() {
        let url = |url: &str, signal| Client::with_roots(url, &[], RootCerts::WebPki).map(|client| client.url(signal));
        let some = |url: &str| Ok(url.to_owned());
        assert_eq!(url("http://a:4318", Signal::Traces), some("http://a:4318/v1/traces"));
        assert_eq!(url("http://a:4318/", Signal::Logs), some("http://a:4318/v1/logs"));
        assert_eq!(url("https://a/x/v1/traces", Signal::Traces), some("https://a/x/v1/traces"));
        assert_eq!(url("https://a/x/v1/traces", Signal::Metrics), some("https://a/x/v1/metrics"));
        assert_eq!(url("https://a/otel/", Signal::Traces), some("https://a/otel/v1/traces"));
        assert_eq!(url("https://u:p@a/v1/traces?key=1/", Signal::Logs), some("https://u:p@a/v1/logs?key=1/"));
        for wrong in ["", "a", "ftp://a", "http://", "localhost:4318"] {
            assert!(Client::with_roots(wrong, &[], RootCerts::WebPki).is_err(), "{wrong}");
        }
        let client = Client::with_roots("https://user:pass@a/x?key=1", &[], RootCerts::WebPki);
        assert_eq!(client.map(|client| client.name), Ok("https://a".to_owned()));
    }

    #[test]
    fn the_listeners_own_addresses_are_recognized() {
        let own = ["127.0.0.1:4318", "[::1]:4318", "0.0.0.0:80"].map(|address| address.parse().unwrap());
        for url in
            ["http://127.0.0.1:4318", "http://LOCALHOST:4318/v1/traces", "http://[::1]:4318/", "http://localhost", "http://0.0.0.0:4318"]
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
            let client = Client::with_roots(&format!("https://localhost:{port}"), &headers, roots).unwrap();
            let response = client.post(&message).map_err(|error| error.message);
            let request = server.join().unwrap();
            if is_trusted {
                let request = request.unwrap();
                assert_eq!(response, Ok(Vec::new()));
                assert!(request.starts_with("POST /v1/traces HTTP/1.1\r\n"), "{request}");
                assert!(request.contains("content-encoding: gzip\r\n") && request.contains("x-key: v\r\n"), "{request}");
            } else {
                assert!(response.unwrap_err().contains("certificate"));
                assert!(request.is_err(), "an untrusted endpoint receives nothing");
            }
        }
    }
}
