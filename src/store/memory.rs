//! How much memory the store takes, from the number of entries in its tables: asking an allocator would cost more than the answer is worth.
//!
//! `tests/memory.rs` compares the result with what an allocator counts.

use super::Store;
use super::hash_index::INDEX;
use super::interner::Symbol;
use super::ix::TraceIx;
use super::packed_usage::PackedUsage;
use super::row::Row;
use super::stats::Group;
use super::trace::Trace;
use super::tree::ChildList;
use crate::model::Nanos;

/// What an entry of a B-tree takes for each byte of it: nodes that were filled in ascending order are half full.
pub(super) const TREE: usize = 2;

/// A trace on the screen in bytes: its sort key, in chunks that are half full or more, and the copy of it by index.
const SHOWN_TRACE: usize = 152;

/// The two histograms of a group with few durations: a node each.
const HISTOGRAMS: usize = 2 * 112;

impl Store {
    /// Counts memory in bytes that the listener takes for payloads and no span needs: at most half of the limit, since dropping traces does
    /// not free it at once.
    pub fn set_unused_bytes(&mut self, bytes: u64) {
        self.unused_bytes = bytes.min(self.limits.bytes / 2);
    }

    /// Returns the bytes that count towards the limit: the payloads that sources retain, the texts, and the tables.
    #[must_use]
    pub fn held_bytes(&self) -> u64 {
        let rows = self.rows.live() * (size_of::<Row>() + INDEX);
        let child_lists = self.child_lists.live() * size_of::<ChildList>();
        let usages = self.usages.live() * (size_of::<PackedUsage>() + INDEX + TREE * size_of::<(u64, u64, Nanos, Nanos)>());
        let traces = self.by_start.len() * (size_of::<Trace>() + INDEX + TREE * size_of::<(Nanos, TraceIx)>() + SHOWN_TRACE);
        let groups = self.stats.group_count() + self.selection().map_or(0, super::Stats::group_count);
        let groups = groups * (size_of::<(Symbol, Group)>() * 2 + HISTOGRAMS);
        let places = self.groups.memory() + self.unnamed.memory();
        self.retained_bytes + self.unused_bytes + (self.texts.memory() + rows + child_lists + usages + traces + groups + places) as u64
    }
}
