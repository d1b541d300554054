//! Connections: who comes in, how many, and how long each may take.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use super::answer::Refusal;
use super::door::Door;
use super::gather::Budget;
use super::intake::Intake;
use super::{grpc, http};

/// Connections at one time; more are closed as they come.
const CONNECTIONS: usize = 256;

/// How long a request's head may take, and how long a connection may lie idle.
const HEAD: Duration = Duration::from_secs(60);

/// How often a silent HTTP/2 connection is asked whether it is still there.
const PING: Duration = Duration::from_secs(30);

/// Calls at one time on one HTTP/2 connection.
const STREAMS: u32 = 128;

/// Bytes that a sender may send ahead: of one call, and on one connection.
const WINDOWS: (u32, u32) = (2 << 20, 8 << 20);

/// Bytes in one piece of a body over HTTP/2.
const FRAME: u32 = 64 << 10;

/// Everything that an answer needs.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) intake: Arc<Intake>,
    pub(super) budget: Budget,
    pub(super) door: Door,
}

impl Service {
    /// Counts a refusal and logs it.
    pub(super) fn refuse(&self, refusal: &Refusal) {
        self.intake.count_refusal(refusal);
        tracing::warn!(reason = refusal.words(), "OTLP request refused");
    }
}

/// Takes connections until `ending` says so; those that are there then may end their request.
pub(super) async fn listen(listener: TcpListener, service: Arc<Service>, places: Arc<Semaphore>, mut ending: watch::Receiver<bool>) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = ending.wait_for(|ending| *ending) => return,
        };
        match accepted {
            Ok((stream, peer)) => {
                let Ok(place) = places.clone().try_acquire_owned() else {
                    tracing::warn!(%peer, "OTLP connection closed: there are {CONNECTIONS} already");
                    continue;
                };
                let (service, ending) = (service.clone(), ending.clone());
                tokio::spawn(async move {
                    serve(stream, service, ending).await;
                    drop(place);
                });
            }
            Err(error) => {
                // No more files, mostly: trying again at once would only burn the processor.
                tracing::warn!(%error, "an OTLP connection could not be taken");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Places for [`CONNECTIONS`].
pub(super) fn places() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(CONNECTIONS))
}

/// Waits until every place is free.
pub(super) async fn idle(places: &Semaphore) {
    let _ = places.acquire_many(CONNECTIONS as u32).await;
}

/// Serves one connection. Either protocol may come at either port.
async fn serve(stream: TcpStream, service: Arc<Service>, mut ending: watch::Receiver<bool>) {
    // Answers are short and wait for nothing.
    let _ = stream.set_nodelay(true);
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING)
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(WINDOWS.0)
        .initial_connection_window_size(WINDOWS.1)
        .max_frame_size(FRAME);
    let answer = service_fn(|request| {
        let service = service.clone();
        async move {
            Ok::<_, Infallible>(if grpc::is_call(&request) {
                grpc::answer(&service, request).await
            } else {
                http::answer(&service, request).await
            })
        }
    });
    let connection = builder.serve_connection(TokioIo::new(stream), answer);
    let mut connection = std::pin::pin!(connection);
    let mut leaving = false;
    loop {
        tokio::select! {
            outcome = connection.as_mut() => {
                if let Err(error) = outcome {
                    tracing::debug!(error, "OTLP connection ended");
                }
                return;
            }
            _ = ending.wait_for(|ending| *ending), if !leaving => {
                connection.as_mut().graceful_shutdown();
                leaving = true;
            }
        }
    }
}
