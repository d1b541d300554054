//! Model calls that several spans report: two instrumentations in one program, each with its own trace, may both report a call.
//!
//! Such *reports* overlap in time and share the provider's response id ([`response_ids`](super::response_ids)), or [`pairing`](super::pairing) finds that they belong together. One of them, the
//! *primary* row, counts. The others are *duplicates*: their usage shows but counts nowhere. Rows above the primary row that
//! report the same call ([`nesting`](super::nesting)) are not duplicates: they give way to it. The election of the primary row does not depend on
//! the order of arrival.
//!
//! A report may state no usage: the call failed, or only the other report knows the usage. If such a report is the primary row, it is
//! filled with the counts of its duplicates.

use std::hash::BuildHasher;

use hashbrown::HashMap;
use smallvec::SmallVec;

use super::hash_index::HashIndex;
use super::ix::{NONE, RowIx};
use super::packed_usage::PackedUsage;
use super::pairing::Slot;
use super::rare_tokens::parts_of;
use super::totals::Totals;
use super::{Changes, Store};
use crate::model::sort;
use crate::model::usage::RareTokens;
use crate::model::{Nanos, SpanId, TraceId, Usage};

/// The rank of a report; the highest one is the primary row. In this order: whose call it is, it names the model, a
/// span reports it, not a log event, it has a parent, it states most counts, it
/// starts last, it ends first.
type Rank = (Belonging, bool, bool, bool, usize, Nanos, std::cmp::Reverse<Nanos>, TraceId, SpanId);

/// Whose call a row is. An agent and a gateway may report the same call, each in its own trace; it counts for the agent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Belonging {
    /// It is a run or below one.
    pub(super) of_run: bool,
    /// It has a session.
    of_session: bool,
}

/// The reports of model calls. Responses are told apart by the hash of their id, or by another number if an id recurs or is unknown.
#[derive(Debug, Default)]
pub(super) struct Reports {
    /// Rows by the response that they report.
    pub(super) index: HashIndex,
    /// What a log event stated of a call, by the report that stays when the event's row goes.
    told: HashMap<RowIx, (PackedUsage, RareTokens)>,
}

impl Store {
    /// Returns whether the row's usage counts with another row that reports the same call.
    #[must_use]
    pub fn is_duplicate(&self, row: RowIx) -> bool {
        self.packed_usage(row).is_some_and(PackedUsage::is_duplicate)
    }

    /// Returns the primary row of a duplicate.
    #[must_use]
    pub fn primary_of(&self, row: RowIx) -> Option<RowIx> {
        let response = self.is_duplicate(row).then(|| self.response(row))?;
        self.primary(&self.reports_of(response))
    }

    /// Returns the response that the row reports; 0 if none.
    pub(super) fn response(&self, row: RowIx) -> u32 {
        self.packed_usage(row).map_or(0, PackedUsage::response)
    }

    /// Returns the hash of a response id; 0 for the empty id.
    pub(super) fn hash_response(&self, id: &str) -> u32 {
        if id.is_empty() { 0 } else { (self.hasher.hash_one(id) as u32).max(1) }
    }

    /// Returns all reports of a response.
    pub(super) fn reports_of(&self, response: u32) -> SmallVec<[RowIx; 2]> {
        let is_report = |&&row: &&u32| self.usages[self.rows[row].usage].response() == response;
        self.reports.index.all(self.hasher.hash_one(response)).filter(is_report).map(|&row| RowIx(row)).collect()
    }

    /// Adds a row to the reports of a response. The row must not be a report yet.
    pub(super) fn add_report(&mut self, row: RowIx, response: u32, is_paired: bool) {
        let usage = self.row(row).usage;
        self.usages[usage].set_response(response, is_paired);
        let (rows, usages, hasher) = (&self.rows, &self.usages, &self.hasher);
        let rehash = |&row: &u32| hasher.hash_one(usages[rows[row].usage].response());
        self.reports.index.insert_unique(hasher.hash_one(response), row.0, rehash);
    }

    /// Removes a row from the reports. Returns the response that it reported; 0 if none.
    pub(super) fn remove_report(&mut self, row: RowIx) -> u32 {
        let response = self.response(row);
        if response != 0 {
            self.usages[self.rows[row.0].usage].set_response(0, false);
            self.reports.index.remove(self.hasher.hash_one(response), |&other| other == row.0);
        }
        response
    }

    /// Removes a log event's row from the reports, whose facts stay with another one.
    pub(super) fn leave_report(&mut self, row: RowIx) {
        let response = self.remove_report(row);
        let reports = self.reports_of(response);
        let Some(heir) = self.primary(&reports).or(reports.first().copied()) else { return };
        let index = self.row(row).usage;
        let facts = (self.usages[index].without_filled(), self.rare_tokens.stated(index));
        let told = self.reports.told.entry(heir).or_insert(facts);
        if !told.0.states_cost() {
            *told = facts;
        }
    }

