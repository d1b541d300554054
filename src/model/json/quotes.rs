//! Where strings end, found for 64 bytes at once.
//!
//! Attributes are mostly JSON inside JSON, a `\"` every few bytes: too dense for a search that begins anew behind each.

use wide::u8x64;

use super::JsonError;

/// Bytes of a block.
const BLOCK: usize = 64;

/// A text's quotes and backslashes, block after block; in a mask the lowest bit is the block's first byte.
pub(super) struct Quotes {
    /// Where the block begins.
    at: usize,
    /// Quotes that no backslash stands before, but for one that is itself escaped.
    ends: u64,
    backslashes: u64,
    /// What is escaped and is neither a quote nor a backslash.
    odd: u64,
    /// The first byte behind the block is escaped.
    carry: bool,
}

/// A string's end.
pub(super) struct End {
    /// Where its closing quote stands.
    pub(super) at: usize,
    /// Whether there are escapes in it.
    pub(super) escaped: bool,
}

impl Quotes {
    pub(super) fn new(text: &[u8]) -> Self {
        let mut quotes = Self { at: 0, ends: 0, backslashes: 0, odd: 0, carry: false };
        quotes.load(text);
        quotes
    }

    /// Finds the end of the string whose first byte stands at `from`. Each call must ask for a later one, and behind no backslash that
    /// is not in a string.
    #[inline]
    pub(super) fn end(&mut self, text: &[u8], from: usize) -> Result<End, JsonError> {
        // Nearly all names end in the block in which they begin.
        if from - self.at < BLOCK {
            let (quotes, inside) = self.first(from);
            if quotes != 0 && self.backslashes & inside == 0 {
                return Ok(End { at: self.at + quotes.trailing_zeros() as usize, escaped: false });
            }
        }
        self.search(text, from)
    }

    #[inline(never)]
    fn search(&mut self, text: &[u8], mut from: usize) -> Result<End, JsonError> {
        let mut escaped = false;
        loop {
            while from - self.at >= BLOCK {
                self.at += BLOCK;
                self.load(text);
            }
            let (quotes, inside) = self.first(from);
            escaped |= self.backslashes & inside != 0;
            if self.odd & inside != 0 {
                self.check(text, inside)?;
            }
            if quotes != 0 {
                return Ok(End { at: self.at + quotes.trailing_zeros() as usize, escaped });
            }
            from = self.at + BLOCK;
            if from > text.len() {
                return Err(JsonError { at: text.len(), what: "a string that never ends" });
            }
        }
    }

    /// The quotes of the block from `from` on, and what lies before the first of them.
    #[inline]
    fn first(&self, from: usize) -> (u64, u64) {
        let behind = u64::MAX << (from - self.at);
        let quotes = self.ends & behind;
        // All bits below the lowest that is set; all bits if none is.
        (quotes, behind & quotes.wrapping_sub(1) & !quotes)
    }

    /// Checks the escapes of what is odd.
    #[cold]
    fn check(&self, text: &[u8], inside: u64) -> Result<(), JsonError> {
        let mut odd = self.odd & inside;
        while odd != 0 {
            let at = self.at + odd.trailing_zeros() as usize;
            match text.get(at) {
                Some(b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {}
                Some(b'u') if text.get(at + 1..at + 5).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)) => {}
                _ => return Err(JsonError { at: at - 1, what: "a broken escape" }),
            }
            odd &= odd - 1;
        }
        Ok(())
    }

    /// Looks at the block.
    fn load(&mut self, text: &[u8]) {
        let rest = text.get(self.at..).unwrap_or_default();
        let (quotes, backslashes) = if let Some(block) = rest.first_chunk() {
            masks(*block)
        } else {
            let mut block = [0; BLOCK];
            block[..rest.len()].copy_from_slice(rest);
            masks(block)
        };
        let escaped = self.escaped(backslashes);
        self.ends = quotes & !escaped;
        self.backslashes = backslashes;
        self.odd = escaped & !quotes & !backslashes;
    }

    /// What stands behind an odd number of backslashes.
    #[inline]
    fn escaped(&mut self, backslashes: u64) -> u64 {
        const EVEN: u64 = 0x5555_5555_5555_5555;
        let carry = u64::from(self.carry);
        if backslashes == 0 {
            self.carry = false;
            return carry;
        }
        // Added to a run, its first backslash carries to the bit behind it; a run that ends at another parity than it began is odd.
        let backslashes = backslashes & !carry;
        let behind = backslashes << 1 | carry;
        let begins_odd = backslashes & !EVEN & !behind;
        let (ends, over) = begins_odd.overflowing_add(backslashes);
        self.carry = over;
        (EVEN ^ (ends << 1)) & behind
    }
}

/// Quotes, and backslashes.
#[inline]
fn masks(block: [u8; BLOCK]) -> (u64, u64) {
    let block = u8x64::from(block);
    let find = |byte| block.simd_eq(u8x64::splat(byte)).to_bitmask();
    (find(b'"'), find(b'\\'))
}
