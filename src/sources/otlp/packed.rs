//! Compresses full segments of the arena, and reads what is in them.
//!
//! What an agent sends repeats itself: a call has the messages twice, and those of the calls before it again. So whole segments are compressed,
//! in which the calls of a conversation stand near each other. Before the compressed bytes stands a filter, which tells a search which words the
//! segment does not hold (`grams.rs`).

use std::io::Read;
use std::ops::Range;

use bytes::{Bytes, BytesMut};
use memmap2::MmapMut;
use smallvec::SmallVec;
use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe::CParameter;

use super::grams::{self, FILTER_SIZE, FilterWriter};
use crate::model::payload_query::Word;

/// The size of a segment in bytes: two huge pages.
pub(super) const SEGMENT_SIZE: usize = 4 << 20;

/// The level of zstd: the others save less memory for each millisecond of processor time.
const LEVEL: i32 = 1;

/// The window, a power of two: the whole segment, since the calls of other conversations stand between those of one.
const WINDOW: u32 = SEGMENT_SIZE.ilog2();

/// The size of the table of places with equal bytes, a power of two: it fits into the cache of a core.
const TABLE: u32 = 17;

/// A segment is kept compressed if that saves an eighth of it, the filter included.
const MAX_COMPRESSED: usize = SEGMENT_SIZE - SEGMENT_SIZE / 8 - FILTER_SIZE;

/// The unpacked segments that are kept for the next reader: a body lies in two where it crosses their border.
const KEPT: usize = 2;

/// A filter and a compressed segment, in memory pages of their own: they are given back when it is dropped.
#[derive(Clone, Debug)]
pub(super) struct Packed(Bytes);

impl Packed {
    /// Returns its size in bytes.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Decompresses the first `len` bytes.
    fn unpack(&self, len: usize, mut buffer: BytesMut) -> Bytes {
        buffer.resize(len, 0);
        let unpacked = if len == SEGMENT_SIZE {
            Decompressor::new().and_then(|mut zstd| zstd.decompress_to_buffer(&self.0[FILTER_SIZE..], &mut buffer[..])).map(|_| ())
        } else {
            zstd::Decoder::with_buffer(&self.0[FILTER_SIZE..]).and_then(|mut zstd| zstd.read_exact(&mut buffer))
        };
        if let Err(error) = unpacked {
            tracing::error!(%error, "a segment of payloads can't be decompressed");
            buffer.clear();
        }
        buffer.freeze()
    }
}

/// A segment to pack.
#[derive(Debug)]
pub(super) struct PackRequest {
    /// Its number.
    pub(super) number: u64,
    pub(super) bytes: Bytes,
    /// The first bytes of the next segment, [`grams::REACH`] of them; none if nothing is kept there.
    pub(super) behind: Bytes,
}

/// Compresses segments.
#[derive(Default)]
pub(super) struct Packer {
    /// Its memory, which is allocated for the first segment.
    zstd: Option<Compressor<'static>>,
    buffer: Vec<u8>,
    filter: FilterWriter,
}

impl Packer {
    /// Compresses a segment. Returns `None` if that saves too little, or if the system has no memory.
    pub(super) fn pack(&mut self, segment: &PackRequest) -> Option<Packed> {
        let zstd = match &mut self.zstd {
            Some(zstd) => zstd,
            none => none.insert(new_compressor().ok()?),
        };
        self.buffer.clear();
        self.buffer.reserve(MAX_COMPRESSED);
        // It fails if the result is larger than the buffer.
        let len = zstd.compress_to_buffer(&segment.bytes[..], &mut self.buffer).ok().filter(|len| *len <= MAX_COMPRESSED)?;
        let mut pages = MmapMut::map_anon(FILTER_SIZE + len).ok()?;
        let (filter, compressed) = pages.split_at_mut(FILTER_SIZE);
        self.filter.write(segment.number, &segment.bytes, &segment.behind, filter);
        compressed.copy_from_slice(&self.buffer);
        Some(Packed(Bytes::from_owner(pages)))
    }
}

fn new_compressor() -> std::io::Result<Compressor<'static>> {
    let mut zstd = Compressor::new(LEVEL)?;
    zstd.set_parameter(CParameter::WindowLog(WINDOW))?;
    zstd.set_parameter(CParameter::HashLog(TABLE))?;
    Ok(zstd)
}

/// A segment's memory.
#[derive(Clone, Debug)]
pub(super) enum Memory {
    Plain(Bytes),
    Packed(Packed),
}

/// Bytes in the arena, some of which may be packed. Read them without a lock.
#[derive(Clone, Debug, Default)]
pub(super) struct Stored(SmallVec<[Part; 2]>);

/// The number of a segment, the segment and a range in it.
type Part = (u64, Memory, Range<usize>);

