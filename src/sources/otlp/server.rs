//! The connections: their number, their time limits and their protocols.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::connections::{Connection, Connections};
use super::service::Service;
use super::{grpc, http};

/// The interval of pings on a silent HTTP/2 connection.
const PING_INTERVAL: Duration = Duration::from_secs(30);

/// Concurrent calls on one HTTP/2 connection.
const MAX_STREAMS: u32 = 128;

/// Flow control windows in bytes: of one call, and of one connection.
const STREAM_WINDOW: u32 = 4 << 20;
const CONNECTION_WINDOW: u32 = 8 << 20;

/// The largest DATA frame in bytes. Most bodies fit into one and need no copy.
const MAX_FRAME: u32 = 1 << 20;

/// The delay after a failed `accept`. The usual cause is a lack of file descriptors; an immediate retry would only burn CPU time.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(100);

/// How long a new connection waits for an idle one to close.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(200);

/// The time limit for open connections at shutdown.
pub(super) const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);

/// Serves connections.
#[derive(Clone)]
pub(super) struct Server {
    pub(super) service: Arc<Service>,
    /// One permit per connection.
    pub(super) permits: Arc<Semaphore>,
    pub(super) connections: Arc<Connections>,
    /// Becomes `true` at shutdown.
    pub(super) shutdown: watch::Receiver<bool>,
    /// Is `true` while the program is stopped: no sender may wait for it then. Each listener and each connection holds a receiver.
    pub(super) suspended: watch::Receiver<bool>,
}

impl Server {
    /// Serves the listeners that arrive, on this thread. Returns after the channel is closed and the connections have ended.
    pub(super) fn run(&self, mut listeners: UnboundedReceiver<std::net::TcpListener>) {
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return tracing::error!(%error, "can't start the OTLP servers"),
        };
        runtime.block_on(async {
            while let Some(listener) = listeners.recv().await {
                match TcpListener::from_std(listener) {
                    Ok(listener) => drop(tokio::spawn(self.clone().listen(listener))),
                    Err(error) => tracing::error!(%error, "can't listen on an address"),
                }
            }
            // All permits are free once all connections have ended.
            let _ = tokio::time::timeout(SHUTDOWN_TIMEOUT, self.permits.acquire_many(self.service.options.limits.connections)).await;
        });
        runtime.shutdown_background();
    }

    /// Accepts connections until the shutdown. Open connections may finish their requests.
    async fn listen(mut self, listener: TcpListener) {
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = self.shutdown.wait_for(|shutdown| *shutdown) => return,
                _ = self.suspended.wait_for(|suspended| *suspended) => return,
            };
            match accepted {
                Ok((stream, peer)) => {
                    // Responses are short; Nagle's algorithm would only delay them.
                    let _ = stream.set_nodelay(true);
                    let Some(permit) = self.permit().await else {
                        tracing::warn!(%peer, "OTLP connection closed: too many connections");
                        self.service.ingest.count_turned_away();
                        continue;
                    };
                    let server = self.clone();
                    tokio::spawn(async move {
                        let connection = Arc::new(server.connections.open());
                        server.serve(stream, &connection, peer.ip().is_loopback()).await;
                        drop((connection, permit));
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "can't accept an OTLP connection");
                    tokio::time::sleep(ACCEPT_RETRY_DELAY).await;
                }
            }
        }
    }

    /// Returns the permit for one more connection; if there are too many, the longest idle one is closed. `None` if all are busy.
    async fn permit(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(permit) = self.permits.clone().try_acquire_owned() {
            return Some(permit);
        }
        if !self.connections.close_longest_idle() {
            return None;
        }
        tokio::time::timeout(CLOSE_TIMEOUT, self.permits.clone().acquire_owned()).await.ok()?.ok()
    }

    /// Serves one connection. Each port accepts both protocols. A connection `is_local` if it is from this machine: it lasts as long as its process.
    pub(super) async fn serve<S>(mut self, stream: S, activity: &Arc<Connection>, is_local: bool)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let builder = connection_builder(self.service.options.limits.idle_timeout);
        let has_request = AtomicBool::new(false);
        let handler = service_fn(|request| {
            has_request.store(true, Relaxed);
            let (service, activity) = (self.service.clone(), activity.clone());
            async move {
                let _in_progress = activity.clone().begin();
                Ok::<_, Infallible>(if grpc::is_call(&request) {
                    grpc::handle(&service, request).await
                } else {
                    http::handle(&service, &activity, request).await
                })
            }
        });
        let connection = builder.serve_connection(TokioIo::new(stream), handler);
        let mut connection = std::pin::pin!(connection);
        // hyper's timeouts start with the first byte, once the protocol is known.
        let mut first_request_timeout = std::pin::pin!(tokio::time::sleep(self.service.options.limits.idle_timeout));
        let (mut is_shutting_down, mut has_timed_out) = (false, false);
        loop {
            tokio::select! {
                biased;
                outcome = connection.as_mut() => {
                    // One that waited too long for a request may be that of a machine that is gone.
                    let is_closed_by_sender = !is_shutting_down && !outcome.as_ref().is_err_and(|error| has_timed_out_waiting(&**error));
                    if let Err(error) = outcome {
                        tracing::debug!(error, "OTLP connection ended");
                    }
                    if let Some(process) = activity.process().filter(|_| is_local || is_closed_by_sender) {
                        self.service.ingest.tell_lived(process).await;
                    }
                    return;
                }
                () = first_request_timeout.as_mut(), if !has_timed_out => {
                    if !has_request.load(Relaxed) {
                        return tracing::debug!("OTLP connection closed: no request arrived");
                    }
                    has_timed_out = true;
                }
                () = must_end(&mut self.shutdown, &mut self.suspended, activity), if !is_shutting_down => {
                    connection.as_mut().graceful_shutdown();
                    is_shutting_down = true;
                }
            }
        }
    }
}

fn has_timed_out_waiting(error: &(dyn std::error::Error + 'static)) -> bool {
    error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_timeout)
}

/// Waits until a connection must end after its current request.
async fn must_end(shutdown: &mut watch::Receiver<bool>, suspended: &mut watch::Receiver<bool>, activity: &Connection) {
    tokio::select! {
        _ = shutdown.wait_for(|shutdown| *shutdown) => {}
        _ = suspended.wait_for(|suspended| *suspended) => {}
        () = activity.closing() => {}
    }
}

fn connection_builder(idle_timeout: Duration) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(idle_timeout).max_buf_size(MAX_FRAME as usize);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_INTERVAL)
        .max_concurrent_streams(MAX_STREAMS)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(MAX_FRAME);
    builder
}
