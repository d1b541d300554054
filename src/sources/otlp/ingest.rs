//! What both protocols share: a request's body is read, indexed, handed on, and only then acknowledged.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc::Permit;
use tokio::time::timeout;

use super::body_store::{BodyStore, address};
use super::compression::ContentEncoding;
use super::forward::{Forward, ForwardRequest};
use super::json::{self, Document};
use super::record::{FinishedSpan, Recorder, WriteJob};
use super::response::{Accepted, Rejection};
use super::search::Places;
use super::signals::{Events, Record};
use super::types::{Encoding, Signal};
use super::{compact, signals};
use crate::model::{Batch, Origin, Payload, PayloadRef, SpanId, TraceId};
use crate::otlp::{payload, rows};
use crate::sources::{Traffic, Update, UpdateSender};

/// How long a sender waits for room before it is told to come again.
const PATIENCE: Duration = Duration::from_secs(1);

/// Spans that are let go while senders wait.
const AT_ONCE: usize = 4096;

/// A body as its sender sent it.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) coding: ContentEncoding,
    pub(super) bytes: Bytes,
}

/// Where requests of all connections come together.
#[derive(Debug)]
pub(super) struct Ingest {
    outlet: UpdateSender,
    bodies: Mutex<BodyStore>,
    events: Mutex<Events>,
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
    pub(super) fn new(outlet: UpdateSender, recorder: Option<Recorder>, forwards: Vec<Forward>) -> Self {
        Self { outlet, bodies: Mutex::default(), events: Mutex::default(), counts: Counts::default(), recorder, forwards }
    }

    /// Takes a request's body. When this returns, everything in it that was not refused is on its way into the store.
    pub(super) async fn ingest(&self, signal: Signal, form: Encoding, body: Bytes, sent: &Sent) -> Result<Accepted, Rejection> {
        let mended = if form == Encoding::Json { json::replace_lone_surrogates(&body) } else { None };
        let body = mended.map_or(body, Bytes::from);
        let taken = self.take_in(signal, form, body.clone()).await?;
        self.pass_on(signal, form, &body, sent);
        Ok(taken)
    }

    fn pass_on(&self, signal: Signal, form: Encoding, body: &[u8], sent: &Sent) {
        if self.forwards.is_empty() {
            return;
        }
        // Every endpoint understands gzip, and not every one the others: <https://opentelemetry.io/docs/specs/otlp/#otlphttp-request>.
        let gzip = sent.coding == ContentEncoding::Gzip;
        // A copy: what came may be a small part of a connection's buffer, which must not wait too.
        let body = Bytes::copy_from_slice(if gzip { &sent.bytes } else { body });
        for forward in &self.forwards {
            forward.push(ForwardRequest { signal, form, gzip, body: body.clone() });
        }
    }

    async fn take_in(&self, signal: Signal, form: Encoding, body: Bytes) -> Result<Accepted, Rejection> {
        match signal {
            Signal::Traces => self.take_spans(form, body).await,
            Signal::Logs => {
                let mut records = Vec::new();
                let keep = |record: Record| records.push(record);
                let count = match form {
                    Encoding::Protobuf => signals::logs(&body, keep).map_err(malformed),
                    Encoding::Json => signals::logs_json(text(&body)?, keep).map_err(malformed),
                }?;
                let spans: Vec<SpanId> = {
                    let mut events = lock(&self.events);
                    records.into_iter().filter_map(|record| events.keep(record)).collect()
                };
                self.counts.logs.fetch_add(count.saturating_sub(spans.len() as u64), Relaxed);
                if !spans.is_empty() {
                    // Without room for the word the messages are there all the same, for who looks at the span later.
                    let _ = timeout(PATIENCE, self.outlet.updates.send(Update::PayloadChanged(self.outlet.id, spans))).await;
                }
                Ok(Accepted::default())
            }
            Signal::Metrics => {
                let count = match form {
                    Encoding::Protobuf => signals::metrics(&body).map_err(malformed),
                    Encoding::Json => signals::metrics_json(text(&body)?).map_err(malformed),
                }?;
                self.counts.metrics.fetch_add(count, Relaxed);
                Ok(Accepted::default())
            }
        }
    }

    async fn take_spans(&self, form: Encoding, body: Bytes) -> Result<Accepted, Rejection> {
        // Room first: a body that can't go on need not be read.
        let room = self.room().await?;
        let mut batch = self.outlet.batch(Origin::Live);
        batch.rich = true;
        match form {
            Encoding::Protobuf => rows::read(&body, &mut batch).map_err(malformed)?,
            Encoding::Json => read_json(text(&body)?, &mut batch)?,
        }
        self.record(form, &body, &batch).await?;
        let taken = Accepted {
            rejected: batch.skipped.len() as u64,
            reason: batch.skipped.first().map(|skipped| format!("{}: {}", skipped.place, skipped.reason)).unwrap_or_default(),
        };
        self.counts.spans.fetch_add(batch.spans.len() as u64, Relaxed);
        self.counts.rejected.fetch_add(taken.rejected, Relaxed);
        if !batch.spans.is_empty() {
            self.keep(form, &body, &mut batch)?;
        }
        if !batch.spans.is_empty() || !batch.skipped.is_empty() {
            room.send(Update::Batch(batch));
        }
        Ok(taken)
    }

    /// Writes the spans that ended into the file that records, if there is one.
    async fn record(&self, form: Encoding, body: &Bytes, batch: &Batch) -> Result<(), Rejection> {
        let Some(recorder) = &self.recorder else { return Ok(()) };
        let spans: Vec<_> = batch.spans.iter().filter_map(|span| FinishedSpan::new(span, batch.text(span.name))).collect();
        if spans.is_empty() {
            return Ok(());
        }
        recorder.write(WriteJob { form, body: body.clone(), spans }).await.map_err(Rejection::Unrecorded)
    }