impl Stored {
    /// Adds a part: the number of its segment, the segment and the range in it.
    pub(super) fn push(&mut self, number: u64, memory: Memory, part: Range<usize>) {
        self.0.push((number, memory, part));
    }

    /// Returns false only if they don't hold this word.
    pub(super) fn may_hold(&self, word: &Word, unpacked: &mut Unpacked) -> bool {
        let may_begin_in = |(number, memory, _): &Part| match memory {
            Memory::Plain(_) => true,
            Memory::Packed(packed) => grams::may_hold(&packed.0[..FILTER_SIZE], *number, word.text()),
        };
        let Some((last, others)) = self.0.split_last() else { return false };
        // Where only the last part may hold it, a look there may save that another segment is unpacked.
        others.iter().any(may_begin_in) || may_begin_in(last) && (others.is_empty() || word.is_in(&unpacked.part(last)))
    }

    /// Returns the bytes: without a copy if they are inside one segment.
    pub(super) fn read(&self, unpacked: &mut Unpacked) -> Bytes {
        if let [part] = &self.0[..] {
            return unpacked.part(part);
        }
        let mut all = Vec::with_capacity(self.0.iter().map(|(.., part)| part.len()).sum());
        self.0.iter().for_each(|part| all.extend_from_slice(&unpacked.part(part)));
        all.into()
    }
}

/// The segments that were unpacked last, the newest first; of some, only the beginning.
#[derive(Debug, Default)]
pub(super) struct Unpacked(Vec<(u64, Bytes)>);

impl Unpacked {
    /// Returns the bytes of a part.
    fn part(&mut self, (number, memory, part): &Part) -> Bytes {
        let segment = match memory {
            Memory::Plain(bytes) => bytes.clone(),
            Memory::Packed(packed) => self.segment(*number, packed, part.end),
        };
        if part.end <= segment.len() { segment.slice(part.clone()) } else { Bytes::new() }
    }

    /// Returns the first `len` bytes of a segment or more. All of it, if it was read before.
    fn segment(&mut self, number: u64, packed: &Packed, mut len: usize) -> Bytes {
        let known = self.0.iter().position(|(other, _)| *other == number);
        if let Some(at) = known {
            self.0[..=at].rotate_right(1);
            if self.0[0].1.len() >= len {
                return self.0[0].1.clone();
            }
            self.0.rotate_left(1);
            len = SEGMENT_SIZE;
        }
        let buffer = if self.0.len() < KEPT && known.is_none() { None } else { self.0.pop() };
        // The memory is used again, unless a reader still holds it.
        let buffer = buffer.and_then(|(_, bytes)| bytes.try_into_mut().ok()).unwrap_or_else(|| BytesMut::with_capacity(SEGMENT_SIZE));
        let segment = packed.unpack(len, buffer);
        self.0.insert(0, (number, segment.clone()));
        segment
    }

    /// Frees the memory.
    pub(super) fn clear(&mut self) {
        self.0 = Vec::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes that do not compress.
    fn noise(len: usize) -> Vec<u8> {
        let mut state = 7_u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as u8
        };
        (0..len).map(|_| next()).collect()
    }

    #[test]
    fn a_text_far_back_in_the_segment_is_found_and_noise_is_not_kept_packed() {
        let mut packer = Packer::default();
        let mut segment = noise(SEGMENT_SIZE / 4);
        let request = |bytes: Vec<u8>| PackRequest { number: 4, bytes: bytes.into(), behind: Bytes::new() };
        assert!(packer.pack(&request(noise(SEGMENT_SIZE))).is_none());
        for _ in 0..2 {
            segment.extend_from_within(..);
        }
        let small = packer.pack(&request(segment.clone())).unwrap();
        assert!(small.len() < SEGMENT_SIZE / 4 + SEGMENT_SIZE / 64 + FILTER_SIZE, "{}", small.len());
        let (mut unpacked, mut stored) = (Unpacked::default(), Stored::default());
        stored.push(4, Memory::Packed(small.clone()), SEGMENT_SIZE - 3..SEGMENT_SIZE);
        assert_eq!(stored.read(&mut unpacked), segment[SEGMENT_SIZE - 3..]);
        stored.push(5, Memory::Plain(Bytes::from_static(b"abc")), 0..2);
        stored.push(6, Memory::Packed(small), 0..9);
        assert_eq!(stored.read(&mut unpacked), [&segment[SEGMENT_SIZE - 3..], b"ab", &segment[..9]].concat());
        let numbers = |unpacked: &Unpacked| unpacked.0.iter().map(|(number, _)| *number).collect::<Vec<_>>();
        assert_eq!(numbers(&unpacked), [6, 4]);
        assert_eq!(stored.read(&mut unpacked).len(), 14);
        assert_eq!(numbers(&unpacked), [6, 4]);
    }
}
