//! Calls of models that are told of twice: two instruments in one program, each with a trace of its own, both send a span for the call.
//!
//! They bear the same id, which is the provider's for its answer, or are known to tell of the same call by its counts and its time (see
//! [`counterparts`](super::counterparts)). One of them counts; the others are *echoes*, whose usage is shown with them and counts nowhere.
//! Which one counts does not depend on what came first.

use std::hash::BuildHasher;

use smallvec::SmallVec;

use super::row::{NONE, PackedUsage, RowIx};
use super::{Changes, Store};
use crate::model::{Nanos, SpanId, TraceId, Usage};

/// Spans that tell of one call at most. An id on more of them is no answer's: every call of some programs bears the same.
pub(super) const TELLERS: usize = 8;

/// Of those that tell of one call the highest counts: one that somebody asked for, that knows most, the innermost.
type Rank = (bool, usize, Nanos, std::cmp::Reverse<Nanos>, TraceId, SpanId);

impl Store {
    /// Whether what the row states is counted with another row, which tells of the same call.
    #[must_use]
    pub fn is_duplicate(&self, row: RowIx) -> bool {
        let usage = self.row(row).usage;
        usage != NONE && self.usages[usage].is_duplicate()
    }

    /// The row with which the call is counted that this echo tells of, too.
    #[must_use]
    pub fn primary_of(&self, row: RowIx) -> Option<RowIx> {
        let response = self.is_duplicate(row).then(|| self.usages[self.row(row).usage].response())?;
        self.teller(&self.tellers(response))
    }

    /// The id of an answer as rows keep it; 0 is none.
    pub(super) fn response(&self, id: &str) -> u32 {
        if id.is_empty() { 0 } else { (self.hasher.hash_one(id) as u32).max(1) }
    }

    /// Notes that the row tells of an answer, if it is a model's and states usage; returns which, for `judge`.
    pub(super) fn report(&mut self, row: RowIx, response: u32) -> u32 {
        let (usage, kind) = (self.row(row).usage, self.row(row).span_type);
        let is_call = kind.calls_model();
        if usage == NONE || !is_call || response == 0 || self.common_responses.contains(&response) {
            return 0;
        }
        self.note_response(row, response, false);
        response
    }

    /// Notes of which answer a row tells that has none yet.
    pub(super) fn note_response(&mut self, row: RowIx, response: u32, is_adopted: bool) {
        let usage = self.row(row).usage;
        self.usages[usage].set_response(response, is_adopted);
        let (rows, usages, hasher) = (&self.rows, &self.usages, &self.hasher);
        let rehash = |&row: &u32| hasher.hash_one(usages[rows[row].usage].response());
        self.by_response.insert_unique(hasher.hash_one(response), row.0, rehash);
    }

    /// Forgets that the row tells of an answer; returns which, for `judge`.
    pub(super) fn forget_response(&mut self, row: RowIx) -> u32 {
        let usage = self.row(row).usage;
        if usage == NONE || self.usages[usage].response() == 0 {
            return 0;
        }
        let response = self.usages[usage].response();
        self.usages[usage].set_response(0, false);
        self.by_response.remove(self.hasher.hash_one(response), |&at| at == row.0);
        response
    }

    /// Forgets that the row tells of an answer, and that others learnt from those who tell of it what now may not be so; returns which.
    pub(super) fn retract(&mut self, row: RowIx, changes: &mut Changes) -> u32 {
        let usage = self.row(row).usage;
        if usage != NONE && self.usages[usage].response() != 0 {
            let rows = self.tellers(self.usages[usage].response());
            self.fill_from_duplicates(&rows, None, changes);
        }
        self.forget_response(row)
    }

    /// Decides anew which of the rows that tell of an answer counts.
    pub(super) fn elect_primary(&mut self, response: u32, changes: &mut Changes) {
        if response == 0 {
            return;
        }
        let rows = self.tellers(response);
        let is_common = rows.iter().filter(|&&row| self.usages[self.row(row).usage].named() != 0).count() > TELLERS;
        let counts = if is_common { None } else { self.teller(&rows) };
        for &row in &rows {
            self.set_echo(row, counts.is_some_and(|counts| self.repeats(row, counts)), changes);
            if is_common {
                self.forget_response(row);
            }
        }
        self.fill_from_duplicates(&rows, counts, changes);
        if is_common {
            self.common_responses.insert(response);
            for &row in &rows {
                self.pair_neighbours(self.place(row), changes);
            }
        }
    }

