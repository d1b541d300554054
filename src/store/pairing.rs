//! Pairs of model rows that report the same call although one of them does not state the provider's response id.
//!
//! Two rows are a candidate pair if they are of different instrumentations, have equal token counts, and one ran while the other did.
//! Among candidates, the rows whose times differ least are paired ([`groups`]), and each row is paired with at most one row of each other
//! instrumentation. A row without a response id adopts the id of its partner; if neither states one, both adopt an invented one. Rows of
//! the same instrumentation are never paired: each is a call of its own.
//!
//! The ends of a pair lie within [`MAX_END_DISTANCE`]. So rows are indexed by their *slot*: their token counts and the second of their
//! end. Only rows in the same *chain*, consecutive slots that are not empty, can influence each other. A change pairs its chain again. If a chain
//! has more than [`MAX_CHAIN`] rows, as in a load test, no row in it is paired.

mod groups;

use std::hash::BuildHasher;

use hashbrown::HashMap;

use super::hash_index::HashIndex;
use super::ix::{NONE, RowIx};
use super::model_ids::ModelIds;
use super::packed_usage::PackedUsage;
use super::row::{Phase, Row};
use super::slab::Slab;
use super::{Changes, Store};
use crate::model::{Nanos, SpanType};
use groups::{Call, groups};

/// The maximum distance between the ends of a pair, and the width of a slot.
const MAX_END_DISTANCE: Nanos = 1_000_000_000;

/// The maximum length of a chain whose rows are paired. [`groups`] marks rows in the bits of a `u64`.
const MAX_CHAIN: usize = 64;

/// Input tokens, output tokens, and the end in units of [`MAX_END_DISTANCE`].
pub(super) type Slot = (u32, u32, Nanos);

/// The rows that may be paired, by slot. Unused while all usage comes from one instrumentation.
#[derive(Debug, Default)]
pub(super) struct Pairing {
    is_active: bool,
    rows: HashIndex,
    /// The number of rows per slot that are not in `rows`, since the slot has more than [`MAX_CHAIN`] rows.
    overflow: HashMap<Slot, u32>,
}

/// Returns the slot of a row; `None` if it cannot be paired.
fn slot(row: &Row, usages: &Slab<PackedUsage>, model_ids: &ModelIds) -> Option<Slot> {
    if row.usage == NONE || !row.span_type.calls_model() || row.phase != Phase::Ended || row.start > row.end {
        return None;
    }
    let packed = &usages[row.usage];
    let usage = packed.usage();
    let (input, output) = (usage.input?, usage.output.unwrap_or_default());
    let has_counts = input > 0 && (output > 0 || row.span_type != SpanType::Model);
    (has_counts && !model_ids.scope(packed.model_id).is_empty()).then(|| (input, output, row.end.div_euclid(MAX_END_DISTANCE)))
}

impl Store {
    pub(super) fn slot(&self, row: RowIx) -> Option<Slot> {
        slot(self.row(row), &self.usages, &self.model_ids)
    }

    /// Adds a row to its slot. Returns the slot, for [`Store::pair_around`]; `None` if the row cannot be paired.
    pub(super) fn enter_pairing(&mut self, row: RowIx) -> Option<Slot> {
        if self.pairing.is_active {
            return self.insert_into_slot(row);
        }
        if !self.model_ids.have_several_scopes() {
            return None;
        }
        self.pairing.is_active = true;
        let rows: Vec<RowIx> = self.rows().collect();
        for row in rows {
            self.insert_into_slot(row);
        }
        self.slot(row)
    }

    fn insert_into_slot(&mut self, row: RowIx) -> Option<Slot> {
        let slot = self.slot(row)?;
        if self.pairing.overflow.contains_key(&slot) || self.rows_in(slot).count() > MAX_CHAIN {
            // The chain was too long before and still is: there is nothing to pair again.
            *self.pairing.overflow.entry(slot).or_default() += 1;
            return None;
        }
        let (rows, usages, model_ids, hasher) = (&self.rows, &self.usages, &self.model_ids, &self.hasher);
        let rehash = |&row: &u32| hasher.hash_one(self::slot(&rows[row], usages, model_ids).unwrap_or_default());
        self.pairing.rows.insert_unique(hasher.hash_one(slot), row.0, rehash);
        Some(slot)
    }

    /// Removes a row from its slot. Returns the slot, for [`Store::pair_around`].
    pub(super) fn leave_pairing(&mut self, row: RowIx) -> Option<Slot> {
        if !self.pairing.is_active {
            return None;
        }
        let slot = self.slot(row)?;
        if !self.pairing.rows.remove(self.hasher.hash_one(slot), |&other| other == row.0)
            && let Some(overflow) = self.pairing.overflow.get_mut(&slot)
        {
            *overflow -= 1;
            if *overflow == 0 {
                self.pairing.overflow.remove(&slot);
            }
        }
        Some(slot)
    }

