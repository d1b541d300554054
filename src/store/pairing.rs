//! Pairs of model rows that report the same call although one of them does not state the provider's response id.
//!
//! Two rows are a candidate pair if they are of different instrumentations or services, have equal token counts, and one ran within the time
//! of the other: the reader of a streamed answer may end long after the gateway that served it. Among candidates, the rows whose times differ
//! least are paired ([`groups`]), and each row is paired with at most one row of each other instrumentation. A row without a response id
//! adopts the id of its partner; if neither states one, both adopt an invented one. Rows of the same instrumentation are calls of their
//! own, except *twins*: siblings of the same name, times and counts, which are one span that was sent with two ids. So are rows of different
//! services with the same instrumentation if each belongs to a run of its own.
//!
//! If the clock of an agent or its gateway differs, neither may run within the time of the other. Then they are paired if the clock need
//! differ little, only one of them is of a run, and nothing else may be paired with either.
//!
//! A row that states no input may be lent the counts of another one, and one that states reasoning may be paired without it ([`lent`]).
//!
//! Failed calls state no counts. Two of them are a candidate pair if they also name the same model, or the error of one quotes that of the
//! other, and if they do not belong to two runs.
//!
//! Rows are indexed by their [`Slot`]: their token counts and times. Only rows in the same chain of equal counts
//! ([`timeline`](super::timeline)) can influence each other. A change pairs its chain again. If a chain has more than [`MAX_CHAIN`] rows, as
//! in a load test, no row in it is paired.

mod groups;
mod lent;

use std::hash::BuildHasher;

use super::ix::{NONE, RowIx};
use super::model_ids::Reporter;
use super::row::Phase;
use super::timeline::{Chain, Timeline};
use super::{Changes, Store};
use crate::model::{Nanos, SpanType};
use groups::{Call, groups};
use lent::Lent;

/// The maximum number of spans that report one call. An id on more spans at a time identifies no response: some programs send a constant.
pub(super) const MAX_REPORTS: usize = 8;

/// The maximum length of a chain whose rows are paired. [`groups`] marks rows in the bits of a `u64`.
pub(super) const MAX_CHAIN: usize = 64;

/// The minimum length in bytes of an error's text that tells it from others.
const MIN_QUOTE: usize = 16;

/// The maximum number of siblings that are compared with a row to find its twin.
const MAX_TWINS: usize = 8;

/// Where a row is in the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Slot {
    input: u32,
    output: u32,
    start: Nanos,
    end: Nanos,
}

/// The rows that may be paired, by counts, which are 0 for failed calls. Unused while nothing can be paired.
#[derive(Debug, Default)]
pub(super) struct Pairing {
    is_active: bool,
    rows: Timeline<(u32, u32)>,
    lent: Lent,
}

impl Pairing {
    /// Whether rows are paired.
    pub(super) fn is_active(&self) -> bool {
        self.is_active
    }

    /// Returns the bytes of memory of the models that calls asked for, estimated.
    pub(super) fn memory(&self) -> usize {
        self.lent.memory()
    }
}

impl Store {
    /// Returns the slot of a row; `None` if it cannot be paired.
    pub(super) fn slot(&self, row: RowIx) -> Option<Slot> {
        let (input, output) = self.pairing.lent.counts(row).filter(|_| self.may_be_paired(row)).or_else(|| self.stated_counts(row))?;
        let row = self.row(row);
        Some(Slot { input, output, start: row.start, end: row.end })
    }

    /// Returns whether a row is an ended call.
    fn may_be_paired(&self, row: RowIx) -> bool {
        let row = self.row(row);
        row.usage != NONE && row.span_type.calls_model() && row.phase == Phase::Ended && row.start <= row.end
    }

    /// Returns the counts by which a row may be paired, as it states them; 0 for failed calls.
    fn stated_counts(&self, row: RowIx) -> Option<(u32, u32)> {
        if !self.may_be_paired(row) {
            return None;
        }
        let row = self.row(row);
        let usage = self.usages[row.usage].without_filled().usage();
        let [input, output] = [usage.input, usage.output].map(Option::unwrap_or_default);
        let has_counts = input > 0 && (output > 0 || row.span_type != SpanType::Model);
        let is_failure = (input, output) == (0, 0) && row.fails();
        (has_counts || is_failure).then_some((input, output))
    }

    /// Adds a row to its slot. Returns the slot, for [`Store::pair_around`]; `None` if the row cannot be paired.
    pub(super) fn enter_pairing(&mut self, row: RowIx) -> Option<Slot> {
        if self.pairing.is_active {
            self.enter_lent(row);
            return self.insert_into_slot(row);
        }
        if !self.model_ids.have_several_reporters() && !self.has_twin(row) {
            return None;
        }
        self.pairing.is_active = true;
        let rows: Vec<RowIx> = self.rows().collect();
        for row in rows {
            self.enter_lent(row);
            self.insert_into_slot(row);
        }
        self.slot(row)
    }

    fn insert_into_slot(&mut self, row: RowIx) -> Option<Slot> {
        let slot = self.slot(row)?;
        self.pairing.rows.insert((slot.input, slot.output), (slot.start, slot.end), row);
        Some(slot)
    }

    /// Removes a row from its slot. Returns the slot, for [`Store::pair_around`].
    pub(super) fn leave_pairing(&mut self, row: RowIx) -> Option<Slot> {
        if !self.pairing.is_active {
            return None;
        }
        let slot = self.leave_slot(row);
        self.leave_lent(row);
        slot
    }

    fn leave_slot(&mut self, row: RowIx) -> Option<Slot> {
        let slot = self.slot(row)?;
        self.pairing.rows.remove((slot.input, slot.output), (slot.start, slot.end), row);
        Some(slot)
    }

