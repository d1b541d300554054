//! An append-only arena for bodies: one address space of bytes in mapped segments, which are unmapped or reused one by one.
//!
//! Allocating every body by itself costs more in page faults than all other work of ingesting it. Where many segments are full, the older ones
//! are packed: compressed one by one, in the background.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
#[cfg(target_os = "linux")]
use std::time::{Duration, Instant};

use bytes::Bytes;
#[cfg(target_os = "linux")]
use memmap2::Advice;
use memmap2::MmapMut;

use super::grams::REACH;
use super::packed::{Memory, PackRequest, Packed, SEGMENT_SIZE, Stored};
use crate::model::sort;

/// A range of addresses in the arena.
pub(super) type Extent = Range<u64>;

/// The arena. It does not know what its extents hold.
#[derive(Debug, Default)]
pub(super) struct Arena {
    /// The segments that are full, by number.
    sealed: BTreeMap<u64, Segment>,
    /// How many of them are packed, and the bytes of memory that these take.
    packed_count: usize,
    packed_bytes: u64,
    /// The number of the next segment to pack: each is tried once.
    next_packed: u64,
    /// The segment that is being filled.
    open: Option<MmapMut>,
    /// Bytes in use in the open segment.
    open_used: usize,
    /// The address at which the next bytes are inserted.
    end: u64,
    /// The numbers of the plain segments from which an eighth or more was freed since they were last moved.
    sparse: Vec<u64>,
    /// The numbers of the packed segments of which half or more is free, and more than when they were last moved.
    sparse_packed: Vec<u64>,
    /// Bytes in use in all plain segments.
    plain_used: u64,
    pool: SegmentPool,
    /// Whether the system had to make room for huge pages.
    lacks_huge_pages: bool,
}

/// Free segments to reuse: an arena at its memory limit frees as many as it fills, and new memory costs page faults.
type SegmentPool = Arc<Mutex<Vec<MmapMut>>>;

/// The most segments in the pool: they count towards no limit.
const POOL_SIZE: usize = 1;

/// A segment is worth moving once this much of it is free, in bytes. A byte that is freed then costs at most seven moved ones.
const SPARSE: usize = SEGMENT_SIZE / 8;

/// Full segments up to this number are not packed, so that few spans cost no time for it: 192 MiB.
const UNPACKED: usize = if cfg!(test) { 10 } else { 48 };

/// How long fetching a segment may take in huge pages: four times as long as usual.
#[cfg(target_os = "linux")]
const HUGE_PAGES_TIME: Duration = Duration::from_millis(2);

/// The newest segments stay plain: most payloads that are looked at are in them.
const NEWEST: u64 = 8;

/// The memory of a plain segment; it returns to the pool when the last reader drops it.
#[derive(Debug)]
struct SegmentMemory {
    /// `None` only during the drop.
    bytes: Option<MmapMut>,
    pool: SegmentPool,
}

impl AsRef<[u8]> for SegmentMemory {
    fn as_ref(&self) -> &[u8] {
        self.bytes.as_deref().unwrap_or_default()
    }
}

impl Drop for SegmentMemory {
    fn drop(&mut self) {
        let mut pool = self.pool.lock().unwrap_or_else(PoisonError::into_inner);
        if pool.len() < POOL_SIZE {
            pool.extend(self.bytes.take());
        }
    }
}

/// A sealed segment.
#[derive(Debug)]
struct Segment {
    memory: Memory,
    /// Bytes in use, before compression.
    used: usize,
}

impl Arena {
    /// Appends a copy of `bytes`. Fails if the system has no memory; then nothing is inserted.
    pub(super) fn insert(&mut self, mut bytes: &[u8]) -> io::Result<Extent> {
        let start = self.end;
        while !bytes.is_empty() {
            let at = (self.end % SEGMENT_SIZE as u64) as usize;
            let open = match &mut self.open {
                Some(open) => open,
                none => match allocate_segment(&self.pool, &mut self.lacks_huge_pages) {
                    Ok(segment) => none.insert(segment),
                    Err(error) => {
                        self.free(&(start..self.end));
                        return Err(error);
                    }
                },
            };
            let (now, later) = bytes.split_at(bytes.len().min(SEGMENT_SIZE - at));
            open[at..at + now.len()].copy_from_slice(now);
            self.end += now.len() as u64;
            self.open_used += now.len();
            bytes = later;
            if at + now.len() == SEGMENT_SIZE {
                self.seal();
            }
        }
        Ok(start..self.end)
    }

