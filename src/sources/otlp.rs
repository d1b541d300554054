//! OTLP, the way every OpenTelemetry SDK sends its spans: <https://opentelemetry.io/docs/specs/otlp/>.
//!
//! Over gRPC and HTTP alike a body is indexed in one walk that builds no attribute, kept as it came for as long as most of it is held
//! (then what is left of it), and acknowledged once its spans are on their way into the store. The servers have a thread and a runtime
//! of their own, so that neither the screen nor a sender ever waits for the other.

mod arena;
mod auth;
mod bind;
mod body_reader;
mod body_store;
mod compact;
pub(in crate::sources) mod compression;
pub(crate) mod forward;
#[cfg(feature = "fuzzing")]
pub mod fuzz;
mod grpc;
mod http;
mod ingest;
pub(in crate::sources) mod json;
mod record;
mod response;
mod response_body;
mod search;
mod service;
mod signals;
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
use forward::Forward;
pub use forward::check_url;
use ingest::Ingest;
use record::Recorder;
use search::{Hits, Scan};
use service::Service;

/// Where OTLP over gRPC is expected.
pub const GRPC: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 4317);

/// Where OTLP over HTTP is expected.
pub const HTTP: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 4318);

/// The largest request that is taken unless told otherwise, in bytes.
pub const MAX_BODY: usize = 16 << 20;

/// What a sender may take of the listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Connections at one time; more are closed as they come.
    pub connections: u32,
    /// How long a request's head may take, and how long a connection may lie idle.
    pub idle: Duration,
    /// How long a body may take to arrive whole.
    pub body: Duration,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self { connections: 256, idle: Duration::from_secs(60), body: Duration::from_secs(30) }
    }
}

/// How often what went through is told, if it changed, and how often an address that was in use is tried again.
const TELL: Duration = Duration::from_secs(1);

/// How long requests that are under way may take once the program ends.
const LEAVE: Duration = Duration::from_secs(2);

/// How to listen.
#[derive(Clone, PartialEq, Eq)]
pub struct Options {
    /// The address for gRPC; `None`: none. Either protocol is understood at either address.
    pub grpc: Option<SocketAddr>,
    /// The address for HTTP; `None`: none.
    pub http: Option<SocketAddr>,
    /// The token that every request must bear (`Authorization: Bearer …`), if there is one.
    pub token: Option<String>,
    /// Origins of web pages that may send; `*` stands for all.
    pub origins: Vec<String>,
    /// The largest request, in bytes, as it comes and inflated. At most 1 GiB.
    pub max_body: usize,
    /// The SQLite file that what arrives is also written into, as Agno writes it, and its tables.
    pub record: Option<(PathBuf, Tables)>,
    /// OTLP/HTTP endpoints that every request taken is passed on to.
    pub forward: Vec<String>,
    /// Headers for these: name, value.
    pub forward_headers: Vec<(String, String)>,
    /// What senders may take; nobody asks for other than the default but tests.
    pub manners: ConnectionLimits,
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
            manners: ConnectionLimits::default(),
        }
    }
}

/// Leaves out what may be secret.
impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { grpc, http, token, origins, max_body, record, .. } = self;
        let token = token.as_ref().map(|_| "…");
        let mut debug = f.debug_struct("Options");
        debug.field("grpc", grpc).field("http", http).field("token", &token).field("origins", origins).field("max_body", max_body);
        debug.field("record", record).finish_non_exhaustive()
    }
}

/// A listener that was started.
#[derive(Debug)]
pub struct Listening {
    /// The source.
    pub handle: Handle,
    /// Where it listens; empty if every address was in use.
    pub addresses: Vec<SocketAddr>,
    /// The addresses that can't be listened on. They are tried again, and [`State::Failing`] names them until that succeeds.
    pub failed: Vec<BindError>,
    /// What a person should know of how it listens.
    pub warnings: Vec<String>,
}

