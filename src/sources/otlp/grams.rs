//! Tells which words a packed segment does not hold, so that a search need not unpack it.
//!
//! The filter of a segment is a table of bits, a Bloom filter. For each piece of four bytes that begins at an even place of the segment, two bits
//! are set, which the hash of the piece names; case is ignored. Wherever a word of five bytes or more stands, either its pieces at even places in
//! it are at even places of the segment, or those at odd places are. So a segment that lacks one of the former and one of the latter does not hold
//! the word. The pieces at odd places of the segment would take as much time and memory again.
//!
//! A word may begin in a segment and end in the next one: the filter is about the words that begin in its segment, and looks behind the end for
//! them. Two letters outside of ASCII are equal to `s` and `k` but for the case: U+017F (long s) and U+212A (kelvin sign). They take two and
//! three bytes, so that the places behind them are no longer even: near them, the pieces at all places count, with `s` and `k` for them.
//!
//! Each segment has a hash of its own: what collides with a word in one of them seldom does so in the next.

/// The bytes of a piece.
const GRAM: usize = 4;

/// The shortest words that are looked up: they have a piece at an even and one at an odd place.
const SHORTEST: usize = GRAM + 1;

/// Of longer words, only so many bytes at their beginning are looked up.
const LONGEST: usize = 24;

/// So far a word reaches that is looked up, with three bytes for each letter.
pub(super) const REACH: usize = 3 * LONGEST;

/// The size of a filter in bytes, a power of two. Of a segment of real spans, with 80,000 different pieces, a quarter of the bits is set: one in
/// fifteen other pieces seems to be there. With one bit for each piece, that is one in seven.
pub(super) const FILTER_SIZE: usize = 64 << 10;

/// Bits of a place in the filter.
const PLACE_BITS: u32 = (8 * FILTER_SIZE).ilog2();

/// A byte for each bit of a filter.
type Places = [u8; 8 * FILTER_SIZE];

/// The most letters outside of ASCII that are equal to `s` or `k`: a segment with more of them may hold any word.
const MOST_FOLDED: usize = 64;

/// Writes filters.
#[derive(Debug, Default)]
pub(super) struct FilterWriter {
    /// A byte for each bit: it is set without reading those beside it, which takes a third less time.
    places: Vec<u8>,
    /// Where letters outside of ASCII begin, or the byte before them.
    folded: Vec<usize>,
}

impl FilterWriter {
    /// Writes the filter of the segment with this number. `behind` are the bytes behind it, [`REACH`] of them if there are as many.
    pub(super) fn write(&mut self, number: u64, segment: &[u8], behind: &[u8], filter: &mut [u8]) {
        self.places.clear();
        self.places.resize(size_of::<Places>(), 0);
        self.folded.clear();
        let hash = Hash::new(number);
        self.add(hash, segment, 0);
        let last = segment.len().saturating_sub(2) & !1;
        // Behind the last bytes no letter may be missed, either.
        let end = [&segment[last..], behind, &[0; GRAM]].concat();
        self.add(hash, &end, last);
        if self.folded.len() > MOST_FOLDED {
            filter.fill(u8::MAX);
            return;
        }
        let byte = |at: usize| segment.get(at).or_else(|| behind.get(at - segment.len())).copied();
        for at in &self.folded {
            let near: Vec<u8> = (at.saturating_sub(REACH)..at + REACH + GRAM).map_while(byte).collect();
            for gram in fold(&near).windows(GRAM) {
                hash.places(bytes(gram)).iter().for_each(|place| self.places[*place] = 1);
            }
        }
        for (bits, places) in filter.iter_mut().zip(self.places.as_chunks::<8>().0) {
            // Each byte, 0 or 1, becomes a bit of the highest byte.
            *bits = (u64::from_le_bytes(*places).wrapping_mul(0x0102_0408_1020_4080) >> 56) as u8;
        }
    }

