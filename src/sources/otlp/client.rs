//! A client for OTLP/HTTP endpoints, with retries: <https://opentelemetry.io/docs/specs/otlp/#otlphttp>.

mod absolute_form;
mod proxy;

use std::io::Read;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE};
use hyper::{Request, Response, Uri};
use percent_encoding::percent_decode_str;
use ureq::http::uri::Authority;
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Proxy};

pub(crate) use super::response::Accepted;
use super::response::decode_error_message;
use super::types::{Encoding, Signal};
use crate::sources::http::root_certificates;

/// The delay before the first retry, and the longest delay.
const MIN_DELAY: Duration = Duration::from_millis(500);
const MAX_DELAY: Duration = Duration::from_secs(30);

/// The time limit for one attempt.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Bytes of a response that are read.
const MAX_RESPONSE: usize = 1 << 16;

/// Characters of an error response that are shown.
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

    /// An `ExportLogsServiceRequest` in protobuf.
    pub(crate) fn logs(body: Vec<u8>) -> Self {
        Self { signal: Signal::Logs, ..Self::traces(body) }
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

/// Why requests can't be sent to an endpoint. No message holds a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// The URL is not one of an endpoint.
    #[error("{0} is not the URL of an OTLP/HTTP endpoint, such as http://localhost:4318 or https://host/v1/traces")]
    InvalidUrl(String),
    /// The environment variable of this name has no valid URL.
    #[error("{0} is set but not to the URL of a proxy, such as http://host:3128")]
    InvalidProxy(String),
    /// The environment variable of this name states a kind of proxy that can't be used.
    #[error("{0} is set to a proxy that can't be used here: it must be an http:// URL (no_proxy lists hosts without a proxy)")]
    UnsupportedProxy(String),
}

/// Checks the URL of an OTLP/HTTP endpoint.
pub fn check_url(url: &str) -> Result<(), EndpointError> {
    parse_url(url).map(drop)
}

fn parse_url(url: &str) -> Result<Uri, EndpointError> {
    let uri: Option<Uri> = url.parse().ok();
    let is_endpoint = |uri: &Uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.authority().is_some_and(has_valid_port);
    uri.filter(is_endpoint).ok_or_else(|| {
        // A user, a path or a query may hold a secret, which the message must not show.
        let is_plain = !url.contains(['@', '?', '/']);
        EndpointError::InvalidUrl(if is_plain { format!("{url:?}") } else { "this".to_owned() })
    })
}

