//! Counts of a model call that states none, or its output only, as some streams do: the only call of another sender that may be the same
//! lends them.
//!
//! A row may *lend* its counts to another one if it is of another instrumentation or service and of another trace, ran within the time of the
//! other, began at most [`MAX_LAG`] after it, and has the same output tokens or, if the other states none, names the same model, as the one
//! that answered or the one that was asked for, by it or by a failed attempt before it. It does only if nothing else may: each way there is
//! one call, which several rows of one trace may report. The row then takes part in pairing as if it had these counts.
//!
//! Some reports count the reasoning in the output and others leave it out. A row that states it takes part in pairing without it if that is
//! the output of another report at that time, which states no reasoning, and if none there has the whole output.

use std::collections::BTreeSet;

use hashbrown::HashMap;

use super::super::interner::Symbol;
use super::super::ix::{NONE, RowIx};
use super::super::nesting::TOLERANCE;
use super::super::row::Phase;
use super::super::{Changes, Store};
use crate::model::{Nanos, SpanType};

/// How long after a call the other report of it may begin.
const MAX_LAG: Nanos = 2_000_000_000;

/// How far the starts of calls are from each other that the counts of one may depend on.
const REACH: Nanos = MAX_LAG + TOLERANCE;

/// The most calls within the reach of one. With more, as in a load test, nothing is lent to it.
const MAX_NEAR: usize = 64;

/// The calls that lack counts and those that may lend them, by start.
#[derive(Debug, Default)]
pub(super) struct Lent {
    lacking: BTreeSet<(Nanos, RowIx)>,
    stating: BTreeSet<(Nanos, RowIx)>,
    /// Those of `stating` whose output has reasoning in it.
    reasoning: BTreeSet<(Nanos, RowIx)>,
    /// The lent counts of input and output, and those without the reasoning.
    counts: HashMap<RowIx, (u32, u32)>,
    /// The models that calls asked for by another name than that of the model that answered.
    asked_models: HashMap<RowIx, Symbol>,
    /// The starts of the calls that came or went.
    touched: Vec<Nanos>,
}

impl Lent {
    /// Returns the bytes of memory of the models that calls asked for, estimated.
    pub(super) fn memory(&self) -> usize {
        self.asked_models.capacity() * (size_of::<(RowIx, Symbol)>() + 1)
    }

    /// Returns the calls whose counts calls at these starts, in ascending order, may decide.
    fn unsettled(&self, touched: &[Nanos]) -> Vec<RowIx> {
        let mut unsettled = self.near(&self.lacking, touched);
        unsettled.extend(self.near(&self.reasoning, touched));
        unsettled
    }

    /// Returns the calls of a set that are within the reach of these starts.
    fn near(&self, calls: &BTreeSet<(Nanos, RowIx)>, touched: &[Nanos]) -> Vec<RowIx> {
        let mut near = BTreeSet::new();
        for &start in touched {
            // Farther ones have too many others within reach.
            let before = calls.range((start - REACH, RowIx(0))..(start, RowIx(0))).rev().take(MAX_NEAR + 2);
            let after = calls.range((start, RowIx(0))..=(start + REACH, RowIx(u32::MAX))).take(MAX_NEAR + 2);
            near.extend(before.chain(after));
        }
        let near: Vec<(Nanos, RowIx)> = near.into_iter().collect();
        let (mut first, mut last) = (0, 0);
        let mut unsettled = Vec::new();
        for &(start, row) in &near {
            first += near[first..].iter().take_while(|other| other.0 < start - REACH).count();
            last += near[last..].iter().take_while(|other| other.0 <= start + REACH).count();
            // With too many within reach nothing is lent, whichever came or went.
            if last - first <= MAX_NEAR || self.counts.contains_key(&row) {
                unsettled.push(row);
            }
        }
        unsettled
    }

    /// Returns the counts that a row was lent, or those without its reasoning.
    pub(super) fn counts(&self, row: RowIx) -> Option<(u32, u32)> {
        if self.counts.is_empty() { None } else { self.counts.get(&row).copied() }
    }
}

