//! The payloads in memory: the bodies that hold the spans, and the log records that belong to spans.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::body_store::{BodyStore, address};
use super::compact;
use super::response::Rejection;
use super::search::Places;
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
        let spots = compact::spots(body.len(), batch.spans.iter().map(|span| span.payload_ref.0 as usize));
        for (span, spot) in batch.spans.iter_mut().zip(&spots) {
            span.retained_bytes = spot.bytes;
        }
        let begins = spots.iter().map(|spot| spot.was).collect();
        let number = lock(&self.bodies).insert(body, begins).map_err(|_| Rejection::Overloaded)?;
        for span in &mut batch.spans {
            span.payload_ref = address(number, span.payload_ref.0 as usize);
        }
        Ok(())
    }

    /// Reads a span's payload from its body.
    pub(super) fn read(&self, address: PayloadRef, span: SpanId) -> Result<Payload, String> {
        let gone = || "this span's payload was dropped to stay within the memory limit".to_owned();
        let (body, at) = lock(&self.bodies).find(address).ok_or_else(gone)?;
        let found = payload::read(&body, at).map_err(|error| error.to_string())?;
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
    pub(super) fn places(&self, number: u32, places: &[usize]) -> Option<Places> {
        lock(&self.bodies).places(number, places)
    }

    /// Releases the payloads of these spans.
    pub(super) fn release(&self, addresses: &[PayloadRef]) {
        let sparse: Vec<u32> = addresses.chunks(RELEASE_CHUNK).flat_map(|some| lock(&self.bodies).release(some)).collect();
        for number in sparse {
            let Some((body, spots)) = lock(&self.bodies).fragmented(number) else { continue };
            // Without the lock, so that requests need not wait.
            let thinned = compact::thin(&body, &spots);
            drop(body);
            if let Some(thinned) = thinned {
                lock(&self.bodies).replace(number, &spots, thinned);
            }
        }
        lock(&self.bodies).compact();
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
