//! Listens for OTLP over gRPC and HTTP: <https://opentelemetry.io/docs/specs/otlp/>.
//!
//! The servers run on a thread and a runtime of their own, so that the screen and the senders never wait for each other. A body is
//! indexed in one pass, kept in memory as long as a span of it is, and acknowledged once its spans are on their way to the store.

mod arena;
mod auth;
mod bind;
mod body_reader;
mod body_store;
pub(crate) mod client;
mod compact;
mod forward;
#[cfg(feature = "fuzzing")]
pub mod fuzz;
mod grpc;
mod http;
mod ingest;
mod record;
mod response;
mod search;
mod server;
mod service;
mod span_events;
mod types;

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{Semaphore, watch};

use super::sqlite::Tables;
use super::{Closed, Handle, Port, Progress, Request, SearchHits, State, Traffic, Update, UpdateSender};
use auth::AccessPolicy;
pub use bind::BindError;
use bind::Bound;
use body_reader::MemoryBudget;
use client::Client;
pub use client::{InvalidUrl, check_url};
use forward::Forward;
use ingest::Ingest;
use record::Recorder;
use search::{Hits, Scan};
use server::Server;
use service::Service;

/// The default address for OTLP over gRPC.
pub const GRPC: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 4317);

/// The default address for OTLP over HTTP.
pub const HTTP: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 4318);

/// The default size limit of a request in bytes.
pub const MAX_BODY: usize = 16 << 20;

/// The upper bound of the size limit: the offsets of spans have 32 bits.
const MAX_BODY_LIMIT: usize = 1 << 30;

/// The limits of connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// The number of connections. More are closed at once.
    pub connections: u32,
    /// The time limit for a request's head, and for an idle connection.
    pub idle_timeout: Duration,
    /// The time limit for a request's body.
    pub body_timeout: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self { connections: 256, idle_timeout: Duration::from_secs(60), body_timeout: Duration::from_secs(30) }
    }
}

/// The interval of traffic updates, and of attempts to bind an address that is in use.
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// The time limit for open requests, the recorder and the forward queues at shutdown.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);

/// The options of the listener.
#[derive(Clone, PartialEq, Eq)]
pub struct Options {
    /// The address for gRPC, if any. Each address accepts both protocols.
    pub grpc: Option<SocketAddr>,
    /// The address for HTTP, if any.
    pub http: Option<SocketAddr>,
    /// The bearer token that every request must have (`Authorization: Bearer …`).
    pub token: Option<String>,
    /// The allowed origins of web pages; `*` allows all.
    pub origins: Vec<String>,
    /// The size limit of a request in bytes, compressed and decompressed. At most 1 GiB.
    pub max_body: usize,
    /// The SQLite file that spans are recorded into with Agno's schema, and the names of its tables.
    pub record: Option<(PathBuf, Tables)>,
    /// OTLP/HTTP endpoints that every accepted request is forwarded to.
    pub forward: Vec<String>,
    /// Names and values of headers for these endpoints.
    pub forward_headers: Vec<(String, String)>,
    /// The limits of connections. Only tests change them.
    pub limits: ConnectionLimits,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            grpc: Some(GRPC),
            http: Some(HTTP),
            token: None,
            origins: Vec::new(),
            max_body: MAX_BODY,
            record: None,
            forward: Vec::new(),
            forward_headers: Vec::new(),
            limits: ConnectionLimits::default(),
        }
    }
}

/// Omits secrets.
impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { grpc, http, token, origins, max_body, record, .. } = self;
        let token = token.as_ref().map(|_| "…");
        let mut debug = f.debug_struct("Options");
        debug.field("grpc", grpc).field("http", http).field("token", &token).field("origins", origins).field("max_body", max_body);
        debug.field("record", record).finish_non_exhaustive()
    }
}

/// A started listener.
#[derive(Debug)]
pub struct Listening {
    /// The source.
    pub handle: Handle,
    /// The bound addresses; empty if all were in use.
    pub addresses: Vec<SocketAddr>,
    /// The addresses that can't be bound. The listener tries again, and reports [`State::Failing`] until it succeeds.
    pub failed: Vec<BindError>,
    /// Warnings for the user.
    pub warnings: Vec<String>,
}

