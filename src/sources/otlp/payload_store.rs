//! The payloads in memory: the bodies that hold the spans, and the log records that belong to spans.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::body_store::{BodyStore, payload_ref, received_extents};
use super::compact::compact;
use super::packed::{Packer, Unpacked};
use super::response::Rejection;
use super::span_events::SpanEvents;
use crate::model::sort;
use crate::model::{Batch, Payload, PayloadRef, SpanId};
use crate::otlp::payload;
use crate::otlp::signals::SpanLog;

/// Spans that are released under one lock, while requests wait.
const RELEASE_CHUNK: usize = 4096;

/// Payloads by address. Hold the locks briefly, so that requests and the worker do not block each other.
#[derive(Debug)]
pub(super) struct PayloadStore {
    bodies: Mutex<BodyStore>,
    events: Mutex<SpanEvents>,
    /// For the worker, which alone reads payloads.
    unpacked: Mutex<Unpacked>,
}

impl PayloadStore {
    /// Creates an empty store whose events take at most this much memory.
    pub(super) fn new(max_event_bytes: usize) -> Self {
        Self { bodies: Mutex::default(), events: Mutex::new(SpanEvents::new(max_event_bytes)), unpacked: Mutex::default() }
    }

    /// Keeps a body, and sets the address and the retained bytes of its spans.
    pub(super) fn insert(&self, body: &[u8], batch: &mut Batch) -> Result<(), Rejection> {
        let extents = received_extents(body.len(), batch.spans.iter().map(|span| span.payload_ref.0 as usize));
        for (span, extent) in batch.spans.iter_mut().zip(&extents) {
            span.retained_bytes = extent.bytes;
        }
        let offsets = extents.iter().map(|extent| extent.original).collect();
        let number = self.bodies().insert(body, offsets).map_err(|_| Rejection::Overloaded)?;
        for span in &mut batch.spans {
            span.payload_ref = payload_ref(number, span.payload_ref.0 as usize);
        }
        Ok(())
    }

    /// Reads a span's payload from its body.
    pub(super) fn read(&self, address: PayloadRef, span: SpanId) -> Result<Payload, String> {
        let gone = || "this span's payload was dropped to stay within the memory limit".to_owned();
        let (body, at) = self.bodies().find(address).ok_or_else(gone)?;
        let body = body.read(&mut self.unpacked());
        let found = payload::decode_at(&body, at).map_err(|error| error.to_string())?;
        let (mut payload, ids) = found.ok_or_else(gone)?;
        if let Some((trace, _)) = ids {
            let known = payload.events.len();
            payload.events.extend(lock(&self.events).get(trace, span).cloned());
            if payload.events.len() > known {
                sort::by_key(&mut payload.events, |event| event.time);
            }
        }
        Ok(payload)
    }

    /// Packs the next segment that is due. Returns false if there is none.
    pub(super) fn pack(&self, packer: &mut Packer) -> bool {
        let Some(segment) = self.bodies().next_to_pack() else { return false };
        // Without the lock, so that requests need not wait.
        if let Some(packed) = packer.pack(&segment) {
            self.bodies().set_packed(segment.number, packed);
        }
        true
    }

    /// Locks the unpacked segments.
    pub(super) fn unpacked(&self) -> MutexGuard<'_, Unpacked> {
        lock(&self.unpacked)
    }

    /// Locks the bodies.
    pub(super) fn bodies(&self) -> MutexGuard<'_, BodyStore> {
        lock(&self.bodies)
    }

    /// Releases the payloads of these spans.
    pub(super) fn release(&self, addresses: &[PayloadRef]) {
        let sparse: Vec<u32> = addresses.chunks(RELEASE_CHUNK).flat_map(|some| self.bodies().release(some)).collect();
        for number in sparse {
            let Some((body, extents)) = self.bodies().sparse_body(number) else { continue };
            // Without the lock, so that requests need not wait.
            let body = body.read(&mut self.unpacked());
            let compacted = compact(&body, &extents);
            drop(body);
            if let Some(compacted) = compacted {
                self.bodies().replace(number, &extents, compacted);
            }
        }
        let mut unpacked = self.unpacked();
        loop {
            let Some((segment, bytes)) = self.bodies().take_sparse_packed() else { break };
            drop(bytes.read(&mut unpacked));
            self.bodies().empty(&segment, &mut unpacked);
        }
        self.bodies().defragment();
    }

    /// Keeps log records that belong to a span. Returns the spans.
    pub(super) fn insert_events(&self, logs: Vec<SpanLog>) -> Vec<SpanId> {
        let mut events = lock(&self.events);
        logs.into_iter().filter_map(|log| events.insert(log)).collect()
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic ends the program; the value behind the lock stays valid.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