    /// Adds the pieces at even places of a text that stands at `start`.
    fn add(&mut self, hash: Hash, text: &[u8], start: usize) {
        let Some(places) = self.places.first_chunk_mut() else { return };
        let mut at = 0;
        // Four pieces begin in eight bytes; most texts are of ASCII.
        let chunks = text.as_chunks::<8>().0;
        for (eight, next) in chunks.iter().zip(chunks.iter().skip(1)) {
            let (eight, next) = (u64::from_le_bytes(*eight), u64::from_le_bytes(*next));
            let grams = [eight as u32, (eight >> 16) as u32, (eight >> 32) as u32, (eight >> 48 | next << 16) as u32];
            if (eight | next & 0xffff) & 0x8080_8080_8080_8080 == 0 {
                for gram in grams {
                    add_one(places, hash, gram);
                }
            } else {
                add_others(places, &mut self.folded, hash, grams, start + at);
            }
            at += 8;
        }
        for gram in text[at..].windows(GRAM).step_by(2) {
            add_others(places, &mut self.folded, hash, [bytes(gram)], start + at);
            at += 2;
        }
    }
}

/// Adds a piece. Without iterators: builds that don't inline all of them took ten times as long.
#[inline]
fn add_one(places: &mut Places, hash: Hash, gram: u32) {
    let [first, second] = hash.places(gram);
    places[first] = 1;
    places[second] = 1;
}

/// Adds the pieces of ASCII among those that begin at `start` and at every second place behind it, and the letters outside of ASCII.
#[cold]
fn add_others<const N: usize>(places: &mut Places, folded: &mut Vec<usize>, hash: Hash, grams: [u32; N], start: usize) {
    for (at, gram) in grams.into_iter().enumerate() {
        if gram & 0x8080_8080 == 0 {
            add_one(places, hash, gram);
        } else if folded.len() <= MOST_FOLDED && (begins_with_folded(gram) || begins_with_folded(gram >> 8)) {
            folded.push(start + 2 * at);
        }
    }
}

/// Returns a piece as a number.
fn bytes(gram: &[u8]) -> u32 {
    u32::from_le_bytes([gram[0], gram[1], gram[2], gram[3]])
}

/// Returns false only if no word that is equal to this one but for the case begins in the segment with this number and filter. Words are of ASCII.
pub(super) fn may_hold(filter: &[u8], number: u64, word: &str) -> bool {
    let word = &word.as_bytes()[..word.len().min(LONGEST)];
    let hash = Hash::new(number);
    let is_set = |place: usize| filter[place / 8] >> (place % 8) & 1 != 0;
    let is_there = |gram: &[u8]| hash.places(bytes(gram)).into_iter().all(is_set);
    word.len() < SHORTEST || !word.is_ascii() || (0..2).any(|first| word[first..].windows(GRAM).step_by(2).all(is_there))
}

/// The hash of a segment.
#[derive(Clone, Copy)]
struct Hash(u64);

impl Hash {
    fn new(number: u64) -> Self {
        // The finalizer of MurmurHash3: factors that are multiples of each other would have the same collisions.
        let mixed = (number ^ 0x9e37_79b9_7f4a_7c15).wrapping_mul(0xff51_afd7_ed55_8ccd);
        Self((mixed ^ mixed >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53) | 1)
    }

    /// Returns the places of four bytes in the filter. It ignores the bit that tells capital letters of ASCII from small ones, in any byte.
    #[inline]
    fn places(self, gram: u32) -> [usize; 2] {
        let hash = u64::from(gram | 0x2020_2020).wrapping_mul(self.0);
        [(hash >> (u64::BITS - PLACE_BITS)) as usize, (hash << PLACE_BITS >> (u64::BITS - PLACE_BITS)) as usize]
    }
}

/// Whether bytes, the first one the lowest, begin with a letter outside of ASCII that is equal to `s` or `k` but for the case.
fn begins_with_folded(bytes: u32) -> bool {
    const LONG_S: u32 = 0xbfc5;
    const KELVIN: u32 = 0x00aa_84e2;
    bytes & 0xffff == LONG_S || bytes & 0x00ff_ffff == KELVIN
}

