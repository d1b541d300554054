//! Ingests requests of both protocols: the spans are indexed, recorded, kept and sent to the store before the request is acknowledged.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc::Permit;
use tokio::time::timeout;

use super::body_store::{BodySpans, BodyStore, payload_ref};
use super::client::Message;
use super::compact::{compact, span_extents};
use super::forward::Forward;
use super::record::{FinishedSpan, Recorder, WriteJob};
use super::response::{Accepted, Rejection};
use super::span_events::SpanEvents;
use super::types::{Encoding, Signal};
use crate::model::{Batch, Origin, Payload, PayloadRef, SpanId};
use crate::otlp::json::{self, EncodedTraces};
use crate::otlp::{payload, rows, signals};
use crate::sources::compression::ContentEncoding;
use crate::sources::{Traffic, Update, UpdateSender};

/// How long a request waits for room in the update channel.
const SEND_TIMEOUT: Duration = Duration::from_secs(1);

/// Spans that are released under one lock, while requests wait.
const RELEASE_CHUNK: usize = 4096;

/// An `Export…ServiceRequest` of any signal.
#[derive(Debug)]
pub(super) struct ExportRequest {
    pub(super) signal: Signal,
    pub(super) encoding: Encoding,
    /// The message, decompressed.
    pub(super) body: Bytes,
    /// The compression of `original`.
    pub(super) compression: ContentEncoding,
    /// The body as received.
    pub(super) original: Bytes,
}

#[cfg(any(test, feature = "fuzzing"))]
impl ExportRequest {
    pub(super) fn uncompressed(signal: Signal, encoding: Encoding, body: Bytes) -> Self {
        Self { signal, encoding, body: body.clone(), compression: ContentEncoding::Identity, original: body }
    }
}

/// Ingests the requests of all connections.
#[derive(Debug)]
pub(super) struct Ingest {
    sender: UpdateSender,
    bodies: Mutex<BodyStore>,
    events: Mutex<SpanEvents>,
    counts: Counts,
    recorder: Option<Recorder>,
    forwards: Vec<Forward>,
}

#[derive(Debug, Default)]
struct Counts {
    spans: AtomicU64,
    rejected: AtomicU64,
    put_off: AtomicU64,
    refused: AtomicU64,
    logs: AtomicU64,
    metrics: AtomicU64,
}

impl Ingest {
    pub(super) fn new(sender: UpdateSender, recorder: Option<Recorder>, forwards: Vec<Forward>) -> Self {
        Self { sender, bodies: Mutex::default(), events: Mutex::default(), counts: Counts::default(), recorder, forwards }
    }

    /// Ingests a request. When this returns, every span that was not rejected is on its way to the store.
    pub(super) async fn ingest(&self, request: ExportRequest) -> Result<Accepted, Rejection> {
        let accepted = self.ingest_signal(request.signal, request.encoding, request.body.clone()).await?;
        self.forward(&request);
        Ok(accepted)
    }

    fn forward(&self, request: &ExportRequest) {
        if self.forwards.is_empty() {
            return;
        }
        // Every endpoint must accept gzip, but not the other encodings: <https://opentelemetry.io/docs/specs/otlp/#otlphttp-request>.
        let is_gzip = request.compression == ContentEncoding::Gzip;
        // A copy, since the bytes may be a small part of a connection's read buffer, which must not stay in memory.
        let body = Bytes::copy_from_slice(if is_gzip { &request.original } else { &request.body });
        let message = Message { signal: request.signal, encoding: request.encoding, is_gzip, body };
        for forward in &self.forwards {
            forward.push(message.clone());
        }
    }

