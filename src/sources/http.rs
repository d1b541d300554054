//! Requests to one HTTP server: the client of sources that ask over HTTP.
//!
//! Everything goes to the origin that the user named: no redirect is followed, no proxy is asked, so that a key reaches nobody else. Every
//! answer is bounded in size and time. Errors name neither headers nor paths, which may hold keys.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use ureq::http::uri::Authority;
use ureq::http::{Method, Request, Uri};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, Body, Timeout};

/// The time limit for a connection with its TLS handshake.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The age after which an idle connection is not used again: less than the time after which servers close it.
const MAX_IDLE: Duration = Duration::from_secs(3);
/// Characters of an answer that a message quotes.
const MAX_QUOTED: usize = 200;

/// A server, and the headers of every request to it.
pub(super) struct Client {
    agent: Agent,
    /// Scheme, host and port, without credentials.
    pub(super) name: String,
    headers: Vec<(String, String)>,
}

/// Hides the headers, which may hold secrets.
impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A question to the server.
#[derive(Clone, Debug)]
pub(super) struct Ask<'a> {
    /// Path and query, encoded, beginning with `/`.
    pub(super) path: &'a str,
    /// Headers of this request only.
    pub(super) headers: &'a [(&'a str, &'a str)],
    /// The body of a POST; `None` for a GET.
    pub(super) body: Option<&'a [u8]>,
    /// The time limit for the whole answer.
    pub(super) timeout: Duration,
    /// The most bytes of the answer's body.
    pub(super) limit: u64,
}

/// An answer, whatever its status.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// The media type in lower case, without parameters; empty if none is stated.
    pub(super) media_type: String,
    /// The time of the server, as it states it.
    pub(super) date: Option<String>,
    /// Where a redirect leads, without what may be secret.
    pub(super) location: Option<String>,
    pub(super) body: Vec<u8>,
}

/// Why there is no answer. [`Display`](std::fmt::Display) completes the sentence that begins with the name of the server and a colon.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Error {
    /// Nothing listens there.
    #[error("nothing listens there (connection refused)")]
    Refused,
    /// The name of the host leads nowhere.
    #[error("no such host is known")]
    UnknownHost,
    /// No connection in time.
    #[error("no connection within {} seconds", CONNECT_TIMEOUT.as_secs())]
    NoConnection,
    /// No answer in time.
    #[error("no answer within {} seconds", .0.as_secs())]
    Slow(Duration),
    /// The certificate is not trusted, or the server speaks no TLS.
    #[error("no encrypted connection: {0}")]
    Tls(String),
    /// The connection broke before the answer was complete.
    #[error("the connection broke before the answer was complete")]
    Cut,
    /// The answer is larger than this many bytes.
    #[error("its answer is larger than {} MB", .0 >> 20)]
    TooLarge(u64),
    /// Another failure.
    #[error("{0}")]
    Other(String),
}

impl Client {
    /// Creates a client for an origin such as `https://host:8443`. `roots` is a PEM file of root certificates instead of the system's.
    /// `headers` go with every request. The error says what is wrong, without the headers.
    pub(super) fn new(origin: &str, roots: Option<&Path>, headers: Vec<(String, String)>) -> Result<Self, String> {
        let uri: Uri = origin.parse().map_err(|_| "it is not the URL of a server".to_owned())?;
        let scheme = uri.scheme_str().filter(|scheme| matches!(*scheme, "http" | "https"));
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@') && is_host_and_port(authority));
        let (Some(scheme), Some(authority)) = (scheme, authority) else { return Err("it is not the URL of a server".to_owned()) };
        let config = Agent::config_builder().http_status_as_error(false).max_redirects(0).max_redirects_will_error(false).proxy(None);
        let config = config.timeout_connect(Some(CONNECT_TIMEOUT)).max_idle_age(MAX_IDLE).user_agent("agno-top");
        let roots = if scheme == "https" { root_certificates(roots)? } else { RootCerts::WebPki };
        let config = config.tls_config(TlsConfig::builder().root_certs(roots).build());
        Ok(Self { agent: config.build().into(), name: format!("{scheme}://{authority}"), headers })
    }