/// Starts a listener. Addresses are bound before this returns.
///
/// Fails if the file to record into can't be written, if an endpoint to forward to is invalid or is the listener itself, or if a thread
/// can't be started.
pub fn start(options: Options, outlet: UpdateSender) -> io::Result<Listening> {
    let recorder = options.record.as_ref().map(|(path, tables)| Recorder::start(path, tables.clone())).transpose();
    let recorder = recorder.map_err(io::Error::other)?;
    let start_forward = |url: &String| Forward::start(Client::new(url, &options.forward_headers).map_err(io::Error::other)?);
    let forwards = options.forward.iter().map(start_forward).collect::<io::Result<Vec<_>>>()?;
    let ingest = Arc::new(Ingest::new(outlet.clone(), recorder, forwards));
    let (bound, failed) = bind::all(&options);
    let addresses: Vec<SocketAddr> = bound.iter().map(|bound| bound.address).collect();
    if let Some(url) = options.forward.iter().find(|url| client::is_own_address(url, &addresses)) {
        return Err(io::Error::other(format!("{url} is an address of agno-top itself: requests forwarded there would loop")));
    }
    let configured = [options.grpc, options.http].into_iter().flatten();
    let warnings = configured.filter_map(|address| warning(address, options.token.is_some())).collect::<Vec<_>>();
    for warning in &warnings {
        tracing::warn!(warning, "OTLP");
    }
    let unbound = failed.clone();
    let handle = super::spawn_to_end("otlp".to_owned(), outlet, move |outlet, inbox| {
        let _closed = run(&options, &ingest, bound, unbound, outlet, inbox);
        ingest.shut_down(SHUTDOWN_TIMEOUT)
    })?;
    Ok(Listening { handle, addresses, failed, warnings })
}

/// Returns a warning if other machines can reach the address.
fn warning(address: SocketAddr, has_token: bool) -> Option<String> {
    let token = if has_token { " with the token" } else { "; --otlp-token TOKEN requires a token" };
    let warning = || format!("{address} is open to other machines: everyone who reaches it can send spans{token}");
    (!address.ip().is_loopback()).then(warning)
}

fn run(
    options: &Options,
    ingest: &Arc<Ingest>,
    bound: Vec<Bound>,
    failed: Vec<BindError>,
    updates: &UpdateSender,
    requests: &Receiver<Request>,
) -> Result<(), Closed> {
    let service = Service {
        ingest: ingest.clone(),
        budget: MemoryBudget::new(options.max_body.min(MAX_BODY_LIMIT), options.limits.body_timeout),
        access: AccessPolicy { token: options.token.clone(), origins: options.origins.clone() },
    };
    let connections = options.limits.connections;
    let (shutdown, shutdown_receiver) = watch::channel(false);
    let server = Server {
        service: Arc::new(service),
        connections: Arc::new(Semaphore::new(connections as usize)),
        idle_timeout: options.limits.idle_timeout,
        shutdown: shutdown_receiver,
    };
    let addresses = bound.iter().map(|bound| bound.address).collect();
    let (listeners, listeners_receiver) = unbounded_channel();
    for bound in bound {
        let _ = listeners.send(bound.listener);
    }
    let thread = std::thread::Builder::new().name("otlp server".to_owned());
    let thread = match thread.spawn(move || run_servers(&server, connections, listeners_receiver)) {
        Ok(thread) => thread,
        Err(error) => return updates.send(Update::State(updates.id, State::Failing(format!("can't start a thread: {error}")))),
    };
    let mut worker = Worker {
        ingest,
        updates,
        addresses,
        has_token: options.token.is_some(),
        failed,
        listeners,
        reported: Traffic::default(),
        scan: None,
    };
    let outcome = worker.run(requests);
    shutdown.send_replace(true);
    drop(worker);
    // The servers end within SHUTDOWN_TIMEOUT.
    let _ = thread.join();
    outcome
}

/// Runs the servers on this thread until the listeners' channel closes and the connections end.
fn run_servers(server: &Server, connections: u32, mut listeners: UnboundedReceiver<TcpListener>) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return tracing::error!(%error, "can't start the OTLP servers"),
    };
    runtime.block_on(async {
        while let Some(listener) = listeners.recv().await {
            match tokio::net::TcpListener::from_std(listener) {
                Ok(listener) => drop(tokio::spawn(server.clone().listen(listener))),
                Err(error) => tracing::error!(%error, "can't listen on an address"),
            }
        }
        // All permits are free once all connections have ended.
        let _ = tokio::time::timeout(SHUTDOWN_TIMEOUT, server.connections.acquire_many(connections)).await;
    });
    runtime.shutdown_background();
}