    fn seal(&mut self) {
        let used = std::mem::take(&mut self.open_used);
        if let Some(memory) = self.open.take()
            && used > 0
        {
            let number = (self.end - 1) / SEGMENT_SIZE as u64;
            let memory = SegmentMemory { bytes: Some(memory), pool: self.pool.clone() };
            self.plain_used += used as u64;
            self.sealed.insert(number, Segment { memory: Memory::Plain(Bytes::from_owner(memory)), used });
            if used <= SEGMENT_SIZE - SPARSE {
                self.sparse.push(number);
            }
        }
    }

    /// Returns the bytes of an extent.
    pub(super) fn get(&self, extent: &Extent) -> Stored {
        let mut stored = Stored::default();
        for (number, part) in segment_parts(extent) {
            match (self.sealed.get(&number), &self.open) {
                (Some(segment), _) => stored.push(number, segment.memory.clone(), part),
                (None, Some(open)) => {
                    let length = part.len();
                    stored.push(number, Memory::Plain(Bytes::copy_from_slice(&open[part])), 0..length);
                }
                (None, None) => {}
            }
        }
        stored
    }

    /// Frees an extent.
    pub(super) fn free(&mut self, extent: &Extent) {
        for (number, part) in segment_parts(extent) {
            let Some(segment) = self.sealed.get_mut(&number) else {
                self.open_used = self.open_used.saturating_sub(part.len());
                continue;
            };
            let before = segment.used;
            segment.used = before.saturating_sub(part.len());
            let used = segment.used;
            let has_freed_eighth = (SEGMENT_SIZE - used) / SPARSE > (SEGMENT_SIZE - before) / SPARSE;
            let sparse = match &segment.memory {
                Memory::Plain(_) => {
                    self.plain_used -= (before - used) as u64;
                    &mut self.sparse
                }
                Memory::Packed(packed) => {
                    if used == 0 {
                        self.packed_count -= 1;
                        self.packed_bytes -= packed.len() as u64;
                    }
                    &mut self.sparse_packed
                }
            };
            let is_sparse = has_freed_eighth && (matches!(segment.memory, Memory::Plain(_)) || used <= SEGMENT_SIZE / 2);
            if used == 0 {
                sparse.retain(|sparse| *sparse != number);
                self.sealed.remove(&number);
            } else if is_sparse && !sparse.contains(&number) {
                sparse.push(number);
            }
        }
    }

    /// Returns the extents of at most `count` plain segments, the emptiest first: if the caller moves what is in them, they are freed. Each is
    /// returned again only after more of it was freed. Returns nothing while the segments together are well used: where the oldest bodies are
    /// freed first, sparse segments soon become empty by themselves.
    pub(super) fn take_sparse(&mut self, count: usize) -> Vec<Extent> {
        let memory = self.plain_memory();
        let enough = self.plain_used + self.plain_used / 7 + SEGMENT_SIZE as u64;
        let Some(mut excess) = memory.checked_sub(enough).filter(|excess| *excess > 0 && !self.sparse.is_empty()) else {
            return Vec::new();
        };
        let free = |number: &u64| self.sealed.get(number).map_or(0, |segment| SEGMENT_SIZE - segment.used);
        sort::by_key(&mut self.sparse, |number| free(number));
        let mut taken = Vec::new();
        while excess > 0
            && taken.len() < count
            && let Some(number) = self.sparse.pop()
        {
            excess = excess.saturating_sub(free(&number) as u64);
            taken.push(number * SEGMENT_SIZE as u64..(number + 1) * SEGMENT_SIZE as u64);
        }
        taken
    }

    /// Returns the extent of a packed segment of which half is free or more: if the caller moves what is in it, it is freed. Returns none while
    /// the packed segments together are well used.
    pub(super) fn take_sparse_packed(&mut self) -> Option<Extent> {
        let packed = |number: &u64| self.sealed.get(number).and_then(Segment::packed);
        let free: u64 =
            self.sparse_packed.iter().filter_map(packed).map(|(memory, used)| memory - memory * used / SEGMENT_SIZE as u64).sum();
        if free < self.packed_bytes / 8 + SEGMENT_SIZE as u64 / 8 {
            return None;
        }
        let at = (0..self.sparse_packed.len()).min_by_key(|at| packed(&self.sparse_packed[*at]).map(|(_, used)| used))?;
        let number = self.sparse_packed.swap_remove(at);
        Some(number * SEGMENT_SIZE as u64..(number + 1) * SEGMENT_SIZE as u64)
    }