/// Replaces these letters.
fn fold(mut text: &[u8]) -> Vec<u8> {
    let mut folded = Vec::with_capacity(text.len());
    while let [first, rest @ ..] = text {
        let (letter, rest) = match text {
            [0xc5, 0xbf, rest @ ..] => (b's', rest),
            [0xe2, 0x84, 0xaa, rest @ ..] => (b'k', rest),
            _ => (*first, rest),
        };
        folded.push(letter);
        text = rest;
    }
    folded
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::payload_query::Condition;
    use crate::model::{Pattern, PayloadQuery};

    fn text_query(text: &str) -> PayloadQuery {
        let pattern = Pattern::substring(&text.split('*').map(str::to_owned).collect::<Vec<_>>()).unwrap();
        PayloadQuery::new([(false, Condition::Text(vec![pattern]))])
    }

    /// Whether the filters of both halves of a text allow a match, cut at an even place.
    fn may_match(query: &PayloadQuery, text: &[u8], cut: usize) -> bool {
        let (first, second) = text.split_at(cut.min(text.len()) & !1);
        let (mut writer, mut filters) = (FilterWriter::default(), [vec![0; FILTER_SIZE], vec![0; FILTER_SIZE]]);
        writer.write(7, first, &second[..second.len().min(REACH)], &mut filters[0]);
        writer.write(8, second, b"", &mut filters[1]);
        query.may_match_words(|word| may_hold(&filters[0], 7, word.text()) || may_hold(&filters[1], 8, word.text()))
    }

    #[test]
    fn a_word_is_found_at_every_place_and_across_a_border_and_another_one_is_not() {
        let text = "The Task's mask is a Kiosk: \u{17f}tra\u{df}e \u{212a}iosk Si\u{17f}kin \"SYSTEM\"";
        for (cut, shift) in (0..text.len()).flat_map(|cut| [(cut, ""), (cut, "-")]) {
            let text = format!("{shift}{text}");
            let holds = |word: &str| may_match(&text_query(word), text.as_bytes(), cut);
            for word in ["task", "mask IS a kiosk", "kiosk s", "siskin", "kiosk siskin \"system", "stra\u{df}e", "the*siskin"] {
                assert!(holds(word), "{word} at {cut}");
            }
            for word in ["tassel", "kiosky kiosky", "mask was a", "the*tassel"] {
                assert!(!holds(word), "{word} at {cut}");
            }
        }
    }

    #[test]
    fn where_too_many_letters_are_equal_to_others_any_word_may_be() {
        let text = "\u{17f}\u{212a}".repeat(MOST_FOLDED);
        assert!(may_match(&text_query("absent"), text.as_bytes(), 0));
        assert!(!may_match(&text_query("absent"), "\u{17f}".repeat(MOST_FOLDED).as_bytes(), 0));
    }

    proptest! {
        #[test]
        fn no_match_is_lost(
            words in proptest::collection::vec("[askSK\u{17f}\u{212a}b]{1,9}|[a-zA-Z0-9 _.@`-]{1,40}|[\u{e9}\u{df}\u{8b1d}\u{130}]|\\\\[n\"u]|\\\\u00[46]1|[ \"\n{},:]", 1..12),
            noise in proptest::collection::vec(any::<u8>(), 0..5),
            (from, len, cut) in (0_usize..90, 1_usize..60, 0_usize..120),
            changes in any::<u64>(),
        ) {
            let text = words.concat();
            let change = |(at, c): (usize, char)| match (changes >> (at % 64) & 1, c) {
                (0, _) => c,
                (_, 's') => '\u{17f}',
                (_, 'k') => '\u{212a}',
                (_, '\u{17f}') => 'S',
                (_, '\u{212a}') => 'k',
                _ => c.to_ascii_uppercase(),
            };
            let wanted: String = text.chars().skip(from).take(len).enumerate().map(change).collect();
            let body = [&noise[..], text.as_bytes(), &noise].concat();
            let query = text_query(&wanted);
            prop_assert!(wanted.is_empty() || !query.may_match_bytes(&[&body]) || may_match(&query, &body, cut), "{} in {}", wanted, text);
        }
    }
}
