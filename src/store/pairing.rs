//! Calls that two instruments of one program tell of, where one of them does not name the provider's answer.
//!
//! What ties the two is that they count the same tokens and that one ran while the other did. Of calls that ran at once and count the
//! same, those are paired whose times differ least, each with one of each other instrument at most; a row that names no answer adopts the
//! other's. Rows of one instrument are never paired: each is a call of its own.
//!
//! Rows whose ends lie far apart are no pair, so it is enough to look at the rows with the same counts that ended in the same seconds, up to
//! a second in which none did. If those are very many, as under a load test, nobody is paired there.

mod groups;

use std::hash::BuildHasher;

use hashbrown::HashMap;

use super::hash_index::HashIndex;
use super::model_ids::ModelIds;
use super::row::{NONE, Phase, Row, RowIx};
use super::slab::Slab;
use super::{Changes, PackedUsage, Store};
use crate::model::{Nanos, SpanType};
use groups::{Call, groups};

/// How far apart the ends of a pair lie at most.
const FAR: Nanos = 1_000_000_000;

/// Rows of the same counts in seconds on end beyond which nobody is paired there.
pub(super) const CROWD: usize = 64;

/// Tokens in and out, and when the row ended in units of [`FAR`].
pub(super) type Slot = (u32, u32, Nanos);

/// Rows that may be paired by their places; empty while one instrument alone tells of usage.
#[derive(Debug, Default)]
pub(super) struct Pairing {
    is_kept: bool,
    rows: HashIndex,
    /// How many rows more than [`CROWD`] there are at a place; they are not in the table.
    surplus: HashMap<Slot, u32>,
}

/// Where a row stands; `None` if it can't be paired.
fn place(row: &Row, usages: &Slab<PackedUsage>, services: &ModelIds) -> Option<Slot> {
    let is_call = row.span_type.calls_model();
    if row.usage == NONE || !is_call || row.phase != Phase::Ended || row.start > row.end {
        return None;
    }
    let packed = &usages[row.usage];
    let usage = packed.usage();
    let (input, output) = (usage.input?, usage.output.unwrap_or_default());
    let is_counted = input > 0 && (output > 0 || row.span_type != SpanType::Model);
    (is_counted && !services.instrument(packed.model_id).is_empty()).then(|| (input, output, row.end.div_euclid(FAR)))
}

impl Store {
    pub(super) fn place(&self, row: RowIx) -> Option<Slot> {
        place(self.row(row), &self.usages, &self.model_ids)
    }

    /// Puts a row where it can be found, if it can be paired and there is more than one instrument; returns where, for `pair_around`.
    pub(super) fn enter_pairing(&mut self, row: RowIx) -> Option<Slot> {
        if self.counterparts.is_kept {
            return self.put(row);
        }
        if !self.model_ids.are_of_many_instruments() {
            return None;
        }
        self.counterparts.is_kept = true;
        let all: Vec<RowIx> = self.rows().collect();
        for row in all {
            self.put(row);
        }
        self.place(row)
    }

    fn put(&mut self, row: RowIx) -> Option<Slot> {
        let at = self.place(row)?;
        if self.counterparts.surplus.contains_key(&at) || self.rows_at(at).count() > CROWD {
            // Nobody is paired here before, and nobody after.
            *self.counterparts.surplus.entry(at).or_default() += 1;
            return None;
        }
        let (rows, usages, services, hasher) = (&self.rows, &self.usages, &self.model_ids, &self.hasher);
        let rehash = |&row: &u32| hasher.hash_one(place(&rows[row], usages, services).unwrap_or_default());
        self.counterparts.rows.insert_unique(hasher.hash_one(at), row.0, rehash);
        Some(at)
    }

    /// Takes a row away from where it was put; returns where that was, for `pair_around`.
    pub(super) fn leave_pairing(&mut self, row: RowIx) -> Option<Slot> {
        if !self.counterparts.is_kept {
            return None;
        }
        let place = self.place(row)?;
        if !self.counterparts.rows.remove(self.hasher.hash_one(place), |&at| at == row.0)
            && let Some(surplus) = self.counterparts.surplus.get_mut(&place)
        {
            *surplus -= 1;
            if *surplus == 0 {
                self.counterparts.surplus.remove(&place);
            }
        }
        Some(place)
    }

