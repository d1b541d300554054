//! Response ids that several calls share: an answer from a gateway's cache keeps its id, and some servers count their answers from 0 after
//! each start.
//!
//! An id ties only rows that overlap in time. Most ids are borne by one call; its rows are *reports* of the id itself
//! ([`dedup`](super::dedup)). Once the rows with an id cannot all be one call, the id *recurs*: each chain of overlapping rows gets a
//! response of its own. The rows of a chain that cannot be one call state none, and [`pairing`](super::pairing) decides.

use std::hash::BuildHasher;

use hashbrown::HashMap;
use smallvec::SmallVec;

use super::ix::{NONE, RowIx};
use super::pairing::{MAX_REPORTS, Slot};
use super::timeline::{Chain, Timeline};
use super::{Changes, Store};
use crate::model::Nanos;

/// The name of a service that does not state one.
const UNKNOWN_SERVICE: &str = "unknown_service";

/// The rows with ids that recur.
#[derive(Debug, Default)]
pub(super) struct RecurringIds {
    /// By the hash of the id.
    rows: Timeline<u32>,
    /// The hash of the id that a row states.
    stated: HashMap<RowIx, u32>,
}

/// Where a row is or was among those with its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct IdSlot {
    id: u32,
    times: (Nanos, Nanos),
}

impl Store {
    /// Adds the row to the reports of the response id with this hash, if it calls a model and has ended or states usage. Returns the
    /// response, for [`Store::elect_primary`]; 0 if the row reports nothing.
    pub(super) fn report(&mut self, row: RowIx, id: u32, changes: &mut Changes) -> u32 {
        if self.row(row).usage == NONE || !self.row(row).span_type.calls_model() || id == 0 {
            return 0;
        }
        let mut slots: SmallVec<[IdSlot; 2]> = SmallVec::new();
        if !self.recurring_ids.rows.contains(id) {
            let is_stated = |row: &RowIx| self.usages[self.row(*row).usage].stated_response() == id;
            let mut rows: SmallVec<[RowIx; 2]> = self.reports_of(id).into_iter().filter(is_stated).collect();
            rows.push(row);
            if self.may_be_one_answer(&rows) {
                self.add_report(row, id, false);
                return id;
            }
            rows.pop();
            slots.extend(rows.into_iter().map(|row| self.enter_recurring(row, id)));
        }
        slots.push(self.enter_recurring(row, id));
        for slot in slots {
            self.identify_around(slot, changes);
        }
        self.response(row)
    }

    fn enter_recurring(&mut self, row: RowIx, id: u32) -> IdSlot {
        let slot = IdSlot { id, times: self.times(row) };
        self.recurring_ids.rows.insert(id, slot.times, row);
        self.recurring_ids.stated.insert(row, id);
        slot
    }

    /// Removes a row from those with ids that recur. Returns where it was, for [`Store::identify_around`].
    pub(super) fn leave_recurring(&mut self, row: RowIx) -> Option<IdSlot> {
        if self.recurring_ids.stated.is_empty() {
            return None;
        }
        let id = self.recurring_ids.stated.remove(&row)?;
        let times = self.times(row);
        self.recurring_ids.rows.remove(id, times, row);
        Some(IdSlot { id, times })
    }

    fn times(&self, row: RowIx) -> (Nanos, Nanos) {
        let row = self.row(row);
        (row.start, row.end.max(row.start))
    }

    /// Returns the chains around a row whose id recurs.
    pub(super) fn recurring_chains(&self, row: RowIx) -> Vec<Chain> {
        let id = self.recurring_ids.stated.get(&row);
        id.map_or_else(Vec::new, |&id| self.recurring_ids.rows.chains_around(id, self.times(row), MAX_REPORTS))
    }

    /// Decides again which response the rows report that a row with an id influences, after it came or went.
    pub(super) fn identify_around(&mut self, slot: IdSlot, changes: &mut Changes) {
        for chain in self.recurring_ids.rows.chains_around(slot.id, slot.times, MAX_REPORTS) {
            let is_one = !chain.is_too_long && self.may_be_one_answer(&chain.rows);
            let first = chain.rows.first().filter(|_| is_one).map(|&row| self.row(row).start);
            let response = first.map_or(0, |start| (self.hasher.hash_one((slot.id, start)) as u32).max(1));
            self.set_stated_response(&chain.rows, response, changes);
        }
    }

    /// Lets rows with an id report a response, or none if it is 0.
    fn set_stated_response(&mut self, rows: &[RowIx], response: u32, changes: &mut Changes) {
        let is_other = |row: &RowIx| self.usages[self.row(*row).usage].stated_response() != response;
        let others: SmallVec<[RowIx; 2]> = rows.iter().copied().filter(is_other).collect();
        for &row in &others {
            let old = self.retract_report(row, changes);
            self.set_duplicate(row, false, changes);
            self.elect_primary(old, changes);
            if response != 0 {
                self.add_report(row, response, false);
            }
        }
        if !others.is_empty() {
            self.elect_primary(response, changes);
        }
        let slots: SmallVec<[Slot; 2]> = others.iter().filter_map(|&row| self.slot(row)).collect();
        for slot in slots {
            self.pair_around(Some(slot), changes);
        }
    }

    /// Returns whether rows with the same id may report one call: they are few, they all overlap, and no instrumentation of a service reports
    /// it in two traces.
    pub(super) fn may_be_one_answer(&self, rows: &[RowIx]) -> bool {
        let latest_start = rows.iter().map(|&row| self.times(row).0).max();
        let earliest_end = rows.iter().map(|&row| self.times(row).1).min();
        let is_again = |at: usize, &row: &RowIx| rows[..at].iter().any(|&other| self.is_reported_apart(row, other));
        rows.len() <= MAX_REPORTS && latest_start <= earliest_end && !rows.iter().enumerate().any(|(at, row)| is_again(at, row))
    }

    /// Returns whether one instrumentation of one service reports both rows, in two traces.
    fn is_reported_apart(&self, row: RowIx, other: RowIx) -> bool {
        let [reporter, other_reporter] = [row, other].map(|row| self.model_ids.reporter(self.usages[self.row(row).usage].model_id));
        let [scope, service] = [reporter.0, reporter.1].map(|name| self.text(name));
        let is_known = !scope.is_empty() && !service.is_empty() && !service.starts_with(UNKNOWN_SERVICE);
        self.row(row).trace != self.row(other).trace && reporter == other_reporter && is_known
    }

    /// Panics unless the rows with ids that recur are known.
    #[cfg(test)]
    pub(super) fn check_recurring_ids(&self) {
        for (&row, &id) in &self.recurring_ids.stated {
            assert!(self.is_held(row) && self.recurring_ids.rows.contains(id));
            let chains = self.recurring_ids.rows.chains_around(id, self.times(row), MAX_REPORTS);
            let chain = chains.iter().find(|chain| chain.rows.contains(&row));
            let is_one = chain.is_some_and(|chain| !chain.is_too_long && self.may_be_one_answer(&chain.rows));
            assert_eq!(self.usages[self.row(row).usage].stated_response() != 0, is_one, "an id counts where it tells one call");
        }
    }
}