    async fn ingest_signal(&self, signal: Signal, encoding: Encoding, body: Bytes) -> Result<Accepted, Rejection> {
        match signal {
            Signal::Traces => self.ingest_spans(encoding, body).await,
            Signal::Logs => {
                let body = protobuf(encoding, body, json::encode_logs)?;
                let mut logs = Vec::new();
                let count = signals::logs(&body, |log| logs.push(log)).map_err(malformed)?;
                let spans: Vec<SpanId> = {
                    let mut events = lock(&self.events);
                    logs.into_iter().filter_map(|log| events.insert(log)).collect()
                };
                self.counts.logs.fetch_add(count.saturating_sub(spans.len() as u64), Relaxed);
                if !spans.is_empty() {
                    // If the channel stays full, the messages appear when the span is next read.
                    let _ = timeout(SEND_TIMEOUT, self.sender.updates.send(Update::PayloadChanged(self.sender.id, spans))).await;
                }
                Ok(Accepted::default())
            }
            Signal::Metrics => {
                let body = protobuf(encoding, body, json::encode_metrics)?;
                let count = signals::data_points(&body).map_err(malformed)?;
                self.counts.metrics.fetch_add(count, Relaxed);
                Ok(Accepted::default())
            }
        }
    }

    async fn ingest_spans(&self, encoding: Encoding, body: Bytes) -> Result<Accepted, Rejection> {
        // Reserve first: without room in the channel the body need not be read.
        let permit = self.reserve().await?;
        let (body, rejected) = match encoding {
            Encoding::Protobuf => (body, Vec::new()),
            Encoding::Json => {
                let EncodedTraces { body, rejected } = json::encode_traces(&body).map_err(malformed)?;
                (body.into(), rejected)
            }
        };
        let mut batch = self.sender.batch(Origin::Live);
        batch.rich = true;
        rows::read(&body, rejected, &mut batch).map_err(malformed)?;
        self.record(&body, &batch).await?;
        let accepted = Accepted {
            rejected: batch.skipped.len() as u64,
            reason: batch.skipped.first().map(|skipped| format!("{}: {}", skipped.place, skipped.reason)).unwrap_or_default(),
        };
        self.counts.spans.fetch_add(batch.spans.len() as u64, Relaxed);
        self.counts.rejected.fetch_add(accepted.rejected, Relaxed);
        if !batch.spans.is_empty() {
            self.keep(&body, &mut batch)?;
        }
        if !batch.spans.is_empty() || !batch.skipped.is_empty() {
            permit.send(Update::Batch(batch));
        }
        Ok(accepted)
    }

    /// Records the finished spans, if a file is configured.
    async fn record(&self, body: &Bytes, batch: &Batch) -> Result<(), Rejection> {
        let Some(recorder) = &self.recorder else { return Ok(()) };
        let spans: Vec<_> = batch.spans.iter().filter_map(|span| FinishedSpan::new(span, batch.text(span.name))).collect();
        if spans.is_empty() {
            return Ok(());
        }
        recorder.write(WriteJob { body: body.clone(), spans }).await.map_err(Rejection::RecordFailed)
    }

