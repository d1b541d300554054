//! Ingests requests of both protocols: the spans are indexed, recorded, kept and sent to the store before the request is acknowledged.

mod logs;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc::PermitIterator;
use tokio::time::timeout;

use super::body_reader::MemoryPermit;
use super::client::Message;
use super::forward::Forward;
use super::payload_store::PayloadStore;
use super::record::{Recorded, Recorder};
use super::request_sender::RequestSender;
use super::response::{Accepted, Rejection};
use super::types::{Encoding, Signal};
use crate::model::time::now;
use crate::model::{Batch, Ending, MetricBatch, Origin};
use crate::otlp::json::{self, EncodedTraces};
use crate::otlp::open_spans::{may_hold_open_spans, without_open_spans};
use crate::otlp::turns::ToldSpans;
use crate::otlp::{metrics, rows};
use crate::sources::compression::ContentEncoding;
use crate::sources::{TakenSpans, Traffic, Update, UpdateSender};

/// How long a request waits for room in the update channel.
const SEND_TIMEOUT: Duration = Duration::from_secs(1);

/// Why points are rejected.
const WRONG_POINTS: &str =
    "points without a value, sums that are no finite numbers or fall below zero, or buckets that do not fit their bounds";

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
    /// Who sent it.
    pub(super) sender: RequestSender,
    /// The memory of both bodies.
    pub(super) _permit: MemoryPermit,
}

impl ExportRequest {
    /// Returns the request of spans that agno-top has by other means.
    pub(super) fn taken(spans: TakenSpans) -> Self {
        let encoding = if spans.is_json { Encoding::Json } else { Encoding::Protobuf };
        let sender = RequestSender::of_taken(&spans);
        Self { sender, ..Self::uncompressed(Signal::Traces, encoding, spans.body.into()) }
    }

    pub(super) fn uncompressed(signal: Signal, encoding: Encoding, body: Bytes) -> Self {
        let permit = MemoryPermit::default();
        Self {
            signal,
            encoding,
            body: body.clone(),
            compression: ContentEncoding::Identity,
            original: body,
            sender: RequestSender::default(),
            _permit: permit,
        }
    }
}

/// Ingests the requests of all connections.
#[derive(Debug)]
pub(super) struct Ingest {
    sender: UpdateSender,
    pub(super) payloads: PayloadStore,
    /// The counters; the rest is empty.
    counts: Mutex<Traffic>,
    recorder: Option<Recorder>,
    forwards: Vec<Forward>,
    /// What log events told and could not be recorded yet, in order. The sender sends the events again, but they are known.
    unrecorded: Mutex<Vec<ToldSpans>>,
}

impl Ingest {
    pub(super) fn new(sender: UpdateSender, recorder: Option<Recorder>, forwards: Vec<Forward>, max_event_bytes: usize) -> Self {
        Self {
            sender,
            payloads: PayloadStore::new(max_event_bytes),
            counts: Mutex::default(),
            recorder,
            forwards,
            unrecorded: Mutex::default(),
        }
    }

    /// Ingests a request. When this returns, every span that was not rejected is on its way to the store.
    pub(super) async fn ingest(&self, request: ExportRequest) -> Result<Accepted, Rejection> {
        let accepted = self.ingest_signal(&request).await?;
        self.forward(&request);
        Ok(accepted)
    }

    fn forward(&self, request: &ExportRequest) {
        if self.forwards.is_empty() || request.sender.stays_here() {
            return;
        }
        if request.signal == Signal::Traces && may_hold_open_spans(&request.body) {
            return self.forward_ended(request);
        }
        // Every endpoint must accept gzip, but not the other encodings: <https://opentelemetry.io/docs/specs/otlp/#otlphttp-request>.
        let is_gzip = request.compression == ContentEncoding::Gzip;
        // A copy, since the bytes may be a small part of a connection's read buffer, which must not stay in memory.
        let body = Bytes::copy_from_slice(if is_gzip { &request.original } else { &request.body });
        self.push(&Message { signal: request.signal, encoding: request.encoding, is_gzip, body });
    }

    /// Forwards a request of spans without those that were only sent because they started.
    fn forward_ended(&self, request: &ExportRequest) {
        let ended = protobuf(request.encoding, request.body.clone(), |body| json::encode_traces(body).map(|encoded| encoded.body));
        // What can't be read was refused before.
        if let Ok((body, true)) = ended.map_err(drop).and_then(|body| without_open_spans(&body).map_err(drop)) {
            self.push(&Message { signal: request.signal, encoding: Encoding::Protobuf, is_gzip: false, body: body.into() });
        }
    }

    fn push(&self, message: &Message) {
        for forward in &self.forwards {
            forward.push(message.clone());
        }
    }

    async fn ingest_signal(&self, request: &ExportRequest) -> Result<Accepted, Rejection> {
        let (encoding, body) = (request.encoding, request.body.clone());
        match request.signal {
            Signal::Traces => self.ingest_spans(encoding, body, request.sender).await,
            // Lines that a traced process writes are for who watches it.
            Signal::Logs => self.ingest_logs(encoding, body, !request.sender.stays_here()).await,
            Signal::Metrics => self.ingest_metrics(protobuf(encoding, body, json::encode_metrics)?).await,
        }
    }

