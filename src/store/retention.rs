//! Eviction: when a limit is exceeded, the store drops whole traces, the oldest ended ones first.

use std::hash::BuildHasher;

use super::ix::{NONE, RowIx, TraceIx};
use super::pairing::Slot;
use super::response_ids::IdSlot;
use super::row::Phase;
use super::tree::ChildList;
use super::upsert::release_payload;
use super::{Changes, Store};
use crate::model::Nanos;

impl Store {
    /// Evicts traces until the limits hold, as [`Store::apply`] does after a batch.
    pub fn evict_excess(&mut self) -> Changes {
        let mut changes = Changes::default();
        self.shrink(&mut changes);
        changes
    }

    /// Evicts traces until the limits hold. Never evicts the newest trace, however large it is.
    pub(super) fn shrink(&mut self, changes: &mut Changes) {
        while (self.all().spans as usize > self.limits.spans || self.held_bytes() > self.limits.bytes) && self.by_start.len() > 1 {
            let ended = self.oldest_ended().filter(|ended| self.by_start.last() != Some(ended));
            let Some((_, trace)) = ended.or_else(|| self.by_start.first().copied()) else { break };
            self.evict(trace, changes);
        }
        if !changes.evicted.is_empty() {
            changes.traces.retain(|&trace| self.is_trace_held(trace));
            changes.rows.retain(|&row| self.is_held(row));
        }
    }

    /// Returns the oldest trace without a running row. Visits each running trace only once until it ends.
    fn oldest_ended(&mut self) -> Option<(Nanos, TraceIx)> {
        let found = self.by_start.range(self.first_evictable..).copied().find(|(_, trace)| self.traces[trace.0].counts.running == 0);
        self.first_evictable = found.unwrap_or((Nanos::MAX, TraceIx(u32::MAX)));
        found
    }

    pub(super) fn evict(&mut self, trace: TraceIx, changes: &mut Changes) {
        let data = self.trace(trace);
        let (id, start, spans) = (data.id, data.start, data.counts.spans);
        self.remove_from_stats(trace);
        self.forget_idle(trace);
        self.leave_log_spans(trace);
        self.leave_group(trace, changes);
        self.leave_session(trace);
        let rows = self.rows_of(trace);
        let responses: Vec<u32> = rows.iter().map(|&row| self.remove_report(row)).filter(|&response| response != 0).collect();
        let id_slots: Vec<IdSlot> = rows.iter().filter_map(|&row| self.leave_recurring(row)).collect();
        let mut slots: Vec<Slot> = rows.iter().filter_map(|&row| self.leave_pairing(row)).collect();
        slots.sort_unstable();
        slots.dedup();
        let tool_calls: Vec<u32> = rows.iter().filter_map(|&row| self.forget_tool_call(row)).collect();
        for &row in &rows {
            self.free_row(row, changes);
        }
        let data = &mut self.traces[trace.0];
        (data.roots, data.sums) = Default::default();
        let hash = self.hasher.hash_one(id);
        self.by_trace.remove(hash, |&other| other == trace.0);
        self.by_start.remove(&(start, trace));
        self.traces.free(trace.0);
        self.losses.evicted += u64::from(spans);
        changes.evicted.push(trace);
        changes.freed.extend(rows);
        for id in tool_calls {
            self.recount_tool_calls(id, changes);
        }
        for response in responses {
            self.elect_primary(response, changes);
        }
        for slot in id_slots {
            self.identify_around(slot, changes);
        }
        for slot in slots {
            self.pair_around(Some(slot), changes);
        }
    }

    fn remove_from_stats(&mut self, trace: TraceIx) {
        self.select(trace, false);
        let mut stats = std::mem::take(&mut self.stats);
        self.add_trace(trace, &mut stats, false);
        self.stats = stats;
    }

    fn free_row(&mut self, row: RowIx, changes: &mut Changes) {
        let data = self.row(row);
        let (source, payload_ref, retained_bytes) = (data.source, data.payload_ref, data.retained_bytes);
        self.retained_bytes -= u64::from(retained_bytes);
        release_payload(source, payload_ref, retained_bytes, changes);
        self.forget_run(row);
        self.cost_models.remove(&row);
        self.leave_unnamed(row);
        self.release_facts(row);
        self.enter_phase(row, Phase::Ended);
        self.processes.set(row, None);
        self.forget_caller(row);
        self.stated_parents.remove(&row);
        self.forget_passing(row);
        self.forget_sender(row);
        // A continuation that was evicted remains one.
        self.pauses.remove(row);
        self.leave_review(row);
        self.forget_told_report(row);
        self.unindex_row(row);
        let list = self.rows[row.0].children;
        if list != NONE {
            self.child_lists[list] = ChildList::default();
            self.child_lists.free(list);
        }
        self.rows[row.0].trace = NONE;
        self.rows.free(row.0);
    }
}