    /// Returns who reports a row that calls a model.
    fn reporter(&self, row: RowIx) -> Reporter {
        self.model_ids.reporter(self.usages[self.row(row).usage].model_id)
    }

    /// Returns whether a linked row has a sibling that is the same span with another id.
    fn has_twin(&self, row: RowIx) -> bool {
        let Some(slot) = self.slot(row) else { return false };
        let (siblings, position) = (self.siblings(self.row(row).parent(), row), self.position(row));
        let begins_with_row = |other: &&RowIx| self.row(**other).start == slot.start;
        let before = siblings.iter().take(position).rev().take_while(begins_with_row).take(MAX_TWINS);
        let after = siblings.iter().skip(position + 1).take_while(begins_with_row).take(MAX_TWINS);
        before.chain(after).any(|&other| self.row(other).name == self.row(row).name && self.slot(other) == Some(slot))
    }

    /// Pairs the chains again that a row influences, after the row entered or left the slot.
    pub(super) fn pair_around(&mut self, slot: Option<Slot>, changes: &mut Changes) {
        let Some(slot) = slot.filter(|_| self.pairing.is_active) else { return };
        for chain in self.pairing.rows.chains_around((slot.input, slot.output), (slot.start, slot.end), MAX_CHAIN) {
            self.pair_chain(&chain, changes);
        }
    }

    /// Returns the chains around a row that may be paired.
    pub(super) fn slot_chains(&self, row: RowIx) -> Vec<Chain> {
        let Some(slot) = self.slot(row) else { return Vec::new() };
        self.pairing.rows.chains_around((slot.input, slot.output), (slot.start, slot.end), MAX_CHAIN)
    }

    /// Pairs the rows of a chain.
    fn pair_chain(&mut self, chain: &Chain, changes: &mut Changes) {
        let rows = &chain.rows;
        if rows.iter().all(|&row| self.usages[self.row(row).usage].stated_response() != 0) {
            return;
        }
        let responses = if chain.is_too_long || rows.len() == 1 { vec![0; rows.len()] } else { self.responses(rows) };
        for (&row, response) in rows.iter().zip(responses) {
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
                name: data.name,
                reporter: self.model_ids.reporter(usage.model_id),
                response: usage.stated_response(),
                from_log: data.is_from_log(),
                of_run: self.belonging(row).of_run,
                others: 0,
            }
        };
        let mut calls: Vec<Call> = rows.iter().enumerate().map(call).collect();
        calls.sort_unstable_by_key(|call| call.id);
        for one in 0..calls.len() {
            let is_other = |other: &Call| self.are_two_calls(&calls[one], other, rows);
            calls[one].others = calls.iter().enumerate().filter(|(_, other)| is_other(other)).map(|(index, _)| 1 << index).sum();
        }
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

    /// Returns whether two calls with equal counts are known to be two.
    fn are_two_calls(&self, one: &Call, other: &Call, rows: &[RowIx]) -> bool {
        let [row, other_row] = [one, other].map(|call| rows[call.index]);
        if row == other_row {
            return false;
        }
        if one.id.0 == other.id.0 {
            return self.is_call_apart(row, other_row) || !self.may_be_one_failure(row, other_row);
        }
        // No gateway lends counts from within a run, but a log event does.
        let is_lent_by_run = |row: RowIx, lender: RowIx| {
            self.lacks_counts(row)
                && self.pairing.lent.counts(row).is_some()
                && !self.row(lender).is_from_log()
                && self.belonging(lender).of_run
        };
        if is_lent_by_run(row, other_row) || is_lent_by_run(other_row, row) {
            return true;
        }
        let is_weak = one.reporter.0 == other.reporter.0 || self.is_failure(row);
        let of_two_runs = || [row, other_row].iter().all(|&row| self.belonging(row).of_run);
        (is_weak && of_two_runs()) || !self.may_be_one_failure(row, other_row)
    }

    /// Returns whether the row is a failed call without usage.
    fn is_failure(&self, row: RowIx) -> bool {
        self.slot(row).is_some_and(|slot| (slot.input, slot.output) == (0, 0))
    }

    /// Returns whether two rows may report one call, if they are failed calls: they have the model or the error in common.
    fn may_be_one_failure(&self, one: RowIx, other: RowIx) -> bool {
        let [error, other_error] = [one, other].map(|row| self.text(self.row(row).error).trim_end_matches('…'));
        let quotes = |one: &str, other: &str| one.len() >= MIN_QUOTE && other.contains(one);
        !self.is_failure(one) || self.share_model(one, other) || quotes(error, other_error) || quotes(other_error, error)
    }

    /// Returns whether one of two rows is below the other, and a run or a tool call lies between them.
    fn is_call_apart(&self, one: RowIx, other: RowIx) -> bool {
        let is_apart = |lower: RowIx, upper: RowIx| {
            self.is_below(lower, upper) && self.path(lower).skip(1).take_while(|&row| row != upper).any(|row| self.begins_calls(row))
        };
        is_apart(one, other) || is_apart(other, one)
    }

    /// Returns a response that only these calls report. It is derived from the first call, so that it does not depend on the order of
    /// arrival.
    fn invent_response(&self, calls: &[&Call], rows: &[RowIx]) -> u32 {
        let mut response = calls.first().map_or(0, |call| self.hasher.hash_one(call.id) as u32);
        let is_other = |row: &RowIx| !calls.iter().any(|call| rows[call.index] == *row);
        while response == 0 || self.reports_of(response).iter().any(is_other) {
            response = response.wrapping_add(1);
        }
        response
    }
}

#[cfg(test)]
mod tests;
