//! Calls of models that are told of twice: two instruments in one program, each with a trace of its own, both send a span for the call.
//!
//! They bear the same id, which is the provider's for its answer. One of them counts; the others are *echoes*, whose usage is shown with
//! them and counts nowhere. Which one counts does not depend on what came first.

use std::hash::BuildHasher;

use smallvec::SmallVec;

use super::row::{NONE, RowIx};
use super::{Changes, Store};
use crate::model::{Kind, Nanos, SpanId, TraceId, Usage};

/// Spans that tell of one call at most. An id on more of them is no answer's: every call of some programs bears the same.
const TELLERS: usize = 8;

/// Of those that tell of one call the highest counts: one that somebody asked for, that knows most, the innermost.
type Rank = (bool, usize, Nanos, std::cmp::Reverse<Nanos>, TraceId, SpanId);

impl Store {
    /// Whether what the row states is counted with another row, which tells of the same call.
    #[must_use]
    pub fn is_echo(&self, row: RowIx) -> bool {
        let usage = self.row(row).usage;
        usage != NONE && self.usages[usage].is_echo()
    }

    /// The row with which the call is counted that this echo tells of, too.
    #[must_use]
    pub fn echo_of(&self, row: RowIx) -> Option<RowIx> {
        let response = self.is_echo(row).then(|| self.usages[self.row(row).usage].response)?;
        self.teller(&self.tellers(response))
    }

    /// The id of an answer as rows keep it; 0 is none.
    pub(super) fn response(&self, id: &str) -> u32 {
        if id.is_empty() { 0 } else { (self.hasher.hash_one(id) as u32).max(1) }
    }

    /// Notes that the row tells of an answer, if it is a model's and states usage; returns which, for `judge`.
    pub(super) fn tell(&mut self, row: RowIx, response: u32) -> u32 {
        let (usage, kind) = (self.row(row).usage, self.row(row).kind);
        let is_call = matches!(kind, Kind::Model | Kind::Embedding | Kind::Reranker);
        if usage == NONE || !is_call || response == 0 || self.common_responses.contains(&response) {
            return 0;
        }
        self.usages[usage].response = response;
        let (rows, usages, hasher) = (&self.rows, &self.usages, &self.hasher);
        let rehash = |&row: &u32| hasher.hash_one(usages[rows[row].usage].response);
        self.by_response.insert_unique(hasher.hash_one(response), row.0, rehash);
        response
    }

    /// Forgets that the row tells of an answer; returns which, for `judge`.
    pub(super) fn forget_response(&mut self, row: RowIx) -> u32 {
        let usage = self.row(row).usage;
        if usage == NONE || self.usages[usage].response == 0 {
            return 0;
        }
        let response = std::mem::take(&mut self.usages[usage].response);
        self.by_response.remove(self.hasher.hash_one(response), |&at| at == row.0);
        response
    }

    /// Decides anew which of the rows that tell of an answer counts.
    pub(super) fn judge(&mut self, response: u32, changes: &mut Changes) {
        if response == 0 {
            return;
        }
        let rows = self.tellers(response);
        let is_common = rows.len() > TELLERS;
        let counts = if is_common { None } else { self.teller(&rows) };
        for &row in &rows {
            let is_echo = counts.is_some_and(|counts| self.repeats(row, counts));
            if self.is_echo(row) != is_echo {
                let usage = self.row(row).usage;
                self.change(row, |store| store.usages[usage].set_echo(is_echo));
                self.recount_around(row);
                changes.rows.push(row);
                self.touch(self.row(row).trace(), changes);
            }
            if is_common {
                self.forget_response(row);
            }
        }
        if is_common {
            self.common_responses.insert(response);
        }
        if let Some(counts) = counts {
            self.learn(counts, &rows, changes);
        }
    }

    /// Gives the row that counts what the others know and it does not.
    fn learn(&mut self, counts: RowIx, rows: &[RowIx], changes: &mut Changes) {
        let at = self.row(counts).usage;
        let mut usage = self.usages[at];
        let mut others: Vec<RowIx> = rows.iter().copied().filter(|&row| self.is_echo(row)).collect();
        others.sort_by_key(|&row| std::cmp::Reverse(self.rank(row)));
        let mut known = false;
        for row in others {
            known |= usage.learn(&self.usages[self.row(row).usage]);
        }
        if !known {
            return;
        }
        let (kind, start) = (self.row(counts).kind, self.row(counts).start);
        usage.price(self.pricing.cost(&mut self.texts, self.services.get(usage.service), &usage, kind, start));
        self.change(counts, |store| store.usages[at] = usage);
        changes.rows.push(counts);
        self.touch(self.row(counts).trace(), changes);
    }

    pub(super) fn tellers(&self, response: u32) -> SmallVec<[RowIx; 2]> {
        let tells = |&&row: &&u32| self.usages[self.rows[row].usage].response == response;
        self.by_response.all(self.hasher.hash_one(response)).filter(tells).take(TELLERS + 1).map(|&row| RowIx(row)).collect()
    }

    /// The row that counts of those with the same id; `None` if they can't all tell of one call, and so each counts.
    pub(super) fn teller(&self, rows: &[RowIx]) -> Option<RowIx> {
        let began = rows.iter().map(|&row| self.row(row).start).max()?;
        let ended = rows.iter().map(|&row| self.row(row).end).min()?;
        let agree = |count: fn(&Usage) -> Option<u32>| {
            let mut counts = rows.iter().filter_map(|&row| count(&self.usage(row)?));
            let first = counts.next();
            counts.all(|count| Some(count) == first)
        };
        // Some count one more token of a stream than others.
        (rows.len() > 1 && began <= ended && (agree(|usage| usage.input) || agree(|usage| usage.output)))
            .then(|| rows.iter().copied().max_by_key(|&row| self.rank(row)))?
    }

    fn rank(&self, row: RowIx) -> Rank {
        let data = self.row(row);
        let usage = self.usage(row).unwrap_or_default();
        let parts = [usage.input, usage.output, usage.cache_read, usage.cache_write, usage.reasoning];
        let known = parts.iter().flatten().filter(|count| **count > 0).count();
        (self.stated_parent(row).is_some(), known, data.start, std::cmp::Reverse(data.end), self.trace(data.trace()).id, data.id)
    }

    /// Whether a row that tells of the same call does not count beside the one that does. Of rows of one trace that may hang under each
    /// other the lower one counts, as ever.
    pub(super) fn repeats(&self, row: RowIx, counts: RowIx) -> bool {
        let elsewhere = self.row(row).trace != self.row(counts).trace;
        row != counts && (elsewhere || self.stated_parent(row) == self.stated_parent(counts))
    }
}