    fn rows_in(&self, slot: Slot) -> impl Iterator<Item = RowIx> {
        let rows = self.pairing.rows.all(self.hasher.hash_one(slot)).map(|&row| RowIx(row));
        rows.filter(move |&row| self.slot(row) == Some(slot))
    }

    /// Pairs the chain of a slot again, after a row entered or left the slot.
    pub(super) fn pair_around(&mut self, slot: Option<Slot>, changes: &mut Changes) {
        let Some((input, output, second)) = slot.filter(|_| self.pairing.is_active) else { return };
        if self.is_empty_slot((input, output, second)) {
            // The slot's last row may have connected the chains on both sides.
            self.pair_chain((input, output, second - 1), changes);
            self.pair_chain((input, output, second + 1), changes);
        } else {
            self.pair_chain((input, output, second), changes);
        }
    }

    fn is_empty_slot(&self, slot: Slot) -> bool {
        self.rows_in(slot).next().is_none() && !self.pairing.overflow.contains_key(&slot)
    }

    /// Pairs the rows of the chain that contains a slot.
    fn pair_chain(&mut self, slot: Slot, changes: &mut Changes) {
        let Some((rows, is_too_long)) = self.chain(slot) else { return };
        if rows.iter().all(|&row| self.usages[self.row(row).usage].stated_response() != 0) {
            return;
        }
        let responses = if is_too_long || rows.len() == 1 { vec![0; rows.len()] } else { self.responses(&rows) };
        for (row, response) in rows.into_iter().zip(responses) {
            let usage = self.usages[self.row(row).usage];
            if usage.stated_response() != 0 || usage.response() == response {
                continue;
            }
            let old_response = self.retract_report(row, changes);
            self.set_duplicate(row, false, changes);
            self.elect_primary(old_response, changes);
            if response != 0 {
                self.add_report(row, response, true);
                self.elect_primary(response, changes);
            }
        }
    }

    /// Returns the rows of the chain that contains a slot, and whether the chain is too long. In that case the rows of farther slots may be
    /// missing. `None` if the slot and the next one are empty.
    fn chain(&self, (input, output, second): Slot) -> Option<(Vec<RowIx>, bool)> {
        let (mut rows, mut is_too_long) = (Vec::new(), false);
        for (from, step) in [(second, -1), (second + 1, 1)] {
            let (mut second, known) = (from, rows.len());
            while rows.len() - known <= MAX_CHAIN {
                let (slot, before) = ((input, output, second), rows.len());
                rows.extend(self.rows_in(slot));
                is_too_long |= self.pairing.overflow.contains_key(&slot);
                if rows.len() == before {
                    break;
                }
                second += step;
            }
        }
        is_too_long |= rows.len() > MAX_CHAIN;
        (!rows.is_empty()).then_some((rows, is_too_long))
    }

    /// Returns the response that each of the rows is to adopt; 0 for none.
    fn responses(&self, rows: &[RowIx]) -> Vec<u32> {
        let call = |(index, &row): (usize, &RowIx)| {
            let (data, usage) = (self.row(row), &self.usages[self.row(row).usage]);
            Call {
                id: (self.trace(data.trace()).id, data.id),
                index,
                start: data.start,
                end: data.end,
                parent: self.stated_parent(row),
                scope: self.model_ids.scope(usage.model_id),
                response: usage.stated_response(),
            }
        };
        let mut calls: Vec<Call> = rows.iter().enumerate().map(call).collect();
        calls.sort_unstable_by_key(|call| call.id);
        let mut responses = vec![0; rows.len()];
        for group in groups(&calls).iter().filter(|group| group.calls.count_ones() > 1) {
            let in_group = calls.iter().enumerate().filter(|(index, _)| group.calls >> index & 1 != 0).map(|(_, call)| call);
            let members: Vec<&Call> = in_group.collect();
            let response = if group.response == 0 { self.invent_response(&members, rows) } else { group.response };
            for call in members.iter().filter(|call| call.response == 0) {
                responses[call.index] = response;
            }
        }
        responses
    }

    /// Returns a response that only these calls report. It is derived from the first call, so that it does not depend on the order of
    /// arrival.
    fn invent_response(&self, calls: &[&Call], rows: &[RowIx]) -> u32 {
        let mut response = calls.first().map_or(0, |call| self.hasher.hash_one(call.id) as u32);
        let is_other = |row: &RowIx| !calls.iter().any(|call| rows[call.index] == *row);
        while response == 0 || self.reports.ambiguous.contains(&response) || self.reports_of(response).iter().any(is_other) {
            response = response.wrapping_add(1);
        }
        response
    }
}

#[cfg(test)]
mod tests;