    async fn ingest_metrics(&self, body: Bytes) -> Result<Accepted, Rejection> {
        let mut permits = self.reserve(1).await?;
        let mut batch = MetricBatch { source: self.sender.id, received: now(), ..MetricBatch::default() };
        let count = metrics::read(&body, &mut batch).map_err(malformed)?;
        if let Some(recorder) = self.recorder.as_ref().filter(|_| !batch.points.is_empty()) {
            recorder.write(Recorded::Metrics(body)).await.map_err(Rejection::RecordFailed)?;
        }
        let mut counts = self.counts();
        counts.metrics += count;
        counts.rejected_points += batch.invalid;
        drop(counts);
        let reason = if batch.invalid > 0 { WRONG_POINTS.to_owned() } else { String::new() };
        let accepted = Accepted { signal: Signal::Metrics, rejected: batch.invalid, reason };
        if let Some(permit) = permits.next().filter(|_| count > 0) {
            permit.send(Update::Metrics(batch));
        }
        Ok(accepted)
    }

    async fn ingest_spans(&self, encoding: Encoding, body: Bytes, sender: RequestSender) -> Result<Accepted, Rejection> {
        // Reserve first: without room in the channel the body need not be read.
        let mut permits = self.reserve(1).await?;
        let (body, rejected) = match encoding {
            Encoding::Protobuf => (body, Vec::new()),
            Encoding::Json => {
                let EncodedTraces { body, rejected } = json::encode_traces(&body).map_err(malformed)?;
                (body.into(), rejected)
            }
        };
        let mut batch = self.sender.batch(Origin::Live);
        (batch.rich, batch.process, batch.lived_until) = (true, sender.process, sender.lived_until);
        rows::read(&body, rejected, &mut batch).map_err(malformed)?;
        if let Some(recorder) = &self.recorder
            && batch.spans.iter().any(|span| span.end.is_some() || span.facts.ending == Ending::Cut)
        {
            recorder.write(Recorded::Spans(body.clone())).await.map_err(Rejection::RecordFailed)?;
        }
        let accepted = Accepted {
            rejected: batch.skipped.len() as u64,
            signal: Signal::Traces,
            reason: batch.skipped.first().map(|skipped| format!("{}: {}", skipped.place, skipped.reason)).unwrap_or_default(),
        };
        let mut counts = self.counts();
        counts.spans += batch.spans.len() as u64;
        counts.rejected_spans += accepted.rejected;
        counts.failure = None;
        drop(counts);
        if !batch.spans.is_empty() {
            self.payloads.insert(&body, &mut batch)?;
        }
        let is_news = !batch.spans.is_empty() || !batch.skipped.is_empty() || sender.process.is_some();
        if let Some(permit) = permits.next().filter(|_| is_news) {
            permit.send(Update::Batch(batch));
        }
        Ok(accepted)
    }

    /// Tells that a process lived until now, as the end of its connection shows.
    pub(super) async fn tell_lived(&self, process: u64) {
        let mut batch = self.sender.batch(Origin::Live);
        (batch.process, batch.lived_until) = (Some(process), Some(now()));
        // Without room nobody follows, or the next news say the same.
        if let Some(permit) = self.reserve(1).await.ok().and_then(|mut permits| permits.next()) {
            permit.send(Update::Batch(batch));
        }
    }

    /// Records what log events told, and what could not be recorded before.
    async fn record_told(&self, told: &ToldSpans, batch: &Batch) -> Result<(), Rejection> {
        let Some(recorder) = &self.recorder else { return Ok(()) };
        let mut all = std::mem::take(&mut *self.unrecorded());
        if !told.withdrawn.is_empty() || batch.spans.iter().any(|span| span.end.is_some()) {
            all.push(told.clone());
        }
        if all.is_empty() {
            return Ok(());
        }
        let written = recorder.write(Recorded::Told(all.clone())).await;
        written.map_err(|reason| {
            self.unrecorded().append(&mut all);
            Rejection::RecordFailed(reason)
        })
    }

    fn unrecorded(&self) -> MutexGuard<'_, Vec<ToldSpans>> {
        self.unrecorded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reserves places in the update channel.
    async fn reserve(&self, places: usize) -> Result<PermitIterator<'_, Update>, Rejection> {
        let reserved = timeout(SEND_TIMEOUT, self.sender.updates.reserve_many(places)).await;
        reserved.ok().and_then(Result::ok).ok_or(Rejection::Overloaded)
    }

    /// Flushes the recorder and the forward queues, each within `timeout`. Returns warnings about requests that were not forwarded.
    pub(super) fn shut_down(&self, timeout: Duration) -> Vec<String> {
        if let Some(recorder) = &self.recorder {
            recorder.shut_down(timeout);
        }
        self.forwards.iter().filter_map(|forward| forward.shut_down(timeout)).collect()
    }

    /// Counts and logs a rejected request.
    pub(super) fn report(&self, rejection: &Rejection) {
        tracing::warn!(reason = %rejection, "OTLP request refused");
        let mut counts = self.counts();
        if rejection.is_retryable() {
            counts.deferred += 1;
            counts.failure = Some(rejection.to_string());
        } else {
            counts.refused += 1;
            counts.refusal = Some(rejection.to_string());
        }
    }

    /// Counts a connection that was closed because there are too many.
    pub(super) fn count_turned_away(&self) {
        self.counts().turned_away += 1;
    }

    /// Returns the counters, without the ports.
    pub(super) fn traffic(&self) -> Traffic {
        let mut traffic = self.counts().clone();
        let bodies = self.payloads.bodies();
        (traffic.retained_bytes, traffic.memory) = (bodies.retained_bytes, bodies.memory());
        drop(bodies);
        traffic.recording = self.recorder.as_ref().map(|recorder| recorder.path.clone());
        traffic.forwards = self.forwards.iter().map(Forward::report).collect();
        traffic
    }

    fn counts(&self) -> MutexGuard<'_, Traffic> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
