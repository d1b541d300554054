//! Interned texts with reference counts: rows share equal texts, and eviction frees those that no row uses.

use std::hash::BuildHasher;

use hashbrown::DefaultHashBuilder;

use super::hash_index::{HashIndex, INDEX};

/// The bytes that an allocator adds to a small piece of memory: its header, and what rounding leaves unused.
const ALLOCATION: usize = 16;

/// A text in the [`Interner`]. The default is the empty text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Symbol(u32);

impl Symbol {
    /// The empty text: "not stated".
    pub const EMPTY: Self = Self(0);

    /// Returns whether the text is empty.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self == Self::EMPTY
    }

    /// Returns the index for tables with one entry per symbol.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

#[derive(Debug)]
struct Entry {
    text: Box<str>,
    uses: u32,
}

/// The distinct texts of the store's rows, with the number of their uses.
#[derive(Debug)]
pub struct Interner {
    entries: Vec<Entry>,
    free: Vec<u32>,
    table: HashIndex,
    hasher: DefaultHashBuilder,
    reuses: u64,
    /// The bytes of all texts.
    bytes: usize,
}

impl Default for Interner {
    fn default() -> Self {
        let empty = Entry { text: Box::default(), uses: 1 };
        Self {
            entries: vec![empty],
            free: Vec::new(),
            table: HashIndex::default(),
            hasher: DefaultHashBuilder::default(),
            reuses: 0,
            bytes: 0,
        }
    }
}

impl Interner {
    /// Returns the symbol of `text` and adds a use.
    pub fn intern(&mut self, text: &str) -> Symbol {
        if text.is_empty() {
            return Symbol::EMPTY;
        }
        let hash = self.hasher.hash_one(text);
        if let Some(&index) = self.table.find(hash, |&index| &*self.entries[index as usize].text == text) {
            self.entries[index as usize].uses += 1;
            return Symbol(index);
        }
        let entry = Entry { text: text.into(), uses: 1 };
        self.bytes += text.len();
        let index = if let Some(index) = self.free.pop() {
            self.entries[index as usize] = entry;
            self.reuses += 1;
            index
        } else {
            self.entries.push(entry);
            (self.entries.len() - 1) as u32
        };
        let (entries, hasher) = (&self.entries, &self.hasher);
        self.table.insert_unique(hash, index, |&index| hasher.hash_one(&*entries[index as usize].text));
        Symbol(index)
    }

    /// Does the same as [`Interner::intern`], faster if `guess` is or was the symbol of `text`.
    pub(super) fn intern_with_guess(&mut self, text: &str, guess: Symbol) -> Symbol {
        match self.entries.get_mut(guess.index()) {
            // A freed entry holds the empty text.
            Some(entry) if !text.is_empty() && *entry.text == *text => {
                entry.uses += 1;
                guess
            }
            _ => self.intern(text),
        }
    }

    /// Adds a use of a symbol.
    pub(super) fn retain(&mut self, symbol: Symbol) {
        if !symbol.is_empty() {
            self.entries[symbol.index()].uses += 1;
        }
    }

    /// Removes a use of a symbol. Without uses, its text is freed and the symbol may be reused for another text.
    pub fn release(&mut self, symbol: Symbol) {
        if symbol.is_empty() {
            return;
        }
        let entry = &mut self.entries[symbol.index()];
        entry.uses -= 1;
        if entry.uses > 0 {
            return;
        }
        let text = std::mem::take(&mut entry.text);
        self.bytes -= text.len();
        let hash = self.hasher.hash_one(&*text);
        self.table.remove(hash, |&index| index == symbol.0);
        self.free.push(symbol.0);
    }

    /// Returns how many uses a symbol has.
    pub(super) fn uses(&self, symbol: Symbol) -> u32 {
        self.entries[symbol.index()].uses
    }

    /// Returns the text of a symbol in use.
    #[must_use]
    pub fn text(&self, symbol: Symbol) -> &str {
        &self.entries[symbol.index()].text
    }

    /// Returns the bytes of memory of all texts, estimated: the texts, what an allocator adds to each, and their places in the tables.
    pub(super) fn memory(&self) -> usize {
        // The tables do not shrink: the entry of a freed text stays, and its number in the list of free ones.
        let tables = self.entries.len() * (size_of::<Entry>() * 3 / 2 + INDEX) + self.free.len() * size_of::<u32>() * 3 / 2;
        self.bytes + tables + (self.entries.len() - self.free.len()) * ALLOCATION
    }

    /// Returns one more than the highest [`Symbol::index`].
    #[must_use]
    pub fn end(&self) -> usize {
        self.entries.len()
    }

    /// Returns how often a symbol was reused for another text. When it changes, cached facts about symbols are invalid.
    #[must_use]
    pub fn reuses(&self) -> u64 {
        self.reuses
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_stored_once_and_freed_with_its_last_use() {
        let mut interner = Interner::default();
        let first = interner.intern("gpt-5");
        assert_eq!(interner.intern("gpt-5"), first);
        assert_eq!(interner.text(first), "gpt-5");
        interner.release(first);
        assert_eq!(interner.text(first), "gpt-5");
        interner.release(first);
        let other = interner.intern("gpt-4o");
        assert_eq!(other, first, "the index is reused");
        assert_ne!(interner.intern("gpt-5"), other);
        assert_eq!(interner.end(), 3);
    }

    #[test]
    fn the_empty_text_has_no_uses() {
        let mut interner = Interner::default();
        assert!(interner.intern("").is_empty());
        interner.release(Symbol::EMPTY);
        assert_eq!(interner.text(Symbol::EMPTY), "");
    }
}