    /// Lets a row that states usage count for that, or not.
    pub(super) fn set_echo(&mut self, row: RowIx, is_echo: bool, changes: &mut Changes) {
        if self.is_duplicate(row) != is_echo {
            let usage = self.row(row).usage;
            self.change(row, |store| store.usages[usage].set_echo(is_echo));
            self.recount_around(row);
            changes.rows.push(row);
            self.touch(self.row(row).trace(), changes);
        }
    }

    /// Gives the row that counts what the others know and it does not, and leaves each of the others its own word.
    pub(super) fn fill_from_duplicates(&mut self, rows: &[RowIx], counts: Option<RowIx>, changes: &mut Changes) {
        if rows.len() < 2 {
            // What was learnt from a row that is gone is true still.
            return;
        }
        let mut others: SmallVec<[RowIx; 2]> = rows.iter().copied().filter(|&row| self.is_duplicate(row)).collect();
        others.sort_by_key(|&row| std::cmp::Reverse(self.rank(row)));
        let others: SmallVec<[PackedUsage; 2]> = others.iter().map(|&row| self.usages[self.row(row).usage].without_filled()).collect();
        for &row in rows {
            let data = self.row(row);
            let (at, kind, start, trace) = (data.usage, data.span_type, data.start, data.trace());
            let mut usage = self.usages[at].without_filled();
            if Some(row) == counts {
                others.iter().for_each(|other| usage.fill_from(other));
            }
            if !usage.counts_like(&self.usages[at]) {
                usage.price(self.pricing.cost(&mut self.texts, self.model_ids.get(usage.model_id), &usage, kind, start));
                self.change(row, |store| store.usages[at] = usage);
                changes.rows.push(row);
                self.touch(trace, changes);
            }
        }
    }

    pub(super) fn tellers(&self, response: u32) -> SmallVec<[RowIx; 2]> {
        let tells = |&&row: &&u32| self.usages[self.rows[row].usage].response() == response;
        self.by_response.all(self.hasher.hash_one(response)).filter(tells).map(|&row| RowIx(row)).collect()
    }

    /// Decides anew for what hangs now, or hung, above a row with others below it: which row counts is told by what hangs under what.
    pub(super) fn elect_primary_above(&mut self, row: RowIx, before: Option<RowIx>, changes: &mut Changes) {
        let parent = self.row(row).parent();
        for from in [parent, before.filter(|_| before != parent)] {
            let above = |row: &RowIx| self.row(*row).parent();
            let usages = std::iter::successors(from, above).map(|row| self.row(row).usage).filter(|usage| *usage != NONE);
            let answers: SmallVec<[u32; 4]> = usages.map(|usage| self.usages[usage].response()).filter(|answer| *answer != 0).collect();
            for answer in answers {
                self.elect_primary(answer, changes);
            }
        }
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
        // Of rows that hang under each other the lower one counts, as ever.
        let is_lowest = |&row: &RowIx| !rows.iter().any(|&other| self.hangs_under(other, row));
        // Some count one more token of a stream than others.
        (rows.len() > 1 && began <= ended && (agree(|usage| usage.input) || agree(|usage| usage.output)))
            .then(|| rows.iter().copied().filter(is_lowest).max_by_key(|&row| self.rank(row)))?
    }

    /// Whether a row hangs somewhere under another one.
    fn hangs_under(&self, row: RowIx, other: RowIx) -> bool {
        let (data, above) = (self.row(row), self.row(other));
        row != other && data.trace == above.trace && above.children != NONE && self.is_below(row, other)
    }

    fn rank(&self, row: RowIx) -> Rank {
        let data = self.row(row);
        let usage = self.usages[data.usage].without_filled().usage();
        let parts = [usage.input, usage.output, usage.cache_read, usage.cache_write, usage.reasoning];
        let known = parts.iter().flatten().filter(|count| **count > 0).count();
        (self.stated_parent(row).is_some(), known, data.start, std::cmp::Reverse(data.end), self.trace(data.trace()).id, data.id)
    }

    /// Whether a row that tells of the same call does not count for that: it is not the one that does, nor above it, where it does not count
    /// since that states the same.
    pub(super) fn repeats(&self, row: RowIx, counts: RowIx) -> bool {
        row != counts && !self.hangs_under(counts, row)
    }
}