    /// Asks what may be asked twice, and reads the answer. A connection that breaks is tried once more: a server may have closed it while it
    /// was idle.
    pub(super) fn ask(&self, ask: &Ask<'_>) -> Result<Answer, Error> {
        match self.ask_once(ask) {
            Err(Error::Cut) => self.ask_once(ask),
            outcome => outcome,
        }
    }

    /// Asks once, which is for what may not be done twice.
    pub(super) fn ask_once(&self, ask: &Ask<'_>) -> Result<Answer, Error> {
        let method = if ask.body.is_some() { Method::POST } else { Method::GET };
        let mut request = Request::builder().method(method).uri(format!("{}{}", self.name, ask.path));
        for (name, value) in self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).chain(ask.headers.iter().copied()) {
            request = request.header(name, value);
        }
        // The error of the builder may quote a header.
        let invalid = |_| Error::Other("a header or the path holds characters that HTTP does not allow".to_owned());
        let response = match ask.body {
            Some(body) => self.run(request.body(body).map_err(invalid)?, ask),
            None => self.run(request.body(()).map_err(invalid)?, ask),
        };
        let (head, body) = response.map_err(|error| describe(&error, ask))?.into_parts();
        let date = head.headers.get("date").and_then(|date| date.to_str().ok()).map(ToOwned::to_owned);
        let location = head.headers.get("location").and_then(|location| place(location.to_str().ok()?));
        let media_type = body.mime_type().unwrap_or_default().to_ascii_lowercase();
        let body = body.into_with_config().limit(ask.limit).read_to_vec().map_err(|error| describe(&error, ask))?;
        Ok(Answer { status: head.status.as_u16(), media_type, date, location, body })
    }

    fn run(&self, request: Request<impl ureq::AsSendBody>, ask: &Ask<'_>) -> Result<ureq::http::Response<Body>, ureq::Error> {
        self.agent.run(self.agent.configure_request(request).timeout_global(Some(ask.timeout)).build())
    }
}

impl Answer {
    /// Whether the request succeeded.
    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether the body is a web page, as proxies and other programs answer.
    pub(super) fn is_page(&self) -> bool {
        let start = self.body.trim_ascii_start();
        let begins = |text: &[u8]| start.get(..text.len()).is_some_and(|start| start.eq_ignore_ascii_case(text));
        self.media_type == "text/html" || begins(b"<!doctype") || begins(b"<html")
    }

    /// Returns what an answer without success means, to complete the sentence that begins with the name of the server and a colon.
    pub(super) fn refusal(&self) -> String {
        let status = self.status;
        let what = match status {
            300..=399 => match &self.location {
                Some(location) => format!("it redirects to {location} ({status}), which is not followed; name that address"),
                None => format!("it redirects to another address ({status}), which is not followed"),
            },
            401 => "it asks for a login, or refuses the one given (401)".to_owned(),
            403 => "it forbids this login to read (403)".to_owned(),
            407 => "a proxy asks for a login (407)".to_owned(),
            429 => "it has too many requests to answer (429)".to_owned(),
            502..=504 => format!("a proxy has no answer from it ({status})"),
            _ => format!("it answered with status {status}"),
        };
        if self.is_page() {
            return format!("{what}, with a web page: another program or a proxy may answer there");
        }
        let quote = quote(&self.body);
        if quote.is_empty() { what } else { format!("{what}: {quote}") }
    }
}

/// Returns the address or path that a redirect names, without user, query and fragment, which may hold secrets.
fn place(location: &str) -> Option<String> {
    let location = location.split(['?', '#']).next().unwrap_or_default();
    let shown = match location.split_once("//") {
        Some((scheme, rest)) => {
            let end = rest.find(['/', '\\']).unwrap_or(rest.len());
            let (authority, path) = rest.split_at(end);
            format!("{scheme}//{}{path}", authority.rsplit('@').next().unwrap_or_default())
        }
        None => location.to_owned(),
    };
    Some(quote(shown.as_bytes())).filter(|shown| !shown.is_empty())
}