    /// Forgets what log events stated of a call whose report goes.
    pub(super) fn forget_told_report(&mut self, row: RowIx) {
        self.reports.told.remove(&row);
    }

    /// Removes a row from the reports, like [`Store::remove_report`], and first the counts that other reports of the response were
    /// filled with: they may come from this row.
    pub(super) fn retract_report(&mut self, row: RowIx, changes: &mut Changes) -> u32 {
        let response = self.response(row);
        if response != 0 {
            let reports = self.reports_of(response);
            self.fill_primary(&reports, None, changes);
        }
        self.remove_report(row)
    }

    /// Decides which report of a response is the primary row, and makes the others duplicates. Does nothing for response 0.
    pub(super) fn elect_primary(&mut self, response: u32, changes: &mut Changes) {
        if response == 0 {
            return;
        }
        let reports = self.reports_of(response);
        let primary = self.primary(&reports);
        for &row in &reports {
            self.set_duplicate(row, primary.is_some_and(|primary| self.is_duplicate_of(row, primary)), changes);
        }
        self.fill_primary(&reports, primary, changes);
    }

    /// Sets whether the row is a duplicate, and propagates the change.
    pub(super) fn set_duplicate(&mut self, row: RowIx, is_duplicate: bool, changes: &mut Changes) {
        if self.is_duplicate(row) != is_duplicate {
            let usage = self.row(row).usage;
            self.change(row, |store| store.usages[usage].set_duplicate(is_duplicate));
            self.recount_around(row);
            changes.rows.push(row);
            self.touch(self.row(row).trace(), changes);
        }
    }

    /// Fills what the primary row lacks from its duplicates: counts, the cost, and the model that answered. Removes what was filled in all
    /// other reports.
    pub(super) fn fill_primary(&mut self, reports: &[RowIx], primary: Option<RowIx>, changes: &mut Changes) {
        let told: SmallVec<[(RowIx, PackedUsage, RareTokens); 1]> = if self.reports.told.is_empty() {
            SmallVec::new()
        } else {
            reports.iter().filter_map(|row| self.reports.told.get(row).map(|&(usage, rare)| (*row, usage, rare))).collect()
        };
        if reports.len() < 2 && told.is_empty() {
            // Counts from an evicted duplicate remain true.
            return;
        }
        let mut duplicates: SmallVec<[RowIx; 2]> = reports.iter().copied().filter(|&row| self.is_duplicate(row)).collect();
        sort::by_key(&mut duplicates, |&row| std::cmp::Reverse(self.rank(row)));
        let rare = duplicates.iter().map(|&row| self.rare_tokens.stated(self.row(row).usage)).fold(RareTokens::default(), RareTokens::or);
        let duplicates: SmallVec<[PackedUsage; 2]> =
            duplicates.iter().map(|&row| self.usages[self.row(row).usage].without_filled()).collect();
        for &row in reports {
            let data = self.row(row);
            let index = data.usage;
            let model_of = self.answering_report(row, reports).filter(|_| Some(row) == primary);
            let has_new_model = self.set_answering_model(row, model_of.map(|report| self.stated_model(report)));
            let mut usage = self.usages[index].without_filled();
            let mut filled = RareTokens::default();
            if Some(row) == primary {
                duplicates.iter().for_each(|duplicate| usage.fill_from(duplicate));
                filled = rare;
            }
            // An event that is gone told of its own report in any case.
            for (_, usage_told, rare_told) in told.iter().filter(|(of, ..)| Some(row) == primary || *of == row) {
                usage.fill_from(usage_told);
                filled = filled.or(*rare_told);
            }
            let rare = parts_of(&usage.usage(), filled);
            let has_new_parts = self.rare_tokens.fill(index, rare);
            if has_new_model || has_new_parts || !usage.is_filled_like(&self.usages[index]) {
                self.set_usage(row, usage, changes);
            }
        }
    }

    /// Replaces the usage of a linked row, whose cost is computed.
    pub(super) fn set_usage(&mut self, row: RowIx, mut usage: PackedUsage, changes: &mut Changes) {
        let (index, trace, counted) = (self.row(row).usage, self.row(row).trace(), self.row(row).counted);
        let cost = self.computed_cost(row, &usage);
        usage.set_computed_cost(cost);
        self.set_counted(row, false);
        self.change(row, |store| store.usages[index] = usage);
        self.set_counted(row, counted);
        self.recount_around(row);
        changes.rows.push(row);
        self.touch(trace, changes);
    }

