//! The bodies of trace requests, kept while a span of theirs is held, and compacted as spans are released.

use std::collections::{BTreeMap, HashMap};
use std::io;

use super::arena::{Arena, Extent};
use super::compact::{Compacted, SpanExtent, span_extents};
use super::packed::{PackRequest, Packed, SEGMENT_SIZE, Stored, Unpacked};
use crate::model::sort;
use crate::model::{PayloadMemory, PayloadRef};

/// The fewest bytes that compacting a body must gain.
const MIN_GAIN: u64 = 256;

/// A body is compacted once an eighth of it is released. A byte that is released then costs at most eight copied ones, in the worker's thread.
const SPARSE: u64 = 8;

/// In packed segments, only once half of it is released: it takes less memory there, and is unpacked first.
const SPARSE_PACKED: u64 = 2;

/// The most segments of the arena that are emptied at a time, while requests wait.
const MOVED_SEGMENTS: usize = 4;

/// A search gives each of its threads so many bytes at a time: the segments at their borders are unpacked twice.
const PART: u64 = 8 * SEGMENT_SIZE as u64;

/// Bodies from this size on are not moved: they fill most of their segments.
const LARGE: u64 = 4 * SEGMENT_SIZE as u64;

/// Bodies by number.
///
/// A payload reference is the number of the body and, in its lower half, the original offset of the span, which does not change when the
/// body is compacted.
#[derive(Debug, Default)]
pub(super) struct BodyStore {
    by_number: HashMap<u32, Body>,
    /// The numbers of the bodies by their first address in the arena.
    by_address: BTreeMap<u64, u32>,
    arena: Arena,
    /// The number of the next body.
    next: u32,
    /// The size of all bodies in bytes.
    pub(super) retained_bytes: u64,
    /// What the spans that are held count for in bytes: the sum of [`Body::held_bytes`].
    held_bytes: u64,
    /// The size of the lists of spans in bytes.
    list_bytes: u64,
}

#[derive(Debug)]
struct Body {
    extent: Extent,
    spans: Spans,
    /// What the spans that are held count for in bytes.
    held_bytes: u64,
    /// What the spans counted for that were held when the body was inserted or compacted.
    all_bytes: u64,
}

/// The spans of a body in order: those that are held, and those released since the body was inserted or compacted.
#[derive(Debug)]
enum Spans {
    /// Of a body that was never compacted: four bytes per span, and a bit once one is released.
    Original { offsets: Box<[u32]>, released: Box<[u64]> },
    /// Of a compacted body.
    Compacted(Vec<SpanExtent>),
}

/// What a body takes beside its bytes and its list of spans, estimated: its entries in the two tables, whose nodes are about half full.
const BODY_MEMORY: usize = 3 * size_of::<(u32, Body)>() / 2 + 2 * size_of::<(u64, u32)>() + 16;

/// What each span of a body as received adds to that.
const OFFSET_MEMORY: usize = size_of::<u32>();

/// Returns the extents of the spans at these offsets, in order, in a body of `len` bytes as it was received, with their places in the tables.
pub(super) fn received_extents(len: usize, offsets: impl Iterator<Item = usize>) -> Vec<SpanExtent> {
    let mut extents = span_extents(len, offsets);
    for (index, extent) in extents.iter_mut().enumerate() {
        extent.bytes = extent.bytes.saturating_add(table_bytes(index));
    }
    extents
}

/// Returns what the span at this index of a body as received takes in the tables in bytes; the first one counts for those of the body.
fn table_bytes(index: usize) -> u32 {
    (OFFSET_MEMORY + if index == 0 { BODY_MEMORY } else { 0 }) as u32
}

impl Spans {
    /// Returns the index of the span with this original offset.
    fn find(&self, original: usize) -> Option<usize> {
        match self {
            Self::Original { offsets, .. } => offsets.binary_search_by_key(&original, |offset| *offset as usize).ok(),
            Self::Compacted(extents) => extents.binary_search_by_key(&original, |extent| extent.original as usize).ok(),
        }
    }

    /// Returns the current offset of the span with this original offset.
    fn offset(&self, original: usize) -> Option<usize> {
        let span = self.find(original)?;
        Some(if let Self::Compacted(extents) = self { extents[span].offset as usize } else { original })
    }

    /// Returns the size of the list in bytes.
    fn list_bytes(&self) -> u64 {
        let bytes = match self {
            Self::Original { offsets, released } => size_of_val(&**offsets) + size_of_val(&**released),
            Self::Compacted(extents) => extents.capacity() * size_of::<SpanExtent>(),
        };
        bytes as u64
    }

    /// Returns by how much the list grows when the body is compacted.
    fn growth(&self) -> u64 {
        if let Self::Original { offsets, .. } = self { (offsets.len() * (size_of::<SpanExtent>() - OFFSET_MEMORY)) as u64 } else { 0 }
    }