/// Listens for spans over gRPC and HTTP. Addresses are bound before this returns. `Err` if no thread can be started, if the file that
/// is to record can't be written, or if what is to be passed on to is no URL.
pub fn start(options: Options, outlet: UpdateSender) -> io::Result<Listening> {
    let recorder = options.record.as_ref().map(|(path, tables)| Recorder::start(path, tables.clone())).transpose();
    let recorder = recorder.map_err(io::Error::other)?;
    let forwards = options.forward.iter().map(|url| Forward::start(url, &options.forward_headers)).collect::<Result<Vec<_>, _>>();
    let forwards = forwards.map_err(io::Error::other)?;
    let intake = Arc::new(Ingest::new(outlet.clone(), recorder, forwards));
    let (bound, failed) = bind::all(&options);
    let addresses: Vec<SocketAddr> = bound.iter().map(|bound| bound.address).collect();
    if let Some(url) = options.forward.iter().find(|url| forward::leads_to(url, &addresses)) {
        return Err(io::Error::other(format!("{url} is where agno-top itself listens: what it passes on there would come back for ever")));
    }
    let named = [options.grpc, options.http].into_iter().flatten();
    let warnings = named.filter_map(|address| warning(address, options.token.is_some())).collect::<Vec<_>>();
    for warning in &warnings {
        tracing::warn!(warning, "OTLP");
    }
    let trouble = failed.clone();
    let handle = super::spawn_to_end("otlp".to_owned(), outlet, move |outlet, inbox| {
        let _ended = run(&options, intake.clone(), bound, trouble, outlet, inbox);
        intake.end(LEAVE)
    })?;
    Ok(Listening { handle, addresses, failed, warnings })
}

/// What a person should know of an address that is listened on.
fn warning(address: SocketAddr, guarded: bool) -> Option<String> {
    let guard = if guarded { " with the token" } else { "; --otlp-token TOKEN asks for a token" };
    let open = || format!("{address} is open to other machines: everybody who reaches it can send spans{guard}");
    (!address.ip().is_loopback()).then(open)
}

fn run(
    options: &Options,
    intake: Arc<Ingest>,
    bound: Vec<Bound>,
    failed: Vec<BindError>,
    outlet: &UpdateSender,
    inbox: &Receiver<Request>,
) -> Result<(), Closed> {
    let service = Arc::new(Service {
        intake: intake.clone(),
        budget: MemoryBudget::new(options.max_body.min(1 << 30), options.manners.body),
        door: AccessPolicy { token: options.token.clone(), origins: options.origins.clone() },
        idle: options.manners.idle,
    });
    let connections = options.manners.connections;
    let (guarded, listening) = (options.token.is_some(), bound.iter().map(|bound| bound.address).collect());
    let (end, ending) = watch::channel(false);
    let (more, listeners) = unbounded_channel();
    for bound in bound {
        let _ = more.send(bound.listener);
    }
    let server = std::thread::Builder::new().name("otlp server".to_owned()).spawn(move || serve(&service, connections, listeners, &ending));
    let server = match server {
        Ok(server) => server,
        Err(error) => return outlet.send(Update::State(outlet.id, State::Failing(format!("no thread can be started: {error}")))),
    };
    let mut desk = Worker { intake, outlet, listening, guarded, failed, more, told: Traffic::default(), scan: None };
    let outcome = desk.run(inbox);
    end.send_replace(true);
    drop(desk);
    // It ends within LEAVE.
    let _ = server.join();
    outcome
}

/// The servers' thread.
fn serve(service: &Arc<Service>, connections: u32, mut listeners: UnboundedReceiver<TcpListener>, ending: &watch::Receiver<bool>) {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return tracing::error!(%error, "OTLP can't be listened for"),
    };
    let places = Arc::new(Semaphore::new(connections as usize));
    runtime.block_on(async {
        while let Some(listener) = listeners.recv().await {
            match tokio::net::TcpListener::from_std(listener) {
                Ok(listener) => drop(tokio::spawn(service::listen(listener, service.clone(), places.clone(), ending.clone()))),
                Err(error) => tracing::error!(%error, "an address can't be listened on"),
            }
        }
        // The screen is gone or going; what is under way may come to its end.
        let _ = tokio::time::timeout(LEAVE, places.acquire_many(connections)).await;
    });
    runtime.shutdown_background();
}