    fn rows_at(&self, place: Slot) -> impl Iterator<Item = RowIx> {
        let all = self.counterparts.rows.all(self.hasher.hash_one(place)).map(|&row| RowIx(row));
        all.filter(move |&row| self.place(row) == Some(place))
    }

    /// Pairs anew the rows that what came or went at a place concerns.
    pub(super) fn pair_neighbours(&mut self, place: Option<Slot>, changes: &mut Changes) {
        let Some((input, output, second)) = place.filter(|_| self.counterparts.is_kept) else { return };
        if self.is_empty_at((input, output, second)) {
            // What stood to its left and to its right may have been one.
            self.pair_chain((input, output, second - 1), changes);
            self.pair_chain((input, output, second + 1), changes);
        } else {
            self.pair_chain((input, output, second), changes);
        }
    }

    fn is_empty_at(&self, place: Slot) -> bool {
        self.rows_at(place).next().is_none() && !self.counterparts.surplus.contains_key(&place)
    }

    /// Pairs the rows of a place and of those next to it without a gap.
    fn pair_chain(&mut self, place: Slot, changes: &mut Changes) {
        let Some((rows, is_crowd)) = self.chain(place) else { return };
        if rows.iter().all(|&row| self.usages[self.row(row).usage].named() != 0) {
            return;
        }
        let answers = if is_crowd || rows.len() == 1 { vec![0; rows.len()] } else { self.answers(&rows) };
        for (row, answer) in rows.into_iter().zip(answers) {
            let usage = self.usages[self.row(row).usage];
            if usage.named() != 0 || usage.response() == answer {
                continue;
            }
            let before = self.retract(row, changes);
            self.set_echo(row, false, changes);
            self.elect_primary(before, changes);
            if answer != 0 {
                self.note_response(row, answer, true);
                self.elect_primary(answer, changes);
            }
        }
    }

    /// The rows of a place and of those next to it without a gap, at least as many on either side as tell that they are too many, and
    /// whether they are. `None` if there is none.
    fn chain(&self, (input, output, second): Slot) -> Option<(Vec<RowIx>, bool)> {
        let (mut rows, mut is_crowd) = (Vec::new(), false);
        for (from, step) in [(second, -1), (second + 1, 1)] {
            let (mut second, before) = (from, rows.len());
            while rows.len() - before <= CROWD {
                let (place, known) = ((input, output, second), rows.len());
                rows.extend(self.rows_at(place));
                is_crowd |= self.counterparts.surplus.contains_key(&place);
                if rows.len() == known {
                    break;
                }
                second += step;
            }
        }
        is_crowd |= rows.len() > CROWD;
        (!rows.is_empty()).then_some((rows, is_crowd))
    }

    /// The answer that each of the rows adopts; 0: none.
    fn answers(&self, rows: &[RowIx]) -> Vec<u32> {
        let call = |(at, &row): (usize, &RowIx)| {
            let (data, usage) = (self.row(row), &self.usages[self.row(row).usage]);
            Call {
                id: (self.trace(data.trace()).id, data.id),
                at,
                start: data.start,
                end: data.end,
                parent: self.stated_parent(row),
                instrument: self.model_ids.instrument(usage.model_id),
                named: usage.named(),
            }
        };
        let mut calls: Vec<Call> = rows.iter().enumerate().map(call).collect();
        calls.sort_unstable_by_key(|call| call.id);
        let mut answers = vec![0; rows.len()];
        for group in groups(&calls).iter().filter(|group| group.calls.count_ones() > 1) {
            let of_group: Vec<&Call> =
                calls.iter().enumerate().filter(|(at, _)| group.calls >> at & 1 != 0).map(|(_, call)| call).collect();
            let answer = if group.named == 0 { self.invented(&of_group, rows) } else { group.named };
            for call in of_group.iter().filter(|call| call.named == 0) {
                answers[call.at] = answer;
            }
        }
        answers
    }

    /// An id for the answer that the calls tell of and none names: one that nobody else has.
    fn invented(&self, calls: &[&Call], rows: &[RowIx]) -> u32 {
        let mut answer = calls.first().map_or(0, |call| self.hasher.hash_one(call.id) as u32);
        let is_other = |row: &RowIx| !calls.iter().any(|call| rows[call.at] == *row);
        while answer == 0 || self.common_responses.contains(&answer) || self.tellers(answer).iter().any(is_other) {
            answer = answer.wrapping_add(1);
        }
        answer
    }
}

#[cfg(test)]
mod tests;