/// Returns the rows whose starts are within the times, at most one more than [`MAX_NEAR`].
fn within(rows: &BTreeSet<(Nanos, RowIx)>, from: Nanos, to: Nanos) -> Vec<RowIx> {
    rows.range((from, RowIx(0))..=(to, RowIx(u32::MAX))).take(MAX_NEAR + 1).map(|&(_, row)| row).collect()
}

/// Returns whether two names are of one model: the second may have a provider before it and a date after it, or the first.
fn is_same_model(one: &str, other: &str) -> bool {
    let name = |name: &str| name.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    let (one, other) = (name(one), name(other));
    let is_dated = |long: &str, short: &str| {
        let date = long.strip_prefix(short).and_then(|rest| rest.strip_prefix(['-', '@']));
        date.is_some_and(|date| date.bytes().take_while(u8::is_ascii_digit).count() >= 4)
    };
    !one.is_empty() && !other.is_empty() && (one == other || is_dated(&one, &other) || is_dated(&other, &one))
}

impl Store {
    /// Remembers the model that a filled row asked for, if it is known by another name than the model that the row states.
    pub(in crate::store) fn set_asked_model(&mut self, row: RowIx, name: &str) {
        if !name.is_empty() && self.row(row).usage != NONE && !is_same_model(name, self.text(self.stated_model(row).1)) {
            let name = self.texts.intern(name);
            self.pairing.lent.asked_models.insert(row, name);
        }
    }

    /// Returns the model that a row asked for, if it is known by another name than the model that the row states.
    pub(in crate::store) fn asked_model(&self, row: RowIx) -> Option<Symbol> {
        self.pairing.lent.asked_models.get(&row).copied()
    }

    pub(in crate::store) fn release_asked_model(&mut self, row: RowIx) {
        if let Some(name) = self.pairing.lent.asked_models.remove(&row) {
            self.texts.release(name);
        }
    }

    /// Returns whether two calls name one model, as the one that answered or the one that was asked for.
    pub(super) fn share_model(&self, one: RowIx, other: RowIx) -> bool {
        let names = |row: RowIx| [Some(self.stated_model(row).1), self.asked_model(row)];
        let text = |name: Option<Symbol>| name.map_or("", |name| self.text(name));
        names(one).iter().any(|&name| names(other).iter().any(|&other| is_same_model(text(name), text(other))))
    }

    /// Returns whether a failed attempt of the request that made a call names the same model as another call.
    fn shares_model_of_attempt(&self, call: RowIx, other: RowIx) -> bool {
        let request = self.row(call).parent().filter(|&request| self.below(request).failed > 0);
        let attempts = request.into_iter().flat_map(|request| self.nested_calls(request));
        attempts
            .filter(|&attempt| self.row(attempt).was_retried() && self.row(attempt).usage != NONE)
            .any(|attempt| self.share_model(attempt, other))
    }

    /// Adds a row to the calls that lack counts or may lend them, if it is one.
    pub(super) fn enter_lent(&mut self, row: RowIx) {
        let start = self.row(row).start;
        if self.stated_without_reasoning(row).is_some() {
            self.pairing.lent.reasoning.insert((start, row));
        }
        let is_new = if self.lacks_counts(row) {
            self.pairing.lent.lacking.insert((start, row))
        } else {
            self.states_counts(row) && self.pairing.lent.stating.insert((start, row))
        };
        if is_new {
            self.pairing.lent.touched.push(start);
        }
    }

    /// Removes a row from them.
    pub(super) fn leave_lent(&mut self, row: RowIx) {
        let entry = (self.row(row).start, row);
        let lent = &mut self.pairing.lent;
        lent.counts.remove(&row);
        lent.reasoning.remove(&entry);
        if lent.lacking.remove(&entry) || lent.stating.remove(&entry) {
            lent.touched.push(entry.0);
        }
        if let Some(request) = self.row(row).parent().filter(|_| self.row(row).was_retried()) {
            self.touch_lenders(request);
        }
    }

    /// Remembers that the attempts of a request changed, whose answer may lend its counts.
    pub(in crate::store) fn touch_lenders(&mut self, request: RowIx) {
        let starts = self.nested_calls(request).into_iter().map(|call| (self.row(call).start, call));
        let starts: Vec<Nanos> = starts.filter(|entry| self.pairing.lent.stating.contains(entry)).map(|entry| entry.0).collect();
        self.pairing.lent.touched.extend(starts);
    }