/// Answers requests for payloads, and tells how things are.
struct Worker<'a> {
    intake: Arc<Ingest>,
    outlet: &'a UpdateSender,
    /// The addresses listened on.
    listening: Vec<SocketAddr>,
    /// Whether a token is asked for.
    guarded: bool,
    failed: Vec<BindError>,
    more: UnboundedSender<TcpListener>,
    told: Traffic,
    /// A search under way.
    scan: Option<Scan>,
}

impl Worker<'_> {
    fn run(&mut self, inbox: &Receiver<Request>) -> Result<(), Closed> {
        self.tell_state()?;
        let mut next = Instant::now() + TELL;
        loop {
            let wait = if self.scan.is_some() { Duration::ZERO } else { next.saturating_duration_since(Instant::now()) };
            match inbox.recv_timeout(wait) {
                Ok(Request::Payloads { ticket, addresses }) => {
                    let payloads = addresses.into_iter().map(|(address, span)| self.intake.payload(address, span)).collect();
                    self.outlet.send(Update::Payloads { ticket, payloads })?;
                }
                Ok(Request::Release(addresses)) => self.intake.release(&addresses),
                Ok(Request::Search(search)) => self.scan = Some(Scan::new(search, self.intake.bodies())),
                Ok(Request::Check { ticket, probe, addresses }) => {
                    let hits = search::check(&addresses, &probe, |number, places| self.intake.places(number, places));
                    self.tell_found(ticket, hits, None)?;
                }
                Ok(Request::StopSearch) => self.scan = None,
                Err(RecvTimeoutError::Timeout) if Instant::now() < next => self.search_on()?,
                Err(RecvTimeoutError::Timeout) => {
                    next = Instant::now() + TELL;
                    self.tell_traffic()?;
                    self.try_again()?;
                }
                Err(RecvTimeoutError::Disconnected) => return Err(Closed),
            }
        }
    }

    /// Searches a slice.
    fn search_on(&mut self) -> Result<(), Closed> {
        let Some(mut scan) = self.scan.take() else { return Ok(()) };
        let hits = scan.slice(|number| self.intake.body(number));
        let progress = scan.progress();
        self.tell_found(scan.search.ticket, hits, Some(progress))?;
        self.scan = (progress.done < progress.total).then_some(scan);
        Ok(())
    }

    fn tell_found(&self, ticket: u64, spans: Hits, progress: Option<Progress>) -> Result<(), Closed> {
        if spans.is_empty() && progress.is_none() {
            return Ok(());
        }
        self.outlet.send(Update::Found(SearchHits { source: self.outlet.id, ticket, spans, progress, trouble: None }))
    }

    fn tell_state(&self) -> Result<(), Closed> {
        let state = if self.failed.is_empty() {
            State::Watching { left_out: 0 }
        } else {
            State::Failing(self.failed.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
        };
        self.outlet.send(Update::State(self.outlet.id, state))
    }

    fn tell_traffic(&mut self) -> Result<(), Closed> {
        let open = |&address: &SocketAddr| Port { address, warning: warning(address, self.guarded), trouble: None };
        let ports = self.listening.iter().map(open).chain(self.failed.iter().map(BindError::port)).collect();
        let traffic = Traffic { ports, ..self.intake.traffic() };
        if traffic != self.told {
            self.told = traffic.clone();
            self.outlet.send(Update::Traffic(self.outlet.id, traffic))?;
        }
        Ok(())
    }

    /// Tries the addresses that were in use.
    fn try_again(&mut self) -> Result<(), Closed> {
        let before = self.failed.len();
        let (more, listening) = (&self.more, &mut self.listening);
        self.failed.retain(|failed| {
            let Ok(listener) = failed.again() else { return true };
            let is_lost = more.send(listener).is_err();
            if !is_lost {
                listening.push(failed.address);
            }
            is_lost
        });
        if self.failed.len() == before { Ok(()) } else { self.tell_state() }
    }
}
