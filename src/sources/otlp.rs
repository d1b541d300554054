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
mod connections;
mod forward;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod grams;
mod grpc;
mod http;
mod ingest;
mod options;
mod packed;
mod payload_store;
mod record;
mod request_sender;
mod response;
mod search;
mod server;
mod service;
mod span_events;
mod types;
mod worker;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use tokio::sync::mpsc::unbounded_channel;
use tokio::sync::{Semaphore, watch};

use super::{Closed, Handle, PortError, Request, State, Traffic, Update, UpdateSender};
use bind::{bind_all, open_port_warning};
use body_reader::MemoryBudget;
use client::Client;
pub use client::{EndpointError, check_url};
use forward::Forward;
use ingest::Ingest;
pub use options::{ConnectionLimits, GRPC, HTTP, MAX_BODY, MAX_EVENT_BYTES, Options};
use packed::Packer;
use record::Recorder;
pub(super) use record::create_tables as create_agno_tables;
use server::{SHUTDOWN_TIMEOUT, Server};
use service::Service;
use worker::{Packing, Worker};

/// The upper bound of the size limit: the offsets of spans have 32 bits.
const MAX_BODY_LIMIT: usize = 1 << 30;

/// A started listener.
#[derive(Debug)]
pub struct Listening {
    /// The source.
    pub handle: Handle,
    /// The bound addresses; empty if all were in use.
    pub addresses: Vec<SocketAddr>,
    /// The addresses that can't be bound. The listener tries again, and reports [`State::Failing`] until it succeeds.
    pub failed: Vec<(SocketAddr, PortError)>,
    /// Warnings for the user.
    pub warnings: Vec<String>,
}

/// Starts a listener. Addresses are bound before this returns.
///
/// Fails if no address can be bound and [`Options::needs_address`] asks for one, if the file to record into can't be written, if an endpoint to
/// forward to is invalid or is the listener itself, or if a thread can't be started.
///
/// ```no_run
/// # fn main() -> std::io::Result<()> {
/// use agno_top::model::SourceId;
/// use agno_top::sources::otlp::{self, Options};
/// use agno_top::sources::{Update, UpdateSender};
///
/// let (sender, mut updates) = tokio::sync::mpsc::channel(64);
/// let listening = otlp::start(Options::default(), UpdateSender::new(SourceId(0), sender))?;
/// println!("listening on {:?}", listening.addresses);
/// while let Some(update) = updates.blocking_recv() {
///     if let Update::Batch(batch) = update {
///         println!("{} spans", batch.spans.len());
///     }
/// }
/// # Ok(())
/// # }
/// ```
pub fn start(options: Options, updates: UpdateSender) -> io::Result<Listening> {
    let client = |(url, headers): (&String, &Vec<_>)| Client::new(url, headers).map_err(io::Error::other);
    let endpoints = options.forward.iter().map(|url| (url, &options.forward_headers));
    let endpoints = endpoints.chain(options.forward_to.iter().map(|(url, headers)| (url, headers)));
    let clients = endpoints.map(client).collect::<io::Result<Vec<_>>>()?;
    let names: Vec<String> = clients.iter().map(|client| client.name.clone()).collect();
    let (bound, mut failed) = bind_all(&options);
    if options.needs_address && bound.is_empty() && !failed.is_empty() {
        return Err(io::Error::other(failed.swap_remove(0).1));
    }
    let addresses: Vec<SocketAddr> = bound.iter().filter_map(|listener| listener.local_addr().ok()).collect();
    // The URL may hold a password, so the message names the endpoint.
    if let Some(name) = names.iter().find(|name| client::is_own_address(name, &addresses)) {
        return Err(io::Error::other(format!("{name} is an address of agno-top itself: requests forwarded there would loop")));
    }
    // A listener without an address leaves no file behind.
    let recorder = options.record.as_ref().map(|(path, tables)| Recorder::start(path, tables.clone())).transpose()?;
    let no_thread = |error: io::Error| io::Error::new(error.kind(), format!("can't start a thread: {error}"));
    let forwards = clients.into_iter().map(Forward::start).collect::<io::Result<Vec<_>>>().map_err(no_thread)?;
    let ingest = Arc::new(Ingest::new(updates.clone(), recorder, forwards, options.max_event_bytes));
    let configured = [options.grpc, options.http].into_iter().flatten();
    let warnings = configured.filter_map(|address| open_port_warning(address, options.token.is_some())).collect::<Vec<_>>();
    for warning in &warnings {
        tracing::warn!(warning, "OTLP");
    }
    let unbound = failed.clone();
    let handle = super::spawn_joined("otlp".to_owned(), updates, move |updates, requests| {
        let _closed = run(&options, &ingest, bound, unbound, updates, requests);
        ingest.shut_down(SHUTDOWN_TIMEOUT)
    })
    .map_err(no_thread)?;
    Ok(Listening { handle, addresses, failed, warnings })
}

fn run(
    options: &Options,
    ingest: &Arc<Ingest>,
    bound: Vec<TcpListener>,
    failed: Vec<(SocketAddr, PortError)>,
    updates: &UpdateSender,
    requests: &Receiver<Request>,
) -> Result<(), Closed> {
    let service = Service {
        ingest: ingest.clone(),
        budget: MemoryBudget::new(options.max_body.min(MAX_BODY_LIMIT), options.limits.body_timeout),
        options: options.clone(),
    };
    let (shutdown, shutdown_receiver) = watch::channel(false);
    let (suspended, suspended_receiver) = watch::channel(false);
    let server = Server {
        service: Arc::new(service),
        permits: Arc::new(Semaphore::new(options.limits.connections as usize)),
        connections: Arc::default(),
        shutdown: shutdown_receiver,
        suspended: suspended_receiver,
    };
    let addresses = bound.iter().filter_map(|listener| listener.local_addr().ok()).collect();
    let (listeners, listeners_receiver) = unbounded_channel();
    for listener in bound {
        let _ = listeners.send(listener);
    }
    let thread = std::thread::Builder::new().name("otlp server".to_owned());
    let thread = match thread.spawn(move || server.run(listeners_receiver)) {
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
        suspended,
        reported: Traffic::default(),
        scan: None,
        packer: Packer::default(),
        packing: Packing::default(),
    };
    let outcome = worker.run(requests);
    shutdown.send_replace(true);
    drop(worker);
    // Ends within SHUTDOWN_TIMEOUT.
    let _ = thread.join();
    outcome
}