/// Returns the beginning of a body in one line; empty for binary data.
pub(super) fn quote(body: &[u8]) -> String {
    if body.iter().any(|byte| matches!(byte, 0..=8)) {
        return String::new();
    }
    let text = String::from_utf8_lossy(body.get(..MAX_QUOTED * 8).unwrap_or(body)).split_whitespace().collect::<Vec<_>>().join(" ");
    let mut visible = text.chars().filter(|c| !c.is_control());
    let mut line: String = visible.by_ref().take(MAX_QUOTED).collect();
    if visible.next().is_some() {
        line.push('…');
    }
    line
}

/// Returns the system's root certificates, Mozilla's if the system has none, or those of a PEM file.
pub(super) fn root_certificates(file: Option<&Path>) -> Result<RootCerts, String> {
    let found: Vec<CertificateDer<'static>> = match file {
        Some(path) => {
            let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
            read.map_err(|error: rustls::pki_types::pem::Error| format!("the root certificate {} can't be read: {error}", path.display()))?
        }
        None => rustls_native_certs::load_native_certs().certs,
    };
    match (found.is_empty(), file) {
        (true, Some(path)) => Err(format!("{} holds no certificate", path.display())),
        (true, None) => Ok(RootCerts::WebPki),
        (false, _) => {
            let found: Vec<_> = found.iter().map(|certificate| Certificate::from_der(certificate).to_owned()).collect();
            Ok(RootCerts::Specific(Arc::new(found)))
        }
    }
}

/// Whether there is a host and, if any, a port that can be one: one that is too large would count as left out.
fn is_host_and_port(authority: &Authority) -> bool {
    let (host, text) = (authority.host(), authority.as_str());
    !host.is_empty() && (text == host || authority.port_u16().is_some())
}

/// Whether an address is this machine, to which a password may go without encryption.
pub(super) fn is_own_host(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']).trim_end_matches('.').to_ascii_lowercase();
    let is_loopback = |address: std::net::IpAddr| address.to_canonical().is_loopback() || address.is_unspecified();
    host == "localhost" || host.ends_with(".localhost") || host.parse().is_ok_and(is_loopback)
}

/// Explains a failure. Only texts of the system and of TLS are quoted.
fn describe(error: &ureq::Error, ask: &Ask<'_>) -> Error {
    match error {
        ureq::Error::Timeout(Timeout::Connect | Timeout::Resolve) => Error::NoConnection,
        ureq::Error::Timeout(_) => Error::Slow(ask.timeout),
        ureq::Error::HostNotFound => Error::UnknownHost,
        ureq::Error::BodyExceedsLimit(limit) => Error::TooLarge(*limit),
        ureq::Error::Tls(reason) => Error::Tls((*reason).to_owned()),
        ureq::Error::Rustls(error) => tls(error),
        ureq::Error::Protocol(_) => Error::Other("what answers there does not speak HTTP, or its answer is cut".to_owned()),
        ureq::Error::LargeResponseHeader(..) => Error::Other("the headers of its answer are too large".to_owned()),
        ureq::Error::Io(error) => io(error),
        ureq::Error::ConnectionFailed => Error::Other("no connection".to_owned()),
        _ => Error::Other("the request failed".to_owned()),
    }
}

fn io(error: &std::io::Error) -> Error {
    // A read of the body wraps the errors of the client, and these those of TLS.
    let inner = error.get_ref();
    if let Some(error) = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        return tls(error);
    }
    match error.kind() {
        ErrorKind::ConnectionRefused => Error::Refused,
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe | ErrorKind::UnexpectedEof => Error::Cut,
        ErrorKind::TimedOut | ErrorKind::WouldBlock => Error::NoConnection,
        _ => Error::Other(error.to_string()),
    }
}

fn tls(error: &rustls::Error) -> Error {
    use rustls::CertificateError::{Expired, NotValidForName, NotValidForNameContext, UnknownIssuer};
    Error::Tls(match error {
        rustls::Error::InvalidMessage(_) => "the server does not speak TLS".to_owned(),
        rustls::Error::InvalidCertificate(NotValidForName | NotValidForNameContext { .. }) => {
            "the certificate names another host".to_owned()
        }
        rustls::Error::InvalidCertificate(UnknownIssuer) => "the certificate is from an authority that is not trusted here".to_owned(),
        rustls::Error::InvalidCertificate(Expired) => "the certificate has expired".to_owned(),
        error => error.to_string(),
    })
}

#[cfg(test)]
mod tests;
