//! Bodies made anew with those of their spans that are held still, and with what lies around these.

use std::ops::Range;

use prost::encoding::{WireType, encode_key};

use crate::otlp::wire::{DecodeError, Fields, offset};

/// Where a span lies in a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SpanExtent {
    /// Where it began in the body as that came.
    pub(super) was: u32,
    /// Where it begins now.
    pub(super) at: u32,
    /// Its bytes, and its share of those around it; 0 once it is let go.
    pub(super) bytes: u32,
}

/// The spots of spans that begin at these places, in order, in a body of `len` bytes as it came: each reaches up to the next one, and
/// the first begins with the body.
pub(super) fn spots(len: usize, places: impl Iterator<Item = usize>) -> Vec<SpanExtent> {
    let mut spots: Vec<SpanExtent> = places.map(|at| SpanExtent { was: at as u32, at: at as u32, bytes: 0 }).collect();
    let (mut end, begin) = (len as u32, spots.first().map_or(0, |first| first.at));
    for spot in spots.iter_mut().rev() {
        spot.bytes = end.saturating_sub(spot.at);
        end = spot.at;
    }
    if let Some(first) = spots.first_mut() {
        first.bytes += begin;
    }
    spots
}

/// A body made anew.
#[derive(Debug)]
pub(super) struct Compacted {
    pub(super) bytes: Vec<u8>,
    pub(super) spots: Vec<SpanExtent>,
}

/// A body with only those of its spans that are held. What lies beside them stays, but for groups that have none left. `None` if the
/// body can't be walked.
pub(super) fn thin(body: &[u8], spots: &[SpanExtent]) -> Option<Compacted> {
    let held: Vec<SpanExtent> = spots.iter().copied().filter(|spot| spot.bytes > 0).collect();
    let room = held.iter().map(|spot| spot.bytes as usize).sum();
    let made = Compacted { bytes: Vec::with_capacity(room), spots: Vec::with_capacity(held.len()) };
    let mut thinner = Compactor { held, made };
    let whole = thinner.mark();
    thinner.message(body, body, &FRAME).ok()?;
    thinner.relocate(whole);
    (thinner.made.spots.len() == thinner.held.len()).then_some(thinner.made)
}

/// Fields that hold one another: resources in a request, scopes in these, spans in these.
const FRAME: [u32; 3] = [1, 2, 2];

/// The bytes of a length that is written before it is known: as many as a number of 32 bits may take, of which all but the last say
/// that another follows.
const LENGTH: usize = 5;

/// Writes a body anew, from its beginning to its end.
pub(super) struct Compactor {
    /// The spans that are to stay, in order.
    held: Vec<SpanExtent>,
    made: Compacted,
}

/// How far a body was written: bytes, spans.
#[derive(Clone, Copy)]
pub(super) struct Mark(usize, usize);

impl Compactor {
    /// Whether the next span that is to stay lies there.
    pub(super) fn wants(&self, lies: &Range<usize>) -> bool {
        self.held.get(self.made.spots.len()).is_some_and(|next| lies.contains(&(next.at as usize)))
    }

    pub(super) fn mark(&self) -> Mark {
        Mark(self.made.bytes.len(), self.made.spots.len())
    }

    pub(super) fn copy(&mut self, bytes: &[u8]) {
        self.made.bytes.extend_from_slice(bytes);
    }

    /// Copies the next span that is to stay; it is the last `len` of these bytes.
    pub(super) fn span(&mut self, bytes: &[u8], len: usize) {
        self.copy(bytes);
        let at = self.made.bytes.len() - len;
        let was = self.held.get(self.made.spots.len()).map_or(0, |next| next.was);
        self.made.spots.push(SpanExtent { was, at: at as u32, bytes: bytes.len() as u32 });
    }

    /// Shares the bytes written since a mark that are no span's yet among the spans written since.
    pub(super) fn relocate(&mut self, Mark(bytes, spans): Mark) {
        let spots = self.made.spots.get_mut(spans..).unwrap_or_default();
        let (own, among) = (spots.iter().map(|spot| spot.bytes).sum::<u32>(), spots.len().max(1) as u32);
        let around = ((self.made.bytes.len() - bytes) as u32).saturating_sub(own);
        for (n, spot) in (0..).zip(spots) {
            spot.bytes += around / among + u32::from(n < around % among);
        }
    }

    /// Writes the fields of a message of the body, those that hold spans in the way that `frame` says.
    fn message(&mut self, body: &[u8], message: &[u8], frame: &[u32]) -> Result<(), DecodeError> {
        let Some((&holding, inner)) = frame.split_first() else { return Ok(()) };
        let mut fields = Fields(message);
        loop {
            let before = fields.0;
            let Some((number, value)) = fields.next()? else { return Ok(()) };
            let field = &before[..before.len() - fields.0.len()];
            if number != holding {
                self.copy(field);
                continue;
            }
            let value = value.bytes()?;
            let at = offset(body, value);
            if !self.wants(&(at..at + value.len())) {
                continue;
            }
            if inner.is_empty() {
                self.span(field, value.len());
                continue;
            }
            let mark = self.mark();
            encode_key(number, WireType::LengthDelimited, &mut self.made.bytes);
            let begin = self.made.bytes.len() + LENGTH;
            self.made.bytes.resize(begin, 0x80);
            self.message(body, value, inner)?;
            let mut length = self.made.bytes.len() - begin;
            for byte in &mut self.made.bytes[begin - LENGTH..begin] {
                *byte |= (length & 0x7f) as u8;
                length >>= 7;
            }
            self.made.bytes[begin - 1] &= 0x7f;
            self.relocate(mark);
        }
    }
}

#[cfg(test)]
mod tests;