/// Answers the requests of the program and reports state and traffic.
struct Worker<'a> {
    ingest: &'a Ingest,
    updates: &'a UpdateSender,
    /// The bound addresses.
    addresses: Vec<SocketAddr>,
    has_token: bool,
    /// The addresses that can't be bound yet.
    failed: Vec<BindError>,
    /// Takes listeners to the servers' thread.
    listeners: UnboundedSender<TcpListener>,
    /// The last report.
    reported: Traffic,
    /// The search in progress.
    scan: Option<Scan>,
}

impl Worker<'_> {
    fn run(&mut self, requests: &Receiver<Request>) -> Result<(), Closed> {
        self.report_state()?;
        let mut next_report = Instant::now() + REPORT_INTERVAL;
        loop {
            let timeout = if self.scan.is_some() { Duration::ZERO } else { next_report.saturating_duration_since(Instant::now()) };
            match requests.recv_timeout(timeout) {
                Ok(request) => self.answer(request)?,
                Err(RecvTimeoutError::Timeout) if Instant::now() < next_report => self.continue_search()?,
                Err(RecvTimeoutError::Timeout) => {
                    next_report = Instant::now() + REPORT_INTERVAL;
                    self.report_traffic()?;
                    self.retry_bind()?;
                }
                Err(RecvTimeoutError::Disconnected) => return Err(Closed),
            }
        }
    }

    fn answer(&mut self, request: Request) -> Result<(), Closed> {
        match request {
            Request::Payloads { ticket, addresses } => {
                let payloads = addresses.into_iter().map(|(address, span)| self.ingest.payload(address, span)).collect();
                self.updates.send(Update::Payloads { ticket, payloads })
            }
            Request::Release(addresses) => {
                self.ingest.release(&addresses);
                Ok(())
            }
            Request::Search(search) => {
                self.scan = Some(Scan::new(search, self.ingest.bodies()));
                Ok(())
            }
            Request::Check { ticket, probe, addresses } => {
                let hits = search::check(&addresses, &probe, |number, originals| self.ingest.spans(number, originals));
                self.report_hits(ticket, hits, None)
            }
            Request::StopSearch => {
                self.scan = None;
                Ok(())
            }
        }
    }

    /// Searches a few more bodies.
    fn continue_search(&mut self) -> Result<(), Closed> {
        let Some(mut scan) = self.scan.take() else { return Ok(()) };
        let hits = scan.slice(|number| self.ingest.body(number));
        let progress = scan.progress();
        self.report_hits(scan.search.ticket, hits, Some(progress))?;
        self.scan = (progress.done < progress.total).then_some(scan);
        Ok(())
    }

    fn report_hits(&self, ticket: u64, spans: Hits, progress: Option<Progress>) -> Result<(), Closed> {
        if spans.is_empty() && progress.is_none() {
            return Ok(());
        }
        self.updates.send(Update::Found(SearchHits { source: self.updates.id, ticket, spans, progress, trouble: None }))
    }

    fn report_state(&self) -> Result<(), Closed> {
        let state = if self.failed.is_empty() {
            State::Watching { left_out: 0 }
        } else {
            State::Failing(self.failed.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
        };
        self.updates.send(Update::State(self.updates.id, state))
    }

    fn report_traffic(&mut self) -> Result<(), Closed> {
        let bound = |&address: &SocketAddr| Port { address, warning: warning(address, self.has_token), trouble: None };
        let ports = self.addresses.iter().map(bound).chain(self.failed.iter().map(BindError::port)).collect();
        let traffic = Traffic { ports, ..self.ingest.traffic() };
        if traffic != self.reported {
            self.reported = traffic.clone();
            self.updates.send(Update::Traffic(self.updates.id, traffic))?;
        }
        Ok(())
    }

    /// Tries to bind the addresses that were in use.
    fn retry_bind(&mut self) -> Result<(), Closed> {
        let before = self.failed.len();
        let (listeners, addresses) = (&self.listeners, &mut self.addresses);
        self.failed.retain(|failed| {
            let Ok(listener) = failed.retry() else { return true };
            let is_sent = listeners.send(listener).is_ok();
            if is_sent {
                addresses.push(failed.address);
            }
            !is_sent
        });
        if self.failed.len() == before { Ok(()) } else { self.report_state() }
    }
}
