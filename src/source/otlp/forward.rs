//! Requests passed on, as they came, to another OTLP/HTTP endpoint, by a thread of its own: neither the sender nor the screen waits.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use hyper::Uri;
use ureq::Agent;
use ureq::http::Response;

use super::bodies::Form;
use super::intake::Signal;
use crate::source::Forwarding;

/// Bytes that may wait for an endpoint; what comes then is dropped and counted.
const WAITING: usize = 64 << 20;

/// How often one request is tried.
const TRIES: u32 = 10;

/// The first pause between two tries, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));

/// How long an endpoint may take for one answer.
const ANSWER: Duration = Duration::from_secs(30);

/// One endpoint.
#[derive(Debug)]
pub(super) struct Forward {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<(Signal, Form, Bytes)>,
    size: usize,
    report: Forwarding,
    closed: bool,
}

impl Forward {
    /// Starts a thread for the endpoint. `Err` says what is wrong with the URL.
    pub(super) fn start(url: &str, headers: &[(String, String)]) -> Result<Self, String> {
        let endpoint = Endpoint::new(url, headers)?;
        let shared = Arc::new(Shared::default());
        shared.lock().report.url.clone_from(&endpoint.name);
        let inner = shared.clone();
        let thread = std::thread::Builder::new().name("otlp forward".to_owned());
        thread.spawn(move || inner.run(&endpoint)).map_err(|error| error.to_string())?;
        Ok(Self { shared })
    }

    /// Queues a request, or drops it if too much waits.
    pub(super) fn push(&self, signal: Signal, form: Form, body: Bytes) {
        let mut queue = self.shared.lock();
        if queue.size + body.len() > WAITING {
            queue.report.dropped += 1;
            return;
        }
        queue.size += body.len();
        queue.report.waiting += 1;
        queue.waiting.push_back((signal, form, body));
        self.shared.changed.notify_all();
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
        while let Some((signal, form, body)) = self.next() {
            let size = body.len();
            let sent = self.send(endpoint, signal, form, &body);
            let mut queue = self.lock();
            queue.size -= size;
            queue.report.waiting -= 1;
            if sent {
                queue.report.sent += 1;
            } else {
                queue.report.dropped += 1;
            }
        }
    }

    fn next(&self) -> Option<(Signal, Form, Bytes)> {
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
    fn send(&self, endpoint: &Endpoint, signal: Signal, form: Form, body: &Bytes) -> bool {
        let mut pause = PAUSES.0;
        for left in (0..TRIES).rev() {
            let trouble = match endpoint.post(signal, form, body) {
                Ok(()) => {
                    self.lock().report.trouble = None;
                    return true;
                }
                Err(trouble) => trouble,
            };
            let last = left == 0 || !trouble.passes;
            self.lock().report.trouble = Some(trouble.words);
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

struct Endpoint {
    agent: Agent,
    /// The URL without the signal's path; `None` of the latter: one path for all.
    base: String,
    path: Option<String>,
    headers: Vec<(String, String)>,
    /// For a person: scheme, host and port.
    name: String,
}

struct Trouble {
    words: String,
    passes: bool,
    again: Option<Duration>,
}

impl Endpoint {
    fn new(url: &str, headers: &[(String, String)]) -> Result<Self, String> {
        let wrong = || format!("{url:?} is no URL to pass on to, such as http://localhost:4318 or https://host/v1/traces");
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        let (Some(scheme @ ("http" | "https")), Some(authority)) = (uri.scheme_str(), uri.authority()) else { return Err(wrong()) };
        let name = format!("{scheme}://{}{}", authority.host(), authority.port().map(|port| format!(":{port}")).unwrap_or_default());
        let base = url.trim_end_matches('/');
        let base = base.strip_suffix("/v1/traces").unwrap_or(base).to_owned();
        let own_path = uri.path().trim_end_matches('/');
        let path = (!own_path.is_empty() && !own_path.ends_with("/v1/traces")).then(|| url.to_owned());
        let config = Agent::config_builder().timeout_global(Some(ANSWER)).http_status_as_error(false).max_redirects(0);
        Ok(Self { agent: config.build().into(), base, path, headers: headers.to_vec(), name })
    }

    /// Where a signal goes; `None` if the URL names a place for spans alone.
    fn url(&self, signal: Signal) -> Option<String> {
        let name = match signal {
            Signal::Traces => "traces",
            Signal::Logs => "logs",
            Signal::Metrics => "metrics",
        };
        match &self.path {
            Some(path) => (signal == Signal::Traces).then(|| path.clone()),
            None => Some(format!("{}/v1/{name}", self.base)),
        }
    }

    fn post(&self, signal: Signal, form: Form, body: &Bytes) -> Result<(), Trouble> {
        let Some(url) = self.url(signal) else { return Ok(()) };
        let content_type = match form {
            Form::Protobuf => "application/x-protobuf",
            Form::Json => "application/json",
        };
        let mut request = self.agent.post(&url).header("content-type", content_type);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        match request.send(&body[..]) {
            Ok(response) if response.status().is_success() => Ok(()),
            Ok(response) => Err(refused(&response)),
            Err(error) => Err(Trouble { words: error.to_string(), passes: true, again: None }),
        }
    }
}

/// <https://opentelemetry.io/docs/specs/otlp/#retryable-response-codes>
fn refused(response: &Response<ureq::Body>) -> Trouble {
    let status = response.status();
    let again = response.headers().get("retry-after").and_then(|after| after.to_str().ok()?.trim().parse().ok()).map(Duration::from_secs);
    Trouble { words: format!("it answered {status}"), passes: matches!(status.as_u16(), 408 | 429 | 502 | 503 | 504), again }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_without_a_path_gets_the_signals() {
        let url = |url: &str, signal| Endpoint::new(url, &[]).map(|endpoint| endpoint.url(signal));
        let some = |url: &str| Ok(Some(url.to_owned()));
        assert_eq!(url("http://a:4318", Signal::Traces), some("http://a:4318/v1/traces"));
        assert_eq!(url("http://a:4318/", Signal::Logs), some("http://a:4318/v1/logs"));
        assert_eq!(url("https://a/x/v1/traces", Signal::Traces), some("https://a/x/v1/traces"));
        assert_eq!(url("https://a/x/v1/traces", Signal::Metrics), some("https://a/x/v1/metrics"));
        assert_eq!(url("https://a/otel", Signal::Traces), some("https://a/otel"));
        assert_eq!(url("https://a/otel", Signal::Logs), Ok(None));
        for wrong in ["", "a", "ftp://a", "http://", "localhost:4318"] {
            assert!(Endpoint::new(wrong, &[]).is_err(), "{wrong}");
        }
        assert_eq!(Endpoint::new("https://user:pass@a/x?key=1", &[]).map(|endpoint| endpoint.name), Ok("https://a".to_owned()));
    }
}
