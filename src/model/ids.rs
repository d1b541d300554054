//! Ids of traces and spans as OpenTelemetry defines them, and what locates a span in its source.

use std::fmt;
use std::num::NonZeroU64;

/// A trace id: 16 bytes that are not all zero, written as 32 hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TraceId([u8; 16]);

/// A span id: 8 bytes that are not all zero, written as 16 hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SpanId(NonZeroU64);

/// The source of a span: its index in the list of sources that the program was started with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceId(pub u16);

/// The address of a span's payload in its source. Only the source interprets it (SQLite: the row id).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PayloadRef(pub i64);

impl TraceId {
    /// Returns the id with these bytes; `None` if all are zero, which OpenTelemetry reserves for "no trace".
    #[must_use]
    pub fn new(bytes: [u8; 16]) -> Option<Self> {
        (bytes != [0; 16]).then_some(Self(bytes))
    }

    /// Returns an id made from a hash.
    pub(crate) fn from_hash(high: u64, low: u64) -> Self {
        Self((u128::from(high) << 64 | u128::from(low.max(1))).to_be_bytes())
    }

    /// Parses exactly 32 hex digits of either case.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let mut bytes = [0; 16];
        decode_hex(text, &mut bytes)?;
        Self::new(bytes)
    }

    /// Returns the 16 bytes, most significant first.
    #[must_use]
    pub fn bytes(self) -> [u8; 16] {
        self.0
    }
}

impl SpanId {
    /// Returns the id with these bytes; `None` if all are zero, which OpenTelemetry reserves for "no span".
    #[must_use]
    pub fn new(bytes: [u8; 8]) -> Option<Self> {
        NonZeroU64::new(u64::from_be_bytes(bytes)).map(Self)
    }

    /// Returns an id made from a hash.
    pub(crate) fn from_hash(hash: u64) -> Self {
        Self(NonZeroU64::new(hash).unwrap_or(NonZeroU64::MIN))
    }

    /// Returns the id of the row that stands for a trace whose spans are not told. No span states it.
    pub(crate) fn of_trace(trace: TraceId) -> Self {
        Self::from_hash(u128::from_be_bytes(trace.0) as u64)
    }

    /// Parses exactly 16 hex digits of either case.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let mut bytes = [0; 8];
        decode_hex(text, &mut bytes)?;
        Self::new(bytes)
    }

    /// Returns the 8 bytes, most significant first.
    #[must_use]
    pub fn bytes(self) -> [u8; 8] {
        self.0.get().to_be_bytes()
    }
}

/// Decodes hex digits into all of `bytes`. Checks validity once at the end, since ids are decoded for every span.
fn decode_hex(text: &[u8], bytes: &mut [u8]) -> Option<()> {
    const INVALID: u8 = 0xff;
    const DIGIT: [u8; 256] = {
        let mut table = [INVALID; 256];
        let mut i = 0;
        while i < 16 {
            table[b"0123456789abcdef"[i] as usize] = i as u8;
            table[b"0123456789ABCDEF"[i] as usize] = i as u8;
            i += 1;
        }
        table
    };
    if text.len() != bytes.len() * 2 {
        return None;
    }
    let mut seen = 0;
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        let (high, low) = (DIGIT[pair[0] as usize], DIGIT[pair[1] as usize]);
        seen |= high | low;
        *byte = (high << 4) | (low & 0xf);
    }
    (seen & 0xf0 == 0).then_some(())
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}