    /// Decides again which counts are lent around the calls that came or went, and pairs those whose counts changed. Costs the number of
    /// calls near them, so call it once a batch.
    pub(in crate::store) fn settle_lent(&mut self, changes: &mut Changes) {
        while !self.pairing.lent.touched.is_empty() {
            let mut touched = std::mem::take(&mut self.pairing.lent.touched);
            touched.sort_unstable();
            touched.dedup();
            for row in self.pairing.lent.unsettled(&touched) {
                self.lend(row, changes);
            }
        }
    }

    fn lend(&mut self, row: RowIx, changes: &mut Changes) {
        let counts = if self.lacks_counts(row) { self.lendable_counts(row) } else { self.counts_without_reasoning(row) };
        if counts == self.pairing.lent.counts(row) {
            return;
        }
        let usage = self.usages[self.row(row).usage];
        if usage.stated_response() == 0 && usage.response() != 0 {
            let response = self.retract_report(row, changes);
            self.set_duplicate(row, false, changes);
            self.elect_primary(response, changes);
        }
        let old = self.leave_slot(row);
        match counts {
            Some(counts) => self.pairing.lent.counts.insert(row, counts),
            None => self.pairing.lent.counts.remove(&row),
        };
        let new = self.insert_into_slot(row);
        self.pair_around(old, changes);
        self.pair_around(new, changes);
    }

    /// Returns whether a row is an ended chat that states no input.
    pub(super) fn lacks_counts(&self, row: RowIx) -> bool {
        let data = self.row(row);
        let is_call = data.usage != NONE && data.span_type == SpanType::Model && data.phase == Phase::Ended && data.start <= data.end;
        is_call && !data.fails() && self.usages[data.usage].without_filled().usage().input.is_none()
    }

    fn states_counts(&self, row: RowIx) -> bool {
        self.row(row).span_type == SpanType::Model && self.stated_counts(row).is_some_and(|(input, output)| input > 0 && output > 0)
    }

    /// Returns the counts of a row without the reasoning that it states in its output.
    fn stated_without_reasoning(&self, row: RowIx) -> Option<(u32, u32)> {
        let (input, output) = self.stated_counts(row).filter(|_| self.states_counts(row))?;
        let rest = output.checked_sub(self.stated_reasoning(row)?).filter(|rest| (1..output).contains(rest));
        rest.map(|rest| (input, rest))
    }

    fn stated_reasoning(&self, row: RowIx) -> Option<u32> {
        self.usages[self.row(row).usage].without_filled().usage().reasoning
    }

    /// Returns the counts of a row without its reasoning, if only a report that leaves it out may be of the same call.
    fn counts_without_reasoning(&self, row: RowIx) -> Option<(u32, u32)> {
        let (whole, rest) = (self.stated_counts(row)?, self.stated_without_reasoning(row)?);
        let start = self.row(row).start;
        let near = within(&self.pairing.lent.stating, start - REACH, start + REACH);
        let is_report = |other: &RowIx| {
            let (data, other_data) = (self.row(row), self.row(*other));
            let (starts, ends) = (data.start.max(other_data.start), data.end.min(other_data.end));
            self.reporter(row) != self.reporter(*other) && starts <= ends.saturating_add(TOLERANCE)
        };
        let mut has_whole = false;
        let mut has_rest = false;
        for &other in near.iter().filter(|other| is_report(other)) {
            let counts = self.stated_counts(other);
            has_whole |= counts == Some(whole);
            has_rest |= counts == Some(rest) && self.stated_reasoning(other).is_none();
        }
        (near.len() <= MAX_NEAR && has_rest && !has_whole).then_some(rest)
    }

