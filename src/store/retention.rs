//! What goes when the limit is reached: whole traces, the oldest that ended first.

use std::hash::BuildHasher;

use super::pairing::Slot;
use super::row::{NONE, Phase, RowIx, TraceIx};
use super::upsert::release;
use super::{Changes, Store};
use crate::model::Nanos;

impl Store {
    /// Evicts traces until the limit holds. The newest trace stays, however large.
    pub(super) fn shrink(&mut self, changes: &mut Changes) {
        while (self.all().spans as usize > self.limits.spans || self.retained_bytes > self.limits.bytes) && self.age.len() > 1 {
            let ended = self.first_ended().filter(|ended| self.age.last() != Some(ended));
            let Some((_, trace)) = ended.or_else(|| self.age.first().copied()) else { break };
            self.evict(trace, changes);
        }
        if !changes.evicted.is_empty() {
            changes.traces.retain(|&trace| self.is_trace_held(trace));
            changes.rows.retain(|&row| self.is_held(row));
        }
    }

    /// The oldest trace in which nothing runs. Costs the traces that it is the first to find running.
    fn first_ended(&mut self) -> Option<(Nanos, TraceIx)> {
        let found = self.age.range(self.ended_from..).copied().find(|(_, trace)| self.traces[trace.0].counts.running == 0);
        self.ended_from = found.unwrap_or((Nanos::MAX, TraceIx(u32::MAX)));
        found
    }

    fn evict(&mut self, trace: TraceIx, changes: &mut Changes) {
        let data = self.trace(trace);
        let (id, start, spans) = (data.id, data.start, data.counts.spans);
        self.forget_trace(trace);
        let gone = self.rows_of(trace);
        let told: Vec<u32> = gone.iter().map(|&row| self.forget_response(row)).filter(|&response| response != 0).collect();
        let mut places: Vec<Slot> = gone.iter().filter_map(|&row| self.leave_pairing(row)).collect();
        places.sort_unstable();
        places.dedup();
        for &row in &gone {
            self.forget_row(row, changes);
        }
        let data = &mut self.traces[trace.0];
        (data.roots, data.sums) = Default::default();
        let hash = self.hasher.hash_one(id);
        self.by_trace.remove(hash, |&at| at == trace.0);
        self.age.remove(&(start, trace));
        self.traces.free(trace.0);
        self.losses.evicted += u64::from(spans);
        changes.evicted.push(trace);
        changes.freed.extend(gone);
        for response in told {
            self.elect_primary(response, changes);
        }
        for place in places {
            self.pair_neighbours(Some(place), changes);
        }
    }

    /// Takes a trace out of all sums.
    fn forget_trace(&mut self, trace: TraceIx) {
        self.select(trace, false);
        let mut stats = std::mem::take(&mut self.stats);
        self.sweep(trace, &mut stats, true);
        self.stats = stats;
    }

    fn forget_row(&mut self, row: RowIx, changes: &mut Changes) {
        let data = self.row(row);
        let (source, address, weight) = (data.source, data.payload_ref, data.retained_bytes);
        self.retained_bytes -= u64::from(weight);
        release(source, address, weight, changes);
        self.forget_facts(row);
        self.enter_phase(row, Phase::Ended);
        self.odd_parents.remove(&row);
        self.leave(row);
        let branch = self.rows[row.0].children;
        if branch != NONE {
            self.branches[branch] = super::ChildList::default();
            self.branches.free(branch);
        }
        self.rows[row.0].trace = NONE;
        self.rows.free(row.0);
    }
}