    /// Releases a span of a body of `len` bytes. Returns what it counted for; 0 if there is no such span or it was released before.
    fn release(&mut self, original: usize, len: u64) -> u32 {
        match (self.find(original), self) {
            (None, _) => 0,
            (Some(span), Self::Compacted(extents)) => std::mem::take(&mut extents[span].bytes),
            (Some(span), Self::Original { offsets, released }) => {
                if released.is_empty() {
                    *released = vec![0; offsets.len().div_ceil(64)].into();
                }
                let (word, bit) = (&mut released[span / 64], 1 << (span % 64));
                if std::mem::replace(word, *word | bit) & bit != 0 {
                    return 0;
                }
                // The same as in `received_extents`.
                let start = if span == 0 { 0 } else { offsets[span] };
                (offsets.get(span + 1).copied().unwrap_or(len as u32) - start).saturating_add(table_bytes(span))
            }
        }
    }

    /// Returns the extents of all spans; those of released spans have no bytes.
    fn extents(&self, len: u64) -> Vec<SpanExtent> {
        match self {
            Self::Compacted(extents) => extents.clone(),
            Self::Original { offsets, released } => {
                let mut extents = received_extents(len as usize, offsets.iter().map(|offset| *offset as usize));
                let is_released = |span: usize| released.get(span / 64).is_some_and(|word| word >> (span % 64) & 1 != 0);
                extents.iter_mut().enumerate().filter(|(span, _)| is_released(*span)).for_each(|(_, extent)| extent.bytes = 0);
                extents
            }
        }
    }
}

impl Body {
    fn len(&self) -> u64 {
        self.extent.end - self.extent.start
    }

    /// Whether so much of the body is released that compacting it gains memory.
    fn is_sparse(&self, is_packed: bool) -> bool {
        let share = if is_packed { SPARSE_PACKED } else { SPARSE };
        let released = self.all_bytes.saturating_sub(self.held_bytes);
        // What all spans share is not freed before the last of them; it is divided among them by their size.
        released * share >= self.all_bytes && self.len() * released >= self.all_bytes * (MIN_GAIN + self.spans.growth())
    }
}

impl BodyStore {
    /// Inserts a body and returns its number. `offsets` are the offsets of its spans in order, at least one. Fails if the system has no
    /// memory.
    pub(super) fn insert(&mut self, bytes: &[u8], offsets: Box<[u32]>) -> io::Result<u32> {
        let extent = self.arena.insert(bytes)?;
        // 31 bits, so that a payload reference is never negative. Numbers wrap after two billion bodies.
        while self.by_number.contains_key(&self.next) {
            self.next = (self.next + 1) & 0x7fff_ffff;
        }
        let number = self.next;
        self.next = (self.next + 1) & 0x7fff_ffff;
        self.retained_bytes += bytes.len() as u64;
        let held_bytes = (bytes.len() + BODY_MEMORY + OFFSET_MEMORY * offsets.len()) as u64;
        self.held_bytes += held_bytes;
        self.by_address.insert(extent.start, number);
        let spans = Spans::Original { offsets, released: Box::default() };
        self.list_bytes += spans.list_bytes();
        self.by_number.insert(number, Body { extent, spans, held_bytes, all_bytes: held_bytes });
        self.defragment();
        Ok(number)
    }

    /// Returns the body that a payload reference points into, and the current offset of its span.
    pub(super) fn find(&self, payload_ref: PayloadRef) -> Option<(Stored, usize)> {
        let (number, original) = split(payload_ref);
        let body = self.by_number.get(&number)?;
        Some((self.arena.get(&body.extent), body.spans.offset(original)?))
    }

    /// Returns a body and the current offsets of its spans with these original offsets.
    pub(super) fn spans(&self, number: u32, originals: &[usize]) -> Option<(Stored, Vec<usize>)> {
        let body = self.by_number.get(&number)?;
        let offsets = originals.iter().filter_map(|&original| body.spans.offset(original)).collect();
        Some((self.arena.get(&body.extent), offsets))
    }

    /// Returns the memory that is taken, with parts of bodies whose spans were released and what is free between bodies.
    pub(super) fn memory(&self) -> PayloadMemory {
        let tables = (self.by_number.len() * BODY_MEMORY) as u64 + self.list_bytes;
        PayloadMemory { counted: self.held_bytes, taken: self.arena.held_memory() as u64 + tables }
    }

    /// Returns the numbers of all bodies in parts of [`PART`] bytes or more, the newest last.
    pub(super) fn parts(&self) -> Vec<Vec<u32>> {
        let mut numbers: Vec<u32> = self.by_number.keys().copied().collect();
        // Numbers wrap: those from the next one on are older.
        sort::by_key(&mut numbers, |number| (*number < self.next, *number));
        let (mut parts, mut part, mut size) = (Vec::new(), Vec::new(), 0);
        for number in numbers {
            size += self.by_number.get(&number).map_or(0, Body::len);
            part.push(number);
            if size >= PART {
                parts.push(std::mem::take(&mut part));
                size = 0;
            }
        }
        parts.push(part);
        parts
    }

