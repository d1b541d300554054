//! Requests over plain HTTP through a proxy, which gets the URL of the endpoint in absolute form (RFC 9112, section 3.2.2). `ureq` would
//! open a tunnel instead, which many proxies refuse for ports other than 443.

use bytes::Bytes;
use http_body_util::{BodyExt, Collected, Full, Limited};
use hyper::client::conn::http1;
use hyper::header::{HOST, HeaderValue, PROXY_AUTHORIZATION};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use ureq::Proxy;

use super::{MAX_RESPONSE, TIMEOUT, basic_credentials};

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Sends a request and waits for the response. The body is empty if it is longer than [`MAX_RESPONSE`].
pub(super) fn send(proxy: &Proxy, request: Request<Bytes>) -> Result<Response<Bytes>, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let response = runtime.block_on(async { tokio::time::timeout(TIMEOUT, exchange(proxy, request)).await });
    response.unwrap_or_else(|_| Err("timeout".into()))
}

async fn exchange(proxy: &Proxy, mut request: Request<Bytes>) -> Result<Response<Bytes>, Error> {
    let stream = TcpStream::connect((proxy.host().trim_matches(['[', ']']), proxy.port())).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // It ends with the request; an error is reported there.
    tokio::spawn(connection);
    if let Some(authority) = request.uri().authority() {
        let host = HeaderValue::from_str(authority.as_str())?;
        request.headers_mut().insert(HOST, host);
    }
    if let Some(user) = proxy.username() {
        let credentials = basic_credentials(user, proxy.password().unwrap_or_default());
        request.headers_mut().insert(PROXY_AUTHORIZATION, HeaderValue::from_str(&credentials)?);
    }
    let (head, body) = sender.send_request(request.map(Full::new)).await?.into_parts();
    let body = Limited::new(body, MAX_RESPONSE).collect().await.map(Collected::to_bytes).unwrap_or_default();
    Ok(Response::from_parts(head, body))
}