    /// Elects the primary row again for the reports above a row that has usage at or below it, at its old and its new place, and pairs them
    /// again: a row above another report is not elected, and a run or a tool call between them tells that they are two calls.
    pub(super) fn elect_primary_above(&mut self, row: RowIx, old_parent: Option<RowIx>, changes: &mut Changes) {
        let parent = self.row(row).parent();
        for start in [parent, old_parent.filter(|_| old_parent != parent)] {
            let path = start.into_iter().flat_map(|start| self.path(start));
            let responses: SmallVec<[u32; 4]> = path.map(|row| self.response(row)).filter(|response| *response != 0).collect();
            for response in responses {
                self.elect_primary(response, changes);
            }
            let slots: SmallVec<[Slot; 4]> =
                start.into_iter().flat_map(|start| self.path(start)).filter_map(|row| self.slot(row)).collect();
            for slot in slots {
                self.pair_around(Some(slot), changes);
            }
        }
    }

    /// Returns whose calls the row and the rows below it are, as far as the row and those above it tell.
    pub(super) fn belonging(&self, row: RowIx) -> Belonging {
        let (mut of_run, mut of_session) = (false, false);
        for row in self.path(row) {
            let data = self.row(row);
            of_run |= data.span_type.is_agentic() && !data.placeholder;
            of_session |= !data.session.is_empty();
            if of_run && of_session {
                break;
            }
        }
        Belonging { of_run, of_session }
    }

    /// Elects primary rows again for the reports below a row, whose belonging was `before` and changed.
    pub(super) fn elect_primary_below(&mut self, row: RowIx, before: Belonging, changes: &mut Changes) {
        let now = self.belonging(row);
        if now == before || !self.below(row).has_reports() {
            return;
        }
        // Rows that rise do not cease to be primary.
        let rises = now.of_run >= before.of_run && now.of_session >= before.of_session;
        let changes_pairs = now.of_run != before.of_run && self.pairing.is_active();
        let is_concerned = |totals: &Totals| if rises && !changes_pairs { totals.duplicates > 0 } else { totals.has_reports() };
        let (mut stack, mut responses, mut slots) = (vec![row], Vec::new(), Vec::new());
        while let Some(row) = stack.pop() {
            for &child in self.children(row) {
                if self.response(child) != 0 {
                    responses.push(self.response(child));
                }
                slots.extend(self.slot(child).filter(|_| changes_pairs));
                // Rows below a run belong to it as before, and to its session, if it has one.
                let data = self.row(child);
                let is_settled = data.is_agent() && (now.of_session == before.of_session || !data.session.is_empty());
                if !is_settled && is_concerned(&self.below(child)) {
                    stack.push(child);
                }
            }
        }
        responses.sort_unstable();
        responses.dedup();
        for response in responses {
            self.elect_primary(response, changes);
        }
        slots.sort_unstable();
        slots.dedup();
        for slot in slots {
            self.pair_around(Some(slot), changes);
        }
    }

    /// Returns the primary row among reports with the same response id; `None` if they cannot all report one call, and so each counts.
    pub(super) fn primary(&self, reports: &[RowIx]) -> Option<RowIx> {
        let latest_start = reports.iter().map(|&row| self.row(row).start).max()?;
        let earliest_end = reports.iter().map(|&row| self.row(row).end).min()?;
        let agree = |count: fn(&Usage) -> Option<u32>| {
            let stated = |row: RowIx| self.usages[self.row(row).usage].without_filled().usage();
            let mut counts = reports.iter().filter_map(|&row| count(&stated(row)));
            let first = counts.next();
            counts.all(|count| Some(count) == first)
        };
        // The lowest of nested rows counts, as in every trace.
        let is_lowest = |&row: &RowIx| !reports.iter().any(|&other| self.is_below(other, row));
        let overlap = latest_start <= earliest_end;
        // One count is enough: of a streamed answer, some instrumentations count one token more than others.
        (reports.len() > 1 && overlap && (agree(|usage| usage.input) || agree(|usage| usage.output)))
            .then(|| reports.iter().copied().filter(is_lowest).max_by_key(|&row| self.rank(row)))?
    }

    /// Returns whether `row` is below `other` in the same trace.
    pub(super) fn is_below(&self, row: RowIx, other: RowIx) -> bool {
        let (data, above) = (self.row(row), self.row(other));
        row != other && data.trace == above.trace && above.children != NONE && self.is_at_or_below(row, other)
    }

    fn rank(&self, row: RowIx) -> Rank {
        let data = self.row(row);
        let usage = self.usages[data.usage].without_filled().usage();
        let counts = [usage.input, usage.output, usage.cache_read, usage.cache_write, usage.reasoning];
        let stated = counts.iter().flatten().filter(|count| **count > 0).count();
        (
            self.belonging(row),
            data.is_from_log() || !data.label.is_empty(),
            !data.is_from_log(),
            self.stated_parent(row).is_some(),
            stated,
            data.start,
            std::cmp::Reverse(data.end),
            self.trace(data.trace()).id,
            data.id,
        )
    }

    /// Returns whether a report is a duplicate of `primary`: neither the primary row nor a row above it that gives way to it anyway.
    pub(super) fn is_duplicate_of(&self, row: RowIx, primary: RowIx) -> bool {
        row != primary && !(self.is_below(primary, row) && self.reports_call_of(row, primary))
    }
}