/// Whether the port is valid or left out: one that is too large would count as left out.
fn has_valid_port(authority: &Authority) -> bool {
    let host_and_port = authority.as_str().rsplit('@').next().unwrap_or_default();
    authority.port().is_some() || host_and_port.strip_prefix(authority.host()).is_some_and(|port| port.len() < 2)
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
pub(crate) struct Client {
    agent: Agent,
    /// The proxy of a plain HTTP endpoint. `agent` knows that of an encrypted one.
    plain_proxy: Option<Proxy>,
    /// The URL up to the path of the signal, which is appended as exporters do:
    /// <https://opentelemetry.io/docs/specs/otel/protocol/exporter/>. User and password are in `headers`.
    base: String,
    query: String,
    headers: Vec<(String, String)>,
    /// Scheme, host and port, without credentials.
    pub(crate) name: String,
    /// Names the proxy in errors; empty if there is none.
    via: String,
}

/// Hides the headers, the URL and the proxy, which may hold secrets.
impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Client {
    /// Creates a client for the endpoint at `url`. The environment may state a proxy.
    pub(crate) fn new(url: &str, headers: &[(String, String)]) -> Result<Self, EndpointError> {
        let proxy = proxy::choose(&parse_url(url)?, |name| std::env::var(name).ok())?;
        let roots = if url.starts_with("https:") { root_certificates(None).unwrap_or(RootCerts::WebPki) } else { RootCerts::WebPki };
        Self::with_proxy(url, headers, proxy, roots)
    }

    fn with_proxy(url: &str, headers: &[(String, String)], proxy: Option<Proxy>, roots: RootCerts) -> Result<Self, EndpointError> {
        let uri = parse_url(url)?;
        let (scheme, host) = (uri.scheme_str().unwrap_or_default(), uri.host().unwrap_or_default());
        let name = format!("{scheme}://{host}{}", uri.port().map(|port| format!(":{port}")).unwrap_or_default());
        let path = uri.path().trim_end_matches('/');
        let base = format!("{name}{}", path.strip_suffix("/v1/traces").unwrap_or(path));
        let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        let mut headers = headers.to_vec();
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(AUTHORIZATION.as_str())) {
            headers.extend(url_credentials(&uri).map(|credentials| (AUTHORIZATION.as_str().to_owned(), credentials)));
        }
        let via = proxy.as_ref().map(|proxy| format!("through the proxy {}:{}: ", proxy.host(), proxy.port())).unwrap_or_default();
        let (plain_proxy, tunnel) = if scheme == "https" { (None, proxy) } else { (proxy, None) };
        let config = Agent::config_builder().timeout_global(Some(TIMEOUT)).http_status_as_error(false).max_redirects(0).proxy(tunnel);
        let config = config.tls_config(TlsConfig::builder().root_certs(roots).build());
        Ok(Self { agent: config.build().into(), plain_proxy, base, query, headers, name, via })
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

    fn post(&self, message: &Message) -> Result<Bytes, ClientError> {
        let failed =
            |error: &dyn std::fmt::Display| ClientError { message: format!("{}{error}", self.via), is_retryable: true, retry_after: None };
        let response = match &self.plain_proxy {
            Some(proxy) => self.request(message).map_err(Into::into).and_then(|request| absolute_form::send(proxy, request)),
            None => self.send_directly(message).map_err(Into::into),
        };
        let response = response.map_err(|error| failed(&error))?;
        if response.status().is_success() { Ok(response.into_body()) } else { Err(self.error_response(&response)) }
    }

    fn request(&self, message: &Message) -> Result<Request<Bytes>, ureq::http::Error> {
        let mut request = Request::post(self.url(message.signal)).header(CONTENT_TYPE, message.encoding.content_type());
        if message.is_gzip {
            request = request.header(CONTENT_ENCODING, "gzip");
        }
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        request.body(message.body.clone())
    }

    fn send_directly(&self, message: &Message) -> Result<Response<Bytes>, ureq::Error> {
        let (head, body) = self.request(message)?.into_parts();
        let (head, body) = self.agent.run(Request::from_parts(head, &body[..]))?.into_parts();
        // The status alone means success, even if the body can't be read; a truncated body still explains an error.
        let mut bytes = Vec::new();
        let _ = body.into_reader().take(MAX_RESPONSE as u64).read_to_end(&mut bytes);
        Ok(Response::from_parts(head, bytes.into()))
    }

    /// Explains an error response. Retryable codes: <https://opentelemetry.io/docs/specs/otlp/#retryable-response-codes>.
    fn error_response(&self, response: &Response<Bytes>) -> ClientError {
        let status = response.status();
        let reason = error_reason(response.body());
        let Self { via, .. } = self;
        let message = if reason.is_empty() { format!("{via}it answered {status}") } else { format!("{via}it answered {status}: {reason}") };
        let retry_after = response.headers().get("retry-after").and_then(|delay| delay.to_str().ok()?.trim().parse().ok());
        let is_retryable = matches!(status.as_u16(), 408 | 429 | 502 | 503 | 504);
        ClientError { message, is_retryable, retry_after: retry_after.map(Duration::from_secs) }
    }
}

/// Returns the `Authorization` header for user and password of a URL, if it has any.
fn url_credentials(uri: &Uri) -> Option<String> {
    let (user, _) = uri.authority()?.as_str().rsplit_once('@')?;
    let (user, password) = user.split_once(':').unwrap_or((user, ""));
    let decode = |text| percent_decode_str(text).decode_utf8_lossy().into_owned();
    Some(basic_credentials(&decode(user), &decode(password)))
}

/// Returns the value of a header with Basic credentials.
fn basic_credentials(user: &str, password: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}")))
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
mod tests;
