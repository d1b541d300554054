//! How much memory the store takes, from the number of entries in its tables: asking an allocator would cost more than the answer is worth.
//!
//! `tests/memory.rs` compares the result with what an allocator counts.

use super::Store;
use super::hash_index::INDEX;
use super::ix::TraceIx;
use super::packed_usage::PackedUsage;
use super::row::Row;
use super::trace::Trace;
use super::tree::ChildList;
use crate::model::{Nanos, PayloadMemory};

/// What an entry of a B-tree takes for each byte of it: nodes that were filled in ascending order are half full.
pub(super) const TREE: usize = 2;

/// A trace on the screen in bytes: its sort key, in chunks that are half full or more, and the copy of it by index.
const SHOWN_TRACE: usize = 152;

impl Store {
    /// Sets how much memory the payloads take that the listener holds. Until it is reported again, it is estimated. The limits hold again after
    /// [`Store::evict_excess`].
    pub fn set_payload_memory(&mut self, memory: PayloadMemory) {
        self.payload_memory = memory;
    }

    /// Returns the bytes that count towards the limit: the payloads that sources retain, the texts, and the tables.
    #[must_use]
    pub fn held_bytes(&self) -> u64 {
        let rows = self.rows.places() * size_of::<Row>() + self.rows.live() * INDEX;
        let child_lists = self.child_lists.places() * size_of::<ChildList>();
        let usages =
            self.usages.places() * size_of::<PackedUsage>() + self.usages.live() * (INDEX + TREE * size_of::<(u64, u64, Nanos, Nanos)>());
        let traces =
            self.traces.places() * size_of::<Trace>() + self.traces.live() * (INDEX + TREE * size_of::<(Nanos, TraceIx)>() + SHOWN_TRACE);
        let groups = self.stats.memory() + self.selection().map_or(0, super::Stats::memory);
        let places = self.groups.memory()
            + self.sessions.memory()
            + self.model_ids.memory()
            + self.unnamed.memory()
            + self.pairing.memory()
            + self.surroundings.memory()
            + self.reviews.memory();
        self.payload_memory.estimate(self.retained_bytes)
            + (self.texts.memory() + rows + child_lists + usages + traces + groups + places) as u64
    }
}