    /// A place in the channel to the screen.
    async fn room(&self) -> Result<Permit<'_, Update>, Rejection> {
        if let Ok(room) = self.outlet.updates.try_reserve() {
            return Ok(room);
        }
        match timeout(PATIENCE, self.outlet.updates.reserve()).await {
            Ok(Ok(room)) => Ok(room),
            Ok(Err(_)) | Err(_) => Err(Rejection::Busy),
        }
    }

    /// Keeps the body, and completes the addresses of its spans, which share its weight as they lie in it.
    fn keep(&self, form: Encoding, body: &[u8], batch: &mut Batch) -> Result<(), Rejection> {
        let spots = compact::spots(body.len(), batch.spans.iter().map(|span| span.payload_ref.0 as usize));
        for (span, spot) in batch.spans.iter_mut().zip(&spots) {
            span.retained_bytes = spot.bytes;
        }
        let begins = spots.iter().map(|spot| spot.was).collect();
        let number = lock(&self.bodies).keep(form, body, begins).map_err(|_| Rejection::Busy)?;
        for span in &mut batch.spans {
            span.payload_ref = address(number, span.payload_ref.0 as usize);
        }
        Ok(())
    }

    /// Reads a span's payload again from the body in which it came.
    pub(super) fn payload(&self, address: PayloadRef, span: SpanId) -> Result<Payload, String> {
        let gone = || "this span's payload was let go to stay within the memory limit".to_owned();
        let (form, body, at) = lock(&self.bodies).find(address).ok_or_else(gone)?;
        let (mut payload, trace) = match form {
            Encoding::Protobuf => {
                let found = payload::read(&body, at).map_err(|broken| broken.to_string())?;
                let (payload, names) = found.ok_or_else(gone)?;
                (payload, names.map(|(trace, _)| trace))
            }
            Encoding::Json => read_json_payload(std::str::from_utf8(&body).unwrap_or_default(), at).ok_or_else(gone)?,
        };
        if let Some(trace) = trace {
            let known = payload.events.len();
            payload.events.extend_from_slice(lock(&self.events).of(trace, span));
            if payload.events.len() > known {
                payload.events.sort_by_key(|event| event.time);
            }
        }
        Ok(payload)
    }

    /// The numbers of the bodies that are held, the newest last.
    pub(super) fn bodies(&self) -> Vec<u32> {
        lock(&self.bodies).numbers()
    }

    /// A body by its number, if it is held still.
    pub(super) fn body(&self, number: u32) -> Option<(Encoding, Bytes)> {
        lock(&self.bodies).body(number)
    }

    /// A body by its number, if it is held still, and where in it those spans lie that began at these places when it came.
    pub(super) fn places(&self, number: u32, places: &[usize]) -> Option<Places> {
        lock(&self.bodies).places(number, places)
    }

    /// Lets go of what is held for these spans.
    pub(super) fn release(&self, addresses: &[PayloadRef]) {
        let sparse: Vec<u32> = addresses.chunks(AT_ONCE).flat_map(|some| lock(&self.bodies).release(some)).collect();
        for number in sparse {
            let Some((form, body, spots)) = lock(&self.bodies).fragmented(number) else { continue };
            // Meanwhile senders need not wait.
            let thinned = compact::thin(form, &body, &spots);
            drop(body);
            if let Some(thinned) = thinned {
                lock(&self.bodies).replace(number, &spots, thinned);
            }
        }
        lock(&self.bodies).compact();
    }

    /// Passes on what waits, within this time for each endpoint that takes it, and closes the file that records. Says what was not passed on.
    pub(super) fn end(&self, time: Duration) -> Vec<String> {
        if let Some(recorder) = &self.recorder {
            recorder.end(time);
        }
        self.forwards.iter().filter_map(|forward| forward.end(time)).collect()
    }

    /// Counts a request that was not taken.
    pub(super) fn count_refusal(&self, refusal: &Rejection) {
        let count = if refusal.passes() { &self.counts.put_off } else { &self.counts.refused };
        count.fetch_add(1, Relaxed);
    }

    /// What went through so far; of ports it knows nothing.
    pub(super) fn traffic(&self) -> Traffic {
        let Counts { spans, rejected, put_off, refused, logs, metrics } = &self.counts;
        let [spans, rejected, put_off, refused, logs, metrics] =
            [spans, rejected, put_off, refused, logs, metrics].map(|count| count.load(Relaxed));
        let held = lock(&self.bodies).retained_bytes();
        let logs = logs + lock(&self.events).forgotten();
        let forwards = self.forwards.iter().map(Forward::report).collect();
        Traffic { spans, rejected, put_off, refused, logs, metrics, held, forwards, ports: Vec::new() }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic ends the program anyway; what the mutex holds is whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn malformed(error: impl std::fmt::Display) -> Rejection {
    Rejection::Malformed(format!("this is no OTLP request: {error}"))
}

fn text(body: &[u8]) -> Result<&str, Rejection> {
    std::str::from_utf8(body).map_err(malformed)
}

fn read_json(text: &str, batch: &mut Batch) -> Result<(), Rejection> {
    let document = Document::request(text).map_err(malformed)?;
    for index in 0..document.len() {
        document.push(text, index, PayloadRef(document.offset(index) as i64), batch);
    }
    Ok(())
}

fn read_json_payload(text: &str, at: usize) -> Option<(Payload, Option<TraceId>)> {
    let document = Document::request(text).ok()?;
    let index = document.at(at)?;
    Some((document.payload(text, index).ok()?, document.trace(text, index)))
}