    /// Returns a body.
    pub(super) fn body(&self, number: u32) -> Option<Stored> {
        self.by_number.get(&number).map(|body| self.arena.get(&body.extent))
    }

    /// Releases spans, and drops the bodies without any left. Returns the bodies that became sparse: compact them before
    /// [`Self::defragment`], which otherwise moves them with their released spans.
    pub(super) fn release(&mut self, spans: &[PayloadRef]) -> Vec<u32> {
        let mut sparse = Vec::new();
        for (number, original) in spans.iter().copied().map(split) {
            let Some(body) = self.by_number.get_mut(&number) else { continue };
            let is_packed = self.arena.is_packed(&body.extent);
            let (was_sparse, len, list_bytes) = (body.is_sparse(is_packed), body.len(), body.spans.list_bytes());
            let released = u64::from(body.spans.release(original, len));
            body.held_bytes -= released;
            self.held_bytes -= released;
            self.list_bytes = self.list_bytes + body.spans.list_bytes() - list_bytes;
            if body.held_bytes == 0 {
                self.retained_bytes -= body.len();
                self.list_bytes -= body.spans.list_bytes();
                self.by_address.remove(&body.extent.start);
                self.arena.free(&body.extent);
                self.by_number.remove(&number);
            } else if body.is_sparse(is_packed) && !was_sparse {
                sparse.push(number);
            }
        }
        sparse
    }

    /// Returns a sparse body and the extents of its spans.
    pub(super) fn sparse_body(&self, number: u32) -> Option<(Stored, Vec<SpanExtent>)> {
        let body = self.by_number.get(&number).filter(|body| body.is_sparse(self.arena.is_packed(&body.extent)))?;
        Some((self.arena.get(&body.extent), body.spans.extents(body.len())))
    }

    /// Replaces a body by its compacted form, which was made from these spans; does nothing if spans were released since.
    pub(super) fn replace(&mut self, number: u32, extents: &[SpanExtent], compacted: Compacted) {
        let Some(body) = self.by_number.get_mut(&number).filter(|body| body.spans.extents(body.len()) == extents) else { return };
        let Ok(extent) = self.arena.insert(&compacted.bytes) else { return };
        self.retained_bytes -= body.len();
        self.arena.free(&body.extent);
        self.by_address.remove(&body.extent.start);
        self.by_address.insert(extent.start, number);
        body.extent = extent;
        self.list_bytes -= body.spans.list_bytes();
        body.spans = Spans::Compacted(compacted.spans);
        self.list_bytes += body.spans.list_bytes();
        body.all_bytes = body.held_bytes;
        self.retained_bytes += body.len();
    }

    /// Moves the bodies in sparse plain segments, so that the arena is never much larger than its bodies.
    pub(super) fn defragment(&mut self) {
        // Segments that become sparse by this are left to the next call.
        for segment in self.arena.take_sparse(MOVED_SEGMENTS) {
            // A body may begin in a packed segment and end in this one.
            self.empty(&segment, &mut Unpacked::default());
        }
    }

    /// Returns a packed segment that is worth emptying, and its bytes, to be read before [`Self::empty`] locks others out.
    pub(super) fn take_sparse_packed(&mut self) -> Option<(Extent, Stored)> {
        let segment = self.arena.take_sparse_packed()?;
        let bytes = self.arena.get(&segment);
        Some((segment, bytes))
    }

    /// Moves the bodies in a segment.
    pub(super) fn empty(&mut self, segment: &Extent, unpacked: &mut Unpacked) {
        let overlapping = self.by_address.range(..segment.end).rev().map(|(_, number)| *number);
        let overlapping: Vec<u32> =
            overlapping.take_while(|number| self.by_number.get(number).is_some_and(|body| body.extent.end > segment.start)).collect();
        for number in overlapping {
            let Some(body) = self.by_number.get_mut(&number) else { continue };
            if body.len() >= LARGE {
                continue;
            }
            let Ok(extent) = self.arena.insert(&self.arena.get(&body.extent).read(unpacked)) else { return };
            self.arena.free(&body.extent);
            self.by_address.remove(&body.extent.start);
            self.by_address.insert(extent.start, number);
            body.extent = extent;
        }
    }

    /// Returns the next segment to pack.
    pub(super) fn next_to_pack(&mut self) -> Option<PackRequest> {
        self.arena.next_to_pack()
    }

    /// Replaces a segment by its packed form.
    pub(super) fn set_packed(&mut self, number: u64, packed: Packed) {
        self.arena.set_packed(number, packed);
    }
}

/// Returns the payload reference of the span at `offset` in a body.
pub(super) fn payload_ref(number: u32, offset: usize) -> PayloadRef {
    PayloadRef(i64::from(number) << 32 | offset as i64 & 0xffff_ffff)
}

/// Returns the number of a span's body, and its original offset.
pub(super) fn split(PayloadRef(reference): PayloadRef) -> (u32, usize) {
    ((reference >> 32) as u32, (reference & 0xffff_ffff) as usize)
}

#[cfg(test)]
mod tests;
