//! The payloads in memory: the bodies that hold the spans, and the log records that belong to spans.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::body_store::{BodySpans, BodyStore, payload_ref};
use super::compact::{compact, span_extents};
use super::response::Rejection;
use super::span_events::SpanEvents;
use crate::model::{Batch, Payload, PayloadRef, SpanId};
use crate::otlp::payload;
use crate::otlp::signals::SpanLog;

/// Spans that are released under one lock, while requests wait.
const RELEASE_CHUNK: usize = 4096;

/// Payloads by address. All methods lock briefly, so that requests and the worker do not block each other.
#[derive(Debug, Default)]
pub(super) struct PayloadStore {
    bodies: Mutex<BodyStore>,
    events: Mutex<SpanEvents>,
}

impl PayloadStore {
    /// Keeps a body, and sets the address and the retained bytes of its spans.
    pub(super) fn insert(&self, body: &[u8], batch: &mut Batch) -> Result<(), Rejection> {
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
    pub(super) fn read(&self, address: PayloadRef, span: SpanId) -> Result<Payload, String> {
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
    pub(super) fn numbers(&self) -> Vec<u32> {
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

    /// Keeps log records that belong to a span. Returns the spans.
    pub(super) fn insert_events(&self, logs: Vec<SpanLog>) -> Vec<SpanId> {
        let mut events = lock(&self.events);
        logs.into_iter().filter_map(|log| events.insert(log)).collect()
    }

    /// Returns the size of the bodies in bytes.
    pub(super) fn retained_bytes(&self) -> u64 {
        lock(&self.bodies).retained_bytes()
    }

    /// Returns the number of log records that were kept and dropped later.
    pub(super) fn evicted_events(&self) -> u64 {
        lock(&self.events).evicted()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic ends the program; the value behind the lock stays valid.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