    /// Returns the next segment to pack.
    pub(super) fn next_to_pack(&mut self) -> Option<PackRequest> {
        let newest = *self.sealed.last_key_value()?.0;
        let is_needed = self.sealed.len() > UNPACKED;
        let (number, segment) =
            self.sealed.range(self.next_packed..).next().filter(|(number, _)| is_needed && **number + NEWEST <= newest)?;
        self.next_packed = number + 1;
        let plain = |segment: &Segment| if let Memory::Plain(bytes) = &segment.memory { Some(bytes.clone()) } else { None };
        // They are packed in order: the next one is plain, or was freed with all that began here.
        let behind = self.sealed.get(&(number + 1)).and_then(plain).map_or_else(Bytes::new, |next| next.slice(..REACH));
        Some(PackRequest { number: *number, bytes: plain(segment)?, behind })
    }

    /// Replaces the memory of a segment, unless it was freed since.
    pub(super) fn set_packed(&mut self, number: u64, packed: Packed) {
        let Some(segment) = self.sealed.get_mut(&number) else { return };
        self.plain_used -= segment.used as u64;
        self.packed_count += 1;
        self.packed_bytes += packed.len() as u64;
        segment.memory = Memory::Packed(packed);
        self.sparse.retain(|sparse| *sparse != number);
        if segment.used <= SEGMENT_SIZE / 2 {
            self.sparse_packed.push(number);
        }
    }

    /// Whether an extent begins in a packed segment.
    pub(super) fn is_packed(&self, extent: &Extent) -> bool {
        let number = extent.start / SEGMENT_SIZE as u64;
        number < self.next_packed && self.sealed.get(&number).is_some_and(|segment| segment.packed().is_some())
    }

    /// Returns the size of the full segments that are plain, in bytes.
    fn plain_memory(&self) -> u64 {
        ((self.sealed.len() - self.packed_count) * SEGMENT_SIZE) as u64
    }

    /// Returns the size of all segments in bytes.
    #[cfg(test)]
    pub(super) fn memory(&self) -> usize {
        (self.plain_memory() + self.packed_bytes) as usize + if self.open.is_some() { SEGMENT_SIZE } else { 0 }
    }

    /// Returns the bytes of memory that the arena takes, except what is free up to two segments: the oldest and the newest one are partly free
    /// whatever the limit. The pool is not counted either.
    pub(super) fn held_memory(&self) -> usize {
        let plain = self.plain_memory() as usize + (self.end % SEGMENT_SIZE as u64) as usize;
        (self.plain_used as usize + self.open_used).max(plain.saturating_sub(2 * SEGMENT_SIZE)) + self.packed_bytes as usize
    }
}

impl Segment {
    /// Returns the memory that the segment takes and the bytes in use in it, if it is packed.
    fn packed(&self) -> Option<(u64, u64)> {
        if let Memory::Packed(packed) = &self.memory { Some((packed.len() as u64, self.used as u64)) } else { None }
    }
}

fn allocate_segment(pool: &SegmentPool, lacks_huge_pages: &mut bool) -> io::Result<MmapMut> {
    if let Some(segment) = pool.lock().unwrap_or_else(PoisonError::into_inner).pop() {
        return Ok(segment);
    }
    let memory = MmapMut::map_anon(SEGMENT_SIZE)?;
    #[cfg(target_os = "linux")]
    fetch_pages(&memory, lacks_huge_pages);
    #[cfg(not(target_os = "linux"))]
    let _ = lacks_huge_pages;
    Ok(memory)
}

/// Has the system fetch all pages of a segment at once, which takes two thirds of the time of one by one, and huge pages a fifth. But where no
/// huge pages are free, the system makes some by moving others, which takes longer than all else: then small pages are fetched, which the
/// system may join later. An optimization: a kernel that does not know these ignores them.
#[cfg(target_os = "linux")]
fn fetch_pages(memory: &MmapMut, lacks_huge_pages: &mut bool) {
    let begun = Instant::now();
    let advice = [Advice::HugePage, Advice::PopulateWrite];
    for advice in if *lacks_huge_pages { [advice[1], advice[0]] } else { advice } {
        let _ = memory.advise(advice);
    }
    *lacks_huge_pages |= begun.elapsed() > HUGE_PAGES_TIME;
}

/// Returns the segments of an extent: their numbers, and the ranges within them.
fn segment_parts(extent: &Extent) -> impl Iterator<Item = (u64, Range<usize>)> {
    let (mut at, end) = (extent.start, extent.end);
    std::iter::from_fn(move || {
        let number = at / SEGMENT_SIZE as u64;
        let until = end.min((number + 1) * SEGMENT_SIZE as u64);
        let from = number * SEGMENT_SIZE as u64;
        let part = (at - from) as usize..(until - from) as usize;
        at = until;
        (!part.is_empty()).then_some((number, part))
    })
}

#[cfg(test)]
mod tests;
