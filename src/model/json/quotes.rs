//! Finds the ends of strings, 64 bytes at a time.
//!
//! Attributes are mostly JSON in JSON strings, with a `\"` every few bytes. A search that restarts after each quote would be slow.

use wide::u8x64;

use super::JsonError;

/// The size of a block in bytes.
const BLOCK: usize = 64;

/// The quotes and backslashes of the current block. The lowest bit of a mask is the first byte of the block.
pub(super) struct Quotes {
    /// The start of the block.
    at: usize,
    /// Quotes that are not escaped.
    closing: u64,
    backslashes: u64,
    /// Escaped bytes other than quotes and backslashes.
    other_escapes: u64,
    /// Whether the first byte after the block is escaped.
    carry: bool,
}

/// The end of a string.
pub(super) struct End {
    /// The position of the closing quote.
    pub(super) at: usize,
    /// Whether the string contains escapes.
    pub(super) has_escapes: bool,
}

impl Quotes {
    pub(super) fn new(text: &[u8]) -> Self {
        let mut quotes = Self { at: 0, closing: 0, backslashes: 0, other_escapes: 0, carry: false };
        quotes.load(text);
        quotes
    }

    /// Finds the end of the string whose first byte is at `from`. Each call must ask for a later string, and backslashes must not occur
    /// outside strings.
    #[inline]
    pub(super) fn end(&mut self, text: &[u8], from: usize) -> Result<End, JsonError> {
        // Nearly all names end in the block in which they start.
        if from - self.at < BLOCK {
            let (quotes, inside) = self.string_in_block(from);
            if quotes != 0 && self.backslashes & inside == 0 {
                return Ok(End { at: self.at + quotes.trailing_zeros() as usize, has_escapes: false });
            }
        }
        self.search(text, from)
    }

    #[inline(never)]
    fn search(&mut self, text: &[u8], mut from: usize) -> Result<End, JsonError> {
        let mut has_escapes = false;
        loop {
            while from - self.at >= BLOCK {
                self.at += BLOCK;
                self.load(text);
            }
            let (quotes, inside) = self.string_in_block(from);
            has_escapes |= self.backslashes & inside != 0;
            if self.other_escapes & inside != 0 {
                self.check_escapes(text, inside)?;
            }
            if quotes != 0 {
                return Ok(End { at: self.at + quotes.trailing_zeros() as usize, has_escapes });
            }
            from = self.at + BLOCK;
            if from > text.len() {
                return Err(JsonError { at: text.len(), what: "a string without end" });
            }
        }
    }

    /// Returns the unescaped quotes of the block from `from` on, and a mask of the bytes before the first of them.
    #[inline]
    fn string_in_block(&self, from: usize) -> (u64, u64) {
        let from_on = u64::MAX << (from - self.at);
        let quotes = self.closing & from_on;
        // All bits below the lowest set bit; all bits if none is set.
        (quotes, from_on & quotes.wrapping_sub(1) & !quotes)
    }

    /// Validates the escapes other than `\"` and `\\`.
    #[cold]
    fn check_escapes(&self, text: &[u8], inside: u64) -> Result<(), JsonError> {
        let mut escapes = self.other_escapes & inside;
        while escapes != 0 {
            let at = self.at + escapes.trailing_zeros() as usize;
            match text.get(at) {
                Some(b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {}
                Some(b'u') if text.get(at + 1..at + 5).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)) => {}
                _ => return Err(JsonError { at: at - 1, what: "an invalid escape" }),
            }
            escapes &= escapes - 1;
        }
        Ok(())
    }

    /// Computes the masks of the block at `at`.
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
        self.closing = quotes & !escaped;
        self.backslashes = backslashes;
        self.other_escapes = escaped & !quotes & !backslashes;
    }

    /// Returns a mask of the escaped bytes: those after an odd number of backslashes.
    #[inline]
    fn escaped(&mut self, backslashes: u64) -> u64 {
        const EVEN: u64 = 0x5555_5555_5555_5555;
        let carry = u64::from(self.carry);
        if backslashes == 0 {
            self.carry = false;
            return carry;
        }
        // Adding the first bit of a run of backslashes carries to the bit after the run. A run has odd length if the parities of its start and
        // of the bit after it differ.
        let backslashes = backslashes & !carry;
        let after_backslash = backslashes << 1 | carry;
        let odd_starts = backslashes & !EVEN & !after_backslash;
        let (ends, overflow) = odd_starts.overflowing_add(backslashes);
        self.carry = overflow;
        (EVEN ^ (ends << 1)) & after_backslash
    }
}

/// Returns masks of the quotes and of the backslashes in a block.
#[inline]
fn masks(block: [u8; BLOCK]) -> (u64, u64) {
    let block = u8x64::from(block);
    let find = |byte| block.simd_eq(u8x64::splat(byte)).to_bitmask();
    (find(b'"'), find(b'\\'))
}