    /// Reserves a place in the update channel.
    async fn reserve(&self) -> Result<Permit<'_, Update>, Rejection> {
        if let Ok(permit) = self.sender.updates.try_reserve() {
            return Ok(permit);
        }
        match timeout(SEND_TIMEOUT, self.sender.updates.reserve()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(Rejection::Overloaded),
        }
    }

    /// Keeps the body, and sets the address and the retained bytes of its spans.
    fn keep(&self, body: &[u8], batch: &mut Batch) -> Result<(), Rejection> {
        let extents = span_extents(body.len(), batch.spans.iter().map(|span| span.payload_ref.0 as usize));
        for (span, extent) in batch.spans.iter_mut().zip(&extents) {
            span.retained_bytes = extent.bytes;
        }
        let offsets = extents.iter().map(|extent| extent.original).collect();
        let number = lock(&self.bodies).insert(body, offsets).map_err(|_| Rejection::Overloaded)?;
        for span in &mut batch.spans {
            span.payload_ref = payload_ref(number, span.payload_ref.0 as usize);
        }
        Ok(())
    }

    /// Reads a span's payload from its body.
    pub(super) fn payload(&self, address: PayloadRef, span: SpanId) -> Result<Payload, String> {
        let gone = || "this span's payload was dropped to stay within the memory limit".to_owned();
        let (body, at) = lock(&self.bodies).find(address).ok_or_else(gone)?;
        let found = payload::decode_at(&body, at).map_err(|error| error.to_string())?;
        let (mut payload, ids) = found.ok_or_else(gone)?;
        if let Some((trace, _)) = ids {
            let known = payload.events.len();
            payload.events.extend_from_slice(lock(&self.events).get(trace, span));
            if payload.events.len() > known {
                payload.events.sort_by_key(|event| event.time);
            }
        }
        Ok(payload)
    }

    /// Returns the numbers of the bodies in memory, the newest last.
    pub(super) fn bodies(&self) -> Vec<u32> {
        lock(&self.bodies).numbers()
    }

    /// Returns a body, if it is still in memory.
    pub(super) fn body(&self, number: u32) -> Option<Bytes> {
        lock(&self.bodies).body(number)
    }

    /// Returns a body, if it is still in memory, and the current offsets of the spans at these original offsets.
    pub(super) fn spans(&self, number: u32, originals: &[usize]) -> Option<BodySpans> {
        lock(&self.bodies).spans(number, originals)
    }

    /// Releases the payloads of these spans.
    pub(super) fn release(&self, addresses: &[PayloadRef]) {
        let sparse: Vec<u32> = addresses.chunks(RELEASE_CHUNK).flat_map(|some| lock(&self.bodies).release(some)).collect();
        for number in sparse {
            let Some((body, extents)) = lock(&self.bodies).sparse_body(number) else { continue };
            // Without the lock, so that requests need not wait.
            let compacted = compact(&body, &extents);
            drop(body);
            if let Some(compacted) = compacted {
                lock(&self.bodies).replace(number, &extents, compacted);
            }
        }
        lock(&self.bodies).defragment();
    }

    /// Flushes the recorder and the forward queues, each within `timeout`. Returns warnings about requests that were not forwarded.
    pub(super) fn shut_down(&self, timeout: Duration) -> Vec<String> {
        if let Some(recorder) = &self.recorder {
            recorder.shut_down(timeout);
        }
        self.forwards.iter().filter_map(|forward| forward.shut_down(timeout)).collect()
    }

    /// Counts a rejected request.
    pub(super) fn count_rejection(&self, rejection: &Rejection) {
        let count = if rejection.is_retryable() { &self.counts.put_off } else { &self.counts.refused };
        count.fetch_add(1, Relaxed);
    }

    /// Returns the counters, without the ports.
    pub(super) fn traffic(&self) -> Traffic {
        let Counts { spans, rejected, put_off, refused, logs, metrics } = &self.counts;
        let [spans, rejected, put_off, refused, logs, metrics] =
            [spans, rejected, put_off, refused, logs, metrics].map(|count| count.load(Relaxed));
        let held = lock(&self.bodies).retained_bytes();
        let logs = logs + lock(&self.events).evicted();
        let forwards = self.forwards.iter().map(Forward::report).collect();
        Traffic { spans, rejected, deferred: put_off, refused, logs, metrics, payload_bytes: held, forwards, ports: Vec::new() }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic ends the program; the value behind the lock stays valid.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn malformed(error: impl std::fmt::Display) -> Rejection {
    Rejection::Malformed(format!("not a valid OTLP request: {error}"))
}

/// Returns the body of a request for logs or metrics in protobuf.
fn protobuf(encoding: Encoding, body: Bytes, encode: impl Fn(&[u8]) -> Result<Vec<u8>, String>) -> Result<Bytes, Rejection> {
    match encoding {
        Encoding::Protobuf => Ok(body),
        Encoding::Json => encode(&body).map(Bytes::from).map_err(malformed),
    }
}