    /// Returns the counts of the only call that may lend them to a row that lacks counts.
    pub(in crate::store) fn lendable_counts(&self, row: RowIx) -> Option<(u32, u32)> {
        let (start, lent) = (self.row(row).start, &self.pairing.lent);
        let stating = within(&lent.stating, start - TOLERANCE, start + MAX_LAG);
        if stating.is_empty() || within(&lent.lacking, start - REACH, start + REACH).len() > MAX_NEAR {
            return None;
        }
        let lenders: Vec<RowIx> = stating.iter().copied().filter(|&other| self.may_lend(other, row)).collect();
        let counts = |row: RowIx| self.stated_counts(row);
        let &first = lenders.first().filter(|_| stating.len() <= MAX_NEAR)?;
        let is_same_call = |&other: &RowIx| self.row(other).trace == self.row(first).trace && counts(other) == counts(first);
        let is_only = |&lender: &RowIx| {
            let start = self.row(lender).start;
            let mut others = within(&lent.lacking, start - MAX_LAG, start + TOLERANCE).into_iter();
            others.all(|other| other == row || !self.may_lend(lender, other) || self.are_nested_reports(row, other))
        };
        if lenders.iter().all(|lender| is_same_call(lender) && is_only(lender)) { counts(first) } else { None }
    }

    /// Returns whether two rows of a trace may be reports of one call, by different instrumentations.
    fn are_nested_reports(&self, one: RowIx, other: RowIx) -> bool {
        self.row(one).trace == self.row(other).trace
            && self.reporter(one) != self.reporter(other)
            && (self.ran_within(one, other) || self.ran_within(other, one))
    }

    /// Returns whether a row that states counts may report the same call as one that lacks them.
    fn may_lend(&self, lender: RowIx, row: RowIx) -> bool {
        // Spans of one trace are told apart by where they stand.
        let (one, other) = (self.row(lender), self.row(row));
        let may_be_one_call = (one.trace != other.trace || one.is_from_log() != other.is_from_log())
            && self.reporter(lender) != self.reporter(row)
            && self.row(lender).start <= self.row(row).start.saturating_add(MAX_LAG)
            && self.ran_within(lender, row);
        let output = self.usages[self.row(row).usage].without_filled().usage().output.filter(|output| *output > 0);
        let has_same_output = |output| self.stated_counts(lender).is_some_and(|counts| counts.1 == output);
        let has_same_model = || self.share_model(lender, row) || self.shares_model_of_attempt(lender, row);
        may_be_one_call && output.map_or_else(has_same_model, has_same_output)
    }

    fn ran_within(&self, inner: RowIx, outer: RowIx) -> bool {
        let (inner, outer) = (self.row(inner), self.row(outer));
        outer.start <= inner.start.saturating_add(TOLERANCE) && inner.end <= outer.end.saturating_add(TOLERANCE)
    }

    /// Panics unless exactly the counts are lent that can be.
    #[cfg(test)]
    pub(in crate::store) fn check_lent(&self) {
        let lent = &self.pairing.lent;
        assert!(lent.touched.is_empty());
        for row in self.rows().filter(|_| self.pairing.is_active()) {
            let entry = (self.row(row).start, row);
            assert_eq!(lent.lacking.contains(&entry), self.lacks_counts(row));
            assert_eq!(lent.stating.contains(&entry), !self.lacks_counts(row) && self.states_counts(row));
            assert_eq!(lent.reasoning.contains(&entry), self.stated_without_reasoning(row).is_some());
            let counts = if self.lacks_counts(row) { self.lendable_counts(row) } else { self.counts_without_reasoning(row) };
            assert_eq!(lent.counts(row), counts, "counts are lent if one call may lend them");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_same_model;

    #[test]
    fn names_of_one_model_differ_by_provider_and_date() {
        for (one, other) in
            [("gpt-5-mini", "gpt-5-mini-2025-08-07"), ("openai/gpt-4o", "GPT-4o"), ("claude-sonnet-4-5@20250929", "claude-sonnet-4-5")]
        {
            assert!(is_same_model(one, other) && is_same_model(other, one), "{one} {other}");
        }
        for (one, other) in [("gpt-5", "gpt-5-mini"), ("claude-sonnet-4", "claude-sonnet-4-5"), ("", ""), ("gpt-5", "")] {
            assert!(!is_same_model(one, other) && !is_same_model(other, one), "{one} {other}");
        }
    }
}
