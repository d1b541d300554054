//! Connections: who comes in, how many, and how long each may take.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use super::auth::AccessPolicy;
use super::body_reader::MemoryBudget;
use super::ingest::Ingest;
use super::response::Rejection;
use super::{grpc, http};

/// How often a silent HTTP/2 connection is asked whether it is still there.
const PING: Duration = Duration::from_secs(30);

/// Calls at one time on one HTTP/2 connection.
const STREAMS: u32 = 128;

/// Bytes that a sender may send ahead: of one call, and on one connection.
const WINDOWS: (u32, u32) = (4 << 20, 8 << 20);

/// Bytes in one piece of a body, at most: mostly all of it, which then need not be copied together.
const FRAME: u32 = 1 << 20;

/// Everything that an answer needs.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) intake: Arc<Ingest>,
    pub(super) budget: MemoryBudget,
    pub(super) door: AccessPolicy,
    /// How long a request's head may take, and how long a connection may lie idle.
    pub(super) idle: Duration,
}

impl Service {
    /// Counts a refusal and logs it.
    pub(super) fn refuse(&self, refusal: &Rejection) {
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
                    tracing::warn!(%peer, "OTLP connection closed: there are too many already");
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

/// Serves one connection. Either protocol may come at either port.
async fn serve(stream: TcpStream, service: Arc<Service>, mut ending: watch::Receiver<bool>) {
    // Answers are short and wait for nothing.
    let _ = stream.set_nodelay(true);
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(service.idle).max_buf_size(FRAME as usize);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING)
        .max_concurrent_streams(STREAMS)
        .initial_stream_window_size(WINDOWS.0)
        .initial_connection_window_size(WINDOWS.1)
        .max_frame_size(FRAME);
    let asked = AtomicBool::new(false);
    let answer = service_fn(|request| {
        asked.store(true, Relaxed);
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
    // Who says nothing at all speaks neither protocol yet, and has no other clock.
    let mut silence = std::pin::pin!(tokio::time::sleep(service.idle));
    let (mut leaving, mut waited) = (false, false);
    loop {
        tokio::select! {
            outcome = connection.as_mut() => {
                if let Err(error) = outcome {
                    tracing::debug!(error, "OTLP connection ended");
                }
                return;
            }
            () = silence.as_mut(), if !waited => {
                if !asked.load(Relaxed) {
                    return tracing::debug!("OTLP connection closed: nothing was asked");
                }
                waited = true;
            }
            _ = ending.wait_for(|ending| *ending), if !leaving => {
                connection.as_mut().graceful_shutdown();
                leaving = true;
            }
        }
    }
}
